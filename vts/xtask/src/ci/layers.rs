//! The layers: words that a folder's code must not contain, which crate may reach which (from `cargo metadata`), files of a crate
//! that depend on one another in a cycle, what stands in no file, and that the tests which documents name are there. Words, since clippy's `disallowed_types` would take a clippy.toml for each crate.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{ensure, Context as _, Result};
use cargo_metadata::{DependencyKind, MetadataCommand, PackageId};
use vm_harness::progress::run_captured;

use super::cycles;
use crate::context::Context;
use crate::schedule::Finding;

/// Words that may not stand in the code (comments apart) below these folders.
struct Rule {
    folders: &'static [&'static str],
    words: &'static [&'static str],
    /// Paths where they may.
    except: &'static [&'static str],
    why: &'static str,
}

const PURE: &[&str] = &["service/allocator/src", "service/buffer/src", "heaps-config/src"];

const RULES: &[Rule] = &[
    Rule {
        folders: &[
            "service/allocator/src",
            "service/buffer/src",
            "service/dmabuf/src",
            "service/heaps/src",
            "heaps-config/src",
            "heaps-config/host/src",
        ],
        words: &["rsbinder", "allocator_aidl", "binder::", "Binder"],
        except: &[],
        why: "only the server and the clients know binder",
    },
    // clippy sees to a SAFETY comment at each use (undocumented_unsafe_blocks).
    Rule {
        folders: &["service", "heaps-config", "aidl"],
        words: &["unsafe "],
        except: &[
            "service/dmabuf/src/fd.rs",
            "service/dmabuf/src/ioctl.rs",
            "service/dmabuf/src/mmap.rs",
            "service/dmabuf/src/trace/atrace.rs",
            "service/heaps/src/sched.rs",
            "service/mapper/src/abi.rs",
            "service/mapper/src/counted.rs",
            "service/mapper/src/entry.rs",
            "service/mapper/src/entry",
        ],
        why: "unsafe code lives in the dma-buf's ioctls, system calls and mapping, in the question for atrace's switch, in the scheduling of threads, in the mapper's C entry and in the place of a buffer that is freed under calls",
    },
    Rule {
        folders: &["service", "heaps-config", "aidl"],
        words: &["ioctl_", "libc::ioctl"],
        except: &["service/dmabuf/src"],
        why: "only service/dmabuf makes ioctls",
    },
    Rule {
        folders: PURE,
        words: &[
            "std::fs",
            "std::net",
            "std::env",
            "std::process",
            "std::time::Instant",
            "SystemTime",
            "File::open",
            "OwnedFd",
            "log::",
        ],
        except: &[],
        why: "the wire format, the policy and the allocator open no file, hold no fd, read no clock and log nothing",
    },
];

/// Crates that may not reach these, not even through another crate.
const APART: &[(&[&str], &[&str])] = &[
    (
        &["gralloc_allocator", "gralloc_buffer", "gralloc_dmabuf", "gralloc_heaps", "heaps_config"],
        &["rsbinder", "allocator_aidl"],
    ),
    (&["gralloc_allocator", "gralloc_buffer", "heaps_config"], &["nix", "rustix", "libc", "log"]),
    // Android's tree has toml for the host only.
    (&["gralloc_server", "heaps_config"], &["toml", "heaps_host"]),
];

/// What a crate may reach of this workspace's crates: the whole of it, through other crates too.
const CLOSURES: &[(&str, &[&str])] = &[
    ("gralloc_buffer", &[]),
    ("gralloc_dmabuf", &[]),
    // It is loaded into every process that draws: no policy, ledger, pool, watch or scheduling.
    ("gralloc_mapper", &["gralloc_buffer", "gralloc_dmabuf"]),
    ("heaps_config", &["gralloc_buffer"]),
    ("gralloc_allocator", &["gralloc_buffer", "heaps_config"]),
    ("gralloc_heaps", &["gralloc_allocator", "gralloc_buffer", "gralloc_dmabuf", "heaps_config"]),
    ("allocator_aidl", &[]),
    (
        "gralloc_server",
        &["allocator_aidl", "gralloc_allocator", "gralloc_buffer", "gralloc_dmabuf", "gralloc_heaps", "heaps_config"],
    ),
    ("gralloc_client", &["allocator_aidl", "gralloc_buffer", "gralloc_dmabuf"]),
    ("heaps_host", &["gralloc_allocator", "gralloc_buffer", "heaps_config"]),
    (
        "heapctl",
        &[
            "allocator_aidl",
            "gralloc_allocator",
            "gralloc_buffer",
            "gralloc_client",
            "gralloc_dmabuf",
            "gralloc_heaps",
            "heaps_config",
            "heaps_host",
        ],
    ),
];
/// Whose crates have no entry there: tests reach anything, and since no entry names one of them, nothing reaches them.
const TESTS: &str = "vts";

/// What the mapper may load besides: log, nix, and what those two are made of.
const MAPPER_DEPENDENCIES: &[&str] = &[
    "android_log-sys",
    "android_logger",
    "bitflags",
    "cfg-if",
    "env_logger",
    "libc",
    "log",
    "memoffset",
    "nix",
    "once_cell",
];

/// Device crates, and what of others they may name: what Android's tree has, or has a twin for.
pub(super) const DEVICE: &[&str] = &[
    "gralloc_allocator",
    "gralloc_buffer",
    "gralloc_dmabuf",
    "gralloc_heaps",
    "gralloc_server",
    "gralloc_mapper",
    "heaps_config",
];
const DEVICE_DEPENDENCIES: &[&str] = &[
    "allocator_aidl",
    "android_logger",
    "anyhow",
    "env_logger",
    "libc",
    "log",
    "nix",
    "rsbinder",
    "serde",
    "serde_json",
];

/// Ends of the names of crates' first files, from which the others follow.
const ROOTS: &[&str] = &["/lib.rs", "/main.rs"];

/// Lines a file may have without a reason.
const FILE_LINES: usize = 500;
/// How the reason begins.
const REASON: &str = "Longer than others because";
/// Paths of somebody's machine, which belong into no file.
const LEAKS: &[&str] = &[
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/tmp/tar", "get"),
];
/// Ends of names of text files.
const TEXTS: &[&str] = &[".rs", ".toml", ".md", ".aidl", ".bp", ".te", ".rc", ".xml", ".json", "/run", "_contexts"];
/// Documents that name tests, each of which has to be there.
const NAME_TESTS: &[&str] = &["SECURITY.md", "THREAT_MODEL.md"];

/// Looks at all of it.
pub(super) fn check(context: &Context) -> Result<Finding> {
    let files = run_captured(Command::new("git").current_dir(&context.workspace).args(["ls-files", "-z"]))?;
    let files = String::from_utf8(files).context("file names")?;
    let mut problems = Vec::new();
    let mut count = 0_usize;
    let (mut names, mut documents) = (BTreeSet::new(), Vec::new());
    for name in files.split('\0').filter(|name| TEXTS.iter().any(|end| name.ends_with(end))) {
        // Deleted and not yet committed, or not UTF-8.
        let Ok(text) = fs::read_to_string(context.workspace.join(name)) else { continue };
        count = count.saturating_add(1);
        look_at(name, &text, &mut problems);
        if name.ends_with(".rs") {
            names.extend(names_of(&text).map(str::to_owned));
        } else if NAME_TESTS.contains(&name) {
            documents.push((name, text));
        }
    }
    for (name, text) in &documents {
        let unknown = named_tests(text).filter(|(stem, _)| !names.iter().any(|known| known.contains(stem)));
        problems.extend(unknown.map(|(_, test)| format!("{name}: `{test}`: no test is called so")));
    }
    let manifest = fs::read_to_string(context.workspace.join("Cargo.toml")).context("Cargo.toml")?;
    if !release_checks_overflow(&manifest) {
        let why = "a sum that wraps becomes a buffer that is too small";
        problems.push(format!("Cargo.toml: [profile.release] has to say overflow-checks = true: {why}"));
    }
    for root in files.split('\0').filter(|name| ROOTS.iter().any(|root| name.ends_with(root))) {
        let cycles = cycles::of(root, |name| fs::read_to_string(context.workspace.join(name)).ok());
        problems.extend(cycles.iter().map(|files| format!("{} depend on one another in a cycle", files.join(", "))));
    }
    dependencies(&context.workspace, &mut problems)?;
    for problem in &problems {
        println!("{problem}");
    }
    ensure!(problems.is_empty(), "{} problems", problems.len());
    Ok(Finding::Passed(format!(" in {count} files")))
}

fn release_checks_overflow(manifest: &str) -> bool {
    let mut lines = manifest.lines().skip_while(|line| line.trim() != "[profile.release]").skip(1);
    lines.by_ref().take_while(|line| !line.starts_with('[')).any(|line| line.trim() == "overflow-checks = true")
}

fn look_at(name: &str, text: &str, problems: &mut Vec<String>) {
    let lines = text.lines().count();
    if name.ends_with(".rs") && lines > FILE_LINES && !text.contains(REASON) {
        problems.push(format!(
            "{name}: {lines} lines; beyond {FILE_LINES} it takes a comment \"{REASON} …\", about 300 are the rule"
        ));
    }
    for (number, line) in (1..).zip(text.lines()) {
        if let Some(leak) = LEAKS.iter().find(|leak| line.contains(**leak)) {
            problems.push(format!("{name}:{number}: {leak} is a path of one machine"));
        }
    }
    if !name.ends_with(".rs") {
        return;
    }
    // Tests may do what they test for.
    if Path::new(name).components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "benches") {
        return;
    }
    for rule in RULES {
        let inside = |folder: &&str| Path::new(name).starts_with(folder);
        if !rule.folders.iter().any(inside) || rule.except.iter().any(inside) {
            continue;
        }
        for (number, line) in (1..).zip(text.lines()) {
            let code = code_of(line);
            if let Some(word) = rule.words.iter().find(|word| code.contains(**word)) {
                problems.push(format!("{name}:{number}: {}: {}", word.trim_end(), rule.why));
            }
        }
    }
}

/// The names in a source file that are long enough for a test's: some are functions, some a macro's that makes them.
fn names_of(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.matches('_').count() > 1)
}

/// The tests that a document names between backquotes, and what of the name is there: `group::name`, or `beginning_of_a_name_…`.
fn named_tests(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let quoted = text.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    quoted.filter_map(|test| {
        let name = test.rsplit("::").next().unwrap_or_default().trim_start_matches("*_");
        let stem = name.trim_end_matches('…');
        let is_name = stem.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        // Other names have fewer words.
        let words = stem.matches('_').count();
        (is_name && (words > 3 || name != stem && words > 1)).then_some((stem, test))
    })
}

/// The line without its comment. A `//` in a string cuts too much, which only makes the check milder there.
fn code_of(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

/// Follows normal dependencies as Cargo resolved them.
fn dependencies(workspace: &Path, problems: &mut Vec<String>) -> Result<()> {
    let metadata =
        MetadataCommand::new().manifest_path(workspace.join("Cargo.toml")).exec().context("cargo metadata")?;
    let names: HashMap<&PackageId, &str> =
        metadata.packages.iter().map(|package| (&package.id, package.name.as_str())).collect();
    for package in metadata.packages.iter().filter(|package| DEVICE.contains(&package.name.as_str())) {
        let normal = package.dependencies.iter().filter(|dependency| dependency.kind == DependencyKind::Normal);
        for dependency in normal.filter(|dependency| !DEVICE.contains(&dependency.name.as_str())) {
            if !DEVICE_DEPENDENCIES.contains(&dependency.name.as_str()) {
                problems
                    .push(format!("{} names {}, which Android's tree does not have", package.name, dependency.name));
            }
        }
    }
    let members: BTreeSet<&str> =
        metadata.workspace_packages().into_iter().map(|package| package.name.as_str()).collect();
    let nodes = &metadata.resolve.as_ref().context("cargo metadata resolved nothing")?.nodes;
    let edges: HashMap<&PackageId, Vec<&PackageId>> = nodes
        .iter()
        .map(|node| {
            let normal =
                node.deps.iter().filter(|dep| dep.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal));
            (&node.id, normal.map(|dep| &dep.pkg).collect())
        })
        .collect();
    for package in metadata.workspace_packages() {
        let is_test = package.manifest_path.starts_with(metadata.workspace_root.join(TESTS));
        if !is_test && !CLOSURES.iter().any(|(crate_name, _)| package.name == *crate_name) {
            problems.push(format!("{}: layers.rs does not say what it may reach", package.name));
        }
    }
    for (id, name) in &names {
        let reached: Vec<&str> = reached(id, &edges).into_iter().filter_map(|id| names.get(id).copied()).collect();
        for (_, forbidden) in APART.iter().filter(|(crates, _)| crates.contains(name)) {
            let found = reached.iter().filter(|found| forbidden.contains(found));
            problems.extend(found.map(|found| format!("{name} depends on {found}")));
        }
        for (_, allowed) in CLOSURES.iter().filter(|(crate_name, _)| crate_name == name) {
            let ours = reached.iter().filter(|found| *found != name && members.contains(*found));
            let beyond = ours.filter(|found| !allowed.contains(found));
            problems.extend(beyond.map(|found| format!("{name} depends on {found}, and may reach {allowed:?} alone")));
        }
        if *name == "gralloc_mapper" {
            let known = |found: &&&str| DEVICE.contains(found) || MAPPER_DEPENDENCIES.contains(found);
            let others = reached.iter().filter(|found| !known(found));
            problems.extend(others.map(|found| format!("{name} loads {found} into every process that draws")));
        }
    }
    Ok(())
}

/// All packages that one needs, itself included.
fn reached<'p>(from: &'p PackageId, edges: &HashMap<&'p PackageId, Vec<&'p PackageId>>) -> BTreeSet<&'p PackageId> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from];
    while let Some(next) = open.pop() {
        if reached.insert(next) {
            open.extend(edges.get(next).into_iter().flatten());
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(name: &str, text: &str) -> Vec<String> {
        let mut problems = Vec::new();
        look_at(name, text, &mut problems);
        problems
    }

    #[test]
    fn words_of_another_layer_are_found_in_code_and_not_in_comments() {
        assert_eq!(problems("service/allocator/src/plan.rs", "use rsbinder::Parcel;").len(), 1);
        assert!(problems("service/allocator/src/plan.rs", "// rsbinder is for others").is_empty());
        assert!(problems("service/server/src/adapter.rs", "use rsbinder::Parcel;").is_empty());
        assert_eq!(problems("service/server/src/x.rs", "    unsafe { f() }").len(), 1);
        assert!(problems("service/dmabuf/src/ioctl.rs", "    unsafe { f() }").is_empty());
        assert_eq!(problems("heaps-config/src/x.rs", "let f = File::open(path);").len(), 1);
    }

    #[test]
    fn release_profile_without_overflow_checks_is_seen() {
        assert!(release_checks_overflow("[profile.release]\nlto = true\noverflow-checks = true\n"));
        assert!(!release_checks_overflow("[profile.release]\nlto = true\n[profile.dev]\noverflow-checks = true\n"));
    }

    #[test]
    fn tests_that_a_document_names_are_compared_with_the_names_that_there_are() {
        let named = |text| named_tests(text).map(|(stem, _)| stem.to_owned()).collect::<Vec<_>>();
        assert_eq!(named("| `names::*_name_that_is_cut_…` in `a/b.rs` |"), ["name_that_is_cut_"]);
        assert_eq!(named("`buffers_are_read_oldest_first`, `max_user_watches`"), ["buffers_are_read_oldest_first"]);
        let known: Vec<_> = names_of("fn one_name_of_a_test() {}\n    other_of_a_macro: tested => 1;").collect();
        assert_eq!(known, ["one_name_of_a_test", "other_of_a_macro"]);
    }

    #[test]
    fn long_files_and_paths_of_a_machine_are_found() {
        assert_eq!(problems("vts/x/src/a.rs", &"\n".repeat(501)).len(), 1);
        assert_eq!(problems("README.md", &["see /ho", "me/me/x"].concat()).len(), 1);
        assert!(problems("README.md", "see target/vm").is_empty());
    }
}
