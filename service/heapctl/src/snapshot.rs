//! The service's figures of one moment, out of its JSON dump: as a stranger's, so that what is missing is 0 and nothing
//! fails.

use serde_json::Value;

/// A heap, a client or all together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Holdings {
    pub(crate) live_buffers: u64,
    pub(crate) live_bytes: u64,
    pub(crate) high_water_bytes: u64,
    pub(crate) total_buffers: u64,
}

/// A heap.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heap {
    pub(crate) name: String,
    pub(crate) budget_bytes: Option<u64>,
    pub(crate) held: Holdings,
    pub(crate) served: u64,
    pub(crate) p50_us: u64,
    pub(crate) p99_us: u64,
}

/// A live buffer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buffer {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) heap: String,
    pub(crate) bytes: u64,
    pub(crate) uid: u64,
    pub(crate) pid: i64,
    pub(crate) age_ms: u64,
}

/// Old buffers of one client and one name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Leak {
    pub(crate) uid: u64,
    pub(crate) name: String,
    pub(crate) buffers: u64,
    pub(crate) bytes: u64,
    pub(crate) oldest_ms: u64,
}

/// Everything that a view shows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) policy: String,
    pub(crate) uptime_ms: u64,
    pub(crate) sees_releases: bool,
    pub(crate) requests: u64,
    pub(crate) refusals: Vec<(String, u64)>,
    pub(crate) available_bytes: Option<u64>,
    pub(crate) all: Holdings,
    pub(crate) heaps: Vec<Heap>,
    /// By uid: what it holds, and its refusals.
    pub(crate) clients: Vec<(u64, Holdings, u64)>,
    /// Oldest first.
    pub(crate) buffers: Vec<Buffer>,
    pub(crate) leaks: Vec<Leak>,
    /// Hits and misses, and the bytes that are ready; `None` without a pool.
    pub(crate) pool: Option<(u64, u64, u64)>,
}

impl Snapshot {
    /// Reads a dump.
    pub(crate) fn of(dump: &Value) -> Snapshot {
        let refusals = dump.get("refusals").and_then(Value::as_object).into_iter().flatten();
        let pool = dump.get("pool").filter(|pool| pool.is_object());
        Snapshot {
            policy: text(dump, "policy"),
            uptime_ms: number(dump, "uptime_ms"),
            sees_releases: dump.get("releases_seen_through").is_some_and(Value::is_string),
            requests: number(dump, "requests"),
            refusals: refusals.map(|(cause, count)| (cause.clone(), count.as_u64().unwrap_or(0))).collect(),
            available_bytes: dump.pointer("/memory/available_bytes").and_then(Value::as_u64),
            all: dump.get("all").map(holdings).unwrap_or_default(),
            heaps: list(dump, "heaps").iter().map(heap).collect(),
            clients: list(dump, "clients")
                .iter()
                .map(|client| (number(client, "uid"), holdings(client), number(client, "refusals")))
                .collect(),
            buffers: list(dump, "buffers").iter().map(buffer).collect(),
            leaks: dump.get("leaks").map_or(&[][..], |leaks| list(leaks, "groups")).iter().map(leak).collect(),
            pool: pool.map(|pool| (number(pool, "hits"), number(pool, "misses"), number(pool, "ready_bytes"))),
        }
    }
}

fn heap(value: &Value) -> Heap {
    let latency = value.get("latency").unwrap_or(&Value::Null);
    Heap {
        name: text(value, "name"),
        budget_bytes: value.get("budget_bytes").and_then(Value::as_u64),
        held: holdings(value),
        served: number(latency, "count"),
        p50_us: number(latency, "p50_us"),
        p99_us: number(latency, "p99_us"),
    }
}

fn buffer(value: &Value) -> Buffer {
    Buffer {
        id: number(value, "id"),
        name: text(value, "name"),
        heap: text(value, "heap"),
        bytes: number(value, "bytes"),
        uid: number(value, "uid"),
        pid: value.get("pid").and_then(Value::as_i64).unwrap_or(0),
        age_ms: number(value, "age_ms"),
    }
}

fn leak(value: &Value) -> Leak {
    Leak {
        uid: number(value, "uid"),
        name: text(value, "name"),
        buffers: number(value, "buffers"),
        bytes: number(value, "bytes"),
        oldest_ms: number(value, "oldest_ms"),
    }
}

fn holdings(value: &Value) -> Holdings {
    Holdings {
        live_buffers: number(value, "live_buffers"),
        live_bytes: number(value, "live_bytes"),
        high_water_bytes: number(value, "high_water_bytes"),
        total_buffers: number(value, "total_buffers"),
    }
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn number(value: &Value, key: &str) -> u64 {
    value.get(key).and_then(Value::as_u64).unwrap_or(0)
}

/// Text for a terminal: the service escapes what clients say, and a recording may be anybody's.
fn text(value: &Value, key: &str) -> String {
    let text = value.get(key).and_then(Value::as_str).unwrap_or_default();
    text.chars().map(|letter| if letter.is_control() { '?' } else { letter }).collect()
}

/// Bytes in the largest unit that they fill, with one decimal.
pub(crate) fn size(bytes: u64) -> String {
    for (unit, factor) in [("GiB", 1_u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)] {
        if bytes >= factor {
            return format!("{}.{} {unit}", bytes / factor, (bytes % factor).saturating_mul(10) / factor);
        }
    }
    format!("{bytes} B")
}
