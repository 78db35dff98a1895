//! Mappers and allocators that are broken on purpose fail the tests that are about their fault, and every test is failed
//! by one of them: so no test passes whatever it is given. What else a fault fails is left open: much of it depends on how
//! threads happen to run.
//!
//! The faults are made by `examples/broken_mapper` and `examples/broken_allocator`, in front of this project's own mapper
//! and service. What each one must at least fail stands in `mutants/mapper.rs` and `mutants/allocator.rs`.

// Tests: a failed unwrap is a failed test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "mutants/allocator.rs"]
mod allocator;
mod common;
#[path = "mutants/coverage.rs"]
mod coverage;
#[path = "mutants/mapper.rs"]
mod mapper;
#[path = "mutants/run.rs"]
mod run;

use libtest_mimic::{Arguments, Completion, Trial};
use run::{Built, Comparison, Kind};
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

/// One fault.
pub(crate) struct Mutant {
    /// As the example knows it.
    pub(crate) name: &'static str,
    /// Whether each test needs a process of its own: the fault crashes or hangs.
    pub(crate) alone: bool,
    /// The tests that must fail; `group::*` for a whole group.
    pub(crate) fails: &'static [&'static str],
}

impl Mutant {
    pub(crate) const fn new(name: &'static str, fails: &'static [&'static str]) -> Mutant {
        Mutant { name, alone: false, fails }
    }

    /// One that crashes or hangs.
    pub(crate) const fn crashing(name: &'static str, fails: &'static [&'static str]) -> Mutant {
        Mutant { name, alone: true, fails }
    }
}

fn main() -> ExitCode {
    let built: Arc<OnceLock<Built>> = Arc::default();
    let trial = |kind: Kind, mutant: &'static Mutant| {
        let built = built.clone();
        Trial::ignorable_test(format!("{}::{}", kind.word(), mutant.name), move || {
            let Comparison { missing, all_skipped } = run::compare(built.get_or_init(Built::new), kind, mutant);
            match missing.is_empty() {
                true if all_skipped => Ok(Completion::ignored_with("what it fails cannot run on this machine")),
                true => Ok(Completion::Completed),
                false => Err(format!("do not fail: {missing:#?}").into()),
            }
        })
    };
    let mappers = mapper::MUTANTS.iter().map(|mutant| trial(Kind::Mapper, mutant));
    let allocators = allocator::MUTANTS.iter().map(|mutant| trial(Kind::Allocator, mutant));
    let obedient = mapper::OBEDIENT.iter().map(|other| {
        let built = built.clone();
        Trial::test(format!("obedient::{}", other.name), move || {
            let Comparison { missing, .. } = run::compare(built.get_or_init(Built::new), Kind::Mapper, other);
            match missing.len() == run::expected(other).len() {
                true => Ok(()),
                false => Err(format!("fail or are skipped, but for {missing:#?}").into()),
            }
        })
    });
    let coverage = [
        Trial::test("every_test_is_failed_by_a_mutant", coverage::every_test_is_failed),
        Trial::test("readme_has_the_table", coverage::readme_has_the_table),
    ];
    libtest_mimic::run(
        &Arguments::from_args(),
        coverage.into_iter().chain(obedient).chain(mappers).chain(allocators).collect(),
    )
    .exit_code()
}
