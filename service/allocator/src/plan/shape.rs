//! What a format becomes, and which usages it can have.
//!
//! The combinations that are refused here are those that AOSP's own front door refuses
//! (`frameworks/native/libs/nativewindow/AHardwareBuffer.cpp`, `AHardwareBuffer_isValidDescription`): camera and codec
//! come to the allocator without passing it.

use crate::error::{Malformed, Refusal, Unsupported};
use crate::plan::Tracer;
use crate::request::Request;
use gralloc_buffer::format::PixelFormat;
use gralloc_buffer::layout::Layout;
use gralloc_buffer::usage::Usage;
use heaps_config::policy::Policy;

/// What a format became.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The layout.
    pub layout: Layout,
    /// Index in `Policy::resolutions`, for a flexible format.
    pub resolution: Option<usize>,
}

/// Finds the format's layout: its own, or for a flexible format the first resolution whose condition holds.
///
/// # Errors
/// `Unsupported::Format` for `UNSPECIFIED`, and for a flexible format that nothing resolves.
pub fn resolve(request: &Request, policy: &Policy, tracer: &mut impl Tracer) -> Result<Resolved, Refusal> {
    let resolved = find(request, policy, tracer)?;
    tracer.resolved(&resolved);
    Ok(resolved)
}

fn find(request: &Request, policy: &Policy, tracer: &mut impl Tracer) -> Result<Resolved, Refusal> {
    let format = request.format;
    if let Some(layout) = Layout::of(format) {
        return Ok(Resolved { layout, resolution: None });
    }
    let own = policy.resolutions.iter().enumerate().filter(|(_, resolution)| resolution.format == format);
    for (index, resolution) in own {
        if resolution.when.holds(request.usage, format, None) {
            return Ok(Resolved { layout: resolution.layout, resolution: Some(index) });
        }
        tracer.passed_over(request, index, resolution);
    }
    let reason = match format {
        PixelFormat::Unspecified => "names no layout",
        _ => "a flexible format, and no resolution of the policy takes this usage",
    };
    Err(Unsupported::Format { value: format.to_wire(), reason }.into())
}

/// Checks that size, layers, usage and layout can be together.
///
/// # Errors
/// `Malformed::SizeForFormat` for what the format's contract rules out, `Unsupported::Combination` for usages that
/// contradict one another or that linear memory cannot serve.
pub fn check(request: &Request, layout: Layout) -> Result<(), Refusal> {
    let refuse = |needs| Err(Malformed::SizeForFormat { format: layout.name(), needs }.into());
    if let Err(needs) = layout.accepts(request.width, request.height) {
        return refuse(needs);
    }
    if layout == Layout::Blob && request.layers != 1 {
        return refuse("a layer count of 1");
    }
    match contradiction(request) {
        Some(reason) => Err(Unsupported::Combination(reason).into()),
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
