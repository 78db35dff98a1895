//! The allocator service's process: arguments, logging, the engine, the front door.

use allocator_aidl::{serve_binder, SocketDoor, SocketOptions, ALLOCATOR_INSTANCE};
use anyhow::{Context, Result};
use gralloc_server::args::{self, Args, Command, Door};
use gralloc_server::{adapter, logging, startup};
use log::{error, warn};
use std::process::ExitCode;

/// The service's own version; the interface's is in `allocator_aidl`.
const VERSION: &str = "0.1.0";
/// Threads that serve binder calls, the main thread included: what AOSP's allocators use.
const THREADS: u32 = 4;
/// The real-time priority of AOSP's allocators, the lowest but one: a compositor that waits for a buffer misses a frame.
const FIFO_PRIORITY: i32 = 2;

fn main() -> ExitCode {
    let args = match args::parse(std::env::args().skip(1)) {
        Ok(Command::Run(args)) => args,
        Ok(Command::Help) => {
            print!("{}", args::USAGE);
            return ExitCode::SUCCESS;
        }
        Ok(Command::Version) => {
            println!("{}", VERSION);
            return ExitCode::SUCCESS;
        }
        Err(message) => {
            eprintln!("{message}");
            return ExitCode::from(2);
        }
    };
    logging::start(args.verbose);
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            error!("{failure:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<()> {
    let engine = startup::engine(args)?;
    if args.check {
        for line in startup::describe(&engine.heaps().heaps().describe()) {
            println!("{line}");
        }
        return Ok(());
    }
    let service = adapter::binder(&engine).context("the statistics")?;
    match &args.door {
        Door::Binder => {
            raise_priority();
            serve_binder(ALLOCATOR_INSTANCE, &service, THREADS).context("binder")?;
        }
        Door::Socket(path) => {
            let door = SocketDoor::bind(path, SocketOptions::default()).context("socket")?;
            door.serve(&service).context("socket")?;
        }
    }
    Ok(())
}

/// After the housekeeper has been started: it stays in the normal class, as do threads started from here on.
fn raise_priority() {
    if let Err(error) = gralloc_kernel::sched::set_fifo(FIFO_PRIORITY) {
        warn!("main thread stays in the normal scheduling class: {error}");
    }
}
