//! ueventd's lines: which mode and owner a node gets.
//!
//! Source: AOSP system/core, `init/ueventd_parser.cpp` and `init/devices.cpp`: a `*` at the end alone makes a prefix, elsewhere
//! it does not cross a `/`; of the lines that fit the last one counts.

use super::facts::Access;
use super::{at, error, is_name, lines, Board, BoardError, Place, FOLDER};
use std::collections::BTreeMap;

/// A line about nodes.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pattern: String,
    access: Access,
}

/// The folder of heaps as the platform's own file makes it.
const PLATFORM_FOLDER: &str = "/dev/dma_heap";

pub(super) fn read(file: &str, text: &str, board: &mut Board) -> Result<(), BoardError> {
    let mut subsystem = "";
    for (line, content) in lines(text) {
        let words: Vec<&str> = content.split_whitespace().collect();
        let place = at(file, line);
        match words.as_slice() {
            ["subsystem", name, ..] => subsystem = name,
            ["dirname", folder, ..] if subsystem == "dma_heap" && *folder != PLATFORM_FOLDER => {
                let message = format!("the heaps' nodes are made in {folder}; the service opens {PLATFORM_FOLDER}, whose line has to stay");
                board.note(&place, None, message);
            }
            ["import", other, ..] => board.imports.push((place, (*other).to_owned())),
            [path, rest @ ..] if path.starts_with("/dev/") => {
                let [mode, user, group, options @ ..] = rest else {
                    return Err(error(
                        file,
                        line,
                        format!("{path} has no mode, owner and group; is the file cut off?"),
                    ));
                };
                let Some(mode) = u32::from_str_radix(mode, 8).ok().filter(|mode| *mode <= 0o7777) else {
                    return Err(error(
                        file,
                        line,
                        format!("\"{}\" is no mode in octal, such as 0444", mode.escape_default()),
                    ));
                };
                if !options.iter().all(|option| *option == "no_fnm_pathname" || option.starts_with('#'))
                    && !path.starts_with("/sys/")
                {
                    // Later releases may have more options; what they change is not known.
                    let message = format!("{path} has the option {}, which is passed over", options.join(" "));
                    if path.starts_with(PLATFORM_FOLDER) {
                        board.note(&place, None, message);
                    }
                }
                let access =
                    Access { mode, user: (*user).to_owned(), group: (*group).to_owned(), place: place.clone() };
                if let Some(name) =
                    path.strip_prefix(FOLDER).filter(|name| is_name(name) && !name.contains(['*', '?', '[']))
                {
                    board.node(name).named.get_or_insert_with(|| place.clone());
                }
                board.ueventd.push(Line { pattern: (*path).to_owned(), access });
            }
            _ => {}
        }
    }
    Ok(())
}

/// Gives every node the line that counts.
pub(super) fn apply(board: &mut Board) {
    let files: Vec<String> = board.files.iter().map(|(name, _)| name.clone()).collect();
    let base = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    for (place, other) in std::mem::take(&mut board.imports) {
        if !files.iter().any(|file| base(file) == base(&other)) {
            board.note(&place, None, format!("{other} is imported and was not given: its lines may say otherwise"));
        }
    }
    let there: Vec<String> = board.names().map(str::to_owned).collect();
    let names: Vec<String> = board.nodes.keys().cloned().collect();
    // By the place of a line with a star, the nodes for which it counts.
    let mut many: BTreeMap<Place, (String, Vec<String>)> = BTreeMap::new();
    for name in names {
        let path = format!("{FOLDER}{name}");
        let fit: Vec<&Line> = board.ueventd.iter().filter(|line| fits(&line.pattern, &path)).collect();
        let Some((last, before)) = fit.split_last() else { continue };
        let access = last.access.clone();
        let star = last.pattern.contains('*').then(|| last.pattern.clone());
        let differing: Option<Place> =
            before.iter().rev().find(|line| !line.access.same(&access)).map(|line| line.access.place.clone());
        if let Some(earlier) = differing {
            let message = format!("{path} has another line before, which says otherwise: this one counts");
            board.note(&access.place, Some(&earlier), message);
        }
        if let Some(pattern) = star.filter(|_| there.contains(&name)) {
            let (_, nodes) = many.entry(access.place.clone()).or_insert_with(|| (pattern, Vec::new()));
            nodes.push(name.clone());
        }
        board.node(&name).ueventd = Some(access);
    }
    for (place, (pattern, nodes)) in many.iter().filter(|(_, (_, nodes))| nodes.len() > 1) {
        let message = format!("{pattern} gives several heaps one mode and owner: {}", nodes.join(" "));
        board.note(place, None, message);
    }
}

/// Whether a pattern is about a path.
fn fits(pattern: &str, path: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == path,
        Some((prefix, "")) => path.starts_with(prefix),
        Some(_) => glob(pattern, path),
    }
}

/// A pattern with stars that stop at a `/`.
fn glob(pattern: &str, path: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = path.strip_prefix(first) else { return false };
    let parts: Vec<&str> = parts.collect();
    for (at, part) in parts.iter().enumerate() {
        let is_last = at.saturating_add(1) == parts.len();
        let found =
            if is_last { rest.ends_with(part).then(|| rest.len().saturating_sub(part.len())) } else { rest.find(part) };
        let Some(found) = found else { return false };
        if rest.get(..found).unwrap_or_default().contains('/') {
            return false;
        }
        rest = rest.get(found.saturating_add(part.len())..).unwrap_or_default();
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_at_the_end_is_a_prefix_and_elsewhere_stops_at_a_slash() {
        assert!(fits("/dev/dma_heap/qcom,*", "/dev/dma_heap/qcom,system"));
        assert!(fits("/dev/*", "/dev/dma_heap/qcom,system"));
        assert!(fits("/dev/*/system", "/dev/dma_heap/system"));
        assert!(!fits("/dev/*/system", "/dev/a/b/system"));
        assert!(fits("/dev/dma_heap/*-secure*x", "/dev/dma_heap/v-secure-x"));
        assert!(!fits("/dev/dma_heap/system", "/dev/dma_heap/system-uncached"));
    }
}
