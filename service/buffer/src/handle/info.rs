//! What a handle says, decoded.

use crate::handle::{Digest, HandleError};
use crate::layout::{shape, Compression, DrmFormat, Needs, PlaneShape, Planes, Shapes};
use crate::METADATA_BYTES;
use crate::{BufferName, Layout, PixelFormat, Usage};
use std::fmt;

/// Everything about a buffer that never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferInfo {
    /// Differs from that of every other buffer, of earlier runs of the service too.
    pub id: u64,
    /// As the client gave it.
    pub name: BufferName,
    /// Pixels.
    pub width: u32,
    /// Lines.
    pub height: u32,
    /// Images in the buffer, `layer_bytes` apart.
    pub layers: u32,
    /// As the client asked for it, flexible formats too.
    pub format: PixelFormat,
    /// As the client asked for it.
    pub usage: Usage,
    /// What the format became.
    pub layout: Layout,
    /// The planes' own shapes, where they are not the layout's.
    pub own: Shapes,
    /// The `DRM_FORMAT_*` code: the layout's, or the one that the policy states.
    pub fourcc: u32,
    /// A `DRM_FORMAT_MOD_*` value; 0 is linear.
    pub modifier: u64,
    /// How it is compressed or tiled; `None` for lines one after the other.
    pub compression: Option<Compression>,
    /// As `AllocationResult.stride` gives it: pixels; bytes for RAW10, RAW12 and BLOB.
    pub stride: u32,
    /// Planes of a layer.
    pub planes: Planes,
    /// Bytes from one layer to the next.
    pub layer_bytes: u64,
    /// Bytes of all layers.
    pub buffer_bytes: u64,
    /// Bytes of the second dma-buf: the shared metadata, the vendor's, then the reserved region.
    pub metadata_bytes: u64,
    /// Bytes of the reserved region.
    pub reserved_bytes: u64,
    /// The hash of the table of the vendor's types; zero without one.
    pub vendor_metadata: Digest,
    /// The CPU can make sense of the pixels; otherwise it gets no lock.
    pub mappable: bool,
    /// The CPU cannot see the memory.
    pub protected: bool,
    /// CPU mappings are cached: access is bracketed with `DMA_BUF_IOCTL_SYNC`.
    pub cached: bool,
    /// Physically contiguous.
    pub contiguous: bool,
    /// Not to be locked for more than it was allocated for.
    pub strict_cpu_usage: bool,
}

impl BufferInfo {
    /// One picture in memory that the CPU sees, without a name and a usage: what those begin with who make buffers without a policy.
    /// `None` where the layout has no picture of that size.
    pub fn linear(format: PixelFormat, layout: Layout, width: u32, height: u32) -> Option<Self> {
        let arrangement = layout.measure(width, height, 1, &Needs::NONE)?.narrow()?;
        Some(BufferInfo {
            id: 0,
            name: BufferName::default(),
            width,
            height,
            layers: 1,
            format,
            usage: Usage::NONE,
            layout,
            own: Shapes::NONE,
            fourcc: layout.fourcc(),
            modifier: 0,
            compression: None,
            stride: arrangement.stride,
            planes: arrangement.planes,
            layer_bytes: arrangement.layer_bytes,
            buffer_bytes: arrangement.layer_bytes,
            metadata_bytes: METADATA_BYTES,
            reserved_bytes: 0,
            vendor_metadata: Digest::default(),
            mappable: true,
            protected: false,
            cached: true,
            contiguous: false,
            strict_cpu_usage: false,
        })
    }

    /// What the planes are made of that hold samples: the layout's, or the buffer's own.
    #[inline]
    pub fn shapes(&self) -> &[PlaneShape] {
        match self.own.as_slice() {
            [] => self.layout.shapes(),
            own => own,
        }
    }

    /// What a plane is made of: those behind the layout's are headers.
    #[inline]
    pub fn shape(&self, index: usize) -> &PlaneShape {
        self.shapes().get(index).unwrap_or(&shape::HEADER)
    }

    /// Bytes of a plane: its lines, or its header and body.
    #[inline]
    pub fn plane_bytes(&self, index: usize) -> u64 {
        match &self.compression {
            Some(compression) => compression.areas.get(index).map_or(0, |area| area.bytes()),
            None => self.planes.as_slice().get(index).map_or(0, |plane| plane.bytes()),
        }
    }

    /// Bytes of the vendor's metadata, behind the shared page and before the reserved region.
    pub fn vendor_bytes(&self) -> u64 {
        self.metadata_bytes.saturating_sub(self.reserved_bytes).saturating_sub(METADATA_BYTES)
    }

    /// True where `stride` counts bytes, not pixels. Of blocks it counts the pixels of a line, however their samples are packed.
    pub fn stride_is_bytes(&self) -> bool {
        let form = self.layout.form();
        self.compression.is_none() && crate::layout::Form { shapes: self.shapes(), ..form }.stride_is_bytes()
    }

    /// Compares with the dma-bufs themselves: `buffer` and `metadata` are their sizes in bytes, as the kernel gives them.
    /// The kernel rounds up to pages, so more than the handle says is normal.
    ///
    /// # Errors
    /// `BufferTooSmall` or `MetadataTooSmall`: the handle speaks of memory that is not there.
    pub fn check_sizes(&self, buffer: u64, metadata: u64) -> Result<(), HandleError> {
        if buffer < self.buffer_bytes {
            return Err(HandleError::BufferTooSmall { found: buffer, needed: self.buffer_bytes });
        }
        if metadata < self.metadata_bytes {
            return Err(HandleError::MetadataTooSmall { found: metadata, needed: self.metadata_bytes });
        }
        Ok(())
    }
}

/// A few lines for people. The name is escaped.
impl fmt::Display for BufferInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let layers = if self.layers == 1 { "layer" } else { "layers" };
        writeln!(
            f,
            "buffer {:#018x} \"{}\": {}x{} {}, laid out as {}, {} {layers}",
            self.id, self.name, self.width, self.height, self.format, self.layout, self.layers
        )?;
        writeln!(f, "usage: {}", self.usage)?;
        let unit = if self.stride_is_bytes() { "bytes" } else { "pixels" };
        writeln!(f, "stride: {} {unit}", self.stride)?;
        writeln!(f, "drm: {}", DrmFormat { fourcc: self.fourcc, modifier: self.modifier })?;
        for (index, plane) in self.planes.as_slice().iter().enumerate() {
            let (offset, lines, stride) = (plane.offset_bytes, plane.lines, plane.stride_bytes);
            writeln!(f, "plane {index}: at byte {offset}, {lines} lines of {stride} bytes")?;
        }
        if let Some(compression) = &self.compression {
            let (name, value) = (compression.name, compression.value);
            let name = if name.is_empty() { "tiled".to_owned() } else { format!("compressed, {name} {value}") };
            let order = match (compression.columns, compression.body_first) {
                (true, _) => "in columns: the planes' lines one behind the other in each",
                (false, true) => "body, then header",
                (false, false) => "header, then body",
            };
            writeln!(f, "{name}; {order}")?;
            for (index, area) in compression.areas.iter().take(self.planes.as_slice().len()).enumerate() {
                writeln!(f, "plane {index}: {} bytes of header, {} of body", area.header_bytes, area.body_bytes)?;
            }
        }
        writeln!(f, "bytes: {} in all, {} a layer", self.buffer_bytes, self.layer_bytes)?;
        writeln!(
            f,
            "metadata: {} bytes, {} of them reserved for the client",
            self.metadata_bytes, self.reserved_bytes
        )?;
        if self.vendor_bytes() > 0 {
            writeln!(f, "the vendor's metadata: {} bytes of them", self.vendor_bytes())?;
        }
        let kind = |yes, word, no| if yes { word } else { no };
        write!(
            f,
            "memory: {}, {}, {}",
            kind(self.cached, "cached", "uncached"),
            kind(self.contiguous, "contiguous", "scattered"),
            kind(self.protected, "protected", "not protected")
        )?;
        if self.strict_cpu_usage {
            f.write_str("\nlocks: for the CPU usage that it was allocated for, no more")?;
        }
        Ok(())
    }
}
