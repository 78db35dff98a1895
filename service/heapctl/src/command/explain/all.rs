//! Many requests at once: a line for each.

use super::{explained, json, logged, present, Case};
use crate::args::{ExplainArgs, RequestArgs};
use crate::input;
use crate::output::{table, Output, Status};
use crate::policy::Loaded;
use crate::request::{self, log};
use anyhow::{anyhow, bail, Context, Result};
use heaps_config::policy::HeapSet;
use serde_json::json;
use std::path::Path;

/// A dumpsys of a busy device is a tenth of it.
const MAX_BYTES: u64 = 4 << 20;

pub(super) fn run(file: &Path, args: &ExplainArgs, loaded: &Loaded, out: &Output) -> Result<Status> {
    let shown = input::name(file);
    let text = read(file).with_context(|| shown.clone())?;
    of_text(&shown, &text, args, loaded, out)
}

/// True of more than one line with something in it.
pub(super) fn several(text: &str) -> bool {
    text.lines().filter(|line| !line.trim().is_empty()).count() > 1
}

/// The lines of --log, where there are several.
pub(super) fn of_lines(lines: &str, args: &ExplainArgs, loaded: &Loaded, out: &Output) -> Result<Status> {
    if args.svg.is_some() {
        bail!("--svg draws one request, and --log has several lines");
    }
    of_text("--log", lines, args, loaded, out)
}

/// Explains what can be read. A line that cannot is named, and the exit status is as for a refusal: the answer is not whole.
fn of_text(shown: &str, text: &str, args: &ExplainArgs, loaded: &Loaded, out: &Output) -> Result<Status> {
    let there = present(args, &loaded.policy)?;
    let mut cases = Vec::new();
    let mut unread: Vec<(usize, String)> = Vec::new();
    for (number, line) in (1..).zip(text.lines().map(str::trim)) {
        if line.is_empty() || line.starts_with('#') || log::is_none(line) {
            continue;
        }
        let case =
            asked(line, &args.request).and_then(|asked| asked_case(&asked, args, (there.0, there.1.clone()), loaded));
        match case {
            Ok(case) => cases.push((number, case)),
            Err(error) => unread.push((number, format!("{error:#}"))),
        }
    }
    if cases.is_empty() {
        if let Some((number, why)) = unread.first() {
            bail!("{shown}:{number}: {why}; and no other line is a request");
        }
        bail!("{shown}: no request in it, one a line: FORMAT WIDTHxHEIGHT USAGE");
    }
    let whole = unread.is_empty() && cases.iter().all(|(_, case)| case.answer.is_ok());
    if out.json {
        let one = |(line, case): &(usize, Case<'_>)| json!({ "line": line, "explanation": json::of(case) });
        let other = |(line, why): &(usize, String)| json!({ "line": line, "why": why });
        out.json(&json!({
            "ok": whole,
            "file": shown,
            "requests": cases.iter().map(one).collect::<Vec<_>>(),
            "not_read": unread.iter().map(other).collect::<Vec<_>>(),
        }));
    } else {
        let mut notes: Vec<String> = Vec::new();
        for (number, case) in &cases {
            notes.extend(case.notes.iter().map(|note| format!("{shown}:{number}: {note}")));
        }
        notes.extend(unread.iter().map(|(number, why)| format!("{shown}:{number} was not read: {why}")));
        out.notes(&notes);
        out.text(&rows(&cases));
    }
    Ok(if whole { Status::Done } else { Status::Refused })
}

/// A line as --log takes it, or the three words.
fn asked(line: &str, given: &RequestArgs) -> Result<(RequestArgs, Vec<String>)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    if let [format, size, usage @ ..] = words.as_slice() {
        if let (true, Ok(size)) = (usage.len() < 2, size.parse()) {
            let usage = Some(usage.first().copied().unwrap_or_default().to_owned());
            let asked = RequestArgs { format: Some((*format).to_owned()), size: Some(size), usage, ..given.clone() };
            return Ok((asked, Vec::new()));
        }
        let numbers = size.split_once('x');
        if numbers.is_some_and(|(width, height)| log::is_number(width) && log::is_number(height)) {
            bail!("size {size} is beyond what a request can hold");
        }
    }
    logged(line, given)
        .map_err(|error| anyhow!("neither FORMAT WIDTHxHEIGHT USAGE nor a line as --log takes it: {error:#}"))
}

fn asked_case<'p>(
    asked: &(RequestArgs, Vec<String>),
    args: &ExplainArgs,
    there: (HeapSet, String),
    loaded: &'p Loaded,
) -> Result<Case<'p>> {
    let (request, more) = request::in_aidl_words(&asked.0, &loaded.policy.vendor_usage, &loaded.policy.formats)?;
    // That a row is a row needs no word for each of a hundred.
    explained(&request, args, there, loaded, more)
}

fn rows(cases: &[(usize, Case<'_>)]) -> String {
    // What is refused says so in the last column, whose width moves no other.
    let mut rows =
        vec![["line", "request", "heaps", "rule", "layout", "stride", "bytes, or why not"].map(str::to_owned)];
    for (number, case) in cases {
        let [line, request] = [number.to_string(), super::text::request(case)];
        rows.push(match (&case.answer, &case.explanation.outcome) {
            (Ok(()), Ok(plan)) => {
                let heaps: Vec<&str> = plan.candidates_in_order().map(|id| case.policy().heap_name(id)).collect();
                let rule = case.policy().rule_name(plan.rule);
                let (layout, stride) =
                    (case.policy().layout_name(plan.resolved.name()).to_owned(), plan.stride.to_string());
                [line, request, heaps.join(", "), rule.to_owned(), layout, stride, plan.bytes.to_string()]
            }
            (Err(refusal), _) | (_, Err(refusal)) => {
                let nothing = || "-".to_owned();
                let why = format!("refused ({}): {refusal}", refusal.cause());
                [line, request, nothing(), nothing(), nothing(), nothing(), why]
            }
        });
    }
    table(&rows)
}

fn read(file: &Path) -> Result<String> {
    input::text(input::open(file)?, MAX_BYTES, &format!("longer than {MAX_BYTES} bytes"))
}
