//! The service's statistics at one moment: from /proc, debugfs, its own dump, and its clients.

use std::path::Path;
use std::process::Command;
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{ensure, Context as _, Result};
use gralloc_buffer::{Descriptor, PixelFormat, Usage};
use gralloc_client::{to_wire, Connection, Transport};
use procfs::process::Process;
use serde_json::{json, Value};
use service_tests::dmabufs::{census, METADATA, READY};
use service_tests::process::fds_in;

/// What was killed so far, and whether the trace is on.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) clients_killed: u32,
    pub(crate) service_killed: u32,
    pub(crate) traced: bool,
}

/// Watchdog of a pool that gives back: several times the `idle_seconds` of the shipped policies.
const IDLE_WATCHDOG: Duration = Duration::from_secs(180);

/// Takes a sample each second.
pub(crate) struct Sampler {
    calls: Receiver<String>,
    begin: Instant,
}

impl Sampler {
    /// The clients' outcomes come through `calls`.
    pub(crate) fn new(calls: Receiver<String>) -> Sampler {
        Sampler { calls, begin: Instant::now() }
    }

    /// One buffer, at once let go: what the service opens at its first call is open then.
    pub(crate) fn first_call(&self) -> Result<()> {
        let usage = Usage::CPU_READ_OFTEN | Usage::CPU_WRITE_OFTEN;
        let descriptor = to_wire(&Descriptor::new("first", 16, 16, PixelFormat::Rgba8888, usage));
        Connection::open(&Transport::Binder)?.allocate(&descriptor, 1)?;
        Ok(())
    }

    /// Waits until the pool, where there is one, has given back what nobody asks for.
    pub(crate) fn wait_until_nothing_is_ready(&self) -> Result<()> {
        let begin = Instant::now();
        loop {
            let ready = dump()?.pointer("/pool/ready_buffers").and_then(Value::as_u64).unwrap_or(0);
            if ready == 0 {
                return Ok(());
            }
            ensure!(
                begin.elapsed() < IDLE_WATCHDOG,
                "{ready} buffers are ready, and nobody has asked for {IDLE_WATCHDOG:?}"
            );
            thread::sleep(Duration::from_secs(1));
        }
    }

    /// A sample, and the calls since the last one.
    pub(crate) fn second(&self, phase: &str, counts: &Counts) -> Result<Value> {
        let output = Command::new("vmctl").args(["service", "pid"]).output().context("vmctl")?;
        let pid = String::from_utf8(output.stdout)?.trim().to_owned();
        let dump = dump()?;
        let lines: Vec<String> = self.calls.try_iter().collect();
        let mut times: Vec<u64> = lines.iter().filter_map(|line| line.parse().ok()).collect();
        times.sort_unstable();
        let count = |word: &str| lines.iter().filter(|line| *line == word).count();
        let pid: i32 = pid.parse().context("the service does not run")?;
        let fds = fds_in(&Path::new("/proc").join(pid.to_string()))?;
        Ok(json!({
            "phase": phase,
            "second": self.begin.elapsed().as_secs_f64(),
            "pid": pid,
            "rss_kib": Process::new(pid)?.status()?.vmrss.context("no VmRSS")?,
            "fds": fds.values().filter(|target| !is_kept_ready(target)).count(),
            "dma_bufs": census().map(|census| census.count),
            "live_bytes": dump.pointer("/all/live_bytes").and_then(Value::as_u64).context("no live_bytes in the dump")?,
            "calls": times.len(),
            "p99_us": times.get(times.len() * 99 / 100),
            "refused": count("refused"),
            "lost": count("lost"),
            "clients_killed": counts.clients_killed,
            "service_killed": counts.service_killed,
            "traced": counts.traced,
        }))
    }
}

fn dump() -> Result<Value> {
    Ok(serde_json::from_str(&Connection::open(&Transport::Binder)?.dump(&["--json"])?)?)
}

/// Of what a service has open, what it keeps for its next requests: that goes when memory runs short, and comes again.
fn is_kept_ready(target: &str) -> bool {
    [METADATA, READY].iter().any(|name| target.contains(name))
}
