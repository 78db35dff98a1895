//! The dumps of this project's own interfaces, `aidl_api/NAME/VERSION` beside the Android.bp: what the build of a tree
//! holds the sources against, and what `getInterfaceHash` answers for.
//!
//! Without `current` no generated source is built; a version that is not frozen is refused by release builds and by VTS.
//! `aosp_check aidl --write` writes `current` and freezes a version that Android.bp lists and that has no folder yet; a frozen
//! one is never written again.

pub mod dump;

use crate::bp::{self, Blueprints, Module};
use crate::files::put_all;
use crate::platform::RUST_STUBS;
use crate::report::{Place, Report};
use android_bp::Value;
use anyhow::{Context as _, Result};
use dump::Dump;
use sha1::{Digest as _, Sha1};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// The folder of what was written last, frozen or not.
const CURRENT: &str = "current";

/// What is hashed behind the files of a first version, where a later one has the version before it
/// (`system/tools/aidl/build/aidl_api.go`).
pub const BEFORE_THE_FIRST: &str = "latest-version";

const HASH: &str = ".hash";

/// The hash of a frozen version: SHA-1 over a line for each file, as `sha1sum` prints it for `find . -name '*.aidl'` sorted as
/// bytes, and a last line with the version before (`system/tools/aidl/build/hash_gen.sh`).
pub fn hash(files: &BTreeMap<PathBuf, String>, before: &str) -> String {
    let mut names: Vec<(String, &String)> =
        files.iter().map(|(path, text)| (format!("./{}", path.display()), text)).collect();
    names.sort();
    let mut listed = String::new();
    for (name, text) in names {
        // Writing to a String cannot fail.
        let _ = writeln!(listed, "{}  {name}", hex(text.as_bytes()));
    }
    hex(format!("{listed}{before}\n").as_bytes())
}

fn hex(bytes: &[u8]) -> String {
    Sha1::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// An `aidl_interface` and what its sources come to.
struct Interface<'a> {
    module: &'a Module,
    /// Its dumps' folder, from the root.
    api: PathBuf,
    /// Each with its source.
    dumps: Vec<(PathBuf, Dump)>,
    /// Those that Android.bp lists, oldest first.
    versions: Vec<String>,
}

impl<'a> Interface<'a> {
    fn read(root: &Path, module: &'a Module) -> Result<Interface<'a>> {
        let mut sources = Vec::new();
        for pattern in module.strings("srcs") {
            let pattern = root.join(module.folder()).join(pattern);
            for path in glob::glob(&pattern.to_string_lossy())? {
                let path = path?;
                let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                sources.push((path.strip_prefix(root)?.to_owned(), name));
            }
        }
        let names: Vec<&str> = sources.iter().map(|(_, name)| name.as_str()).collect();
        let mut dumps = Vec::new();
        for (source, _) in &sources {
            let text = fs::read_to_string(root.join(source))?;
            let dump = dump::of(&text, &names).with_context(|| source.display().to_string())?;
            dumps.push((source.clone(), dump));
        }
        let api = module.folder().join("aidl_api").join(&module.name);
        Ok(Interface { module, api, dumps, versions: versions(module) })
    }

    /// What `current` has to be, and a version that is frozen now.
    fn files(&self) -> BTreeMap<PathBuf, String> {
        self.dumps.iter().map(|(_, dump)| (dump.path.clone(), dump.text())).collect()
    }
}

fn versions(module: &Module) -> Vec<String> {
    let Some(Value::Array(entries)) = module.properties.get("versions_with_info") else { return Vec::new() };
    let version = |entry: &Value| match entry {
        Value::Map(entry) => match entry.get("version") {
            Some(Value::String(version)) => Some(version.clone()),
            _ => None,
        },
        _ => None,
    };
    entries.iter().filter_map(version).collect()
}

/// The interfaces below a root.
fn modules(root: &Path) -> Result<Vec<Module>> {
    Ok(bp::read(root)?.modules.into_iter().filter(|module| module.kind == "aidl_interface").collect())
}

/// What stands in a folder of dumps.
fn stored(folder: &Path) -> Result<BTreeMap<PathBuf, String>> {
    let mut files = BTreeMap::new();
    for entry in WalkDir::new(folder) {
        let entry = entry.with_context(|| folder.display().to_string())?;
        if entry.path().extension().is_some_and(|ending| ending == "aidl") {
            files.insert(entry.path().strip_prefix(folder)?.to_owned(), fs::read_to_string(entry.path())?);
        }
    }
    Ok(files)
}

/// Checks every interface below a root.
///
/// # Errors
/// A source that is not understood; a file that cannot be read.
pub fn check(root: &Path) -> Result<Report> {
    let root = &root.canonicalize().with_context(|| root.display().to_string())?;
    let mut report = Report::default();
    let blueprints = bp::read(root)?;
    for module in blueprints.modules.iter().filter(|module| module.kind == "aidl_interface") {
        let interface = Interface::read(root, module)?;
        stable(root, &interface, &mut report)?;
        linked(&blueprints, module, &mut report);
        imports(&blueprints, module, &mut report);
        let frozen = interface.module.flag("frozen");
        let Some(newest) = interface.versions.last().filter(|_| frozen) else {
            let message = format!("{}: not frozen: release builds and VTS refuse it", module.name);
            report.found(module.place("name:"), message);
            continue;
        };
        for folder in [newest.as_str(), CURRENT] {
            same(root, &interface, folder, &mut report)?;
        }
        hashes(root, &interface, &mut report)?;
        report.note(format!("{} {newest} is frozen as its sources say", module.name));
    }
    if !report.is_clean() {
        report.notes.clear();
    }
    Ok(report)
}

/// The compiler takes no type of another stability than the interface's.
fn stable(root: &Path, interface: &Interface<'_>, report: &mut Report) -> Result<()> {
    let module = interface.module;
    let vintf = module.string("stability") == Some("vintf");
    for (source, _) in &interface.dumps {
        let text = fs::read_to_string(root.join(source))?;
        let marked = text.contains("@VintfStability");
        if marked != vintf {
            let says = if vintf {
                "stability is \"vintf\", and a type is without @VintfStability"
            } else {
                "stability is not \"vintf\", and a type has @VintfStability"
            };
            let message = format!("{}: {says}", module.name);
            report.contradiction(module.place("name:"), message, Place::find(source, &text, "@VintfStability"));
        }
    }
    Ok(())
}

/// The crates that are linked of it are generated.
fn linked(blueprints: &Blueprints, module: &Module, report: &mut Report) {
    let within = |value: Option<&Value>, key: &str| match value {
        Some(Value::Map(map)) => map.get(key).cloned(),
        _ => None,
    };
    let rust = within(module.properties.get("backend"), "rust");
    if matches!(within(rust.as_ref(), "enabled"), Some(Value::Boolean(true))) {
        return;
    }
    let start = format!("\"{}-V", module.name);
    if let Some(user) = blueprints.modules.iter().find(|user| user.says(&start) && user.says("-rust\"")) {
        let message = format!("{}: the backend rust is not enabled, and {} links its crate", module.name, user.name);
        report.contradiction(module.place("rust:"), message, user.place(&start));
    }
}

/// Interfaces that a version imports: the project's, or of the tree's those that are known to be there.
fn imports(blueprints: &Blueprints, module: &Module, report: &mut Report) {
    let mut names: Vec<&Value> = module.properties.get("imports").into_iter().collect();
    if let Some(Value::Array(entries)) = module.properties.get("versions_with_info") {
        names.extend(entries.iter().filter_map(|entry| match entry {
            Value::Map(entry) => entry.get("imports"),
            _ => None,
        }));
    }
    let names = names.into_iter().flat_map(|value| match value {
        Value::Array(items) => items.as_slice(),
        _ => &[],
    });
    let own = |name: &str| {
        let named = name.rsplit_once("-V").map_or(name, |(name, _)| name);
        blueprints.get(named).is_some_and(|module| module.kind == "aidl_interface")
    };
    for name in names {
        let Value::String(name) = name else { continue };
        let theirs = RUST_STUBS.iter().any(|(stub, _)| stub.strip_suffix("-rust") == Some(name));
        if !theirs && !own(name) {
            let message = format!("{}: imports {name}, and nobody has that interface", module.name);
            report.found(module.place(name), message);
        }
    }
}

/// The dumps of a folder against the sources, both named where they part.
fn same(root: &Path, interface: &Interface<'_>, version: &str, report: &mut Report) -> Result<()> {
    let folder = interface.api.join(version);
    if !root.join(&folder).is_dir() {
        let message = format!("no {}: {}", folder.display(), "`aosp_check aidl --write` writes it");
        report.found(interface.module.place("name:"), message);
        return Ok(());
    }
    let mut have = stored(&root.join(&folder))?;
    for (source, dump) in &interface.dumps {
        let file = folder.join(&dump.path);
        let Some(text) = have.remove(&dump.path) else {
            let message = format!("no dump {}", file.display());
            report.contradiction(Place::file(source), message, interface.module.place("srcs:"));
            continue;
        };
        let lines = text.lines().map(Some).chain([None]);
        let right = dump.lines.iter().map(Some).chain([None]);
        let differs =
            (1..).zip(lines.zip(right)).find(|(_, (have, right))| *have != right.map(|(line, _)| line.as_str()));
        if let Some((at, (have, right))) = differs.filter(|_| text != dump.text()) {
            let have = have.unwrap_or("the end of the file");
            let (says, line) = right.map_or(("the end of the file", None), |(says, line)| (says, Some(*line)));
            let message = format!("has \"{have}\", and the source says \"{says}\"; a frozen version is never changed");
            report.contradiction(Place::line(&file, at), message, Place { line, ..Place::file(source) });
        }
    }
    for path in have.keys() {
        let message = "a dump of no source".to_owned();
        report.contradiction(Place::file(folder.join(path)), message, interface.module.place("srcs:"));
    }
    Ok(())
}

fn hashes(root: &Path, interface: &Interface<'_>, report: &mut Report) -> Result<()> {
    let mut before = BEFORE_THE_FIRST;
    for version in &interface.versions {
        let folder = interface.api.join(version);
        let file = folder.join(HASH);
        let stored_hash = fs::read_to_string(root.join(&file)).unwrap_or_default();
        if root.join(&folder).is_dir() {
            let right = hash(&stored(&root.join(&folder))?, before);
            let last = stored_hash.lines().last().unwrap_or("nothing");
            if last != right {
                let message = format!("says {last}, and the files come to {right}");
                report.contradiction(Place::file(&file), message, Place::file(&folder));
            }
        } else {
            let message = format!("lists version {version}, and there is no {}", folder.display());
            report.found(interface.module.place("versions_with_info"), message);
        }
        before = version;
    }
    Ok(())
}

/// Writes `current`, and a version that is listed and not there yet; answers with the files that changed.
///
/// # Errors
/// A source that is not understood; a file that cannot be written.
pub fn write(root: &Path) -> Result<Vec<PathBuf>> {
    let root = &root.canonicalize().with_context(|| root.display().to_string())?;
    let mut all = Vec::new();
    for module in &modules(root)? {
        let interface = Interface::read(root, module)?;
        let files = interface.files();
        let mut folders = vec![CURRENT];
        let mut before = BEFORE_THE_FIRST;
        for version in &interface.versions {
            let folder = interface.api.join(version);
            if !root.join(&folder).exists() {
                folders.push(version);
                all.push((folder.join(HASH), format!("{}\n", hash(&files, before))));
            }
            before = version;
        }
        for folder in folders {
            all.extend(files.iter().map(|(path, text)| (interface.api.join(folder).join(path), text.clone())));
        }
    }
    put_all(root, all)
}
