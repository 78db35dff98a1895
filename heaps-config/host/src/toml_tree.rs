//! TOML to a [`Tree`], remembering where every key and value stands.

use crate::locate::Spans;
use heaps_config::{Code, Finding, KeyPath, Tree, MAX_TEXT_BYTES};
use toml::de::{DeTable, DeValue};
use toml::Spanned;

/// Deepest nesting that is followed; a policy has three levels.
const MAX_DEPTH: usize = 16;

/// Parses a text. After a syntax error there is no tree: what follows from half a document would only confuse.
pub(crate) fn parse(text: &str) -> (Option<Tree>, Spans, Vec<Finding>) {
    let mut spans = Spans::default();
    if text.len() > MAX_TEXT_BYTES {
        let message = format!("{} bytes: a policy has at most {MAX_TEXT_BYTES}", text.len());
        return (None, spans, vec![Finding::new(Code::Syntax, KeyPath::ROOT, message)]);
    }
    let (table, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        // Errors have no key; a path of their own ("syntax", n) carries each one's place to the report.
        let mut findings = Vec::new();
        for error in errors {
            let path = KeyPath::ROOT.key("").index(findings.len());
            spans.set_value(path.clone(), error.span().unwrap_or(0..0));
            findings.push(Finding::new(Code::Syntax, path, error.message().replace('\n', "; ")));
        }
        return (None, spans, findings);
    }
    let tree = walk_table(table.get_ref(), &KeyPath::ROOT, &mut spans, 0);
    (Some(tree), spans, Vec::new())
}

fn walk_table(table: &DeTable<'_>, path: &KeyPath, spans: &mut Spans, depth: usize) -> Tree {
    let mut entries = Vec::new();
    for (key, value) in table {
        let here = path.key(key.get_ref());
        spans.set_key(here.clone(), key.span());
        entries.push((key.get_ref().to_string(), walk(value, &here, spans, depth)));
    }
    // The parser sorts by name; people read from top to bottom.
    entries.sort_by_key(|(key, _)| spans.key_start(&path.key(key)));
    Tree::Table(entries)
}

fn walk(value: &Spanned<DeValue<'_>>, path: &KeyPath, spans: &mut Spans, depth: usize) -> Tree {
    spans.set_value(path.clone(), value.span());
    if depth > MAX_DEPTH {
        return Tree::Other("a value nested too deep");
    }
    match value.get_ref() {
        DeValue::Boolean(value) => Tree::Bool(*value),
        DeValue::Integer(value) => {
            let parsed = i64::from_str_radix(value.as_str(), value.radix());
            parsed.map_or(Tree::Other("a number beyond 63 bits"), Tree::Integer)
        }
        DeValue::String(value) => Tree::Text(value.to_string()),
        DeValue::Float(_) => Tree::Other("a number with a fraction or exponent"),
        DeValue::Datetime(_) => Tree::Other("a date or time"),
        DeValue::Array(items) => Tree::List(
            items.iter().enumerate().map(|(at, item)| walk(item, &path.index(at), spans, depth + 1)).collect(),
        ),
        DeValue::Table(table) => walk_table(table, path, spans, depth + 1),
    }
}
