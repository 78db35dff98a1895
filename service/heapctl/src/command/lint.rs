//! `heapctl lint`

use crate::args::LintArgs;
use crate::output::{Output, Status};
use anyhow::{anyhow, Result};
use heaps_config::{Code, Severity};
use heaps_host::{Linted, Source, PROFILES};
use serde_json::json;
use std::path::Path;

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

/// A file, or a shipped profile when there is no such file.
pub(crate) fn open(file: &Path) -> Result<Source> {
    if let (false, Some(profile)) = (file.exists(), file.to_str().and_then(heaps_host::profile)) {
        return Ok(profile);
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
