//! The service's process, as the kernel shows it.

use anyhow::{ensure, Context as _, Result};
use gralloc_client::{Allocation, Connection};
use nix::sys::resource::{getrlimit, setrlimit, Resource};
use std::fs;
use std::path::{Path, PathBuf};
use vts_bench::samples::Sample;

/// The end of the service's path.
const PROGRAM: &str = "android.hardware.graphics.allocator-service.dmaheap";

/// Its resident memory in KiB, counted page by page. proc(5) calls `VmRSS` of status inaccurate: each processor keeps a part of that
/// sum to itself.
pub(crate) fn resident() -> Result<Sample> {
    let path = process()?.join("smaps_rollup");
    let account = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let resident = account.lines().find_map(|line| line.strip_prefix("Rss:")?.trim().strip_suffix(" kB"));
    let resident = resident.with_context(|| format!("{}: no Rss", path.display()))?;
    Ok(Sample::alone(resident.trim().parse()?))
}

/// The same while this many buffers of a page are alive, as often as rounds are asked for.
pub(crate) fn resident_with(connection: Connection, buffers: u32, rounds: usize) -> Result<Vec<Sample>> {
    let _held = held(&connection, buffers)?;
    (0..rounds).map(|_| resident()).collect()
}

/// Raises the limit of fds where it is too low: two a buffer, and some of the process's own. It is never lowered: a process
/// that may open no file gets no buffer either, and binder only says that the reply failed.
pub(super) fn allow_fds(buffers: u32) -> Result<()> {
    let needed = u64::from(buffers) * 3;
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).context("the limit of fds")?;
    if soft >= needed {
        return Ok(());
    }
    setrlimit(Resource::RLIMIT_NOFILE, needed, needed.max(hard)).with_context(|| format!("{needed} fds"))
}

/// So many buffers of a page.
pub(crate) fn held(connection: &Connection, buffers: u32) -> Result<Vec<Allocation>> {
    allow_fds(buffers)?;
    let one = |at| connection.allocate(&super::page(), 1).with_context(|| format!("buffer {at}"));
    (0..buffers).map(one).collect()
}

/// The one process of that name.
fn process() -> Result<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").context("/proc")? {
        let path = entry?.path();
        // Processes come and go, and most entries are none.
        let Ok(words) = fs::read(path.join("cmdline")) else { continue };
        let program = words.split(|byte| *byte == 0).next().unwrap_or_default();
        if Path::new(&*String::from_utf8_lossy(program)).ends_with(PROGRAM) {
            found.push(path);
        }
    }
    ensure!(found.len() == 1, "{} processes run {PROGRAM}, one is measured", found.len());
    found.pop().context("a process")
}
