//! The allocator service's process: arguments, logging, the engine, the transport.

#![forbid(unsafe_code)]

use allocator_aidl::{SocketOptions, SocketServer, ALLOCATOR_INSTANCE};
use anyhow::{Context, Result};
use gralloc_server::args::{self, Args, Command, Transport};
use gralloc_server::{adapter, logging, startup};
use log::error;
use std::process::ExitCode;

/// The service's own version; the interface's is in `allocator_aidl`.
const VERSION: &str = "0.1.0";

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
    startup::start_trace();
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
        let report = engine.heaps().describe();
        for line in startup::describe(&report) {
            println!("{line}");
        }
        println!("{}", startup::describe_pool(&engine));
        return startup::judge(&report, engine.policy());
    }
    match &args.transport {
        Transport::Binder => startup::serve_over_binder(&engine, ALLOCATOR_INSTANCE)?,
        Transport::Socket(path) => {
            let service = adapter::binder(&engine).context("the statistics")?;
            let server = SocketServer::bind(path, SocketOptions::default()).context("socket")?;
            server.serve(&service).context("socket")?;
        }
    }
    Ok(())
}
