//! What cargo-mutants writes into `outcomes.json`.

use std::fmt;

use anyhow::Result;
use serde::{Deserialize, Serialize};

/// The file.
#[derive(Deserialize)]
pub(super) struct Outcome {
    outcomes: Vec<One>,
}

#[derive(Deserialize)]
struct One {
    scenario: Scenario,
    summary: Summary,
}

#[derive(Deserialize)]
enum Scenario {
    /// The tests without a mutant: cargo-mutants gives up when they fail.
    Baseline,
    Mutant(Mutant),
}

#[derive(Deserialize)]
struct Mutant {
    name: String,
    file: String,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
enum Summary {
    Success,
    CaughtMutant,
    MissedMutant,
    Unviable,
    Failure,
    Timeout,
}

/// A file's line of the table.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Figures {
    pub(super) file: String,
    pub(super) mutants: usize,
    pub(super) caught: usize,
    pub(super) timeouts: usize,
    pub(super) missed: usize,
    pub(super) unviable: usize,
}

impl Outcome {
    pub(super) fn read(text: &str) -> Result<Outcome> {
        Ok(serde_json::from_str(text)?)
    }

    fn mutants(&self) -> impl Iterator<Item = (&Mutant, Summary)> {
        self.outcomes.iter().filter_map(|one| match &one.scenario {
            Scenario::Mutant(mutant) => Some((mutant, one.summary)),
            Scenario::Baseline => None,
        })
    }

    /// The mutants that no test minded.
    pub(super) fn missed(&self) -> Vec<String> {
        let missed = self.mutants().filter(|(_, summary)| *summary == Summary::MissedMutant);
        missed.map(|(mutant, _)| mutant.name.clone()).collect()
    }

    /// Figures of these files, also of those without a mutant.
    pub(super) fn figures(&self, files: &[&str]) -> Vec<Figures> {
        let of = |file: &&str| {
            let summaries: Vec<Summary> =
                self.mutants().filter(|(mutant, _)| mutant.file == *file).map(|(_, summary)| summary).collect();
            let count = |wanted| summaries.iter().filter(|summary| **summary == wanted).count();
            Figures {
                file: (*file).to_owned(),
                mutants: summaries.len(),
                caught: count(Summary::CaughtMutant),
                timeouts: count(Summary::Timeout),
                missed: count(Summary::MissedMutant),
                unviable: count(Summary::Unviable),
            }
        };
        files.iter().map(of).collect()
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Figures { file, mutants, caught, timeouts, missed, unviable } = self;
        write!(f, "| `{file}` | {mutants} | {caught} | {timeouts} | {missed} | {unviable} |")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mutants_are_counted_by_file_and_the_missed_named() {
        let one = |name: &str, file: &str, summary: &str| {
            format!(
                r#"{{"scenario":{{"Mutant":{{"name":"{name}","file":"{file}","genre":"FnValue"}}}},"summary":"{summary}"}}"#
            )
        };
        let all = [
            r#"{"scenario":"Baseline","summary":"Success","log_path":"log/baseline.log"}"#.to_owned(),
            one("first", "a.rs", "CaughtMutant"),
            one("second", "a.rs", "MissedMutant"),
            one("third", "a.rs", "Unviable"),
            one("fourth", "b.rs", "Timeout"),
        ];
        let outcome = Outcome::read(&format!(r#"{{"outcomes":[{}],"total_mutants":4}}"#, all.join(","))).unwrap();
        assert_eq!(outcome.missed(), ["second"]);
        let figures: Vec<String> = outcome.figures(&["a.rs", "b.rs", "c.rs"]).iter().map(Figures::to_string).collect();
        assert_eq!(
            figures,
            ["| `a.rs` | 3 | 1 | 0 | 1 | 1 |", "| `b.rs` | 1 | 0 | 1 | 0 | 0 |", "| `c.rs` | 0 | 0 | 0 | 0 | 0 |"]
        );
    }
}
