//! Outcomes of tests, wherever they ran, and the summary at the end.

use std::collections::BTreeSet;

/// How one test ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It held.
    Passed,
    /// It did not.
    Failed,
    /// It could not run there, and says why.
    Skipped(String),
}

/// One test in one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Package and test program, `package::target`.
    pub(crate) program: String,
    /// Where: "native", "guest as uid 0".
    pub(crate) place: String,
    /// The test's name.
    pub(crate) test: String,
    /// How it ended.
    pub(crate) verdict: Verdict,
}

/// All outcomes of a run.
#[derive(Debug, Default)]
pub(crate) struct Report {
    outcomes: Vec<Outcome>,
}

impl Report {
    /// Adds what one program reported.
    pub(crate) fn add(&mut self, outcomes: Vec<Outcome>) {
        self.outcomes.extend(outcomes);
    }

    /// Whether any test failed.
    pub(crate) fn has_failures(&self) -> bool {
        self.outcomes.iter().any(|outcome| outcome.verdict == Verdict::Failed)
    }

    /// The lines that end a run: what failed, what was skipped everywhere and why, and the counts. A test that was
    /// skipped in one place and ran in another is not skipped; one that ran in two places counts twice.
    pub(crate) fn summary(&self) -> Vec<String> {
        let named = |outcome: &Outcome| format!("{} {} ({})", outcome.program, outcome.test, outcome.place);
        let mut lines = Vec::new();
        let failed: Vec<_> = self.outcomes.iter().filter(|outcome| outcome.verdict == Verdict::Failed).collect();
        lines.extend(failed.iter().map(|outcome| format!("failed: {}", named(outcome))));
        let ran: BTreeSet<_> = self
            .outcomes
            .iter()
            .filter(|outcome| !matches!(outcome.verdict, Verdict::Skipped(_)))
            .map(|outcome| (&outcome.program, &outcome.test))
            .collect();
        let mut skipped = BTreeSet::new();
        for outcome in &self.outcomes {
            let Verdict::Skipped(reason) = &outcome.verdict else { continue };
            let key = (&outcome.program, &outcome.test);
            if !ran.contains(&key) && skipped.insert(key) {
                lines.push(format!("skipped: {}: {reason}", named(outcome)));
            }
        }
        let passed = self.outcomes.iter().filter(|outcome| outcome.verdict == Verdict::Passed).count();
        lines.push(format!("{passed} passed, {} failed, {} skipped", failed.len(), skipped.len()));
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(place: &str, test: &str, verdict: Verdict) -> Outcome {
        Outcome { program: "p".to_owned(), place: place.to_owned(), test: test.to_owned(), verdict }
    }

    #[test]
    fn summary_counts_runs_and_only_tests_skipped_everywhere() {
        let mut report = Report::default();
        report.add(vec![
            outcome("native", "a", Verdict::Passed),
            outcome("native", "b", Verdict::Skipped("no heap".to_owned())),
            outcome("native", "c", Verdict::Skipped("no CMA".to_owned())),
        ]);
        assert!(!report.has_failures());
        report.add(vec![
            outcome("guest", "a", Verdict::Failed),
            outcome("guest", "b", Verdict::Passed),
            outcome("guest", "c", Verdict::Skipped("no CMA".to_owned())),
        ]);
        assert!(report.has_failures());
        assert_eq!(
            report.summary(),
            ["failed: p a (guest)", "skipped: p c (native): no CMA", "2 passed, 1 failed, 1 skipped"]
        );
    }
}
