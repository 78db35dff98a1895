//! Every defence that can be taken out from outside, taken out: by a policy without the bound, or by what stands before the
//! service and does one harm. The test that shows the defence has to fail then, and to say what of.

use crate::{bad_input, budgets, chaos, crowd, dumping, names, shortage};
use fastrand::Rng;
use service_tests::harm::{unescaped, Harm};
use service_tests::mutant::Mutant;
use service_tests::place::root;
use service_tests::policy::PolicyText;
use service_tests::service::{Options, Service};
use service_tests::suite::{Test, Verdict};
use service_tests::{tests, with_few_asks};
use std::panic::{catch_unwind, set_hook, take_hook, AssertUnwindSafe};
use std::time::Duration;

pub(crate) fn tests() -> Vec<Test> {
    tests!["planted":
        service_that_keeps_an_fd_of_each_killed_client_is_seen,
        service_that_keeps_an_fd_of_an_answer_that_was_lost_is_seen,
        service_that_keeps_memory_of_each_call_is_seen,
        dump_that_shows_names_as_they_came_is_seen,
        log_that_shows_names_as_they_came_is_seen,
        statistics_for_everybody_are_seen,
        socket_without_a_bound_is_seen,
        budget_of_a_client_taken_out_is_seen,
        budget_of_all_clients_taken_out_is_seen,
        limit_of_a_request_taken_out_is_seen,
    ]
}

/// Runs a test where it has to fail, with these words.
fn fails(words: &str, test: impl FnOnce()) {
    // What is expected is no news on the error stream.
    let hook = take_hook();
    set_hook(Box::new(|_| {}));
    let outcome = catch_unwind(AssertUnwindSafe(|| with_few_asks(400, test)));
    set_hook(hook);
    let Err(panic) = outcome else { panic!("the test passes without the defence; it should say {words:?}") };
    let text = panic.downcast::<String>().map_or_else(|panic| (*panic.downcast::<&str>().unwrap()).to_owned(), |s| *s);
    let first = text.lines().next().unwrap_or_default();
    assert!(text.contains(words), "the test fails, but not of {words:?}: {text}");
    println!("without the defence the test fails: {:.200}", first);
}

/// Runs a test where it has to hold, before a service that nothing harms, and with the harm, where it has to fail with these
/// words.
fn holds_until(harm: Harm, words: &str, test: impl Fn(&Mutant)) -> Verdict {
    test(&Mutant::start(Harm::Nothing));
    let mutant = Mutant::start(harm);
    fails(words, || test(&mutant));
    Ok(())
}

fn service_that_keeps_an_fd_of_each_killed_client_is_seen() -> Verdict {
    const TIME: Duration = Duration::from_secs(2);
    let seed = || Rng::with_seed(7);
    holds_until(Harm::KeepsAnFdOfEachClient, "the clients are gone, their buffers are not", |mutant| {
        chaos::clients_killed_leave_nothing(mutant, &mut seed(), TIME);
    })
}

fn service_that_keeps_an_fd_of_an_answer_that_was_lost_is_seen() -> Verdict {
    holds_until(Harm::KeepsAnFdOfEachClient, "something is left behind", |mutant| {
        shortage::client_without_fds_loses_nothing_and_goes_on(mutant);
    })
}

fn service_that_keeps_memory_of_each_call_is_seen() -> Verdict {
    const CALLS: u32 = 20;
    holds_until(Harm::KeepsMemoryOfEachCall, "memory has grown", |mutant| crowd::flood(mutant, CALLS))
}

fn dump_that_shows_names_as_they_came_is_seen() -> Verdict {
    holds_until(Harm::ShowsNamesAsTheyCame, "a control byte in the dump", |mutant| {
        names::name_with_control_characters_forges_no_line(mutant);
    })
}

fn log_that_shows_names_as_they_came_is_seen() -> Verdict {
    let log = names::log_of_an_evil_name();
    names::assert_nothing_forged(&log);
    fails("evil", || names::assert_nothing_forged(&unescaped(&log)));
    Ok(())
}

fn statistics_for_everybody_are_seen() -> Verdict {
    root()?;
    let mutant = Mutant::start(Harm::TellsEverybody);
    fails("uid 10001: ok", || dumping::refused_to_others(&mutant, |_| 0));
    Ok(())
}

fn socket_without_a_bound_is_seen() -> Verdict {
    holds_until(Harm::LetsEverybodyIn, "80 of 80 got in", |mutant| crowd::connections_are_bounded(mutant))
}

fn without_budgets() -> Service {
    budgets::with_limits("request = \"256KiB\"")
}

fn budget_of_a_client_taken_out_is_seen() -> Verdict {
    let service = without_budgets();
    budgets::tracked(&service)?;
    fails("the budget bounds nothing", || budgets::client_budget_bounds(&service));
    Ok(())
}

fn budget_of_all_clients_taken_out_is_seen() -> Verdict {
    root()?;
    let service = budgets::with_limits("request = \"256KiB\"\nclient = \"256KiB\"");
    budgets::tracked(&service)?;
    fails("all clients together", || budgets::total_budget_bounds(&service));
    Ok(())
}

fn limit_of_a_request_taken_out_is_seen() -> Verdict {
    let limits = "request = \"65536GiB\"\nreserve = \"16MiB\"\nbuffers_per_request = 32".to_owned();
    let service = Service::start(&PolicyText { limits, ..PolicyText::default() }, &Options::default());
    // The machine's memory refuses it then, in other words.
    fails("\"limit\" is not in Refused", || bad_input::check("reserved_size_of_a_terabyte_is_unsupported", &service));
    Ok(())
}
