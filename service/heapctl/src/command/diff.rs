//! `heapctl diff`

use crate::args::DiffArgs;
use crate::command::lint;
use crate::output::{Output, Status};
use crate::policy;
use anyhow::Result;
use heaps_config::KeyPath;
use heaps_host::diff::{self, Difference};
use heaps_host::Linted;
use serde_json::json;
use std::path::Path;

pub(crate) fn run(args: &DiffArgs, out: &Output) -> Result<Status> {
    let read = |file: &Path| lint::open(file).map(heaps_host::lint);
    let (before, after) = (read(&args.before)?, read(&args.after)?);
    let (first, second) = (policy::loadable(&before)?, policy::loadable(&after)?);
    let differences = diff::diff(first, second);
    let line = |is_after: bool, path: &KeyPath| if is_after { after.line_of(path) } else { before.line_of(path) };
    if out.json {
        out.json(&json!({
            "ok": true,
            "same": differences.is_empty(),
            "before": before.source.name,
            "after": after.source.name,
            "differences": diff::to_json(&differences, line),
        }));
    } else if args.markdown {
        out.text(&markdown(&differences, (&before, &after), &policy::explain_line(&args.after)));
    } else {
        out.text(&text(&differences, (&before, &after), &policy::explain_line(&args.after), out));
    }
    Ok(if args.exit_code && !differences.is_empty() { Status::Refused } else { Status::Done })
}

/// `old.toml:12, new.toml:14`
fn places(difference: &Difference, before: &Linted, after: &Linted) -> String {
    let place = |linted: &Linted, at: &Option<KeyPath>| {
        at.as_ref().map(|path| format!("{}:{}", linted.source.name, linted.line_of(path)))
    };
    let places = [place(before, &difference.before_at), place(after, &difference.after_at)];
    places.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// `explain`: what a line to paste begins with.
fn text(differences: &[Difference], (before, after): (&Linted, &Linted), explain: &str, out: &Output) -> String {
    let mut text = String::new();
    let mut cause = None;
    for difference in differences {
        if cause != Some(difference.cause) {
            cause = Some(difference.cause);
            text.push_str(&format!("{}\n", out.strong(difference.cause.word())));
        }
        text.push_str(&format!("  {} ({})\n", difference.what, places(difference, before, after)));
        if let Some(example) = &difference.example {
            text.push_str(&format!("    before  {}\n    after   {}\n", example.before, example.after));
            text.push_str(&format!("    {explain} {}\n", example.explain_after));
        }
        if let Some(concerns) = &difference.concerns {
            text.push_str(&format!("    such as {explain} {concerns}\n"));
        }
    }
    text.push_str(&format!("{}\n", summary(differences, before, after)));
    text
}

fn summary(differences: &[Difference], before: &Linted, after: &Linted) -> String {
    let (one, other) = (&before.source.name, &after.source.name);
    match differences.len() {
        0 => format!("{one} and {other} answer every request alike"),
        1 => format!("1 difference between {one} and {other}"),
        count => format!("{count} differences between {one} and {other}"),
    }
}

fn markdown(differences: &[Difference], (before, after): (&Linted, &Linted), explain: &str) -> String {
    let mut text = format!("### {}\n", summary(differences, before, after));
    let cell = |text: &str| text.replace('|', "\\|").replace('\n', " ");
    let mut cause = None;
    for difference in differences {
        if cause != Some(difference.cause) {
            cause = Some(difference.cause);
            text.push_str(&format!(
                "\n#### {}\n\n| what | before | after | explain |\n|---|---|---|---|\n",
                difference.cause.word()
            ));
        }
        let what = cell(&format!("{} ({})", difference.what, places(difference, before, after)));
        let [was, is] = match &difference.example {
            None => [String::new(), String::new()],
            Some(example) => [cell(&example.before), cell(&example.after)],
        };
        let line = difference.example.as_ref().map(|example| &example.explain_after).or(difference.concerns.as_ref());
        let line = line.map_or_else(String::new, |line| format!("`{}`", cell(&format!("{explain} {line}"))));
        text.push_str(&format!("| {what} | {was} | {is} | {line} |\n"));
    }
    text
}
