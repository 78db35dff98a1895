//! init's services: an allocator that is started already.

use super::{at, lines, Board, Place};

/// The program of this project.
const OWN: &str = "allocator-service.dmaheap";

pub(super) fn read(file: &str, text: &str, board: &mut Board) {
    let mut found: Option<(Place, String)> = None;
    for (line, content) in lines(text) {
        let words: Vec<&str> = content.split_whitespace().collect();
        match words.as_slice() {
            ["service", name, program, ..] => {
                let is_allocator = program.contains("graphics.allocator") || program.contains("display.allocator");
                found =
                    (is_allocator && !program.ends_with(OWN)).then(|| (at(file, line), format!("{name} ({program})")));
                if let Some((place, service)) = &found {
                    let message = format!(
                        "the allocator {service} is started: take it out with its package, for there is one allocator"
                    );
                    board.note(place, None, message);
                }
            }
            ["group", groups @ ..] => {
                if let Some((place, service)) = found.take() {
                    let more: Vec<&str> =
                        groups.iter().copied().filter(|group| !super::facts::SERVICE_GROUPS.contains(group)).collect();
                    if !more.is_empty() {
                        let message = format!(
                            "{service} has the groups {} too; nodes that only they may read are closed to this service",
                            more.join(" ")
                        );
                        board.note(&at(&place.file, line), None, message);
                    }
                }
            }
            _ => {}
        }
    }
}
