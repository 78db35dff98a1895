//! What init, VINTF, SELinux, the linker and apexer read: written from one source, the constants that the service and the
//! mapper are compiled with. `aosp_check declarations --write` writes the files; the check says where one differs.
//!
//! Each text follows a contract of AOSP, not of this project; the sources stand beside it.

use crate::apex;
use crate::bp::{self, Blueprints};
use crate::files::put_all;
use crate::platform::RELEASES;
use crate::report::{Place, Report};
use anyhow::{Context as _, Result};
use gralloc_mapper::abi::AIMAPPER_VERSION_5;
use gralloc_server::adapter::MAPPER_SUFFIX;
use gralloc_server::args::DEFAULT_POLICY;
use std::fs;
use std::path::{Path, PathBuf};

/// What the mapper exports, and nothing of Rust's (`hardware/interfaces/graphics/mapper/stable-c`: libui loads these by name).
const EXPORTS: [&str; 3] = ["AIMapper_loadIMapper", "ANDROID_HAL_MAPPER_VERSION", "ANDROID_HAL_STABLEC_VERSION"];

/// The APEX, as apexer and `overrides` know it.
const APEX: &str = "com.android.hardware.graphics.dmaheap";

/// One file and what has to stand in it.
struct Declaration {
    file: &'static str,
    text: String,
}

fn all() -> Vec<Declaration> {
    let binary = format!("android.hardware.graphics.allocator-service.{MAPPER_SUFFIX}");
    let pattern = binary.replace('.', "\\.");
    let declaration = |file, text| Declaration { file, text };
    vec![
        declaration(
            "service/server/allocator-service.dmaheap.rc",
            "# The graphics allocator. Everything that draws waits for it: as early and with the same rights as AOSP's own.\n"
                .to_owned()
                + &init(&format!("/vendor/bin/hw/{binary}")),
        ),
        declaration(
            "service/apex/allocator-service.dmaheap.apex.rc",
            "# The same service as in /vendor; its binary and its policy are in the APEX.\n".to_owned()
                + &init(&format!("/apex/{APEX}/bin/hw/{binary} --policy /apex/{APEX}/etc/gralloc/heaps.json")),
        ),
        declaration("service/server/allocator-service.dmaheap.xml", allocator_fragment(2)),
        declaration("service/server/v3/allocator-service.dmaheap.xml", allocator_fragment(3)),
        declaration("service/mapper/mapper.dmaheap.xml", mapper_fragment()),
        declaration("service/mapper/mapper.dmaheap.map", version_script()),
        declaration("service/apex/manifest.json", manifest()),
        declaration("service/apex/file_contexts", apex_labels(&pattern)),
        declaration("sepolicy/vendor/file_contexts", vendor_labels(&pattern)),
        declaration(
            "sepolicy/vendor/service_contexts",
            format!(
                "# Not a service: from 15 on, the name under which the mapper is declared is asked of servicemanager, too.\n\
                 mapper/{MAPPER_SUFFIX}  u:object_r:hal_graphics_mapper_service:s0\n"
            ),
        ),
    ]
}

/// Class, rights and order are minigbm's (`external/minigbm/cros_gralloc/aidl/allocator.rc`, android-15).
fn init(command: &str) -> String {
    let instance = allocator_aidl::ALLOCATOR_INSTANCE;
    format!(
        "service vendor.graphics.allocator-{MAPPER_SUFFIX} {command}
    interface aidl {instance}
    class hal animation
    user system
    group graphics drmrpc
    # The main thread asks for SCHED_FIFO.
    capabilities SYS_NICE
    # Buffers outlive the service; the budgets that it kept do not.
    onrestart restart surfaceflinger
    task_profiles ServiceCapacityLow
"
    )
}

/// `system/libvintf`, HAL manifest of a device, version 1.0.
fn allocator_fragment(version: u32) -> String {
    let (name, instance) = allocator_aidl::ALLOCATOR_INSTANCE.rsplit_once('.').unwrap_or_default();
    format!(
        "<!-- servicemanager takes no VINTF-stable service that is not declared; libui asks for version 2 or more. -->
<manifest version=\"1.0\" type=\"device\">
    <hal format=\"aidl\">
        <name>{name}</name>
        <version>{version}</version>
        <fqname>{instance}</fqname>
    </hal>
</manifest>
"
    )
}

/// The same, of a library in the caller's process.
fn mapper_fragment() -> String {
    format!(
        "<!-- The instance is the <suffix> of /vendor/lib64/hw/mapper.<suffix>.so. From 15 on nobody finds the library without it. -->
<manifest version=\"1.0\" type=\"device\">
    <hal format=\"native\">
        <name>mapper</name>
        <version>{AIMAPPER_VERSION_5}.0</version>
        <interface>
            <instance>{MAPPER_SUFFIX}</instance>
        </interface>
    </hal>
</manifest>
"
    )
}

fn version_script() -> String {
    let names: String = EXPORTS.iter().map(|name| format!("    {name};\n")).collect();
    format!(
        "# What the library exports: the three names of IMapper 5, and nothing of Rust's.
{{
  global:
{names}  local:
    *;
}};
"
    )
}

/// `system/apex/proto/apex_manifest.proto`. Early HALs need the mapper: it is bootstrap (Cuttlefish's gralloc APEX is, too).
fn manifest() -> String {
    format!("{{\n  \"name\": \"{APEX}\",\n  \"version\": 1,\n  \"vendorBootstrap\": true\n}}\n")
}

fn apex_labels(pattern: &str) -> String {
    let binary = format!("/bin/hw/{pattern}");
    let rows = [
        ("(/.*)?", "vendor_file"),
        ("/etc(/.*)?", "vendor_configs_file"),
        (binary.as_str(), "hal_graphics_allocator_default_exec"),
        ("/lib(64)?(/.*)?", "same_process_hal_file"),
    ];
    rows.iter().map(|(path, label)| format!("{path:<71} u:object_r:{label}:s0\n")).collect()
}

/// `system/sepolicy/vendor/file_contexts` knows both names without a suffix.
fn vendor_labels(pattern: &str) -> String {
    let binary = format!("/(vendor|system/vendor)/bin/hw/{pattern}");
    let mapper = format!("/(vendor|system/vendor)/lib(64)?/hw/mapper\\.{}\\.so", MAPPER_SUFFIX.replace('.', "\\."));
    format!(
        "# The platform knows the names without a suffix.
{binary:<87} u:object_r:hal_graphics_allocator_default_exec:s0
# Every process that draws loads it.
{mapper:<87} u:object_r:same_process_hal_file:s0
"
    )
}

/// Checks the files below a root, and what names them in Android.bp and in the product's makefile.
///
/// # Errors
/// A file that is not there or cannot be read.
pub fn check(root: &Path) -> Result<Report> {
    let root = &root.canonicalize().with_context(|| root.display().to_string())?;
    let mut report = Report::default();
    let declarations = all();
    for Declaration { file, text } in &declarations {
        let have = fs::read_to_string(root.join(file)).with_context(|| (*file).to_owned())?;
        let lines = have.lines().map(Some).chain([None]).zip(text.lines().map(Some).chain([None]));
        let differs = (1..).zip(lines).find(|(_, (have, right))| have != right);
        if let Some((line, (have, right))) = differs.filter(|_| have != *text) {
            let [have, right] = [have, right].map(|line| line.unwrap_or("the end of the file"));
            let message =
                format!("has \"{have}\", and the code says \"{right}\": `aosp_check declarations --write` writes it");
            report.found(Place::line(file, line), message);
        }
    }
    let blueprints = bp::read(root)?;
    names(root, &blueprints, &mut report)?;
    profiles(root, &blueprints, &mut report)?;
    report.note(format!("{} files are as the code's constants say", declarations.len()));
    if !report.is_clean() {
        report.notes.clear();
    }
    Ok(report)
}

/// Writes the files; answers with those that changed.
///
/// # Errors
/// A file that cannot be written.
pub fn write(root: &Path) -> Result<Vec<PathBuf>> {
    put_all(root, all().into_iter().map(|Declaration { file, text }| (PathBuf::from(file), text)))
}

/// Modules whose names AOSP looks for: the binary that init starts, the library that libui loads, the policy's place.
fn names(root: &Path, blueprints: &Blueprints, report: &mut Report) -> Result<()> {
    let binary = format!("android.hardware.graphics.allocator-service.{MAPPER_SUFFIX}");
    let mapper = format!("mapper.{MAPPER_SUFFIX}");
    let makefile = "service/product/device.mk";
    let product = fs::read_to_string(root.join(makefile)).with_context(|| makefile.to_owned())?;
    for (kind, name) in [("rust_binary", &binary), ("cc_library_shared", &mapper)] {
        if !blueprints.modules.iter().any(|module| module.kind == kind && module.name == *name) {
            report.found(Place::file("service"), format!("no {kind} is called {name}"));
        }
        if !product.contains(name.as_str()) {
            report.found(Place::file(makefile), format!("PRODUCT_PACKAGES lacks {name}"));
        }
    }
    let installs = |module: &&bp::Module| {
        let name = module.string("filename").unwrap_or(&module.name);
        // What is not installable goes into an APEX.
        module.flag_or("installable", true)
            && format!("/vendor/etc/{}/{name}", module.string("sub_dir").unwrap_or("")) == DEFAULT_POLICY
    };
    if !blueprints.modules.iter().any(|module| module.kind == "prebuilt_etc" && installs(&module)) {
        report.found(Place::file(PROFILES_BP), format!("no prebuilt_etc installs {DEFAULT_POLICY}"));
    }
    for (value, version) in [("v2", 2), ("v3", 3)] {
        interface(root, blueprints, value, version, report)?;
    }
    features(blueprints, report);
    Ok(())
}

/// What a value of the variable `allocator` links, is built with and declares, in /vendor and in the APEX: one version.
fn interface(root: &Path, blueprints: &Blueprints, value: &str, version: u32, report: &mut Report) -> Result<()> {
    let Some(release) = RELEASES.first() else { return Ok(()) };
    let resolved = blueprints.resolve(release, &[("gralloc_dmaheap", "allocator", value)]);
    let Some(crate_) = resolved.get("liballocator_aidl") else {
        report.found(Place::file("aidl/soong/Android.bp"), "no liballocator_aidl");
        return Ok(());
    };
    let right = format!("{ALLOCATOR}{version}-rust");
    let linked = crate_.strings("rustlibs").into_iter().find(|name| name.starts_with(ALLOCATOR)).unwrap_or("nothing");
    let links = said(blueprints, linked, crate_);
    let of_the_service = resolved.modules.iter().filter(|module| module.kind == "rust_binary");
    let of_the_service = of_the_service.filter(|module| module.name.ends_with(&format!("-service.{MAPPER_SUFFIX}")));
    // Who names fragments, and where each is named.
    let mut declared: Vec<(&bp::Module, Vec<(Place, PathBuf)>)> = Vec::new();
    let group = resolved.get("gralloc_dmaheap_allocator_vintf").map(|group| ("srcs", group)).into_iter();
    for (key, module) in group.chain(of_the_service.map(|module| ("vintf_fragments", module))) {
        let files = resolved.sources(module, key).into_iter();
        declared.push((module, files.map(|file| (module.place(&format!("{key}:")), file)).collect()));
    }
    for module in resolved.modules.iter().filter(|module| module.kind == "apex") {
        let inside = apex::etc(&resolved, module).into_iter().filter(|(path, _)| path.starts_with("vintf"));
        let named = inside.flat_map(|(_, (from, files))| files.into_iter().map(|file| (from.place("src:"), file)));
        declared.push((module, named.collect()));
    }
    for (module, files) in declared {
        let mut versions = 0;
        for (place, file) in files {
            let text = fs::read_to_string(root.join(&file)).with_context(|| file.display().to_string())?;
            if !text.contains(&format!("<name>{}</name>", ALLOCATOR.trim_end_matches("-V"))) {
                continue;
            }
            versions += 1;
            let declares = format!("<version>{version}</version>");
            if linked != right || !text.contains(&declares) {
                let message = format!(
                    "{}: allocator {value} links {linked} ({links}), and the VINTF fragment is to have {declares}",
                    module.name
                );
                report.contradiction(place, message, Place::find(&file, &text, "<version>"));
            }
        }
        if versions != 1 {
            let message = format!(
                "{}: allocator {value} links {linked}, and {versions} VINTF fragments declare it; it takes one",
                module.name
            );
            report.contradiction(module.place("name:"), message, links.clone());
        }
    }
    Ok(())
}

/// Where a name of a module that is linked is written: in some defaults, most often.
fn said(blueprints: &Blueprints, name: &str, otherwise: &bp::Module) -> Place {
    let quoted = format!("\"{name}\"");
    blueprints.modules.iter().find(|module| module.says(&quoted)).unwrap_or(otherwise).place(&quoted)
}

/// A feature that speaks of what a generated crate has is on in the releases that link that crate, and in no other.
fn features(blueprints: &Blueprints, report: &mut Report) {
    for release in RELEASES {
        let resolved = blueprints.resolve(release, &[]);
        for (crate_, feature, prefix, version) in [
            ("liballocator_aidl", "v3", ALLOCATOR, 3),
            ("libgralloc_allocator", "common_v6", "android.hardware.graphics.common-V", 6),
            ("libgralloc_allocator", "common_v7", "android.hardware.graphics.common-V", 7),
        ] {
            let [of, links] = [crate_, "liballocator_aidl"].map(|name| resolved.get(name));
            let (Some(of), Some(links)) = (of, links) else { continue };
            let linked =
                links.strings("rustlibs").into_iter().find(|name| name.starts_with(prefix)).unwrap_or("nothing");
            let [has, wants] = [of.strings("features").contains(&feature), linked == format!("{prefix}{version}-rust")];
            if has != wants {
                let has = if has { "has" } else { "lacks" };
                let message =
                    format!("Android {}: {crate_} {has} the feature {feature}, and {linked} is linked", release.name);
                report.contradiction(said(blueprints, feature, of), message, said(blueprints, linked, links));
            }
        }
    }
}

/// The crates that Soong generates of the allocator's interface.
const ALLOCATOR: &str = "android.hardware.graphics.allocator-V";

const PROFILES: &str = "heaps-config/profiles";
const PROFILES_BP: &str = "heaps-config/Android.bp";

/// Each profile can be chosen by a product.
fn profiles(root: &Path, blueprints: &Blueprints, report: &mut Report) -> Result<()> {
    let text = fs::read_to_string(root.join(PROFILES_BP)).with_context(|| PROFILES_BP.to_owned())?;
    let variables = blueprints.modules.iter().filter(|module| module.kind == "soong_config_string_variable");
    let values: Vec<&str> =
        variables.filter(|module| module.name == "profile").flat_map(|module| module.strings("values")).collect();
    for entry in fs::read_dir(root.join(PROFILES)).with_context(|| PROFILES.to_owned())? {
        let file = entry?.file_name().to_string_lossy().into_owned();
        let Some(name) = file.strip_suffix(".toml") else { continue };
        let value = name.replace('-', "_");
        let message = if !values.contains(&value.as_str()) {
            format!("the variable profile has no value {value}")
        } else if !text.contains(&format!("\"profiles/{file}\"")) {
            format!("no case of the variable profile takes profiles/{file}")
        } else {
            continue;
        };
        report.contradiction(Place::file(PROFILES_BP), message, Place::file(format!("{PROFILES}/{file}")));
    }
    Ok(())
}
