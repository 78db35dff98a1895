//! Buffers kept ready: `[pool]`, each heap's `pool`, and `[[ready]]`.

use crate::code::Code;
use crate::document::{Document, ReadyDoc};
use crate::finding::{Finding, KeyPath};
use crate::names::Names;
use gralloc_core::policy::{HeapSet, Policy, PoolPolicy, ReadyEntry};
use gralloc_core::pool::SMALLEST_BYTES;
use gralloc_core::request::Descriptor;
use gralloc_core::{plan, BufferName, PixelFormat};

/// The pool as the core wants it; `None` when it is off.
pub(crate) fn resolve(document: &Document, names: &Names, findings: &mut Vec<Finding>) -> Option<PoolPolicy> {
    let ready = |(at, entry): (usize, &ReadyDoc)| resolve_ready(entry, &KeyPath::item("ready", at), names, findings);
    let ready: Vec<ReadyEntry> = document.ready.iter().enumerate().map(ready).collect();
    let pool = document.pool.as_ref().filter(|pool| pool.enabled)?;
    // Protected memory is scarce and its use tells who watches what: none is kept unless the policy says so.
    let heap_bytes = document.heaps.iter().map(|heap| heap.pool.unwrap_or(if heap.protected { 0 } else { pool.total }));
    Some(PoolPolicy {
        total_bytes: pool.total,
        heap_bytes: heap_bytes.collect(),
        streams: pool.streams,
        idle_ms: u64::from(pool.idle_seconds).saturating_mul(1000),
        ready,
    })
}

fn resolve_ready(entry: &ReadyDoc, path: &KeyPath, names: &Names, findings: &mut Vec<Finding>) -> ReadyEntry {
    let format = names.plain_format(&entry.format, &path.key("format"), findings);
    let usage = names.usage(&entry.usage, &path.key("usage"), findings);
    // What does not fit is refused with the rest of the descriptor, below.
    let number = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
    ReadyEntry {
        name: entry.name.clone(),
        descriptor: Descriptor {
            name: BufferName::from_text(&entry.name),
            width: number(entry.width),
            height: number(entry.height),
            layer_count: number(entry.layers),
            format: format.unwrap_or(PixelFormat::Rgba8888).to_wire(),
            usage: i64::from_ne_bytes(usage.0.to_ne_bytes()),
            reserved_size: 0,
            options: Vec::new(),
        },
        count: entry.count,
    }
}

/// What is to be kept ready must be something that the policy would give, and the bounds must hold it.
pub(crate) fn check(document: &Document, policy: &Policy, findings: &mut Vec<Finding>) {
    if document.pool.is_none() {
        let sections = (!document.ready.is_empty()).then(|| KeyPath::item("ready", 0));
        let heaps = document.heaps.iter().enumerate().filter(|(_, heap)| heap.pool.is_some());
        for path in sections.into_iter().chain(heaps.map(|(at, _)| KeyPath::item("heap", at).key("pool"))) {
            let finding = Finding::new(Code::PoolUnused, path, "without [pool] nothing is kept ready");
            findings.push(finding.help("[pool] with total = \"64MiB\""));
        }
    }
    let Some(pool) = &policy.pool else { return };
    let mut sum = 0u64;
    for (at, entry) in pool.ready.iter().enumerate() {
        let path = KeyPath::item("ready", at);
        let planned = match plan(&entry.descriptor, policy, HeapSet::ALL) {
            Ok(planned) => planned,
            Err(refusal) => {
                let message = format!("this policy would refuse such a buffer: {refusal}");
                findings.push(Finding::new(Code::BadValue, path, message));
                continue;
            }
        };
        let Some(heap) = planned.candidates_in_order().next() else { continue };
        let share = pool.heap_bytes(heap);
        let bytes = planned.bytes.saturating_mul(u64::from(entry.count));
        sum = sum.saturating_add(bytes);
        let name = policy.heap_name(heap);
        let message = if planned.bytes < SMALLEST_BYTES {
            format!(
                "{} bytes are allocated as fast as handed out: nothing below {SMALLEST_BYTES} is kept",
                planned.bytes
            )
        } else if bytes > share {
            format!("{bytes} bytes of heap \"{name}\", of which at most {share} are kept ready")
        } else if sum > pool.total_bytes {
            format!("{sum} bytes with the entries before, and at most {} are kept ready", pool.total_bytes)
        } else {
            continue;
        };
        findings.push(Finding::new(Code::PoolUnused, path, message));
    }
}
