//! `heapctl compile`

use crate::args::CompileArgs;
use crate::command::lint;
use crate::output::{place, replace, Output, Status};
use crate::policy;
use anyhow::{bail, Result};
use heaps_host::expect;
use serde_json::json;
use std::path::Path;

pub(crate) fn run(args: &CompileArgs, out: &Output) -> Result<Status> {
    let to_stdout = args.output == Path::new("-");
    let itself = args.file.canonicalize().is_ok_and(|file| place(&args.output).is_ok_and(|output| output == file));
    if itself && !to_stdout {
        bail!("--output {}: that is the policy itself", args.output.display());
    }
    let linted = heaps_host::lint(lint::open(&args.file)?);
    let compiled = linted.compile().filter(|_| !lint::denied(&linted, args.deny_warnings));
    if !out.json {
        // Standard output may be the compiled policy itself.
        eprint!("{}", linted.render(out.colour));
    }
    let Some(compiled) = compiled else {
        if out.json {
            out.json(&json!({ "ok": false, "lint": linted.to_json() }));
        } else {
            eprintln!("{}: not compiled", lint::summary(&linted));
        }
        return Ok(Status::Refused);
    };
    // As heaps_compile, the step of an Android build: a policy that breaks its own expectations is none.
    let outcomes = expect::run(&linted).unwrap_or_default();
    let name = &linted.source.name;
    if let Some(unmet) = expect::unmet(name, &outcomes) {
        if out.json {
            let expectations = expect::to_json(name, &policy::explain_line(&args.file), &outcomes);
            out.json(&json!({ "ok": false, "lint": linted.to_json(), "expectations": expectations }));
        } else {
            eprintln!("{unmet}");
        }
        return Ok(Status::Refused);
    }
    if to_stdout {
        out.text(&compiled);
        return Ok(Status::Done);
    }
    // A service never reads half a policy.
    replace(&args.output, |to| to.write_all(compiled.as_bytes()))?;
    if out.json {
        let file = args.output.display().to_string();
        out.json(&json!({ "ok": true, "output": file, "bytes": compiled.len(), "lint": linted.to_json() }));
    } else {
        eprintln!("{}: compiled to {} ({} bytes)", linted.source.name, args.output.display(), compiled.len());
    }
    Ok(Status::Done)
}
