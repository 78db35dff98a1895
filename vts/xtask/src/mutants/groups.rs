//! The files that hold defences, and the quick tests that have to catch their mutants.

use std::path::Path;

use anyhow::{bail, ensure, Result};

/// Files that the same tests guard.
pub(super) struct Group {
    pub(super) name: &'static str,
    pub(super) files: &'static [&'static str],
    /// Whose tests.
    pub(super) packages: &'static [&'static str],
    /// Which tests beside those in the packages' own sources. None of them needs a guest.
    pub(super) tests: &'static [&'static str],
}

/// In the order of their worth.
pub(super) const GROUPS: &[Group] = &[
    Group {
        name: "bounds",
        files: &[
            "service/server/src/access.rs",
            "service/server/src/threads.rs",
            "service/server/src/logging.rs",
            "service/server/src/convert.rs",
        ],
        packages: &["gralloc_server"],
        tests: &[],
    },
    Group {
        name: "admission",
        files: &["service/allocator/src/ledger/admission.rs", "service/allocator/src/allocate.rs"],
        packages: &["gralloc_allocator"],
        tests: &[],
    },
    Group {
        name: "ledger",
        files: &["service/allocator/src/ledger/account.rs", "service/allocator/src/ledger.rs"],
        packages: &["gralloc_allocator"],
        tests: &[],
    },
    Group {
        name: "plan",
        files: &[
            "service/allocator/src/plan/size.rs",
            "service/allocator/src/plan/heaps.rs",
            "service/allocator/src/plan/shape.rs",
            "service/allocator/src/request.rs",
        ],
        packages: &["gralloc_allocator"],
        tests: &["refusals", "layouts"],
    },
    Group {
        name: "condition",
        files: &["heaps-config/src/condition.rs"],
        packages: &["heaps_config", "gralloc_allocator"],
        tests: &["explain", "refusals", "layouts"],
    },
    Group {
        name: "handle",
        files: &["service/buffer/src/handle/decode.rs", "service/buffer/src/handle/fields.rs"],
        packages: &["gralloc_buffer"],
        tests: &["golden", "properties", "vendor_handles"],
    },
    Group {
        name: "import",
        files: &["service/mapper/src/table.rs", "service/mapper/src/counted.rs", "service/mapper/src/import.rs"],
        packages: &["gralloc_mapper"],
        tests: &["hostile", "foreign", "metadata", "model", "threads", "waiting"],
    },
    Group {
        name: "mapper",
        files: &["service/mapper/src/buffer.rs", "service/mapper/src/lock.rs", "service/mapper/src/memory.rs"],
        packages: &["gralloc_mapper"],
        tests: &["hostile", "foreign", "lock_log", "locking", "metadata", "vendor_metadata"],
    },
    Group {
        name: "layout",
        files: &["service/buffer/src/layout/check.rs", "service/buffer/src/layout/arrange.rs"],
        packages: &["gralloc_buffer"],
        tests: &["every_size", "forged_blocks", "golden", "properties", "vendor_handles"],
    },
    Group {
        name: "records",
        files: &[
            "service/allocator/src/ledger/buffers.rs",
            "service/allocator/src/pool.rs",
            "service/allocator/src/pool/streams.rs",
        ],
        packages: &["gralloc_allocator"],
        tests: &[],
    },
    Group {
        name: "policy",
        files: &[
            "heaps-config/src/check.rs",
            "heaps-config/src/reader.rs",
            "heaps-config/src/document/read.rs",
            "heaps-config/host/src/lint/must.rs",
        ],
        packages: &["heaps_config", "heaps_host"],
        tests: &["json", "pool", "findings", "schema", "expect", "vendor_tables", "draft"],
    },
    Group {
        name: "metadata",
        files: &[
            "service/buffer/src/metadata/cell.rs",
            "service/buffer/src/metadata/page.rs",
            "service/buffer/src/metadata/set.rs",
            "service/buffer/src/metadata/encode.rs",
        ],
        packages: &["gralloc_buffer"],
        tests: &["metadata_golden", "metadata_properties"],
    },
];

/// A group, and which of its files.
pub(super) struct Selected {
    pub(super) group: &'static Group,
    pub(super) files: Vec<&'static str>,
}

/// What these names mean; nothing means all.
pub(super) fn select(which: &[String]) -> Result<Vec<Selected>> {
    if which.is_empty() {
        return Ok(GROUPS.iter().map(|group| Selected { group, files: group.files.to_vec() }).collect());
    }
    let named = |group: &Group, file: &str, name: &String| group.name == name || is_end_of(file, name);
    if let Some(name) = which.iter().find(|name| !GROUPS.iter().any(|g| g.files.iter().any(|f| named(g, f, name)))) {
        bail!("{name} is neither a group nor a file of one; `cargo xtask mutants --help` lists them");
    }
    let chosen = GROUPS.iter().map(|group| {
        let wanted = |file: &&&str| which.iter().any(|name| named(group, file, name));
        Selected { group, files: group.files.iter().filter(wanted).copied().collect() }
    });
    Ok(chosen.filter(|selected| !selected.files.is_empty()).collect())
}

/// Refuses a file that is not there: of it cargo-mutants makes no mutants, and says that all is well.
pub(super) fn check(workspace: &Path, selected: &[Selected]) -> Result<()> {
    for Selected { group, files } in selected {
        for file in files {
            ensure!(workspace.join(file).is_file(), "group {}: {file} is not there", group.name);
        }
    }
    Ok(())
}

/// Whether the path ends with these components.
fn is_end_of(path: &str, end: &str) -> bool {
    path.strip_suffix(end.trim_start_matches("./")).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
}

/// The groups in words.
pub(super) fn help() -> String {
    let line = |group: &Group| format!("  {:10} {}", group.name, group.files.join("\n             "));
    let lines: Vec<String> = GROUPS.iter().map(line).collect();
    format!(
        "There are about 1,200 mutants; one took 3 to 15 seconds on two processors that others kept busy: hours for all.\n\nGroups:\n{}",
        lines.join("\n")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_of_a_group_that_is_not_there_is_refused() {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        check(&workspace, &select(&[]).unwrap()).unwrap();
        let moved = Selected { group: &GROUPS[0], files: vec!["service/core/src/moved.rs"] };
        assert!(check(&workspace, &[moved]).unwrap_err().to_string().contains("service/core/src/moved.rs"));
    }

    #[test]
    fn every_test_of_a_group_is_one_of_its_packages() {
        let metadata = cargo_metadata::MetadataCommand::new().no_deps().exec().unwrap();
        for group in GROUPS {
            for test in group.tests {
                let mut packages =
                    metadata.packages.iter().filter(|p| group.packages.contains(&p.name.to_string().as_str()));
                assert!(packages.any(|p| p.targets.iter().any(|t| t.is_test() && t.name == *test)), "{test}");
            }
        }
    }

    #[test]
    fn groups_and_files_are_selected_by_name_and_by_the_end_of_the_path() {
        let files = |which: &[&str]| {
            let which: Vec<String> = which.iter().map(|name| (*name).to_owned()).collect();
            select(&which).map(|all| all.iter().flat_map(|selected| selected.files.clone()).collect::<Vec<_>>())
        };
        assert_eq!(files(&["access.rs"]).unwrap(), ["service/server/src/access.rs"]);
        let import = GROUPS.iter().find(|group| group.name == "import").unwrap().files.len();
        assert_eq!(files(&["handle/decode.rs", "import"]).unwrap().len(), 1 + import);
        assert!(files(&["cess.rs"]).unwrap_err().to_string().contains("cess.rs"));
        assert_eq!(files(&[]).unwrap().len(), GROUPS.iter().map(|group| group.files.len()).sum::<usize>());
    }
}
