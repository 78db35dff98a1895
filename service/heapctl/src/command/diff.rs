//! `heapctl diff`

use crate::args::DiffArgs;
use crate::command::lint;
use crate::output::{Output, Status};
use crate::policy;
use anyhow::{bail, Context, Result};
use heaps_config::KeyPath;
use heaps_host::diff::{self, Difference};
use heaps_host::{Format, Linted, Source};
use serde_json::json;
use std::path::Path;
use std::process::Command;

pub(crate) fn run(args: &DiffArgs, out: &Output) -> Result<Status> {
    let (before, after) = (open(&args.before)?, open(&args.after)?);
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
        out.text(&markdown(&differences, &before, &after));
    } else {
        out.text(&text(&differences, &before, &after, (&args.after.display().to_string(), out)));
    }
    Ok(if args.exit_code && !differences.is_empty() { Status::Refused } else { Status::Done })
}

/// A file, a profile, or a file of a revision.
fn open(file: &Path) -> Result<Linted> {
    let shown = file.display().to_string();
    if let (false, Some((revision, path))) = (file.exists(), shown.split_once(':')) {
        let text = of_git(revision, path).with_context(|| shown.clone())?;
        let format = if path.ends_with(".json") { Format::Json } else { Format::Toml };
        return Ok(heaps_host::lint(Source::text(&shown, text, format)));
    }
    Ok(heaps_host::lint(lint::open(file)?))
}

/// The file as it was, by its path from here, else from the repository's root.
fn of_git(revision: &str, path: &str) -> Result<String> {
    if revision.is_empty() || revision.starts_with('-') {
        bail!("no revision before the colon");
    }
    let show = |path: &str| {
        let object = format!("{revision}:{path}");
        Command::new("git").args(["show", "--no-textconv", &object]).output().context("git cannot be run")
    };
    let mut output = show(&format!("./{path}"))?;
    if !output.status.success() {
        output = show(path)?;
    }
    if !output.status.success() {
        bail!("git: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    if output.stdout.len() > heaps_config::MAX_TEXT_BYTES {
        bail!("longer than the {} bytes that a policy may have", heaps_config::MAX_TEXT_BYTES);
    }
    String::from_utf8(output.stdout).ok().context("not UTF-8")
}

/// `old.toml:12, new.toml:14`
fn places(difference: &Difference, before: &Linted, after: &Linted) -> String {
    let place = |linted: &Linted, at: &Option<KeyPath>| {
        at.as_ref().map(|path| format!("{}:{}", linted.source.name, linted.line_of(path)))
    };
    let places = [place(before, &difference.before_at), place(after, &difference.after_at)];
    places.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// `policy`: how the second one was named, so that the lines to paste work.
fn text(differences: &[Difference], before: &Linted, after: &Linted, (policy, out): (&str, &Output)) -> String {
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
            text.push_str(&format!("    heapctl explain --policy {policy} {}\n", example.explain_after));
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

fn markdown(differences: &[Difference], before: &Linted, after: &Linted) -> String {
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
        let [was, is, explain] = match &difference.example {
            None => [String::new(), String::new(), String::new()],
            Some(example) => {
                [cell(&example.before), cell(&example.after), format!("`{}`", cell(&example.explain_after))]
            }
        };
        text.push_str(&format!("| {what} | {was} | {is} | {explain} |\n"));
    }
    text
}
