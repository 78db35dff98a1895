//! 32-bit clients in a guest, beside the 64-bit service and 64-bit processes: one handle and one page of metadata for both.
//!
//! Built for i686, whose programs a PC's 64-bit kernel runs: the tests of the handle and of the mapper, and the conformance suite
//! with a mapper of its own width. The suite's allocator is the guest's service, over binder; its other process is the 64-bit suite
//! with the 64-bit mapper, so what the two show each other goes from one width to the other, both ways.

use std::path::Path;

use anyhow::{Context as _, Result};
use vm_harness::arch::I686;
use vm_harness::binaries::{self, TestProgram};
use vm_harness::guest::Guest;
use vm_harness::job::GuestCommand;
use vm_harness::prerequisites::{ensure, Need};
use vm_harness::rootfs::{MAPPER_32_PATH, MAPPER_PATH};
use vm_harness::toolchain::Cross;

use super::guest::{end, run_program, LIMIT};
use crate::aosp;
use crate::context::Context;
use crate::guest_options::{MachineArgs, Prepared};
use crate::report::{Outcome, Report, Verdict, GUEST};
use crate::service;

/// The packages whose own tests are built.
const TESTED: [&str; 2] = ["gralloc_buffer", service::MAPPER];
/// Their tests that the gate runs: what depends on a width. The others go through all there is, which takes minutes in an
/// emulator: `nightly` runs them.
const RUN: [&str; 6] = ["golden", "metadata_golden", "clients", "foreign", "hostile", "locking"];
/// Where programs of this width lie in the guest.
const FOLDER: &str = "/vendor/tests32";
/// The suite's program, and where it lies.
const PROGRAM: &str = "gralloc-conformance";
const SUITE: &str = "/vendor/tests32/gralloc-conformance";
/// The suite of the service's width.
const WIDE_SUITE: &str = "/vendor/tests/gralloc-conformance";
/// The groups of its tests that the gate runs: what processes of two widths have in common. `nightly` runs all of them.
const GROUPS: [&str; 3] = ["handles::", "regions::", "sharing::"];
/// As the tests of the other guests.
const SHOW: &str = "--show-output";

/// Builds, boots and runs them.
pub(super) fn run(context: &Context, machine: &MachineArgs, whole: bool, report: &mut Report) -> Result<()> {
    let cache = context.cache();
    ensure(&[Need::DpkgDeb, Need::Linker32, Need::Libc32], &cache, &context.progress)?;
    let mut prepared = Prepared::new(context, machine)?;
    context.progress.step("building 32-bit clients");
    let cross = Cross::get(&I686, &aosp::android_toolchain(context), &context.target, &context.progress)?;
    // All at once: what the suite and the tests share then has the same features, and is built once.
    let packages = [&TESTED, [service::CONFORMANCE].as_slice()].concat();
    let tests = if whole { vec!["--tests"] } else { RUN.iter().flat_map(|test| ["--test", test]).collect() };
    let targets = [&["--bin", PROGRAM], tests.as_slice()].concat();
    let ours = cross.build_programs(&context.workspace, &packages, &targets, &context.progress)?;
    context.progress.step("building the 64-bit service and suite");
    let wide = binaries::build_tests(&context.workspace, &[], &context.progress)?;
    service::add(context, &mut prepared.rootfs, &wide, "generic", &[])?;

    let mut put = |path: &str, from: &Path| -> Result<()> {
        // A folder for each file: both widths have programs of the same name.
        let slim = binaries::stripped(from, &cache.join("stripped").join(path.replace('/', "-")))?;
        Ok(prepared.rootfs.file(path, &slim)?)
    };
    put(MAPPER_32_PATH, service::mapper(&ours)?)?;
    put(SUITE, ours.program(service::CONFORMANCE, PROGRAM)?)?;
    put(WIDE_SUITE, wide.program(service::CONFORMANCE, PROGRAM).context("the 64-bit suite")?)?;
    let runs = |test: &&TestProgram| TESTED.contains(&test.package.as_str()) && runs(&test.target, whole);
    let tests: Vec<_> = ours.tests.iter().filter(runs).collect();
    let path = |package: &str, target: &str| format!("{FOLDER}/{package}-{target}");
    tests.iter().try_for_each(|test| put(&path(&test.package, &test.target), &test.path))?;

    let guest = prepared.boot(context, &cache.join("out"))?;
    let other = ["--restart", "vmctl service restart", "--peer", WIDE_SUITE, "--peer-mapper", MAPPER_PATH];
    for group in if whole { [""].as_slice() } else { GROUPS.as_slice() } {
        let suite = [&[SUITE, group, SHOW], other.as_slice()].concat();
        let name = format!("conformance::suite {group} (i686)");
        report.add(run_program(context, &guest, &name, GuestCommand::new(suite), whole)?);
    }
    report.add(vec![planted(&guest)?]);
    for test in &tests {
        let name = format!("{}::{} (i686)", test.package, test.target);
        let command = GuestCommand::new([path(&test.package, &test.target).as_str(), SHOW]);
        report.add(run_program(context, &guest, &name, command, whole)?);
    }
    end(context, guest, report)
}

/// Whether one of the 32-bit tests runs: of the whole, all but the one that compiles C, for which a guest has no compiler.
fn runs(test: &str, whole: bool) -> bool {
    if whole {
        test != "c_client"
    } else {
        RUN.contains(&test)
    }
}

/// A fault, to see that it is noticed: the other process is given the suite's own mapper, which a process of its width cannot load.
/// Were that to pass, both processes would be of one width.
fn planted(guest: &Guest) -> Result<Outcome> {
    let test = "sharing::other_process_sees_what_is_set_here_and_the_other_way_round";
    let suite = [SUITE, "--exact", test, "--peer", WIDE_SUITE, "--peer-mapper", MAPPER_32_PATH];
    let done = guest.capture(&GuestCommand::new(suite).limit(LIMIT))?;
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    let noticed = !done.status.success() && said.contains(MAPPER_32_PATH);
    let verdict = if noticed { Verdict::Passed } else { Verdict::Failed };
    if !noticed {
        println!("{}: {said}", done.status);
    }
    let words = "a process of the other width refuses the suite's own mapper";
    let place = format!("{GUEST}{} as uid 0", guest.facts().kernel());
    Ok(Outcome { program: "conformance::suite (i686)".to_owned(), place, test: words.to_owned(), verdict })
}
