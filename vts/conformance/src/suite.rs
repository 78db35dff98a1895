//! Runs the tests in order, each in a process of its own.

mod alone;

use crate::case::{Skip, Test, Verdict};
use crate::options::Options;
use crate::subject::{with_shared, Target};
use conformance_trials::{Ended, Failed};
use std::fmt::Write as _;
use std::process::ExitCode;

/// Runs what the command line says.
pub fn run(options: &Options) -> ExitCode {
    let mut tests = crate::tests::all();
    if let Some(unknown) = options.only.iter().find(|name| !tests.iter().any(|test| test.name == *name)) {
        eprintln!("error: --only {unknown}: no test is called so; --list names them");
        return ExitCode::FAILURE;
    }
    tests.retain(|test| options.only.is_empty() || options.only.iter().any(|name| name == test.name));
    if options.table {
        print!("{}", markdown(&tests));
        return ExitCode::SUCCESS;
    }
    if options.run.list {
        return conformance_trials::run(&options.run, trials(&tests, options, None));
    }
    let target = match Target::find(options) {
        Ok(target) => target,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    if options.dump {
        return print_dump(&target);
    }
    if let Some(name) = &options.run_one {
        return run_one(&tests, name, &target);
    }
    eprintln!("allocator: {}\nmapper: {}", target.transport, target.mapper.display());
    // One after the other: a test may restart the allocator, others compare figures of a process before and after.
    conformance_trials::run(&options.run, trials(&tests, options, Some(&target)))
}

fn trials(tests: &[Test], options: &Options, target: Option<&Target>) -> Vec<conformance_trials::Test> {
    let trial = |test: &Test| {
        let (test, options, target) = (*test, options.clone(), target.cloned());
        conformance_trials::Test::new(test.name, move || {
            let target = target.as_ref().ok_or("no target")?;
            let verdict =
                if options.in_process { in_process(&test, target) } else { alone::run(&test, target, &options) };
            match verdict? {
                Ok(()) => Ok(Ended::Passed),
                Err(Skip(reason)) if options.may_skip() => Ok(Ended::Skipped(reason)),
                Err(Skip(reason)) => Err(Failed::from(format!("skips are forbidden here, and: {reason}"))),
            }
        })
    };
    tests.iter().map(trial).collect()
}

fn in_process(test: &Test, target: &Target) -> Result<Verdict, Failed> {
    with_shared(target, test.run).map_err(|error| Failed::from(error.to_string()))
}

/// What the mapper says of a buffer, for other tools.
fn print_dump(target: &Target) -> ExitCode {
    let dump = target.open().map_err(|error| error.to_string());
    match dump.and_then(|subject| crate::tests::dump_of_a_buffer(&subject)) {
        Ok(lines) => {
            print!("{lines}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The test that this process was started for.
fn run_one(tests: &[Test], name: &str, target: &Target) -> ExitCode {
    let Some(test) = tests.iter().find(|test| test.name == name) else {
        eprintln!("error: no test is called {name}");
        return ExitCode::FAILURE;
    };
    let subject = match target.open() {
        Ok(subject) => subject,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    match (test.run)(&subject) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Skip(reason)) => {
            println!("{reason}");
            ExitCode::from(alone::SKIPPED)
        }
    }
}

/// One line of a table.
pub fn row(cells: &[&str]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

/// The tests as a table for people.
fn markdown(tests: &[Test]) -> String {
    let mut text = row(&["test", "demand"]) + &row(&["---", "---"]);
    for test in tests {
        let _ = write!(text, "{}", row(&[&format!("`{}`", test.name), test.demand]));
    }
    text
}
