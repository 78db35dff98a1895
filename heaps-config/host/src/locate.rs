//! Where in a file a finding is, and what its author most likely meant.

use heaps_config::{Finding, KeyPath, Part};
use std::collections::HashMap;
use std::ops::Range;

/// Byte ranges of keys and values by path.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spans {
    keys: HashMap<KeyPath, Range<usize>>,
    values: HashMap<KeyPath, Range<usize>>,
}

impl Spans {
    pub(crate) fn set_key(&mut self, path: KeyPath, span: Range<usize>) {
        self.keys.insert(path, span);
    }

    pub(crate) fn set_value(&mut self, path: KeyPath, span: Range<usize>) {
        self.values.insert(path, span);
    }

    /// The place of a syntax error, of which parsers tell a byte: it may lie inside a character.
    pub(crate) fn set_root(&mut self, offset: usize) {
        self.values.insert(KeyPath::ROOT, offset..offset.saturating_add(1));
    }

    /// The range of a path's key or value, else of what contains it. The root has none in TOML: what is missing from
    /// the whole document has no line.
    pub(crate) fn find(&self, path: &KeyPath, part: Part) -> Option<Range<usize>> {
        let own = match part {
            Part::Key => self.keys.get(path).or_else(|| self.values.get(path)),
            Part::Value => self.values.get(path).or_else(|| self.keys.get(path)),
        };
        if let Some(span) = own {
            return Some(span.clone());
        }
        self.find(&path.parent()?, Part::Value)
    }
}

/// A finding with its place in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// What.
    pub finding: Finding,
    /// Bytes of the file; `None` when the whole file is meant.
    pub span: Option<Range<usize>>,
    /// From 1; 1 when the whole file is meant.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// The places of `finding.related`, in the same order.
    pub related: Vec<Option<Range<usize>>>,
    /// The known name nearest to the unknown one, when one is near.
    pub nearest: Option<String>,
}

impl Located {
    pub(crate) fn new(finding: Finding, text: &str, spans: &Spans) -> Located {
        let clip = |span: Range<usize>| first_line(text, span);
        let span = spans.find(&finding.path, finding.part).map(clip);
        let (line, column) = span.as_ref().map_or((1, 1), |span| line_column(text, span.start));
        let related = finding.related.iter().map(|(path, _)| spans.find(path, Part::Value).map(clip)).collect();
        let nearest = finding.unknown.as_deref().and_then(|name| nearest(name, &finding.allowed)).map(str::to_owned);
        Located { finding, span, line, column, related, nearest }
    }
}

/// The known name that a misspelt one most likely stands for; `None` when none is near enough.
pub fn nearest<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    let wanted = name.to_lowercase();
    let distance = |candidate: &String| strsim::damerau_levenshtein(&wanted, &candidate.to_lowercase());
    let best = known.iter().min_by_key(|candidate| distance(candidate))?;
    let allowed = (name.chars().count().max(best.chars().count()) / 3).max(1);
    (distance(best) <= allowed).then_some(best)
}

/// A table's range covers all its lines: its first line says enough. Whole characters, wherever the range begins and ends.
fn first_line(text: &str, span: Range<usize>) -> Range<usize> {
    let start = character(text, span.start);
    let within = span.end.clamp(start, text.len());
    let end = (within..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    let line = text.get(start..end).and_then(|part| part.find('\n')).map_or(end, |at| start + at);
    start..line
}

/// Line and column (in characters) of a byte offset, from 1.
pub(crate) fn line_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..character(text, offset)).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (line, column)
}

/// The byte offset of a line and a byte column, both from 1.
pub(crate) fn offset(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    character(text, before.saturating_add(column.saturating_sub(1)))
}

/// The start of the character that a byte belongs to.
fn character(text: &str, byte: usize) -> usize {
    let at = byte.min(text.len());
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn nearest_finds_slips_of_the_finger_and_of_the_shift_key() {
        let known = names(&["system", "camera", "CAMERA_OUTPUT", "CAMERA_INPUT"]);
        assert_eq!(nearest("sytem", &known), Some("system"));
        assert_eq!(nearest("camera_output", &known), Some("CAMERA_OUTPUT"));
        assert_eq!(nearest("CAMERA_OUPTUT", &known), Some("CAMERA_OUTPUT"));
    }

    #[test]
    fn nearest_does_not_guess_wildly() {
        assert_eq!(nearest("gpu", &names(&["system", "camera"])), None);
        assert_eq!(nearest("x", &[]), None);
    }

    #[test]
    fn line_column_counts_characters() {
        assert_eq!(line_column("a\nbäc", 5), (2, 3));
        assert_eq!(line_column("", 0), (1, 1));
        assert_eq!(offset("a\nbäc", 2, 4), 5);
        assert_eq!(offset("ab", 9, 9), 2);
    }
}
