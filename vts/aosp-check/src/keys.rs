//! Whether a module has a property that its type has not: Soong stops at the first, and a misspelt one is often of a value that
//! nobody misses here.

use crate::bp::{Module, OwnType};
use crate::report::Report;
use android_bp::Value;

/// Properties of a type, by the file of `build/soong` that declares them (android-15 to 17); of each file those that are of use to
/// modules like ours.
type Keys = &'static [(&'static str, &'static [&'static str])];

const COMMON: &[&str] = &[
    "compile_multilib",
    "device_supported",
    "enabled",
    "host_supported",
    "init_rc",
    "name",
    "required",
    "vendor",
    "vintf_fragments",
    "visibility",
];
const MODULE: (&str, &[&str]) = ("android/module.go", COMMON);
const DEFAULTS: (&str, &[&str]) = ("android/defaults.go", &["defaults"]);
const LINKABLE: (&str, &[&str]) = ("cc/cc.go", &["product_available", "vendor_available"]);
const COMPILER: (&str, &[&str]) = (
    "rust/compiler.go",
    &[
        "aliases",
        "cargo_env_compat",
        "cargo_pkg_version",
        "cfgs",
        "crate_name",
        "crate_root",
        "edition",
        "features",
        "flags",
        "ld_flags",
        "lints",
        "no_stdlibs",
        "prefer_rlib",
        "proc_macros",
        "relative_install_path",
        "rlibs",
        "rustlibs",
        "shared_libs",
        "srcs",
        "static_libs",
        "stem",
        "whole_static_libs",
    ],
);
const RUST: (&str, &[&str]) = ("rust/rust.go", &["installable", "min_sdk_version"]);
const CLIPPY: (&str, &[&str]) = ("rust/clippy.go", &["clippy_lints"]);
const LIBRARY: (&str, &[&str]) = ("rust/library.go", &["export_include_dirs", "version_script"]);
const BINARY: (&str, &[&str]) = ("rust/binary.go", &["static_executable"]);
const TEST: (&str, &[&str]) = (
    "rust/test.go",
    &[
        "auto_gen_config",
        "data",
        "data_bins",
        "data_libs",
        "require_root",
        "test_config",
        "test_harness",
        "test_options",
        "test_suites",
    ],
);
const BINDGEN: (&str, &[&str]) = ("rust/bindgen.go", &["bindgen_flag_files", "bindgen_flags", "wrapper_src"]);
const CLANG: (&str, &[&str]) = (
    "cc/compiler.go",
    &["c_std", "cflags", "cpp_std", "cppflags", "header_libs", "local_include_dirs", "shared_libs", "static_libs"],
);
const SOURCE: (&str, &[&str]) = ("rust/source_provider.go", &["source_stem"]);
const LINKER: (&str, &[&str]) =
    ("cc/linker.go", &["header_libs", "ldflags", "shared_libs", "static_libs", "version_script", "whole_static_libs"]);
const CC: Keys = &[
    MODULE,
    DEFAULTS,
    LINKABLE,
    LINKER,
    ("cc/cc.go", &["installable"]),
    ("cc/installer.go", &["relative_install_path"]),
    ("cc/library.go", &["stem"]),
    ("cc/stl.go", &["stl"]),
];
const RUST_LIBRARY: Keys = &[MODULE, DEFAULTS, LINKABLE, COMPILER, RUST, CLIPPY, LIBRARY];
const RUST_BINARY: Keys = &[MODULE, DEFAULTS, LINKABLE, COMPILER, RUST, CLIPPY, BINARY];

/// The types that this project has modules of. Defaults take what any module takes that they may be merged into.
const TYPES: &[(&str, Keys)] = &[
    ("rust_binary", RUST_BINARY),
    ("rust_binary_host", RUST_BINARY),
    ("rust_library", RUST_LIBRARY),
    ("rust_library_host", RUST_LIBRARY),
    ("rust_ffi_static", RUST_LIBRARY),
    ("rust_test", &[MODULE, DEFAULTS, LINKABLE, COMPILER, RUST, CLIPPY, BINARY, TEST]),
    ("rust_bindgen", &[MODULE, DEFAULTS, LINKABLE, COMPILER, RUST, CLIPPY, LIBRARY, BINDGEN, CLANG, SOURCE]),
    (
        "rust_defaults",
        &[MODULE, DEFAULTS, LINKABLE, COMPILER, RUST, CLIPPY, LIBRARY, BINARY, TEST, BINDGEN, CLANG, SOURCE],
    ),
    ("cc_library_shared", CC),
    ("cc_defaults", CC),
    (
        "prebuilt_etc",
        &[
            MODULE,
            DEFAULTS,
            ("etc/prebuilt_etc.go", &["filename", "filename_from_src", "installable", "src", "sub_dir"]),
        ],
    ),
    ("filegroup", &[MODULE, DEFAULTS, ("android/filegroup.go", &["exclude_srcs", "path", "srcs"])]),
    ("genrule", &[MODULE, DEFAULTS, ("genrule/genrule.go", &["cmd", "data", "out", "srcs", "tool_files", "tools"])]),
    ("linker_config", &[MODULE, ("linkerconfig/linkerconfig.go", &["installable", "src"])]),
    (
        "apex",
        &[
            MODULE,
            DEFAULTS,
            (
                "apex/apex.go",
                &[
                    "binaries",
                    "certificate",
                    "file_contexts",
                    "key",
                    "manifest",
                    "min_sdk_version",
                    "native_shared_libs",
                    "overrides",
                    "prebuilts",
                    "updatable",
                ],
            ),
        ],
    ),
    // `system/tools/aidl/build/aidl_interface.go`: of another repository, and as it.
    (
        "aidl_interface",
        &[
            MODULE,
            LINKABLE,
            (
                "../../system/tools/aidl/build/aidl_interface.go",
                &[
                    "backend",
                    "backend.cpp",
                    "backend.cpp.enabled",
                    "backend.java",
                    "backend.java.enabled",
                    "backend.ndk",
                    "backend.ndk.enabled",
                    "backend.rust",
                    "backend.rust.enabled",
                    "frozen",
                    "imports",
                    "local_include_dir",
                    "owner",
                    "srcs",
                    "stability",
                    "unstable",
                    "versions_with_info",
                    "versions_with_info.imports",
                    "versions_with_info.version",
                ],
            ),
        ],
    ),
    ("license", &[MODULE, ("android/license.go", &["license_kinds", "license_text"])]),
    ("package", &[("android/package.go", &["default_applicable_licenses", "default_visibility"])]),
    (
        "soong_config_module_type",
        &[("android/soongconfig/modules.go", &["config_namespace", "module_type", "name", "properties", "variables"])],
    ),
    ("soong_config_string_variable", &[("android/soong_config_modules.go", &["name", "values"])]),
];

/// Checks one module as it is written, and of a type of this project's own what it takes in a case.
pub(crate) fn check(module: &Module, report: &mut Report) {
    let mut written = Vec::new();
    for (key, value) in &module.properties {
        // Its cases are held against the type that takes them.
        if key != "soong_config_variables" || module.own.is_none() {
            paths(key, value, &mut written);
        }
    }
    known(module, &module.kind, &written, report);
    if let Some(own) = OwnType::of(module) {
        known(module, &own.kind, &own.properties, report);
    }
}

fn known(module: &Module, kind: &str, written: &[String], report: &mut Report) {
    let Some((_, keys)) = TYPES.iter().find(|(name, _)| *name == kind) else {
        let message = format!("{}: the properties of the type {kind} are not known here", module.name);
        return report.found(module.place("{"), message);
    };
    let has = |keys: Keys, key: &str| keys.iter().any(|(_, keys)| keys.contains(&key));
    for key in written.iter().filter(|key| !has(keys, key)) {
        let others: Vec<&str> = TYPES.iter().filter(|(_, keys)| has(keys, key)).map(|(kind, _)| *kind).collect();
        let declared: Vec<&str> = keys.iter().map(|(file, _)| *file).collect();
        let whose = if others.is_empty() { "nobody has".to_owned() } else { format!("{} have", others.join(", ")) };
        let message = format!(
            "{}: {kind} has no property {key}, which {whose} (build/soong: {})",
            module.name,
            declared.join(", ")
        );
        report.found(module.place(key.rsplit('.').next().unwrap_or(key)), message);
    }
}

/// A property and what is nested in it, with dots.
fn paths(key: &str, value: &Value, into: &mut Vec<String>) {
    if !into.iter().any(|known| known == key) {
        into.push(key.to_owned());
    }
    match value {
        Value::Map(map) => map.iter().for_each(|(name, value)| paths(&format!("{key}.{name}"), value, into)),
        Value::Array(items) => {
            items.iter().filter(|item| matches!(item, Value::Map(_))).for_each(|item| paths(key, item, into));
        }
        _ => {}
    }
}
