//! `heapctl schema`

use crate::args::SchemaArgs;
use crate::output::{Output, Status};
use anyhow::{Context, Result};
use serde_json::json;
use std::path::Path;

pub(crate) fn run(args: &SchemaArgs, out: &Output) -> Result<Status> {
    let schema = heaps_host::schema();
    if args.output == Path::new("-") {
        out.json(&schema);
        return Ok(Status::Done);
    }
    let file = args.output.display().to_string();
    std::fs::write(&args.output, format!("{schema:#}\n")).with_context(|| format!("cannot write {file}"))?;
    if out.json {
        out.json(&json!({ "ok": true, "output": file }));
    }
    Ok(Status::Done)
}
