//! `heapctl alloc`

use crate::args::AllocArgs;
use crate::command::decode::{self, info_json};
use crate::output::{Output, Status};
use crate::{policy, request};
use anyhow::{anyhow, Result};
use gralloc_client::{Allocation, ClientError, Connection};
use serde_json::{json, Value};
use std::time::{Duration, Instant};

pub(crate) fn run(args: &AllocArgs, out: &Output) -> Result<Status> {
    let (vendor, formats) = match &args.policy {
        Some(file) => {
            let policy = policy::read(file)?.policy;
            (policy.vendor_usage, policy.formats)
        }
        None => (Vec::new(), Vec::new()),
    };
    let (asked, notes) = request::in_aidl_words(&args.request, &vendor, &formats)?;
    out.notes(&notes);
    let descriptor = request::descriptor(&asked, &vendor, &formats)?;
    let connection = Connection::from_env_or(args.transport.transport())
        .map_err(|error| anyhow!("the allocator service was not found: {error}"))?;
    let wire = gralloc_client::to_wire(&descriptor);
    let supported = connection.is_supported(&wire).map_err(failed)?;
    let start = Instant::now();
    let answer = connection.allocate_raw(&wire, args.request.count());
    let took = start.elapsed();
    let result = match answer {
        Ok(result) => result,
        Err(error @ ClientError::Refused { .. }) => {
            refused(&connection, &error, supported, out);
            return Ok(Status::Refused);
        }
        Err(error) => return Err(failed(error)),
    };
    // The fds live as long as `result` or `allocation`: closing the last one frees the memory.
    let hold = || std::thread::sleep(Duration::from_secs(args.hold));
    if args.raw {
        let ints: Vec<&[i32]> = result.buffers.iter().map(|handle| handle.ints.as_slice()).collect();
        raw(&ints, result.stride, out);
        hold();
        return Ok(Status::Done);
    }
    let allocation = Allocation::from_result(result, args.request.count()).map_err(failed)?;
    for buffer in &allocation.buffers {
        buffer.check_sizes().map_err(failed)?;
    }
    report(&connection, &allocation, supported, took, out);
    hold();
    Ok(Status::Done)
}

/// Its words hold those of its source already.
fn failed(error: ClientError) -> anyhow::Error {
    anyhow!("{error}")
}

fn refused(connection: &Connection, error: &ClientError, supported: bool, out: &Output) {
    if out.json {
        let ClientError::Refused { code, message } = error else { return };
        let code = json!({ "code": code, "message": message });
        let transport = connection.transport().to_string();
        out.json(&json!({ "ok": false, "service": transport, "is_supported": supported, "refused": code }));
    } else {
        out.text(&format!("{error}\nisSupported: {supported}\n"));
    }
}

fn raw(handles: &[&[i32]], stride: i32, out: &Output) {
    if out.json {
        let handle = |ints: &&[i32]| json!({ "ints": ints, "fields": decode::fields_json(ints) });
        out.json(&json!({ "ok": true, "stride": stride, "handles": handles.iter().map(handle).collect::<Vec<_>>() }));
        return;
    }
    for (index, ints) in handles.iter().enumerate() {
        out.text(&format!("handle {index}: {} ints, stride {stride}\n{}", ints.len(), decode::fields_text(ints)));
    }
}

fn report(connection: &Connection, allocation: &Allocation, supported: bool, took: Duration, out: &Output) {
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    if out.json {
        let buffers: Vec<Value> = allocation.buffers.iter().map(|buffer| info_json(&buffer.info)).collect();
        out.json(&json!({
            "ok": true,
            "service": connection.transport().to_string(),
            "is_supported": supported,
            "stride": allocation.stride,
            "call_us": micros,
            "buffers": buffers,
        }));
        return;
    }
    for buffer in &allocation.buffers {
        out.text(&format!("{}\n\n", buffer.info));
    }
    let count = allocation.buffers.len();
    let buffers = if count == 1 { "buffer" } else { "buffers" };
    out.text(&format!(
        "{count} {buffers} through {} in {micros} us; isSupported: {supported}\n",
        connection.transport()
    ));
}
