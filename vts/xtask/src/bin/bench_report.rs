//! Makes the benchmark's table, rows and picture of its samples, which may be in several files. A program of its own, run by `cargo xtask bench`, so
//! that no other command has to wait for a drawing library to be built.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{bail, Result};
use vts_bench::report;
use vts_bench::samples::Samples;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, first, more @ ..] = arguments.as_slice() else { bail!("usage: bench_report FOLDER SAMPLES.json…") };
    let mut samples = Samples::read(Path::new(first))?;
    for more in more {
        Samples::read(Path::new(more))?.rows.into_iter().for_each(|row| samples.put(row));
    }
    print!("{}", report::write(&samples, Path::new(folder))?);
    Ok(())
}
