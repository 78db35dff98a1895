//! The steps that are Cargo's own commands.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{ensure, Context as _, Result};
use cargo_metadata::{MetadataCommand, Package};
use vm_harness::full_kernel::{self, Build};
use vm_harness::progress::{run_captured, run_visible};
use vm_harness::toolchain::{cargo, OLDEST_RUSTC, RUST_VERSION};

use super::layers;
use crate::aosp;
use crate::checked;
use crate::context::Context;
use crate::guest_options::MachineArgs;
use crate::schedule::{self, Finding};
use crate::selinux;
use crate::toolchain;

const CARGO_DENY: &str = "0.20.2";

/// Another command of this program, as a step. One that cannot run here says `SKIPPED: why`, and exits with 0.
pub(super) fn command(_: &Context, arguments: &[&str]) -> Result<Finding> {
    let output =
        Command::new(schedule::OURSELVES).args(arguments).stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    print!("{text}");
    ensure!(output.status.success(), "cargo xtask {}: {}", arguments.join(" "), output.status);
    let skipped = text.split_once("SKIPPED: ").and_then(|(_, why)| why.lines().next());
    Ok(skipped.map_or_else(|| Finding::Passed(String::new()), |why| Finding::Skipped(why.to_owned())))
}

fn run(context: &Context, arguments: &[&str]) -> Result<()> {
    Ok(run_visible(Command::new(cargo()).current_dir(&context.workspace).args(arguments))?)
}

/// Each Cargo.lock says what the manifests say, so that every clone builds the same.
pub(super) fn lock(context: &Context) -> Result<Finding> {
    for manifest in ["Cargo.toml", "vts/fuzz/libfuzzer/Cargo.toml"] {
        run_captured(Command::new(cargo()).current_dir(&context.workspace).args([
            "metadata",
            "--locked",
            "--format-version=1",
            "--manifest-path",
            manifest,
        ]))?;
    }
    Ok(Finding::Passed(String::new()))
}

/// rustfmt.
pub(super) fn format(context: &Context) -> Result<Finding> {
    run(context, &["fmt", "--all", "--check"])?;
    Ok(Finding::Passed(String::new()))
}

/// clippy over everything, and the manifests of the device's crates: by their `rust-version` its `incompatible_msrv` refuses what came
/// later to the standard library, and Cargo dependencies that ask for more. What came later to the language the step `soong` finds with
/// that very compiler.
pub(super) fn lints(context: &Context) -> Result<Finding> {
    for package in packages(context)? {
        if layers::DEVICE.contains(&package.name.as_str()) {
            let version = package.rust_version.as_ref().map(|version| format!("{}.{}", version.major, version.minor));
            ensure!(
                version.as_deref() == Some(RUST_VERSION),
                "{}: rust-version has to be {RUST_VERSION}",
                package.name
            );
            ensure!(
                !package.targets.iter().any(|target| target.is_custom_build()),
                "{}: a device crate has no build.rs",
                package.name
            );
        }
    }
    let deny = ["-D", "warnings", "-D", "clippy::incompatible_msrv"];
    run(context, &[&["clippy", "--workspace", "--all-targets", "--all-features", "--"], deny.as_slice()].concat())?;
    Ok(Finding::Passed(format!("; device crates are content with Rust {RUST_VERSION}")))
}

/// Every package that has features, without them: the lints saw all of them. And what builds of IAllocator V3, of common V6 and of
/// common V7 answer: the other tests are of V2 and of a build that leaves the formats to the policy, which are V5's then.
pub(super) fn features(context: &Context) -> Result<Finding> {
    let mut seen = Vec::new();
    for package in packages(context)?.iter().filter(|package| !package.features.is_empty()) {
        run(context, &["clippy", "-p", &package.name, "--no-default-features", "--", "-D", "warnings"])?;
        seen.push(package.name.to_string());
    }
    // Of the whole workspace, so that what is not ours has the features with which the native tests built it.
    let test = |features: &str, tests: &[&str]| {
        run(context, &[&["test", "--quiet", "--workspace", "--features", features], tests].concat())
    };
    test("allocator_aidl/v3", &["--test", "wire", "--test", "socket"])?;
    for version in ["common_v6", "common_v7"] {
        test(&format!("gralloc_allocator/{version}"), &["--test", "refusals"])?;
    }
    // The service of V3, started: its answers, and a V3 client at the service of V2; and what the suite makes of it.
    let v3 = "service_tests/v3,conformance/v3";
    let selected = [
        ("service", "answers::socket::"),
        ("service", "dump::socket::dump_names"),
        ("service", "views::"),
        ("suite", "allocator::"),
        ("mutants", "views"),
    ];
    for (target, tests) in selected {
        test(v3, &["--test", target, "--", tests])?;
    }
    Ok(Finding::Passed(format!(": {} without features; the answers of V3, common V6 and common V7", seen.join(", "))))
}

/// rustdoc.
pub(super) fn documentation(context: &Context) -> Result<Finding> {
    run_visible(
        Command::new(cargo())
            .current_dir(&context.workspace)
            .args(["doc", "--workspace", "--no-deps", "--all-features"])
            .env("RUSTDOCFLAGS", "-D warnings"),
    )?;
    Ok(Finding::Passed(String::new()))
}

/// The arm64 guest's kernel, built where the cache has none of these very inputs.
pub(super) fn kernel(context: &Context) -> Result<Finding> {
    let kernel = full_kernel::get(Build::Arm64With16k, &context.cache(), &context.progress)?;
    Ok(Finding::Passed(format!(": {}", kernel.release)))
}

/// The models of what threads share, in all orders.
pub(super) fn models(context: &Context) -> Result<Finding> {
    Ok(Finding::Passed(format!(": {} under loom", checked::models(context, checked::MODEL)?)))
}

/// The handle and the place of a buffer under miri; all that `cargo xtask miri` does takes too long here.
pub(super) fn miri(context: &Context) -> Result<Finding> {
    if let Err(why) = toolchain::ensure(context, toolchain::NIGHTLY, &checked::MIRI_COMPONENTS) {
        return Ok(Finding::Skipped(why));
    }
    checked::miri_short(context)?;
    Ok(Finding::Passed(String::new()))
}

/// What Soong reads.
pub(super) fn soong(context: &Context) -> Result<Finding> {
    // Without it the check leaves one of its parts out, and says so.
    let oldest = toolchain::ensure(context, OLDEST_RUSTC, &toolchain::LINTS);
    aosp::step(context, aosp::SOONG)?;
    Ok(read_by(oldest))
}

/// What the table says of Soong's modules, by whether the oldest compiler could read them, too.
fn read_by(oldest: Result<(), String>) -> Finding {
    Finding::Passed(oldest.err().map_or_else(String::new, |why| format!("; not with rustc {RUST_VERSION}: {why}")))
}

/// The SELinux rules.
pub(super) fn sepolicy(context: &Context) -> Result<Finding> {
    aosp::step(context, aosp::SEPOLICY)?;
    Ok(Finding::Passed(String::new()))
}

/// The SELinux rules, enforced in a guest.
pub(super) fn selinux(context: &Context, machine: &MachineArgs) -> Result<Finding> {
    selinux::step(context, machine)?;
    Ok(Finding::Passed(": the demo without a denial, an app with its three".to_owned()))
}

/// The device's crates for phones.
pub(super) fn android(context: &Context) -> Result<Finding> {
    aosp::step(context, aosp::ANDROID_PHONE)?;
    Ok(Finding::Passed(String::new()))
}

fn packages(context: &Context) -> Result<Vec<Package>> {
    let manifest = context.workspace.join("Cargo.toml");
    Ok(MetadataCommand::new().manifest_path(manifest).no_deps().exec().context("cargo metadata")?.packages)
}

/// Licences, duplicates and sources: needs no network once the dependencies are here.
pub(super) fn licences(context: &Context) -> Result<Finding> {
    let mut command = Command::new(cargo_deny(context)?);
    command.current_dir(&context.workspace).args(["--workspace", "check", "bans", "licenses", "sources"]);
    run_visible(&mut command)?;
    Ok(Finding::Passed(String::new()))
}

/// Known vulnerabilities, when the database can be reached.
pub(super) fn advisories(context: &Context) -> Result<Finding> {
    let program = cargo_deny(context)?;
    if run_captured(Command::new(&program).current_dir(&context.workspace).args(["fetch", "db"])).is_err() {
        return Ok(Finding::Skipped(
            "the advisory database (github.com/RustSec/advisory-db) cannot be fetched".to_owned(),
        ));
    }
    let mut command = Command::new(&program);
    command.current_dir(&context.workspace).args(["--workspace", "check", "--disable-fetch", "advisories"]);
    run_visible(&mut command)?;
    Ok(Finding::Passed(String::new()))
}

/// What says what the dependencies may be.
fn cargo_deny(context: &Context) -> Result<PathBuf> {
    toolchain::plugin(context, "cargo-deny", CARGO_DENY)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pass that says nothing means that every compiler was there.
    #[test]
    fn without_the_oldest_compiler_the_step_s_word_says_so() {
        assert_eq!(read_by(Ok(())), Finding::Passed(String::new()));
        let word = format!("; not with rustc {RUST_VERSION}: no rustup");
        assert_eq!(read_by(Err("no rustup".to_owned())), Finding::Passed(word));
    }
}
