//! Which files a crate is made of, found as the compiler finds them: from the crate root along `mod` and `include_str!`.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;
use syn::visit::Visit;

/// The files of one crate, from the project's root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// Files that the compiler reads, those that are included as text or bytes among them.
    pub needed: BTreeSet<PathBuf>,
    /// Rust files that it reads only for tests.
    pub tests: BTreeSet<PathBuf>,
    /// `mod` lines and macros that lead nowhere, in words.
    pub broken: Vec<String>,
    /// Environment variables that are read while compiling (`env!`).
    pub variables: BTreeSet<String>,
}

/// Follows a crate from its root file. Modules of features that it is built without are no part of it.
pub fn of_crate(root: &Path, crate_root: &Path, features: &[&str]) -> Sources {
    let mut walk = Walk { root, features, found: Sources::default() };
    let folder = crate_root.parent().unwrap_or(Path::new("")).to_owned();
    walk.file(crate_root, &folder, false);
    walk.found
}

/// A file's syntax. A text is parsed once: two crates may have a file in common, and a check after another has most of them.
fn parse(text: String) -> Rc<syn::Result<syn::File>> {
    thread_local!(static PARSED: RefCell<HashMap<String, Rc<syn::Result<syn::File>>>> = RefCell::default());
    PARSED.with_borrow_mut(|known| known.entry(text).or_insert_with_key(|text| Rc::new(syn::parse_file(text))).clone())
}

struct Walk<'a> {
    root: &'a Path,
    features: &'a [&'a str],
    found: Sources,
}

impl Walk<'_> {
    /// `folder` is where the file's child modules are.
    fn file(&mut self, file: &Path, folder: &Path, test: bool) {
        let seen = if test { &mut self.found.tests } else { &mut self.found.needed };
        if !seen.insert(file.to_owned()) {
            return;
        }
        let text = match fs::read_to_string(self.root.join(file)) {
            Ok(text) => text,
            Err(error) => return self.found.broken.push(format!("{}: {error}", file.display())),
        };
        let parsed = parse(text);
        let parsed = match &*parsed {
            Ok(parsed) => parsed,
            Err(error) => {
                let line = error.span().start().line;
                return self.found.broken.push(format!("{}:{line}: {error}", file.display()));
            }
        };
        let mut macros = Macros { file, tests: test, found: &mut self.found };
        macros.visit_file(parsed);
        self.items(&parsed.items, file, folder, test);
    }

    fn items(&mut self, items: &[syn::Item], file: &Path, folder: &Path, test: bool) {
        for item in items {
            let syn::Item::Mod(module) = item else { continue };
            if module.attrs.iter().filter_map(cfg_feature).any(|name| !self.features.contains(&name.as_str())) {
                continue;
            }
            let test = test || module.attrs.iter().any(is_cfg_test);
            let name = module.ident.to_string();
            if let Some((_, items)) = &module.content {
                self.items(items, file, &folder.join(&name), test);
                continue;
            }
            let beside = file.parent().unwrap_or(Path::new(""));
            let (own, children) = match path_attribute(&module.attrs) {
                Some(path) => (tidy(&beside.join(&path)), tidy(&beside.join(path).with_extension(""))),
                None => {
                    let flat = folder.join(format!("{name}.rs"));
                    let nested = folder.join(&name).join("mod.rs");
                    let own = if self.root.join(&flat).exists() { flat } else { nested };
                    (own, folder.join(&name))
                }
            };
            self.file(&own, &children, test);
        }
    }
}

fn is_cfg_test(attribute: &syn::Attribute) -> bool {
    attribute.path().is_ident("cfg")
        && attribute.parse_args::<syn::Path>().is_ok_and(|condition| condition.is_ident("test"))
}

/// The feature of `#[cfg(feature = "…")]`.
fn cfg_feature(attribute: &syn::Attribute) -> Option<String> {
    if !attribute.path().is_ident("cfg") {
        return None;
    }
    let condition = attribute.parse_args::<syn::MetaNameValue>().ok()?;
    match condition.value {
        syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(name), .. }) if condition.path.is_ident("feature") => {
            Some(name.value())
        }
        _ => None,
    }
}

fn path_attribute(attributes: &[syn::Attribute]) -> Option<String> {
    attributes.iter().filter(|attribute| attribute.path().is_ident("path")).find_map(|attribute| {
        let value = &attribute.meta.require_name_value().ok()?.value;
        match value {
            syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        }
    })
}

/// `a/b/../c` as `a/c`.
fn tidy(path: &Path) -> PathBuf {
    let mut tidy = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir if tidy.file_name().is_some() => {
                tidy.pop();
            }
            Component::CurDir => {}
            other => tidy.push(other),
        }
    }
    tidy
}

/// Finds the macros that read something while compiling.
struct Macros<'a> {
    file: &'a Path,
    tests: bool,
    found: &'a mut Sources,
}

impl<'ast> Visit<'ast> for Macros<'_> {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        // What only tests include is no part of the module.
        if !module.attrs.iter().any(is_cfg_test) {
            syn::visit::visit_item_mod(self, module);
        }
    }

    fn visit_macro(&mut self, invocation: &'ast syn::Macro) {
        if self.tests {
            return;
        }
        let Some(name) = invocation.path.segments.last().map(|segment| segment.ident.to_string()) else { return };
        let Ok(text) = invocation.parse_body::<syn::LitStr>() else { return };
        match name.as_str() {
            "include_str" | "include_bytes" | "include" => {
                let beside = self.file.parent().unwrap_or(Path::new(""));
                self.found.needed.insert(tidy(&beside.join(text.value())));
            }
            "env" => {
                self.found.variables.insert(text.value());
            }
            _ => {}
        }
    }
}
