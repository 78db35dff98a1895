//! How a layer was laid out: each step of the order in which it is done, what it did, and what asked for it.

use super::{figures, Change};
use crate::plan::Resolved;
use crate::request::Request;
use gralloc_buffer::layout::blocks::{Body, Grid, GridSizes, TwoFields};
use gralloc_buffer::layout::{Ask, Combine, Needs, Step};
use heaps_config::policy::{Alignment, Compress};

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepNote {
    /// A word for it.
    pub step: &'static str,
    /// What was done in it, in words, for blocks; of lines the figures that changed say it.
    pub done: Vec<String>,
    /// The figures that it changed.
    pub changes: Vec<Change>,
    /// Who asked, and with which keys: `"camera" stride_bytes`.
    pub causes: Vec<String>,
}

/// What one alignment asks.
#[derive(Clone, Copy)]
struct Asked<'a> {
    by: &'a Alignment,
    ask: Ask,
}

/// The steps of a layer with these alignments. A step for which nothing asked and that did nothing is left out.
pub(super) fn of(request: &Request, resolved: &Resolved<'_>, applied: &[Alignment]) -> Vec<StepNote> {
    let mut notes = resolved.compress.map(|entry| blocks(request, resolved, entry)).unwrap_or_default();
    // Of a compressed buffer the alignments say the end alone.
    let first = if resolved.compress.is_some() { Step::Tail } else { Step::Width };
    let asked = counted(applied);
    let mut before = figures(request, resolved, Some(&Needs::NONE));
    for step in Step::ALL.into_iter().filter(|step| *step >= first) {
        let after = figures(request, resolved, together(asked.iter().filter(|it| it.ask.step() <= step)).as_ref());
        let changes = super::changes(&before, &after);
        let causes = causes(asked.iter().filter(|it| it.ask.step() == step));
        if !changes.is_empty() || !causes.is_empty() {
            notes.push(StepNote { step: step.word(), done: Vec::new(), changes, causes });
        }
        before = after;
    }
    notes
}

/// What is asked and counts: nothing that a later alignment replaces, and of a maximum only the most.
fn counted(applied: &[Alignment]) -> Vec<Asked<'_>> {
    let mut all: Vec<Asked<'_>> = Vec::new();
    for by in applied {
        if by.combine == Combine::Replace {
            all.retain(|earlier| !by.asks.iter().any(|ask| ask.replaces(earlier.ask)));
        }
        all.extend(by.asks.iter().map(|&ask| Asked { by, ask }));
    }
    let mut index = 0;
    while let Some(one) = all.get(index) {
        let of_a_maximum = |it: &Asked<'_>| it.by.combine == Combine::Maximum && it.ask.key() == one.ask.key();
        let others = all.iter().enumerate().filter(|(other, _)| *other != index).map(|(_, it)| it);
        if all.iter().any(of_a_maximum) && together(others) == together(&all) {
            all.remove(index);
        } else {
            index = index.saturating_add(1);
        }
    }
    all
}

/// What they add up to, where all that was replaced is gone; `None` when nothing satisfies it.
fn together<'a>(asked: impl IntoIterator<Item = &'a Asked<'a>>) -> Option<Needs> {
    let mut needs = Needs::NONE;
    for Asked { by, ask } in asked {
        let how = if by.combine == Combine::Maximum { Combine::Maximum } else { Combine::Lcm };
        needs.apply(&[*ask], how)?;
    }
    Some(needs)
}

/// Who asked, each with its keys.
fn causes<'a>(asked: impl Iterator<Item = &'a Asked<'a>>) -> Vec<String> {
    let mut all: Vec<(&str, Vec<&str>)> = Vec::new();
    for Asked { by, ask } in asked {
        match all.last_mut() {
            Some((name, keys)) if *name == by.name.as_str() => {
                if !keys.contains(&ask.key()) {
                    keys.push(ask.key());
                }
            }
            _ => all.push((by.name.as_str(), vec![ask.key()])),
        }
    }
    all.into_iter().map(|(name, keys)| format!("\"{name}\" {}", keys.join(", "))).collect()
}

/// Blocks, header and body of each plane, by the grid that says them.
fn blocks(request: &Request, resolved: &Resolved<'_>, entry: &Compress) -> Vec<StepNote> {
    let sizes = resolved.form().grid_sizes(&entry.blocks, request.width, request.height).unwrap_or_default();
    let mut notes = ["blocks", "header", "body"].map(|step| StepNote {
        step,
        done: Vec::new(),
        changes: Vec::new(),
        causes: vec![format!("\"{}\" grid", entry.name)],
    });
    let [in_blocks, in_header, in_body] = &mut notes;
    if entry.blocks.column_bytes > 0 {
        in_body.done.push(format!("planes in columns of {} bytes", entry.blocks.column_bytes));
        in_body.causes = vec![format!("\"{}\" column_bytes", entry.name)];
        if let Some(lines) = resolved.form().column_lines(&entry.blocks, request.height) {
            in_body.done.push(format!("{lines} lines of all planes in each"));
        }
        return vec![in_body.clone()];
    }
    let grids = entry.blocks.grids.iter().chain(entry.blocks.grids.last().into_iter().cycle());
    for (index, (grid, of)) in grids.zip(&sizes).enumerate().filter(|(_, (_, of))| of.body > 0) {
        in_blocks.done.push(format!(
            "plane {index}: {} x {} blocks of {} x {}, {} x {} samples",
            of.columns, of.rows, grid.block[0], grid.block[1], of.width, of.height
        ));
        if of.header > 0 {
            in_header.done.push(format!(
                "plane {index}: {} rows of {} bytes, {} with what is added and rounded",
                of.header_rows, of.header_row, of.header
            ));
        }
        in_body.done.push(body(index, grid, of));
    }
    let fields = fields(request, resolved, entry).map(|done| StepNote {
        step: "fields",
        done: vec![done],
        changes: Vec::new(),
        causes: vec![format!("\"{}\" two_fields", entry.name)],
    });
    notes.into_iter().filter(|note| !note.done.is_empty()).chain(fields).collect()
}

/// What is made of the room for two fields, where there is a word of it.
fn fields(request: &Request, resolved: &Resolved<'_>, entry: &Compress) -> Option<String> {
    let Request { width, height, .. } = *request;
    let most = entry.blocks.two_fields?;
    let Some(both) = resolved.form().two_fields(&entry.blocks, width, height)? else {
        let TwoFields { width, height, blocks } = most;
        return Some(format!("one picture: more than {width} x {height}, or than {blocks} times 256 pixels"));
    };
    let planes = resolved.form().grid_sizes(&entry.blocks, width, height)?;
    let planes: u64 = planes.iter().map(|plane| plane.header.saturating_add(plane.body)).sum();
    let (lines, each) = (height.div_ceil(2), both / 2);
    let end = if both > planes { "" } else { ", which is no more" };
    Some(format!("room for two fields of {lines} lines, {each} bytes each: {planes} -> {}{end}", both.max(planes)))
}

fn body(index: usize, grid: &Grid, of: &GridSizes) -> String {
    match grid.body {
        Body::Blocks { .. } => {
            format!("plane {index}: {} bytes a block, {} with what is added and rounded", of.block_bytes, of.body)
        }
        Body::Lines { .. } => {
            format!(
                "plane {index}: {} lines of {} bytes, {} with what is added and rounded",
                of.lines, of.stride, of.body
            )
        }
    }
}
