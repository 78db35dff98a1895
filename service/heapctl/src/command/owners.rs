//! `heapctl owners`

use crate::args::OwnersArgs;
use crate::output::{table, Output, Status};
use crate::process::{self, Kind, Owner};
use crate::snapshot::{self, ask, connect};
use anyhow::{ensure, Context, Result};
use gralloc_allocator::statistics::size;
use serde_json::{json, Value};

/// Where a dump's heaps come from when its buffers are memfds.
const MEMFDS: &str = "memfd_create";

pub(crate) fn run(args: &OwnersArgs, out: &Output) -> Result<Status> {
    let dump = snapshot::read(&ask(&connect(args.transport.transport())?, None)?)?;
    let Some(buffer) = dump.buffers.iter().find(|buffer| buffer.id == args.id) else {
        let why = format!("the service has no live buffer {:#x}", args.id);
        if out.json {
            out.json(&json!({ "ok": false, "error": why }));
        } else {
            out.text(&format!("{why}\n"));
        }
        return Ok(Status::Refused);
    };
    ensure!(buffer.inode != 0, "the service does not know the inode of buffer {:#x}: it is not watched", args.id);
    let kind = if dump.statistics.heaps_from == MEMFDS { Kind::Memfd } else { Kind::DmaBuf };
    let (owners, closed) = process::owners(kind, buffer.inode).context("/proc")?;
    if out.json {
        let owners: Vec<Value> = owners.iter().map(owner_json).collect();
        out.json(&json!({ "ok": true, "buffer": buffer, "owners": owners, "processes_not_seen": closed }));
        return Ok(Status::Done);
    }
    let asked = format!("asked for by uid {} pid {}", buffer.uid, buffer.pid);
    out.text(&format!(
        "{:#018x}  {}  {}  inode {}  \"{}\", {asked} {} s ago\n\n{}",
        buffer.id,
        size(buffer.bytes),
        buffer.heap,
        buffer.inode,
        buffer.name,
        buffer.age_ms / 1000,
        table(&rows(&owners))
    ));
    if owners.is_empty() {
        out.notes(&["no process that may be looked into has it open: a driver may, or one on its way".to_owned()]);
    }
    if closed > 0 {
        out.notes(&[format!("{closed} processes may not, or cannot, be looked into: root sees all")]);
    }
    Ok(Status::Done)
}

fn owner_json(owner: &Owner) -> Value {
    let Owner { pid, uid, command, fds, maps } = owner;
    json!({ "pid": pid, "uid": uid, "command": command, "fds": fds, "maps": maps })
}

fn rows(owners: &[Owner]) -> Vec<[String; 5]> {
    let row = |owner: &Owner| {
        let fds: Vec<String> = owner.fds.iter().map(i32::to_string).collect();
        [owner.pid.to_string(), owner.uid.to_string(), fds.join(" "), owner.maps.to_string(), owner.command.clone()]
    };
    let head = ["pid", "uid", "fds", "mapped", "command"].map(str::to_owned);
    [head].into_iter().chain(owners.iter().map(row)).collect()
}
