//! The rows: what each measures, in which unit, against which limit, and what it must reach.
//!
//! A new row is an entry here and an arm in `measure::row`.

/// What nobody can beat, made of the same round's samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// One raw ioctl (or as many as there are buffers) and one ping: what must allocate.
    RawAndPing,
    /// The raw system calls alone: what makes no call to the service.
    Raw,
    /// The same service with the pool off, left alone, or without marks.
    Plain,
    /// A service, or a library, that does nothing else.
    Bare,
    /// There is none to compare with.
    Nothing,
}

/// What a row must reach; to be beaten.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Floor {
    /// The median of ours ÷ limit is at most this.
    RatioLimit(f64),
    /// The median of ours ÷ raw is at most this.
    RatioRaw(f64),
    /// The 99th percentile of ours ÷ that of the limit is at most this.
    Tail(f64),
    /// Half of the samples are at most this, in the row's unit.
    Median(f64),
    /// All samples are at most this, in the row's unit.
    Most(f64),
    /// Half of ours are at most so much above half of the bare ones, in the row's unit.
    AboveBare(f64),
    /// Nothing: the row tells a cost that another row's floor bounds.
    Told,
}

/// One row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// Its name on the command line, in the table and in JSON.
    pub name: &'static str,
    /// What is measured, for people.
    pub what: &'static str,
    /// The unit of its samples: `us`, `ns` or `KiB`.
    pub unit: &'static str,
    /// What it is compared with.
    pub limit: Limit,
    /// What it must reach.
    pub floor: Floor,
    /// How many samples are taken unless somebody says otherwise.
    pub rounds: usize,
}

impl Row {
    /// Whether it needs no service, no heap and no kernel of its own: it is taken natively, where no emulator slows it.
    pub fn is_alone(&self) -> bool {
        [PLAN, PLAN_LARGE, METADATA_GET].contains(self)
    }
}

/// Buffers of [`BATCH`] in one call.
pub const BATCH_BUFFERS: u32 = 8;
/// Processes of [`PARALLEL`].
pub const PARALLEL_CLIENTS: u32 = 4;
/// Calls that each process of [`PARALLEL`] makes, one after the other.
pub const PARALLEL_CALLS: u32 = 4;

/// One buffer of 1080p.
pub const COLD_1080P: Row = Row {
    name: "cold-1080p",
    what: "one buffer, 1920 × 1080 RGBA_8888",
    unit: "us",
    limit: Limit::RawAndPing,
    floor: Floor::RatioLimit(1.05),
    rounds: 200,
};
/// One buffer of 4K.
pub const COLD_4K: Row = Row {
    name: "cold-4k",
    what: "one buffer, 3840 × 2160 RGBA_8888",
    unit: "us",
    limit: Limit::RawAndPing,
    floor: Floor::RatioLimit(1.05),
    rounds: 80,
};
/// One page.
pub const COLD_4KIB: Row = Row {
    name: "cold-4kib",
    what: "one buffer, 4096 × 1 BLOB",
    unit: "us",
    limit: Limit::Bare,
    floor: Floor::RatioLimit(1.1),
    rounds: 600,
};
/// Eight buffers in one call.
pub const BATCH: Row = Row {
    name: "batch-8x1080p",
    what: "eight buffers of 1920 × 1080 RGBA_8888 in one call",
    unit: "us",
    limit: Limit::Bare,
    floor: Floor::RatioLimit(1.03),
    rounds: 40,
};
/// The same on a machine that has other work.
pub const BATCH_BESIDE: Row = Row {
    name: "batch-8x1080p-beside",
    what: "the same beside one busy loop",
    unit: "us",
    limit: Limit::Bare,
    floor: Floor::RatioLimit(1.03),
    rounds: 40,
};
/// Four processes at once.
pub const PARALLEL: Row = Row {
    name: "parallel-4",
    what: "four processes at once, four buffers of 1920 × 1080 RGBA_8888 one after the other in each: first start to last end",
    unit: "us",
    limit: Limit::Bare,
    floor: Floor::RatioLimit(1.03),
    rounds: 30,
};
/// The pure function.
pub const PLAN: Row = Row {
    name: "plan",
    what: "a request becomes a plan: 1920 × 1080 YCBCR_420_888 of a camera",
    unit: "ns",
    limit: Limit::Nothing,
    floor: Floor::Median(1000.0),
    rounds: 100,
};
/// The pure function over a policy such as a SoC with its own formats has.
pub const PLAN_LARGE: Row = Row {
    name: "plan-large",
    what: "the same of a policy with 40 formats, 60 alignments and 20 compressions: the mean of four requests",
    unit: "ns",
    limit: Limit::Nothing,
    floor: Floor::Median(2000.0),
    rounds: 100,
};
/// The mapper's import.
pub const IMPORT_FREE: Row = Row {
    name: "import-free",
    what: "the mapper imports a handle and frees it, against two dup, the checks' three lseek and two close",
    unit: "ns",
    limit: Limit::Raw,
    floor: Floor::RatioLimit(1.25),
    rounds: 200,
};
/// The mapper's lock, once mapped.
pub const LOCK_UNLOCK: Row = Row {
    name: "lock-unlock",
    what: "the mapper locks a mapped buffer and unlocks it, against the two SYNC ioctls",
    unit: "ns",
    limit: Limit::Raw,
    floor: Floor::RatioLimit(1.1),
    rounds: 200,
};
/// The mapper's way into a process.
pub const MAPPER_LOAD: Row = Row {
    name: "mapper-load",
    what: "a new process loads the mapper's library and imports a buffer, against one that loads an empty library",
    unit: "us",
    limit: Limit::Bare,
    floor: Floor::RatioLimit(3.0),
    rounds: 60,
};
/// The mapper's memory in each process.
pub const MAPPER_DIRTY: Row = Row {
    name: "mapper-dirty",
    what: "private dirty memory of a process that has done so, against one with an empty library",
    unit: "KiB",
    limit: Limit::Bare,
    floor: Floor::AboveBare(64.0),
    rounds: 20,
};
/// The mapper's metadata.
pub const METADATA_GET: Row = Row {
    name: "metadata-get",
    what: "the mapper gives a standard metadata value: mean over NAME, PLANE_LAYOUTS, DATASPACE and SMPTE2086",
    unit: "ns",
    limit: Limit::Nothing,
    floor: Floor::Median(200.0),
    rounds: 100,
};
/// Memory of the service.
pub const RSS: Row = Row {
    name: "rss",
    what: "the service's resident memory, at the start and after each other row",
    unit: "KiB",
    limit: Limit::Nothing,
    floor: Floor::Most(2560.0),
    rounds: 1,
};

/// Buffers of a camera's start.
pub const CAMERA_BUFFERS: u32 = 8;
/// Live buffers of [`RSS_LIVE`].
pub const LIVE_BUFFERS: u32 = 1000;

/// A ready buffer of 1080p.
pub const READY_1080P: Row = Row {
    name: "ready-1080p",
    what: "one buffer from the pool, 1920 × 1080 NV12",
    unit: "us",
    limit: Limit::Bare,
    floor: Floor::RatioLimit(1.15),
    rounds: 200,
};
/// A ready buffer of 12 megapixels.
pub const READY_12MP: Row = Row {
    name: "ready-12mp",
    what: "one buffer from the pool, 4000 × 3000 NV12",
    unit: "us",
    limit: Limit::Bare,
    floor: Floor::RatioLimit(1.15),
    rounds: 60,
};
/// A camera's start at its own pace.
pub const CAMERA_SPACED: Row = Row {
    name: "camera-start-spaced",
    what: "a service that has just started is asked for 8 × 4000 × 3000 NV12, each 1.5 raw allocations after the last: the waits' sum",
    unit: "us",
    limit: Limit::Raw,
    floor: Floor::RatioRaw(0.18),
    rounds: 20,
};
/// A camera's start, back to back.
pub const CAMERA_BURST: Row = Row {
    name: "camera-start-burst",
    what: "a service that has just started is asked for 8 × 4000 × 3000 NV12, one after the other: the waits' sum",
    unit: "us",
    limit: Limit::Raw,
    floor: Floor::RatioRaw(0.56),
    rounds: 20,
};
/// The pool where it is of no use.
pub const MISS_1080P: Row = Row {
    name: "miss-1080p",
    what: "one buffer of a size that was never asked for before, about 1920 × 1080 RGBA_8888, against a service without the pool",
    unit: "us",
    limit: Limit::Plain,
    floor: Floor::RatioLimit(1.03),
    rounds: 200,
};
/// [`PARALLEL`] with the pool.
pub const PARALLEL_POOL: Row = Row {
    name: "parallel-4-pool",
    what: "parallel-4 with the pool on, against a service without the pool",
    unit: "us",
    limit: Limit::Plain,
    floor: Floor::RatioLimit(1.0),
    rounds: 30,
};
/// Memory of the service while much is alive.
pub const RSS_LIVE: Row = Row {
    name: "rss-1000",
    what: "the service's resident memory with 1,000 live buffers",
    unit: "KiB",
    limit: Limit::Nothing,
    floor: Floor::Most(4096.0),
    rounds: 3,
};
/// What an idle pool holds.
pub const IDLE: Row = Row {
    name: "idle",
    what: "a pool's bytes 60 s after the last request",
    unit: "KiB",
    limit: Limit::Nothing,
    floor: Floor::Most(0.0),
    rounds: 1,
};

/// The marks of a request that nobody asked for.
pub const TRACE_OFF: Row = Row {
    name: "trace-off",
    what: "one buffer, 4096 × 1 BLOB, with traces off, against the same less what its marks take: six slices, a counter and an instant",
    unit: "us",
    limit: Limit::Plain,
    floor: Floor::RatioLimit(1.005),
    rounds: 300,
};
/// A request that is marked.
pub const TRACE_ON: Row = Row {
    name: "trace-on",
    what: "one buffer, 1920 × 1080 RGBA_8888, from a service that marks its work in the kernel's trace, against one that does not",
    unit: "us",
    limit: Limit::Plain,
    floor: Floor::RatioLimit(1.05),
    rounds: 200,
};

/// A page while very much is alive.
pub const LIVE_30K: Row = Row {
    name: "live-30k",
    what: "one buffer, 4096 × 1 BLOB, from a service with 30,000 live buffers, against one with none",
    unit: "us",
    limit: Limit::Plain,
    floor: Floor::RatioLimit(1.05),
    rounds: 200,
};
/// The release watch's list while very much is alive.
pub const SCAN_30K: Row = Row {
    name: "scan-30k",
    what: "one scan of the release watch's list of 30,000 live buffers, ÷ 30,000",
    unit: "ns",
    limit: Limit::Nothing,
    floor: Floor::Told,
    rounds: 20,
};
/// A page beside a client at its budget.
pub const AT_BUDGET: Row = Row {
    name: "at-budget",
    what:
        "one page while another client asks with four threads for more than its budget, against one while it is stopped",
    unit: "us",
    limit: Limit::Plain,
    floor: Floor::Tail(1.5),
    rounds: 20,
};

/// A service's start.
pub const START: Row = Row {
    name: "start",
    what: "a service is started and asked for a page until it answers, against the bare service",
    unit: "us",
    limit: Limit::Bare,
    floor: Floor::RatioLimit(1.3),
    rounds: 20,
};
/// The slowest hundredth of four clients.
pub const TAIL_1080P: Row = Row {
    name: "tail-1080p",
    what: "one buffer, 1920 × 1080 RGBA_8888, for each of four processes at once: each one's wait, against the raw ioctls'",
    unit: "us",
    limit: Limit::Raw,
    floor: Floor::Tail(1.15),
    rounds: 100,
};
/// The slowest hundredth beside a busy machine.
pub const PRIORITY: Row = Row {
    name: "priority",
    what: "the same for one process in SCHED_FIFO, on one processor with two busy loops and the pool on, against a service without the pool",
    unit: "us",
    limit: Limit::Plain,
    floor: Floor::Tail(1.1),
    rounds: 200,
};
/// Live buffers of [`DUMP_10K`].
pub const DUMP_BUFFERS: u32 = 10_000;
/// A dump of much.
pub const DUMP_10K: Row = Row {
    name: "dump-10k",
    what: "a dump in JSON of 10,000 live buffers, against as many bytes written to a pipe",
    unit: "us",
    limit: Limit::Raw,
    floor: Floor::RatioLimit(3.0),
    rounds: 10,
};
/// A request beside it.
pub const DUMP_10K_BESIDE: Row = Row {
    name: "dump-10k-beside",
    what: "one page while 10,000 buffers are dumped, against one while nothing is",
    unit: "us",
    limit: Limit::Plain,
    floor: Floor::Tail(1.2),
    rounds: 10,
};
/// Live buffers of [`RSS_30K`].
pub const MANY_BUFFERS: u32 = 30_000;
/// Memory of the service while very much is alive.
pub const RSS_30K: Row = Row {
    name: "rss-30k",
    what: "the service's resident memory with 30,000 live buffers",
    unit: "KiB",
    limit: Limit::Nothing,
    floor: Floor::Most(12_288.0),
    rounds: 1,
};

/// All rows, in the order in which they are run and shown.
pub const ROWS: [Row; 33] = [
    COLD_1080P,
    COLD_4K,
    COLD_4KIB,
    BATCH,
    BATCH_BESIDE,
    PARALLEL,
    TAIL_1080P,
    PRIORITY,
    START,
    READY_1080P,
    READY_12MP,
    CAMERA_SPACED,
    CAMERA_BURST,
    MISS_1080P,
    PARALLEL_POOL,
    TRACE_OFF,
    TRACE_ON,
    LIVE_30K,
    SCAN_30K,
    AT_BUDGET,
    IDLE,
    MAPPER_LOAD,
    MAPPER_DIRTY,
    IMPORT_FREE,
    LOCK_UNLOCK,
    PLAN,
    PLAN_LARGE,
    METADATA_GET,
    RSS,
    RSS_LIVE,
    DUMP_10K,
    DUMP_10K_BESIDE,
    RSS_30K,
];

/// The row of this name.
pub fn row(name: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.name == name)
}

/// A unit as people write it.
pub fn shown(unit: &str) -> &str {
    match unit {
        "us" => "µs",
        other => other,
    }
}
