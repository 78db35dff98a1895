//! What `dumpsys` and `heapctl dump` print: heaps, rules hit, buffers, refusals by cause; for people, and as JSON.
//!
//! Its memory and its writes are bounded by what it prints, not by how many buffers there are: [`Buffers`] are read and
//! written a few at a time, through one buffer of `BUFFER_BYTES`. Processes alone are summed first, some 100 bytes for
//! each that holds a buffer.

mod buffers;
mod collect;
mod options;
mod pretty;
mod text;

pub use buffers::Buffers;
pub use options::DumpOptions;

use crate::engine::Engine;
use crate::threads::{Held, Holder};
use gralloc_allocator::statistics::{BufferStatistics, Dump, Statistics};
use options::OLDER_THAN;
use pretty::Pretty;
use serde::Serialize as _;
use std::io::{self, BufWriter, Write};

/// What is written to the reader's pipe at once: as much as a pipe holds.
const BUFFER_BYTES: usize = 64 * 1024;

/// Writes the dump of this moment.
///
/// # Errors
/// What the writer said: the reader went away. [`io::ErrorKind::WouldBlock`] while readers of earlier dumps, and clients
/// at their budgets, hold all threads that may be held up.
pub fn write(engine: &Engine, out: &mut dyn Write, args: &[String]) -> io::Result<()> {
    let _held = hold_thread(engine)?;
    let statistics = statistics(engine);
    write_of(statistics, buffers(engine), DumpOptions::parse(args), out)
}

/// Writes a dump of these statistics and buffers.
///
/// # Errors
/// What the writer said.
pub fn write_of(
    statistics: Statistics,
    buffers: Buffers<'_>,
    options: DumpOptions<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(BUFFER_BYTES, out);
    let leaks = options.older_than_ms.map(|age_ms| buffers.leaks(age_ms));
    let (processes, further_processes) = buffers.processes();
    let not_understood =
        options.not_understood.iter().flat_map(|value| [OLDER_THAN, *value]).map(str::to_owned).collect();
    let dump = Dump { statistics, processes, further_processes, buffers, leaks, not_understood };
    if options.json {
        let mut json = serde_json::Serializer::with_formatter(&mut out, Pretty::default());
        dump.serialize(&mut json).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        text::write(&dump, options.buffers, &mut out)?;
    }
    out.flush()
}

/// Counts the thread of one that asks what others hold, whichever way it asks: a reader may hold it up.
///
/// # Errors
/// [`io::ErrorKind::WouldBlock`] while as many are held up as may be.
pub(crate) fn hold_thread(engine: &Engine) -> io::Result<Held<'_>> {
    engine.releases().threads().hold(Holder::Dump).ok_or_else(|| io::ErrorKind::WouldBlock.into())
}

/// Everything of this moment but the single buffers, all releases that have happened booked, or said not to be.
pub(crate) fn statistics(engine: &Engine) -> Statistics {
    let settled = engine.settle();
    collect::statistics(engine, settled)
}

/// One page of the single buffers: see [`Buffers::page`].
pub(crate) fn page(engine: &Engine, older_than_ms: u64, after_id: u64, most: usize) -> Vec<BufferStatistics> {
    engine.settle();
    buffers(engine).page(older_than_ms, after_id, most)
}

fn buffers(engine: &Engine) -> Buffers<'_> {
    Buffers { ledger: engine.ledger(), policy: engine.policy(), now_ms: engine.now_ms() }
}
