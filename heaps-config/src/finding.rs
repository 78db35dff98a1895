//! What is wrong with a policy, and where: shared by TOML (which adds file, line and column) and JSON.

use crate::code::{Code, Severity};
use std::fmt;

/// One step of a [`KeyPath`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// A key of a table.
    Key(String),
    /// An item of an array, from 0.
    Index(usize),
}

/// The way to a value of the document, written `rule[3].heaps[1]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct KeyPath(Vec<Step>);

impl KeyPath {
    /// The whole document.
    pub const ROOT: KeyPath = KeyPath(Vec::new());

    /// One table of an array of tables: `rule[3]`.
    pub fn item(section: &str, index: usize) -> KeyPath {
        KeyPath(vec![Step::Key(section.to_owned()), Step::Index(index)])
    }

    /// The path of a key in this table.
    #[must_use]
    pub fn key(&self, key: &str) -> KeyPath {
        self.step(Step::Key(key.to_owned()))
    }

    /// The path of an item in this array.
    #[must_use]
    pub fn index(&self, index: usize) -> KeyPath {
        self.step(Step::Index(index))
    }

    /// The place of a key in this table.
    pub(crate) fn place<'p>(&'p self, key: &'p str) -> Place<'p> {
        Place { table: self, key, index: None }
    }

    fn step(&self, step: Step) -> KeyPath {
        let mut steps = Vec::with_capacity(self.0.len().saturating_add(1));
        steps.extend_from_slice(&self.0);
        steps.push(step);
        KeyPath(steps)
    }

    /// The steps from the document's root.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// The path of what contains this; `None` for the root.
    pub fn parent(&self) -> Option<KeyPath> {
        let (_, rest) = self.0.split_last()?;
        Some(KeyPath(rest.to_vec()))
    }
}

/// Where a value is: a key of a table, or an item of the array there. The service reads its policy at start, and nearly always
/// nothing is wrong with it, so a path is put together only where there is something to say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'p> {
    table: &'p KeyPath,
    key: &'p str,
    index: Option<usize>,
}

impl<'p> Place<'p> {
    /// The place of an item of the array that is here.
    pub(crate) fn item(self, index: usize) -> Place<'p> {
        Place { index: Some(index), ..self }
    }

    /// The path to it.
    pub(crate) fn path(self) -> KeyPath {
        let path = self.table.key(self.key);
        match self.index {
            Some(index) => path.index(index),
            None => path,
        }
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) => {
                    if at > 0 {
                        f.write_str(".")?;
                    }
                    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
                    if !key.is_empty() && key.chars().all(plain) {
                        f.write_str(key)?;
                    } else {
                        write!(f, "\"{}\"", key.escape_default())?;
                    }
                }
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// Which part of a path's line a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The key's name itself.
    Key,
    /// The value.
    Value,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What kind; gives the severity and the stable word.
    pub code: Code,
    /// Where.
    pub path: KeyPath,
    /// Key or value of that path.
    pub part: Part,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// Another place that belongs to it, with its own words (`the earlier rule`).
    pub related: Vec<(KeyPath, String)>,
    /// What to do, or what would be allowed.
    pub help: Option<String>,
    /// The name that nobody knows, when that is the finding.
    pub unknown: Option<String>,
    /// The names that would be known there.
    pub allowed: Vec<String>,
}

/// How many findings name what would be known, and how many names: more than a policy that loads has.
const MOST_WITH_NAMES: usize = 256;
const MOST_NAMES: usize = 512;

impl Finding {
    /// A finding about a value.
    pub fn new(code: Code, path: KeyPath, message: impl Into<String>) -> Finding {
        Finding {
            code,
            path,
            part: Part::Value,
            message: message.into(),
            related: Vec::new(),
            help: None,
            unknown: None,
            allowed: Vec::new(),
        }
    }

    /// A finding about a name that is none of `allowed`. After `so_far` other findings it names none of them: memory is not for
    /// whoever writes a policy to fill.
    pub(crate) fn unknown<S: Into<String>>(
        so_far: usize,
        code: Code,
        path: KeyPath,
        what: &str,
        name: &str,
        allowed: impl IntoIterator<Item = S>,
    ) -> Finding {
        let mut finding = Finding::new(code, path, format!("{what} \"{}\" is not known", name.escape_default()));
        finding.unknown = Some(name.to_owned());
        let most = if so_far < MOST_WITH_NAMES { MOST_NAMES } else { 0 };
        finding.allowed =
            allowed.into_iter().take(most).map(|name| name.into().replace(char::is_control, "?")).collect();
        finding
    }

    /// Adds such a finding to those so far.
    pub(crate) fn push_unknown<S: Into<String>>(
        findings: &mut Vec<Finding>,
        code: Code,
        path: KeyPath,
        what: &str,
        name: &str,
        allowed: impl IntoIterator<Item = S>,
    ) {
        findings.push(Finding::unknown(findings.len(), code, path, what, name, allowed));
    }

    /// A finding about a word that is none of `allowed`.
    pub(crate) fn no_word(path: KeyPath, word: &str, allowed: impl IntoIterator<Item = &'static str>) -> Finding {
        let mut finding = Finding::new(Code::BadValue, path, format!("\"{}\"", word.escape_default()));
        finding.allowed = allowed.into_iter().map(str::to_owned).collect();
        finding
    }

    /// A finding about an item that its list has before.
    pub(crate) fn repeated(path: KeyPath, item: &str) -> Finding {
        Finding::new(Code::RepeatedItem, path, format!("\"{item}\" is in the list already"))
    }

    /// A finding about a number that is none of `allowed`.
    pub(crate) fn out_of_range(
        code: Code,
        path: KeyPath,
        number: impl fmt::Display,
        allowed: impl fmt::Display,
    ) -> Finding {
        Finding::new(code, path, format!("{number} is out of range")).help(format!("allowed: {allowed}"))
    }

    /// The same about the key.
    #[must_use]
    pub fn about_key(mut self) -> Finding {
        self.part = Part::Key;
        self
    }

    /// The same with a word of help.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Finding {
        self.help = Some(help.into());
        self
    }

    /// The same with another place that matters.
    #[must_use]
    pub fn related(mut self, path: KeyPath, what: impl Into<String>) -> Finding {
        self.related.push((path, what.into()));
        self
    }

    /// How bad it is.
    pub fn severity(&self) -> Severity {
        self.code.severity()
    }
}

/// One line: `error[unknown-heap] rule[3].heaps[1]: heap "sytem" is not known; allowed: camera, system`.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}] ", self.severity(), self.code)?;
        if !self.path.steps().is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)?;
        if let Some(help) = &self.help {
            write!(f, "; {help}")?;
        }
        if !self.allowed.is_empty() {
            write!(f, "; allowed: {}", self.allowed.join(", "))?;
        }
        Ok(())
    }
}
