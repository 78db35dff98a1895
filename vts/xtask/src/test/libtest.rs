//! Reads what a test program prints: libtest's text format, which libtest-mimic shares, or nothing of the kind.
//!
//! One reader for both places, since in a guest there is no Cargo, and so no cargo-nextest. Not `--format json`: there
//! libtest-mimic leaves out why a test was ignored.
//!
//! A test of ours that cannot run where it is says so with a line `SKIP: reason` and exits with 0; in libtest's words it
//! passed, in ours it was skipped. `SKIP what: reason` names a part; the test counts by its other parts. A program
//! without libtest's form is one test, named after the program.

use crate::report::{Outcome, Verdict};
use vm_harness::protocol::Status;

/// An ignored test with such a reason is a helper process of another test, not a test.
const HELPER: &str = "run by another test";

/// What has been read so far.
pub(crate) struct Parser {
    program: String,
    place: String,
    found: Vec<(String, Verdict)>,
    /// A test whose verdict stands on a later line, after its own output.
    pending: Option<String>,
    /// The test whose output is being shown.
    section: Option<String>,
    /// Reasons that stand outside of any test's output.
    reasons: Vec<String>,
    /// How many tests the program itself says passed, failed and were ignored.
    counted: Option<[usize; 3]>,
    /// Several programs speak, one after the other.
    several: bool,
    /// The same as read.
    read: [usize; 3],
    /// All verdicts are given; what follows is output, which may itself look like a test program's.
    listing: bool,
}

impl Parser {
    /// Nothing read yet.
    pub(crate) fn new(program: &str, place: &str) -> Self {
        Self {
            program: program.to_owned(),
            place: place.to_owned(),
            found: Vec::new(),
            pending: None,
            section: None,
            reasons: Vec::new(),
            counted: None,
            read: [0; 3],
            listing: false,
            several: false,
        }
    }

    /// Nothing read yet of several programs that run one after the other, as `cargo test --doc` has one a package: their
    /// own counts add up.
    pub(crate) fn of_several(program: &str, place: &str) -> Self {
        Self { several: true, ..Self::new(program, place) }
    }

    /// Takes one line of standard output.
    pub(crate) fn line(&mut self, line: &str) {
        let line = line.trim_end();
        if let Some(result) = line.strip_prefix("test result: ") {
            let counted = counts(result);
            if self.several {
                self.counted = added(self.counted, counted);
                self.listing = false;
            } else {
                // The last one is the program's own; those before are in the output of its tests.
                self.counted = counted;
            }
        } else if line == "successes:" || line == "failures:" {
            self.listing = true;
        } else if let Some(name) = line.strip_prefix("---- ").and_then(|rest| rest.strip_suffix(" stdout ----")) {
            self.section = Some(name.to_owned());
        } else if self.listing {
            self.skip_line(line);
        } else if let Some((name, rest)) = line.strip_prefix("test ").and_then(|rest| rest.split_once(" ...")) {
            let name = name.trim().to_owned();
            match verdict(rest) {
                Some(verdict) => self.found(name, verdict),
                None => {
                    self.skip_line(rest);
                    self.pending = Some(name);
                }
            }
        } else if let Some(verdict) = verdict(line).filter(|_| self.pending.is_some()) {
            if let Some(name) = self.pending.take() {
                self.found(name, verdict);
            }
        } else {
            self.skip_line(line);
        }
    }

    fn found(&mut self, name: String, verdict: Verdict) {
        let [passed, failed, ignored] = &mut self.read;
        let count = match &verdict {
            Verdict::Passed => passed,
            Verdict::Failed => failed,
            Verdict::Skipped(_) => ignored,
        };
        *count = count.saturating_add(1);
        self.found.push((name, verdict));
    }

    /// A line of a test's own output that says it is skipped.
    fn skip_line(&mut self, line: &str) {
        let Some(reason) = skip_reason(line) else { return };
        match &self.section {
            None => self.reasons.push(reason.to_owned()),
            Some(name) => {
                if let Some(test) = self.found.iter_mut().find(|(found, _)| found == name) {
                    if test.1 == Verdict::Passed {
                        test.1 = Verdict::Skipped(reason.to_owned());
                    }
                }
            }
        }
    }

    /// The outcomes, now that the program has ended.
    pub(crate) fn finish(mut self, status: &Status) -> Vec<Outcome> {
        let good = status.success();
        if let Some(name) = self.pending.take() {
            self.found.push((name, Verdict::Failed));
        }
        if self.counted.is_none() && self.found.is_empty() {
            let verdict = match (good, self.reasons.first()) {
                (false, _) => Verdict::Failed,
                (true, Some(reason)) => Verdict::Skipped(reason.clone()),
                (true, None) => Verdict::Passed,
            };
            self.found.push(("(the program)".to_owned(), verdict));
        } else if !good && !self.found.iter().any(|(_, verdict)| *verdict == Verdict::Failed) {
            self.found.push((format!("(the program: {status})"), Verdict::Failed));
        }
        if let Some(counted) = self.counted.filter(|counted| *counted != self.read) {
            // What was not understood must not pass for good.
            let why = format!("(the program counts {counted:?} passed, failed, ignored; read {:?})", self.read);
            self.found.push((why, Verdict::Failed));
        }
        let is_test = |verdict: &Verdict| !matches!(verdict, Verdict::Skipped(reason) if reason.starts_with(HELPER));
        let (program, place) = (self.program, self.place);
        self.found
            .into_iter()
            .filter(|(_, verdict)| is_test(verdict))
            .map(|(test, verdict)| Outcome { program: program.clone(), place: place.clone(), test, verdict })
            .collect()
    }
}

/// The counts of two programs; none when either is not understood.
fn added(before: Option<[usize; 3]>, more: Option<[usize; 3]>) -> Option<[usize; 3]> {
    let (Some([passed, failed, ignored]), Some(more)) = (before.or(Some([0; 3])), more) else { return None };
    let [more_passed, more_failed, more_ignored] = more;
    Some([passed.saturating_add(more_passed), failed.saturating_add(more_failed), ignored.saturating_add(more_ignored)])
}

/// The first three numbers of `ok. 3 passed; 0 failed; 1 ignored; …`.
fn counts(result: &str) -> Option<[usize; 3]> {
    let mut numbers = result.split([' ', ';']).filter_map(|word| word.parse().ok());
    Some([numbers.next()?, numbers.next()?, numbers.next()?])
}

fn verdict(text: &str) -> Option<Verdict> {
    // `ok <0.1s>` with --report-time.
    match text.split(" <").next().unwrap_or(text).trim() {
        "ok" => Some(Verdict::Passed),
        "FAILED" | "failed" => Some(Verdict::Failed),
        "ignored" => Some(Verdict::Skipped("no reason given".to_owned())),
        other => {
            // libtest writes `ignored, reason`, libtest-mimic `ignored (reason)`.
            let mimic = || other.strip_prefix("ignored (")?.strip_suffix(')');
            let reason = other.strip_prefix("ignored, ").or_else(mimic);
            reason.map(|reason| Verdict::Skipped(reason.to_owned()))
        }
    }
}

/// The reason in `SKIP: reason`; a line that names only a part of a test is none.
fn skip_reason(line: &str) -> Option<&str> {
    let (word, reason) = line.trim().split_once(':')?;
    (word.eq_ignore_ascii_case("skip") || word.eq_ignore_ascii_case("skipped")).then_some(reason.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, status: Status) -> Vec<(String, Verdict)> {
        let mut parser = Parser::new("p", "native");
        text.lines().for_each(|line| parser.line(line));
        parser.finish(&status).into_iter().map(|outcome| (outcome.test, outcome.verdict)).collect()
    }

    fn skipped(reason: &str) -> Verdict {
        Verdict::Skipped(reason.to_owned())
    }

    #[test]
    fn skip_in_a_tests_output_makes_it_skipped_but_not_of_a_part() {
        let text = "running 4 tests\n\
            test a ... ok\n\
            test b ... ok\n\
            test c ... ignored, needs a CMA heap\n\
            test d ... ignored, run by another test, as another user\n\
            \nsuccesses:\n\n---- a stdout ----\nSKIP: no /dev/udmabuf\n\n---- b stdout ----\nSKIP udmabuf: absent\n\n\
            successes:\n    a\n    b\n\ntest result: ok. 2 passed; 0 failed; 2 ignored; 0 measured\n";
        assert_eq!(
            read(text, Status::Exited(0)),
            [
                ("a".to_owned(), skipped("no /dev/udmabuf")),
                ("b".to_owned(), Verdict::Passed),
                ("c".to_owned(), skipped("needs a CMA heap")),
            ]
        );
    }

    #[test]
    fn verdict_after_a_tests_own_output_is_found() {
        let text = "test bad::input ... a line of its own\nanother\nFAILED\ntest good ... ok\n\
            test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured\n";
        let got = read(text, Status::Exited(101));
        assert_eq!(got, [("bad::input".to_owned(), Verdict::Failed), ("good".to_owned(), Verdict::Passed)]);
    }

    #[test]
    fn output_that_looks_like_a_test_program_counts_for_nothing() {
        let text = "test outer ... ok\n\nsuccesses:\n\n---- outer stdout ----\nrunning 1 test\ntest inner ... ok\n\n\
            test result: ok. 1 passed; 0 failed\nSKIP: after all\n\nsuccesses:\n    outer\n\ntest result: ok. 1 passed; 0 failed; 0 ignored\n";
        assert_eq!(read(text, Status::Exited(0)), [("outer".to_owned(), skipped("after all"))]);
    }

    #[test]
    fn program_that_dies_fails_even_with_all_its_tests_passed() {
        let got = read("test a ... ok\n", Status::Signalled(11));
        assert_eq!(got.last().map(|(_, verdict)| verdict), Some(&Verdict::Failed));
        let got = read("test a ... ok\ntest b ... ", Status::Signalled(11));
        assert_eq!(got.last(), Some(&("b".to_owned(), Verdict::Failed)));
    }

    #[test]
    fn ignored_tests_of_either_form_are_read_with_their_reasons() {
        let text = "test a    ... ignored (no binder)\ntest b ... ignored, no heap\ntest c ... ignored\n\
            test result: ok. 0 passed; 0 failed; 3 ignored; 0 measured\n";
        let expected = [("a", "no binder"), ("b", "no heap"), ("c", "no reason given")];
        let expected = expected.map(|(name, reason)| (name.to_owned(), skipped(reason)));
        assert_eq!(read(text, Status::Exited(0)), expected);
    }

    #[test]
    fn verdict_that_is_not_understood_fails_the_program() {
        let text = "test a ... marvellous\ntest b ... ok\ntest result: ok. 2 passed; 0 failed; 0 ignored\n";
        let got = read(text, Status::Exited(0));
        assert!(got.iter().any(|(name, verdict)| name.contains("[2, 0, 0]") && *verdict == Verdict::Failed), "{got:?}");
    }

    #[test]
    fn program_without_libtests_form_is_one_test() {
        assert_eq!(read("ok: x\n", Status::Exited(0)), [("(the program)".to_owned(), Verdict::Passed)]);
        assert_eq!(read("", Status::TimedOut), [("(the program)".to_owned(), Verdict::Failed)]);
        let got = read("skip: this machine has no binder driver\n", Status::Exited(0));
        assert_eq!(got, [("(the program)".to_owned(), skipped("this machine has no binder driver"))]);
    }

    #[test]
    fn counts_of_several_programs_add_up() {
        let mut parser = Parser::of_several("documentation", "here");
        for line in [
            "running 1 test",
            "test src/lib.rs - (line 4) - compile ... ok",
            "test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.03s",
            "running 0 tests",
            "test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
        ] {
            parser.line(line);
        }
        let outcomes = parser.finish(&Status::Exited(0));
        assert_eq!(outcomes.len(), 1, "{outcomes:?}");
    }
}
