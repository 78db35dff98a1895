//! IAllocator V3 and the formats of common V7 in a guest, over the kernel's binder: clients and service of V3, each of the two with
//! one of V2 on the other side, and what is allocated, on a kernel's heaps, of the formats that only V7 has.

use anyhow::{Context as _, Result};
use vm_harness::binaries::{build_tests, build_tests_with, stripped, Built};
use vm_harness::guest::Guest;
use vm_harness::job::GuestCommand;
use vm_harness::rootfs::SERVICE_PATH;

use super::guest::{control, end, run_program, FOLDER, LIMIT};
use crate::context::Context;
use crate::guest_options::{MachineArgs, Prepared};
use crate::report::{Outcome, Report, Verdict, GUEST};
use crate::service;

/// Whose tests and service are built of V3.
const PACKAGES: [&str; 2] = ["service_tests", service::CONFORMANCE];
const FEATURES: [&str; 3] = ["service_tests/v3", "service_tests/common_v7", "conformance/v3"];
/// The program of that service.
const SERVICE: &str = "allocator-service-v3";
/// Where tests learn of V2's.
const SERVICE_V2_VARIABLE: &str = "ALLOCATOR_SERVICE_V2";

/// Where the other service lies in the guest, and the folders of the tests of both versions.
const SERVICE_V2: &str = "/vendor/tests/service-v2";
const V2: &str = "v2";
const V3: &str = "v3";

/// What runs while the guest's service is of V3, and then while it is of V2: the client's version, the test program, the filter.
const OVER_V3: [(&str, &str, &str); 6] = [
    (V3, "service", "answers::"),
    (V3, "service", "views::"),
    (V3, "suite", "allocator::"),
    (V3, "suite", "formats::"),
    (V2, "suite", "allocator::"),
    (V2, "service", "views::binder::"),
];
const OVER_V2: [(&str, &str, &str); 2] = [(V3, "service", "views::v3_s_methods"), (V3, "suite", "allocator::")];

/// Builds, boots and runs them.
pub(super) fn run(context: &Context, machine: &MachineArgs, report: &mut Report) -> Result<()> {
    let mut prepared = Prepared::new(context, machine)?;
    context.progress.step("building services and tests of V2 and of V3");
    let v3 = build_tests_with(&context.workspace, &PACKAGES.map(str::to_owned), &FEATURES, &context.progress)?;
    let folder = context.cache().join("stripped");
    let slim = |path, version: &str| stripped(path, &folder.join(version));
    // Kept apart at once: the programs of the two builds have the same names.
    let of_v3 = slim(v3.program(PACKAGES[0], SERVICE)?, V3)?;
    let mut files =
        tests(&v3, V3)?.into_iter().map(|(to, from)| Ok((to, slim(from, V3)?))).collect::<Result<Vec<_>>>()?;
    let packages = [&PACKAGES[..], &service::PARTS].concat();
    let packages: Vec<String> = packages.into_iter().map(str::to_owned).collect();
    let v2 = build_tests(&context.workspace, &packages, &context.progress)?;
    for (to, from) in tests(&v2, V2)? {
        files.push((to, slim(from, V2)?));
    }
    files.push((SERVICE_V2.to_owned(), slim(service::program(&v2)?, V2)?));
    service::add(context, &mut prepared.rootfs, &v2, "generic", &[])?;
    files.push((SERVICE_PATH.to_owned(), of_v3));
    files.iter().try_for_each(|(to, from)| prepared.rootfs.file(to, from))?;

    let guest = prepared.boot(context, &context.cache().join("out"))?;
    report.add(vec![raw14(&guest, true)?]);
    tests_of(context, &guest, &OVER_V3, V3, report)?;
    control(&guest, "stop")?;
    let replaced = guest.capture(&GuestCommand::new(["cp", SERVICE_V2, SERVICE_PATH]).limit(LIMIT))?;
    anyhow::ensure!(replaced.status.success(), "cp: {}", String::from_utf8_lossy(&replaced.stderr));
    control(&guest, "start")?;
    report.add(vec![raw14(&guest, false)?]);
    tests_of(context, &guest, &OVER_V2, V2, report)?;
    end(context, guest, report)
}

/// Where the two test programs go, and which they are.
fn tests<'a>(built: &'a Built, version: &str) -> Result<Vec<(String, &'a std::path::Path)>> {
    let named = PACKAGES.into_iter().zip(["service", "suite"]).map(|(package, target)| {
        let found = built.tests.iter().find(|test| test.package == package && test.target == target);
        let path = &found.with_context(|| format!("no test {target} of {package}"))?.path;
        Ok((format!("{FOLDER}/{version}/{target}"), path.as_path()))
    });
    named.collect()
}

fn tests_of(
    context: &Context,
    guest: &Guest,
    tests: &[(&str, &str, &str)],
    service: &str,
    report: &mut Report,
) -> Result<()> {
    for (client, program, filter) in tests {
        let name = format!("{program} {filter} ({client} at {service})");
        let mut command = GuestCommand::new([&format!("{FOLDER}/{client}/{program}"), *filter, "--show-output"]);
        command.env.push((service::PROGRAM_VARIABLE.to_owned(), SERVICE_PATH.to_owned()));
        command.env.push((SERVICE_V2_VARIABLE.to_owned(), SERVICE_V2.to_owned()));
        report.add(run_program(context, guest, &name, command, true)?);
    }
    Ok(())
}

/// RAW14, which no version before common V7 has: the build of V7 takes it without a word of the policy, the other refuses it. So a
/// format that the suite skips is one that this service has not.
fn raw14(guest: &Guest, takes: bool) -> Result<Outcome> {
    let words =
        ["heapctl", "alloc", "--format", "RAW14", "--size", "64x64", "--usage", "CPU_READ_OFTEN|CPU_WRITE_OFTEN"];
    let done = guest.capture(&GuestCommand::new(words).limit(LIMIT))?;
    let right = done.status.success() == takes;
    if !right {
        println!("{}: {}{}", done.status, String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    }
    Ok(Outcome {
        program: "heapctl".to_owned(),
        place: format!("{GUEST}{} as uid 0", guest.facts().kernel()),
        test: if takes { "RAW14 from the build of common V7" } else { "no RAW14 from the build before" }.to_owned(),
        verdict: if right { Verdict::Passed } else { Verdict::Failed },
    })
}
