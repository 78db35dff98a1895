//! The service's statistics, declared once. The service fills them in and prints them, as text and as JSON; `heapctl` reads
//! the JSON back into these same types; the extension `IAllocatorStatistics` carries them as parcelables of the same names.
//!
//! A new statistic is a field here, where it is filled in, and in the parcelable; the service's `convert` takes each of these
//! types apart, so that the compiler asks for the last.
//!
//! Bytes are bytes, ages milliseconds. What a reader's service does not tell is 0 or empty.

pub use crate::ledger::Account;
pub use crate::pool::PoolStatistics;

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Everything of one moment but the single buffers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Statistics {
    /// The instance under which it is registered.
    pub service: String,
    /// The version of `IAllocator`.
    pub interface_version: i32,
    /// The policy's name.
    pub policy: String,
    /// The directory or device that the heaps come from.
    pub heaps_from: String,
    /// For a stand-in: a sentence that says so and what differs.
    pub stand_in: Option<String>,
    /// The kernel's nodes that no heap of the policy names.
    pub unclaimed_nodes: Vec<String>,
    /// What kept the heaps' report from being complete.
    pub problems: Vec<String>,
    /// Since the service started.
    pub uptime_ms: u64,
    /// How the kernel tells that a buffer died. Absent where it does not: then live statistics are 0 and budgets bound nothing.
    pub releases_seen_through: Option<String>,
    /// In the order in which the sources are asked: where one has no room left the next takes over.
    pub watches: Vec<WatchStatistics>,
    /// Buffers that could not be watched: in no live statistic.
    pub untracked_buffers: u64,
    /// `allocate2` calls.
    pub requests: u64,
    /// Refused requests by cause.
    pub refusals: BTreeMap<String, u64>,
    /// What the machine has left.
    pub memory: MemoryStatistics,
    /// The policy's limits.
    pub limits: LimitStatistics,
    /// Buffers kept ready; absent when the policy has none.
    pub pool: Option<PoolReport>,
    /// In the policy's order.
    pub heaps: Vec<HeapStatistics>,
    /// In the policy's order: the first that matches takes a request.
    pub rules: Vec<RuleStatistics>,
    /// All clients together, shared metadata included.
    pub all: Account,
    /// By uid, ascending.
    pub clients: Vec<ClientStatistics>,
}

/// A way to see releases.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct WatchStatistics {
    /// Its name.
    pub source: String,
    /// How many buffers' parts it watches.
    pub watches: usize,
}

/// What the machine has left.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct MemoryStatistics {
    /// MemAvailable, where it is known.
    pub available_bytes: Option<u64>,
    /// What of it no request may take.
    pub reserve_bytes: u64,
}

/// The policy's limits.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LimitStatistics {
    /// Of one request.
    pub request_bytes: u64,
    /// Of one client.
    pub client_bytes: Option<u64>,
    /// Of all clients together.
    pub total_bytes: Option<u64>,
    /// Of one request.
    pub buffers_per_request: u32,
}

/// Buffers that are kept ready.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PoolReport {
    /// The pool's own counters.
    #[serde(flatten)]
    pub pool: PoolStatistics,
    /// Most bytes that are kept ready.
    pub limit_bytes: u64,
    /// `psi`, or `MemAvailable` where the kernel tells of no pressure.
    pub pressure_seen_through: String,
}

/// A heap.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct HeapStatistics {
    /// Its name in the policy.
    pub name: String,
    /// The node that serves it, or would if it could be opened.
    pub node: Option<String>,
    /// One word: open, absent, or what stands in the way.
    pub state: String,
    /// The same as a sentence.
    pub explanation: String,
    /// Whether its memory is protected content's.
    pub protected: bool,
    /// Most bytes that may be live in it.
    pub budget_bytes: Option<u64>,
    /// What clients hold of it.
    #[serde(flatten)]
    pub account: Account,
    /// Of the requests whose first buffer it gave.
    pub latency: LatencyStatistics,
}

/// How long `allocate2` took inside the service, for requests that succeeded. Microseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LatencyStatistics {
    /// Requests measured.
    pub count: u64,
    /// Their time in all.
    pub sum_us: u64,
    /// The longest.
    pub max_us: u64,
    /// Half of the requests took at most so long: the upper edge of a bucket, and at most the longest.
    pub p50_us: u64,
    /// 99 of 100 took at most so long.
    pub p99_us: u64,
    /// Requests by time: bucket 0 below 1 µs, bucket n from 2^(n−1) to below 2^n, the last all that is longer.
    pub buckets: Vec<u64>,
}

/// A rule and the requests that it took.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RuleStatistics {
    /// Its name in the policy.
    pub name: String,
    /// Requests served by it.
    pub hits: u64,
}

/// A uid.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ClientStatistics {
    /// Who asked.
    pub uid: u32,
    /// Bytes admitted whose allocation has not ended.
    pub reserved_bytes: u64,
    /// Requests refused, whatever the cause.
    pub refusals: u64,
    /// What it holds, shared metadata included.
    #[serde(flatten)]
    pub account: Account,
}

/// A live buffer.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct BufferStatistics {
    /// The id in its handle.
    pub id: u64,
    /// The client's name for it; what is not printable ASCII is escaped.
    pub name: String,
    /// The heap that gave it.
    pub heap: String,
    /// Pixels and shared metadata, whole pages.
    pub bytes: u64,
    /// Usage as asked, in words.
    pub usage: String,
    /// Usage as asked, in bits.
    pub usage_bits: u64,
    /// Who asked; others may hold it by now.
    pub uid: u32,
    /// The process that asked. It may have ended.
    pub pid: i32,
    /// Since it was given out.
    pub age_ms: u64,
}

/// Buffers that are older than they should be, by who asked for them and under which name.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Leaks {
    /// How old they are at least.
    pub older_than_ms: u64,
    /// Most bytes first.
    pub groups: Vec<LeakGroup>,
    /// Buffers of further clients and names: the oldest make the groups.
    pub further_buffers: u64,
}

/// Old buffers of one client and one name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LeakGroup {
    /// Who asked.
    pub uid: u32,
    /// Its name for them.
    pub name: String,
    /// How many.
    pub buffers: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The age of the oldest.
    pub oldest_ms: u64,
}

/// The dump as JSON. `B` is a sequence of [`BufferStatistics`], oldest first: a `Vec` where it is read, and where it is
/// written a sequence that is made meanwhile, so that no more than a few buffers are held at a time.
///
/// The statistics are of one moment. The buffers are read after it, a few at a time, so they and the sums above may differ by
/// what was given out or released meanwhile.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Dump<B> {
    /// Everything but the buffers.
    #[serde(flatten)]
    pub statistics: Statistics,
    /// The single buffers.
    pub buffers: B,
    /// Present when it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leaks: Option<Leaks>,
}

/// Bytes in words, in the largest unit that they fill, with one decimal that is cut and not rounded.
pub fn size(bytes: u64) -> String {
    for (unit, factor) in [("GiB", 1_u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)] {
        if bytes >= factor {
            return format!("{}.{} {unit}", bytes / factor, (bytes % factor).saturating_mul(10) / factor);
        }
    }
    format!("{bytes} B")
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_read_in_their_unit() {
        assert_eq!(size(0), "0 B");
        assert_eq!(size(4096), "4.0 KiB");
        assert_eq!(size(8_294_400), "7.9 MiB");
        assert_eq!(size(u64::MAX), "17179869183.9 GiB");
    }
}
