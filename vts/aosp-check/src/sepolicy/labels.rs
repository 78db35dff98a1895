//! The labels: that every path and name gets the one that it needs, from the platform's entries and ours together.

use super::compile::{rules, tool, words, BASE, FILE_SYSTEMS};
use super::generate::{Generated, LABELS};
use super::{Profile, HEAPS, VENDOR};
use crate::report::{Place, Report};
use crate::SUFFIX;
use anyhow::{Context, Result};
use heaps_host::board::platform_type;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A path, what kind of file is there, and its type.
struct Expected {
    path: String,
    kind: &'static str,
    selinux_type: String,
    /// The project's file that has to say so.
    said_in: PathBuf,
}

pub(super) fn check(
    root: &Path,
    profile: &Profile,
    generated: &Generated,
    policy: &Path,
    report: &mut Report,
) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let own = Path::new(HEAPS).join(&profile.name).join(LABELS);
    let vendor = Path::new(VENDOR).join(LABELS);
    let merged = folder.path().join(LABELS);
    fs::write(&merged, merge(root, profile, &[BASE]))?;
    if let Err(words) = valid(&merged, policy)? {
        report.found(Place::file(&own), format!("sefcontext_compile refuses it: {words}"));
        return Ok(());
    }
    let mut expected = of_every_device(&vendor);
    for (heap, node) in generated.nodes() {
        expected.push(Expected {
            path: format!("/dev/dma_heap/{node}"),
            kind: "char_dev",
            selinux_type: heap.selinux_type.clone(),
            said_in: own.clone(),
        });
    }
    for node in profile.document.heaps.iter().flat_map(|heap| &heap.nodes) {
        let Some(selinux_type) = platform_type(node) else { continue };
        expected.push(Expected {
            path: format!("/dev/dma_heap/{node}"),
            kind: "char_dev",
            selinux_type: selinux_type.to_owned(),
            said_in: own.clone(),
        });
    }
    for wanted in expected {
        let mut command = Command::new("selabel_lookup");
        command.args(["-b", "file", "-t", wanted.kind, "-k", &wanted.path, "-f"]).arg(&merged);
        let got = label(&mut command)?;
        if got != wanted.selinux_type {
            let message = format!("{} is labelled {got} and has to be {}", wanted.path, wanted.selinux_type);
            report.contradiction(Place::file(&wanted.said_in), message, Place::file(&profile.file));
        }
    }
    file_systems(root, report);
    attributes(root, profile, report)?;
    services(root, policy, report).context("service_contexts")
}

/// What labels the file systems that the kernel makes itself; no program reads that, so the entry is looked for. The rules
/// that go with it are tried with the others.
fn file_systems(root: &Path, report: &mut Report) {
    let file = Path::new(VENDOR).join(FILE_SYSTEMS);
    let text = fs::read_to_string(root.join(&file)).unwrap_or_default();
    let wanted = ["genfscon", "dmabuf", "/", "u:object_r:vendor_dmabuf_fs:s0"];
    if !text.lines().any(|line| line.split_whitespace().eq(wanted)) {
        let message = format!("has to say `{}`: else nobody may ask whether a file is a dma-buf", wanted.join(" "));
        report.found(Place::file(file), message);
    }
}

/// What a type has to be by what it labels: a file system's, or below a folder (`system/sepolicy/tests/sepolicy_tests.py`, android-15,
/// which every build of a device runs).
const OF_FILE_SYSTEMS: [(&str, &str); 4] =
    [("debugfs", "debugfs_type"), ("proc", "proc_type"), ("sysfs", "sysfs_type"), ("tracefs", "tracefs_type")];
const OF_FOLDERS: [(&str, &str); 5] = [
    ("/(vendor|system/vendor)/", "vendor_file_type"),
    ("/vendor/", "vendor_file_type"),
    ("/odm/", "vendor_file_type"),
    ("/dev/", "dev_type"),
    ("/dev/dma_heap/", "dmabuf_heap_device_type"),
];

/// The attributes that the platform's tests ask of the types in the project's labels.
fn attributes(root: &Path, profile: &Profile, report: &mut Report) -> Result<()> {
    let heaps = Path::new(HEAPS).join(&profile.name);
    let mut types: BTreeMap<String, (Vec<String>, Place)> = BTreeMap::new();
    for folder in [Path::new(BASE), Path::new(VENDOR), &heaps] {
        for file in rules(root, folder)? {
            let text = fs::read_to_string(root.join(&file)).with_context(|| file.display().to_string())?;
            for (number, line) in (1..).zip(text.lines()) {
                let Some(declared) = line.strip_prefix("type ") else { continue };
                let mut names = declared.trim_end().trim_end_matches(';').split(',').map(|name| name.trim().to_owned());
                let Some(name) = names.next() else { continue };
                types.insert(name, (names.collect(), Place::line(&file, number)));
            }
        }
    }
    for (folder, name) in [(Path::new(VENDOR), FILE_SYSTEMS), (Path::new(VENDOR), LABELS), (&heaps, LABELS)] {
        let file = folder.join(name);
        let text = fs::read_to_string(root.join(&file)).unwrap_or_default();
        for (number, line) in (1..).zip(text.lines()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let (path, wanted): (String, Vec<&str>) = match words[..] {
                [first, ..] if first.starts_with('#') => continue,
                ["genfscon", system, path, _] => {
                    let of = OF_FILE_SYSTEMS.iter().filter(|(name, _)| *name == system);
                    (format!("{path} of {system}"), of.map(|(_, attribute)| *attribute).collect())
                }
                [path, .., _] => {
                    let of = OF_FOLDERS.iter().filter(|(start, _)| path.starts_with(start));
                    (path.to_owned(), of.map(|(_, attribute)| *attribute).collect())
                }
                _ => continue,
            };
            let labelled = words.last().and_then(|label| label.split(':').nth(2)).unwrap_or_default();
            let Some((have, declared)) = types.get(labelled) else { continue };
            for attribute in wanted.into_iter().filter(|attribute| !have.iter().any(|have| have == attribute)) {
                let message =
                    format!("{labelled} labels {path} and lacks the attribute {attribute}: sepolicy_tests refuse it");
                report.contradiction(Place::line(&file, number), message, declared.clone());
            }
        }
    }
    Ok(())
}

/// The labels of some folders, then those of the project. Of two that fit a path, the later one counts.
pub(super) fn merge(root: &Path, profile: &Profile, folders: &[&str]) -> String {
    let own = Path::new(HEAPS).join(&profile.name);
    let folders = folders.iter().map(Path::new).chain([Path::new(VENDOR), &own]);
    folders.map(|folder| fs::read_to_string(root.join(folder).join(LABELS)).unwrap_or_default()).collect()
}

fn of_every_device(vendor: &Path) -> Vec<Expected> {
    let mut expected = Vec::new();
    let paths = [
        (
            format!("/vendor/bin/hw/android.hardware.graphics.allocator-service.{SUFFIX}"),
            "hal_graphics_allocator_default_exec",
        ),
        (format!("/vendor/lib64/hw/mapper.{SUFFIX}.so"), "same_process_hal_file"),
        (format!("/vendor/lib/hw/mapper.{SUFFIX}.so"), "same_process_hal_file"),
        ("/vendor/etc/gralloc/heaps.json".to_owned(), "vendor_configs_file"),
    ];
    for (path, selinux_type) in paths {
        let selinux_type = selinux_type.to_owned();
        expected.push(Expected { path, kind: "file", selinux_type, said_in: vendor.to_owned() });
    }
    expected
}

/// Whether every label of a file is one of a policy. The inner error is the compiler's words.
pub(super) fn valid(labels: &Path, policy: &Path) -> Result<std::result::Result<(), String>> {
    let mut command = Command::new("sefcontext_compile");
    let output = labels.with_extension("bin");
    let compiled = tool("sefcontext_compile", command.arg("-p").arg(policy).arg("-o").arg(output).arg(labels))?;
    Ok(if compiled.status.success() { Ok(()) } else { Err(words(&compiled).trim().to_owned()) })
}

/// The names that servicemanager is asked for. Debian's selabel_lookup knows no services, so they are looked up here as
/// libselinux's backend does: by the whole name, else by `*`. Their labels are validated as if they were files'.
fn services(root: &Path, policy: &Path, report: &mut Report) -> Result<()> {
    let file = Path::new(VENDOR).join("service_contexts");
    let mut text = fs::read_to_string(root.join(&file)).unwrap_or_default();
    text.push_str(&fs::read_to_string(root.join(BASE).join("service_contexts"))?);
    let entries: Vec<(&str, &str)> = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .filter_map(|line| line.split_once(char::is_whitespace))
        .map(|(name, label)| (name, label.trim()))
        .collect();
    let folder = tempfile::tempdir()?;
    let as_files = folder.path().join("service_contexts");
    fs::write(&as_files, entries.iter().map(|(_, label)| format!("/.* {label}\n")).collect::<String>())?;
    if let Err(words) = valid(&as_files, policy)? {
        report.found(Place::file(&file), format!("a label that the policy does not know: {words}"));
    }
    let names = [
        (format!("mapper/{SUFFIX}"), "hal_graphics_mapper_service"),
        ("android.hardware.graphics.allocator.IAllocator/default".to_owned(), "hal_graphics_allocator_service"),
    ];
    for (name, wanted) in names {
        let entry = entries
            .iter()
            .find(|(entry, _)| *entry == name)
            .or_else(|| entries.iter().find(|(entry, _)| *entry == "*"));
        let got = entry.and_then(|(_, label)| label.split(':').nth(2)).unwrap_or("nothing");
        if got != wanted {
            report.found(Place::file(&file), format!("{name} is labelled {got} and has to be {wanted}"));
        }
    }
    Ok(())
}

/// The type in the label that is found, `nothing` when none is.
fn label(command: &mut Command) -> Result<String> {
    let output = tool("selabel_lookup", command)?;
    let text = words(&output);
    let context = text.split_whitespace().find(|word| word.starts_with("u:object_r:"));
    Ok(context.and_then(|context| context.split(':').nth(2)).unwrap_or("nothing").to_owned())
}
