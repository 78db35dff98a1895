//! One test: its name, what it demands, how it runs and ends.

use crate::subject::Subject;

pub use crate::subject::Skip;

/// What a test returns; it fails by panicking.
pub type Verdict = Result<(), Skip>;

/// One test.
#[derive(Clone, Copy)]
pub struct Test {
    /// `group::name`.
    pub name: &'static str,
    /// What it demands, in a sentence.
    pub demand: &'static str,
    pub(crate) run: fn(&Subject) -> Verdict,
}

impl Test {
    /// A test that runs `run`.
    pub const fn new(name: &'static str, demand: &'static str, run: fn(&Subject) -> Verdict) -> Test {
        Test { name, demand, run }
    }
}

/// Makes tests out of functions `fn(&Subject) -> Verdict`, named `group::function`.
#[macro_export]
macro_rules! tests {
    ($group:literal: $($function:ident = $demand:literal),* $(,)?) => {
        vec![$($crate::case::Test::new(concat!($group, "::", stringify!($function)), $demand, $function)),*]
    };
}
