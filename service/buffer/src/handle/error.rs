//! Why a handle is refused.

use crate::handle::{AREA_ALIGN_BYTES, FDS, INTS, MAGIC, MAX_AREA_BYTES, VERSION};
use crate::layout::LayoutError;
use crate::METADATA_BYTES;
use crate::{Layout, PixelFormat};
use std::fmt;

/// Why a handle is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandleError {
    /// Another number of fds.
    FdCount(usize),
    /// Another number of ints.
    IntCount(usize),
    /// Not a handle of this allocator.
    Magic(i32),
    /// A handle of a version that is not known here.
    Version(i32),
    /// The handle says another number of ints than it has.
    DeclaredInts(i32),
    /// Not a `PixelFormat`.
    Format(i32),
    /// Not a layout's id.
    Layout(u32),
    /// The format never becomes this layout.
    LayoutOfFormat {
        /// As said.
        format: PixelFormat,
        /// As said.
        layout: Layout,
    },
    /// A modifier or fourcc that the format cannot have, a modifier without its fourcc, or none with one.
    Modifier(u64),
    /// Shapes of planes that are none; why, in words.
    Shapes(&'static str),
    /// A compression that is none; why, in words.
    Compression(&'static str),
    /// Flags of no meaning.
    Flags(u32),
    /// Layers and sizes that do not go together, or are too large for a file.
    Bytes {
        /// As said.
        layers: u32,
        /// As said.
        layer_bytes: u64,
        /// As said.
        buffer_bytes: u64,
    },
    /// Metadata and reserved region that do not go together, or are too large for a file.
    Metadata {
        /// As said.
        metadata_bytes: u64,
        /// As said.
        reserved_bytes: u64,
    },
    /// More planes than any layout has, or a negative count.
    PlaneCount(i32),
    /// A plane beyond the handle's count is not zero.
    UnusedPlane,
    /// The planes are not ones of the layout at this size.
    Planes(LayoutError),
    /// Not the stride of the first plane.
    Stride {
        /// As said.
        found: u32,
        /// As the first plane has it.
        expected: u32,
    },
    /// The name is not terminated, or something stands behind its terminator.
    Name,
    /// A hash of a vendor's types without room for them, or room without a hash.
    VendorMetadata,
    /// The dma-buf is smaller than the handle says.
    BufferTooSmall {
        /// Bytes, as the kernel says.
        found: u64,
        /// Bytes, as the handle says.
        needed: u64,
    },
    /// The metadata's dma-buf is smaller than the handle says.
    MetadataTooSmall {
        /// Bytes, as the kernel says.
        found: u64,
        /// Bytes, as the handle says.
        needed: u64,
    },
}

impl std::error::Error for HandleError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            HandleError::Planes(why) => Some(why),
            _ => None,
        }
    }
}

impl fmt::Display for HandleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HandleError::FdCount(found) => write!(f, "{found} fds: a handle has {FDS}"),
            HandleError::IntCount(found) => write!(f, "{found} ints: a handle has {INTS}"),
            HandleError::Magic(found) => {
                write!(f, "magic {found:#010x}: not a handle of this allocator ({MAGIC:#010x})")
            }
            HandleError::Version(found) => {
                write!(f, "a handle of version {found}: this library reads version {VERSION}")
            }
            HandleError::DeclaredInts(found) => write!(f, "says it has {found} ints: it has {INTS}"),
            HandleError::Format(found) => write!(f, "format {found:#x}: not a PixelFormat"),
            HandleError::Layout(found) => write!(f, "layout {found}: no such layout"),
            HandleError::LayoutOfFormat { format, layout } => {
                write!(f, "format {format} never becomes layout {layout}")
            }
            HandleError::Modifier(found) => {
                write!(f, "modifier {found:#x}: not with this format and fourcc")
            }
            HandleError::Shapes(why) => write!(f, "shapes of planes: {why}"),
            HandleError::Compression(why) => write!(f, "compression: {why}"),
            HandleError::Flags(found) => {
                write!(f, "flags {found:#x}: bits 0 to 8 have a meaning, and not any of them together")
            }
            HandleError::Bytes { layers, layer_bytes, buffer_bytes } => {
                write!(f, "{layers} layers of {layer_bytes} bytes are no buffer of {buffer_bytes} bytes")
            }
            HandleError::Metadata { metadata_bytes, reserved_bytes } => write!(
                f,
                "{metadata_bytes} bytes of metadata with {reserved_bytes} reserved: must be {METADATA_BYTES} more than \
                 the reserved ones, and at most {} pages more for a vendor's types",
                MAX_AREA_BYTES / AREA_ALIGN_BYTES
            ),
            HandleError::PlaneCount(found) => write!(f, "{found} planes: no layout has so many"),
            HandleError::UnusedPlane => f.write_str("a plane beyond the count is not zero"),
            HandleError::Planes(why) => write!(f, "planes: {why}"),
            HandleError::Stride { found, expected } => write!(f, "stride {found}: the first plane's is {expected}"),
            HandleError::Name => f.write_str("the name is not terminated, or not empty behind its terminator"),
            HandleError::VendorMetadata => {
                f.write_str("vendor's metadata: a hash without room for its types, or room without a hash")
            }
            HandleError::BufferTooSmall { found, needed } => {
                write!(f, "the buffer has {found} bytes: the handle says {needed}")
            }
            HandleError::MetadataTooSmall { found, needed } => {
                write!(f, "the metadata buffer has {found} bytes: the handle says {needed}")
            }
        }
    }
}
