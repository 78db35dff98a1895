//! Makes the benchmark's table, rows and picture of its samples. A program of its own, run by `cargo xtask bench`, so
//! that no other command has to wait for a drawing library to be built.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{bail, Context as _, Result};
use vts_bench::report;

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
    let [samples, folder] = arguments.as_slice() else { bail!("usage: bench_report SAMPLES.json FOLDER") };
    let text = std::fs::read_to_string(samples).with_context(|| samples.clone())?;
    let samples = serde_json::from_str(&text).with_context(|| samples.clone())?;
    print!("{}", report::write(&samples, Path::new(folder))?);
    Ok(())
}
