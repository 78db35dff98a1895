//! Names, order, skips.
//!
//! Tests run one after the other: many compare counts of the whole machine before and after.

use libtest_mimic::{run, Arguments, Completion, Failed, Trial};
use std::process::ExitCode;

/// Why a test cannot run here: printed as `ignored, REASON` and counted as ignored.
#[derive(Clone, Debug)]
pub struct Skip(pub String);

/// What a test returns; it fails by panicking.
pub type Verdict = Result<(), Skip>;

/// A named test.
pub struct Test {
    name: String,
    run: Box<dyn FnOnce() -> Verdict + Send>,
}

impl Test {
    /// A test that runs `body`.
    pub fn new(name: impl Into<String>, body: impl FnOnce() -> Verdict + Send + 'static) -> Test {
        Test { name: name.into(), run: Box::new(body) }
    }

    fn into_trial(self, may_skip: bool) -> Trial {
        let Test { name, run } = self;
        Trial::ignorable_test(name, move || match run() {
            Ok(()) => Ok(Completion::Completed),
            Err(Skip(reason)) if may_skip => Ok(Completion::ignored_with(reason)),
            Err(Skip(reason)) => Err(Failed::from(format!("skips are forbidden here, and: {reason}"))),
        })
    }
}

/// Runs the tests that the command line selects (`--help` lists what it can say).
pub fn main(tests: Vec<Test>) -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let may_skip = std::env::var_os("SERVICE_TESTS_NO_SKIP").is_none_or(|value| value != "1");
    run(&arguments, tests.into_iter().map(|test| test.into_trial(may_skip)).collect()).exit_code()
}
