//! What `ls` says of `/dev/dma_heap`, with `-1`, `-l` or `-lZ`.

use super::facts::{Access, Label};
use super::{at, error, is_name, lines, Board, BoardError, FileKind, FOLDER};

pub(super) fn read(file: &str, text: &str, kind: FileKind, board: &mut Board) -> Result<(), BoardError> {
    for (line, content) in lines(text) {
        if kind == FileKind::Listing && (content.starts_with("total ") || content.ends_with(':')) {
            continue;
        }
        let place = at(file, line);
        let words: Vec<&str> = content.split_whitespace().collect();
        let name = words.last().copied().unwrap_or_default();
        let name = name.strip_prefix(FOLDER).unwrap_or(name);
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
        // links user group [label] major, minor date time name: the name is the last word of eight and more.
        let least = if label.is_some() { 9 } else { 8 };
        if !is_name(name) || words.len() < least.min(7) || name.starts_with("u:object_r:") {
            return Err(error(file, line, "the line ends before the node's name; is the file cut off?"));
        }
        if node_type != 'c' {
            let kinds = "a heap is a character device, with a `c` at the line's begin";
            return Err(error(file, line, format!("\"{name}\" is no heap: {kinds}")));
        }
        let access = Access { mode, user: (*user).to_owned(), group: (*group).to_owned(), place: place.clone() };
        let node = board.node(name);
        node.listed = Some(place.clone());
        node.seen = Some(access);
        if let Some(label) = label {
            node.seen_label = Some(Label { selinux_type: label.to_owned(), place });
        }
    }
    Ok(())
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
