//! The graph that the Android.bp files describe, compiled.
//!
//! For each release the Rust modules become a Cargo workspace under the target folder: every module a package with its
//! crate root, edition, features and nothing but its `rustlibs`; every crate of the tree pinned to the version and the
//! features that the release carries; every crate that only a tree has (libbinder_rs, the generated AIDL) a stub with its
//! signatures. So a missing `rustlibs` entry, a use of what an older version lacks, and a difference between the two
//! binder libraries fail here as they would there.

mod bindings;

use crate::bp::{self, Blueprints, Module};
use crate::files::put;
use crate::packages::{self, CargoPackage};
use crate::platform::{self, Release};
use crate::report::{Place, Report};
use anyhow::{bail, ensure, Context, Result};
use cargo_metadata::diagnostic::DiagnosticLevel;
use cargo_metadata::{CompilerMessage, Message};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Module types that become packages, and the kind of crate that they make.
const KINDS: &[(&str, Kind)] = &[
    ("rust_binary", Kind::Program),
    ("rust_bindgen", Kind::Bindings),
    ("rust_binary_host", Kind::Program),
    ("rust_ffi_static", Kind::StaticLibrary),
    ("rust_library", Kind::Library),
    ("rust_library_host", Kind::Library),
    ("rust_test", Kind::Test),
];

/// What a module of the project is; `None` where it makes no crate.
pub(crate) fn kind_of(module: &Module) -> Option<Kind> {
    KINDS.iter().find(|(name, _)| *name == module.kind).map(|(_, kind)| *kind)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// What bindgen writes of a header.
    Bindings,
    Library,
    StaticLibrary,
    Program,
    Test,
}

/// What bindgen writes, beside its manifest.
const GENERATED: &str = "bindings.rs";

/// Soong's strict set (`build/soong/rust/config/lints.go`, 15-qpr1 to 16 QPR2: `defaultRustcLints`, `defaultClippyLints`): what it
/// denies beside all warnings, and what it lets pass in every release. `loom` is a condition that only the models' tests set; the
/// workspace's manifest names it too.
const RUST_LINTS: &str = "\
[lints.rust]
warnings = { level = \"deny\", priority = -1 }
unexpected_cfgs = { level = \"deny\", check-cfg = [\"cfg(loom)\"] }
missing_docs = \"deny\"
unsafe_op_in_unsafe_fn = \"deny\"
deprecated = \"allow\"
unknown_lints = \"allow\"
";

const CLIPPY_LINTS: &str = "
[lints.clippy]
undocumented_unsafe_blocks = \"deny\"
disallowed_names = \"allow\"
type_complexity = \"allow\"
unnecessary_fallible_conversions = \"allow\"
unnecessary_wraps = \"allow\"
unusual_byte_groupings = \"allow\"
upper_case_acronyms = \"allow\"
";

/// What a release has of it; that of 17 is not known, and taken for the one before.
fn lints(release: &Release) -> String {
    let from = |age, lint: &'static str| if release.age >= age { lint } else { "" };
    [
        RUST_LINTS,
        from(platform::SIXTEEN_QPR2, "mismatched_lifetime_syntaxes = \"allow\"\n"),
        CLIPPY_LINTS,
        from(platform::SIXTEEN, "empty_line_after_doc_comments = \"allow\"\n"),
        from(platform::SIXTEEN_QPR2, "uninlined_format_args = \"allow\"\n"),
        "\n",
    ]
    .concat()
}

/// A workspace that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    /// Its folder.
    pub folder: PathBuf,
    /// Names of its packages that a device has.
    pub device: Vec<String>,
    /// Names of its packages that only the host has.
    pub host: Vec<String>,
    /// The module that each package is.
    pub modules: BTreeMap<String, Place>,
}

/// Writes the workspace of a release.
///
/// # Errors
/// An Android.bp that cannot be read, a module that links what nobody defines.
pub fn write(root: &Path, release: &Release, folder: &Path) -> Result<Workspace> {
    let root = &root.canonicalize().with_context(|| root.display().to_string())?;
    let blueprints = bp::read(root)?.resolve(release, &[]);
    let packages = packages::read(root)?;
    let mut workspace =
        Workspace { folder: folder.to_owned(), device: Vec::new(), host: Vec::new(), modules: BTreeMap::new() };
    let mut stubs = BTreeSet::new();
    let mut members = Vec::new();
    for module in &blueprints.modules {
        let Some(kind) = kind_of(module) else { continue };
        let name = package_name(&module.name);
        if kind == Kind::Bindings {
            put(&folder.join(&name).join(GENERATED), &bindings::of(root, module)?)?;
        }
        let mut manifest = package(root, &blueprints, module, kind, release, &mut stubs)?;
        manifest.push_str(&elsewhere(&packages, module)?);
        manifest.push_str(&unchosen(&packages, module)?);
        put(&folder.join(&name).join("Cargo.toml"), &manifest)?;
        let side = if module.kind.ends_with("_host") { &mut workspace.host } else { &mut workspace.device };
        side.push(name.clone());
        workspace.modules.insert(name.clone(), module.place("name:"));
        members.push(name);
    }
    // A stub needs the stubs that it is written with, whoever links it.
    while let Some((module, name)) = platform::RUST_STUBS
        .iter()
        .find(|(module, name)| stubs.contains(*module) && !members.contains(&format!("stub_{name}")))
    {
        put(&folder.join(format!("stub_{name}")).join("Cargo.toml"), &stub(root, module, name, release)?)?;
        members.push(format!("stub_{name}"));
        stubs.extend(stub_dependencies(name, release));
    }
    put(&folder.join("pins").join("Cargo.toml"), &below(release)?)?;
    put(&folder.join("pins").join("lib.rs"), "//! Pins.\n")?;
    members.push("pins".to_owned());
    let listed = members.iter().fold(String::new(), |mut listed, member| {
        // Writing to a String cannot fail.
        let _ = writeln!(listed, "    {member:?},");
        listed
    });
    let manifest = format!("[workspace]\nresolver = \"2\"\nmembers = [\n{listed}]\n{}", pins(release)?);
    put(&folder.join("Cargo.toml"), &manifest)?;
    // Clippy would go up to the project's own, which an old one does not understand.
    put(&folder.join("clippy.toml"), "# Soong's clippy is given none.\n")?;
    Ok(workspace)
}

fn package_name(module: &str) -> String {
    module.replace(['.', '@'], "_")
}

fn package(
    root: &Path,
    blueprints: &Blueprints,
    module: &Module,
    kind: Kind,
    release: &Release,
    stubs: &mut BTreeSet<&'static str>,
) -> Result<String> {
    let name = &module.name;
    let path = if kind == Kind::Bindings {
        PathBuf::from(GENERATED)
    } else {
        let crate_root = module.string("crate_root").with_context(|| format!("{name} has no crate_root"))?;
        root.join(module.folder()).join(crate_root)
    };
    let crate_name = module.string("crate_name").with_context(|| format!("{name} has no crate_name"))?;
    let edition = module.string("edition").unwrap_or("2021");
    let version = module.string("cargo_pkg_version").unwrap_or("0.0.0");
    let mut text = String::new();
    writeln!(text, "[package]\nname = {:?}\nversion = {version:?}\nedition = {edition:?}", package_name(name))?;
    writeln!(text, "rust-version = {:?}\npublish = false\nautobins = false\n", platform::RUST_VERSION)?;
    // It asks nothing of generated sources.
    if kind != Kind::Bindings {
        text.push_str(&lints(release));
    }
    // The unit tests of a library are Cargo's business.
    let target = |section: &str| format!("{section}\nname = {crate_name:?}\npath = {path:?}\n");
    match kind {
        Kind::Bindings | Kind::Library => writeln!(text, "{}test = false\n", target("[lib]"))?,
        Kind::StaticLibrary => {
            writeln!(text, "{}test = false\ncrate-type = [\"staticlib\", \"rlib\"]\n", target("[lib]"))?;
        }
        Kind::Program => writeln!(text, "{}test = false\n", target("[[bin]]"))?,
        Kind::Test => {
            writeln!(text, "{}harness = {}\n", target("[[test]]"), module.flag_or("test_harness", true))?;
        }
    }
    writeln!(text, "[dependencies]")?;
    for library in ["rustlibs", "rlibs", "proc_macros"].into_iter().flat_map(|key| module.strings(key)) {
        text.push_str(&dependency(blueprints, name, library, stubs)?);
    }
    Ok(text)
}

/// The features of Cargo's manifest, those on that Soong's module has on: so that the compiler knows the others' names.
fn unchosen(packages: &[CargoPackage], module: &Module) -> Result<String> {
    let mut text = format!("\n[features]\ndefault = {:?}\n", module.strings("features"));
    // The crate that only a tree has has the features of the one that it stands for.
    let folder = if module.folder() == Path::new("aidl/soong") { Path::new("aidl/rsbinder") } else { module.folder() };
    let own = packages.iter().filter(|package| package.folder == folder);
    for feature in own.flat_map(CargoPackage::features).filter(|feature| *feature != "default") {
        writeln!(text, "{feature} = []")?;
    }
    Ok(text)
}

/// What stands in off a device for a crate that only a device has: as in Cargo's own manifest, which knows both.
fn elsewhere(packages: &[CargoPackage], module: &Module) -> Result<String> {
    let mut text = String::new();
    let own = packages.iter().filter(|package| package.folder == module.folder());
    for package in own.filter(|_| !module.kind.ends_with("_host")) {
        for (name, version) in package.host_extras()? {
            writeln!(
                text,
                "\n[target.'cfg(not(target_os = \"android\"))'.dependencies.{name}]\nversion = {version:?}"
            )?;
            writeln!(text, "default-features = false")?;
        }
    }
    Ok(text)
}

fn dependency(
    blueprints: &Blueprints,
    name: &str,
    library: &str,
    stubs: &mut BTreeSet<&'static str>,
) -> Result<String> {
    if let Some(linked) = blueprints.get(library) {
        let crate_name = linked.string("crate_name").with_context(|| format!("{library} has no crate_name"))?;
        let package = package_name(library);
        return Ok(format!("{crate_name} = {{ path = \"../{package}\", package = {package:?} }}\n"));
    }
    if let Some((module, crate_name)) = platform::RUST_STUBS.iter().find(|(module, _)| *module == library) {
        stubs.insert(module);
        return Ok(format!("{crate_name} = {{ path = \"../stub_{crate_name}\", package = \"stub_{crate_name}\" }}\n"));
    }
    let Some(entry) = platform::crate_of(library) else { bail!("{name} links {library}, which nobody defines") };
    Ok(format!("{} = {{ workspace = true }}\n", entry.package))
}

fn stub(root: &Path, module: &str, name: &str, release: &Release) -> Result<String> {
    let path = root.join("vts/aosp-check/stubs").join(format!("{name}.rs"));
    ensure!(path.exists(), "{module}: there is no stub {}", path.display());
    let allocator = if module.contains("allocator-V3") { "allocator_v3" } else { "allocator_v2" };
    let mut text = format!(
        "[package]\nname = \"stub_{name}\"\nversion = \"0.0.0\"\nedition = \"2021\"\npublish = false\n\n[lib]\nname = \
         {name:?}\npath = {path:?}\n\n[features]\ndefault = [{:?}, {allocator:?}]\nV5 = []\nV6 = []\nV7 = [\"V6\"]\n\
         allocator_v2 = []\nallocator_v3 = []\n\n[dependencies]\n",
        release.graphics_common
    );
    for dependency in stub_dependencies(name, release) {
        if let Some((_, crate_name)) = platform::RUST_STUBS.iter().find(|(module, _)| *module == dependency) {
            writeln!(text, "{crate_name} = {{ path = \"../stub_{crate_name}\", package = \"stub_{crate_name}\" }}")?;
        }
    }
    Ok(text)
}

/// What the generated crates import of each other.
fn stub_dependencies(name: &str, release: &Release) -> Vec<&'static str> {
    let common = platform::RUST_STUBS
        .iter()
        .map(|(module, _)| *module)
        .find(|module| *module == format!("android.hardware.graphics.common-{}-rust", release.graphics_common));
    match name {
        "binder" => Vec::new(),
        "android_hardware_graphics_allocator" => {
            [Some("libbinder_rs"), Some("android.hardware.common-V2-rust"), common].into_iter().flatten().collect()
        }
        _ => vec!["libbinder_rs"],
    }
}

/// The pins of a release, for the workspace's manifest.
fn pins(release: &Release) -> Result<String> {
    let mut text = String::from("\n[workspace.dependencies]\n");
    for entry in platform::CRATES {
        let version = release.version(entry).context("a version a release")?;
        let features = entry.features_in(release);
        writeln!(
            text,
            "{} = {{ version = \"={version}\", default-features = false, features = {features:?} }}",
            entry.package
        )?;
    }
    Ok(text)
}

/// A package that does nothing but hold what lies below the tree's crates to a version.
fn below(release: &Release) -> Result<String> {
    let mut text =
        String::from("[package]\nname = \"pins\"\nversion = \"0.0.0\"\nedition = \"2021\"\npublish = false\n\n");
    text.push_str("[lib]\npath = \"lib.rs\"\n\n[dependencies]\n");
    let unmoved = |of: &str| !release.instead.iter().any(|(package, _)| *package == of);
    for (_, package, versions) in platform::BELOW.iter().filter(|(of, ..)| unmoved(of)) {
        let version = versions.get(release.column).context("a version a release")?;
        writeln!(text, "{package} = {{ version = \"={version}\", default-features = false }}")?;
    }
    Ok(text)
}

/// Writes and compiles the workspace of a release with the Cargo that is at hand.
///
/// # Errors
/// What keeps it from being written or compiled at all; what the compiler finds is in the report.
pub fn check(root: &Path, release: &Release, target: &Path) -> Result<Report> {
    let mut cargo = this_cargo();
    cargo.arg("check");
    let workspace = write(root, release, &folder(root, release.name))?;
    compile(cargo, root, &workspace, release.name, &target.join("tree-build"))
}

fn this_cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// The same by a version of the compiler and its clippy, which Soong runs over each module; a skip where rustup has them not.
///
/// # Errors
/// As [`check`].
pub fn check_by_compiler(root: &Path, release: &Release, version: &str, target: &Path) -> Result<Report> {
    let rustup = || {
        let mut rustup = Command::new("rustup");
        // What a Cargo and rustup above have set: this Cargo would take it for itself and its compiler.
        rustup.env_remove("RUSTUP_TOOLCHAIN").env_remove("RUSTC").env_remove("CARGO").args(["run", version]);
        rustup
    };
    if !rustup().args(["clippy-driver", "--version"]).output().is_ok_and(|said| said.status.success()) {
        let mut report = Report::default();
        let how = format!("`rustup toolchain install {version} --profile minimal -c clippy` gives it");
        report.skipped.push(format!("Android {} by rustc {version}, which is not there: {how}", release.name));
        return Ok(report);
    }
    let name = format!("{} by rustc {version}", release.name);
    // Of what lies below the tree's crates, which nobody pins, it takes versions for this compiler; an old Cargo knows no such care.
    let workspace = write(root, release, &folder(root, &name))?;
    let folder = &workspace.folder;
    let mut lock = this_cargo();
    lock.args(["metadata", "--format-version", "1"]).env("CARGO_RESOLVER_INCOMPATIBLE_RUST_VERSIONS", "fallback");
    let output = lock.current_dir(folder).output().context("cargo metadata")?;
    ensure!(output.status.success(), "{}: {}", folder.display(), String::from_utf8_lossy(&output.stderr).trim());
    // It would look in the folders above a manifest that a Cargo above has named, too.
    let mut clippy = rustup();
    clippy.args(["cargo", "clippy"]).env("CLIPPY_CONF_DIR", folder.canonicalize()?);
    compile(clippy, root, &workspace, &name, &target.join(format!("tree-build-{version}")))
}

/// Below the root that is checked, so that what is built of the tree's crates serves every copy of the project.
fn folder(root: &Path, name: &str) -> PathBuf {
    root.join("target").join("aosp-tree").join(name.replace(' ', "-"))
}

fn compile(mut cargo: Command, root: &Path, workspace: &Workspace, name: &str, build: &Path) -> Result<Report> {
    let folder = &workspace.folder;
    let manifest = folder.join("Cargo.toml");
    let output = cargo
        .args(["--workspace", "--lib", "--bins", "--tests", "--message-format=json", "--target-dir"])
        .arg(build)
        .current_dir(folder)
        .env_remove("RUSTFLAGS")
        .output()
        .context("cargo")?;
    let mut report = Report::default();
    let messages = String::from_utf8_lossy(&output.stdout);
    compiled(root, &format!("Android {name}"), &messages, &workspace.modules, &mut report);
    if !output.status.success() && report.is_clean() {
        let words = String::from_utf8_lossy(&output.stderr);
        report.found(Place::file(&manifest), format!("Android {name}: {}", words.trim()));
    }
    let modules = workspace.device.len().saturating_add(workspace.host.len());
    report.note(format!("{modules} Rust modules compiled as in Android {name}"));
    Ok(report)
}

/// The compiler's errors as findings, each with the module that was compiled.
pub(crate) fn compiled(
    root: &Path,
    whose: &str,
    messages: &str,
    modules: &BTreeMap<String, Place>,
    report: &mut Report,
) {
    let base = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    for message in Message::parse_stream(messages.as_bytes()) {
        let Ok(Message::CompilerMessage(CompilerMessage { package_id, message, .. })) = message else { continue };
        let primary = message.spans.iter().find(|span| span.is_primary);
        let Some(span) = primary.filter(|_| message.level == DiagnosticLevel::Error) else { continue };
        let file = Path::new(&span.file_name);
        let file = file.strip_prefix(&base).unwrap_or(file);
        let (place, words) = (Place::line(file, span.line_start), format!("{whose}: {}", message.message));
        // The package's folder has its name: path+file:///FOLDER#VERSION.
        let package = package_id.repr.rsplit('/').next().and_then(|last| last.split('#').next());
        match package.and_then(|package| modules.get(package)) {
            Some(module) => report.contradiction(place, words, module.clone()),
            None => report.found(place, words),
        }
    }
}
