//! The project's Android.bp files: parsed, with defaults merged in and variables decided, as Soong would see them.

use crate::platform::Release;
use android_bp::{BluePrint, Value};
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// Folders that no build of a tree looks into, or that are not the project's.
pub(crate) const SKIPPED: &[&str] = &[".git", "target", "node_modules"];

/// Defaults of defaults of defaults, groups of groups; a cycle ends here, and Soong refuses it.
const DEEPEST: usize = 8;

/// A module's properties by name.
pub type Properties = BTreeMap<String, Value>;

/// One module.
#[derive(Clone, Debug)]
pub struct Module {
    /// `rust_library` and the like; of a type that the project defines, the type behind it.
    pub kind: String,
    /// Its name; empty for `package`.
    pub name: String,
    /// The Android.bp, from the root.
    pub file: PathBuf,
    /// Where it begins, from 1.
    pub line: usize,
    /// Its text, for places of single properties.
    text: String,
    /// As written.
    pub properties: Properties,
    /// What its type takes of a product, when the type is of the project's own.
    pub(crate) own: Option<OwnType>,
}

/// A `soong_config_module_type`.
#[derive(Clone, Debug)]
pub(crate) struct OwnType {
    /// As modules name it.
    pub(crate) name: String,
    /// The type behind it.
    pub(crate) kind: String,
    /// Of its variables.
    pub(crate) namespace: String,
    /// Those that its modules may have cases for.
    pub(crate) variables: Vec<String>,
    /// What may stand in a case.
    pub(crate) properties: Vec<String>,
}

impl OwnType {
    /// The type that a module defines, if it defines one.
    pub(crate) fn of(module: &Module) -> Option<OwnType> {
        let strings = |key| module.strings(key).into_iter().map(str::to_owned).collect();
        (module.kind == "soong_config_module_type").then_some(OwnType {
            name: module.name.clone(),
            kind: module.string("module_type")?.to_owned(),
            namespace: module.string("config_namespace")?.to_owned(),
            variables: strings("variables"),
            properties: strings("properties"),
        })
    }
}

impl Module {
    /// The folder of its Android.bp, from the root.
    pub fn folder(&self) -> &Path {
        self.file.parent().unwrap_or(Path::new(""))
    }

    /// A property that is one string.
    pub fn string(&self, key: &str) -> Option<&str> {
        match self.properties.get(key) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// A property that is a list of strings; empty when it is not there.
    pub fn strings(&self, key: &str) -> Vec<&str> {
        match self.properties.get(key) {
            Some(Value::Array(items)) => items.iter().filter_map(text).collect(),
            _ => Vec::new(),
        }
    }

    /// The files of a property that is a list of them, or one.
    pub(crate) fn files(&self, key: &str) -> Vec<&str> {
        self.string(key).into_iter().chain(self.strings(key)).collect()
    }

    /// A property that is true or false; false when it is not there.
    pub fn flag(&self, key: &str) -> bool {
        self.flag_or(key, false)
    }

    /// A property that is true or false, with what it is when it is not there.
    pub fn flag_or(&self, key: &str, default: bool) -> bool {
        match self.properties.get(key) {
            Some(Value::Boolean(value)) => *value,
            _ => default,
        }
    }

    /// Whether its text has this in it.
    pub(crate) fn says(&self, needle: &str) -> bool {
        self.text.contains(needle)
    }

    /// Where something of this module is written.
    pub fn place(&self, needle: &str) -> crate::report::Place {
        let within = self.text.lines().position(|line| line.contains(needle)).unwrap_or(0);
        crate::report::Place::line(&self.file, self.line.saturating_add(within))
    }
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text),
        _ => None,
    }
}

/// Why the files were not read.
#[derive(Debug)]
pub enum BpError {
    /// The system said no.
    Io(PathBuf, std::io::Error),
    /// Not a blueprint: the parser's words.
    Syntax(PathBuf, String),
}

impl std::error::Error for BpError {}

impl fmt::Display for BpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BpError::Io(file, error) => write!(f, "{}: {error}", file.display()),
            BpError::Syntax(file, words) => write!(f, "{}: {words}", file.display()),
        }
    }
}

/// All modules of the project, as written.
#[derive(Clone, Debug, Default)]
pub struct Blueprints {
    /// In the order of the files.
    pub modules: Vec<Module>,
    /// How many files there are.
    pub files: usize,
}

/// Reads every Android.bp below a root.
///
/// # Errors
/// The file that could not be read or parsed.
pub fn read(root: &Path) -> Result<Blueprints, BpError> {
    let mut blueprints = Blueprints::default();
    let wanted = |entry: &walkdir::DirEntry| !SKIPPED.iter().any(|name| entry.file_name() == *name);
    for entry in WalkDir::new(root).sort_by_file_name().into_iter().filter_entry(wanted) {
        let entry = entry.map_err(|error| {
            let path = error.path().unwrap_or(root).to_owned();
            BpError::Io(path, error.into())
        })?;
        if entry.file_name() == "Android.bp" {
            let file = entry.path().strip_prefix(root).unwrap_or(entry.path()).to_owned();
            let content = fs::read_to_string(entry.path()).map_err(|error| BpError::Io(file.clone(), error))?;
            blueprints.modules.extend(parse(&file, &content)?);
            blueprints.files += 1;
        }
    }
    Ok(blueprints)
}

fn parse(file: &Path, content: &str) -> Result<Vec<Module>, BpError> {
    let syntax = |words| BpError::Syntax(file.to_owned(), words);
    let parsed = BluePrint::parse(content).map_err(syntax)?;
    let blocks = blocks(content);
    if blocks.len() != parsed.modules.len() {
        let words = "a module has to begin in the first column and its last brace to stand there (`bpfmt -w` does it)";
        return Err(syntax(words.to_owned()));
    }
    let module = |(module, (line, text)): (&android_bp::Module, (usize, String))| Module {
        kind: module.typ.clone(),
        name: module.get_string("name").cloned().unwrap_or_default(),
        file: file.to_owned(),
        line,
        text,
        properties: module.entries.clone().into_iter().collect(),
        own: None,
    };
    let mut modules: Vec<Module> = parsed.modules.iter().zip(blocks).map(module).collect();
    let types: Vec<OwnType> = modules.iter().filter_map(OwnType::of).collect();
    for module in &mut modules {
        module.own = types.iter().find(|own| own.name == module.kind).cloned();
        if let Some(own) = &module.own {
            module.kind.clone_from(&own.kind);
        }
    }
    Ok(modules)
}

/// First line, from 1, and text of every module, which the parser does not keep.
fn blocks(content: &str) -> Vec<(usize, String)> {
    let mut blocks: Vec<(usize, String)> = Vec::new();
    let mut inside = false;
    for (at, line) in content.lines().enumerate() {
        let begins = line.ends_with('{') && line.starts_with(|c: char| c.is_ascii_lowercase());
        if begins && !inside {
            blocks.push((at.saturating_add(1), String::new()));
            inside = true;
        }
        if let (true, Some((_, text))) = (inside, blocks.last_mut()) {
            text.push_str(line);
            text.push('\n');
        }
        if line.starts_with('}') {
            inside = false;
        }
    }
    blocks
}

impl Blueprints {
    /// The module of a name.
    pub fn get(&self, name: &str) -> Option<&Module> {
        self.modules.iter().find(|module| module.name == name)
    }

    /// Files that a property names, from the root; where it names a module, that one's.
    pub(crate) fn sources(&self, module: &Module, key: &str) -> Vec<PathBuf> {
        self.sources_within(module, key, 0)
    }

    fn sources_within(&self, module: &Module, key: &str, depth: usize) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for name in module.files(key) {
            match name.strip_prefix(':') {
                Some(group) if depth < DEEPEST => {
                    let group = self.get(group).into_iter();
                    found.extend(group.flat_map(|group| self.sources_within(group, "srcs", depth + 1)));
                }
                Some(_) => {}
                None => found.push(module.folder().join(name)),
            }
        }
        found
    }

    /// The same modules with their defaults merged in and their variables decided for a release. Modules that are only
    /// there to be merged into others stay as they are.
    pub fn resolve(&self, release: &Release, extra: &[(&str, &str, &str)]) -> Blueprints {
        let config: Vec<_> = release.config.iter().copied().chain(extra.iter().copied()).collect();
        let modules = self.modules.iter().map(|module| {
            let mut resolved = module.clone();
            resolved.properties = self.properties(module, &config, 0);
            resolved
        });
        Blueprints { modules: modules.collect(), files: self.files }
    }

    fn properties(&self, module: &Module, config: &[(&str, &str, &str)], depth: usize) -> Properties {
        let mut merged = Properties::new();
        if depth < DEEPEST {
            for name in module.strings("defaults") {
                if let Some(defaults) = self.get(name) {
                    merge(&mut merged, &self.properties(defaults, config, depth + 1));
                }
            }
        }
        merged.remove("name");
        let mut own = module.properties.clone();
        let variables = own.remove("soong_config_variables");
        merge(&mut merged, &own);
        if let (Some(Value::Map(variables)), Some(own)) = (variables, &module.own) {
            for (variable, cases) in variables.iter() {
                let Value::Map(cases) = cases else { continue };
                let set = config.iter().find(|(space, name, _)| *space == own.namespace && name == variable);
                let case = set.and_then(|(_, _, value)| cases.get(*value)).or_else(|| cases.get("conditions_default"));
                if let Some(Value::Map(case)) = case {
                    merge(&mut merged, &case.iter().map(|(key, value)| (key.clone(), value.clone())).collect());
                }
            }
        }
        merged
    }
}

/// Lists grow, maps are merged, all else is replaced: as Soong merges defaults.
fn merge(into: &mut Properties, from: &Properties) {
    for (key, value) in from {
        match (into.get_mut(key), value) {
            (Some(Value::Array(have)), Value::Array(more)) => have.extend(more.iter().cloned()),
            (Some(Value::Map(have)), Value::Map(more)) => {
                have.extend(more.iter().map(|(key, value)| (key.clone(), value.clone())));
            }
            _ => {
                into.insert(key.clone(), value.clone());
            }
        }
    }
}
