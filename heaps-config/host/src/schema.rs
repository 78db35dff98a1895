//! A JSON Schema of the policy, for the language servers of editors: keys, kinds of values, names to complete.
//!
//! It is asked of the code that reads policies: each key is what a section does not call unknown, each kind what a value of
//! another kind is refused for, each name what is said to be allowed. So there is no second list to keep.

use heaps_config::{validate, Code, Finding, KeyPath, Tree};
use serde_json::{json, Map, Value};

/// A name that no section and no list has.
const NOBODY: &str = "?";

/// The schema of this version.
pub fn schema() -> Value {
    let mut properties = Map::new();
    for key in keys(&[]) {
        properties.insert(key.clone(), section(&key));
    }
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Heap policy",
        "type": "object",
        "properties": properties,
        "required": required(&[]),
        "additionalProperties": false,
    })
}

/// Where a value is put: keys and, for an array of tables, its first item.
type At<'a> = &'a [Part<'a>];

#[derive(Clone, Copy)]
enum Part<'a> {
    Key(&'a str),
    First,
}

/// A document with one value in it.
fn found(at: At<'_>, value: Tree) -> Vec<Finding> {
    let around = |inner: Tree, part: &Part<'_>| match part {
        Part::Key(key) => Tree::Table(vec![((*key).to_owned(), inner)]),
        Part::First => Tree::List(vec![inner]),
    };
    validate(&at.iter().rev().fold(value, around)).findings
}

fn path(at: At<'_>) -> KeyPath {
    at.iter().fold(KeyPath::ROOT, |path, part| match part {
        Part::Key(key) => path.key(key),
        Part::First => path.index(0),
    })
}

/// The keys that a table has there.
fn keys(at: At<'_>) -> Vec<String> {
    let stranger = Tree::Table(vec![(NOBODY.to_owned(), Tree::Bool(true))]);
    let wanted = path(at).key(NOBODY);
    let unknown =
        found(at, stranger).into_iter().find(|finding| finding.code == Code::UnknownKey && finding.path == wanted);
    unknown.map(|finding| finding.allowed).unwrap_or_default()
}

/// The keys that an empty table lacks.
fn required(at: At<'_>) -> Vec<String> {
    let here = path(at);
    let missing = found(at, Tree::Table(Vec::new())).into_iter().filter(|finding| finding.code == Code::MissingKey);
    let named = missing.filter(|finding| finding.path == here);
    let known = keys(at);
    let between = |open: char, close: char, text: &str| Some(text.split_once(open)?.1.split_once(close)?.0.to_owned());
    let key = |finding: Finding| {
        let name = between('`', '`', &finding.message).or_else(|| between('[', ']', &finding.message))?;
        let name = name.trim_matches(['[', ']']).to_owned();
        known.contains(&name).then_some(name)
    };
    named.filter_map(key).collect()
}

/// What a key takes, by what it says of a value of another kind.
fn takes(at: At<'_>, value: Tree) -> Option<String> {
    let here = path(at);
    let wrong = found(at, value).into_iter().find(|finding| finding.code == Code::WrongType && finding.path == here)?;
    let (_, rest) = wrong.message.split_once("takes ")?;
    Some(rest.split(", not ").next().unwrap_or_default().to_owned())
}

/// The names that would be known in a place.
fn names(at: At<'_>) -> Vec<String> {
    let here = path(at);
    let refused = found(at, Tree::Text(NOBODY.to_owned())).into_iter().find(|finding| finding.path == here);
    refused.map(|finding| finding.allowed).unwrap_or_default()
}

/// One key of the document: a value, a table, or an array of tables.
fn section(key: &str) -> Value {
    let at = [Part::Key(key)];
    let item = [Part::Key(key), Part::First];
    if takes(&at, Tree::Bool(true)).as_deref() == Some("an array") {
        return json!({ "type": "array", "items": table(&item) });
    }
    if takes(&at, Tree::Bool(true)).as_deref() == Some("a table") {
        return table(&at);
    }
    value(&at)
}

fn table(at: At<'_>) -> Value {
    let keys = keys(at);
    if keys.is_empty() {
        // Names of the policy's own, all of one kind.
        let mut own = at.to_vec();
        own.push(Part::Key("X"));
        return json!({ "type": "object", "additionalProperties": value(&own) });
    }
    let mut properties = Map::new();
    for key in &keys {
        let mut inner = at.to_vec();
        inner.push(Part::Key(key));
        properties.insert(key.clone(), value(&inner));
    }
    json!({ "type": "object", "properties": properties, "required": required(at), "additionalProperties": false })
}

fn value(at: At<'_>) -> Value {
    let kind = takes(at, Tree::Table(Vec::new())).unwrap_or_default();
    if kind == "a number or an array of numbers" {
        let number = json!({ "type": "integer" });
        return json!({ "anyOf": [number, { "type": "array", "items": number }] });
    }
    if kind.contains("array") {
        let mut item = at.to_vec();
        item.push(Part::First);
        if takes(&item, Tree::Bool(true)).as_deref() == Some("a table") {
            return json!({ "type": "array", "items": table(&item) });
        }
        return json!({ "type": "array", "items": scalar(&takes(&item, Tree::Bool(true)).unwrap_or_default(), &item) });
    }
    scalar(&kind, at)
}

fn scalar(kind: &str, at: At<'_>) -> Value {
    match kind {
        "true or false" => json!({ "type": "boolean" }),
        "a number" => json!({ "type": "integer" }),
        "a size" | "a size or a part of the memory" => {
            json!({ "anyOf": [{ "type": "integer", "minimum": 0 }, { "type": "string" }] })
        }
        "a string" => match names(at) {
            names if names.is_empty() => json!({ "type": "string" }),
            // The policy's own names are known to itself alone.
            names => json!({ "anyOf": [{ "enum": names }, { "type": "string" }] }),
        },
        _ => json!({}),
    }
}
