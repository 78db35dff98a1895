//! Buffers kept ready: `[pool]`, each heap's `pool`, and `[[ready]]`.

use crate::code::Code;
use crate::document::{Document, ReadyDoc};
use crate::finding::{Finding, KeyPath};
use crate::names::Names;
use crate::policy::{Bound, PoolPolicy, ReadyEntry};
use gralloc_buffer::Descriptor;
use gralloc_buffer::{BufferName, PixelFormat};

/// The pool as the service wants it; `None` when it is off.
pub(crate) fn resolve(document: &Document, names: &Names, findings: &mut Vec<Finding>) -> Option<PoolPolicy> {
    let ready = |(at, entry): (usize, &ReadyDoc)| resolve_ready(entry, &KeyPath::item("ready", at), names, findings);
    let ready: Vec<ReadyEntry> = document.ready.iter().enumerate().map(ready).collect();
    let pool = document.pool.as_ref().filter(|pool| pool.enabled)?;
    // Protected memory is scarce and its use tells who watches what: none is kept unless the policy says so.
    let unsaid = |protected: bool| if protected { Bound::Bytes(0) } else { pool.total };
    Some(PoolPolicy {
        total: pool.total,
        heaps: document.heaps.iter().map(|heap| heap.pool.unwrap_or_else(|| unsaid(heap.protected))).collect(),
        streams: pool.streams,
        idle_ms: u64::from(pool.idle_seconds).saturating_mul(1000),
        ready,
    })
}

fn resolve_ready(entry: &ReadyDoc, path: &KeyPath, names: &Names, findings: &mut Vec<Finding>) -> ReadyEntry {
    let format = names.plain_format(&entry.format, path.place("format"), findings);
    let usage = names.usage(&entry.usage, path.place("usage"), findings);
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

/// What says something about a pool needs one, and a part needs a whole.
pub(crate) fn check(document: &Document, findings: &mut Vec<Finding>) {
    if document.pool.is_none() {
        let sections = (!document.ready.is_empty()).then(|| KeyPath::item("ready", 0));
        let heaps = document.heaps.iter().enumerate().filter(|(_, heap)| heap.pool.is_some());
        for path in sections.into_iter().chain(heaps.map(|(at, _)| KeyPath::item("heap", at).key("pool"))) {
            let finding = Finding::new(Code::PoolUnused, path, "without [pool] nothing is kept ready");
            findings.push(finding.help("[pool] with total = \"6%\""));
        }
    }
    for (at, heap) in document.heaps.iter().enumerate() {
        let own_memory = heap.contiguous || !heap.is_system_memory();
        if own_memory && heap.budget.is_none() && matches!(heap.pool, Some(Bound::Percent(_))) {
            let message = "a part of a region of which nothing is said here: where the kernel does not tell its size, none is kept";
            let finding = Finding::new(Code::PoolUnused, KeyPath::item("heap", at).key("pool"), message);
            findings.push(finding.help("say its `budget`, or a size"));
        }
    }
}
