//! What `dumpsys` and `heapctl dump` print: heaps, rules hit, buffers, refusals by cause; for people, and as JSON.

mod leaks;
mod pool;
mod seats;
mod text;

pub(crate) use seats::Seat;

use crate::adapter::ServiceEngine;
use crate::latency::{Latency, BUCKETS};
use gralloc_allocator::ledger::{Account, ClientAccount, Entry, Snapshot};
use gralloc_allocator::ports::MemoryGauge;
use gralloc_heaps::watch::Source;
use heaps_config::policy::{Limits, Rule};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io;
use std::iter::repeat;

/// The dump of one moment, as `--json` prints it. Bytes are bytes, ages milliseconds.
#[derive(Debug, Serialize)]
pub struct Dump {
    pub(crate) service: &'static str,
    pub(crate) interface_version: i32,
    pub(crate) policy: String,
    /// The directory or device that the heaps come from.
    pub(crate) heaps_from: String,
    /// For a stand-in: a sentence that says so and what differs.
    pub(crate) stand_in: Option<String>,
    /// The kernel's nodes that no heap of the policy names.
    pub(crate) unclaimed_nodes: Vec<String>,
    /// What kept the heaps' report from being complete.
    pub(crate) problems: Vec<String>,
    pub(crate) uptime_ms: u64,
    /// How the kernel tells that a buffer died. Absent where it does not: then live figures are 0 and budgets bound nothing.
    pub(crate) releases_seen_through: Option<&'static str>,
    /// Watches by source, in the order in which the sources are asked: where one has no room left the next takes over.
    pub(crate) watches: Vec<WatchLine>,
    /// Buffers that could not be watched: in no live figure.
    pub(crate) untracked_buffers: u64,
    pub(crate) requests: u64,
    pub(crate) refusals: BTreeMap<&'static str, u64>,
    pub(crate) memory: Memory,
    pub(crate) limits: Bounds,
    /// Buffers kept ready; absent when the policy has none.
    pub(crate) pool: Option<pool::PoolLine>,
    pub(crate) heaps: Vec<HeapLine>,
    pub(crate) rules: Vec<RuleLine>,
    pub(crate) all: Holdings,
    pub(crate) clients: Vec<ClientLine>,
    pub(crate) buffers: Vec<BufferLine>,
    /// Present when `--older-than` asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) leaks: Option<leaks::Leaks>,
}

/// A way to see releases.
#[derive(Debug, Serialize)]
pub struct WatchLine {
    pub(crate) source: &'static str,
    pub(crate) watches: usize,
}

/// What the machine has left.
#[derive(Debug, Serialize)]
pub struct Memory {
    pub(crate) available_bytes: Option<u64>,
    pub(crate) reserve_bytes: u64,
}

/// The policy's limits.
#[derive(Debug, Serialize)]
pub struct Bounds {
    pub(crate) request_bytes: u64,
    pub(crate) client_bytes: Option<u64>,
    pub(crate) total_bytes: Option<u64>,
    pub(crate) buffers_per_request: u32,
}

/// A heap.
#[derive(Debug, Serialize)]
pub struct HeapLine {
    pub(crate) name: String,
    /// The node that serves it, or would if it could be opened.
    pub(crate) node: Option<String>,
    /// One word, then a sentence.
    pub(crate) state: &'static str,
    pub(crate) explanation: String,
    pub(crate) protected: bool,
    pub(crate) budget_bytes: Option<u64>,
    #[serde(flatten)]
    pub(crate) holdings: Holdings,
    pub(crate) latency: LatencyLine,
}

/// How long requests took whose first buffer a heap gave, in microseconds; buckets as in [`crate::latency`].
#[derive(Debug, Serialize)]
pub struct LatencyLine {
    pub(crate) count: u64,
    pub(crate) sum_us: u64,
    pub(crate) max_us: u64,
    pub(crate) p50_us: u64,
    pub(crate) p99_us: u64,
    pub(crate) buckets: [u64; BUCKETS],
}

/// A rule and the requests that it took.
#[derive(Debug, Serialize)]
pub struct RuleLine {
    pub(crate) name: String,
    pub(crate) hits: u64,
}

/// What somebody holds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Holdings {
    pub(crate) live_buffers: u64,
    pub(crate) live_bytes: u64,
    pub(crate) high_water_bytes: u64,
    pub(crate) total_buffers: u64,
    pub(crate) total_bytes: u64,
}

/// A uid.
#[derive(Debug, Serialize)]
pub struct ClientLine {
    pub(crate) uid: u32,
    pub(crate) reserved_bytes: u64,
    pub(crate) refusals: u64,
    #[serde(flatten)]
    pub(crate) holdings: Holdings,
}

/// A live buffer.
#[derive(Debug, Serialize)]
pub struct BufferLine {
    pub(crate) id: u64,
    /// Escaped.
    pub(crate) name: String,
    pub(crate) heap: String,
    pub(crate) bytes: u64,
    pub(crate) usage: String,
    pub(crate) usage_bits: u64,
    pub(crate) uid: u32,
    pub(crate) pid: i32,
    pub(crate) age_ms: u64,
}

/// What a dump was asked to show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Wish {
    json: bool,
    /// All buffers, also in text.
    buffers: bool,
    /// The leak view: buffers at least so old, in milliseconds.
    older_than_ms: Option<u64>,
}

impl Wish {
    /// How many buffers it takes.
    fn lines(&self) -> usize {
        if self.json || self.buffers || self.older_than_ms.is_some() {
            usize::MAX
        } else {
            text::LISTED
        }
    }
}

/// What is not understood is ignored: dumpsys passes on what other tools say to every service, such as `-a`.
fn wish(args: &[String]) -> Wish {
    let mut wish = Wish::default();
    let mut args = args.iter().map(String::as_str);
    while let Some(argument) = args.next() {
        match argument {
            "--json" => wish.json = true,
            "--buffers" => wish.buffers = true,
            "--older-than" => wish.older_than_ms = args.next().and_then(leaks::milliseconds),
            _ => {}
        }
    }
    wish
}

/// Writes the dump; `--json` asks for JSON, `--buffers` for every buffer in text too, `--older-than TIME` for the leak
/// view.
///
/// # Errors
/// What the writer said: the reader went away. [`io::ErrorKind::WouldBlock`] while readers of earlier dumps hold all that are
/// written at once.
pub fn write(engine: &ServiceEngine, out: &mut dyn io::Write, args: &[String]) -> io::Result<()> {
    let _seat = seat()?;
    let wish = wish(args);
    let mut dump = figures(engine);
    dump.buffers = lines(engine, 0, wish.lines());
    dump.leaks = wish.older_than_ms.map(|age_ms| leaks::Leaks::of(&dump.buffers, age_ms));
    if wish.json {
        serde_json::to_writer_pretty(&mut *out, &dump).map_err(io::Error::from)?;
        writeln!(out)
    } else {
        text::write(&dump, wish.buffers, out)
    }
}

/// One of the few places for those who ask what others hold, whichever way they ask: each takes a thread of the pool.
///
/// # Errors
/// [`io::ErrorKind::WouldBlock`] while all are taken.
pub(crate) fn seat() -> io::Result<Seat<'static>> {
    static SEATS: seats::Seats = seats::Seats::new(seats::AT_ONCE);
    SEATS.take()
}

/// Everything of this moment but the single buffers, all releases that have happened booked.
pub(crate) fn figures(engine: &ServiceEngine) -> Dump {
    engine.settle();
    collect(engine, &engine.ledger().figures())
}

/// The single buffers, oldest first: at most `limit` of those that are at least so old.
pub(crate) fn buffers(engine: &ServiceEngine, older_than_ms: u64, limit: usize) -> Vec<BufferLine> {
    engine.settle();
    lines(engine, older_than_ms, limit)
}

/// As many lines are made as are asked for, whatever there is.
fn lines(engine: &ServiceEngine, older_than_ms: u64, limit: usize) -> Vec<BufferLine> {
    // Nothing is older than the service.
    let Some(born_by_ms) = engine.now_ms().checked_sub(older_than_ms) else { return Vec::new() };
    engine.ledger().oldest(born_by_ms, limit).iter().map(|entry| buffer_line(engine, entry)).collect()
}

fn buffer_line(engine: &ServiceEngine, entry: &Entry) -> BufferLine {
    BufferLine {
        id: entry.id,
        name: entry.name.to_string(),
        heap: engine.policy().heap_name(entry.heap).to_owned(),
        bytes: entry.bytes,
        usage: entry.usage.to_string(),
        usage_bits: entry.usage.0,
        uid: entry.uid,
        pid: entry.pid,
        age_ms: engine.now_ms().saturating_sub(entry.born_ms),
    }
}

fn collect(engine: &ServiceEngine, snapshot: &Snapshot) -> Dump {
    let policy = engine.policy();
    let counts = engine.stats().counts();
    let now_ms = engine.now_ms();
    let Limits { request_bytes, client_bytes, total_bytes, reserve_bytes, buffers_per_request, .. } = policy.limits;
    let available_bytes = engine.gauge().available_bytes();
    let report = engine.heaps().describe();
    let accounts = snapshot.heaps.iter().copied().chain(repeat(Account::default()));
    let heap_lines = policy.heaps.iter().zip(&report.heaps).zip(accounts).zip(&counts.latencies).map(
        |(((heap, state), account), latency)| HeapLine {
            name: heap.name.clone(),
            node: state.node.clone(),
            state: state.state.word(),
            explanation: state.state.to_string(),
            protected: heap.protected,
            budget_bytes: heap.budget_bytes,
            holdings: account.into(),
            latency: latency.into(),
        },
    );
    let watch_line = |(source, watches): (Source, usize)| WatchLine { source: source.name(), watches };
    let watches: Vec<WatchLine> =
        engine.tracker().map(|tracker| tracker.sources().map(watch_line).collect()).unwrap_or_default();
    let rule_line = |(rule, hits): (&Rule, &u64)| RuleLine { name: rule.name.clone(), hits: *hits };
    Dump {
        service: allocator_aidl::ALLOCATOR_INSTANCE,
        interface_version: allocator_aidl::VERSION,
        policy: policy.name.clone(),
        heaps_from: report.source,
        stand_in: report.stand_in,
        unclaimed_nodes: report.unclaimed,
        problems: report.problems.into_iter().chain(engine.releases().problem()).collect(),
        uptime_ms: now_ms,
        releases_seen_through: watches.first().map(|line| line.source),
        watches,
        untracked_buffers: engine.releases().untracked(),
        requests: counts.requests,
        refusals: counts.refusals,
        memory: Memory { available_bytes, reserve_bytes },
        limits: Bounds { request_bytes, client_bytes, total_bytes, buffers_per_request },
        pool: pool::line(engine),
        heaps: heap_lines.collect(),
        rules: policy.rules.iter().zip(&counts.rules).map(rule_line).collect(),
        all: snapshot.all.account.into(),
        clients: snapshot.clients.iter().map(|(uid, client)| client_line(*uid, client)).collect(),
        buffers: Vec::new(),
        leaks: None,
    }
}

impl From<&Latency> for LatencyLine {
    fn from(latency: &Latency) -> LatencyLine {
        let Latency { buckets, sum_us, max_us } = *latency;
        let (p50_us, p99_us) = (latency.percentile_us(50), latency.percentile_us(99));
        LatencyLine { count: latency.count(), sum_us, max_us, p50_us, p99_us, buckets }
    }
}

fn client_line(uid: u32, client: &ClientAccount) -> ClientLine {
    let ClientAccount { account, reserved_bytes, refusals, .. } = *client;
    ClientLine { uid, reserved_bytes, refusals, holdings: account.into() }
}

impl From<Account> for Holdings {
    fn from(account: Account) -> Holdings {
        let Account { live_buffers, live_bytes, high_water_bytes, total_buffers, total_bytes } = account;
        Holdings { live_buffers, live_bytes, high_water_bytes, total_buffers, total_bytes }
    }
}
