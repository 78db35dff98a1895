//! An explanation for scripts.

use super::Case;
use gralloc_allocator::explain::{
    words, AlignmentNote, Area, Change, CompressionNote, HeapNote, HeapPart, Picture, PlaneNote, RuleNote, StepNote,
};
use gralloc_allocator::Refusal;
use gralloc_buffer::Usage;
use heaps_config::policy::VendorMetadata;
use serde_json::{json, Value};

/// The whole explanation. What a refusal left unknown is null or empty.
pub(super) fn of(case: &Case<'_>) -> Value {
    let policy = case.policy();
    let descriptor = &case.descriptor;
    let explanation = &case.explanation;
    let usage = Usage(u64::from_ne_bytes(descriptor.usage.to_ne_bytes()));
    let options = descriptor.options.iter().map(|option| json!({ "name": option.name, "value": option.value }));
    let taken = explanation.outcome.as_ref().ok().and_then(|plan| policy.rules.get(plan.rule));
    json!({
        "ok": case.answer.is_ok(),
        "policy": policy.name,
        "policy_source": case.loaded.source,
        "request": {
            "name": descriptor.name.to_string(),
            "format": policy.format_of_value(descriptor.format),
            "format_value": descriptor.format,
            "usage": words::usage(usage, policy),
            "usage_bits": usage.0,
            "width": descriptor.width,
            "height": descriptor.height,
            "layers": descriptor.layer_count,
            "reserved_bytes": descriptor.reserved_size,
            "options": options.collect::<Vec<_>>(),
            "dataspace": explanation.request.map(|request| request.dataspace.to_wire()),
            "count": case.count,
        },
        "notes": case.notes,
        "heaps_present": case.heap_names(case.present),
        "heaps_present_from": case.present_from,
        "is_supported": explanation.outcome.is_ok(),
        "refused": case.answer.as_ref().err().map(refusal),
        "rule": taken.map(|rule| &rule.name),
        "rules": explanation.rules.iter().map(rule).collect::<Vec<_>>(),
        "heap_list": explanation.heap_list,
        "heaps": explanation.heaps.iter().map(heap).collect::<Vec<_>>(),
        "layout": explanation.format.as_ref().map(|note| note.name.as_str()),
        "resolution": explanation.format.as_ref().and_then(|note| note.resolution),
        "compressions": explanation.compressions.iter().map(compression).collect::<Vec<_>>(),
        "alignments": explanation.alignments.iter().map(alignment).collect::<Vec<_>>(),
        "steps": explanation.steps.iter().map(step).collect::<Vec<_>>(),
        "picture": explanation.picture.as_ref().map(picture),
        "vendor_metadata": vendor_metadata(case),
        "total_bytes": total(case),
        "page_bytes": case.page_bytes,
        "charged_bytes": case.charged().map(|(pixels, metadata, both)| {
            json!({ "pixels": pixels, "metadata": metadata, "both": both })
        }),
    })
}

fn total(case: &Case<'_>) -> Option<u64> {
    case.explanation.outcome.as_ref().ok()?.total_bytes(u32::try_from(case.count).ok()?)
}

/// The AllocationError of a refusal, by name and number (`AllocationError.aidl`), or the exception (`binder/Status.h`).
pub(super) fn error(refusal: &Refusal) -> (&'static str, i32) {
    match refusal {
        Refusal::Malformed(_) => ("BAD_DESCRIPTOR", 0),
        Refusal::Shortage(_) => ("NO_RESOURCES", 1),
        Refusal::Internal(_) => ("EX_ILLEGAL_STATE", -5),
        Refusal::Unsupported(_) => ("UNSUPPORTED", 2),
    }
}

fn refusal(refusal: &Refusal) -> Value {
    let (name, code) = error(refusal);
    json!({ "error": name, "code": code, "cause": refusal.cause(), "message": refusal.to_string() })
}

fn rule(note: &RuleNote) -> Value {
    json!({ "index": note.index, "name": note.name, "takes": note.misses.is_empty(), "misses": note.misses })
}

fn heap(note: &HeapNote) -> Value {
    let (part, why) = match note.part {
        HeapPart::Chosen => ("first", None),
        HeapPart::Fallback => ("fallback", None),
        HeapPart::Left(verdict) => ("left", Some(words::verdict(verdict))),
    };
    json!({ "name": note.name, "part": part, "why": why })
}

fn compression(note: &CompressionNote) -> Value {
    json!({ "name": note.name, "applies": note.misses.is_empty(), "misses": note.misses })
}

fn change(change: &Change) -> Value {
    json!({ "what": change.what, "from": change.from, "to": change.to })
}

fn step(note: &StepNote) -> Value {
    json!({
        "step": note.step,
        "done": note.done,
        "changes": note.changes.iter().map(change).collect::<Vec<_>>(),
        "causes": note.causes,
    })
}

fn area(area: &Area) -> Value {
    json!({
        "kind": area.kind.word(),
        "plane": area.kind.plane(),
        "offset_bytes": area.offset_bytes,
        "bytes": area.bytes,
    })
}

fn alignment(note: &AlignmentNote) -> Value {
    json!({
        "name": note.name,
        "applies": note.misses.is_empty(),
        "misses": note.misses,
        "changes": note.changes.iter().map(change).collect::<Vec<_>>(),
        "settled": note.settled,
        "unheeded": note.unheeded,
    })
}

fn picture(picture: &Picture) -> Value {
    json!({
        "stride": picture.stride,
        "stride_unit": if picture.stride_is_bytes { "bytes" } else { "pixels" },
        "fourcc": (picture.drm.fourcc != 0).then(|| picture.drm.fourcc.to_le_bytes().escape_ascii().to_string()),
        "modifier": picture.drm.modifier,
        "planes": picture.planes.iter().map(plane).collect::<Vec<_>>(),
        "areas": picture.areas.iter().map(area).collect::<Vec<_>>(),
        "tail_bytes": picture.tail_bytes,
        "layer_bytes": picture.layer_bytes,
        "bytes": picture.bytes,
        "padding_bytes": picture.padding_bytes,
        "metadata_bytes": picture.metadata_bytes,
    })
}

/// The vendor's types that the buffer has; null where it has no plan.
fn vendor_metadata(case: &Case<'_>) -> Option<Vec<Value>> {
    let plan = case.explanation.outcome.as_ref().ok()?;
    let of = |entry: &VendorMetadata| {
        json!({
            "name": entry.name,
            "type": entry.type_name,
            "value": entry.value,
            "encoding": entry.encoding.word(),
            "header": entry.framing.header,
            "counted": entry.framing.counted,
            "says": words::vendor_metadata(entry),
        })
    };
    Some(plan.vendor_metadata(case.policy()).map(of).collect())
}

fn plane(plane: &PlaneNote) -> Value {
    json!({
        "components": plane.components.iter().map(|component| component.name()).collect::<Vec<_>>(),
        "offset_bytes": plane.offset_bytes,
        "stride_bytes": plane.stride_bytes,
        "lines": plane.lines,
        "line_bytes": plane.line_bytes,
        "sample_lines": plane.sample_lines,
        "bytes": plane.bytes,
        "header_bytes": plane.header_bytes,
        "body_bytes": plane.body_bytes,
    })
}
