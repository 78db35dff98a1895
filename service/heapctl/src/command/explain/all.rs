//! Many requests at once: a line for each.

use super::{explained, json, logged, Case};
use crate::args::{ExplainArgs, RequestArgs};
use crate::input;
use crate::output::{table, Output, Status};
use crate::policy::Loaded;
use crate::request;
use anyhow::{anyhow, bail, Context, Result};
use serde_json::json;
use std::path::Path;

/// A dumpsys of a busy device is a tenth of it.
const MAX_BYTES: u64 = 4 << 20;

pub(super) fn run(file: &Path, args: &ExplainArgs, loaded: &Loaded, out: &Output) -> Result<Status> {
    let shown = input::name(file);
    let text = read(file).with_context(|| shown.clone())?;
    let mut cases = Vec::new();
    for (number, line) in (1..).zip(text.lines().map(str::trim)) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let asked = asked(line, &args.request).with_context(|| format!("{shown}:{number}"))?;
        let case = asked_case(&asked, args, loaded).with_context(|| format!("{shown}:{number}"))?;
        cases.push((number, case));
    }
    if cases.is_empty() {
        bail!("{shown}: no request in it, one a line: FORMAT WIDTHxHEIGHT USAGE");
    }
    let refused = cases.iter().any(|(_, case)| case.answer.is_err());
    if out.json {
        let one = |(line, case): &(usize, Case<'_>)| json!({ "line": line, "explanation": json::of(case) });
        out.json(&json!({ "ok": !refused, "file": shown, "requests": cases.iter().map(one).collect::<Vec<_>>() }));
    } else {
        let mut notes: Vec<String> = Vec::new();
        for (number, case) in &cases {
            notes.extend(case.notes.iter().map(|note| format!("{shown}:{number}: {note}")));
        }
        out.notes(&notes);
        out.text(&rows(&cases));
    }
    Ok(if refused { Status::Refused } else { Status::Done })
}

/// A line as --log takes it, or the three words.
fn asked(line: &str, given: &RequestArgs) -> Result<(RequestArgs, Vec<String>)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    if let [format, size, usage @ ..] = words.as_slice() {
        if let (true, Ok(size)) = (usage.len() < 2, size.parse()) {
            let usage = usage.first().copied().unwrap_or_default().to_owned();
            let asked = RequestArgs { format: Some((*format).to_owned()), size: Some(size), usage, ..given.clone() };
            return Ok((asked, Vec::new()));
        }
    }
    logged(line, given)
        .map_err(|error| anyhow!("neither FORMAT WIDTHxHEIGHT USAGE nor a line as --log takes it: {error:#}"))
}

fn asked_case<'p>(asked: &(RequestArgs, Vec<String>), args: &ExplainArgs, loaded: &'p Loaded) -> Result<Case<'p>> {
    let (request, more) = request::in_aidl_words(&asked.0, &loaded.policy.vendor_usage, &loaded.policy.formats)?;
    // That a row is a row needs no word for each of a hundred.
    explained(&request, args, loaded, more)
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
