//! From ints that anybody may have written to a [`BufferInfo`].

use crate::handle::encode::{CACHED, CONTIGUOUS, PROTECTED};
use crate::handle::BufferInfo;
use crate::handle::HandleError;
use crate::handle::{FDS, INTS, MAGIC, VERSION};
use crate::layout::{Plane, Planes, MAX_PLANES};
use crate::name::NAME_BYTES;
use crate::METADATA_BYTES;
use crate::{BufferName, Layout, PixelFormat, Usage};

/// A handle as it arrived: a count of fds, and ints. Nothing in it is believed.
#[derive(Clone, Copy, Debug)]
pub struct RawHandle<'a> {
    /// `native_handle_t.numFds`, or the length of `NativeHandle.fds`.
    pub num_fds: usize,
    /// The ints, as many as `native_handle_t.numInts` says.
    pub ints: &'a [i32],
}

/// Says what a handle is.
///
/// # Errors
/// The first thing that is wrong with it, in the order of the ints. Never panics.
pub fn decode(raw: RawHandle<'_>) -> Result<BufferInfo, HandleError> {
    if raw.num_fds != FDS {
        return Err(HandleError::FdCount(raw.num_fds));
    }
    let ints: &[i32; INTS] = raw.ints.try_into().map_err(|_| HandleError::IntCount(raw.ints.len()))?;
    // By position, in the order of `fields::TABLE`: every import comes through here.
    let &[magic, version, count, id_low, id_high, width, height, layers, format, usage_low, usage_high, layout, modifier_low, modifier_high, stride, flags, buffer_low, buffer_high, layer_low, layer_high, metadata_low, metadata_high, reserved_low, reserved_high, plane_count, ref rest @ ..] =
        ints;
    check_head(magic, version, count)?;
    let (width, height, layers) = (word(width), word(height), word(layers));
    let format = PixelFormat::from_wire(format).ok_or(HandleError::Format(format))?;
    let layout = word(layout);
    let layout = Layout::from_id(layout).ok_or(HandleError::Layout(layout))?;
    if !can_be(format, layout) {
        return Err(HandleError::LayoutOfFormat { format, layout });
    }
    let modifier = long(modifier_low, modifier_high);
    if modifier != 0 {
        return Err(HandleError::Modifier(modifier));
    }
    let (stride, flags) = (word(stride), word(flags));
    if flags & !(PROTECTED | CACHED | CONTIGUOUS) != 0 {
        return Err(HandleError::Flags(flags));
    }
    let (buffer_bytes, layer_bytes) = (long(buffer_low, buffer_high), long(layer_low, layer_high));
    let (metadata_bytes, reserved_bytes) = (long(metadata_low, metadata_high), long(reserved_low, reserved_high));
    check_bytes(layers, layer_bytes, buffer_bytes)?;
    check_metadata(metadata_bytes, reserved_bytes)?;
    let (planes, rest) = rest.split_at(PLANE_INTS);
    let planes = read_planes(plane_count, planes)?;
    layout.check(&planes, layer_bytes, width, height).map_err(HandleError::Planes)?;
    let expected = planes.as_slice().first().map_or(0, |first| layout.stride_of(first.stride_bytes));
    if stride != expected {
        return Err(HandleError::Stride { found: stride, expected });
    }
    let (name, spare) = rest.split_at(NAME_BYTES / 4);
    let name = read_name(name)?;
    if spare.iter().any(|int| *int != 0) {
        return Err(HandleError::Spare);
    }
    Ok(BufferInfo {
        id: long(id_low, id_high),
        name,
        width,
        height,
        layers,
        format,
        usage: Usage(long(usage_low, usage_high)),
        layout,
        modifier,
        stride,
        planes,
        layer_bytes,
        buffer_bytes,
        metadata_bytes,
        reserved_bytes,
        protected: flags & PROTECTED != 0,
        cached: flags & CACHED != 0,
        contiguous: flags & CONTIGUOUS != 0,
    })
}

/// Ints of the planes, four each.
const PLANE_INTS: usize = 4 * MAX_PLANES;
const _: () = assert!(25 + PLANE_INTS + NAME_BYTES / 4 <= INTS);

/// Whether the ints are ours at all, and of a version that is known here.
fn check_head(magic: i32, version: i32, count: i32) -> Result<(), HandleError> {
    if magic != MAGIC {
        return Err(HandleError::Magic(magic));
    }
    if version != VERSION {
        return Err(HandleError::Version(version));
    }
    if usize::try_from(count) != Ok(INTS) {
        return Err(HandleError::DeclaredInts(count));
    }
    Ok(())
}

/// Whether a policy may make the layout of the format.
fn can_be(format: PixelFormat, layout: Layout) -> bool {
    match format {
        // Its contract: 8-bit samples, chroma halved both ways.
        PixelFormat::Ycbcr420_888 => {
            matches!(layout, Layout::Nv12 | Layout::Nv21 | Layout::Yv12 | Layout::I420)
        }
        PixelFormat::RawOpaque => {
            matches!(layout, Layout::Raw10 | Layout::Raw12 | Layout::Raw16 | Layout::Blob)
        }
        PixelFormat::ImplementationDefined => layout != Layout::Blob,
        fixed => Layout::of(fixed) == Some(layout),
    }
}

fn check_bytes(layers: u32, layer_bytes: u64, buffer_bytes: u64) -> Result<(), HandleError> {
    let is_count = layers > 0 && i32::try_from(layers).is_ok();
    let all = layer_bytes.checked_mul(u64::from(layers));
    // A mapping's length is an isize, a file's size an i64.
    if !is_count || all != Some(buffer_bytes) || i64::try_from(buffer_bytes).is_err() {
        return Err(HandleError::Bytes { layers, layer_bytes, buffer_bytes });
    }
    Ok(())
}

fn check_metadata(metadata_bytes: u64, reserved_bytes: u64) -> Result<(), HandleError> {
    let all = METADATA_BYTES.checked_add(reserved_bytes);
    if all != Some(metadata_bytes) || i64::try_from(metadata_bytes).is_err() {
        return Err(HandleError::Metadata { metadata_bytes, reserved_bytes });
    }
    Ok(())
}

/// As many planes as there are said to be; what stands in the places of others must be zero.
fn read_planes(count: i32, ints: &[i32]) -> Result<Planes, HandleError> {
    let bad = HandleError::PlaneCount(count);
    let used = usize::try_from(count).ok().filter(|count| *count <= MAX_PLANES).ok_or(bad)?;
    let (used, unused) = ints.split_at(4 * used);
    if unused.iter().any(|int| *int != 0) {
        return Err(HandleError::UnusedPlane);
    }
    let mut planes = [Plane::default(); MAX_PLANES];
    let mut filled = 0;
    for (plane, four) in planes.iter_mut().zip(used.chunks_exact(4)) {
        if let &[low, high, stride, lines] = four {
            *plane = Plane { offset_bytes: long(low, high), stride_bytes: word(stride), lines: word(lines) };
            filled += 1;
        }
    }
    planes.get(..filled).and_then(Planes::from_slice).ok_or(bad)
}

/// The name, terminated, and nothing behind the terminator.
fn read_name(ints: &[i32]) -> Result<BufferName, HandleError> {
    let mut wire = [0; NAME_BYTES];
    for (four, int) in wire.chunks_exact_mut(4).zip(ints) {
        four.copy_from_slice(&int.to_le_bytes());
    }
    let name = BufferName::from_wire(&wire);
    if *name.to_wire() == wire {
        Ok(name)
    } else {
        Err(HandleError::Name)
    }
}

fn word(int: i32) -> u32 {
    u32::from_ne_bytes(int.to_ne_bytes())
}

/// The lower half comes first.
fn long(low: i32, high: i32) -> u64 {
    u64::from(word(high)) << 32 | u64::from(word(low))
}
