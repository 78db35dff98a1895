//! The Android.bp files against the sources, against Cargo's manifests and against what a tree offers.
//!
//! It finds what a build in a tree would find, and what it would not: a file that is listed and gone, a file that is
//! there and not listed (sources are sandboxed), an edition, dependency or feature that differs from Cargo's, a module
//! that nobody defines, a crate that is not there for the device, a version that Cargo's manifest does not admit and that is not
//! among those that the code is content with all the same.

use crate::apex;
use crate::bp::{self, Blueprints, Module};
use crate::keys;
use crate::packages::{self, CargoPackage, Side};
use crate::platform::{self, Release, RELEASES};
use crate::report::{Place, Report};
use crate::sources;
use crate::tree;
use crate::variables;
use crate::variants;
use crate::vendor;
use android_bp::Value;
use anyhow::{Context as _, Result};
use cargo_metadata::semver::Version;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Properties whose strings are names of modules.
const MODULES: &[&str] = &[
    "binaries",
    "default_applicable_licenses",
    "defaults",
    "header_libs",
    "key",
    "native_shared_libs",
    "prebuilts",
    "proc_macros",
    "required",
    "rlibs",
    "rustlibs",
    "shared_libs",
    "static_libs",
    "tools",
    "whole_static_libs",
];

/// Properties whose strings are files, patterns of files, or `:module`.
const FILES: &[&str] = &[
    "certificate",
    "crate_root",
    "file_contexts",
    "init_rc",
    "license_text",
    "manifest",
    "src",
    "srcs",
    "test_config",
    "version_script",
    "vintf_fragments",
    "wrapper_src",
];

const BINDGEN: &str = "rust_bindgen";

/// Checks the project below a root.
///
/// # Errors
/// An Android.bp or a Cargo.toml that cannot be read at all.
pub fn check(root: &Path) -> Result<Report> {
    let root = &root.canonicalize().with_context(|| root.display().to_string())?;
    let written = bp::read(root)?;
    let packages = packages::read(root)?;
    let mut report = Report::default();
    twice(&written, &mut report);
    let read = RefCell::default();
    for release in RELEASES {
        let blueprints = written.resolve(release, &[]);
        let mut found = Report::default();
        for module in &written.modules {
            keys::check(module, release, &mut found);
        }
        for module in &blueprints.modules {
            references(&written, module, &mut found);
            files(root, module, &mut found);
            variants::check(&blueprints, module, &mut found);
            if tree::kind_of(module).is_some() {
                let context = Context { root, blueprints: &blueprints, packages: &packages, release, read: &read };
                rust(&context, module, &mut found);
            }
        }
        for finding in found.findings {
            // Most are the same in each release.
            if !report.findings.contains(&finding) {
                report.findings.push(finding);
            }
        }
    }
    variables::check(root, &written, &mut report)?;
    apex::check(root, &written, &mut report)?;
    vendor::check(root, &written, &mut report)?;
    coverage(&written, &packages, &mut report);
    let modules = written.modules.iter().filter(|module| !module.name.is_empty()).count();
    report.note(format!("{modules} modules in {} Android.bp files", written.files));
    report.note(format!("releases {}", RELEASES.iter().map(|release| release.name).collect::<Vec<_>>().join(" and ")));
    Ok(report)
}

struct Context<'a> {
    root: &'a Path,
    blueprints: &'a Blueprints,
    packages: &'a [CargoPackage],
    release: &'a Release,
    /// Modules whose sources were read, with what of a release decides what those are: reading them is most of the work.
    read: &'a RefCell<BTreeSet<(PathBuf, Vec<String>)>>,
}

fn twice(blueprints: &Blueprints, report: &mut Report) {
    let mut seen: Vec<&Module> = Vec::new();
    for module in blueprints.modules.iter().filter(|module| !module.name.is_empty()) {
        if let Some(first) = seen.iter().find(|first| first.name == module.name) {
            let other = Place::line(&first.file, first.line);
            report.contradiction(module.place("name:"), format!("the module {} is defined twice", module.name), other);
        }
        seen.push(module);
    }
}

/// Every string in a property, wherever in it.
fn strings<'a>(value: &'a Value, into: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => into.push(text),
        Value::Array(items) | Value::ConcatExpr(items) => items.iter().for_each(|item| strings(item, into)),
        Value::Map(map) => map.values().for_each(|value| strings(value, into)),
        Value::Boolean(_) | Value::Integer(_) | Value::Ident(_) | Value::Function(_) => {}
    }
}

fn references(blueprints: &Blueprints, module: &Module, report: &mut Report) {
    let mut names: Vec<(&str, &str)> = Vec::new();
    for (key, value) in &module.properties {
        let mut found = Vec::new();
        strings(value, &mut found);
        if MODULES.contains(&key.as_str()) {
            names.extend(found.iter().map(|name| (key.as_str(), name.strip_prefix(':').unwrap_or(name))));
        } else if FILES.contains(&key.as_str()) {
            let modules = found.iter().filter_map(|name| name.strip_prefix(':'));
            names.extend(modules.map(|name| (key.as_str(), name)));
        }
    }
    for (key, name) in names {
        let ours = blueprints.get(name).is_some();
        let theirs = platform::crate_of(name).is_some()
            || platform::RUST_STUBS.iter().any(|(module, _)| *module == name)
            || platform::OTHER_MODULES.contains(&name)
            || platform::OF_THE_PRODUCT.contains(&name);
        if !ours && !theirs {
            let message = format!("{}: {key} names the module {name}, which nobody defines", module.name);
            report.found(module.place(name), message);
        }
    }
}

/// Files that a property names, with patterns expanded; each from the root.
fn expand(root: &Path, module: &Module, key: &str) -> (BTreeSet<PathBuf>, Vec<String>) {
    let (mut found, mut empty) = (BTreeSet::new(), Vec::new());
    for name in module.files(key).into_iter().filter(|name| !name.starts_with(':')) {
        let path = root.join(module.folder()).join(name);
        let before = found.len();
        if let Ok(paths) = glob::glob(&path.to_string_lossy()) {
            let own = |path: PathBuf| path.strip_prefix(root).map(Path::to_owned).ok();
            found.extend(paths.filter_map(std::result::Result::ok).filter(|path| path.is_file()).filter_map(own));
        }
        if found.len() == before {
            empty.push(name.to_owned());
        }
    }
    (found, empty)
}

fn files(root: &Path, module: &Module, report: &mut Report) {
    // A default's files are looked for where the module is that takes them in: as Soong does.
    if module.kind.ends_with("_defaults") {
        return;
    }
    for key in FILES {
        for name in expand(root, module, key).1 {
            let message = format!("{}: {key} names {name}, and there is no such file", module.name);
            report.found(module.place(&name), message);
        }
    }
}

/// A module outside the strict set compiles here, and in a tree says nothing of what this project's gate refuses.
fn lints(module: &Module, report: &mut Report) {
    for key in ["lints", "clippy_lints"] {
        let have = module.string(key);
        if have != Some("android") {
            let message =
                format!("{}: {key} is {}, and has to be \"android\"", module.name, have.unwrap_or("not there"));
            report.contradiction(module.place("name:"), message, Place::file("Android.bp"));
        }
    }
}

fn rust(context: &Context<'_>, module: &Module, report: &mut Report) {
    if module.kind == BINDGEN {
        return bindings(context, module, report);
    }
    lints(module, report);
    let Some(crate_root) = module.string("crate_root") else {
        let message = format!("{}: no crate_root: only with one are the sources sandboxed", module.name);
        return report.found(module.place("name:"), message);
    };
    if crate_root.starts_with(':') {
        return;
    }
    let crate_root = module.folder().join(crate_root);
    source_files(context, module, &crate_root, report);
    // The other crate of two of one name has no manifest: Cargo cannot build it. `tree` compiles it.
    if SOONG_ONLY.iter().any(|folder| module.folder() == Path::new(folder)) {
        return common_types(context, module, report);
    }
    let package = context.packages.iter().filter(|package| crate_root.starts_with(&package.folder));
    let Some(package) = package.max_by_key(|package| package.folder.components().count()) else {
        return report.found(module.place("crate_root:"), format!("{}: in no Cargo package", module.name));
    };
    manifest(module, package, report);
    let side = if module.kind.ends_with("_host") { Side::Host } else { Side::Device };
    dependencies(context, module, package, side, report);
    common_types(context, module, report);
}

/// Whether a string of `bindgen_flags` stands for itself, wherever in the list it is.
fn stands_alone(flag: &str) -> bool {
    flag == "--no-layout-tests" || (flag.starts_with("--") && flag.contains('='))
}

/// A crate that bindgen writes: in a Cargo package of the same name a build script does.
fn bindings(context: &Context<'_>, module: &Module, report: &mut Report) {
    for flag in module.strings("bindgen_flags").into_iter().filter(|flag| !stands_alone(flag)) {
        let message = format!("{}: bindgen_flags has {flag}: bpfmt sorts the list, so write --flag=value", module.name);
        report.found(module.place(flag), message);
    }
    for key in ["wrapper_src", "source_stem"] {
        if module.string(key).is_none() {
            report.found(module.place("name:"), format!("{}: no {key}, and bindgen needs one", module.name));
        }
    }
    let Some(package) = context.packages.iter().find(|package| package.folder == module.folder()) else {
        return report.found(module.place("name:"), format!("{}: in no Cargo package", module.name));
    };
    manifest(module, package, report);
    dependencies(context, module, package, Side::Device, report);
    common_types(context, module, report);
}

fn source_files(context: &Context<'_>, module: &Module, crate_root: &Path, report: &mut Report) {
    let features = module.strings("features");
    let decides = module.strings("srcs").into_iter().chain(features.iter().copied());
    let decides: Vec<String> = decides.map(str::to_owned).collect();
    if !context.read.borrow_mut().insert((module.folder().join(crate_root).join(&module.name), decides)) {
        return;
    }
    let sources = sources::of_crate(context.root, crate_root, &features);
    for broken in &sources.broken {
        report.found(module.place("crate_root:"), format!("{}: {broken}", module.name));
    }
    let (mut listed, _) = expand(context.root, module, "srcs");
    let filegroups = module.strings("srcs").into_iter().filter_map(|name| name.strip_prefix(':'));
    for group in filegroups.filter_map(|name| context.blueprints.get(name)) {
        listed.extend(expand(context.root, group, "srcs").0);
    }
    // What the code includes, too: a comment of Soong's speaks of `compile_data`, and no Rust module has it.
    for file in sources.needed.difference(&listed) {
        let message = format!("{}: srcs lacks {}, and sources are sandboxed", module.name, file.display());
        report.contradiction(module.place("srcs:"), message, Place::file(file));
    }
    // With a pattern, what other crates of the package have is taken along, and does no harm.
    let exact: BTreeSet<PathBuf> = module
        .strings("srcs")
        .into_iter()
        .filter(|name| !name.starts_with(':') && !name.contains('*'))
        .map(|name| module.folder().join(name))
        .collect();
    for file in exact.iter().filter(|file| !sources.needed.contains(*file) && !sources.tests.contains(*file)) {
        let message = format!("{}: srcs lists {}, which is no part of the crate", module.name, file.display());
        report.contradiction(module.place("srcs:"), message, Place::file(crate_root));
    }
    for variable in sources.variables.iter().filter(|variable| variable.starts_with("CARGO_")) {
        if !module.flag("cargo_env_compat") {
            let message = format!("{}: the code reads {variable}; that takes cargo_env_compat: true", module.name);
            report.contradiction(module.place("name:"), message, Place::file(crate_root));
        }
    }
}

fn manifest(module: &Module, package: &CargoPackage, report: &mut Report) {
    let other = || Place::file(package.manifest());
    let edition = module.string("edition").unwrap_or("2021");
    if edition != package.edition {
        let message = format!("{}: edition {edition}, and Cargo says {}", module.name, package.edition);
        report.contradiction(module.place("edition:"), message, other());
    }
    if let Some(version) = module.string("cargo_pkg_version").filter(|version| *version != package.version) {
        let message = format!("{}: cargo_pkg_version {version}, and Cargo says {}", module.name, package.version);
        report.contradiction(module.place("cargo_pkg_version:"), message, other());
    }
    for feature in module.strings("features") {
        if !package.features().contains(feature) {
            let message = format!("{}: Cargo knows no feature {feature}", module.name);
            report.contradiction(module.place(feature), message, other());
        }
    }
    let expected = package.name.replace('-', "_");
    let library = module.kind == BINDGEN || module.kind.contains("library") || module.kind.contains("ffi");
    if library && module.string("crate_name") != Some(&expected) {
        let message = format!("{}: crate_name has to be {expected}, as in Cargo", module.name);
        report.contradiction(module.place("crate_name:"), message, other());
    }
    if library && !module.name.starts_with(&format!("lib{expected}")) {
        let message = format!("{}: Soong wants a Rust library to be called lib{expected}", module.name);
        report.found(module.place("name:"), message);
    }
}

fn dependencies(context: &Context<'_>, module: &Module, package: &CargoPackage, side: Side, report: &mut Report) {
    let features = module.strings("features");
    let mut expected = match package.dependencies(side, &features) {
        Ok(names) => names,
        Err(error) => return report.found(Place::file(package.manifest()), format!("{error:#}")),
    };
    asked(context, module, package, side, report);
    let test = module.kind == "rust_test";
    let tests = package.test_dependencies();
    // A program beside a library of the same package takes of the dependencies what it needs; the compiler tells.
    let free = test || (module.kind.starts_with("rust_binary") && package.library);
    if free {
        expected.insert(package.name.clone());
    }
    let named: BTreeSet<&str> = ["rustlibs", "proc_macros"].into_iter().flat_map(|key| module.strings(key)).collect();
    let ours = |name: &str| format!("lib{}", name.replace('-', "_"));
    let to_module = |name: &String| {
        let in_workspace = context.packages.iter().any(|package| package.name == *name);
        if in_workspace {
            Some(ours(name))
        } else {
            platform::module_of(name).map(str::to_owned)
        }
    };
    let other = || Place::file(package.manifest());
    for name in expected.iter().filter(|_| !free) {
        match to_module(name) {
            None => {
                let message = format!(
                    "{}: the crate {name} is not available in a tree; what is: {}",
                    module.name,
                    platform::CRATES.iter().map(|entry| entry.package).collect::<Vec<_>>().join(", ")
                );
                report.contradiction(Place::line(&module.file, module.line), message, other());
            }
            Some(library) if !named.contains(library.as_str()) => {
                let message = format!("{}: rustlibs lacks {library}; Cargo links {name}", module.name);
                report.contradiction(module.place("rustlibs:"), message, other());
            }
            Some(_) => {}
        }
    }
    let also = if test { tests.union(&expected).cloned().collect() } else { expected };
    let known: BTreeSet<String> = also.iter().filter_map(to_module).collect();
    for library in named.iter().filter(|library| !known.contains(**library)) {
        let message = format!("{}: rustlibs has {library}, which Cargo does not link", module.name);
        report.contradiction(module.place(library), message, other());
    }
}

/// What Cargo's manifest asks of a crate has to be what the release has: Soong builds no other version, and no other features.
fn asked(context: &Context<'_>, module: &Module, package: &CargoPackage, side: Side, report: &mut Report) {
    let release = context.release;
    // What cannot be read was told already.
    for asked in package.asked(side, &module.strings("features")).unwrap_or_default() {
        let name = asked.name;
        let Some(entry) = platform::module_of(name).and_then(platform::crate_of) else { continue };
        let mut refuse = |what: String, word: &str| {
            let message = format!("Android {}: {}: Cargo asks the crate {name} for {what}", release.name, module.name);
            report.contradiction(module.place(entry.module), message, package.said(context.root, name, word));
        };
        let there = entry.features_in(release);
        let lacks = |feature: &str| !there.contains(&feature) && !platform::CARGO_S_ALONE.contains(&(name, feature));
        for feature in asked.features.iter().filter(|feature| lacks(feature)) {
            let have = there.join(", ");
            refuse(format!("the feature {feature}, and its {} has {have}", entry.module), &format!("\"{feature}\""));
        }
        // Of a crate that has another name in a tree, versions say nothing.
        let Some(version) = release.version(entry).filter(|_| entry.package == name) else { continue };
        let admits = Version::parse(version).is_ok_and(|version| asked.versions.matches(&version));
        if !admits && !platform::OUTSIDE.contains(&(name, version)) {
            let versions = asked.versions.to_string();
            refuse(format!("{versions}, and the release has {version}"), versions.trim_start_matches('^'));
        }
    }
}

/// A generated crate's name carries no version: one of the versions of the types is linked, the allocator interface's.
fn common_types(context: &Context<'_>, module: &Module, report: &mut Report) {
    let commons: Vec<&str> =
        module.strings("rustlibs").into_iter().filter(|name| name.contains("graphics.common-V")).collect();
    let wanted = format!("android.hardware.graphics.common-{}-rust", context.release.graphics_common);
    if commons.len() > 1 || commons.iter().any(|name| *name != wanted) {
        let message = format!(
            "{}: in {} links {}; the allocator's interface imports {wanted}, and crate names carry no version",
            module.name,
            context.release.name,
            commons.join(" and ")
        );
        report.found(Place::line(&module.file, module.line), message);
    }
}

/// Every crate that ships has an Android.bp.
fn coverage(blueprints: &Blueprints, packages: &[CargoPackage], report: &mut Report) {
    let shipped =
        |package: &&CargoPackage| package.folder.starts_with("service") || package.folder.starts_with("heaps-config");
    for package in packages.iter().filter(shipped) {
        let name = package.name.replace('-', "_");
        let made = |module: &&Module| tree::kind_of(module).is_some() && module.folder() == package.folder;
        if !blueprints.modules.iter().any(|module| made(&module)) {
            let message = format!("{name} ships, and {}/Android.bp makes nothing of it", package.folder.display());
            report.found(Place::file(package.manifest()), message);
        }
    }
}

/// Crates of which a tree has another of the same name: over `libbinder_rs`, and over its older libtest-mimic.
const SOONG_ONLY: &[&str] = &["aidl/soong", "vts/conformance/trials_soong"];
