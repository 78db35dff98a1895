//! From a command line to an engine that serves: the policy, the heaps, the release watch, the maintenance thread, binder.

use crate::adapter;
use crate::args::Args;
use crate::engine::{Engine, Setup};
use crate::maintenance::Maintenance;
use crate::pool::part_of;
use crate::threads;
use allocator_aidl::serve_binder;
use anyhow::{Context, Result};
use gralloc_allocator::ports::MemoryGauge;
use gralloc_allocator::statistics::size;
use gralloc_heaps::wakeup::Wakeup;
use gralloc_heaps::watch::Source;
use gralloc_heaps::{trace, Backend, HeapReport, MemInfo, MemoryPressure, NodeState};
use heaps_config::policy::{HeapId, Memory, PoolBounds, WithoutReleaseWatch};
use heaps_config::{Policy, MAX_TEXT_BYTES};
use log::{info, warn};
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

/// Room for a policy as they are: one that is longer is read in several goes.
const USUAL_POLICY_BYTES: usize = 16 << 10;

/// The real-time priority of AOSP's allocators, the lowest but one: a compositor that waits for a buffer misses a frame.
const FIFO_PRIORITY: i32 = 2;

/// Reads and validates a compiled policy.
///
/// # Errors
/// Names the file, and where it is broken the key and what is allowed.
pub fn load_policy(path: &Path) -> Result<Policy> {
    let name = path.display();
    // By what is read, not by what the file system says of its size: a device or a pipe says 0.
    let mut text = String::with_capacity(USUAL_POLICY_BYTES);
    let file = File::open(path).with_context(|| format!("policy {name}"))?;
    // One byte more than a policy may have, so that one that is too long is refused.
    let most = u64::try_from(MAX_TEXT_BYTES)?.saturating_add(1);
    file.take(most).read_to_string(&mut text).with_context(|| format!("policy {name}"))?;
    let hint = match path.extension() {
        Some(extension) if extension == "toml" => " (the service reads what `heapctl compile` makes of it)",
        _ => "",
    };
    heaps_config::from_json(&text).with_context(|| format!("policy {name}{hint}"))
}

/// Marks requests in the kernel's trace, where the environment says so.
pub fn start_trace() {
    match trace::start_if_asked() {
        Ok(true) => info!("requests are marked in the kernel's trace"),
        Ok(false) => {}
        Err((path, error)) => warn!("requests are not marked in the kernel's trace: {path}: {error}"),
    }
}

/// Puts the engine together and starts the maintenance thread.
///
/// # Errors
/// A broken policy, heaps that cannot be opened for a reason other than their absence, no file descriptors.
pub fn engine(args: &Args) -> Result<Arc<Engine>> {
    let policy = Arc::new(load_policy(&args.policy)?);
    info!("policy \"{}\" from {}", policy.name, args.policy.display());
    check_sources(&args.release_sources, &policy)?;
    let heaps =
        Backend::open(args.heaps, &policy, &args.heap_dir).with_context(|| format!("--heaps {}", args.heaps))?;
    let report = heaps.describe();
    for line in describe(&report) {
        info!("{line}");
    }
    let wakeup = Arc::new(Wakeup::new().context("the maintenance thread's timer")?);
    let pressure = policy.pool.as_ref().and_then(|_| memory_pressure());
    let gauge = MemInfo::new().context("the memory figure")?;
    let page_bytes = gralloc_heaps::memory::page_bytes();
    let pool = pool_bounds(&policy, &report, gauge.total_bytes(), page_bytes);
    let setup = Setup {
        wakeup: Arc::clone(&wakeup),
        release_sources: args.release_sources.clone(),
        pressure_events: pressure.is_some(),
        page_bytes,
        pool,
    };
    let engine = Arc::new(Engine::new(policy, heaps, gauge, setup));
    info!("{}", describe_pool(&engine));
    engine.start_release_watch();
    Maintenance::spawn(Arc::clone(&engine), wakeup, pressure).context("the maintenance thread")?;
    Ok(engine)
}

/// Serves over kernel binder under this name. Comes back only when it fails.
///
/// # Errors
/// No binder, no service manager, or the name is refused.
pub fn serve_over_binder(engine: &Arc<Engine>, name: &str) -> Result<()> {
    let service = adapter::binder(engine).context("the statistics")?;
    // The maintenance thread has been started: it stays in the normal class, as do threads started from here on.
    if let Err(error) = gralloc_heaps::sched::set_fifo(FIFO_PRIORITY) {
        warn!("main thread stays in the normal scheduling class: {error}");
    }
    serve_binder(name, &service, threads::SERVING).context("binder")?;
    Ok(())
}

/// What the policy's pool comes to, with this much memory and these heaps.
fn pool_bounds(policy: &Policy, report: &HeapReport, total_bytes: Option<u64>, page_bytes: u64) -> Option<PoolBounds> {
    let region = |id: HeapId| Some(report.heaps.iter().find(|heap| heap.id == id)?.region?.bytes);
    policy.pool_bounds(&Memory { total_bytes, page_bytes, region_bytes: &region })
}

fn memory_pressure() -> Option<MemoryPressure> {
    let pressure = MemoryPressure::new();
    pressure.map_err(|why| warn!("no events of memory pressure, MemAvailable is read instead: {why}")).ok()
}

/// Refuses a service that would refuse every request for ever.
fn check_sources(sources: &[Source], policy: &Policy) -> Result<()> {
    let refuses = policy.limits.without_release_watch == WithoutReleaseWatch::Refuse;
    anyhow::ensure!(
        !(sources.is_empty() && refuses),
        "--release-source none: the policy's limits.without_release_watch = \"refuse\" refuses every request then; \
         allowed: auto, inotify, epoll, or \"serve\" in the policy"
    );
    Ok(())
}

/// The heaps in lines for the log and for `--check`.
pub fn describe(report: &HeapReport) -> Vec<String> {
    let mut lines: Vec<String> = report.stand_in.iter().cloned().collect();
    for heap in &report.heaps {
        let place = match &heap.node {
            Some(node) => format!("{}/{node}", report.source),
            None => report.source.clone(),
        };
        let region = heap.region.map_or(String::new(), |region| format!(", a region of {region}"));
        lines.push(format!("heap {}: {place}: {}{region}", heap.name, heap.state));
        for (node, state) in &heap.passed_over {
            lines.push(format!("heap {}: passed over {node}: {state}", heap.name));
        }
    }
    lines.extend(report.unclaimed.iter().map(|node| format!("node {node}: no heap of the policy names it")));
    lines.extend(report.shared.iter().cloned());
    lines.extend(report.accounting.map(|accounting| accounting.to_string()));
    lines.extend(report.problems.iter().cloned());
    lines
}

/// What may be kept ready, in a line for the log and for `--check`.
pub fn describe_pool(engine: &Engine) -> String {
    most_ready(engine.policy(), engine.pool().bounds(), engine.gauge().total_bytes())
}

/// Of all, and of each heap with a bound of its own.
fn most_ready(policy: &Policy, bounds: Option<&PoolBounds>, memory_bytes: Option<u64>) -> String {
    let (Some(pool), Some(bounds)) = (&policy.pool, bounds) else { return "pool: off".to_owned() };
    let part = part_of(pool.total, memory_bytes).map_or_else(String::new, |part| format!(", {part}"));
    let mut line = format!("pool: at most {} are kept ready{part}", size(bounds.total_bytes));
    for (id, heap) in policy.heap_ids() {
        let bytes = bounds.heap_bytes(id);
        if bytes != bounds.total_bytes {
            line.push_str(&format!("; of {} {}", heap.name, if bytes == 0 { "none".to_owned() } else { size(bytes) }));
        }
    }
    line
}

/// What `--check` finds wrong: without metadata there is no buffer.
///
/// # Errors
/// The metadata heap is not open.
pub fn judge(report: &HeapReport, policy: &Policy) -> Result<()> {
    let metadata = policy.metadata_heap;
    let is_open = report.heaps.iter().any(|heap| heap.id == metadata && heap.state == NodeState::Open);
    let name = policy.heap_name(metadata);
    anyhow::ensure!(is_open, "nothing can be allocated: every buffer has its metadata from the heap {name}, see above");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use heaps_config::policy::{Bound, PoolPolicy};

    fn with_pool(total: Bound, heaps: Vec<Bound>) -> Policy {
        let pool = PoolPolicy { total, heaps, streams: true, idle_ms: 1000, ready: Vec::new() };
        Policy { pool: Some(pool), ..crate::tests::policy() }
    }

    fn said(policy: &Policy, total_bytes: Option<u64>) -> String {
        let bounds = policy.pool_bounds(&Memory { total_bytes, page_bytes: 4096, region_bytes: &|_| None });
        most_ready(policy, bounds.as_ref(), total_bytes)
    }

    #[test]
    fn pool_is_said_with_what_it_comes_to_and_of_which_heaps_otherwise() {
        let part = |percent| vec![Bound::Percent(percent); 2];
        let of_2_gib = said(&with_pool(Bound::Percent(6), part(6)), Some(2 << 30));
        assert_eq!(of_2_gib, "pool: at most 122.8 MiB are kept ready, 6% of 2.0 GiB; of carveout none");
        let bytes = with_pool(Bound::Bytes(64 << 20), vec![Bound::Bytes(64 << 20), Bound::Bytes(8 << 20)]);
        assert_eq!(said(&bytes, None), "pool: at most 64.0 MiB are kept ready; of carveout 8.0 MiB");
        let unknown = said(&with_pool(Bound::Percent(6), part(6)), None);
        assert_eq!(unknown, "pool: at most 0 B are kept ready, 6% of unknown memory");
        assert_eq!(said(&crate::tests::policy(), Some(2 << 30)), "pool: off");
    }

    #[test]
    fn policy_without_an_end_is_refused_at_its_bound() {
        let error = format!("{:#}", load_policy(Path::new("/dev/zero")).unwrap_err());
        assert!(error.contains("/dev/zero") && error.contains("at most 1048576"), "{error}");
    }

    #[test]
    fn service_that_looks_for_no_releases_under_a_policy_that_refuses_without_does_not_start() {
        let mut policy = crate::tests::policy();
        assert!(check_sources(&[], &policy).is_ok());
        policy.limits.without_release_watch = WithoutReleaseWatch::Refuse;
        assert!(check_sources(&[Source::Epoll], &policy).is_ok());
        let error = check_sources(&[], &policy).unwrap_err().to_string();
        assert!(error.contains("--release-source none") && error.contains("without_release_watch"), "{error}");
    }
}
