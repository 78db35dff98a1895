//! TOML to a [`Tree`], remembering where every key and value stands.
//!
//! Over the toml crate that an Android tree has for its host tools, so that the step of its build and `heapctl` read a
//! policy with the same code.

use crate::locate::Spans;
use heaps_config::{Code, Finding, KeyPath, Tree, MAX_TEXT_BYTES};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;
use std::ops::Range;

/// Deepest nesting that is followed; a policy has three levels.
const MAX_DEPTH: usize = 16;

/// Parses a text. After a syntax error there is no tree: what follows from half a document would only confuse.
pub(crate) fn parse(text: &str) -> (Option<Tree>, Spans, Vec<Finding>) {
    if text.len() > MAX_TEXT_BYTES {
        let message = format!("{} bytes: a policy has at most {MAX_TEXT_BYTES}", text.len());
        return (None, Spans::default(), vec![Finding::new(Code::Syntax, KeyPath::ROOT, message)]);
    }
    let mut spans = Spans::default();
    match toml::from_str(text) {
        Ok(value) => (Some(walk(value, &KeyPath::ROOT, &mut spans, 0)), spans, Vec::new()),
        Err(error) => {
            // An error has no key: its place is the whole document's.
            if let Some(span) = error.span() {
                spans.set_root(span.start);
            }
            let message = error.message().trim_end().replace('\n', "; ");
            (None, spans, vec![Finding::new(Code::Syntax, KeyPath::ROOT, message)])
        }
    }
}

/// A value as the parser hands it over, and where it stands: nowhere when only its keys are written (`limits` of
/// `limits.total = 1`).
struct Value {
    node: Node,
    span: Option<Range<usize>>,
}

enum Node {
    Bool(bool),
    Integer(i64),
    Text(String),
    List(Vec<Value>),
    Table(Vec<(Key, Value)>),
    Other(&'static str),
}

/// A key, and where it stands: nowhere when the parser made it up.
struct Key {
    name: String,
    span: Option<Range<usize>>,
}

fn walk(value: Value, path: &KeyPath, spans: &mut Spans, depth: usize) -> Tree {
    // The whole document has no line: what is missing from it is missing nowhere.
    if let Some(span) = value.span.filter(|_| depth > 0) {
        spans.set_value(path.clone(), span);
    }
    if depth > MAX_DEPTH {
        return Tree::Other("a value nested too deep");
    }
    let deeper = depth.saturating_add(1);
    match value.node {
        Node::Bool(value) => Tree::Bool(value),
        Node::Integer(value) => Tree::Integer(value),
        Node::Text(value) => Tree::Text(value),
        Node::Other(kind) => Tree::Other(kind),
        Node::List(items) => {
            let items = items.into_iter().enumerate().map(|(at, item)| walk(item, &path.index(at), spans, deeper));
            Tree::List(items.collect())
        }
        Node::Table(mut entries) => {
            // Some versions of the parser sort by name; people read from top to bottom.
            entries.sort_by_key(|(key, _)| key.span.as_ref().map_or(usize::MAX, |span| span.start));
            let mut table = Vec::new();
            for (key, value) in entries {
                let here = path.key(&key.name);
                if let Some(span) = key.span {
                    spans.set_key(here.clone(), span);
                }
                table.push((key.name, walk(value, &here, spans, deeper)));
            }
            Tree::Table(table)
        }
    }
}

/// How `toml::Spanned` asks the parser for a place. It cannot be used itself: it fails at a table without one.
const SPANNED: &str = "$__serde_spanned_private_Spanned";
const SPANNED_FIELDS: &[&str] =
    &["$__serde_spanned_private_start", "$__serde_spanned_private_end", "$__serde_spanned_private_value"];

/// Reads what the parser answers, once the first of the three names was read.
fn placed<'de, A: MapAccess<'de>, T: Deserialize<'de>>(mut entries: A) -> Result<(Range<usize>, T), A::Error> {
    let start = entries.next_value()?;
    entries.next_key::<IgnoredAny>()?;
    let end = entries.next_value()?;
    entries.next_key::<IgnoredAny>()?;
    Ok((start..end, entries.next_value()?))
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Key, D::Error> {
        deserializer.deserialize_struct(SPANNED, SPANNED_FIELDS, KeyVisitor)
    }
}

struct KeyVisitor;

impl<'de> Visitor<'de> for KeyVisitor {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, name: &str) -> Result<Key, E> {
        Ok(Key { name: name.to_owned(), span: None })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Key, A::Error> {
        entries.next_key::<IgnoredAny>()?;
        let (span, name) = placed(entries)?;
        Ok(Key { name, span: Some(span) })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_struct(SPANNED, SPANNED_FIELDS, ValueVisitor)
    }
}

/// A value whose place is known.
struct Inner(Node);

impl<'de> Deserialize<'de> for Inner {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Inner, D::Error> {
        deserializer.deserialize_any(ValueVisitor).map(|value| Inner(value.node))
    }
}

struct ValueVisitor;

impl ValueVisitor {
    fn nowhere<E>(node: Node) -> Result<Value, E> {
        Ok(Value { node, span: None })
    }
}

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true or false, a number, a string, an array or a table")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Self::nowhere(Node::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Self::nowhere(Node::Integer(value))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
        Self::nowhere(Node::Other("a number with a fraction or exponent"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Self::nowhere(Node::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Self::nowhere(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut table = Vec::new();
        while let Some(key) = entries.next_key::<Key>()? {
            if key.span.is_none() && SPANNED_FIELDS.contains(&key.name.as_str()) {
                let (span, Inner(node)) = placed(entries)?;
                return Ok(Value { node, span: Some(span) });
            }
            // The parser hands a date over as a table of its own making.
            if key.span.is_none() {
                entries.next_value::<IgnoredAny>()?;
                return Self::nowhere(Node::Other("a date or time"));
            }
            table.push((key, entries.next_value()?));
        }
        Self::nowhere(Node::Table(table))
    }
}

#[cfg(test)]
// In a test a failed unwrap is a failure with a place.
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::locate::line_column;
    use heaps_config::Part;

    /// Line and column of a key or value, and the text that stands there.
    fn place(text: &str, path: &KeyPath, part: Part) -> (usize, usize, String) {
        let (tree, spans, findings) = parse(text);
        assert!(tree.is_some(), "{findings:?}");
        let span = spans.find(path, part).unwrap();
        let (line, column) = line_column(text, span.start);
        (line, column, text[span].to_owned())
    }

    /// Line, column and words of a syntax error.
    fn error(text: &str) -> (usize, usize, String) {
        let (tree, spans, findings) = parse(text);
        assert!(tree.is_none());
        let [finding] = findings.as_slice() else { panic!("{findings:?}") };
        assert_eq!(finding.code, Code::Syntax);
        let (line, column) = line_column(text, spans.find(&finding.path, finding.part).unwrap().start);
        (line, column, finding.message.clone())
    }

    #[test]
    fn places_are_those_of_keys_values_and_items() {
        let text = "a = 1\n\n[[rule]]\nname = \"x\"\nheaps = [\n  \"one\",\n  \"two\",\n]\n";
        let rule = KeyPath::item("rule", 0);
        assert_eq!(place(text, &KeyPath::ROOT.key("a"), Part::Key), (1, 1, "a".to_owned()));
        assert_eq!(place(text, &KeyPath::ROOT.key("a"), Part::Value), (1, 5, "1".to_owned()));
        assert_eq!(place(text, &rule.key("name"), Part::Value), (4, 8, "\"x\"".to_owned()));
        assert_eq!(place(text, &rule.key("heaps").index(1), Part::Value), (7, 3, "\"two\"".to_owned()));
        assert_eq!(place(text, &rule, Part::Value).0, 3);
        assert_eq!(place(text, &rule.key("absent"), Part::Key).0, 3);
        let (tree, ..) = parse(text);
        let Some(Tree::Table(entries)) = tree else { panic!("a document is a table") };
        assert_eq!(entries.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), ["a", "rule"]);
    }

    #[test]
    fn tables_without_a_line_of_their_own_have_a_place() {
        let limits = KeyPath::ROOT.key("limits");
        for text in ["limits.request = 1\n", "[limits.request]\n", "limits = { request = 1 }\n"] {
            assert_eq!(place(text, &limits.key("request"), Part::Key).0, 1, "{text}");
            assert_eq!(place(text, &limits, Part::Value).0, 1, "{text}");
        }
        let text = "[[rule]]\nsizes.least = 1\n";
        assert_eq!(place(text, &KeyPath::item("rule", 0).key("sizes").key("least"), Part::Value).2, "1");
    }

    #[test]
    fn what_is_not_toml_has_a_place() {
        assert_eq!(error("a = 1\nb = \n").0, 2);
        assert_eq!(error("a = 1\na = 2\n").0, 2);
    }

    #[test]
    fn what_no_key_takes_is_refused_at_its_place() {
        let date = parse("a = 1\nb = 2026-11-22\n").0;
        let other = Tree::Other("a date or time");
        assert_eq!(date, Some(Tree::Table(vec![("a".to_owned(), Tree::Integer(1)), ("b".to_owned(), other)])));
        assert_eq!(
            place("a = 1\nb = 2026-11-22\n", &KeyPath::ROOT.key("b"), Part::Value),
            (2, 5, "2026-11-22".to_owned())
        );
        let (line, _, words) = error("a = 1\nb = [9223372036854775808]\n");
        assert_eq!(line, 2, "{words}");
        assert_eq!(
            parse("a = -9223372036854775808\n").0,
            Some(Tree::Table(vec![("a".to_owned(), Tree::Integer(i64::MIN))]))
        );
    }
}
