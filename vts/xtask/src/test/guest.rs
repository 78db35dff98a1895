//! Tests in a guest, on a real kernel with the service up: which test programs, as which user, with which programs beside.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, Result};
use vm_harness::binaries::{self, Built, TestProgram};
use vm_harness::guest::Guest;
use vm_harness::job::GuestCommand;
use vm_harness::protocol::{Identity, Stream};
use vm_harness::rootfs::{service_identity, SERVICE_PATH};

use super::harness;
use super::program::Program;
use super::Choice;
use crate::context::Context;
use crate::guest_options::{MachineArgs, Prepared};
use crate::report::{Outcome, Report, GUEST};
use crate::service;

/// Longest run of one test program: what takes longer hangs. On a machine with much else to do one takes a quarter of it.
pub(super) const LIMIT: Duration = Duration::from_secs(4800);
/// The package whose promises are tried by this program.
const HARNESS: &str = "vm_harness";
/// Where they lie in the guest.
pub(super) const FOLDER: &str = "/vendor/tests";

/// The test program that sees faults noticed, the suite that has to notice them, a faulty mapper, and where they lie.
const MUTANTS: &str = "mutants";
const SUITE: &str = "gralloc-conformance";
const BROKEN_MAPPER: &str = "libbroken_mapper.so";
const FAULTS: &str = "/vendor/tests/faults";

/// What share of the longest sweeps a guest's tests take, and the variable that says so: every so many-th step. Natively they are
/// taken whole.
pub(super) const SAMPLE: (&str, &str) = ("TESTS_SAMPLE", "4");
/// What no kernel changes and what the native tests take in any case: faults that are planted in the service, and questions to the
/// pure plan. A guest takes it with `--whole`.
const NATIVE: [&str; 3] = ["planted::", "agreement::socket", "agreement::sweep_of"];
/// Variables that a guest's tests get as they are here.
const PASSED_ON: [&str; 2] = ["SERVICE_TESTS_CHAOS_SECONDS", "SERVICE_TESTS_CHAOS_SEED"];

/// Who a program runs as.
#[derive(Clone, Copy, PartialEq, Eq)]
enum RunAs {
    Root,
    /// As the service does: uid 1000 with its groups and SYS_NICE.
    Service,
}

impl RunAs {
    fn identity(self) -> Identity {
        match self {
            Self::Root => Identity::root(),
            Self::Service => service_identity(),
        }
    }
}

/// Test programs that gain something by a real kernel.
struct Suite {
    package: &'static str,
    /// Only these targets of the package; all when empty.
    only: &'static [&'static str],
    /// Not these.
    except: &'static [&'static str],
    run_as: RunAs,
    /// Whether the guest's own service must be out of the way.
    needs_no_service: bool,
    /// Packages whose programs the tests start.
    programs: &'static [&'static str],
    /// Arguments for the tests.
    arguments: &'static [&'static str],
    /// Which of its tests, where nobody asks for others.
    filter: Option<&'static str>,
}

impl Suite {
    const fn of(package: &'static str) -> Self {
        Self {
            package,
            only: &[],
            except: &[],
            run_as: RunAs::Root,
            needs_no_service: false,
            programs: &[],
            arguments: &[],
            filter: None,
        }
    }

    fn includes(&self, program: &TestProgram) -> bool {
        let named = |list: &[&str]| list.contains(&program.target.as_str());
        self.package == program.package && (self.only.is_empty() || named(self.only)) && !named(self.except)
    }
}

const SUITES: [Suite; 8] = [
    // The client's test registers as the allocator itself.
    Suite { only: &["binder"], needs_no_service: true, ..Suite::of("gralloc_client") },
    Suite::of("gralloc_heaps"),
    Suite { run_as: RunAs::Service, ..Suite::of("gralloc_heaps") },
    // The one that is left out compiles C, for which a guest has no compiler.
    Suite { except: &["c_client"], ..Suite::of("gralloc_mapper") },
    Suite::of("service_tests"),
    Suite { only: &["suite"], arguments: &["--restart", "vmctl service restart"], ..Suite::of("conformance") },
    // Faults in what needs a kernel's fences; the native tests see that the others fail what they must.
    Suite { only: &["mutants"], filter: Some("fence"), ..Suite::of("conformance") },
    Suite { only: &["composition", "screen"], programs: &[service::CLIENTS], ..Suite::of("vts_clients") },
];

/// What a run in another guest than the first is restricted to in the gate: what depends on the kernel, its page size and the
/// processor. Of each package without the tests whose names contain one of these words.
const CORE: [(&str, &[&str]); 4] = [
    ("gralloc_heaps", &[]),
    // A mapping's ends and the reserved region behind the metadata go by pages; what threads do to one another does not.
    (
        "gralloc_mapper",
        &["by_the_hundred", "by_anybody_at_any_time", "eight_threads", "killed_while_they_write", "nothing_torn"],
    ),
    (
        "service_tests",
        &[
            "agreement::",
            "bad_input::",
            "chaos::",
            "client_that_leaks",
            "crowd::",
            "dump::",
            "hostile::",
            "killed_at_any_point",
            "lost::",
            "names::",
            "planted::",
            "policies::",
            "ten_thousand",
        ],
    ),
    ("vts_clients", &["camera_alone", "killed", "hostile", "impossible", "scattered"]),
];

/// The core of the suite in such a machine.
pub(super) fn run_core(context: &Context, machine: &MachineArgs, report: &mut Report) -> Result<()> {
    let packages = CORE.map(|(package, _)| package.to_owned()).to_vec();
    let choice = Choice { packages, filter: None, core: true, whole: false, machine: machine.clone() };
    run(context, machine, &choice, report)
}

/// The tests whose names contain this in such a machine; one at least.
pub(super) fn run_named(context: &Context, machine: &MachineArgs, name: &str, report: &mut Report) -> Result<()> {
    let filter = Some(name.to_owned());
    let choice = Choice { packages: Vec::new(), filter, core: false, whole: false, machine: machine.clone() };
    run(context, machine, &choice, report)?;
    anyhow::ensure!(!report.is_empty(), "no test has {name} in its name");
    Ok(())
}

/// Boots one guest and runs all suites in it.
pub(super) fn run(context: &Context, machine: &MachineArgs, choice: &Choice, report: &mut Report) -> Result<()> {
    let suites: Vec<&Suite> = SUITES.iter().filter(|suite| choice.has(suite.package)).collect();
    if suites.is_empty() && !choice.has(HARNESS) {
        return Ok(());
    }
    let mut prepared = Prepared::new(context, machine)?;
    let started: Vec<&str> = suites.iter().flat_map(|suite| suite.programs).copied().collect();
    context.progress.step("building the guest's tests");
    let built = match &prepared.cross {
        // All of the workspace's, as the native tests: what both run is built once.
        None => binaries::build_tests(&context.workspace, &[], &context.progress)?,
        Some(cross) => {
            let tested = suites.iter().map(|suite| suite.package);
            let packages: BTreeSet<&str> = service::PARTS.into_iter().chain(tested).chain(started.clone()).collect();
            let packages: Vec<&str> = packages.into_iter().collect();
            cross.build_tests(&context.workspace, &packages, &context.progress)?
        }
    };
    service::add(context, &mut prepared.rootfs, &built, "generic", &started)?;
    let has = |program: &&TestProgram| suites.iter().any(|suite| suite.includes(program));
    let programs: Vec<&TestProgram> = built.tests.iter().filter(has).collect();
    for program in &programs {
        let slim = service::slim(context, &program.path)?;
        prepared.rootfs.file(&in_guest(program), &slim)?;
    }
    let out = context.cache().join("out");
    if programs.iter().any(|program| program.target == MUTANTS) {
        put_faults(context, &mut prepared, &built)?;
    }
    let guest = prepared.boot(context, &out)?;
    if choice.has(HARNESS) {
        context.progress.step("guest: the harness itself");
        report.add(harness::run(&guest, &out, choice.filter.as_deref()));
    }
    for suite in &suites {
        if suite.needs_no_service {
            control(&guest, "stop")?;
        }
        for program in programs.iter().filter(|program| suite.includes(program)) {
            report.add(run_one(context, &guest, suite, program, choice)?);
        }
        if suite.needs_no_service {
            control(&guest, "start")?;
        }
    }
    end(context, guest, report)
}

/// Ends a guest, whose service has to have outlived every test.
pub(super) fn end(context: &Context, guest: Guest, report: &mut Report) -> Result<()> {
    let lost = guest.lost();
    let place = format!("{GUEST}{} as uid {}", guest.facts().kernel(), service_identity().uid);
    report.add(lost.iter().map(|what| service_lost(&place, what)).collect());
    if report.has_failures() {
        context.progress.step(format_args!("guest's logs: {}", guest.keep_logs().display()));
    }
    Ok(guest.power_off()?)
}

/// What the suite's mutants are made of.
fn put_faults(context: &Context, prepared: &mut Prepared, built: &Built) -> Result<()> {
    let suite = built.program(service::CONFORMANCE, SUITE)?;
    for file in [suite, service::mapper(built)?, built.library(BROKEN_MAPPER)?] {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let slim = service::slim(context, file)?;
        prepared.rootfs.file(&format!("{FAULTS}/{name}"), &slim)?;
    }
    Ok(())
}

fn in_guest(program: &TestProgram) -> String {
    format!("{FOLDER}/{}-{}", program.package, program.target)
}

/// The guest's service has to outlive every test.
fn service_lost(place: &str, what: &str) -> Outcome {
    Outcome {
        program: "guest".to_owned(),
        place: place.to_owned(),
        test: what.to_owned(),
        verdict: crate::report::Verdict::Failed,
    }
}

pub(super) fn control(guest: &Guest, verb: &str) -> Result<()> {
    let done = guest.capture(&GuestCommand::new(["vmctl", "service", verb]).limit(LIMIT))?;
    anyhow::ensure!(done.status.success(), "vmctl service {verb}: {}", String::from_utf8_lossy(&done.stderr));
    Ok(())
}

fn run_one(
    context: &Context,
    guest: &Guest,
    suite: &Suite,
    program: &TestProgram,
    choice: &Choice,
) -> Result<Vec<Outcome>> {
    let name = format!("{}::{}", program.package, program.target);
    let mut argv = vec![in_guest(program)];
    argv.extend(choice.filter.clone().or_else(|| suite.filter.map(str::to_owned)));
    let core = CORE.into_iter().filter(|(package, _)| choice.core && *package == program.package);
    let core = core.flat_map(|(_, words)| words).copied();
    // A test that is asked for by its name is run.
    let native = NATIVE.into_iter().filter(|_| !choice.whole && choice.filter.is_none());
    argv.extend(core.chain(native).flat_map(|word| ["--skip".to_owned(), word.to_owned()]));
    argv.push("--show-output".to_owned());
    argv.extend(suite.arguments.iter().map(|word| (*word).to_owned()));
    let mut command = GuestCommand::new(argv).user(suite.run_as.identity());
    command.env.push((service::PROGRAM_VARIABLE.to_owned(), SERVICE_PATH.to_owned()));
    command.env.push(("CONFORMANCE_BUILT".to_owned(), FAULTS.to_owned()));
    command.env.extend(std::env::vars().filter(|(name, _)| PASSED_ON.contains(&name.as_str())));
    run_program(context, guest, &name, command, choice.whole)
}

/// Runs one test program with what all of them are given; its outcomes.
pub(super) fn run_program(
    context: &Context,
    guest: &Guest,
    name: &str,
    command: GuestCommand,
    whole: bool,
) -> Result<Vec<Outcome>> {
    let place = format!("{GUEST}{} as uid {}", guest.facts().kernel(), command.identity.uid);
    let mut command = command.limit(LIMIT);
    if !whole {
        command.env.push((SAMPLE.0.to_owned(), SAMPLE.1.to_owned()));
    }
    let mut running = Program::new(&context.progress, name, &place);
    let status = guest.start(&command)?.wait_lines(|stream, line| match stream {
        Stream::Stdout => running.output(line),
        Stream::Stderr => println!("{line}"),
    });
    Ok(running.finish(&status.with_context(|| format!("{name} ({place})"))?))
}
