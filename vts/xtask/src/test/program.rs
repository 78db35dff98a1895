//! One test program's run: its output goes to the log and is read; the end of it is shown when a test failed.

use std::time::Instant;

use vm_harness::progress::Progress;
use vm_harness::protocol::Status;

use super::libtest::Parser;
use crate::report::{Outcome, Report};

/// How much of a failed program's output is shown.
const SHOWN_LINES: usize = 120;

/// A program that runs.
pub(super) struct Program<'a> {
    progress: &'a Progress,
    name: String,
    place: String,
    parser: Parser,
    /// Where its output begins in the log.
    log_from: u64,
    start: Instant,
    /// When the test before ended.
    last: Instant,
}

impl<'a> Program<'a> {
    /// Nothing read yet of `package::target`.
    pub(super) fn new(progress: &'a Progress, name: &str, place: &str) -> Self {
        let (name, place) = (name.to_owned(), place.to_owned());
        let parser = Parser::new(&name, &place);
        let now = Instant::now();
        Self { progress, name, place, parser, log_from: progress.log_length(), start: now, last: now }
    }

    /// Nothing read yet of several programs that run one after the other, as `cargo test --doc` has one a package.
    pub(super) fn several(progress: &'a Progress, name: &str, place: &str) -> Self {
        let program = Self::new(progress, name, place);
        Self { parser: Parser::of_several(name, place), ..program }
    }

    /// A line of its standard output. In the log each test's end has the seconds since the one before: where tests run one after
    /// the other, what it took.
    pub(super) fn output(&mut self, line: &str) {
        if line.starts_with("test ") && line.contains(" ... ") {
            println!("{line} ({:.1} s)", self.last.elapsed().as_secs_f64());
            self.last = Instant::now();
        } else {
            println!("{line}");
        }
        self.parser.line(line);
    }

    /// Its end: tells how it went.
    pub(super) fn finish(self, status: &Status) -> Vec<Outcome> {
        let Self { progress, name, place, parser, log_from, start, .. } = self;
        let mut report = Report::default();
        report.add(parser.finish(status));
        let seconds = start.elapsed().as_secs_f64();
        progress.step(format_args!("{place}: {name}: {} ({seconds:.1} s)", report.counts()));
        if *status != Status::Exited(0) {
            progress.step(format_args!("{place}: {name}: {status}"));
        }
        if report.has_failures() {
            progress.step(format_args!("{place}: {name} said{}", progress.said_since(log_from, SHOWN_LINES)));
        }
        report.into_outcomes()
    }
}
