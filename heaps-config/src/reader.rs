//! Takes a [`Tree`] apart, key by key. What was never asked for is an unknown key, so the code that reads a section is
//! also the list of what the section may hold.

use crate::code::Code;
use crate::finding::{Finding, KeyPath, Place};
use crate::policy::Bound;
use crate::tree::Tree;

/// Most bytes of a name: as many as a file's has (NAME_MAX, `limits.h`), which a heap's name stands for.
pub(crate) const MAX_NAME_BYTES: usize = 255;

/// About as many keys as a section may have: room for them is made once.
const MOST_KEYS: usize = 32;

/// One table being read.
pub(crate) struct Table<'t> {
    entries: &'t [(String, Tree)],
    path: KeyPath,
    asked: Vec<&'static str>,
}

impl<'t> Table<'t> {
    /// Starts to read a table; anything else is a finding, and reads as an empty table.
    pub(crate) fn new(tree: &'t Tree, path: KeyPath, findings: &mut Vec<Finding>) -> Table<'t> {
        let entries = match tree {
            Tree::Table(entries) => entries.as_slice(),
            other => {
                findings.push(wrong_type(path.clone(), "a table", other));
                &[]
            }
        };
        Table { entries, path, asked: Vec::with_capacity(MOST_KEYS) }
    }

    /// An empty table, for a section that is absent.
    pub(crate) fn empty(path: KeyPath) -> Table<'t> {
        Table { entries: &[], path, asked: Vec::new() }
    }

    /// The value of a key.
    pub(crate) fn get(&mut self, key: &'static str) -> Option<&'t Tree> {
        self.asked.push(key);
        self.entries.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// The table's path.
    pub(crate) fn path(&self) -> &KeyPath {
        &self.path
    }

    /// Every entry, for tables whose keys are names.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&'t str, &'t Tree)> {
        self.entries.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// Reports each of these keys that is absent, with what it takes: they have no default.
    pub(crate) fn require(&mut self, keys: &[(&'static str, &str)], findings: &mut Vec<Finding>) {
        for (key, takes) in keys {
            if self.get(key).is_none() {
                let finding = Finding::new(Code::MissingKey, self.path.clone(), format!("`{key}` is missing"));
                findings.push(finding.help(format!("{key} = {takes}")));
            }
        }
    }

    pub(crate) fn text(&mut self, key: &'static str, findings: &mut Vec<Finding>) -> Option<String> {
        let value = self.get(key)?;
        text(value, self.path.place(key), findings)
    }

    /// A name: required, not empty, and no longer than a file's.
    pub(crate) fn name(&mut self, key: &'static str, findings: &mut Vec<Finding>) -> String {
        self.require(&[(key, "\"…\"")], findings);
        let name = self.text(key, findings).unwrap_or_default();
        let bad = |c: char| c.is_control() || c == '"';
        if self.get(key).is_some() && (name.trim() != name || name.is_empty() || name.contains(bad)) {
            let message = "a name is not empty, has no blanks around it, and no quotes or control characters in it";
            findings.push(Finding::new(Code::BadValue, self.path.key(key), message));
        }
        if name.len() > MAX_NAME_BYTES {
            let message = format!("a name of {} bytes", name.len());
            let finding = Finding::new(Code::BadValue, self.path.key(key), message);
            findings.push(finding.help(format!("allowed: {MAX_NAME_BYTES} bytes, as in a file's name")));
        }
        name
    }

    pub(crate) fn flag(&mut self, key: &'static str, findings: &mut Vec<Finding>) -> Option<bool> {
        match self.get(key)? {
            Tree::Bool(value) => Some(*value),
            other => {
                findings.push(wrong_type(self.path.key(key), "true or false", other));
                None
            }
        }
    }

    pub(crate) fn integer(&mut self, key: &'static str, findings: &mut Vec<Finding>) -> Option<i64> {
        let value = self.get(key)?;
        integer(value, self.path.place(key), findings)
    }

    /// A number that fits 32 bits.
    pub(crate) fn number(&mut self, key: &'static str, findings: &mut Vec<Finding>) -> Option<u32> {
        let value = self.integer(key, findings)?;
        let number = u32::try_from(value).ok();
        if number.is_none() {
            findings.push(Finding::out_of_range(Code::BadValue, self.path.key(key), value, "0 to 4294967295"));
        }
        number
    }

    /// A number that has no default; 1 where it is not to be had.
    pub(crate) fn required_number(&mut self, key: &'static str, findings: &mut Vec<Finding>) -> u32 {
        self.require(&[(key, "a number")], findings);
        self.number(key, findings).unwrap_or(1)
    }

    /// A `DRM_FORMAT_MOD_*` value. TOML's and JSON's numbers end at 63 bits, and so do the vendors' codes so far.
    pub(crate) fn modifier(&mut self, key: &'static str, findings: &mut Vec<Finding>) -> Option<u64> {
        let modifier = u64::try_from(self.integer(key, findings)?).ok();
        if modifier.is_none() {
            findings.push(Finding::new(Code::BadValue, self.path.key(key), "a modifier is not negative"));
        }
        // It was given: that it is wrong is all there is to say.
        Some(modifier.unwrap_or(0))
    }

    /// A size: bytes as a number, or a string with a unit.
    pub(crate) fn bytes(&mut self, key: &'static str, findings: &mut Vec<Finding>) -> Option<u64> {
        self.sized(key, ("a size", crate::bytes::ALLOWED), |bytes| bytes, crate::bytes::parse, findings)
    }

    /// A size, or a part of the memory that there is.
    pub(crate) fn bound(&mut self, key: &'static str, findings: &mut Vec<Finding>) -> Option<Bound> {
        let says = ("a size or a part of the memory", crate::bytes::BOUND_ALLOWED);
        self.sized(key, says, Bound::Bytes, crate::bytes::parse_bound, findings)
    }

    /// What is written as a number or a string; `says` is what it takes, and what is allowed.
    fn sized<T>(
        &mut self,
        key: &'static str,
        says: (&str, &str),
        of_number: impl FnOnce(u64) -> T,
        of_text: impl FnOnce(&str) -> Result<T, String>,
        findings: &mut Vec<Finding>,
    ) -> Option<T> {
        let parsed = match self.get(key)? {
            Tree::Integer(value) => u64::try_from(*value).map(of_number).map_err(|_| format!("{value} is negative")),
            Tree::Text(text) => of_text(text),
            other => {
                findings.push(wrong_type(self.path.key(key), says.0, other).help(says.1));
                return None;
            }
        };
        match parsed {
            Ok(value) => Some(value),
            Err(why) => {
                findings.push(Finding::new(Code::BadValue, self.path.key(key), why).help(says.1));
                None
            }
        }
    }

    /// The items of an array; an absent key has none.
    pub(crate) fn list(&mut self, key: &'static str, findings: &mut Vec<Finding>) -> &'t [Tree] {
        match self.get(key) {
            None => &[],
            Some(Tree::List(items)) => items,
            Some(other) => {
                findings.push(wrong_type(self.path.key(key), "an array", other));
                &[]
            }
        }
    }

    /// An array of tables, each read to its last key; an absent one has none.
    pub(crate) fn tables<T>(
        &mut self,
        key: &'static str,
        findings: &mut Vec<Finding>,
        read: fn(&mut Table<'_>, &mut Vec<Finding>) -> T,
    ) -> Vec<T> {
        let mut entries = Vec::new();
        for (at, item) in self.list(key, findings).iter().enumerate() {
            let mut table = Table::new(item, self.path.place(key).item(at).path(), findings);
            entries.push(read(&mut table, findings));
            table.finish(findings);
        }
        entries
    }

    /// An array of strings; `None` when the key is absent.
    pub(crate) fn texts(&mut self, key: &'static str, findings: &mut Vec<Finding>) -> Option<Vec<String>> {
        let given = self.get(key)?;
        let items = self.list(key, findings);
        // What is wrong was reported, and leaves an empty string, which names nothing: the other items keep their
        // index, and the list is not mistaken for one that was left empty.
        if !matches!(given, Tree::List(_)) {
            return Some(vec![String::new()]);
        }
        let place = self.path.place(key);
        Some(items.iter().enumerate().map(|(at, item)| listed_name(item, place.item(at), findings)).collect())
    }

    /// Ends the reading: reports every key that nobody asked for.
    pub(crate) fn finish(self, findings: &mut Vec<Finding>) {
        let mut allowed = self.asked;
        allowed.dedup();
        for (key, _) in self.entries {
            if !allowed.contains(&key.as_str()) {
                let path = self.path.key(key);
                let finding =
                    Finding::unknown(findings.len(), Code::UnknownKey, path, "key", key, allowed.iter().copied());
                findings.push(finding.about_key());
            }
        }
    }
}

pub(crate) fn text(value: &Tree, place: Place<'_>, findings: &mut Vec<Finding>) -> Option<String> {
    match value {
        Tree::Text(text) => Some(text.clone()),
        other => {
            findings.push(wrong_type(place.path(), "a string", other));
            None
        }
    }
}

/// One name of a list. An empty one is refused: left out, it would be a condition or a heap that is silently missing.
/// What comes back empty was reported.
pub(crate) fn listed_name(item: &Tree, place: Place<'_>, findings: &mut Vec<Finding>) -> String {
    let name = text(item, place, findings);
    if name.as_deref() == Some("") {
        findings.push(Finding::new(Code::BadValue, place.path(), "an empty name").help("take it out of the list"));
    }
    name.unwrap_or_default()
}

pub(crate) fn integer(value: &Tree, place: Place<'_>, findings: &mut Vec<Finding>) -> Option<i64> {
    match value {
        Tree::Integer(value) => Some(*value),
        other => {
            findings.push(wrong_type(place.path(), "a number", other));
            None
        }
    }
}

/// Of which something is a multiple.
pub(crate) fn multiple(value: u32, place: Place<'_>, findings: &mut Vec<Finding>) -> u32 {
    if value == 0 {
        let finding = Finding::new(Code::BadValue, place.path(), "nothing is a multiple of 0");
        findings.push(finding.help("1 asks nothing"));
    }
    value.max(1)
}

pub(crate) fn wrong_type(path: KeyPath, takes: &str, found: &Tree) -> Finding {
    Finding::new(Code::WrongType, path, format!("this takes {takes}, not {}", found.kind()))
}
