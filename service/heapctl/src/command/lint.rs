//! `heapctl lint`

use crate::args::LintArgs;
use crate::output::{Output, Status};
use anyhow::{anyhow, bail, Context, Result};
use heaps_config::{Code, Severity};
use heaps_host::{Linted, Source, PROFILES};
use serde_json::json;
use std::path::Path;
use std::process::Command;

pub(crate) fn run(args: &LintArgs, out: &Output) -> Result<Status> {
    if args.codes {
        codes(out);
        return Ok(Status::Done);
    }
    let mut linted = Vec::new();
    for file in &args.files {
        linted.push(heaps_host::lint(open(file)?));
    }
    let refused = linted.iter().any(|linted| denied(linted, args.deny_warnings));
    if out.json {
        out.json(&json!({ "ok": !refused, "files": linted.iter().map(Linted::to_json).collect::<Vec<_>>() }));
    } else {
        for linted in &linted {
            out.text(&linted.render(out.colour));
            out.text(&format!("{}\n", summary(linted)));
        }
    }
    Ok(if refused { Status::Refused } else { Status::Done })
}

/// True when the findings stand in the way.
pub(crate) fn denied(linted: &Linted, deny_warnings: bool) -> bool {
    linted.count(Severity::Error) > 0 || deny_warnings && linted.count(Severity::Warning) > 0
}

/// `generic.toml: 2 errors, 1 warning`
pub(crate) fn summary(linted: &Linted) -> String {
    let count = |number: usize, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
    let (errors, warnings) = (linted.count(Severity::Error), linted.count(Severity::Warning));
    if errors + warnings == 0 {
        return format!("{}: nothing found", linted.source.name);
    }
    format!("{}: {}, {}", linted.source.name, count(errors, "error"), count(warnings, "warning"))
}

/// A file, or when there is no such file a shipped profile, or a file of a revision of git.
pub(crate) fn open(file: &Path) -> Result<Source> {
    if let (false, Some(profile)) = (file.exists(), file.to_str().and_then(heaps_host::profile)) {
        return Ok(profile);
    }
    if let (false, Some((revision, path))) = (file.exists(), file.to_str().and_then(|name| name.split_once(':'))) {
        let bytes = of_git(revision, path).with_context(|| file.display().to_string())?;
        return Source::bytes(file, bytes).map_err(anyhow::Error::from);
    }
    Source::read(file).map_err(|error| {
        let bare = file.extension().is_none() && file.components().count() == 1 && !file.exists();
        if bare {
            let shipped = PROFILES.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
            return anyhow!("{error}; nor is it a shipped profile: {shipped}");
        }
        anyhow!(error)
    })
}

fn codes(out: &Output) {
    if out.json {
        let code = |code: &Code| json!({ "code": code.word(), "severity": code.severity().to_string(), "explanation": code.explanation() });
        out.json(&json!({ "codes": Code::ALL.iter().map(code).collect::<Vec<_>>() }));
        return;
    }
    for code in Code::ALL {
        out.text(&format!("{:<22} {:<8} {}\n", code.word(), code.severity().to_string(), code.explanation()));
    }
}

/// The file as it was, by its path from here, else from the repository's root.
fn of_git(revision: &str, path: &str) -> Result<Vec<u8>> {
    if revision.is_empty() || revision.starts_with('-') {
        bail!("no revision before the colon");
    }
    let blob = |path: &str| {
        let object = format!("{revision}:{path}");
        Command::new("git").args(["cat-file", "blob", &object]).output().context("git cannot be run")
    };
    let mut output = blob(&format!("./{path}"))?;
    if !output.status.success() {
        output = blob(path)?;
    }
    if !output.status.success() {
        bail!("git: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(output.stdout)
}
