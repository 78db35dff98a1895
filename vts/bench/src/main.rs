//! `bench`: takes the samples, beside the service.

mod measure;

use anyhow::{ensure, Context as _, Result};
use clap::Parser;
use measure::{Asked, Bench, Options, Steps};
use std::path::PathBuf;
use std::process::ExitCode;
use vts_bench::report;
use vts_bench::rows::{self, Row, ROWS};
use vts_bench::samples::{Machine, Samples};
use vts_bench::table::table;

/// Measure the allocator against the raw ioctl and a call that does nothing, sample by sample in turn
///
/// The service is found through binder, or where GRALLOC_ALLOCATOR says. Prints a table; floors that are missed are
/// printed as such and are no failure.
#[derive(Parser)]
#[command(name = "bench", version, max_term_width = 110)]
struct Args {
    /// Only these rows, with commas between them [default: all]
    #[arg(long, value_name = "ROWS", value_delimiter = ',', value_parser = parse_row)]
    rows: Vec<&'static Row>,
    /// Samples a row [default: the row's own number]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rounds: Option<u32>,
    /// Write the rows as a JSON array
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write all samples to samples.json in this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The heap node of the raw ioctl: the one that the service's policy takes for these buffers
    #[arg(long, value_name = "NODE", default_value = "/dev/dma_heap/system")]
    heap: PathBuf,
    /// The compiled policy that row `plan` plans with
    #[arg(long, value_name = "FILE", default_value = "/vendor/etc/gralloc/heaps.json")]
    policy: PathBuf,
    /// The mapper's library that row `mapper-load` loads
    #[arg(long, value_name = "FILE", default_value = "/vendor/lib64/hw/mapper.dmaheap.so")]
    mapper: PathBuf,
    /// The library with nothing in it that it is compared with: bench_empty's
    #[arg(long, value_name = "FILE", default_value = "/vendor/lib64/hw/empty.so")]
    empty: PathBuf,
    /// Print no table
    #[arg(long, short)]
    quiet: bool,
    /// Of the rows, only those that need no service, or only those that need one [default: both]
    #[arg(long, value_enum)]
    part: Option<Part>,
    /// What the bare service does besides the ioctl, for a profile by addition; each includes those before
    #[arg(long, value_enum, value_name = "STEPS", default_value = "watch")]
    bare_steps: Steps,
    /// Serve as the bare service that ours is compared with (started by the program itself)
    #[arg(long, hide = true, value_name = "NAME")]
    bare: Option<String>,
    /// Load a library, and import a buffer through it (started by the program itself)
    #[arg(long, hide = true, value_name = "FILE")]
    load: Option<PathBuf>,
    #[arg(long, hide = true, requires = "load")]
    imports: bool,
    /// Serve as one of several processes that measure at once (started by the program itself)
    #[arg(long, hide = true)]
    worker: bool,
    /// Calls that a worker makes one after the other, and whether it does so in SCHED_FIFO (given by the program itself)
    #[arg(long, hide = true, default_value_t = 1)]
    calls: u32,
    #[arg(long, hide = true)]
    fifo: bool,
    /// The service that a worker asks (given by the program itself)
    #[arg(long, hide = true, requires = "plain", value_name = "NAME")]
    ours: Option<String>,
    /// The service without a pool that a worker asks too (given by the program itself)
    #[arg(long, hide = true, requires = "ours", value_name = "NAME")]
    plain: Option<String>,
    /// Serve as an allocator of this name with --policy (started by the program itself)
    #[arg(long, hide = true, value_name = "NAME")]
    serve: Option<String>,
    /// Ask this service for more than a client's budget, until killed (started by the program itself)
    #[arg(long, hide = true, value_name = "NAME")]
    hammer: Option<String>,
}

/// Rows by what they need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// No service: pure code, measured where no emulator slows it
    Alone,
    /// The service
    Service,
}

fn parse_row(name: &str) -> Result<&'static Row, String> {
    rows::row(name).ok_or_else(|| {
        let names: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
        format!("no such row; there are {}", names.join(", "))
    })
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<()> {
    let options = Options {
        heap: args.heap.clone(),
        policy: args.policy.clone(),
        steps: args.bare_steps,
        mapper: args.mapper.clone(),
        empty: args.empty.clone(),
    };
    if let Some(library) = &args.load {
        return measure::load_and_tell(library, &options.heap, args.imports);
    }
    if let Some(name) = &args.bare {
        return measure::serve_barely(name, &options.heap, options.steps);
    }
    if let Some(name) = &args.serve {
        return measure::serve(name, &options.policy);
    }
    if let Some(service) = &args.hammer {
        return measure::hammer(service);
    }
    if args.worker {
        let asked = match (&args.ours, &args.plain) {
            (Some(ours), Some(plain)) => Asked::Pooled { ours, plain },
            _ => Asked::Ours,
        };
        return measure::serve_as_worker(&options, asked, args.calls, args.fifo);
    }
    let chosen: Vec<&Row> = if args.rows.is_empty() { ROWS.iter().collect() } else { args.rows.clone() };
    let in_part = |row: &&Row| args.part.is_none_or(|part| row.is_alone() == (part == Part::Alone));
    let mut bench = Bench::new(options);
    let mut samples = Samples::new(machine());
    let mut failed = Vec::new();
    for row in chosen.into_iter().filter(in_part) {
        let rounds = args.rounds.map_or(row.rounds, |rounds| usize::try_from(rounds).unwrap_or(usize::MAX));
        if row != &rows::RSS {
            eprintln!("{}: {} samples of {}", row.name, rounds, row.what);
        }
        // The others' samples took minutes.
        match bench.measure(row, rounds) {
            Ok(taken) => samples.put(taken),
            Err(error) => {
                eprintln!("error: row {}: {error:#}", row.name);
                failed.push(row.name);
            }
        }
    }
    if let Some(folder) = &args.out {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        samples.write(&folder.join("samples.json"))?;
    }
    let summaries = report::summaries(&samples);
    if let Some(path) = &args.json {
        report::write_json(&summaries, path)?;
    }
    if !args.quiet {
        print!("{}", table(&summaries));
    }
    ensure!(failed.is_empty(), "not measured: {}", failed.join(", "));
    Ok(())
}

/// What `uname` and the scheduler say.
fn machine() -> Machine {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned();
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    Machine { kernel, processors }
}
