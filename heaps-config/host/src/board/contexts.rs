//! SELinux labels of the nodes.
//!
//! Source: AOSP system/sepolicy, `private/file_contexts` and `tests/fc_sort.py`: a pattern is anchored at both ends; one without
//! metacharacters counts before any with, then the longer stem, then the longer text, then one with a file type.

use super::facts::{Label, SYSTEM};
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
    ("/dev/dma_heap/system", SYSTEM),
    ("/dev/dma_heap/system-uncached", SYSTEM),
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
        if context.split(':').count() < 4 {
            let message =
                format!("the label {context} has no level: {context}:s0; without it the rules do not compile");
            board.wrong(&at(file, line), None, message);
        }
        // What is about other folders needs no look.
        if !pattern.starts_with("/dev") {
            continue;
        }
        if board.contexts.len() >= MOST_LINES {
            return Err(error(file, line, format!("more than {MOST_LINES} lines about /dev")));
        }
        let label = Label { selinux_type: selinux_type.to_owned(), place: at(file, line) };
        let Ok(own) = compiled(pattern, kind.is_some(), label) else {
            return Err(error(file, line, format!("{pattern} is no regular expression")));
        };
        let literal = pattern.replace('\\', "");
        if let Some(name) = literal.strip_prefix(FOLDER).filter(|name| is_name(name) && own.rank.0) {
            board.node(name).named.get_or_insert_with(|| at(file, line));
        }
        // What counts of two lines of one pattern, a build says by refusing both (libselinux, label_file.c).
        let same = |other: &&Line| {
            (other.pattern.as_str(), other.rank.3) == (own.pattern.as_str(), own.rank.3)
                && other.label.selinux_type != own.label.selinux_type
        };
        if let Some(other) = board.contexts.iter().find(same) {
            let (one, two) = (other.label.selinux_type.clone(), &own.label.selinux_type);
            let (place, first) = (own.label.place.clone(), other.label.place.clone());
            board.wrong(
                &place,
                Some(&first),
                format!("{pattern} is {two} here and {one} before: a path has one label"),
            );
        }
        let of_system = |name: &&str| platform_type(name) == Some(SYSTEM);
        if let Some(name) = literal.strip_prefix(FOLDER).filter(of_system) {
            if own.label.selinux_type != SYSTEM {
                let own = &own.label.selinux_type;
                let message = format!(
                    "{name} is labelled {SYSTEM} by the platform and {own} here: a path has one label, and apps map the memory \
                     of this one"
                );
                board.wrong(&at(file, line), None, message);
            }
        }
        board.contexts.push(own);
    }
    Ok(())
}

/// Most lines about /dev: thirty times as many as AOSP's own, since each is compiled and held against the others.
const MOST_LINES: usize = 4096;

/// The platform's type of a node that it labels by a line of its own.
pub fn platform_type(node: &str) -> Option<&'static str> {
    match node {
        "system" | "system-uncached" => Some(SYSTEM),
        _ if node.starts_with("system-secure") => Some(super::facts::SECURE),
        _ => None,
    }
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
