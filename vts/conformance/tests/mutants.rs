//! Mappers and allocators that are broken on purpose fail the tests that are about their fault, and every test is failed
//! by one of them: so no test passes whatever it is given. What else a fault fails is left open: much of it depends on how
//! threads happen to run.
//!
//! The faults are made by `examples/broken_mapper` and `examples/broken_allocator`, in front of this project's own mapper
//! and service. What each one must at least fail stands in `mutants/mapper.rs`, `mutants/allocator.rs` and, for a build of IAllocator
//! V3, in [`views`].

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
            let Comparison { missing, all_skipped, .. } = run::compare(built.get_or_init(Built::new), kind, mutant);
            match missing.is_empty() {
                true if all_skipped => Ok(Completion::ignored_with("what it fails cannot run on this machine")),
                true => Ok(Completion::Completed),
                false => Err(format!("do not fail: {missing:#?}").into()),
            }
        })
    };
    // What is no fault passes, or is skipped with a reason that has these words.
    let obedient = |kind: Kind, other: &'static Mutant, words: Option<&'static str>| {
        let built = built.clone();
        Trial::test(format!("obedient::{}::{}", kind.word(), other.name), move || {
            let Comparison { failed, skipped, .. } = run::compare(built.get_or_init(Built::new), kind, other);
            let as_it_should = |name: &String| match (words, skipped.get(name)) {
                (None, None) => !failed.contains(name),
                (Some(words), Some(why)) => why.contains(words),
                _ => false,
            };
            let wrong: Vec<_> = run::expected(other).into_iter().filter(|name| !as_it_should(name)).collect();
            match wrong.is_empty() {
                true => Ok(()),
                false => Err(format!("{wrong:#?}; skipped: {skipped:#?}; {words:?}").into()),
            }
        })
    };
    let mut trials = vec![
        Trial::test("every_test_is_failed_by_a_mutant", coverage::every_test_is_failed),
        Trial::test("readme_has_the_table", coverage::readme_has_the_table),
    ];
    if cfg!(feature = "v3") {
        trials.extend(views::MUTANTS.iter().map(|mutant| trial(Kind::Views, mutant)));
        trials.extend(views::OBEDIENT.iter().map(|other| obedient(Kind::Views, other, None)));
        trials.extend(views::WITHOUT.iter().map(|(other, words)| obedient(Kind::Mapper, other, Some(words))));
    }
    trials.extend(mapper::OBEDIENT.iter().map(|other| obedient(Kind::Mapper, other, None)));
    trials.extend(allocator::OBEDIENT.iter().map(|other| obedient(Kind::Allocator, other, None)));
    trials.extend(allocator::WITHOUT.iter().map(|(other, words)| obedient(Kind::Allocator, other, Some(words))));
    trials.extend(mapper::MUTANTS.iter().map(|mutant| trial(Kind::Mapper, mutant)));
    trials.extend(allocator::MUTANTS.iter().map(|mutant| trial(Kind::Allocator, mutant)));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// A pair that has buffers of two views, and its faults: the allocator `makes-views`, with the mapper of version 6 that is named.
/// `promises-views` is an allocator that has none.
mod views {
    use super::Mutant;

    const VIEWS: &[&str] = &["mapper::GetBaseView", "mapper::ImportViewBuffer", "mapper::GetMultiViewInfo"];

    pub(crate) const MUTANTS: &[Mutant] = &[
        Mutant::new("promises-views", VIEWS),
        Mutant::new("views-backwards", &["mapper::GetMultiViewInfo"]),
        Mutant::new("base-view-is-the-second", &["mapper::GetBaseView", "mapper::ImportViewBuffer"]),
        Mutant::new("imports-no-view", &["mapper::ImportViewBuffer"]),
    ];

    /// No fault: the tests pass.
    pub(crate) const OBEDIENT: &[Mutant] = &[Mutant::new("has-views", VIEWS)];

    /// Over this project's own service of V3, which makes no such buffers.
    pub(crate) const WITHOUT: &[(Mutant, &str)] = &[(Mutant::new("has-views", VIEWS), "isMultiViewSupported is false")];
}
