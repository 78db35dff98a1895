//! Arguments of what looks at a running service for a while: top, leaks, owners, report.

use super::TransportArgs;
use gralloc_allocator::statistics::{milliseconds, TIMES};
use std::path::PathBuf;

/// Watch who holds how much: heaps, clients, largest and oldest buffers, refusals, latencies
///
/// Refreshes until interrupted; where standard output is no terminal, one snapshot. With --json the service's dump. With --from
/// it is the last of the dumps that were recorded.
#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  heapctl top --once --older-than 5m
  adb shell dumpsys android.hardware.graphics.allocator.IAllocator/default --json > dump.json
  heapctl top --from dump.json")]
pub(crate) struct TopArgs {
    #[command(flatten)]
    pub(crate) transport: TransportArgs,

    /// Ask no service: show the last of these dumps in JSON, one after another; `-` for standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["service", "socket", "interval"])]
    pub(crate) from: Option<PathBuf>,

    /// One snapshot, then exit
    #[arg(long)]
    pub(crate) once: bool,

    /// Milliseconds between two samples
    #[arg(long, value_name = "MS", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(50..))]
    pub(crate) interval: u64,

    /// Show buffers that are older, by client and name, such as 60s, 5m
    #[arg(long, value_name = "TIME", value_parser = age)]
    pub(crate) older_than: Option<u64>,
}

/// Show buffers that are older than they should be, by client and name; or what grows
///
/// Exit status 1 when there are any, 2 when nobody can tell: the service does not see releases, it was started anew during the
/// watch, or too few samples came.
///
/// With --watch it is what grows: of each client and name the live bytes over the time, which is cut into three parts. It grows
/// when the least of the second part is more than that of the first, and that of the third more than that of the second: a
/// stream that comes and goes falls back to its least. The slope is the line's that fits all samples best. Each part takes three
/// samples.
///
/// Names that differ in their numbers alone are judged together too, `layer#*` for layer#1, layer#2 and so on, and so is all that
/// a client holds. Of these a name comes first; names together are shown when none of them grows alone, and a client when nothing
/// else of it grows.
#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  heapctl leaks --older-than 5m
  heapctl leaks --watch --seconds 300 || echo 'something leaks, or nobody can tell'

Of a device, first recorded there, a dump a second:
  D='dumpsys android.hardware.graphics.allocator.IAllocator/default --json'
  adb shell $D | heapctl leaks --older-than 5m --from -
  adb shell \"for i in \\$(seq 300); do $D; sleep 1; done\" > dumps.json
  heapctl leaks --watch --from dumps.json")]
pub(crate) struct LeaksArgs {
    #[command(flatten)]
    pub(crate) transport: TransportArgs,

    /// Ask no service: judge these dumps in JSON, one after another; `-` for standard input. Without --watch the last one
    #[arg(long, value_name = "FILE", conflicts_with_all = ["service", "socket", "seconds", "interval"])]
    pub(crate) from: Option<PathBuf>,

    /// How old, such as 500ms, 60s, 5m, 1h
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = age)]
    pub(crate) older_than: u64,

    /// Watch for a while, and show what grows
    #[arg(long, conflicts_with = "older_than")]
    pub(crate) watch: bool,

    /// For how long
    #[arg(long, value_name = "SECONDS", default_value_t = 60, requires = "watch", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) seconds: u64,

    /// Milliseconds between two samples; at least nine fit the time, three into each part of it
    #[arg(long, value_name = "MS", default_value_t = 1000, requires = "watch", value_parser = clap::value_parser!(u64).range(20..))]
    pub(crate) interval: u64,
}

/// Show who has a buffer open: processes, their fds and mappings
///
/// Looks through /proc, so it takes root to see all, and knows processes alone: what a driver or a device holds is not there.
/// Exit status 1 when the service knows no such live buffer.
#[derive(clap::Args)]
#[command(after_long_help = "\
Example:
  heapctl top --once                        # has the ids
  heapctl owners 0x5ad3c91000000007")]
pub(crate) struct OwnersArgs {
    #[command(flatten)]
    pub(crate) transport: TransportArgs,

    /// The buffer's id, as `top`, `dump` and a handle's `id` have it: 0x-hexadecimal or decimal
    #[arg(value_name = "ID", value_parser = id)]
    pub(crate) id: u64,
}

/// A buffer's id.
fn id(text: &str) -> Result<u64, String> {
    let parsed = text.strip_prefix("0x").map_or_else(|| text.parse(), |digits| u64::from_str_radix(digits, 16));
    parsed.map_err(|_| "an id is a number of 64 bits, such as 0x5ad3c91000000007".to_owned())
}

/// Watch the service for a while and draw it: one HTML page that needs nothing else
///
/// Live bytes by heap and by client over time, latencies, refusals, buffers that stayed. If the service goes away meanwhile,
/// what there is by then is drawn; exit status 1.
#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  heapctl report --seconds 30 -o report.html
  heapctl report --seconds 30 --record samples.jsonl -o report.html
  heapctl report --from samples.jsonl -o report.html
  adb shell dumpsys android.hardware.graphics.allocator.IAllocator/default --json | heapctl report --from -
  heapctl report --seconds 30 --perfetto memory.pftrace   # for ui.perfetto.dev, without a page")]
pub(crate) struct ReportArgs {
    #[command(flatten)]
    pub(crate) transport: TransportArgs,

    /// For how long
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) seconds: u64,

    /// Milliseconds between two samples
    #[arg(long, value_name = "MS", default_value_t = 250, value_parser = clap::value_parser!(u64).range(20..))]
    pub(crate) interval: u64,

    /// Draw what was recorded: dumps in JSON, one after the other; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seconds", "interval", "record"])]
    pub(crate) from: Option<PathBuf>,

    /// Keep the samples, one dump in JSON a line, each written when it is taken
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,

    /// Write a trace for Perfetto: buffers as slices by heap and by client, live bytes as counters
    #[arg(long, value_name = "FILE")]
    pub(crate) perfetto: Option<PathBuf>,

    /// Where the page goes [default: report.html, and no page with --perfetto alone]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// A time, in milliseconds.
fn age(text: &str) -> Result<u64, String> {
    milliseconds(text).ok_or_else(|| TIMES.to_owned())
}
