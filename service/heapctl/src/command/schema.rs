//! `heapctl schema`

use crate::args::SchemaArgs;
use crate::output::{replace, Output, Status};
use anyhow::Result;
use serde_json::json;
use std::path::Path;

pub(crate) fn run(args: &SchemaArgs, out: &Output) -> Result<Status> {
    let schema = heaps_host::schema();
    if args.output == Path::new("-") {
        out.json(&schema);
        return Ok(Status::Done);
    }
    let file = args.output.display().to_string();
    replace(&args.output, |to| writeln!(to, "{schema:#}"))?;
    if out.json {
        out.json(&json!({ "ok": true, "output": file }));
    }
    Ok(Status::Done)
}
