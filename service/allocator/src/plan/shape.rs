//! What a format becomes, and which usages it can have.
//!
//! The combinations that are refused here are those that AOSP's NDK refuses
//! (`frameworks/native/libs/nativewindow/AHardwareBuffer.cpp`, `AHardwareBuffer_isValidDescription`): camera and codec
//! come to the allocator without it.

use crate::error::{Malformed, Refusal, Unsupported};
use crate::plan::trace::{Resolved, Tracer};
use crate::request::Request;
use gralloc_buffer::format::PixelFormat;
use gralloc_buffer::layout::Layout;
use gralloc_buffer::usage::Usage;
use heaps_config::condition::Subject;
use heaps_config::policy::{LayoutName, Policy};

/// Finds the format's layout: its own, or for a flexible format the first resolution whose condition holds.
///
/// # Errors
/// `Unsupported::Format` for `UNSPECIFIED`, and for a flexible format that nothing resolves.
pub fn resolve<'p>(request: &Request, policy: &'p Policy, tracer: &mut impl Tracer) -> Result<Resolved<'p>, Refusal> {
    let resolved = find(request, policy, tracer)?;
    tracer.resolved(&resolved);
    Ok(resolved)
}

fn find<'p>(request: &Request, policy: &'p Policy, tracer: &mut impl Tracer) -> Result<Resolved<'p>, Refusal> {
    let format = request.format;
    if let Some(layout) = Layout::of(format) {
        return Ok(Resolved { layout, vendor: None, resolution: None, compress: None });
    }
    let vendor = |value: i32| {
        let reason = "a format that the policy does not name";
        policy.vendor_format(value).ok_or(Refusal::from(Unsupported::Format { value, reason }))
    };
    if let PixelFormat::Vendor(value) = format {
        let own = vendor(value)?;
        return Ok(Resolved { layout: own.layout, vendor: Some(own), resolution: None, compress: None });
    }
    let own = policy.resolutions.iter().enumerate().filter(|(_, resolution)| resolution.format == format);
    for (index, resolution) in own {
        if resolution.when.holds(request.into()) {
            let (layout, vendor) = match resolution.layout {
                LayoutName::Table(layout) => (layout, None),
                LayoutName::Vendor(value) => vendor(value).map(|own| (own.layout, Some(own)))?,
            };
            return Ok(Resolved { layout, vendor, resolution: Some(index), compress: None });
        }
        tracer.passed_over(request, index, resolution);
    }
    let reason = match format {
        PixelFormat::Unspecified => "names no layout",
        _ => "a flexible format, and no resolution of the policy takes this usage",
    };
    Err(Unsupported::Format { value: format.to_wire(), reason }.into())
}

/// Finds how the buffer is compressed or tiled: the first entry whose condition holds, and none where the CPU comes along, or the
/// GPU takes the buffer for its data.
///
/// # Errors
/// `Unsupported::Combination` for a format that has no linear form, when nothing compresses it.
pub fn compress<'p>(
    request: &Request,
    mut resolved: Resolved<'p>,
    policy: &'p Policy,
    tracer: &mut impl Tracer,
) -> Result<Resolved<'p>, Refusal> {
    let subject = Subject { compressed: None, ..resolved.subject(request) };
    for entry in &policy.compressions {
        let applies = !request.usage.lines() && resolved.layout != Layout::Blob && entry.when.holds(subject);
        tracer.compression(request, subject, entry, applies);
        if applies {
            resolved.compress = Some(entry);
            return Ok(resolved);
        }
    }
    match resolved.vendor {
        Some(own) if !own.linear => {
            let reason = "a format without a linear form, and no [[compress]] takes it with this usage";
            Err(Refusal::combination(reason))
        }
        _ => Ok(resolved),
    }
}

/// Checks that size, layers, usage and layout can be together.
///
/// # Errors
/// `Malformed::SizeForFormat` for what the format's contract rules out, `Unsupported::Combination` for usages that
/// contradict one another or that linear memory cannot serve.
pub fn check(request: &Request, resolved: &Resolved<'_>) -> Result<(), Refusal> {
    let layout = resolved.layout;
    let refuse = |needs| Err(Malformed::SizeForFormat { format: layout.name(), needs }.into());
    if let Some(own) = resolved.vendor {
        if request.width % own.width_multiple.max(1) != 0 || request.height % own.height_multiple.max(1) != 0 {
            return refuse("a width and a height that are the multiples which its [[format]] says");
        }
        if !own.mappable && request.usage.cpu() {
            return Err(Refusal::combination("CPU_READ or CPU_WRITE of a format that the CPU does not map"));
        }
    }
    if let Err(needs) = layout.accepts(request.width, request.height) {
        return refuse(needs);
    }
    if layout == Layout::Blob && request.layers != 1 {
        return refuse("a layer count of 1");
    }
    match contradiction(request) {
        Some(reason) => Err(Refusal::combination(reason)),
        None => Ok(()),
    }
}

fn contradiction(request: &Request) -> Option<&'static str> {
    let usage = request.usage;
    if usage.contains(Usage::PROTECTED) && usage.cpu() {
        // No protected heap can be mapped: the buffer would be one whose every lock fails.
        return Some("PROTECTED does not go with CPU_READ or CPU_WRITE: the CPU never sees protected memory");
    }
    if usage.contains(Usage::GPU_MIPMAP_COMPLETE) {
        // A plane layout describes one image; nothing in the contract tells a client where a linear buffer's smaller
        // levels lie. Whoever wants them gets a clear no and makes a texture of its own.
        return Some("GPU_MIPMAP_COMPLETE: a linear buffer holds one level, not a pyramid");
    }
    if usage.contains(Usage::GPU_CUBE_MAP) {
        if request.width != request.height {
            return Some("GPU_CUBE_MAP needs width and height to be equal");
        }
        if request.layers % 6 != 0 {
            return Some("GPU_CUBE_MAP needs a layer count that is a multiple of 6");
        }
    }
    None
}
