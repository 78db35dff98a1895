//! What `dumpsys` and `heapctl dump` print: heaps, rules hit, buffers, refusals by cause; for people, and as JSON.

mod seats;
mod text;

use crate::adapter::ServiceEngine;
use crate::tracker::Tracker;
use gralloc_core::ledger::{Account, ClientAccount};
use gralloc_core::policy::{Limits, Rule};
use gralloc_core::ports::MemoryGauge;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io;
use std::iter::repeat;

/// The dump of one moment, as `--json` prints it. Bytes are bytes, ages milliseconds.
#[derive(Debug, Serialize)]
pub struct Dump {
    service: &'static str,
    interface_version: i32,
    policy: String,
    /// The directory or device that the heaps come from.
    heaps_from: String,
    /// For a stand-in: a sentence that says so and what differs.
    stand_in: Option<String>,
    /// The kernel's nodes that no heap of the policy names.
    unclaimed_nodes: Vec<String>,
    /// What kept the heaps' report from being complete.
    problems: Vec<String>,
    uptime_ms: u64,
    /// How the kernel tells that a buffer died. Absent where it does not: then live figures are 0 and budgets bound nothing.
    releases_seen_through: Option<&'static str>,
    /// Buffers that could not be watched: in no live figure.
    untracked_buffers: u64,
    requests: u64,
    refusals: BTreeMap<&'static str, u64>,
    memory: Memory,
    limits: Bounds,
    heaps: Vec<HeapLine>,
    rules: Vec<RuleLine>,
    all: Holdings,
    clients: Vec<ClientLine>,
    buffers: Vec<BufferLine>,
}

#[derive(Debug, Serialize)]
struct Memory {
    available_bytes: Option<u64>,
    reserve_bytes: u64,
}

#[derive(Debug, Serialize)]
struct Bounds {
    request_bytes: u64,
    client_bytes: Option<u64>,
    total_bytes: Option<u64>,
    buffers_per_request: u32,
}

#[derive(Debug, Serialize)]
struct HeapLine {
    name: String,
    /// The node that serves it, or would if it could be opened.
    node: Option<String>,
    /// One word, then a sentence.
    state: &'static str,
    explanation: String,
    protected: bool,
    budget_bytes: Option<u64>,
    #[serde(flatten)]
    holdings: Holdings,
}

#[derive(Debug, Serialize)]
struct RuleLine {
    name: String,
    hits: u64,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Holdings {
    live_buffers: u64,
    live_bytes: u64,
    high_water_bytes: u64,
    total_buffers: u64,
    total_bytes: u64,
}

#[derive(Debug, Serialize)]
struct ClientLine {
    uid: u32,
    reserved_bytes: u64,
    refusals: u64,
    #[serde(flatten)]
    holdings: Holdings,
}

#[derive(Debug, Serialize)]
struct BufferLine {
    id: u64,
    /// Escaped.
    name: String,
    heap: String,
    bytes: u64,
    usage: String,
    uid: u32,
    pid: i32,
    age_ms: u64,
}

/// Writes the dump; `--json` asks for JSON.
///
/// # Errors
/// What the writer said: the reader went away. [`io::ErrorKind::WouldBlock`] while readers of earlier dumps hold all that are
/// written at once.
pub fn write(engine: &ServiceEngine, out: &mut dyn io::Write, args: &[String]) -> io::Result<()> {
    static SEATS: seats::Seats = seats::Seats::new();
    let _seat = SEATS.take()?;
    engine.settle();
    let dump = collect(engine);
    if args.iter().any(|argument| argument == "--json") {
        serde_json::to_writer_pretty(&mut *out, &dump).map_err(io::Error::from)?;
        writeln!(out)
    } else {
        text::write(&dump, out)
    }
}

fn collect(engine: &ServiceEngine) -> Dump {
    let policy = engine.policy();
    let counts = engine.stats().counts();
    let snapshot = engine.ledger().snapshot();
    let now_ms = engine.now_ms();
    let Limits { request_bytes, client_bytes, total_bytes, reserve_bytes, buffers_per_request } = policy.limits;
    let available_bytes = engine.gauge().available_bytes();
    let report = engine.heaps().heaps().describe();
    let accounts = snapshot.heaps.iter().copied().chain(repeat(Account::default()));
    let heap_lines = policy.heaps.iter().zip(&report.heaps).zip(accounts).map(|((heap, state), account)| HeapLine {
        name: heap.name.clone(),
        node: state.node.clone(),
        state: state.state.word(),
        explanation: state.state.to_string(),
        protected: heap.protected,
        budget_bytes: heap.budget_bytes,
        holdings: account.into(),
    });
    let rule_line = |(rule, hits): (&Rule, &u64)| RuleLine { name: rule.name.clone(), hits: *hits };
    Dump {
        service: allocator_aidl::ALLOCATOR_INSTANCE,
        interface_version: allocator_aidl::VERSION,
        policy: policy.name.clone(),
        heaps_from: report.source,
        stand_in: report.stand_in,
        unclaimed_nodes: report.unclaimed,
        problems: report.problems,
        uptime_ms: now_ms,
        releases_seen_through: engine.tracker().map(|tracker| tracker.source().name()),
        untracked_buffers: engine.tracker().map_or(0, Tracker::untracked),
        requests: counts.requests,
        refusals: counts.refusals,
        memory: Memory { available_bytes, reserve_bytes },
        limits: Bounds { request_bytes, client_bytes, total_bytes, buffers_per_request },
        heaps: heap_lines.collect(),
        rules: policy.rules.iter().zip(&counts.rules).map(rule_line).collect(),
        all: snapshot.all.account.into(),
        clients: snapshot.clients.iter().map(|(uid, client)| client_line(*uid, client)).collect(),
        buffers: snapshot
            .buffers
            .iter()
            .map(|(id, entry)| BufferLine {
                id: *id,
                name: entry.name.to_string(),
                heap: policy.heap_name(entry.heap).to_owned(),
                bytes: entry.bytes,
                usage: entry.usage.to_string(),
                uid: entry.uid,
                pid: entry.pid,
                age_ms: now_ms.saturating_sub(entry.born_ms),
            })
            .collect(),
    }
}

fn client_line(uid: u32, client: &ClientAccount) -> ClientLine {
    let ClientAccount { account, reserved_bytes, refusals } = *client;
    ClientLine { uid, reserved_bytes, refusals, holdings: account.into() }
}

impl From<Account> for Holdings {
    fn from(account: Account) -> Holdings {
        let Account { live_buffers, live_bytes, high_water_bytes, total_buffers, total_bytes } = account;
        Holdings { live_buffers, live_bytes, high_water_bytes, total_buffers, total_bytes }
    }
}
