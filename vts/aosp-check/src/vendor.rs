//! What is installed into /vendor module by module, seen as init, VINTF and libui see it; and how the mapper is linked, there
//! and in the APEX.

use crate::apex;
use crate::bp::{Blueprints, Module};
use crate::platform::RELEASES;
use crate::report::{Place, Report};
use crate::variants::has_width;
use crate::SUFFIX;
use anyhow::{Context as _, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// Where the labels say that both are.
const LABELS: &str = "sepolicy/vendor/file_contexts";

/// Checks every mapper and every service.
///
/// # Errors
/// A file that cannot be read.
pub fn check(root: &Path, blueprints: &Blueprints, report: &mut Report) -> Result<()> {
    let release = RELEASES.first().context("a release")?;
    let resolved = blueprints.resolve(release, &[]);
    let file = format!("mapper.{SUFFIX}");
    let apexes = || resolved.modules.iter().filter(|module| module.kind == "apex");
    let libraries = resolved.modules.iter().filter(|module| module.kind == "cc_library_shared");
    for module in libraries.filter(|module| module.string("stem").unwrap_or(&module.name) == file) {
        linked(&resolved, module, report);
        match apexes().find(|apex| apex.strings("native_shared_libs").contains(&module.name.as_str())) {
            Some(apex) => in_the_apex(module, apex, report),
            None => mapper(root, &resolved, module, report)?,
        }
    }
    let service = format!("-service.{SUFFIX}");
    let programs = resolved.modules.iter().filter(|module| module.kind == "rust_binary");
    for module in programs.filter(|module| module.name.ends_with(&service)) {
        started(root, &resolved, module, report)?;
    }
    Ok(())
}

/// Of a static library nobody asks for anything, so all of it; and of it no name is seen but the contract's.
fn linked(blueprints: &Blueprints, module: &Module, report: &mut Report) {
    let code = |name: &&str| blueprints.get(name).is_some_and(|linked| linked.kind == "rust_ffi_static");
    if !module.strings("whole_static_libs").iter().any(code) {
        let message = format!("{}: whole_static_libs has no rust_ffi_static: the library would be empty", module.name);
        let other = blueprints.modules.iter().find(|module| module.kind == "rust_ffi_static");
        report.contradiction(module.place("name:"), message, other.unwrap_or(module).place("name:"));
    }
    if module.string("version_script").is_none() {
        let message = format!("{}: no version_script: all of Rust's names would be exported", module.name);
        report.found(module.place("name:"), message);
    }
}

/// There the linker looks in `lib` and `lib64`, and in no folder below.
fn in_the_apex(module: &Module, apex: &Module, report: &mut Report) {
    if let Some(folder) = module.string("relative_install_path") {
        let message = format!("{}: relative_install_path {folder}: in an APEX nobody looks there", module.name);
        report.contradiction(module.place("relative_install_path:"), message, apex.place("native_shared_libs:"));
    }
}

/// libui asks VINTF for the suffix, and loads the library from `hw`: of `lib64` or, in a 32-bit app, of `lib`.
fn mapper(root: &Path, blueprints: &Blueprints, module: &Module, report: &mut Report) -> Result<()> {
    let labels = fs::read_to_string(root.join(LABELS)).with_context(|| LABELS.to_owned())?;
    if module.string("relative_install_path") != Some("hw") {
        let message = format!("{}: relative_install_path is not \"hw\", where libui looks", module.name);
        report.contradiction(module.place("name:"), message, Place::find(LABELS, &labels, "hw/mapper"));
    }
    if !has_width(module, 32) || !has_width(module, 64) {
        let message =
            format!("{}: compile_multilib is not \"both\": apps of one width have no mapper in /vendor", module.name);
        report.contradiction(module.place("compile_multilib:"), message, Place::find(LABELS, &labels, "hw/mapper"));
    }
    let declares = |files: Vec<PathBuf>| {
        let text = |file: PathBuf| fs::read_to_string(root.join(file)).unwrap_or_default();
        files.into_iter().any(|file| text(file).contains("<name>mapper</name>"))
    };
    if !declares(blueprints.sources(module, "vintf_fragments")) {
        let message = format!("{}: no vintf_fragments declare the mapper, so nobody would find it", module.name);
        let groups = blueprints.modules.iter().filter(|module| module.kind == "filegroup");
        let other = groups.into_iter().find(|group| declares(blueprints.sources(group, "srcs"))).unwrap_or(module);
        report.contradiction(module.place("name:"), message, other.place("srcs:"));
    }
    Ok(())
}

/// init starts it by a script that the module brings.
fn started(root: &Path, blueprints: &Blueprints, module: &Module, report: &mut Report) -> Result<()> {
    let program = Path::new("/vendor").join(apex::installs(module));
    let mut found = None;
    for file in blueprints.sources(module, "init_rc") {
        // One that is not there is a finding of its own.
        let text = fs::read_to_string(root.join(&file)).unwrap_or_default();
        if text.split_whitespace().any(|word| Path::new(word) == program) {
            return Ok(());
        }
        found = Some(Place::find(&file, &text, "service "));
    }
    let message = format!("{}: no init_rc starts {}", module.name, program.display());
    let labels = fs::read_to_string(root.join(LABELS)).with_context(|| LABELS.to_owned())?;
    let other = found.unwrap_or_else(|| Place::find(LABELS, &labels, "allocator-service"));
    report.contradiction(module.place("name:"), message, other);
    Ok(())
}
