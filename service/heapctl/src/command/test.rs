//! `heapctl test`

mod junit;

use crate::args::TestArgs;
use crate::command::lint;
use crate::output::{replace, Output, Status};
use crate::policy;
use anyhow::{bail, Result};
use heaps_host::expect::{self, Outcome};
use serde_json::json;
use std::path::Path;

pub(crate) fn run(args: &TestArgs, out: &Output) -> Result<Status> {
    let mut files: Vec<Tried> = Vec::new();
    let mut broken = None;
    for file in &args.files {
        match tried(file) {
            Ok(tried) => files.push(tried),
            Err(error) => {
                broken = Some((file.display().to_string(), error));
                break;
            }
        }
    }
    if let Some(junit) = &args.junit {
        let error = broken.as_ref().map(|(name, error)| (name.as_str(), format!("{error:#}")));
        let report = junit::of(&files, error);
        replace(junit, |to| to.write_all(report.as_bytes()))?;
    }
    if let Some((_, error)) = broken {
        return Err(error);
    }
    let failed = files.iter().flat_map(|tried| &tried.outcomes).any(|outcome| !outcome.holds());
    let empty: Vec<&str> =
        files.iter().filter(|tried| tried.outcomes.is_empty()).map(|tried| tried.name.as_str()).collect();
    let ok = !failed && empty.is_empty();
    if out.json {
        let one = |tried: &Tried| expect::to_json(&tried.name, &tried.explain, &tried.outcomes);
        out.json(&json!({ "ok": ok, "files": files.iter().map(one).collect::<Vec<_>>() }));
    } else {
        files.iter().for_each(|tried| text(&tried.name, &tried.explain, &tried.outcomes, out));
    }
    Ok(if ok { Status::Done } else { Status::Refused })
}

/// A policy whose expectations were tried.
struct Tried {
    name: String,
    /// What a line to paste begins with.
    explain: String,
    outcomes: Vec<Outcome>,
}

fn tried(file: &Path) -> Result<Tried> {
    let linted = heaps_host::lint(lint::open(file)?);
    let Some(outcomes) = expect::run(&linted) else {
        bail!("the policy has errors, so nothing was tried\n{}", linted.render(false).trim_end());
    };
    Ok(Tried { name: linted.source.name.clone(), explain: policy::explain_line(file), outcomes })
}

/// `explain`: what a line to paste begins with.
fn text(file: &str, explain: &str, outcomes: &[Outcome], out: &Output) {
    for outcome in outcomes {
        let word = if outcome.holds() { "ok  " } else { "FAIL" };
        out.text(&format!("{} {}: {}\n", out.strong(word), outcome.name, outcome.plan));
        for failure in &outcome.failures {
            out.text(&format!("     {file}:{}: {failure}\n", outcome.line));
        }
        if !outcome.holds() {
            out.text(&format!("     {explain} {}\n", outcome.explain));
        }
    }
    let failed = outcomes.iter().filter(|outcome| !outcome.holds()).count();
    if outcomes.is_empty() {
        out.text(&format!("{file}: no [[expect]]: nothing was tried\n"));
    } else {
        out.text(&format!(
            "{file}: {} of {} expectations hold\n",
            outcomes.len().saturating_sub(failed),
            outcomes.len()
        ));
    }
}
