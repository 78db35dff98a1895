//! What is in the APEX, as Soong would pack it: everything that init, VINTF, the linker and every process look for there.

use crate::bp::{Blueprints, Module};
use crate::platform::RELEASES;
use crate::report::{Place, Report};
use crate::SUFFIX;
use anyhow::{Context as _, Result};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The keys of an APEX manifest that a vendor's may have (`system/apex/proto/apex_manifest.proto`, of 15 and later).
const MANIFEST_KEYS: &[&str] = &[
    "name",
    "version",
    "versionName",
    "bootstrap",
    "vendorBootstrap",
    "preInstallHook",
    "postInstallHook",
    "noCode",
    "provideNativeLibs",
    "requireNativeLibs",
    "jniLibs",
    "supportsRebootlessUpdate",
    "vndkVersion",
];

/// Either makes it bootstrap: newer trees have the first, and call the second deprecated.
const BOOTSTRAP: [&str; 2] = ["bootstrap", "vendorBootstrap"];

/// What Cuttlefish packs in this APEX's place (`device/google/cuttlefish/guest/hals/gralloc`); two of them cannot be active.
const CUTTLEFISH: &str = "com.google.cf.gralloc";

/// Checks every APEX.
///
/// # Errors
/// A script of init that cannot be read.
pub fn check(root: &Path, blueprints: &Blueprints, report: &mut Report) -> Result<()> {
    let release = RELEASES.first().context("a release")?;
    let resolved = blueprints.resolve(release, &[]);
    for apex in resolved.modules.iter().filter(|module| module.kind == "apex") {
        libraries(&resolved, apex, report);
        of_the_vendor(apex, report);
        manifest(root, apex, report);
        prebuilts(root, &resolved, apex, report)?;
    }
    Ok(())
}

/// The mapper is there, for both widths, with a C++ runtime of its own.
fn libraries(blueprints: &Blueprints, apex: &Module, report: &mut Report) {
    let names = apex.strings("native_shared_libs");
    // libui loads `mapper.<suffix>.so`.
    let file = format!("mapper.{SUFFIX}");
    let called = |module: &Module| module.string("stem").unwrap_or(&module.name) == file;
    if !names.iter().filter_map(|name| blueprints.get(name)).any(called) {
        let message = format!("{}: native_shared_libs has no library that is called {file}.so", apex.name);
        let other = blueprints.modules.iter().find(|module| module.kind == "cc_library_shared" && called(module));
        report.contradiction(apex.place("name:"), message, other.unwrap_or(apex).place("name:"));
    }
    for module in names.iter().filter_map(|name| blueprints.get(name)) {
        for (place, width) in [(apex, apex.string("compile_multilib")), (module, module.string("compile_multilib"))] {
            if width != Some("both") {
                let message = format!(
                    "{}: compile_multilib is not \"both\": without it no {} for 32-bit apps is in {}",
                    place.name, module.name, apex.name
                );
                report.contradiction(place.place("name:"), message, apex.place("native_shared_libs:"));
            }
        }
        if module.string("stl") != Some("libc++_static") {
            let name = &module.name;
            let message =
                format!("{name}: stl is not \"libc++_static\": Soong would pack libc++.so into {}", apex.name);
            report.contradiction(apex.place(name), message, module.place("name:"));
        }
    }
}

fn of_the_vendor(apex: &Module, report: &mut Report) {
    if !apex.flag("vendor") {
        let message = format!("{}: vendor is not true: it would be the system's", apex.name);
        report.found(apex.place("name:"), message);
    }
    if !apex.strings("overrides").contains(&CUTTLEFISH) {
        let message = format!("{}: overrides lacks {CUTTLEFISH}: a product would have both", apex.name);
        report.contradiction(apex.place("overrides:"), message, Place::file("docs/cuttlefish.md"));
    }
}

fn manifest(root: &Path, apex: &Module, report: &mut Report) {
    let Some(manifest) = apex.string("manifest") else { return };
    let file = apex.folder().join(manifest);
    let read = fs::read_to_string(root.join(&file)).ok().and_then(|text| serde_json::from_str(&text).ok());
    let Some(Value::Object(keys)) = read else {
        return report.found(Place::file(&file), "not a JSON object".to_owned());
    };
    if !BOOTSTRAP.iter().any(|key| keys.get(*key) == Some(&Value::Bool(true))) {
        let message = "neither bootstrap nor vendorBootstrap is true: early HALs would not find the mapper".to_owned();
        report.contradiction(Place::file(&file), message, apex.place("name:"));
    }
    for key in keys.keys().filter(|key| !MANIFEST_KEYS.contains(&key.as_str())) {
        report
            .found(Place::file(&file), format!("the key {key}: apex_manifest.proto has {}", MANIFEST_KEYS.join(", ")));
    }
}

/// A file of an APEX below its `etc`: the module that puts it there, and the files that it is made of.
type Etc<'a> = BTreeMap<PathBuf, (&'a Module, Vec<PathBuf>)>;

/// What an APEX has below `etc`.
pub(crate) fn etc<'a>(blueprints: &'a Blueprints, apex: &Module) -> Etc<'a> {
    let prebuilts = apex.strings("prebuilts").into_iter().filter_map(|name| blueprints.get(name));
    let installed = |module: &'a Module| {
        let name = match module.kind.as_str() {
            // Whatever the module is called: `build/soong/linkerconfig`.
            "linker_config" => "linker.config.json",
            _ => module.string("filename").unwrap_or(&module.name),
        };
        let path = Path::new(module.string("sub_dir").unwrap_or_default()).join(name);
        (path, (module, blueprints.sources(module, "src")))
    };
    prebuilts.map(installed).collect()
}

/// init's script starts a program that is in the APEX, with a policy that is in it; the linker lets other processes in.
fn prebuilts(root: &Path, blueprints: &Blueprints, apex: &Module, report: &mut Report) -> Result<()> {
    let etc = etc(blueprints, apex);
    let inside = format!("/apex/{}/", apex.name);
    let mut started = Vec::new();
    // init reads those of `etc` itself, and no folder below it.
    let scripts = etc.iter().filter(|(path, _)| path.parent() == Some(Path::new("")));
    for (_, (_, files)) in scripts.filter(|(path, _)| path.extension().is_some_and(|ending| ending == "rc")) {
        for file in files {
            let text = fs::read_to_string(root.join(file)).with_context(|| file.display().to_string())?;
            for word in text.split_whitespace().filter_map(|word| word.strip_prefix(&inside)) {
                started.push(word.to_owned());
                let there = match word.strip_prefix("etc/") {
                    Some(path) => etc.contains_key(Path::new(path)),
                    None => apex
                        .strings("binaries")
                        .iter()
                        .filter_map(|name| blueprints.get(name))
                        .any(|module| installs(module) == Path::new(word)),
                };
                if !there {
                    let message = format!("{}: nothing that is packed installs {word}", apex.name);
                    report.contradiction(apex.place("name:"), message, Place::find(file, &text, word));
                }
            }
        }
    }
    for name in apex.strings("binaries") {
        let program = blueprints.get(name).map(installs);
        if !started.iter().any(|word| program.as_deref() == Some(Path::new(word))) {
            let message = format!("{}: no script of init in the APEX starts {name}", apex.name);
            report.found(apex.place("prebuilts:"), message);
        }
    }
    let fragments = etc.iter().filter(|(path, _)| path.starts_with("vintf")).flat_map(|(_, (_, files))| files);
    let texts: Vec<String> = fragments.filter_map(|file| fs::read_to_string(root.join(file)).ok()).collect();
    if !texts.iter().any(|text| text.contains("<name>mapper</name>")) {
        let message = format!("{}: no VINTF fragment in the APEX declares the mapper", apex.name);
        report.contradiction(apex.place("prebuilts:"), message, apex.place("native_shared_libs:"));
    }
    let Some((config, files)) = etc.get(Path::new("linker.config.json")) else {
        let message = format!("{}: no linker_config: no process outside the APEX could load its libraries", apex.name);
        report.found(apex.place("prebuilts:"), message);
        return Ok(());
    };
    for file in files {
        let text = fs::read_to_string(root.join(file)).with_context(|| file.display().to_string())?;
        if serde_json::from_str::<Value>(&text).ok().and_then(|value| value.get("visible")?.as_bool()) != Some(true) {
            let message = "visible is not true: no process outside the APEX could load its libraries".to_owned();
            report.contradiction(Place::find(file, &text, "visible"), message, config.place("src:"));
        }
    }
    Ok(())
}

/// Where a program is in an APEX, or in /vendor.
pub(crate) fn installs(program: &Module) -> PathBuf {
    Path::new("bin").join(program.string("relative_install_path").unwrap_or_default()).join(&program.name)
}
