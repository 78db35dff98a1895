//! The service's statistics, declared once. The service fills them in and prints them, as text and as JSON; `heapctl` reads
//! the JSON back into these same types; the extension `IAllocatorStatistics` carries them as parcelables of the same names.
//!
//! A new statistic is a field here and where it is filled in; the service's `convert` takes each of these types apart, so that
//! the compiler asks whether the parcelable carries it. Those of version 1 are frozen. `dump/text` and `heapctl top` print what
//! they name.
//!
//! Bytes are bytes, ages milliseconds. What a reader's service does not tell is 0 or empty.

mod leaks;

pub use crate::ledger::Account;
pub use crate::pool::PoolStatistics;
pub use leaks::{milliseconds, LeakGroup, Leaks, MAX_GROUPS, TIMES};

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

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
    /// Heaps that stand on one memory, in a sentence each.
    pub shared_memory: Vec<String>,
    /// Whether the kernel charges the system heap's memory to the service's cgroup: `charged`, `not-charged`, `unknown`;
    /// empty for a stand-in.
    pub accounting: String,
    /// The same as a sentence, with what it means for `memory.max`.
    pub accounting_means: String,
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
    /// No scan of the watched buffers came in time for this dump, or the kernel could not be asked: what was released last is still
    /// counted as live.
    pub scan_pending: bool,
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
    /// The requests that took longest since the service started, longest first.
    pub slowest: Vec<SlowRequest>,
    /// The same of the last minute.
    pub slowest_last_minute: Vec<SlowRequest>,
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
    /// Of how much memory that is which part, for people; empty where the policy says bytes.
    pub limit_means: String,
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
    /// The size of the contiguous region behind it, where the kernel tells.
    pub region_bytes: Option<u64>,
    /// What of that region is free, now, and not in one piece.
    pub region_free_bytes: Option<u64>,
    /// Whether its memory is protected content's.
    pub protected: bool,
    /// Most bytes that may be live in it.
    pub budget_bytes: Option<u64>,
    /// What clients hold of it.
    #[serde(flatten)]
    pub account: Account,
    /// Of the requests whose first buffer it gave.
    pub latency: LatencyStatistics,
    /// The same over the last minute: of the last 60 to 70 seconds.
    pub latency_last_minute: LatencyStatistics,
    /// Their parts, in the order in which a request goes through them.
    pub parts: Vec<PartStatistics>,
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
    /// 9 of 10 took at most so long.
    pub p90_us: u64,
    /// 99 of 100 took at most so long.
    pub p99_us: u64,
    /// 999 of 1000 took at most so long.
    pub p999_us: u64,
    /// Requests by time: bucket 0 below 1 µs, bucket n from 2^(n−1) to below 2^n, the last all that is longer.
    pub buckets: Vec<u64>,
}

/// A part of `allocate2`: what it took of the requests that succeeded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PartStatistics {
    /// `admission`: budgets and memory, from the plan to the first heap that is asked. `ioctl`: from there to the last one's answer,
    /// or what was kept ready of them. `reply`: handles, the account and the release watch; the binder library's own work
    /// is in no figure.
    pub part: String,
    /// Since the service started.
    pub latency: LatencyStatistics,
    /// Over the last minute.
    pub latency_last_minute: LatencyStatistics,
}

/// One of the requests that took longest, as its client asked. Microseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SlowRequest {
    /// In all.
    pub took_us: u64,
    /// The plan; nearly nothing.
    pub plan_us: u64,
    /// See [`PartStatistics::part`].
    pub admission_us: u64,
    /// The heaps' ioctls: see [`PartStatistics::part`].
    pub heap_us: u64,
    /// See [`PartStatistics::part`].
    pub reply_us: u64,
    /// Of the admission: the wait until releases were booked, because a budget was short.
    pub release_wait_us: u64,
    /// Buffers that were ready.
    pub pool_hits: u32,
    /// The heap that gave the first buffer.
    pub heap: String,
    /// Bytes of one buffer's pixels.
    pub bytes: u64,
    /// Buffers asked for.
    pub count: i32,
    /// The client's name for them; what is not printable ASCII is escaped.
    pub name: String,
    /// Pixels.
    pub width: i32,
    /// Lines.
    pub height: i32,
    /// Layers.
    pub layers: i32,
    /// `PixelFormat`, as a number.
    pub format: i32,
    /// Usage as asked, in words.
    pub usage: String,
    /// Usage as asked, in bits.
    pub usage_bits: u64,
    /// Bytes of the region that clients share.
    pub reserved_bytes: i64,
    /// Who asked.
    pub uid: u32,
    /// The process that asked.
    pub pid: i32,
    /// Since it was answered.
    pub age_ms: u64,
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

/// A live buffer. `T` is a text: a `String` where it is kept, and where it is written at once something that can be written.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct BufferStatistics<T = String> {
    /// The id in its handle.
    pub id: u64,
    /// The client's name for it; what is not printable ASCII is escaped.
    pub name: T,
    /// The heap that gave it.
    pub heap: T,
    /// Pixels and shared metadata, whole pages.
    pub bytes: u64,
    /// Usage as asked, in words.
    pub usage: T,
    /// Usage as asked, in bits.
    pub usage_bits: u64,
    /// Format as asked: AIDL's name or the policy's, else the number.
    pub format: T,
    /// Format as asked, as on the wire. 0, which is no format, where a service does not tell it.
    pub format_value: i32,
    /// Who asked; others may hold it by now.
    pub uid: u32,
    /// The process that asked. It may have ended.
    pub pid: i32,
    /// Since it was given out.
    pub age_ms: u64,
    /// Its pixels' inode, by which /proc names it in whoever has it open: the lower 32 bits. 0 while it is not known.
    pub inode: u32,
}

/// A process that asked for buffers, and those of them that are alive. Others may hold them by now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProcessStatistics {
    /// Its uid.
    pub uid: u32,
    /// Its pid. It may have ended, and another process have the number.
    pub pid: i32,
    /// How many.
    pub buffers: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The age of the oldest.
    pub oldest_ms: u64,
}

/// The sum of processes that are not listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FurtherProcesses {
    /// How many.
    pub processes: u64,
    /// Their live buffers.
    pub buffers: u64,
    /// The bytes of these.
    pub bytes: u64,
}

/// The dump as JSON. `B` is a sequence of [`BufferStatistics`], oldest first: a `Vec` where it is read, and where it is
/// written a sequence that is made meanwhile, so that no more than a few buffers are held at a time.
///
/// It is read in parts, one after the other, while the service serves. Of one moment each: the accounts (`all`, heaps' and clients'
/// live, peak and total figures); what was counted (requests, refusals, rules, latencies, slowest); the pool; the machine's memory. The
/// buffers, and with them processes and leaks, are read last, a few at a time: each that lives throughout is there once, one that was
/// given out or released meanwhile may be or not.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Dump<B> {
    /// Everything but the buffers.
    #[serde(flatten)]
    pub statistics: Statistics,
    /// Who asked for them: most bytes first, at most 1,024 processes.
    pub processes: Vec<ProcessStatistics>,
    /// What further processes hold.
    pub further_processes: FurtherProcesses,
    /// The single buffers.
    pub buffers: B,
    /// Present when it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leaks: Option<Leaks>,
    /// An argument that the service knows, and the value of it that it does not understand.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_understood: Vec<String>,
}

/// One line: what it took and of which parts, then what was asked, in the words that `heapctl explain --log` reads.
impl fmt::Display for SlowRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} us (admission {}, ioctl {}, reply {}), {} s ago, {} of {} from {}, {} ready, \"{}\" of uid {} pid {}; \
             asked: {} of {}x{}, layers {}, format {:#x}, usage {:#x}, reserved {}",
            self.took_us,
            self.admission_us,
            self.heap_us,
            self.reply_us,
            self.age_ms / 1000,
            self.count,
            size(self.bytes),
            self.heap,
            self.pool_hits,
            self.name,
            self.uid,
            self.pid,
            self.count,
            self.width,
            self.height,
            self.layers,
            self.format,
            self.usage_bits,
            self.reserved_bytes
        )
    }
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
