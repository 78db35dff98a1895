//! `heaps_compile [--deny-warnings] --output JSON TOML`: the step of an Android tree's build.

#![forbid(unsafe_code)]

use heaps_config::Severity;
use heaps_host::{expect, Source};
use std::fs;
use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "\
Lints a heap policy, runs its own expectations, and compiles it to the JSON that the allocator service loads.

Usage: heaps_compile [--deny-warnings] --output heaps.json POLICY.toml

Warnings are printed and let pass, unless --deny-warnings is given. After an error, or where
an [[expect]] does not hold, nothing is written. `heapctl lint` and `heapctl test` find the same, and show more.
";

struct Args {
    policy: String,
    output: String,
    deny_warnings: bool,
}

fn main() -> ExitCode {
    let args = match parse(std::env::args().skip(1)) {
        Ok(Some(args)) => args,
        Ok(None) => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(message) => {
            eprintln!("heaps_compile: {message}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn parse(arguments: impl Iterator<Item = String>) -> Result<Option<Args>, String> {
    let (mut policy, mut output, mut deny_warnings) = (None, None, false);
    let mut arguments = arguments;
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--output" | "-o" => output = Some(arguments.next().ok_or("--output needs a file")?),
            "--deny-warnings" => deny_warnings = true,
            "--help" | "-h" => return Ok(None),
            flag if flag.starts_with('-') => return Err(format!("unknown argument {flag}")),
            file if policy.is_none() => policy = Some(file.to_owned()),
            file => return Err(format!("one policy at a time, and {file} is the second")),
        }
    }
    let policy = policy.ok_or("no policy is given")?;
    let output = output.ok_or("no --output is given")?;
    Ok(Some(Args { policy, output, deny_warnings }))
}

fn run(args: &Args) -> Result<(), String> {
    let source = Source::read(Path::new(&args.policy)).map_err(|error| error.to_string())?;
    let linted = heaps_host::lint(source);
    eprint!("{}", linted.lines());
    let json = linted.compile().ok_or_else(|| format!("{}: not compiled", args.policy))?;
    let warnings = linted.count(Severity::Warning);
    if args.deny_warnings && warnings > 0 {
        return Err(format!("{}: not compiled: {warnings} warnings, which are denied", args.policy));
    }
    let outcomes = expect::run(&linted).unwrap_or_default();
    if let Some(unmet) = expect::unmet(&args.policy, &outcomes) {
        return Err(unmet);
    }
    let itself = fs::canonicalize(&args.output).is_ok_and(|to| fs::canonicalize(&args.policy).is_ok_and(|of| of == to));
    if itself {
        return Err(format!("--output {}: that is the policy itself", args.output));
    }
    fs::write(&args.output, json).map_err(|error| {
        // Half a policy is none; what is no file, such as /dev/full, stays.
        if fs::metadata(&args.output).is_ok_and(|there| there.is_file()) {
            let _ = fs::remove_file(&args.output);
        }
        format!("{}: {error}", args.output)
    })
}
