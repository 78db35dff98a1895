//! Runs the conformance tests under libtest's command line and prints what `cargo test` reads: the crate that Cargo links.
//!
//! # One name, two crates
//! The release of libtest-mimic that an Android tree carries (0.6) cannot count a test as skipped once it runs. So there
//! is a crate of this name and surface for each; the build graph picks.

use libtest_mimic::{Completion, Trial};
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
        let run = move || {
            Ok(match run()? {
                Ended::Passed => Completion::Completed,
                Ended::Skipped(reason) => Completion::ignored_with(reason),
            })
        };
        Test { trial: Trial::ignorable_test(name, run) }
    }
}

/// Lists or runs them, one after the other.
pub fn run(arguments: &Arguments, tests: Vec<Test>) -> ExitCode {
    let mut arguments = arguments.clone();
    arguments.test_threads = Some(1);
    libtest_mimic::run(&arguments, tests.into_iter().map(|test| test.trial).collect()).exit_code()
}
