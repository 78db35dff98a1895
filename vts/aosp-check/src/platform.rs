//! What an Android tree offers: the releases that this project is for, and of each the modules that it links.
//!
//! Sources: `external/rust/crates/*/Android.bp` and `external/rust/android-crates-io/crates/*/Android.bp`, fields
//! `cargo_pkg_version`, `features`, `vendor_available`; `hardware/interfaces/graphics/Android.bp`. A version that a
//! release's later updates moved is that of the release itself.

pub use vm_harness::toolchain::{OLDEST_RUSTC, RUST_VERSION};

/// An Android release.
#[derive(Debug, PartialEq, Eq)]
pub struct Release {
    /// As people call it.
    pub name: &'static str,
    /// Its place among the releases, oldest first: a crate's feature may be there from one on.
    pub age: usize,
    /// The place of its crates' versions in [`Crate::versions`].
    pub column: usize,
    /// What the product sets with `soong_config_set`: namespace, variable, value.
    pub config: &'static [(&'static str, &'static str, &'static str)],
    /// The version of `android.hardware.graphics.common` that its allocator interface imports.
    pub graphics_common: &'static str,
    /// Crates of other versions than the column's.
    pub instead: &'static [(&'static str, &'static str)],
    /// The version of its compiler (`build/soong/rust/config/global.go`, `RustDefaultVersion`).
    pub rustc: &'static str,
}

impl Release {
    /// The version of a crate.
    pub fn version(&self, entry: &Crate) -> Option<&'static str> {
        let other = self.instead.iter().find(|(package, _)| *package == entry.package).map(|(_, version)| *version);
        other.or_else(|| entry.versions.get(self.column).copied())
    }
}

/// Oldest first. The first is the lowest that this project builds in: nix has inotify in a tree only since August 2024, so
/// base 15 has no release watch to link.
pub const RELEASES: &[Release] = &[
    Release {
        name: "15-qpr1",
        age: QPR1,
        column: 0,
        config: &[("gralloc_dmaheap", "graphics_common", "v5")],
        graphics_common: "V5",
        instead: &[],
        rustc: "1.81.0",
    },
    Release {
        name: "15-qpr2",
        age: QPR2,
        column: 0,
        config: &[],
        graphics_common: "V6",
        instead: &[],
        rustc: "1.81.0",
    },
    Release { name: "16", age: SIXTEEN, column: 1, config: &[], graphics_common: "V6", instead: &[], rustc: "1.83.0" },
    // Of the trees after 16 the interfaces are known; of the crates' versions those of one tree, whose release is not. What 16 QPR2
    // has is not known: 16's versions stand in, and for nix 0.30, the first that takes whatever holds a descriptor where 0.29
    // takes its number.
    Release {
        name: "16-qpr2",
        age: SIXTEEN_QPR2,
        column: 1,
        config: &[("gralloc_dmaheap", "graphics_common", "v7")],
        graphics_common: "V7",
        instead: &[("nix", "0.30.1")],
        // So has a tree of 16 QPR2 of 2025-12-18.
        rustc: "1.88.0",
    },
    // 17's own matrix (202604) stops at version 2 of the allocator; a later one (202704) knows 3.
    Release {
        name: "17",
        age: SEVENTEEN,
        column: 1,
        config: &[("gralloc_dmaheap", "graphics_common", "v7")],
        graphics_common: "V7",
        instead: AFTER_16,
        rustc: "1.93.1",
    },
    Release {
        name: "17-v3",
        age: SEVENTEEN,
        column: 1,
        config: &[("gralloc_dmaheap", "graphics_common", "v7"), ("gralloc_dmaheap", "allocator", "v3")],
        graphics_common: "V7",
        instead: AFTER_16,
        rustc: "1.93.1",
    },
];

/// What stands in for the trees of 17: a later tree's, of September 2026 or after (external/rust/android-crates-io, `crates/*/Android.bp`:
/// anyhow and nix at 5f775be5, libc at 48124fa7, log at 392924dc, toml at ee2ce515). Its serde is not known: toml takes none before this.
const AFTER_16: &[(&str, &str)] = &[
    ("anyhow", "1.0.104"),
    ("libc", "0.2.189"),
    ("log", "0.4.34"),
    ("nix", "0.31.3"),
    ("serde", "1.0.228"),
    ("toml", "1.1.6"),
];

/// Ages of [`RELEASES`]; base 15 has 0.
const QPR1: usize = 1;
const QPR2: usize = 2;
pub(crate) const SIXTEEN: usize = 3;
pub(crate) const SIXTEEN_QPR2: usize = 4;
const SEVENTEEN: usize = 5;

/// Where a module may be linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Availability {
    /// `vendor_available` and `host_supported`.
    Everywhere,
    /// `vendor_available`, and not for the host.
    Device,
    /// `rust_library_host`.
    Host,
}

/// A crate that the tree carries.
#[derive(Debug, PartialEq, Eq)]
pub struct Crate {
    /// Soong's name for it.
    pub module: &'static str,
    /// Cargo's name for it.
    pub package: &'static str,
    /// Where it may be linked.
    pub availability: Availability,
    /// Its version, one a release.
    pub versions: [&'static str; 2],
    /// The features that every release builds it with; all its default ones are off and what is needed of them is listed.
    pub features: &'static [&'static str],
    /// Features that came later: the first release that has each, by age.
    pub later: &'static [(&'static str, usize)],
}

impl Crate {
    /// What a release builds it with.
    pub fn features_in(&self, release: &Release) -> Vec<&'static str> {
        let later = self.later.iter().filter(|(_, age)| *age <= release.age).map(|(feature, _)| *feature);
        self.features.iter().copied().chain(later).collect()
    }
}

/// What this project links of them.
pub const CRATES: &[Crate] = &[
    Crate {
        module: "libandroid_logger",
        package: "android_logger",
        availability: Availability::Device,
        versions: ["0.13.3", "0.15.0"],
        features: &["default", "regex"],
        later: &[],
    },
    Crate {
        module: "libanyhow",
        package: "anyhow",
        availability: Availability::Everywhere,
        versions: ["1.0.79", "1.0.97"],
        features: &["default", "std"],
        later: &[],
    },
    Crate {
        module: "libclap",
        package: "clap",
        availability: Availability::Everywhere,
        versions: ["4.1.8", "4.5.29"],
        features: &["derive", "error-context", "help", "std", "usage"],
        later: &[("string", QPR2)],
    },
    Crate {
        module: "liblibc",
        package: "libc",
        availability: Availability::Everywhere,
        versions: ["0.2.153", "0.2.171"],
        features: &["default", "extra_traits", "std"],
        later: &[],
    },
    Crate {
        module: "liblibloading",
        package: "libloading",
        availability: Availability::Everywhere,
        versions: ["0.8.1", "0.8.6"],
        features: &[],
        later: &[],
    },
    Crate {
        module: "liblibtest_mimic",
        package: "libtest-mimic",
        availability: Availability::Everywhere,
        versions: ["0.6.1", "0.6.1"],
        features: &[],
        later: &[],
    },
    Crate {
        module: "liblog_rust",
        package: "log",
        availability: Availability::Everywhere,
        versions: ["0.4.17", "0.4.26"],
        features: &["std"],
        later: &[("alloc", SEVENTEEN)],
    },
    Crate {
        module: "libnix",
        package: "nix",
        availability: Availability::Everywhere,
        versions: ["0.28.0", "0.29.0"],
        features: &[
            "event", "feature", "fs", "ioctl", "mman", "mount", "net", "poll", "process", "sched", "signal", "socket",
            "term", "time", "uio", "user",
        ],
        // `resource` came with 0.31.
        later: &[("inotify", QPR1), ("resource", SEVENTEEN)],
    },
    Crate {
        module: "libpaste",
        package: "paste",
        // A `rust_proc_macro`: it runs in the compiler.
        availability: Availability::Everywhere,
        versions: ["1.0.14", "1.0.15"],
        features: &[],
        later: &[],
    },
    Crate {
        module: "libserde",
        package: "serde",
        availability: Availability::Everywhere,
        versions: ["1.0.158", "1.0.219"],
        features: &["default", "derive", "rc", "std"],
        later: &[],
    },
    Crate {
        module: "libserde_json",
        package: "serde_json",
        availability: Availability::Everywhere,
        versions: ["1.0.94", "1.0.140"],
        features: &["default", "std"],
        later: &[],
    },
    Crate {
        module: "libstrsim",
        package: "strsim",
        availability: Availability::Host,
        versions: ["0.10.0", "0.11.1"],
        features: &[],
        later: &[],
    },
    Crate {
        module: "libtoml",
        package: "toml",
        availability: Availability::Host,
        versions: ["0.8.10", "0.8.19"],
        features: &["default", "display", "parse"],
        later: &[("serde", SEVENTEEN), ("std", SEVENTEEN)],
    },
];

/// Features that Cargo's manifests ask for, that no tree builds, and that nothing in the code needs to be there: without it a help's
/// lines are not wrapped.
pub const CARGO_S_ALONE: &[(&str, &str)] = &[("clap", "wrap_help")];

/// Versions that Cargo's manifests do not admit and that the code is content with: Soong asks no manifest, and with each of them the
/// modules of its releases are compiled, by [`crate::tree`].
pub const OUTSIDE: &[(&str, &str)] = &[
    ("android_logger", "0.15.0"),
    // What heapctl has on a device, and the conformance suite, take what 4.1 has; the rest of what takes clap is no module.
    ("clap", "4.1.8"),
    ("nix", "0.29.0"),
    ("nix", "0.30.1"),
    ("nix", "0.31.3"),
    ("toml", "1.1.6"),
];

/// What one of those crates is built with there, where the newest that its manifest admits would not do: with the versions of its own that
/// stand in [`CRATES`]. The first of each is what fits the crate's own release date.
pub const BELOW: &[(&str, &str, [&str; 2])] = &[("toml", "toml_edit", ["0.22.4", "0.22.20"])];

/// A module of the platform that is no crate of a registry: of the Rust ones, `stubs/` has the signatures.
pub const RUST_STUBS: &[(&str, &str)] = &[
    ("libbinder_rs", "binder"),
    ("android.hardware.common-V2-rust", "android_hardware_common"),
    ("android.hardware.graphics.allocator-V2-rust", "android_hardware_graphics_allocator"),
    ("android.hardware.graphics.allocator-V3-rust", "android_hardware_graphics_allocator"),
    ("android.hardware.graphics.common-V5-rust", "android_hardware_graphics_common"),
    ("android.hardware.graphics.common-V6-rust", "android_hardware_graphics_common"),
    ("android.hardware.graphics.common-V7-rust", "android_hardware_graphics_common"),
    ("vendor.dmaheap.graphics.allocator-V1-rust", "vendor_dmaheap_graphics_allocator"),
];

/// Cargo packages that have another name in a tree: of `paste`, which nobody keeps any longer, Cargo takes the fork.
const RENAMED: &[(&str, &str)] = &[("pastey", "paste")];

/// Header libraries of the platform that `rust_bindgen` reads, and where this project has headers of the same types.
pub const HEADER_STUBS: &[(&str, &str)] = &[("libimapper_stablec", "vts/aosp-check/stubs/include")];

/// Other modules of the tree that are referred to by name.
pub const OTHER_MODULES: &[&str] = &[
    "com.android.hardware.certificate", // hardware/interfaces/apexkey
    "com.android.hardware.key",         // the same
    "libcutils_headers",                // system/core/libcutils
    "libdl",                            // bionic
    "libimapper_stablec",               // hardware/interfaces/graphics/mapper/stable-c
    "liblog",                           // system/logging/liblog
];

/// Modules that a product defines for itself, where a variable says so.
pub const OF_THE_PRODUCT: &[&str] = &["gralloc_dmaheap_board_policy"];

/// The crate of a Soong module.
pub fn crate_of(module: &str) -> Option<&'static Crate> {
    CRATES.iter().find(|entry| entry.module == module)
}

/// The Soong module of a Cargo package that is not the project's own.
pub fn module_of(package: &str) -> Option<&'static str> {
    let package = RENAMED.iter().find(|(cargo, _)| *cargo == package).map_or(package, |(_, tree)| tree);
    CRATES.iter().find(|entry| entry.package == package).map(|entry| entry.module)
}
