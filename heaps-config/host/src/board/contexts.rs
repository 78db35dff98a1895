//! SELinux labels of the nodes.
//!
//! Source: AOSP system/sepolicy, `private/file_contexts` and `tests/fc_sort.py`: a pattern is anchored at both ends; one without
//! metacharacters counts before any with, then the longer stem, then the longer text, then one with a file type.

use super::facts::Label;
use super::{at, error, is_name, lines, Board, BoardError, FOLDER};
use regex::Regex;

/// A line about nodes.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pattern: Regex,
    rank: (bool, usize, usize, bool),
    label: Label,
}

/// The platform's own lines, which every device has.
const PLATFORM: &[(&str, &str)] = &[
    ("/dev/dma_heap(/.*)?", super::facts::UNLABELLED),
    ("/dev/dma_heap/system", super::facts::SYSTEM),
    ("/dev/dma_heap/system-uncached", super::facts::SYSTEM),
    ("/dev/dma_heap/system-secure(.*)", super::facts::SECURE),
];

/// What the platform's lines are called in messages.
const PLATFORM_FILE: &str = "the platform's file_contexts";

pub(super) fn read(file: &str, text: &str, board: &mut Board) -> Result<(), BoardError> {
    for (line, content) in lines(text) {
        let words: Vec<&str> = content.split('#').next().unwrap_or_default().split_whitespace().collect();
        let (pattern, kind, context) = match words.as_slice() {
            [pattern, context] => (*pattern, None, *context),
            [pattern, kind, context] => (*pattern, Some(*kind), *context),
            [pattern, ..] if pattern.starts_with('/') || pattern.starts_with('(') => {
                return Err(error(file, line, format!("{pattern} has no label; is the file cut off?")));
            }
            _ => return Err(error(file, line, "no line of a file_contexts: a path, then u:object_r:TYPE:s0")),
        };
        if kind.is_some_and(|kind| kind != "-c") || context == "<<none>>" {
            continue;
        }
        let Some(selinux_type) = context.strip_prefix("u:object_r:").and_then(|rest| rest.split(':').next()) else {
            return Err(error(file, line, format!("\"{}\" is no label: u:object_r:TYPE:s0", context.escape_default())));
        };
        // What is about other folders needs no look.
        if !pattern.starts_with("/dev") {
            continue;
        }
        let label = Label { selinux_type: selinux_type.to_owned(), place: at(file, line) };
        let Ok(own) = compiled(pattern, kind.is_some(), label) else {
            return Err(error(file, line, format!("{pattern} is no regular expression")));
        };
        let literal = pattern.replace('\\', "");
        if let Some(name) = literal.strip_prefix(FOLDER).filter(|name| is_name(name) && own.rank.0) {
            board.node(name).named.get_or_insert_with(|| at(file, line));
        }
        board.contexts.push(own);
    }
    Ok(())
}

fn compiled(pattern: &str, typed: bool, label: Label) -> Result<Line, regex::Error> {
    let whole = regex::RegexBuilder::new(&format!("^(?:{pattern})$")).size_limit(1 << 20).build()?;
    let stem = stem(pattern);
    Ok(Line { pattern: whole, rank: (stem == pattern.len(), stem, pattern.len(), typed), label })
}

/// Bytes before the first metacharacter.
fn stem(pattern: &str) -> usize {
    let mut escaped = false;
    for (at, c) in pattern.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '.' | '^' | '$' | '?' | '*' | '+' | '|' | '[' | '(' | '{' => return at,
            _ => {}
        }
    }
    pattern.len()
}

/// Gives every node the label that counts.
pub(super) fn apply(board: &mut Board) {
    let mut known = std::mem::take(&mut board.contexts);
    for (pattern, selinux_type) in PLATFORM {
        let label = Label { selinux_type: (*selinux_type).to_owned(), place: at(PLATFORM_FILE, 1) };
        known.extend(compiled(pattern, false, label));
    }
    let names: Vec<String> = board.nodes.keys().cloned().collect();
    for name in names {
        let path = format!("{FOLDER}{name}");
        // Of two alike the later one.
        let best = known.iter().filter(|line| line.pattern.is_match(&path)).max_by_key(|line| line.rank);
        let has_files = board.has_label_files;
        let own = best.filter(|line| has_files || line.label.place.file == PLATFORM_FILE);
        let own = own.filter(|line| has_files || line.label.selinux_type != super::facts::UNLABELLED);
        board.node(&name).label = own.map(|line| line.label.clone());
    }
}
