//! The table of buffers that the demo prints.

use serde::Serialize;
use serde_json::Value;

use super::clients::{Request, Told};

/// A buffer and what became of its request.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Row {
    client: String,
    buffer_id: String,
    /// What was asked for, and what it became.
    format: String,
    layout: String,
    size: String,
    usage: String,
    rule: String,
    heap: String,
    /// `offset+stride` of each plane, bytes.
    planes: String,
    stride_pixels: u64,
    bytes: u64,
    /// From the client's call to the decoded handle, µs.
    allocate_us: u64,
}

/// All buffers of the run, the cameras' first.
pub(super) fn rows(told: &Told) -> Vec<Row> {
    let clients = told.cameras.iter().map(|(name, report)| (name.as_str(), report));
    let mut rows = Vec::new();
    for (client, report) in clients.chain([("display", &told.display)]) {
        let buffers = report.get("buffers").and_then(Value::as_array);
        rows.extend(buffers.into_iter().flatten().map(|buffer| row(client, buffer, told)));
    }
    rows
}

fn row(client: &str, buffer: &Value, told: &Told) -> Row {
    let text = |key: &str| buffer.get(key).and_then(Value::as_str).unwrap_or("?").to_owned();
    let number = |value: &Value, key: &str| value.get(key).and_then(Value::as_u64).unwrap_or(0);
    let planes = buffer.get("planes").and_then(Value::as_array).into_iter().flatten();
    let planes: Vec<String> =
        planes.map(|plane| format!("{}+{}", number(plane, "offset_bytes"), number(plane, "stride_bytes"))).collect();
    let request = Request::of(buffer);
    let predicted = told.predicted.iter().find(|(known, _)| *known == request);
    let rule = predicted.and_then(|(_, answer)| answer.get("rule")?.as_str()).unwrap_or("?");
    Row {
        client: client.to_owned(),
        buffer_id: text("buffer_id"),
        format: request.format,
        layout: text("layout"),
        size: request.size,
        usage: request.usage,
        rule: rule.to_owned(),
        heap: text("heap"),
        planes: planes.join(" "),
        stride_pixels: number(buffer, "stride_pixels"),
        bytes: number(buffer, "bytes"),
        allocate_us: number(buffer, "allocate_us"),
    }
}

/// The table for people.
pub(super) fn print(rows: &[Row]) -> String {
    let head = ["client", "buffer", "layout", "size", "usage", "rule", "heap", "planes", "stride", "bytes", "µs"];
    let mut lines = vec![head.map(str::to_owned)];
    lines.extend(rows.iter().cloned().map(|row| {
        let numbers = [row.stride_pixels, row.bytes, row.allocate_us].map(|number| number.to_string());
        let [stride, bytes, time] = numbers;
        let Row { client, buffer_id, layout, size, usage, rule, heap, planes, .. } = row;
        [client, buffer_id, layout, size, usage, rule, heap, planes, stride, bytes, time]
    }));
    let mut widths = [0; 11];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut out = String::new();
    for line in &lines {
        for (width, cell) in widths.iter().zip(line) {
            out.push_str(&format!("{cell:width$}  "));
        }
        out.truncate(out.trim_end().len());
        out.push('\n');
    }
    out
}
