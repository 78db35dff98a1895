//! What `ls` says of `/dev/dma_heap`, with `-1`, `-l` or `-lZ`.

use super::facts::{Access, Label};
use super::{at, error, is_name, lines, Board, BoardError, FileKind, FOLDER, NAMES};

pub(super) fn read(file: &str, text: &str, kind: FileKind, board: &mut Board) -> Result<(), BoardError> {
    for (line, content) in lines(text) {
        if kind == FileKind::Listing && (content.starts_with("total ") || content.ends_with(':')) {
            continue;
        }
        let place = at(file, line);
        let words: Vec<&str> = content.split_whitespace().collect();
        let name = words.last().copied().unwrap_or_default();
        let rest = if kind == FileKind::Listing { name_words(&words) } else { None };
        let name = rest.map_or_else(|| name.to_owned(), |rest| rest.join(" "));
        let name = name.strip_prefix(FOLDER).unwrap_or(&name);
        if kind == FileKind::Names {
            board.node(name).listed = Some(place);
            continue;
        }
        let entry = words.first().and_then(|word| mode(word));
        let [_, links, user, group, ..] = words.as_slice() else {
            return Err(error(file, line, "no line of `ls -l`; is the file cut off?"));
        };
        let Some((node_type, mode)) = entry.filter(|_| links.bytes().all(|c| c.is_ascii_digit())) else {
            return Err(error(file, line, "no line of `ls -l`; is the file cut off?"));
        };
        if node_type == 'd' && (name == "." || name == "..") {
            continue;
        }
        let label = words.iter().find_map(|word| word.strip_prefix("u:object_r:")?.split(':').next());
        // links user group [label] major, minor date time name; without a device's numbers it is no device, as is said below.
        let is_short = rest.map_or(node_type == 'c', <[_]>::is_empty);
        if name.is_empty() || is_short || words.len() < 7 || name.starts_with("u:object_r:") {
            return Err(error(file, line, "the line ends before the node's name; is the file cut off?"));
        }
        if node_type == 'c' && !is_name(name) {
            return Err(no_name(file, line, name));
        }
        if node_type != 'c' {
            let kinds = "a heap is a character device, with a `c` at the line's begin";
            return Err(error(file, line, format!("\"{name}\" is no heap: {kinds}")));
        }
        let access = Access { mode, user: (*user).to_owned(), group: (*group).to_owned(), place: place.clone() };
        let label = label.map(|label| Label { selinux_type: label.to_owned(), place: place.clone() });
        let node = board.node(name);
        node.listed = Some(place.clone());
        let (seen, seen_label) = (node.seen.clone(), node.seen_label.clone());
        // Of two listings that contradict neither is known to be right; the one that keeps the service out is the safe one.
        if seen.as_ref().map_or(true, |seen| seen.is_open_to_service()) {
            node.seen = Some(access.clone());
        }
        if label.is_some() {
            node.seen_label.clone_from(&label);
        }
        if let Some(seen) = seen.filter(|seen| !seen.same(&access)) {
            board.note(&place, Some(&seen.place), format!("{name} is {access} here and {seen} in another listing"));
        }
        if let (Some(seen), Some(label)) = (seen_label, label) {
            if seen.selinux_type != label.selinux_type {
                let (one, other) = (label.selinux_type, seen.selinux_type);
                board.note(
                    &place,
                    Some(&seen.place),
                    format!("{name} is labelled {one} here and {other} in another listing"),
                );
            }
        }
    }
    Ok(())
}

/// Why a text is no node's name.
pub(super) fn no_name(file: &str, line: usize, name: &str) -> BoardError {
    error(file, line, format!("\"{name}\" is no name of a heap: {NAMES}"))
}

/// What stands after the device's numbers and the date: `251,  0 2026-01-09 08:30 NAME` (toybox), `251, 0 Jan  9 08:30 NAME`.
/// `None` of a line without the numbers, which is no device's.
fn name_words<'w>(words: &'w [&'w str]) -> Option<&'w [&'w str]> {
    let is_number = |word: &str| !word.is_empty() && word.bytes().all(|c| c.is_ascii_digit());
    let major = words.iter().position(|word| word.split_once(',').is_some_and(|(major, _)| is_number(major)))?;
    let after = words.get(major.checked_add(if words.get(major)?.ends_with(',') { 2 } else { 1 })?..)?;
    let is_day = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('-');
    let zone = after.get(2).is_some_and(|word| word.len() == 5 && word.starts_with(['+', '-']));
    let date = if after.first().is_some_and(is_day) && !zone { 2 } else { 3 };
    after.get(date..)
}

/// The kind of node and the permission bits of `crw-r--r--`.
pub(super) fn mode(word: &str) -> Option<(char, u32)> {
    let letters: Vec<char> = word.chars().take(10).collect();
    let [kind, bits @ ..] = letters.as_slice() else { return None };
    let rest = word.get(10..).unwrap_or_default();
    if bits.len() != 9 || !"bcdlps-".contains(*kind) || !(rest.is_empty() || ["+", ".", "@"].contains(&rest)) {
        return None;
    }
    let mut mode = 0;
    for (bit, expected) in bits.iter().zip("rwxrwxrwx".chars()) {
        mode <<= 1;
        match *bit {
            '-' | 'S' | 'T' => {}
            letter if letter == expected || "st".contains(letter) => mode |= 1,
            _ => return None,
        }
    }
    Some((*kind, mode))
}
