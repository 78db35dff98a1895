//! The service, through its public contract: what it answers, and that nothing is left behind.

// Tests: a failed unwrap is a failed test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "service/agreement.rs"]
mod agreement;
#[path = "service/answers.rs"]
mod answers;
#[path = "service/bad_input.rs"]
mod bad_input;
#[path = "service/budgets.rs"]
mod budgets;
#[path = "service/chaos.rs"]
mod chaos;
#[path = "service/contiguous.rs"]
mod contiguous;
#[path = "service/crowd.rs"]
mod crowd;
#[path = "service/dumping.rs"]
mod dumping;
#[path = "service/faults.rs"]
mod faults;
#[path = "service/heaps.rs"]
mod heaps;
#[path = "service/hostile.rs"]
mod hostile;
#[path = "service/lost.rs"]
mod lost;
#[path = "service/names.rs"]
mod names;
#[path = "service/planted.rs"]
mod planted;
#[path = "service/policies.rs"]
mod policies;
#[path = "service/ready.rs"]
mod ready;
#[path = "service/releases.rs"]
mod releases;
#[path = "service/shortage.rs"]
mod shortage;
#[path = "service/standing.rs"]
mod standing;
#[path = "service/statistics.rs"]
mod statistics;
#[path = "service/tracing.rs"]
mod tracing;
#[path = "service/vendor.rs"]
mod vendor;
#[path = "service/views.rs"]
mod views;

use service_tests::{helper, suite};
use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(code) = helper::main_if_helper() {
        return code;
    }
    let groups = [
        answers::tests(),
        bad_input::tests(),
        names::tests(),
        agreement::tests(),
        policies::tests(),
        heaps::tests(),
        shortage::tests(),
        budgets::tests(),
        ready::tests(),
        crowd::tests(),
        dumping::tests(),
        hostile::tests(),
        chaos::tests(),
        planted::tests(),
        standing::tests(),
        contiguous::tests(),
        statistics::tests(),
        tracing::tests(),
        vendor::tests(),
        views::tests(),
        releases::tests(),
        faults::tests(),
        lost::tests(),
    ];
    suite::main(groups.into_iter().flatten().collect())
}
