//! What is written in more than one place: the suffix, the versions, names and paths. Each place is read as whoever uses
//! it reads it, and a difference names both.
//!
//! The code's own constants are the reference: `MAPPER_SUFFIX` is what the service answers, so the binary, the mapper, the
//! VINTF fragments, init's files and the labels have to say the same.

use crate::bp::{self, Blueprints};
use crate::report::{Place, Report};
use crate::SUFFIX;
use anyhow::{Context, Result};
use quick_xml::events::Event;
use quick_xml::Reader;
use std::fs;
use std::path::Path;

const SERVER: &str = "service/server/src/adapter.rs";
const SERVER_ARGS: &str = "service/server/src/args.rs";
const BINDINGS: [&str; 2] = ["aidl/rsbinder/src/lib.rs", "aidl/soong/src/lib.rs"];
const INTERFACE: &str = "aidl/rsbinder/build.rs";
const MAPPER: &str = "service/mapper/src/abi.rs";
const MAPPER_ENTRY: &str = "service/mapper/src/entry.rs";
const ALLOCATOR_VINTF: &str = "service/server/allocator-service.dmaheap.xml";
const MAPPER_VINTF: &str = "service/mapper/mapper.dmaheap.xml";
const VERSION_SCRIPT: &str = "service/mapper/mapper.dmaheap.map";
const RC: &str = "service/server/allocator-service.dmaheap.rc";
const APEX_RC: &str = "service/apex/allocator-service.dmaheap.apex.rc";
const APEX_MANIFEST: &str = "service/apex/manifest.json";
const APEX_LABELS: &str = "service/apex/file_contexts";
const PROFILES: &str = "heaps-config/profiles";
const PROFILES_BP: &str = "heaps-config/Android.bp";

/// Checks all of it.
///
/// # Errors
/// A file that is not there or cannot be read.
pub fn check(root: &Path) -> Result<Report> {
    let root = &root.canonicalize().with_context(|| root.display().to_string())?;
    let mut report = Report::default();
    let blueprints = bp::read(root)?;
    let tree = Tree { root };
    suffix(&tree, &blueprints, &mut report)?;
    allocator(&tree, &blueprints, &mut report)?;
    mapper(&tree, &mut report)?;
    init(&tree, &blueprints, &mut report)?;
    profiles(&tree, &blueprints, &mut report)?;
    report.note("suffix, versions, names and paths agree".to_owned());
    if !report.is_clean() {
        report.notes.clear();
    }
    Ok(report)
}

struct Tree<'a> {
    root: &'a Path,
}

/// A value and where it is written.
#[derive(Clone, Debug)]
struct Said {
    value: String,
    place: Place,
}

impl Tree<'_> {
    fn read(&self, file: &str) -> Result<String> {
        fs::read_to_string(self.root.join(file)).with_context(|| file.to_owned())
    }

    /// The literal of a constant in a Rust file.
    fn constant(&self, file: &str, name: &str) -> Result<Said> {
        let text = self.read(file)?;
        let parsed = syn::parse_file(&text).with_context(|| file.to_owned())?;
        let found = parsed.items.iter().find_map(|item| match item {
            syn::Item::Const(constant) if constant.ident == name => Some(constant),
            _ => None,
        });
        let constant = found.with_context(|| format!("{file} has no constant {name}"))?;
        let value = match &*constant.expr {
            syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => text.value(),
            syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Int(number), .. }) => number.base10_digits().to_owned(),
            _ => anyhow::bail!("{file}: {name} is no plain literal"),
        };
        Ok(Said { value, place: Place::line(file, constant.ident.span().start().line) })
    }

    /// The texts of the elements at a path in an XML file.
    fn elements(&self, file: &str, path: &[&str]) -> Result<Vec<Said>> {
        let text = self.read(file)?;
        let mut reader = Reader::from_str(&text);
        let (mut stack, mut found): (Vec<String>, Vec<Said>) = (Vec::new(), Vec::new());
        loop {
            match reader.read_event().with_context(|| file.to_owned())? {
                Event::Start(start) => stack.push(String::from_utf8_lossy(start.name().as_ref()).into_owned()),
                Event::End(_) => {
                    stack.pop();
                }
                Event::Text(content) if stack.iter().map(String::as_str).eq(path.iter().copied()) => {
                    let value = content.decode().with_context(|| file.to_owned())?.trim().to_owned();
                    let place = Place::find(file, &text, &format!(">{value}<"));
                    found.push(Said { value, place });
                }
                Event::Eof => return Ok(found),
                _ => {}
            }
        }
    }

    /// The one text of the element at a path.
    fn element(&self, file: &str, path: &[&str], report: &mut Report) -> Result<Option<Said>> {
        let mut found = self.elements(file, path)?;
        if found.len() != 1 {
            report.found(Place::file(file), format!("{} times <{}>, and once is right", found.len(), path.join("> <")));
        }
        Ok(found.pop())
    }
}

/// Two places that have to say the same.
fn equal(what: &str, said: &Said, reference: &Said, report: &mut Report) {
    if said.value != reference.value {
        let message = format!("{what} is \"{}\" here and \"{}\" there", said.value, reference.value);
        report.contradiction(said.place.clone(), message, reference.place.clone());
    }
}

/// A file that has to have a text in it because another place says something.
fn contains(tree: &Tree<'_>, file: &str, text: &str, what: &str, because: &Place, report: &mut Report) -> Result<()> {
    if !tree.read(file)?.contains(text) {
        report.contradiction(Place::file(file), format!("{what}: {text} is not in it"), because.clone());
    }
    Ok(())
}

fn suffix(tree: &Tree<'_>, blueprints: &Blueprints, report: &mut Report) -> Result<()> {
    let reference = tree.constant(SERVER, "MAPPER_SUFFIX")?;
    let own = Said { value: SUFFIX.to_owned(), place: Place::file("vts/aosp-check/src/lib.rs") };
    equal("the suffix that labels are resolved for", &own, &reference, report);
    if let Some(instance) = tree.element(MAPPER_VINTF, &["manifest", "hal", "interface", "instance"], report)? {
        equal("the mapper's suffix", &instance, &reference, report);
    }
    let suffix = &reference.value;
    let escaped = suffix.replace('.', "\\.");
    let binary = format!("android.hardware.graphics.allocator-service.{suffix}");
    for (kind, name) in [("rust_binary", binary.clone()), ("cc_library_shared", format!("mapper.{suffix}"))] {
        if !blueprints.modules.iter().any(|module| module.kind == kind && module.name == name) {
            let other = blueprints.modules.iter().find(|module| {
                module.kind == kind && module.folder().starts_with("service") && module.name.contains('.')
            });
            let place = other.map_or_else(|| Place::file("service"), |module| module.place("name:"));
            let have = other.map_or("none", |module| module.name.as_str());
            let message = format!("the {kind} is called {have} and has to be {name}");
            report.contradiction(place, message, reference.place.clone());
        }
    }
    for module in blueprints.modules.iter().filter(|module| module.kind == "cc_library_shared") {
        if let Some(stem) = module.string("stem").filter(|stem| *stem != format!("mapper.{suffix}")) {
            let message = format!("the library's stem is {stem} and has to be mapper.{suffix}");
            report.contradiction(module.place("stem:"), message, reference.place.clone());
        }
    }
    let because = &reference.place;
    for file in [RC, APEX_RC] {
        contains(tree, file, &format!("/bin/hw/{binary}"), "the service's binary", because, report)?;
    }
    let labelled = format!("android\\.hardware\\.graphics\\.allocator-service\\.{escaped}");
    contains(tree, "sepolicy/vendor/file_contexts", &labelled, "the binary's label", because, report)?;
    contains(tree, APEX_LABELS, &labelled, "the binary's label", because, report)?;
    let library = format!("mapper\\.{escaped}\\.so");
    contains(tree, "sepolicy/vendor/file_contexts", &library, "the mapper's label", because, report)?;
    let declared = format!("mapper/{suffix}");
    contains(tree, "sepolicy/vendor/service_contexts", &declared, "the mapper's declaration", because, report)?;
    for name in [&binary, &format!("mapper.{suffix}")] {
        contains(tree, "service/product/device.mk", name, "the product's packages", because, report)?;
    }
    Ok(())
}

fn allocator(tree: &Tree<'_>, blueprints: &Blueprints, report: &mut Report) -> Result<()> {
    let instance = tree.constant(BINDINGS[0], "ALLOCATOR_INSTANCE")?;
    equal("the instance", &tree.constant(BINDINGS[1], "ALLOCATOR_INSTANCE")?, &instance, report);
    let version = tree.constant(INTERFACE, "VERSION")?;
    if let Some(declared) = tree.element(ALLOCATOR_VINTF, &["manifest", "hal", "version"], report)? {
        equal("the interface's version", &declared, &version, report);
    }
    let name = tree.element(ALLOCATOR_VINTF, &["manifest", "hal", "name"], report)?;
    let fqname = tree.element(ALLOCATOR_VINTF, &["manifest", "hal", "fqname"], report)?;
    if let (Some(name), Some(fqname)) = (name, fqname) {
        let said = Said { value: format!("{}.{}", name.value, fqname.value), place: fqname.place };
        equal("the declared instance", &said, &instance, report);
    }
    let wanted = format!("android.hardware.graphics.allocator-V{}-rust", version.value);
    for module in &blueprints.modules {
        for library in module.strings("rustlibs") {
            if library.starts_with("android.hardware.graphics.allocator-V") && library != wanted {
                let message = format!("{} links {library} and has to link {wanted}", module.name);
                report.contradiction(module.place(library), message, version.place.clone());
            }
        }
    }
    Ok(())
}

fn mapper(tree: &Tree<'_>, report: &mut Report) -> Result<()> {
    let version = tree.constant(MAPPER, "AIMAPPER_VERSION_5")?;
    if let Some(declared) = tree.element(MAPPER_VINTF, &["manifest", "hal", "version"], report)? {
        let major = declared.value.split('.').next().unwrap_or_default().to_owned();
        equal("the mapper's version", &Said { value: major, ..declared }, &version, report);
    }
    // What the version script lets out is what the entry file defines for C.
    let text = tree.read(MAPPER_ENTRY)?;
    let parsed = syn::parse_file(&text).with_context(|| MAPPER_ENTRY.to_owned())?;
    let defined: Vec<(String, usize)> = parsed.items.iter().filter_map(exported).collect();
    let script = tree.read(VERSION_SCRIPT)?;
    let let_out: Vec<&str> = script
        .split_once("global:")
        .and_then(|(_, rest)| rest.split_once("local:"))
        .map(|(names, _)| names.split(';').map(str::trim).filter(|name| !name.is_empty()).collect())
        .unwrap_or_default();
    for (name, line) in &defined {
        if !let_out.contains(&name.as_str()) {
            let place = Place::line(MAPPER_ENTRY, *line);
            report.contradiction(place, format!("{name} is not let out of the library"), Place::file(VERSION_SCRIPT));
        }
    }
    for name in let_out.iter().filter(|name| !defined.iter().any(|(defined, _)| defined == *name)) {
        let place = Place::find(VERSION_SCRIPT, &script, name);
        report.contradiction(place, format!("lets out {name}, which nobody defines"), Place::file(MAPPER_ENTRY));
    }
    Ok(())
}

/// The C name of what is defined for C, and its line.
fn exported(item: &syn::Item) -> Option<(String, usize)> {
    let (attributes, ident) = match item {
        syn::Item::Fn(function) => (&function.attrs, &function.sig.ident),
        syn::Item::Static(variable) => (&variable.attrs, &variable.ident),
        _ => return None,
    };
    let bare = attributes.iter().any(|attribute| {
        attribute.path().is_ident("no_mangle")
            || matches!(&attribute.meta, syn::Meta::List(list) if list.path.is_ident("unsafe") && list.tokens.to_string() == "no_mangle")
    });
    bare.then(|| (ident.to_string(), ident.span().start().line))
}

fn init(tree: &Tree<'_>, blueprints: &Blueprints, report: &mut Report) -> Result<()> {
    let policy = tree.constant(SERVER_ARGS, "DEFAULT_POLICY")?;
    let installs = |module: &&bp::Module| {
        let name = module.string("filename").unwrap_or(&module.name);
        // What is not installable goes into an APEX.
        module.flag_or("installable", true)
            && format!("/vendor/etc/{}/{name}", module.string("sub_dir").unwrap_or("")) == policy.value
    };
    if !blueprints.modules.iter().any(|module| module.kind == "prebuilt_etc" && installs(&module)) {
        let message = format!("no prebuilt_etc installs {}", policy.value);
        report.contradiction(Place::file(PROFILES_BP), message, policy.place.clone());
    }
    let (own, apex) = (tree.read(RC)?, tree.read(APEX_RC)?);
    let body = |text: &str| -> Vec<String> {
        let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#') && !line.is_empty());
        lines.filter(|line| !line.starts_with("service ")).map(str::to_owned).collect()
    };
    if body(&own) != body(&apex) {
        report.contradiction(Place::file(APEX_RC), "the service has other properties there", Place::file(RC));
    }
    let manifest: serde_json::Value =
        serde_json::from_str(&tree.read(APEX_MANIFEST)?).with_context(|| APEX_MANIFEST.to_owned())?;
    let name = manifest.get("name").and_then(serde_json::Value::as_str).unwrap_or_default();
    for module in blueprints.modules.iter().filter(|module| module.kind == "apex" && module.name != name) {
        let message = format!("the APEX is called {} here and {name} there", module.name);
        report.contradiction(module.place("name:"), message, Place::file(APEX_MANIFEST));
    }
    for path in apex.split_whitespace().filter(|word| word.starts_with("/apex/")) {
        if !path.starts_with(&format!("/apex/{name}/")) {
            let place = Place::find(APEX_RC, &apex, path);
            report.contradiction(place, format!("{path} is not in the APEX {name}"), Place::file(APEX_MANIFEST));
        }
    }
    Ok(())
}

/// Each profile can be chosen by a product.
fn profiles(tree: &Tree<'_>, blueprints: &Blueprints, report: &mut Report) -> Result<()> {
    let text = tree.read(PROFILES_BP)?;
    let values: Vec<&str> = blueprints
        .modules
        .iter()
        .filter(|module| module.kind == "soong_config_string_variable" && module.name == "profile")
        .flat_map(|module| module.strings("values"))
        .collect();
    for entry in fs::read_dir(tree.root.join(PROFILES)).with_context(|| PROFILES.to_owned())? {
        let file = entry?.file_name().to_string_lossy().into_owned();
        let Some(name) = file.strip_suffix(".toml") else { continue };
        let value = name.replace('-', "_");
        let place = || Place::file(PROFILES_BP);
        if !values.contains(&value.as_str()) {
            let message = format!("the variable profile has no value {value}");
            report.contradiction(place(), message, Place::file(format!("{PROFILES}/{file}")));
        } else if !text.contains(&format!("\"profiles/{file}\"")) {
            let message = format!("no case of the variable profile takes profiles/{file}");
            report.contradiction(place(), message, Place::file(format!("{PROFILES}/{file}")));
        }
    }
    Ok(())
}
