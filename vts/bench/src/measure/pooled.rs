//! Buffers that are ready: services of the benchmark's own, with the pool on and off, side by side.
//!
//! Both run the allocator's own code in processes that this program starts as itself, with the machine's policy but for
//! `pool.enabled`; they are registered under names of their own, so that a round can ask both.

mod at_budget;
mod camera;
mod misses;
mod pair;
mod ready;
mod start;

pub(crate) use at_budget::hammer;

use super::parallel::{Asked, Busy, Crowd, Workers};
use super::{camera_frame, connect_to, interleave, Kind, Options};
use anyhow::{bail, ensure, Context as _, Result};
use gralloc_client::Connection;
use gralloc_server::args::Args;
use gralloc_server::startup;
use nix::sched::{sched_getaffinity, sched_setaffinity, CpuSet};
use nix::unistd::Pid;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use vts_bench::rows::{self, Row};
use vts_bench::samples::Sample;

/// How long nobody asks.
const IDLE: Duration = Duration::from_secs(60);
/// How long the first fill may take.
const FILL_WAIT: Duration = Duration::from_secs(10);

/// The rows that are measured here.
pub(crate) const ROWS: [Row; 12] = [
    rows::READY_1080P,
    rows::READY_12MP,
    rows::CAMERA_SPACED,
    rows::CAMERA_BURST,
    rows::MISS_1080P,
    rows::PARALLEL_POOL,
    rows::TRACE_ON,
    rows::LIVE_30K,
    rows::AT_BUDGET,
    rows::START,
    rows::PRIORITY,
    rows::IDLE,
];

/// The samples of one of [`ROWS`].
pub(crate) fn samples(row: &Row, options: &Options, rounds: usize) -> Result<Vec<Sample>> {
    match row {
        row if row == &rows::READY_1080P => interleave(&mut ready::Ready::new(options, 1920, 1080)?, rounds),
        row if row == &rows::READY_12MP => interleave(&mut ready::Ready::new(options, 4000, 3000)?, rounds),
        row if row == &rows::CAMERA_SPACED => {
            interleave(&mut camera::Start::new(options, camera::Pace::Spaced)?, rounds)
        }
        row if row == &rows::CAMERA_BURST => interleave(&mut camera::Start::new(options, camera::Pace::Burst)?, rounds),
        row if row == &rows::MISS_1080P => interleave(&mut misses::Misses::new(options)?, rounds),
        row if row == &rows::PARALLEL_POOL => {
            let (ours, plain) = (Service::start(options, &POOLED)?, Service::start(options, &Extra::default())?);
            let asked = Asked::Pooled { ours: &ours.name, plain: &plain.name };
            interleave(&mut Workers::start(options, asked, Crowd::PARALLEL)?, rounds)
        }
        row if row == &rows::TRACE_ON => interleave(&mut pair::Pair::traced(options)?, rounds),
        row if row == &rows::LIVE_30K => interleave(&mut pair::Pair::crowded(options)?, rounds),
        row if row == &rows::AT_BUDGET => at_budget::samples(options, rounds),
        row if row == &rows::START => interleave(&mut start::Starts::new(options)?, rounds),
        row if row == &rows::PRIORITY => priority_samples(options, rounds),
        row if row == &rows::IDLE => idle_samples(options, rounds),
        other => bail!("nothing measures row {}", other.name),
    }
}

/// A stream of three, then a minute without a request: KiB that are ready.
fn idle_samples(options: &Options, rounds: usize) -> Result<Vec<Sample>> {
    let service = Service::start(options, &POOLED)?;
    let connection = service.connect()?;
    let mut samples = Vec::new();
    for _ in 0..rounds {
        for _ in 0..3 {
            drop(connection.allocate(&camera_frame(1920, 1080), 1)?);
        }
        let start = Instant::now();
        while pool(&connection)?.readyBytes == 0 {
            ensure!(start.elapsed() < FILL_WAIT, "nothing is filled");
            std::thread::sleep(Duration::from_millis(20));
        }
        std::thread::sleep(IDLE);
        let left = u32::try_from(pool(&connection)?.readyBytes / 1024)?;
        samples.push(Sample::alone(f64::from(left)));
    }
    Ok(samples)
}

/// Two services, a client in SCHED_FIFO and two busy loops, all on one processor.
fn priority_samples(options: &Options, rounds: usize) -> Result<Vec<Sample>> {
    let this = Pid::from_raw(0);
    let all = sched_getaffinity(this)?;
    let mut one = CpuSet::new();
    one.set((0..CpuSet::count()).find(|cpu| all.is_set(*cpu).unwrap_or(false)).context("a processor")?)?;
    // Processes that are started have it from this thread.
    sched_setaffinity(this, &one)?;
    let started = start_on_one_processor(options);
    sched_setaffinity(this, &all)?;
    let (_services, _busy, mut workers) = started?;
    workers.waits(&[Kind::Ours, Kind::Plain], rounds)
}

fn start_on_one_processor(options: &Options) -> Result<([Service; 2], [Busy; 2], Workers)> {
    let [ours, plain] = [Service::start(options, &POOLED)?, Service::start(options, &Extra::default())?];
    let asked = Asked::Pooled { ours: &ours.name, plain: &plain.name };
    let workers = Workers::start(options, asked, Crowd { workers: 1, calls: 1, fifo: true })?;
    Ok(([ours, plain], [Busy::start()?, Busy::start()?], workers))
}

/// What one of the benchmark's services has beside the machine's policy.
#[derive(Clone, Copy, Debug, Default)]
struct Extra<'a> {
    /// `pool.enabled`.
    pool: bool,
    /// `limits.client` and `limits.request`.
    client_bytes: Option<u64>,
    environment: &'a [(&'a str, &'a str)],
}

/// The pool on.
const POOLED: Extra<'static> = Extra { pool: true, client_bytes: None, environment: &[] };

/// An allocator of the benchmark's own, as long as this lives.
struct Service {
    process: Child,
    name: String,
    policy: PathBuf,
    /// Right before its process was.
    started: Instant,
}

impl Service {
    fn start(options: &Options, extra: &Extra<'_>) -> Result<Service> {
        let name = new_name();
        let policy = std::env::temp_dir().join(format!("bench-{}-{}.json", std::process::id(), name.replace('/', "-")));
        write_policy(&options.policy, extra, &policy)?;
        let started = Instant::now();
        let process = Command::new(std::env::current_exe()?)
            .args(["--serve", &name, "--policy"])
            .arg(&policy)
            .envs(extra.environment.iter().copied())
            .stdin(Stdio::null())
            .spawn()
            .context("an allocator")?;
        Ok(Service { process, name, policy, started })
    }

    fn connect(&self) -> Result<Connection> {
        connect_to(&self.name)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It holds nothing that would not go with it.
        let _ended_already = self.process.kill();
        let _reaped = self.process.wait();
        let _never_written = std::fs::remove_file(&self.policy);
    }
}

/// Never the same name twice: the service manager may not yet know that the one before is gone.
fn new_name() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static STARTED: AtomicU32 = AtomicU32::new(0);
    format!("vts.bench.allocator{}/default", STARTED.fetch_add(1, Ordering::Relaxed))
}

/// The machine's policy with what is extra.
fn write_policy(from: &Path, extra: &Extra<'_>, to: &Path) -> Result<()> {
    let text = std::fs::read_to_string(from).with_context(|| format!("policy {}", from.display()))?;
    let mut policy: serde_json::Value =
        serde_json::from_str(&text).with_context(|| format!("policy {}", from.display()))?;
    let mut set = |key: &str, value: serde_json::Value| -> Result<()> {
        *policy.pointer_mut(key).with_context(|| format!("policy {}: no {key}", from.display()))? = value;
        Ok(())
    };
    set("/pool/enabled", extra.pool.into())?;
    if let Some(bytes) = extra.client_bytes {
        set("/limits/client", bytes.into())?;
        set("/limits/request", bytes.into())?;
    }
    std::fs::write(to, policy.to_string()).with_context(|| to.display().to_string())
}

/// What an allocator says of its pool.
fn pool(connection: &Connection) -> Result<allocator_aidl::PoolStatistics> {
    let statistics = connection.statistics()?.context("statistics")?;
    let values = statistics.getStatistics().map_err(|status| anyhow::anyhow!("statistics: {status}"))?;
    values.pool.context("a pool")
}

/// The life of an allocator of the benchmark's own: until it is killed.
pub(crate) fn serve(name: &str, policy: &Path) -> Result<()> {
    startup::start_trace();
    let engine = startup::engine(&Args { policy: policy.to_owned(), ..Args::default() })?;
    startup::serve_over_binder(&engine, name)
}
