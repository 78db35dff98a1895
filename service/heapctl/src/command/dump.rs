//! `heapctl dump`

use crate::args::DumpArgs;
use crate::output::{Output, Status};
use anyhow::{anyhow, Result};
use gralloc_client::Connection;

pub(crate) fn run(args: &DumpArgs, out: &Output) -> Result<Status> {
    let connection = Connection::from_env_or(args.transport.transport())
        .map_err(|error| anyhow!("the allocator service was not found: {error}"))?;
    let text = connection.dump(if out.json { &["--json"] } else { &[] }).map_err(|error| anyhow!("{error}"))?;
    out.text(&text);
    if !text.ends_with('\n') {
        out.text("\n");
    }
    Ok(Status::Done)
}
