//! What an app's domain may do, and what it tries in vain.

use anyhow::Result;
use vm_harness::guest::Guest;
use vm_harness::hub::ALLOCATOR;
use vm_harness::job::{Captured, GuestCommand};
use vm_harness::protocol::Identity;

use super::denials::{summary, Denial};
use super::{output, Checks, HEAP, LIMIT, SERVICE_PATH};

/// The first uid of apps (AOSP, android_filesystem_config.h, AID_APP_START).
const APP_UID: u32 = 10_000;
/// Whom the heaps' nodes belong to, so that nothing but SELinux refuses them.
const SYSTEM_UID: u32 = 1000;
/// Of the conformance suite: those that lock, write and read what the service gave.
const MAPPER_TESTS: &str = "mapper::LockUnlock";
/// An allocator of the app's own, a program in /vendor/bin.
pub(super) const OWN_ALLOCATOR: &str = "own_allocator";

/// Its policy; with it and without heaps there is nothing to refuse but the registration.
pub(super) const OWN_POLICY: &str = "/data/own_policy.json";

/// What must be refused by SELinux, in order: `source target:class { permissions }`.
const REFUSED: [&str; 3] = [
    "untrusted_app dmabuf_camera_heap_device:chr_file { read }",
    "untrusted_app hal_graphics_allocator_default_exec:file { execute }",
    // Its own allocator, which with a pool listens to the kernel's memory pressure.
    "untrusted_app proc_pressure_mem:file { read write }",
];

/// Runs a command in an app's domain.
fn in_app(guest: &Guest, uid: u32, argv: &[&str]) -> Result<Captured> {
    let argv = ["vmctl", "domain", "untrusted_app", "--"].iter().chain(argv).copied();
    Ok(guest.capture(&GuestCommand::new(argv).user(Identity::user(uid)).limit(LIMIT))?)
}

/// Everything that a command said.
fn words(captured: &Captured) -> String {
    String::from_utf8_lossy(&[captured.stdout.as_slice(), captured.stderr.as_slice()].concat()).into_owned()
}

/// Its last line.
fn last_line(captured: &Captured) -> String {
    words(captured).lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no word").trim().to_owned()
}

/// Whether it failed with these words, and the line that has them, or what it said instead.
fn refused(captured: &Captured, reason: &str) -> (bool, String) {
    let words = words(captured);
    match words.lines().find(|line| line.contains(reason)) {
        Some(line) => (!captured.status.success(), line.trim().to_owned()),
        None => (false, format!("{}: {}", captured.status, last_line(captured))),
    }
}

/// What it may: ask for a buffer.
pub(super) fn an_app_may(guest: &Guest, checks: &mut Checks) -> Result<()> {
    let alloc =
        ["heapctl", "alloc", "--format", "RGBA_8888", "--usage", "CPU_WRITE_OFTEN,GPU_TEXTURE", "--size", "640x480"];
    let captured = in_app(guest, APP_UID, &alloc)?;
    checks.note("app", "it gets a buffer from the service", captured.status.success(), last_line(&captured));
    let captured = in_app(guest, APP_UID, &["gralloc-conformance", MAPPER_TESTS])?;
    let words = words(&captured);
    let result = words.lines().find(|line| line.starts_with("test result")).unwrap_or("no result");
    let ok = captured.status.success() && result.contains(": ok. ") && !result.contains(" 0 passed");
    checks.note("app", "it draws through the mapper: the suite's tests of it", ok, result);
    Ok(())
}

/// What it may not, and who refuses it.
pub(super) fn an_app_may_not(guest: &Guest, checks: &mut Checks) -> Result<()> {
    let mut attempt = |name: &str, uid: u32, argv: &[&str], reason: &str| -> Result<()> {
        let (ok, detail) = refused(&in_app(guest, uid, argv)?, reason);
        checks.note("app", name, ok, detail);
        Ok(())
    };
    let open = format!("exec 3<{HEAP}");
    const DENIED: &str = "Permission denied";
    let name = "it cannot open a vendor's heap, even as the node's owner: SELinux";
    attempt(name, SYSTEM_UID, &["sh", "-c", &open], DENIED)?;
    attempt("it cannot start the service's program: SELinux", SYSTEM_UID, &["sh", "-c", SERVICE_PATH], DENIED)?;
    let own = [OWN_ALLOCATOR, "--policy", OWN_POLICY, "--heaps", "memfd"];
    attempt("its own allocator is not registered: the service manager", APP_UID, &own, "policy denied add")?;
    // The guest's service manager decides by uid. A device's asks the kernel's policy, with the name's label.
    let may = |domain: &str, permission: &str| {
        output(guest, &["vmctl", "may", domain, "hal_graphics_allocator_service", "service_manager", permission])
    };
    let answers = [
        (may("hal_graphics_allocator_default", "add")?, "yes"),
        (may("untrusted_app", "add")?, "no"),
        (may("untrusted_app", "find")?, "yes"),
    ];
    let ok = answers.iter().all(|(answer, wanted)| answer == wanted);
    let [service, app, find] = answers.map(|(answer, _)| answer);
    let detail = format!("add {ALLOCATOR}: service {service}, app {app}; find: app {find}");
    checks.note("policy", "the service may register, an app may only find it", ok, detail);
    Ok(())
}

/// The log has just the refusals that the attempts had to meet.
pub(super) fn only_those(denials: &[Denial], checks: &mut Checks) {
    let rules: Vec<String> = denials.iter().map(Denial::rule).collect();
    checks.note("app", "those denials, and no other", rules == REFUSED, summary(denials));
}
