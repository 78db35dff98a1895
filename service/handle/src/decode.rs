//! From ints that anybody may have written to a [`BufferInfo`].

use crate::encode::{CACHED, CONTIGUOUS, PROTECTED};
use crate::error::HandleError;
use crate::info::BufferInfo;
use crate::{FDS, INTS, MAGIC, VERSION};
use gralloc_core::layout::{Plane, Planes, MAX_PLANES};
use gralloc_core::plan::METADATA_BYTES;
use gralloc_core::request::NAME_BYTES;
use gralloc_core::{BufferName, Layout, PixelFormat, Usage};

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
    let mut from = Reader { rest: ints.iter() };
    read_head(&mut from)?;
    let id = from.long();
    let (width, height, layers) = (from.word(), from.word(), from.word());
    let format = from.int();
    let format = PixelFormat::from_wire(format).ok_or(HandleError::Format(format))?;
    let usage = Usage(from.long());
    let layout = from.word();
    let layout = Layout::from_id(layout).ok_or(HandleError::Layout(layout))?;
    if !can_be(format, layout) {
        return Err(HandleError::LayoutOfFormat { format, layout });
    }
    let modifier = from.long();
    if modifier != 0 {
        return Err(HandleError::Modifier(modifier));
    }
    let stride = from.word();
    let flags = from.word();
    if flags & !(PROTECTED | CACHED | CONTIGUOUS) != 0 {
        return Err(HandleError::Flags(flags));
    }
    let (buffer_bytes, layer_bytes) = (from.long(), from.long());
    let (metadata_bytes, reserved_bytes) = (from.long(), from.long());
    check_bytes(layers, layer_bytes, buffer_bytes)?;
    check_metadata(metadata_bytes, reserved_bytes)?;
    let planes = read_planes(&mut from)?;
    layout.check(&planes, layer_bytes, width, height).map_err(HandleError::Planes)?;
    let expected = planes.as_slice().first().map_or(0, |first| layout.stride_of(first.stride_bytes));
    if stride != expected {
        return Err(HandleError::Stride { found: stride, expected });
    }
    let name = read_name(&mut from)?;
    if from.rest.any(|int| *int != 0) {
        return Err(HandleError::Spare);
    }
    Ok(BufferInfo {
        id,
        name,
        width,
        height,
        layers,
        format,
        usage,
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

/// Whether the ints are ours at all, and of a version that is known here.
fn read_head(from: &mut Reader<'_>) -> Result<(), HandleError> {
    let (magic, version, count) = (from.int(), from.int(), from.int());
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
fn read_planes(from: &mut Reader<'_>) -> Result<Planes, HandleError> {
    let count = from.int();
    let all: [Plane; MAX_PLANES] =
        std::array::from_fn(|_| Plane { offset_bytes: from.long(), stride_bytes: from.word(), lines: from.word() });
    let bad = HandleError::PlaneCount(count);
    let (used, unused) = match usize::try_from(count) {
        Ok(count) if count <= all.len() => all.split_at(count),
        _ => return Err(bad),
    };
    if unused.iter().any(|plane| *plane != Plane::default()) {
        return Err(HandleError::UnusedPlane);
    }
    Planes::from_slice(used).ok_or(bad)
}

/// The name, terminated, and nothing behind the terminator.
fn read_name(from: &mut Reader<'_>) -> Result<BufferName, HandleError> {
    let mut wire = [0; NAME_BYTES];
    for four in wire.chunks_exact_mut(4) {
        four.copy_from_slice(&from.int().to_le_bytes());
    }
    let name = BufferName::from_wire(&wire);
    if *name.to_wire() == wire {
        Ok(name)
    } else {
        Err(HandleError::Name)
    }
}

/// Takes ints from the front. There are always enough: the count was checked, and every handle is read the same way.
struct Reader<'a> {
    rest: std::slice::Iter<'a, i32>,
}

impl Reader<'_> {
    fn int(&mut self) -> i32 {
        self.rest.next().copied().unwrap_or(0)
    }

    fn word(&mut self) -> u32 {
        u32::from_ne_bytes(self.int().to_ne_bytes())
    }

    fn long(&mut self) -> u64 {
        let (low, high) = (self.word(), self.word());
        u64::from(high) << 32 | u64::from(low)
    }
}
