//! Runs the conformance tests under libtest's command line and prints what the platform's runner reads: the crate that Soong links.
//!
//! # One name, two crates
//! The release of libtest-mimic that an Android tree carries (0.6) cannot count a test as skipped once it runs. So there
//! is a crate of this name and surface for each; the build graph picks.
//!
//! A skipped test therefore counts as passed, and the line `SKIP name: reason` says that it is none.

use libtest_mimic::Trial;
use std::process::ExitCode;

pub use libtest_mimic::{Arguments, Failed};

/// How a test ended that did not fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It held.
    Passed,
    /// It could not run, for this reason.
    Skipped(String),
}

/// A test in the making: its name and what it does.
pub struct Test {
    trial: Trial,
}

impl Test {
    /// Takes both.
    pub fn new(name: &str, run: impl FnOnce() -> Result<Ended, Failed> + Send + 'static) -> Test {
        let named = name.to_owned();
        let run = move || {
            if let Ended::Skipped(reason) = run()? {
                println!("SKIP {named}: {reason}");
            }
            Ok(())
        };
        Test { trial: Trial::test(name, run) }
    }
}

/// As libtest: the status of a run with failures.
const FAILURES: u8 = 101;

/// Lists or runs them, one after the other.
pub fn run(arguments: &Arguments, tests: Vec<Test>) -> ExitCode {
    let mut arguments = arguments.clone();
    arguments.test_threads = Some(1);
    let conclusion = libtest_mimic::run(&arguments, tests.into_iter().map(|test| test.trial).collect());
    if conclusion.has_failed() {
        ExitCode::from(FAILURES)
    } else {
        ExitCode::SUCCESS
    }
}
