//! Outcomes of tests, wherever they ran, and the summary at the end.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// What a guest's place begins with; its kernel follows, and the user.
pub(crate) const GUEST: &str = "guest ";
/// What stands between the two.
const USER: &str = " as uid ";

/// How one test ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Verdict {
    /// It held.
    Passed,
    /// It did not.
    Failed,
    /// It could not run there, and says why.
    Skipped(String),
}

/// One test in one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// Package and test program, `package::target`.
    pub(crate) program: String,
    /// Where: "native", "guest 6.12.117 (x86_64, pages of 4 KiB) as uid 0".
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

    /// Whether no test ran.
    pub(crate) fn is_empty(&self) -> bool {
        self.outcomes.is_empty()
    }

    /// Whether any test failed.
    pub(crate) fn has_failures(&self) -> bool {
        self.outcomes.iter().any(|outcome| outcome.verdict == Verdict::Failed)
    }

    /// All of them.
    pub(crate) fn into_outcomes(self) -> Vec<Outcome> {
        self.outcomes
    }

    /// What failed, and what was skipped everywhere and why. A test that was skipped in one place and ran in another is
    /// not skipped.
    pub(crate) fn failed_and_skipped(&self) -> Vec<String> {
        let named = |outcome: &Outcome| format!("{} {} ({})", outcome.program, outcome.test, outcome.place);
        let failed = self.outcomes.iter().filter(|outcome| outcome.verdict == Verdict::Failed);
        let failed = failed.map(|outcome| format!("failed: {}", named(outcome)));
        let skipped = self.skipped().into_iter();
        failed.chain(skipped.map(|(outcome, reason)| format!("skipped: {}: {reason}", named(outcome)))).collect()
    }

    /// `N passed, N failed, N skipped`; a test that ran in two places counts twice.
    pub(crate) fn counts(&self) -> String {
        let count = |verdict: Verdict| self.outcomes.iter().filter(|outcome| outcome.verdict == verdict).count();
        let (passed, failed) = (count(Verdict::Passed), count(Verdict::Failed));
        format!("{passed} passed, {failed} failed, {} skipped", self.skipped().len())
    }

    /// The tests that ran nowhere, each once, with the reason.
    fn skipped(&self) -> Vec<(&Outcome, &str)> {
        let mut seen: BTreeSet<_> = self
            .outcomes
            .iter()
            .filter(|outcome| !matches!(outcome.verdict, Verdict::Skipped(_)))
            .map(|outcome| (&outcome.program, &outcome.test))
            .collect();
        let mut skipped = Vec::new();
        for outcome in &self.outcomes {
            let Verdict::Skipped(reason) = &outcome.verdict else { continue };
            if seen.insert((&outcome.program, &outcome.test)) {
                skipped.push((outcome, reason.as_str()));
            }
        }
        skipped
    }
}

/// What came of the tests in guests, a row for each kernel and step, as a table in Markdown; none when no guest ran.
pub(crate) fn kernels<'a>(steps: impl Iterator<Item = (&'a str, &'a [Outcome])>) -> Option<String> {
    let mut rows: BTreeMap<(&str, &str), [usize; 3]> = BTreeMap::new();
    for (step, outcome) in steps.flat_map(|(step, outcomes)| outcomes.iter().map(move |outcome| (step, outcome))) {
        let kernel = outcome.place.strip_prefix(GUEST).and_then(|place| Some(place.split_once(USER)?.0));
        let Some(kernel) = kernel else { continue };
        let [passed, failed, skipped] = rows.entry((kernel, step)).or_default();
        *match outcome.verdict {
            Verdict::Passed => passed,
            Verdict::Failed => failed,
            Verdict::Skipped(_) => skipped,
        } += 1;
    }
    let line = |((kernel, step), [passed, failed, skipped]): ((&str, &str), [usize; 3])| {
        format!("| {kernel} | {step} | {passed} | {failed} | {skipped} |\n")
    };
    let head = "| kernel | step | passed | failed | skipped |\n|---|---|---|---|---|\n";
    (!rows.is_empty()).then(|| head.to_owned() + &rows.into_iter().map(line).collect::<String>())
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
        assert_eq!(report.failed_and_skipped(), ["failed: p a (guest)", "skipped: p c (native): no CMA"]);
        assert_eq!(report.counts(), "2 passed, 1 failed, 1 skipped");
        assert_eq!(kernels([("native", report.outcomes.as_slice())].into_iter()), None);
    }

    #[test]
    fn table_has_a_row_for_each_kernel_and_step_whoever_the_tests_ran_as() {
        let with_4k = [
            outcome("native", "a", Verdict::Passed),
            outcome("guest 6.12 (x86_64, pages of 4 KiB) as uid 0", "a", Verdict::Passed),
            outcome("guest 6.12 (x86_64, pages of 4 KiB) as uid 1000", "a", Verdict::Failed),
        ];
        let with_16k =
            [outcome("guest 6.12-16k (aarch64, pages of 16 KiB) as uid 0", "a", Verdict::Skipped("no".to_owned()))];
        let steps = [("guest", &with_4k[..]), ("guest-v3", &with_4k[1..2]), ("guest-arm64-16k", &with_16k)];
        let rows = "| 6.12 (x86_64, pages of 4 KiB) | guest | 1 | 1 | 0 |\n\
                    | 6.12 (x86_64, pages of 4 KiB) | guest-v3 | 1 | 0 | 0 |\n\
                    | 6.12-16k (aarch64, pages of 16 KiB) | guest-arm64-16k | 0 | 0 | 1 |\n";
        assert!(kernels(steps.into_iter()).unwrap().ends_with(rows));
    }
}
