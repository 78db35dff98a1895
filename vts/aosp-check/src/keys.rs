//! Whether a module has a property that its type has not, or a value of another shape than the property's: Soong stops at the first, and
//! a misspelt one is often of a value that nobody misses here.

use crate::bp::{Module, OwnType};
use crate::platform::{Release, SIXTEEN};
use crate::report::Report;
use android_bp::Value;

/// Properties of a type, by the file of `build/soong` that declares them (15-qpr1 to main of March 2025, for 16); of each file those
/// that are of use to modules like ours.
type Keys = &'static [(&'static str, &'static [&'static str])];

/// Properties that not every release has: by whom they are declared, and the age of the first that has it.
const LATER: &[(&str, &str, usize)] = &[("rust/library.go", "version_script", SIXTEEN)];

/// Of the properties those that are `true` or `false`.
const FLAGS: &[&str] = &[
    "auto_gen_config",
    "cargo_env_compat",
    "device_supported",
    "enabled",
    "filename_from_src",
    "frozen",
    "host_supported",
    "installable",
    "no_stdlibs",
    "prefer_rlib",
    "product_available",
    "require_root",
    "static_executable",
    "test_harness",
    "unstable",
    "updatable",
    "vendor",
    "vendor_available",
];
/// Those that are one string.
const STRINGS: &[&str] = &[
    "c_std",
    "cargo_pkg_version",
    "certificate",
    "clippy_lints",
    "cmd",
    "compile_multilib",
    "config_namespace",
    "copyright_notice",
    "cpp_std",
    "crate_name",
    "crate_root",
    "edition",
    "file_contexts",
    "filename",
    "key",
    "lints",
    "local_include_dir",
    "manifest",
    "min_sdk_version",
    "module_type",
    "name",
    "owner",
    "package_name",
    "path",
    "relative_install_path",
    "source_stem",
    "src",
    "stability",
    "stem",
    "stl",
    "sub_dir",
    "test_config",
    "version",
    "version_script",
    "wrapper_src",
];
/// Those that have properties of their own; all others are lists of strings, but for that of [`VERSIONS`].
const MAPS: &[&str] = &["backend", "cpp", "java", "ndk", "rust", "test_options"];
const VERSIONS: &str = "versions_with_info";

const MODULE: (&str, &[&str]) = (
    "android/module.go",
    &["compile_multilib", "enabled", "init_rc", "name", "required", "vendor", "vintf_fragments", "visibility"],
);
/// Of types that are built for the host and for a device, and of no other.
const BOTH: (&str, &[&str]) = ("android/module.go:hostAndDeviceProperties", &["device_supported", "host_supported"]);
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
    BOTH,
    DEFAULTS,
    LINKABLE,
    LINKER,
    ("cc/cc.go", &["installable"]),
    ("cc/installer.go", &["relative_install_path"]),
    ("cc/library.go", &["stem"]),
    ("cc/stl.go", &["stl"]),
];
const RUST_LIBRARY: Keys = &[MODULE, BOTH, DEFAULTS, LINKABLE, COMPILER, RUST, CLIPPY, LIBRARY];
const RUST_BINARY: Keys = &[MODULE, BOTH, DEFAULTS, LINKABLE, COMPILER, RUST, CLIPPY, BINARY];

/// The types that this project has modules of. Defaults take what any module takes that they may be merged into.
const TYPES: &[(&str, Keys)] = &[
    ("rust_binary", RUST_BINARY),
    ("rust_binary_host", &[MODULE, DEFAULTS, LINKABLE, COMPILER, RUST, CLIPPY, BINARY]),
    ("rust_library", RUST_LIBRARY),
    ("rust_library_host", &[MODULE, DEFAULTS, LINKABLE, COMPILER, RUST, CLIPPY, LIBRARY]),
    ("rust_ffi_static", RUST_LIBRARY),
    ("rust_test", &[MODULE, BOTH, DEFAULTS, LINKABLE, COMPILER, RUST, CLIPPY, BINARY, TEST]),
    ("rust_bindgen", &[MODULE, BOTH, DEFAULTS, LINKABLE, COMPILER, RUST, CLIPPY, LIBRARY, BINDGEN, CLANG, SOURCE]),
    (
        "rust_defaults",
        &[MODULE, BOTH, DEFAULTS, LINKABLE, COMPILER, RUST, CLIPPY, LIBRARY, BINARY, TEST, BINDGEN, CLANG, SOURCE],
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
    ("genrule", &[MODULE, DEFAULTS, ("genrule/genrule.go", &["cmd", "out", "srcs", "tool_files", "tools"])]),
    ("linker_config", &[MODULE, BOTH, ("linkerconfig/linkerconfig.go", &["installable", "src"])]),
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
                    "host_supported",
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
    // It is of no module.go: it has no `enabled` and no `vendor`.
    (
        "license",
        &[
            DEFAULTS,
            (
                "android/license.go",
                &["copyright_notice", "license_kinds", "license_text", "name", "package_name", "visibility"],
            ),
        ],
    ),
    ("package", &[("android/package.go", &["default_applicable_licenses", "default_visibility"])]),
    (
        "soong_config_module_type",
        &[("android/soongconfig/modules.go", &["config_namespace", "module_type", "name", "properties", "variables"])],
    ),
    ("soong_config_string_variable", &[("android/soongconfig/modules.go", &["name", "values"])]),
];

/// Checks one module as it is written, and of a type of this project's own what it takes in a case, as a release's Soong does.
pub(crate) fn check(module: &Module, release: &Release, report: &mut Report) {
    let mut written = Vec::new();
    for (key, value) in &module.properties {
        match (key.as_str(), value) {
            ("soong_config_variables", Value::Map(variables)) if module.own.is_some() => {
                let cases = variables.values().filter_map(map).flat_map(|cases| cases.values().filter_map(map));
                cases.flat_map(|case| case.iter()).for_each(|(key, value)| paths(key, value, &mut written));
            }
            _ => paths(key, value, &mut written),
        }
    }
    known(module, &module.kind, written.iter().map(|(key, value)| (key.as_str(), Some(*value))), release, report);
    if let Some(own) = OwnType::of(module) {
        known(module, &own.kind, own.properties.iter().map(|key| (key.as_str(), None)), release, report);
    }
}

fn known<'a>(
    module: &Module,
    kind: &str,
    written: impl Iterator<Item = (&'a str, Option<&'a Value>)>,
    release: &Release,
    report: &mut Report,
) {
    let Some((_, keys)) = TYPES.iter().find(|(name, _)| *name == kind) else {
        let message = format!("{}: the properties of the type {kind} are not known here", module.name);
        return report.found(module.place("{"), message);
    };
    for (key, value) in written {
        let has = |keys: Keys| keys.iter().find(|(_, keys)| keys.contains(&key)).map(|(file, _)| *file);
        let last = key.rsplit('.').next().unwrap_or(key);
        let Some(file) = has(keys) else {
            let others: Vec<&str> =
                TYPES.iter().filter(|(_, keys)| has(keys).is_some()).map(|(kind, _)| *kind).collect();
            let declared: Vec<&str> = keys.iter().map(|(file, _)| *file).collect();
            let whose = if others.is_empty() { "nobody has".to_owned() } else { format!("{} have", others.join(", ")) };
            let message = format!(
                "{}: {kind} has no property {key}, which {whose} (build/soong: {})",
                module.name,
                declared.join(", ")
            );
            report.found(module.place(last), message);
            continue;
        };
        if LATER.iter().any(|(by, later, age)| (*by, *later) == (file, key) && release.age < *age) {
            let message = format!(
                "Android {}: {}: {kind} has no property {key} yet (build/soong: {file})",
                release.name, module.name
            );
            report.found(module.place(last), message);
        }
        let wanted = shape(last);
        if value.is_some_and(|value| !fits(wanted, value)) {
            report.found(module.place(&format!("{last}:")), format!("{}: {key} has to be {wanted}", module.name));
        }
    }
}

fn map(value: &Value) -> Option<&android_bp::Map> {
    match value {
        Value::Map(map) => Some(map),
        _ => None,
    }
}

/// What a property of this name has to be.
fn shape(key: &str) -> &'static str {
    match key {
        _ if FLAGS.contains(&key) => "true or false",
        _ if STRINGS.contains(&key) => "a string",
        _ if MAPS.contains(&key) => "a map",
        VERSIONS => "a list of maps",
        _ => "a list of strings",
    }
}

/// Blueprint takes no string for a list of one, nor anything else for what it is not (`proptools/unpack.go`).
fn fits(wanted: &str, value: &Value) -> bool {
    match value {
        Value::Boolean(_) => wanted == "true or false",
        Value::String(_) => wanted == "a string",
        Value::Map(_) => wanted == "a map",
        Value::Array(items) => match wanted {
            "a list of maps" => items.iter().all(|item| fits("a map", item)),
            "a list of strings" => items.iter().all(|item| fits("a string", item)),
            _ => false,
        },
        Value::ConcatExpr(parts) => parts.iter().all(|part| fits(wanted, part)),
        Value::Integer(_) => false,
        // What stands behind a name or a select() is not looked for.
        Value::Ident(_) | Value::Function(_) => true,
    }
}

/// A property and what is nested in it, with dots.
fn paths<'a>(key: &str, value: &'a Value, into: &mut Vec<(String, &'a Value)>) {
    into.push((key.to_owned(), value));
    let mut nested = |within: &'a android_bp::Map| {
        within.iter().for_each(|(name, value)| paths(&format!("{key}.{name}"), value, into));
    };
    match value {
        Value::Map(within) => nested(within),
        Value::Array(items) => items.iter().filter_map(map).for_each(nested),
        _ => {}
    }
}
