//! TOML to a [`Tree`], remembering the line of every key and value.

use heaps_config::{KeyPath, Tree, MAX_TEXT_BYTES};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::collections::HashMap;
use std::fmt;
use toml::Spanned;

/// Deepest nesting that is followed; a policy has three levels.
const MAX_DEPTH: usize = 16;

/// Lines, from 1, by path: of the key where there is one, of the value in an array.
pub(crate) type Lines = HashMap<KeyPath, usize>;

/// Why a text has no tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    /// From 1; the first when the whole text is meant.
    pub(crate) line: usize,
    /// The parser's words.
    pub(crate) message: String,
}

/// Parses a text.
///
/// # Errors
/// What is not TOML, and a text that is too long.
pub(crate) fn parse(text: &str) -> Result<(Tree, Lines), SyntaxError> {
    if text.len() > MAX_TEXT_BYTES {
        let message = format!("{} bytes: a policy has at most {MAX_TEXT_BYTES}", text.len());
        return Err(SyntaxError { line: 1, message });
    }
    let value: Value = toml::from_str(text).map_err(|error| SyntaxError {
        line: line_of(text, error.span().map_or(0, |span| span.start)),
        message: error.message().replace('\n', "; "),
    })?;
    let mut lines = Lines::new();
    let tree = walk(value, &KeyPath::ROOT, text, &mut lines, 0);
    Ok((tree, lines))
}

/// The line of a path, or of what contains it. The first when the whole document is meant.
pub(crate) fn find(lines: &Lines, path: &KeyPath) -> usize {
    match (lines.get(path), path.parent()) {
        (Some(line), _) => *line,
        (None, Some(parent)) => find(lines, &parent),
        (None, None) => 1,
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().iter().take(offset);
    before.filter(|byte| **byte == b'\n').count().saturating_add(1)
}

/// A value as the parser hands it over, with the places of what is in it.
enum Value {
    Bool(bool),
    Integer(i64),
    Text(String),
    Float,
    List(Vec<Spanned<Value>>),
    Table(Vec<(Spanned<String>, Spanned<Value>)>),
}

fn walk(value: Value, path: &KeyPath, text: &str, lines: &mut Lines, depth: usize) -> Tree {
    if depth > MAX_DEPTH {
        return Tree::Other("a value nested too deep");
    }
    let deeper = depth.saturating_add(1);
    match value {
        Value::Bool(value) => Tree::Bool(value),
        Value::Integer(value) => Tree::Integer(value),
        Value::Text(value) => Tree::Text(value),
        Value::Float => Tree::Other("a number with a fraction or exponent"),
        Value::List(items) => {
            let item = |(at, item): (usize, Spanned<Value>)| {
                let here = path.index(at);
                lines.insert(here.clone(), line_of(text, item.span().start));
                walk(item.into_inner(), &here, text, lines, deeper)
            };
            Tree::List(items.into_iter().enumerate().map(item).collect())
        }
        Value::Table(mut entries) => {
            // Some versions of the parser sort by name; people read from top to bottom.
            entries.sort_by_key(|(key, _)| key.span().start);
            let entry = |(key, value): (Spanned<String>, Spanned<Value>)| {
                let here = path.key(key.get_ref());
                lines.insert(here.clone(), line_of(text, key.span().start));
                let tree = walk(value.into_inner(), &here, text, lines, deeper);
                (key.into_inner(), tree)
            };
            Tree::Table(entries.into_iter().map(entry).collect())
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true or false, a number, a string, an array or a table")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Integer(value))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Float)
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    /// A date arrives here too, as a table whose key has no place: it is refused, as a policy has none.
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut table = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            table.push(entry);
        }
        Ok(Value::Table(table))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_those_of_keys_and_items() {
        let text = "a = 1\n\n[[rule]]\nname = \"x\"\nheaps = [\n  \"one\",\n  \"two\",\n]\n";
        let (tree, lines) = parse(text).unwrap();
        let rule = KeyPath::item("rule", 0);
        assert_eq!(find(&lines, &KeyPath::ROOT.key("a")), 1);
        assert_eq!(find(&lines, &rule.key("name")), 4);
        assert_eq!(find(&lines, &rule.key("heaps").index(1)), 7);
        assert_eq!(find(&lines, &rule.key("absent")), find(&lines, &rule));
        let Tree::Table(entries) = tree else { panic!("a document is a table") };
        assert_eq!(entries.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), ["a", "rule"]);
    }

    #[test]
    fn what_is_not_toml_has_a_line() {
        assert_eq!(parse("a = 1\nb = \n").unwrap_err().line, 2);
        assert_eq!(parse("a = 1\na = 2\n").unwrap_err().line, 2);
        assert!(parse("a = 2026-11-22\n").is_err());
    }
}
