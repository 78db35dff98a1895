//! The files that hold defences, and the quick tests that have to catch their mutants.

use anyhow::{bail, Result};

/// Files of one package that the same tests guard.
pub(super) struct Group {
    pub(super) name: &'static str,
    pub(super) package: &'static str,
    pub(super) files: &'static [&'static str],
    /// Arguments of `cargo test`: which tests. None of them needs a guest.
    pub(super) tests: &'static [&'static str],
    /// Whether `cargo xtask ci` runs it.
    pub(super) in_gate: bool,
}

/// In the order of their worth.
pub(super) const GROUPS: &[Group] = &[
    Group {
        name: "bounds",
        package: "gralloc_server",
        files: &[
            "service/server/src/access.rs",
            "service/server/src/dump/seats.rs",
            "service/server/src/logging.rs",
            "service/server/src/convert.rs",
        ],
        tests: &["--lib"],
        in_gate: false,
    },
    Group {
        name: "admission",
        package: "gralloc_allocator",
        files: &["service/allocator/src/ledger/admission.rs", "service/allocator/src/allocate.rs"],
        tests: &["--lib"],
        in_gate: true,
    },
    Group {
        name: "ledger",
        package: "gralloc_allocator",
        files: &["service/allocator/src/ledger/account.rs", "service/allocator/src/ledger.rs"],
        tests: &["--lib"],
        in_gate: false,
    },
    Group {
        name: "plan",
        package: "gralloc_allocator",
        files: &[
            "service/allocator/src/plan/size.rs",
            "service/allocator/src/plan/heaps.rs",
            "heaps-config/src/condition.rs",
            "service/allocator/src/plan/shape.rs",
            "service/allocator/src/request.rs",
        ],
        tests: &["--lib", "--test=refusals", "--test=layouts"],
        in_gate: false,
    },
    Group {
        name: "handle",
        package: "gralloc_buffer",
        files: &["service/buffer/src/handle/decode.rs", "service/buffer/src/handle/fields.rs"],
        tests: &["--lib", "--test=golden", "--test=properties"],
        in_gate: false,
    },
    Group {
        name: "import",
        package: "gralloc_mapper",
        files: &["service/mapper/src/table.rs", "service/mapper/src/import.rs"],
        tests: &["--lib", "--test=hostile", "--test=foreign", "--test=model", "--test=threads"],
        in_gate: false,
    },
    Group {
        name: "mapper",
        package: "gralloc_mapper",
        files: &["service/mapper/src/buffer.rs", "service/mapper/src/lock.rs", "service/mapper/src/memory.rs"],
        tests: &["--lib", "--test=hostile", "--test=foreign", "--test=locking", "--test=metadata"],
        in_gate: false,
    },
    Group {
        name: "layout",
        package: "gralloc_allocator",
        files: &["service/buffer/src/layout/check.rs", "service/buffer/src/layout/arrange.rs"],
        tests: &["--lib", "--test=layouts", "--test=hostile_planes", "--test=properties"],
        in_gate: false,
    },
    Group {
        name: "records",
        package: "gralloc_allocator",
        files: &[
            "service/allocator/src/ledger/buffers.rs",
            "service/allocator/src/pool.rs",
            "service/allocator/src/pool/charged.rs",
        ],
        tests: &["--lib"],
        in_gate: false,
    },
    Group {
        name: "policy",
        package: "heaps_config",
        files: &[
            "heaps-config/src/check.rs",
            "heaps-config/src/reader.rs",
            "heaps-config/src/document/read.rs",
            "heaps-config/src/lint/must.rs",
        ],
        tests: &["--lib", "--test=json"],
        in_gate: false,
    },
    Group {
        name: "metadata",
        package: "gralloc_buffer",
        files: &[
            "service/buffer/src/metadata/cell.rs",
            "service/buffer/src/metadata/page.rs",
            "service/buffer/src/metadata/set.rs",
            "service/buffer/src/metadata/encode.rs",
        ],
        tests: &["--lib", "--test=metadata_golden", "--test=metadata_properties"],
        in_gate: false,
    },
];

/// A group, and which of its files.
pub(super) struct Selected {
    pub(super) group: &'static Group,
    pub(super) files: Vec<&'static str>,
}

impl Group {
    /// With all of its files.
    pub(super) fn whole(&'static self) -> Selected {
        Selected { group: self, files: self.files.to_vec() }
    }
}

/// What these names mean; nothing means all.
pub(super) fn select(which: &[String]) -> Result<Vec<Selected>> {
    if which.is_empty() {
        return Ok(GROUPS.iter().map(Group::whole).collect());
    }
    let named = |group: &Group, file: &str, name: &String| group.name == name || is_end_of(file, name);
    if let Some(name) = which.iter().find(|name| !GROUPS.iter().any(|g| g.files.iter().any(|f| named(g, f, name)))) {
        bail!("{name} is no group and no file of one; `cargo xtask mutants --help` lists them");
    }
    let chosen = GROUPS.iter().map(|group| {
        let wanted = |file: &&&str| which.iter().any(|name| named(group, file, name));
        Selected { group, files: group.files.iter().filter(wanted).copied().collect() }
    });
    Ok(chosen.filter(|selected| !selected.files.is_empty()).collect())
}

/// Whether the path ends with these components.
fn is_end_of(path: &str, end: &str) -> bool {
    path.strip_suffix(end.trim_start_matches("./")).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
}

/// The groups in words.
pub(super) fn help() -> String {
    let line = |group: &Group| format!("  {:10} {}", group.name, group.files.join("\n             "));
    let lines: Vec<String> = GROUPS.iter().map(line).collect();
    let gate: Vec<&str> = GROUPS.iter().filter(|group| group.in_gate).map(|group| group.name).collect();
    format!(
        "There are about 1,200 mutants; one took 3 to 15 seconds on two processors that others kept busy: hours for all.\n\
         `cargo xtask ci` runs: {}.\n\nGroups:\n{}",
        gate.join(", "),
        lines.join("\n")
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_file_and_test_of_the_list_exists() {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for group in GROUPS {
            for file in group.files {
                assert!(workspace.join(file).is_file(), "{file}");
            }
            let folder = group.files[0].split_once("/src/").unwrap().0;
            for test in group.tests.iter().filter_map(|argument| argument.strip_prefix("--test=")) {
                let file = workspace.join(folder).join("tests").join(format!("{test}.rs"));
                assert!(file.is_file(), "{}", file.display());
            }
        }
    }

    #[test]
    fn groups_and_files_are_selected_by_name_and_by_the_end_of_the_path() {
        let files = |which: &[&str]| {
            let which: Vec<String> = which.iter().map(|name| (*name).to_owned()).collect();
            select(&which).map(|all| all.iter().flat_map(|selected| selected.files.clone()).collect::<Vec<_>>())
        };
        assert_eq!(files(&["seats.rs"]).unwrap(), ["service/server/src/dump/seats.rs"]);
        assert_eq!(files(&["handle/src/decode.rs", "import"]).unwrap().len(), 3);
        assert!(files(&["eats.rs"]).unwrap_err().to_string().contains("eats.rs is no group"));
        assert_eq!(files(&[]).unwrap().len(), GROUPS.iter().map(|group| group.files.len()).sum::<usize>());
    }
}
