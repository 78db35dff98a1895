//! The service's statistics at one moment: from /proc, debugfs, its own dump, and its clients.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{ensure, Context as _, Result};
use gralloc_buffer::{PixelFormat, Usage};
use gralloc_client::{Connection, DescriptorBuilder, Transport};
use serde_json::{json, Value};
use service_tests::dmabufs::{METADATA, READY};
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
        let descriptor = DescriptorBuilder::new("first", 16, 16, PixelFormat::Rgba8888, usage).build();
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
        let refusals = dump.get("refusals").and_then(Value::as_object);
        let refusals: u64 = refusals.map_or(0, |causes| causes.values().filter_map(Value::as_u64).sum());
        let lines: Vec<String> = self.calls.try_iter().collect();
        let mut times: Vec<u64> = lines.iter().filter_map(|line| line.parse().ok()).collect();
        times.sort_unstable();
        let count = |word: &str| lines.iter().filter(|line| *line == word).count();
        let process = Path::new("/proc").join(&pid);
        let (ready, fds): (Vec<String>, Vec<String>) =
            fds_in(&process)?.into_values().partition(|target| is_kept_ready(target));
        Ok(json!({
            "phase": phase,
            "second": self.begin.elapsed().as_secs_f64(),
            "pid": pid.parse::<u32>().context("the service does not run")?,
            "rss_kib": rss_kib(&pid)?,
            "fds": fds.len(),
            "dma_bufs": dma_bufs().map(|all| all.saturating_sub(u64::try_from(ready.len()).unwrap_or(0))),
            "live_bytes": dump.pointer("/all/live_bytes").and_then(Value::as_u64).context("no live_bytes in the dump")?,
            "service_refusals": refusals,
            "calls": times.len(),
            "p50_us": part(&times, 50),
            "p99_us": part(&times, 99),
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

fn part(sorted: &[u64], hundredths: usize) -> Option<u64> {
    sorted.get(sorted.len() * hundredths / 100).copied()
}

/// Of what a service has open, what it keeps for its next requests: that goes when memory runs short, and comes again.
fn is_kept_ready(target: &str) -> bool {
    [METADATA, READY].iter().any(|name| target.contains(name))
}

fn rss_kib(pid: &str) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// "Total 3 objects, 12288 bytes" at the end of debugfs's list; `None` where there is no list.
fn dma_bufs() -> Option<u64> {
    let text = fs::read_to_string("/sys/kernel/debug/dma_buf/bufinfo").ok()?;
    let total = text.lines().rev().find_map(|line| line.strip_prefix("Total "))?;
    total.split(' ').next()?.parse().ok()
}
