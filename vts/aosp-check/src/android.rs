//! Every device crate type-checked for Android's targets, and the mapper linked far enough to see what it exports.
//!
//! Android's standard library is not in Debian's archive, but a compiler with the library's sources is: so it is built
//! for the target. The crates are those of the workspace that [`crate::tree`] writes: Soong's graph, with a release's
//! versions. Linked is what Soong would link (`whole_static_libs`, the version script), with nothing to resolve Android's
//! own symbols against: the library cannot run, and shows what it defines and what it asks for.

use crate::platform::Release;
use crate::report::{Place, Report};
use crate::tree;
use crate::SUFFIX;
use anyhow::{ensure, Context, Result};
use object::elf::EM_AARCH64;
use object::read::elf::ElfFile64;
use object::{Endianness, Object, ObjectSection, ObjectSymbol};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use vm_harness::progress::Progress;
use vm_harness::toolchain::Toolchain;

/// Phones, and Cuttlefish on a PC.
pub const TARGETS: [&str; 2] = ["aarch64-linux-android", "x86_64-linux-android"];
/// The package of the mapper's static library.
const MAPPER: &str = "libgralloc_mapper_static";
const VERSION_SCRIPT: &str = "service/mapper/mapper.dmaheap.map";
/// What the library exports, each with the value that it has to have when it is a number.
const EXPORTS: [(&str, Option<u32>); 3] =
    [("AIMapper_loadIMapper", None), ("ANDROID_HAL_MAPPER_VERSION", Some(5)), ("ANDROID_HAL_STABLEC_VERSION", Some(5))];
/// Beginnings of symbols of libbinder_ndk, which no client's process may need for our mapper.
const BINDER: [&str; 4] = ["AIBinder_", "AParcel_", "AServiceManager_", "ABinderProcess_"];

/// Type-checks for these targets and links for the first, as in a release. `target` is where things are built and kept.
///
/// # Errors
/// No toolchain, or a workspace that cannot be written; what the compiler finds is in the report.
pub fn check(root: &Path, release: &Release, triples: &[&str], target: &Path, progress: &Progress) -> Result<Report> {
    let root = &root.canonicalize().with_context(|| root.display().to_string())?;
    fs::create_dir_all(target).with_context(|| target.display().to_string())?;
    let target = &target.canonicalize()?;
    let toolchain = Toolchain::get(&target.join("toolchain"), progress)?;
    let workspace = tree::write(root, release, &target.join(format!("tree-{}", release.name)))?;
    let build = target.join("android-build");
    let mut report = Report::default();
    for triple in triples {
        progress.step(format_args!("type-checking {} crates for {triple}", workspace.device.len()));
        let mut command = cargo(&toolchain, "check", triple, &workspace.folder, &build);
        for package in &workspace.device {
            command.args(["-p", package]);
        }
        let output = command.arg("--message-format=json").output().context("cargo check")?;
        let before = report.findings.len();
        let messages = String::from_utf8_lossy(&output.stdout);
        tree::compiled(root, triple, &messages, &workspace.modules, &mut report);
        if !output.status.success() && report.findings.len() == before {
            let words = String::from_utf8_lossy(&output.stderr);
            report.found(Place::file("Android.bp"), format!("{triple}: {}", words.trim()));
        }
    }
    report.note(format!("{} crates type-checked for {}", workspace.device.len(), triples.join(" and ")));
    let [linked, ..] = TARGETS;
    if report.is_clean() && triples.contains(&linked) {
        progress.step(format_args!("linking the mapper for {linked}"));
        let library = link(root, &toolchain, &workspace.folder, &build, linked)?;
        exports(&fs::read(&library).with_context(|| library.display().to_string())?, EM_AARCH64, &mut report)?;
    }
    Ok(report)
}

/// Cargo as on a device (`panic=abort`), and without what only a debugger reads.
fn cargo(toolchain: &Toolchain, verb: &str, triple: &str, workspace: &Path, build: &Path) -> Command {
    let mut command = toolchain.cargo(verb, workspace, triple, "std,panic_abort", build);
    command.env("CARGO_PROFILE_DEV_PANIC", "abort").env("CARGO_PROFILE_DEV_DEBUG", "0");
    command
}

fn link(root: &Path, toolchain: &Toolchain, workspace: &Path, build: &Path, triple: &str) -> Result<PathBuf> {
    let output = cargo(toolchain, "build", triple, workspace, build).args(["-p", MAPPER]).output()?;
    ensure!(output.status.success(), "the mapper for {triple}: {}", String::from_utf8_lossy(&output.stderr).trim());
    let folder = build.join(triple).join("debug");
    let (archive, library) = (folder.join("libgralloc_mapper.a"), folder.join(format!("mapper.{SUFFIX}.so")));
    let output = toolchain
        .linker()
        .args(["-shared", "--gc-sections", "--undefined-version", "--unresolved-symbols=ignore-all", "-soname"])
        .arg(format!("mapper.{SUFFIX}.so"))
        .arg("--version-script")
        .arg(root.join(VERSION_SCRIPT))
        .arg("--whole-archive")
        .arg(&archive)
        .arg("-o")
        .arg(&library)
        .output()
        .context("ld.lld")?;
    ensure!(output.status.success(), "linking {}: {}", archive.display(), String::from_utf8_lossy(&output.stderr));
    Ok(library)
}

/// Holds a linked library for a machine (`e_machine` of ELF) against what clients look up in it.
///
/// # Errors
/// Not an ELF file for the target.
pub fn exports(library: &[u8], expected: u16, report: &mut Report) -> Result<()> {
    let file: ElfFile64<'_, Endianness> = ElfFile64::parse(library).context("the linked library")?;
    let place = || Place::file(VERSION_SCRIPT);
    let machine = file.elf_header().e_machine.get(file.endian());
    if machine != expected {
        report.found(place(), format!("the library is for the machine {machine}, not {expected}"));
    }
    let defined: Vec<_> = file.dynamic_symbols().filter(|symbol| symbol.is_definition()).collect();
    for (name, value) in EXPORTS {
        let Some(symbol) = defined.iter().find(|symbol| symbol.name() == Ok(name)) else {
            report.found(place(), format!("the library does not export {name}"));
            continue;
        };
        let Some(value) = value else { continue };
        let section = symbol.section_index().and_then(|index| file.section_by_index(index).ok());
        let data = section.and_then(|section| section.data_range(symbol.address(), 4).ok().flatten());
        let found = data.and_then(|bytes| bytes.try_into().ok()).map(u32::from_le_bytes);
        if found != Some(value) {
            report.found(place(), format!("{name} is {found:?} and has to be {value}"));
        }
    }
    for symbol in &defined {
        let name = symbol.name().unwrap_or_default();
        if !EXPORTS.iter().any(|(export, _)| *export == name) {
            report.found(place(), format!("the library exports {name}, which nobody looks up"));
        }
    }
    for symbol in file.dynamic_symbols().filter(|symbol| !symbol.is_definition()) {
        let name = symbol.name().unwrap_or_default();
        if BINDER.iter().any(|start| name.starts_with(start)) {
            report.found(place(), format!("the library asks for {name}: a mapper must not need binder"));
        }
    }
    let asked = file.dynamic_symbols().filter(|symbol| !symbol.is_definition()).count();
    report.note(format!("mapper.{SUFFIX}.so exports {} symbols and asks for {asked}", defined.len()));
    Ok(())
}
