//! `aosp-check`: one of the checks; and what the SELinux rules of a board's own policy are.

use anyhow::{Context, Result};
use aosp_check::platform::{Release, OLDEST_RUSTC, RELEASES};
use aosp_check::{aidl, android, declarations, sepolicy, soong, tree, Report};
use clap::{Parser, Subcommand};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use vm_harness::progress::Progress;

/// Holds what an Android tree reads of this project against the sources.
#[derive(Parser)]
#[command(name = "aosp_check", max_term_width = 100)]
#[command(after_help = "Exit status: 0 all is well; 1 something is wrong; 2 it could not be checked.")]
struct Args {
    /// The project's root
    #[arg(long, global = true, default_value = ".")]
    root: PathBuf,
    /// Where things are built
    #[arg(long, global = true, default_value = "target/aosp-check")]
    target: PathBuf,
    /// The report as JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    check: Check,
}

#[derive(Subcommand)]
enum Check {
    /// Android.bp against the files, Cargo's manifests and what a tree offers
    Soong,
    /// The modules compiled with the crates of each release, and stubs of what only a tree has
    Tree(Tree),
    /// The SELinux rules against the policies, compiled, and their labels resolved
    Sepolicy(Sepolicy),
    /// What init, VINTF, SELinux and the linker read, against the code's constants
    Declarations(Declarations),
    /// The dumps of this project's interfaces against their sources, and the hash of what is frozen
    Aidl(Aidl),
    /// The device's crates for Android's targets, and what the mapper exports; fetches a compiler at first (150 MB)
    Android(Android),
}

#[derive(clap::Args)]
struct Tree {
    /// By the own compiler of each release, and its clippy, not by the oldest alone
    #[arg(long)]
    every_compiler: bool,
    /// Print the versions of the compilers that --every-compiler takes, a line each, and check nothing
    #[arg(long, conflicts_with = "every_compiler")]
    compilers: bool,
}

#[derive(clap::Args)]
struct Android {
    /// Only for this target, not for all
    #[arg(long, value_parser = android::TARGETS)]
    only: Option<String>,
}

#[derive(clap::Args)]
struct Declarations {
    /// Write the files instead of checking them
    #[arg(long)]
    write: bool,
}

#[derive(clap::Args)]
struct Aidl {
    /// Write the dumps, and freeze a version that is listed and has none yet, instead of checking
    #[arg(long)]
    write: bool,
}

#[derive(clap::Args)]
struct Sepolicy {
    /// Write what the project's policies need into sepolicy/heaps instead of checking
    #[arg(long, conflicts_with_all = ["policy", "out"])]
    write: bool,
    /// A board's own policy, in TOML: write what it needs into --out; without --out check it, compiled and labels resolved
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// For --policy, a file_contexts that the board has already: nodes that it labels keep their types
    #[arg(long, requires = "policy", value_name = "FILE")]
    labels: Vec<PathBuf>,
    /// For the check of --policy, a ueventd.rc that the board has already: each node needs a line by which the service may
    /// open it
    #[arg(long, requires = "policy", conflicts_with = "out", value_name = "FILE")]
    ueventd: Vec<PathBuf>,
    /// A folder for BOARD_VENDOR_SEPOLICY_DIRS
    #[arg(long, requires = "policy", value_name = "DIR")]
    out: Option<PathBuf>,
    /// For --policy, write the compiled rules and labels of a guest into --out instead: policy.bin, file_contexts
    #[arg(long, requires = "out")]
    guest: bool,
    /// For --guest, leave out every rule of ours that has this text in it: a fault, to see it noticed
    #[arg(long, requires = "guest", value_name = "TEXT")]
    without: Option<String>,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Names files that were written.
fn list(written: &[PathBuf]) -> ExitCode {
    written.iter().for_each(|file| println!("{}", file.display()));
    ExitCode::SUCCESS
}

fn run(args: &Args) -> Result<ExitCode> {
    let report = match &args.check {
        Check::Soong => soong::check(&args.root)?,
        Check::Tree(Tree { compilers: true, .. }) => {
            compilers(true).iter().for_each(|(_, rustc)| println!("{rustc}"));
            return Ok(ExitCode::SUCCESS);
        }
        Check::Tree(Tree { every_compiler, .. }) => trees(args, *every_compiler)?,
        Check::Sepolicy(Sepolicy { policy: Some(policy), out: Some(out), guest: true, without, .. }) => {
            return Ok(list(&sepolicy::for_guest(&args.root, policy, out, without.as_deref())?));
        }
        Check::Sepolicy(Sepolicy { policy: Some(policy), out: Some(out), labels, .. }) => {
            return board(policy, labels, out)
        }
        Check::Sepolicy(Sepolicy { write: true, .. }) => {
            return Ok(list(&sepolicy::write(&args.root)?));
        }
        Check::Sepolicy(Sepolicy { policy: Some(policy), labels, ueventd, .. }) => {
            let here = std::env::current_dir().context("the current folder")?;
            sepolicy::check_board(&args.root, &here, policy, &sepolicy::BoardFiles { labels, ueventd })?
        }
        Check::Sepolicy(_) => sepolicy::check(&args.root)?,
        Check::Android(Android { only }) => device(args, only.as_deref())?,
        Check::Declarations(Declarations { write: true }) => {
            return Ok(list(&declarations::write(&args.root)?));
        }
        Check::Aidl(Aidl { write: true }) => {
            return Ok(list(&aidl::write(&args.root)?));
        }
        Check::Aidl(_) => aidl::check(&args.root)?,
        Check::Declarations(_) => declarations::check(&args.root)?,
    };
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{report}");
    }
    Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn trees(args: &Args, every_compiler: bool) -> Result<Report> {
    let mut report = Report::default();
    for release in RELEASES {
        report.merge(tree::check(&args.root, release, &args.target)?);
    }
    for (release, rustc) in compilers(every_compiler) {
        report.merge(tree::check_by_compiler(&args.root, release, rustc, &args.target)?);
    }
    Ok(report)
}

/// The oldest compiler, which reads the lowest release's code, or all of them, each for the first release that has it.
fn compilers(every: bool) -> Vec<(&'static Release, &'static str)> {
    let oldest = RELEASES.first().map(|lowest| (lowest, OLDEST_RUSTC));
    let own = RELEASES.iter().map(|release| (release, release.rustc)).filter(|_| every);
    let mut compilers: Vec<(&Release, &str)> = Vec::new();
    for (release, rustc) in oldest.into_iter().chain(own) {
        if !compilers.iter().any(|(_, seen)| *seen == rustc) {
            compilers.push((release, rustc));
        }
    }
    compilers
}

/// As in the oldest release: what it lacks, nobody has.
fn device(args: &Args, only: Option<&str>) -> Result<Report> {
    let release = RELEASES.first().context("a release")?;
    let targets = android::TARGETS.into_iter().filter(|target| only.is_none_or(|only| only == *target));
    android::check(&args.root, release, &targets.collect::<Vec<_>>(), &args.target, &Progress::new(args.json))
}

/// What a board's policy needs, written for its tree.
fn board(policy: &Path, labels: &[PathBuf], out: &Path) -> Result<ExitCode> {
    let here = std::env::current_dir().context("the current folder")?;
    let profile = sepolicy::read_policy(&here, policy)?;
    let labels = sepolicy::labels_of(&here, &profile, labels)?;
    let generated = sepolicy::generate::of(&profile.document, &labels).map_err(anyhow::Error::msg)?;
    if generated.heaps.is_empty() {
        println!("{}: the platform's own rules are enough", policy.display());
    }
    for file in sepolicy::write_to(&here, out, &generated)? {
        println!("{}", file.display());
    }
    Ok(ExitCode::SUCCESS)
}
