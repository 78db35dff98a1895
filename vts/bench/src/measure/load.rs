//! A process that loads the mapper, and one that loads a library with nothing in it.
//!
//! Each sample is this program once more, as a process of its own: nothing of the library is there before, and both have the
//! same behind them when they begin.

use super::mapper::{open, RawHandle};
use super::{micros, order, place, Kind, Options, WARM_UP};
use anyhow::{ensure, Context as _, Result};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use vts_bench::samples::Sample;

/// The kernel's account of a process's memory. A guest's files lie in its memory and count as dirty in whoever maps them alone;
/// a device's do not. So what is no file's is read: written, copied or allocated.
const ACCOUNT: &str = "/proc/self/smaps_rollup";

/// What a process says of its loading.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Loaded {
    took: Duration,
    own_kib: f64,
}

impl Loaded {
    /// Its time in microseconds.
    pub(crate) fn micros(self) -> f64 {
        micros(self.took)
    }

    /// What it shares with nobody and no file has, in KiB.
    pub(crate) fn dirty(self) -> f64 {
        self.own_kib
    }
}

/// One of the two figures of both, as often as rounds are asked for.
pub(crate) fn samples(options: &Options, rounds: usize, figure: fn(Loaded) -> f64) -> Result<Vec<Sample>> {
    let mut samples = Vec::new();
    for round in 0..rounds.saturating_add(WARM_UP) {
        let mut sample = Sample::default();
        for kind in order(&[Kind::Ours, Kind::Bare], round) {
            place(&mut sample, kind, figure(load(options, kind)?));
        }
        if round >= WARM_UP {
            samples.push(sample);
        }
    }
    Ok(samples)
}

fn load(options: &Options, kind: Kind) -> Result<Loaded> {
    let mut command = Command::new(std::env::current_exe()?);
    match kind {
        Kind::Ours => command.arg("--imports").arg("--load").arg(&options.mapper),
        _ => command.arg("--load").arg(&options.empty),
    };
    let said = command.arg("--heap").arg(&options.heap).output().context("a process that loads")?;
    let text = String::from_utf8_lossy(&said.stdout);
    ensure!(said.status.success(), "loading: {}: {}", said.status, String::from_utf8_lossy(&said.stderr));
    let (nanos, kib) = text.trim().split_once(' ').with_context(|| format!("a process that loads says {text:?}"))?;
    Ok(Loaded { took: Duration::from_nanos(nanos.parse()?), own_kib: kib.parse()? })
}

/// The life of such a process: it loads a library, imports a buffer through it if that is a mapper, and says what that took.
pub(crate) fn load_and_tell(library: &Path, heap: &Path, imports: bool) -> Result<()> {
    let handle = RawHandle::from_heap(heap)?;
    let start = Instant::now();
    let library = open(library)?;
    let imported = imports.then(|| library.client()?.import(&handle)).transpose()?;
    let took = start.elapsed();
    let account = fs::read_to_string(ACCOUNT).context(ACCOUNT)?;
    let own = account.lines().find_map(|line| line.strip_prefix("Anonymous:")?.trim().strip_suffix(" kB"));
    println!("{} {}", took.as_nanos(), own.with_context(|| format!("{ACCOUNT}: no Anonymous"))?.trim());
    // Both live until the account was read, and go with the process.
    std::mem::forget((library, imported));
    Ok(())
}
