//! Which kind a file is of, by what is in it.

use super::{error, is_name, lines, BoardError, FileKind, MAX_FILE_BYTES};

/// The bytes as text.
pub(super) fn text<'b>(name: &str, bytes: &'b [u8]) -> Result<&'b str, BoardError> {
    if bytes.len() > MAX_FILE_BYTES {
        let message =
            format!("longer than {} MiB: no file of the kinds that a draft is made from", MAX_FILE_BYTES >> 20);
        return Err(error(name, 1, message));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let line_of = |at: usize| bytes.iter().take(at).filter(|byte| **byte == b'\n').count().saturating_add(1);
    if let Some(at) = bytes.iter().position(|byte| *byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r' | b'\x1b')) {
        return Err(error(name, line_of(at), "a binary file, not text"));
    }
    if bytes.contains(&b'\x1b') {
        let at = bytes.iter().position(|byte| *byte == b'\x1b').unwrap_or(0);
        return Err(error(name, line_of(at), "colours of a terminal in it; list the nodes with `ls --color=never`"));
    }
    std::str::from_utf8(bytes).map_err(|bad| error(name, line_of(bad.valid_up_to()), "not UTF-8"))
}

/// The kind, by the first line that only one kind has.
pub(super) fn of(name: &str, text: &str) -> Result<FileKind, BoardError> {
    let first = text.trim_start();
    if first.starts_with('{') {
        return Ok(FileKind::Dump);
    }
    if first.starts_with('<') {
        return Ok(FileKind::Manifest);
    }
    if let Some(kind) = lines(text).find_map(|(_, line)| decisive(line)) {
        return Ok(kind);
    }
    match lines(text).find(|(_, line)| !is_name(line)) {
        None if lines(text).next().is_none() => Err(error(name, 1, "empty: nothing but comments and blank lines")),
        None => Ok(FileKind::Names),
        Some((line, bad)) if is_list_but(bad, text) => Err(super::listing::no_name(name, line, bad)),
        Some((line, _)) => Err(error(
            name,
            line,
            "of no known kind: a list of /dev/dma_heap (ls -1, -l, -lZ), a ueventd.rc, a file_contexts, a VINTF manifest, an init \
             .rc, or the service's dump in JSON",
        )),
    }
}

/// True when one line alone keeps a text from being a list of names.
fn is_list_but(bad: &str, text: &str) -> bool {
    let others = || lines(text).filter(|(_, line)| *line != bad);
    others().next().is_some() && others().all(|(_, line)| is_name(line))
}

/// The kind that alone has such a line.
fn decisive(line: &str) -> Option<FileKind> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (first, second) = (*words.first()?, words.get(1).copied());
    let is_mode =
        |word: &str| word.len() >= 3 && word.len() <= 5 && word.bytes().all(|c| c.is_ascii_digit() && c < b'8');
    if super::listing::mode(first).is_some() && words.len() > 3 {
        return Some(FileKind::Listing);
    }
    let label = words.last().is_some_and(|word| word.starts_with("u:object_r:") || *word == "<<none>>");
    if words.len() >= 2 && label && (first.starts_with('/') || first.starts_with('(')) {
        return Some(FileKind::FileContexts);
    }
    let path = first.starts_with("/dev/") || first.starts_with("/sys/");
    if path && words.iter().skip(1).take(2).any(|word| is_mode(word)) {
        return Some(FileKind::Ueventd);
    }
    match (first, second) {
        ("subsystem" | "devname" | "dirname" | "firmware_directories" | "modalias_handling", Some(_)) => {
            Some(FileKind::Ueventd)
        }
        ("service", Some(_)) if words.get(2).is_some_and(|program| program.starts_with('/')) => Some(FileKind::Init),
        ("on", Some(_)) => Some(FileKind::Init),
        _ => None,
    }
}
