//! Files of one crate that depend on one another in a cycle: none of them can be read, or changed, without the others.
//!
//! What a file names are the modules in its `use` trees and in its paths from `crate`, `self` and `super`, followed through what
//! other modules import; comments, texts and what is there for tests alone are left out. A module and those below it are one
//! matter: that they name one another is no cycle. What is reached by a method, a glob or a macro is not seen, which only makes the check milder.
//! cargo-modules does more of it, and brings rust-analyzer.

use std::collections::{BTreeMap, BTreeSet};

/// A module's place in its crate, from the root.
type Module = Vec<String>;

/// A crate's files, by their module; of those alone that are compiled without its tests.
#[derive(Default)]
struct Files {
    found: BTreeMap<Module, File>,
}

struct File {
    name: String,
    /// Full paths of what it names; the first step is the crate's first module.
    paths: Vec<Module>,
    /// By the name that stands for it here.
    imports: BTreeMap<String, Module>,
}

/// The cycles of the crate whose first file is `root`, each as its files.
pub(super) fn of(root: &str, read: impl Fn(&str) -> Option<String>) -> Vec<Vec<String>> {
    let mut files = Files::default();
    let folder = root.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut open = vec![(Module::new(), root.to_owned())];
    while let Some((module, name)) = open.pop() {
        let Some(text) = read(&name) else { continue };
        let mut reader = Reader { here: module.clone(), ..Reader::default() };
        reader.read(&without_tests(&tokens(&text)));
        open.extend(reader.children.into_iter().map(|child| {
            let path = format!("{folder}/{}.rs", child.join("/"));
            (child, path)
        }));
        files.found.insert(module, File { name, paths: reader.paths, imports: reader.imports });
    }
    files.cycles()
}

impl Files {
    fn cycles(&self) -> Vec<Vec<String>> {
        let arrows: BTreeMap<&Module, BTreeSet<Module>> =
            self.found.iter().map(|(module, file)| (module, self.named(module, file))).collect();
        let reached = |from: &Module| {
            let (mut reached, mut open) = (BTreeSet::new(), vec![from]);
            while let Some(next) = open.pop() {
                open.extend(arrows.get(next).into_iter().flatten().filter(|to| reached.insert((*to).clone())));
            }
            reached
        };
        let reach: BTreeMap<&Module, BTreeSet<Module>> = self.found.keys().map(|from| (from, reached(from))).collect();
        let mutual = |one: &Module, other: &Module| {
            let reaches = |from, to| reach.get(from).is_some_and(|reached| reached.contains(to));
            reaches(one, other) && reaches(other, one)
        };
        let mut cycles = BTreeSet::new();
        for one in self.found.keys() {
            let others = self.found.iter().filter(|(other, _)| mutual(one, other));
            cycles.insert(others.map(|(_, file)| file.name.clone()).collect::<Vec<_>>());
        }
        cycles.into_iter().filter(|files| files.len() > 1).collect()
    }

    /// The modules that a file names, but for those above and below it.
    fn named(&self, module: &Module, file: &File) -> BTreeSet<Module> {
        let targets = file.paths.iter().map(|path| self.target(path.clone()));
        targets.filter(|target| !target.starts_with(module) && !module.starts_with(target)).collect()
    }

    /// The module that a path ends in, followed through what the modules on its way import.
    fn target(&self, mut path: Module) -> Module {
        // A crate that compiles has no imports in a cycle; bounded all the same.
        for _ in 0..16 {
            let depth =
                (0..=path.len()).rev().find(|depth| self.found.contains_key(path.split_at(*depth).0)).unwrap_or(0);
            let (module, rest) = path.split_at(depth);
            let Some((name, rest)) = rest.split_first() else { return module.to_vec() };
            let Some(import) = self.found.get(module).and_then(|file| file.imports.get(name)) else {
                return module.to_vec();
            };
            path = [import.as_slice(), rest].concat();
        }
        path
    }
}

/// What stands in one file.
#[derive(Default)]
struct Reader {
    /// The module that is being read; below the file's own inside of `mod name { … }`.
    here: Module,
    children: Vec<Module>,
    paths: Vec<Module>,
    imports: BTreeMap<String, Module>,
}

impl Reader {
    fn read(&mut self, tokens: &[&str]) {
        let file = self.here.len();
        let mut inline = Vec::new();
        let (mut at, mut depth) = (0_usize, 0_usize);
        while let Some((token, rest)) = tokens.get(at..).and_then(<[_]>::split_first) {
            at = at.saturating_add(1);
            match (*token, rest) {
                ("mod", [name, ";", ..]) => {
                    self.children.push([self.here.as_slice(), &[(*name).to_owned()]].concat());
                }
                ("mod", [name, "{", ..]) => {
                    self.here.push((*name).to_owned());
                    inline.push(depth);
                }
                ("use", _) => {
                    let end = rest.iter().position(|token| *token == ";").unwrap_or(rest.len());
                    let (tree, _) = rest.split_at(end);
                    self.tree(&[], tree, self.here.len() == file);
                    at = at.saturating_add(end);
                }
                ("{", _) => depth = depth.saturating_add(1),
                ("}", _) => {
                    depth = depth.saturating_sub(1);
                    if inline.last() == Some(&depth) {
                        inline.pop();
                        self.here.pop();
                    }
                }
                ("crate" | "self" | "super", ["::", ..]) => {
                    let mut path = vec![*token];
                    let mut rest = rest;
                    while let ["::", name, after @ ..] = rest {
                        if !is_name(name) {
                            break;
                        }
                        path.push(*name);
                        rest = after;
                        at = at.saturating_add(2);
                    }
                    self.paths.extend(self.full(&path));
                }
                _ => {}
            }
        }
    }

    /// A tree of `use`, behind what stands before it.
    fn tree(&mut self, before: &[&str], tree: &[&str], is_import: bool) {
        let end = tree.iter().position(|token| *token == "{");
        let Some(end) = end else {
            let (path, alias) = match tree {
                [path @ .., "as", alias] => (path, Some(*alias)),
                path => (path, None),
            };
            let names = path.iter().copied().filter(|token| is_name(token));
            let mut whole: Vec<&str> = before.iter().copied().chain(names).collect();
            // `{self}` is what stands before it.
            if whole.len() > 1 && whole.last() == Some(&"self") {
                whole.pop();
            }
            if let Some(path) = self.full(&whole) {
                if let (Some(name), true) = (alias.or(whole.last().copied()), is_import) {
                    self.imports.insert(name.to_owned(), path.clone());
                }
                self.paths.push(path);
            }
            return;
        };
        let (prefix, inside) = tree.split_at(end);
        let before: Vec<&str> = before.iter().chain(prefix).copied().filter(|token| is_name(token)).collect();
        let (mut depth, mut begin) = (0_usize, 1_usize);
        for (at, token) in inside.iter().enumerate() {
            match *token {
                "{" => depth = depth.saturating_add(1),
                "}" => depth = depth.saturating_sub(1),
                _ => {}
            }
            if (depth == 1 && *token == ",") || (depth == 0 && *token == "}") {
                if let Some(part) = inside.get(begin..at).filter(|part| !part.is_empty()) {
                    self.tree(&before, part, is_import);
                }
                begin = at.saturating_add(1);
            }
        }
    }

    /// A path from the crate's root; `None` of another crate's.
    fn full(&self, path: &[&str]) -> Option<Module> {
        let mut module = self.here.clone();
        let mut rest = path;
        match path {
            ["crate", after @ ..] => (module, rest) = (Module::new(), after),
            ["self", after @ ..] => rest = after,
            ["super", ..] => {
                while let ["super", after @ ..] = rest {
                    module.pop();
                    rest = after;
                }
            }
            // Relative to this module, where it has such a child.
            [first, ..] => {
                let child = [module.as_slice(), &[(*first).to_owned()]].concat();
                self.children.contains(&child).then_some(())?;
            }
            [] => return None,
        }
        module.extend(rest.iter().map(|name| (*name).to_owned()));
        Some(module)
    }
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

/// Names, `::` and single signs; no comments, no texts.
fn tokens(text: &str) -> Vec<&str> {
    let mut tokens: Vec<&str> = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let name = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let mut length = name.max(first.len_utf8());
        let behind = rest.split_at(name).1;
        if matches!(rest.split_at(name).0, "r" | "br" | "cr") && behind.trim_start_matches('#').starts_with('"') {
            let hashes = behind.split('"').next().unwrap_or_default();
            let close = format!("\"{hashes}");
            let open = name.saturating_add(close.len());
            let end = rest.get(open..).and_then(|inside| inside.find(&close));
            length = end.map_or(rest.len(), |end| open.saturating_add(end).saturating_add(close.len()));
        } else if name > 0 || rest.starts_with("::") {
            length = length.max(2 * usize::from(name == 0));
            tokens.push(rest.split_at(length).0);
        } else if rest.starts_with("//") {
            length = rest.find('\n').unwrap_or(rest.len());
        } else if rest.starts_with("/*") {
            length = rest.find("*/").map_or(rest.len(), |end| end.saturating_add(2));
        } else if first == '"' {
            length = text_end(rest, '"');
        } else if first == '\'' {
            // A letter, or a lifetime, of which the name is left as a name.
            let mut after = rest.chars().skip(1);
            if after.next() == Some('\\') || after.next() == Some('\'') {
                length = text_end(rest, '\'');
            }
        } else if !first.is_whitespace() {
            tokens.push(rest.split_at(length).0);
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    tokens
}

/// Where a text ends that begins and ends with this sign.
fn text_end(text: &str, sign: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == sign => return at.saturating_add(1),
            _ => {}
        }
    }
    text.len()
}

/// Without the items that `#[cfg(test)]`, or another condition on tests, stands before.
fn without_tests<'t>(tokens: &[&'t str]) -> Vec<&'t str> {
    let mut kept = Vec::new();
    let mut rest = tokens;
    while let Some((token, after)) = rest.split_first() {
        if let ["#", "[", "cfg", "(", ..] = rest {
            let (condition, item) = rest.split_at(closed(rest, "[", "]"));
            if for_tests_alone(condition) {
                rest = item.split_at(item_end(item)).1;
                continue;
            }
        }
        kept.push(*token);
        rest = after;
    }
    kept
}

/// Whether a condition speaks of tests, and not of what is there without them.
fn for_tests_alone(condition: &[&str]) -> bool {
    match condition {
        ["not", rest @ ..] => for_tests_alone(rest.split_at(closed(rest, "(", ")")).1),
        ["test", ..] => true,
        [_, rest @ ..] => for_tests_alone(rest),
        [] => false,
    }
}

/// Behind the bracket that closes the first one.
fn closed(tokens: &[&str], open: &str, close: &str) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        if *token == open {
            depth = depth.saturating_add(1);
        } else if *token == close {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                return at.saturating_add(1);
            }
        }
    }
    tokens.len()
}

/// Where an item ends: behind its semicolon, or its block.
fn item_end(item: &[&str]) -> usize {
    let mut at = 0_usize;
    while let Some(rest) = item.get(at..).filter(|rest| !rest.is_empty()) {
        at = at.saturating_add(match rest {
            ["#", "[", ..] | ["[", ..] => closed(rest, "[", "]"),
            ["(", ..] => closed(rest, "(", ")"),
            [";", ..] => return at.saturating_add(1),
            // Of what encloses the item.
            ["}", ..] => return at,
            ["{", ..] => {
                let end = at.saturating_add(closed(rest, "{", "}"));
                // `use a::{b, c};`
                return end.saturating_add(usize::from(item.get(end) == Some(&";")));
            }
            _ => 1,
        });
    }
    item.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<Vec<String>> {
        of("x/src/lib.rs", |name| {
            let name = name.strip_prefix("x/src/").unwrap();
            files.iter().find(|(file, _)| *file == name).map(|(_, text)| (*text).to_owned())
        })
    }

    fn cycle(files: &[&str]) -> Vec<Vec<String>> {
        vec![files.iter().map(|name| format!("x/src/{name}")).collect()]
    }

    #[test]
    fn files_that_name_one_another_are_found_however_they_do() {
        let lib = "mod a; pub(crate) mod b; mod c; pub use b::B;";
        for (a, b) in [
            ("use crate::b::B;", "use crate::a::A;"),
            ("use super::{b::{self, B}, c};", "fn f() -> super::a::A {}"),
            ("use crate::B as Other;", "use super::a::{A as Same};"),
            ("struct A(crate::B);", "use crate::{c, a};"),
            ("use crate::c::*; use crate::b::*;", "const N: usize = crate::a::N;"),
            ("use super::b::B;", "#[cfg(not(all(test, loom)))] use crate::a::A;"),
            ("mod inner { fn f() { super::super::b::f() } }", "use crate::a::inner;"),
        ] {
            assert_eq!(
                found(&[("lib.rs", lib), ("a.rs", a), ("b.rs", b), ("c.rs", "")]),
                cycle(&["a.rs", "b.rs"]),
                "{a} {b}"
            );
        }
    }

    #[test]
    fn a_circle_of_three_is_found_through_what_a_parent_imports() {
        let files = [
            ("lib.rs", "pub mod plan; mod other;"),
            ("plan.rs", "mod heaps; mod size; mod trace; use trace::Tracer; pub use size::Sizes;"),
            ("plan/heaps.rs", "use crate::plan::Sizes;"),
            ("plan/size.rs", "use super::Tracer;"),
            ("plan/trace.rs", "use super::heaps::Verdict; use crate::other;"),
            ("other.rs", ""),
        ];
        assert_eq!(found(&files), cycle(&["plan/heaps.rs", "plan/size.rs", "plan/trace.rs"]));
    }

    #[test]
    fn comments_texts_tests_and_what_is_above_or_below_make_no_circle() {
        let lib = "mod a; mod b; use a::A; pub struct Root; #[cfg(test)] mod t;";
        let b = "use crate::a::A; use super::Root; pub mod below;";
        for a in [
            "// use crate::b::B;\n/* crate::b::B */ //! [`crate::b`]\nuse crate::Root;",
            "const TEXT: &str = \"use crate::b::B; \\\" crate::b\"; const RAW: &str = r#\"\" crate::b::B\"#;",
            "fn f<'a>(c: char) -> &'a str { if c == '\"' || c == '\\'' || c == '{' { \"crate::b::B\" } else { \"\" } }",
            "#[cfg(test)] mod tests { use crate::b::B; #[test] fn f() { crate::b::f(); } }",
            "#[cfg(test)] use crate::b::{B, C}; #[cfg(all(test, not(loom)))] #[allow(x)] fn f(n: [u8; 2]) { crate::b::f(n) } fn g() {}",
            "pub(crate) fn f() {} pub(super) fn g() { other::b::f() } use other::b;",
        ] {
            let below = "use super::B; use crate::b::C;";
            let files = [("lib.rs", lib), ("a.rs", a), ("b.rs", b), ("b/below.rs", below), ("t.rs", "use crate::b::B;")];
            assert_eq!(found(&files), Vec::<Vec<String>>::new(), "{a}");
        }
    }

    #[test]
    fn what_follows_an_item_of_tests_is_seen() {
        for a in [
            "#[cfg(test)] use crate::c::{C}; use crate::b::B;",
            "#[cfg(test)] mod tests { fn f() {} } use crate::b::B;",
            "struct S { #[cfg(test)] field: u8 } use crate::b::B;",
        ] {
            let files = [("lib.rs", "mod a; mod b;"), ("a.rs", a), ("b.rs", "use crate::a::A;")];
            assert_eq!(found(&files), cycle(&["a.rs", "b.rs"]), "{a}");
        }
    }
}
