//! `cargo xtask soong-check | android-check | sepolicy-check`: what an Android tree reads of the project. The checks are
//! the package `aosp_check`; here is what they need of the machine, and their place among the steps of `ci`.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::Result;
use clap::Args as ClapArgs;
use vm_harness::prerequisites::{ensure, Need, SELINUX};
use vm_harness::progress::{run_captured, run_visible};
use vm_harness::toolchain::cargo;

use crate::context::Context;
use crate::toolchain;

/// What all of the checks take.
#[derive(ClapArgs)]
pub(crate) struct Args {
    /// The project to check, for example a copy with a change in it [default: this one]
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// The report as JSON
    #[arg(long)]
    json: bool,
}

/// What `soong-check` takes.
#[derive(ClapArgs)]
pub(crate) struct SoongArgs {
    #[command(flatten)]
    all: Args,
    /// Compile the modules with the own compiler of each release, and its clippy, not by the oldest alone; rustup installs them
    #[arg(long)]
    every_compiler: bool,
}

/// One command: what `aosp_check` is asked for, and what the machine has to have for it.
#[derive(Clone, Copy)]
pub(crate) struct Check {
    /// Each a check's name and its options.
    checks: &'static [&'static [&'static str]],
    needs: &'static [Need],
}

/// Every Android.bp against files, manifests and what a tree offers; the dumps of our AIDL; the modules compiled as each release would; what init,
/// VINTF and SELinux read.
pub(crate) const SOONG: Check =
    Check { checks: &[&["soong"], &["aidl"], &["declarations"], &["tree"]], needs: &[Need::Linker] };
/// The same by every release's own compiler.
const SOONG_BY_ALL: Check =
    Check { checks: &[&["soong"], &["aidl"], &["declarations"], &["tree", "--every-compiler"]], ..SOONG };
/// The device's crates for Android's targets, and the mapper's exports.
pub(crate) const ANDROID: Check = Check { checks: &[&["android"]], needs: &[Need::Linker, Need::DpkgDeb] };
/// The same for phones alone.
pub(crate) const ANDROID_PHONE: Check = Check { checks: &[&["android", "--only", "aarch64-linux-android"]], ..ANDROID };
/// The SELinux rules, compiled, and their labels.
pub(crate) const SEPOLICY: Check = Check { checks: &[&["sepolicy"]], needs: &SELINUX };

/// Runs a command.
pub(crate) fn run(check: Check, args: &Args) -> Result<ExitCode> {
    all(&Context::new(args.json)?, check, args)?;
    Ok(ExitCode::SUCCESS)
}

/// Runs `soong-check`.
pub(crate) fn run_soong(args: &SoongArgs) -> Result<ExitCode> {
    if args.every_compiler {
        let context = Context::new(args.all.json)?;
        let versions = run_captured(aosp_check(&context, &args.all).args(["tree", "--compilers"]))?;
        for version in String::from_utf8(versions)?.lines() {
            // Without it the check leaves one of its parts out, and says so.
            if let Err(why) = toolchain::ensure(&context, version, &toolchain::LINTS) {
                context.progress.step(why);
            }
        }
    }
    run(if args.every_compiler { SOONG_BY_ALL } else { SOONG }, &args.all)
}

/// Runs a step of `ci`.
pub(crate) fn step(context: &Context, check: Check) -> Result<()> {
    all(context, check, &Args { root: None, json: false })
}

/// Where the compiler for Android's targets and for i686 is kept, beside the guests' things: 600 MB.
pub(crate) fn android_toolchain(context: &Context) -> PathBuf {
    folder(context).join("toolchain")
}

fn folder(context: &Context) -> PathBuf {
    context.target.join("android")
}

/// Runs all checks of a command, the later ones also when an earlier one finds something.
fn all(context: &Context, check: Check, args: &Args) -> Result<()> {
    ensure(check.needs, &context.cache(), &context.progress)?;
    let mut results = Vec::new();
    for arguments in check.checks {
        let mut command = aosp_check(context, args);
        results.push(run_visible(command.args(*arguments)));
    }
    results.into_iter().try_for_each(|result| Ok(result?))
}

/// The program, with what all of its checks take.
fn aosp_check(context: &Context, args: &Args) -> Command {
    let mut command = Command::new(cargo());
    command.args(["run", "--quiet", "--manifest-path"]).arg(context.workspace.join("Cargo.toml"));
    command.args(["-p", "aosp_check", "--", "--root"]).arg(args.root.as_ref().unwrap_or(&context.workspace));
    command.arg("--target").arg(folder(context));
    if args.json {
        command.arg("--json");
    }
    command
}
