//! `heapctl decode`

mod metadata;

use crate::args::DecodeArgs;
use crate::input;
use crate::output::{Output, Status};
use anyhow::{ensure, Context, Result};
use gralloc_buffer::handle::{decode, fields, BufferInfo, Field, RawHandle};
use gralloc_buffer::layout::{Area, Compression};
use serde_json::{json, Value};
use std::path::Path;

/// Most text that is read: a native handle has at most 1,024 ints (`NATIVE_HANDLE_MAX_INTS`, AOSP
/// system/core/libcutils), of at most a dozen characters each; a buffer's metadata is shorter.
const MAX_TEXT_BYTES: u64 = 64 << 10;

pub(crate) fn run(args: &DecodeArgs, out: &Output) -> Result<Status> {
    let name = input::name(&args.file);
    let text = read(&args.file).with_context(|| name.clone())?;
    if args.dump {
        return dump(&text, out).with_context(|| name);
    }
    let ints = parse(&text).with_context(|| name)?;
    let answer = decode(RawHandle { num_fds: args.fds, ints: &ints });
    if out.json {
        let (info, refused) = match &answer {
            Ok(info) => (info_json(info), Value::Null),
            Err(error) => (Value::Null, json!(error.to_string())),
        };
        out.json(&json!({ "ok": answer.is_ok(), "refused": refused, "buffer": info, "fields": fields_json(&ints) }));
    } else {
        let verdict = match &answer {
            Ok(info) => info.to_string(),
            Err(error) => format!("a mapper refuses this handle: {error}"),
        };
        out.text(&format!("{} ints\n{}\n{verdict}\n", ints.len(), fields_text(&ints)));
    }
    Ok(if answer.is_ok() { Status::Done } else { Status::Refused })
}

/// What a mapper's dump says.
fn dump(text: &str, out: &Output) -> Result<Status> {
    let dump = metadata::parse(text)?;
    ensure!(!dump.is_empty(), "no metadata: expected a line for each value, a type and its bytes in hexadecimal");
    let wrong = dump.iter().filter(|told| told.is_wrong()).count();
    if out.json {
        out.json(&json!({ "ok": wrong == 0, "metadata": metadata::json(&dump) }));
    } else {
        let verdict = if wrong == 0 { String::new() } else { format!(", {wrong} of them broken") };
        out.text(&format!("{} values{verdict}\n{}", dump.len(), metadata::text(&dump)));
    }
    Ok(if wrong == 0 { Status::Done } else { Status::Refused })
}

/// A handle int by int, broken ones too.
pub(crate) fn fields_text(ints: &[i32]) -> String {
    let line = |field: Field| {
        let places = match field.ints.len() {
            1 => field.ints.start.to_string(),
            _ => format!("{}-{}", field.ints.start, field.ints.end.saturating_sub(1)),
        };
        format!("  {places:>7}  {:<15} {}\n", field.name, field.value)
    };
    fields(ints).into_iter().map(line).collect()
}

/// The same for scripts.
pub(crate) fn fields_json(ints: &[i32]) -> Value {
    let field = |field: Field| json!({ "name": field.name, "first_int": field.ints.start, "ints": field.ints.len(), "value": field.value });
    fields(ints).into_iter().map(field).collect()
}

fn read(file: &Path) -> Result<String> {
    let too_long = format!("more than {MAX_TEXT_BYTES} bytes: that is neither a handle nor a buffer's metadata");
    input::text(input::open(file)?, MAX_TEXT_BYTES, &too_long)
}

fn parse(text: &str) -> Result<Vec<i32>> {
    let words = text.split(|c: char| c.is_whitespace() || matches!(c, ',' | '[' | ']' | '{' | '}'));
    words.filter(|word| !word.is_empty()).map(int).collect()
}

/// An int of 32 bits, written with a sign, without, or in hexadecimal.
fn int(word: &str) -> Result<i32> {
    let value = match word.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16),
        None => word.parse(),
    };
    let value = value.ok().and_then(gralloc_buffer::wire_int);
    value.with_context(|| format!("\"{}\": allowed are ints of 32 bits, decimal or 0x…", word.escape_default()))
}

fn compression(of: &Compression) -> Value {
    let area = |area: &Area| json!({ "header_bytes": area.header_bytes, "body_bytes": area.body_bytes });
    let used = of.areas.iter().filter(|area| area.bytes() > 0);
    json!({
        "name": of.name.to_string(),
        "value": of.value,
        "body_first": of.body_first,
        "columns": of.columns,
        "areas": used.map(area).collect::<Vec<_>>(),
    })
}

/// A decoded handle for scripts.
pub(crate) fn info_json(info: &BufferInfo) -> Value {
    let plane = |plane: &gralloc_buffer::layout::Plane| json!({ "offset_bytes": plane.offset_bytes, "stride_bytes": plane.stride_bytes, "lines": plane.lines });
    json!({
        "id": format!("{:#018x}", info.id),
        "name": info.name.to_string(),
        "width": info.width,
        "height": info.height,
        "layers": info.layers,
        "format": info.format.to_string(),
        "layout": info.layout.name(),
        "fourcc": (info.fourcc != 0).then(|| info.fourcc.to_le_bytes().escape_ascii().to_string()),
        "modifier": info.modifier,
        "compression": info.compression.as_ref().map(compression),
        "mappable": info.mappable,
        "usage": info.usage.names(),
        "usage_bits": info.usage.0,
        "stride": info.stride,
        "stride_unit": if info.stride_is_bytes() { "bytes" } else { "pixels" },
        "planes": info.planes.as_slice().iter().map(plane).collect::<Vec<_>>(),
        "layer_bytes": info.layer_bytes,
        "bytes": info.buffer_bytes,
        "metadata_bytes": info.metadata_bytes,
        "reserved_bytes": info.reserved_bytes,
        "cached": info.cached,
        "contiguous": info.contiguous,
        "protected": info.protected,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ints_are_read_as_debuggers_print_them() {
        assert_eq!(parse("[1, -2,\n0xffffffff 4294967294]").unwrap(), [1, -2, -1, -2]);
        assert!(parse("").unwrap().is_empty());
    }

    #[test]
    fn what_is_no_int_is_named() {
        for bad in ["4294967296", "0x1ffffffff", "seven", "-2147483649"] {
            let message = parse(bad).unwrap_err().to_string();
            assert!(message.contains(bad) && message.contains("32 bits"), "{message}");
        }
    }
}
