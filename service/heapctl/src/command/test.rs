//! `heapctl test`

mod junit;

use crate::args::TestArgs;
use crate::command::lint;
use crate::output::{Output, Status};
use crate::policy;
use anyhow::{Context, Result};
use heaps_host::expect::{self, Outcome};
use serde_json::json;

pub(crate) fn run(args: &TestArgs, out: &Output) -> Result<Status> {
    let mut files: Vec<(String, Vec<Outcome>)> = Vec::new();
    for file in &args.files {
        let linted = heaps_host::lint(lint::open(file)?);
        let Some(outcomes) = expect::run(&linted) else {
            anyhow::bail!("the policy has errors, so nothing was tried\n{}", linted.render(false).trim_end());
        };
        files.push((linted.source.name.clone(), outcomes));
    }
    if let Some(junit) = &args.junit {
        std::fs::write(junit, junit::of(&files)).with_context(|| format!("cannot write {}", junit.display()))?;
    }
    let failed = files.iter().flat_map(|(_, outcomes)| outcomes).any(|outcome| !outcome.holds());
    let empty: Vec<&str> =
        files.iter().filter(|(_, outcomes)| outcomes.is_empty()).map(|(name, _)| name.as_str()).collect();
    let ok = !failed && empty.is_empty();
    if out.json {
        let values: Vec<_> = files.iter().map(|(name, outcomes)| expect::to_json(name, outcomes)).collect();
        out.json(&json!({ "ok": ok, "files": values }));
    } else {
        for ((name, outcomes), given) in files.iter().zip(&args.files) {
            text(name, &policy::explain_line(given), outcomes, out);
        }
    }
    Ok(if ok { Status::Done } else { Status::Refused })
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
