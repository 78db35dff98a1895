//! What reports say of a buffer.

use crate::buffer::Buffer;
use std::fmt;
use std::os::fd::AsRawFd;

/// Where a plane lies.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Plane {
    /// From the start of the buffer.
    pub offset_bytes: u64,
    /// From one line to the next.
    pub stride_bytes: u32,
}

/// A buffer, for reports.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Facts {
    /// From the allocator's call to the decoded handle, µs; of a buffer of our own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allocate_us: Option<u64>,
    /// The id in the handle, hexadecimal.
    pub buffer_id: String,
    /// As the client named it.
    pub name: String,
    /// AIDL names of the usage bits.
    pub usage: Vec<String>,
    /// The AIDL format that was requested.
    pub format: &'static str,
    /// What it became.
    pub layout: &'static str,
    /// Node name of the heap that the memory is from, by the kernel.
    pub heap: Option<String>,
    /// Name of the dma-buf, by the kernel.
    pub kernel_name: Option<String>,
    /// Pixels.
    pub width: u32,
    /// Lines.
    pub height: u32,
    /// Pixels from one line to the next.
    pub stride_pixels: u32,
    /// Where the planes lie.
    pub planes: Vec<Plane>,
    /// Bytes by the handle.
    pub bytes: u64,
    /// Bytes of the dma-buf.
    pub dmabuf_bytes: u64,
    /// Bytes of the metadata by the handle.
    pub metadata_bytes: u64,
}

impl Facts {
    /// Of a buffer; asks the kernel for what only it knows.
    pub fn of(buffer: &Buffer) -> Facts {
        let info = buffer.info();
        let fdinfo = format!("/proc/self/fdinfo/{}", buffer.dmabuf().as_raw_fd());
        let fdinfo = std::fs::read_to_string(fdinfo).unwrap_or_default();
        let plane = |plane: &gralloc_buffer::layout::Plane| Plane {
            offset_bytes: plane.offset_bytes,
            stride_bytes: plane.stride_bytes,
        };
        Facts {
            allocate_us: buffer.allocated_in.map(|took| u64::try_from(took.as_micros()).unwrap_or(u64::MAX)),
            buffer_id: format!("{:#018x}", info.id),
            name: info.name.to_string(),
            usage: info.usage.names(),
            format: info.format.name(),
            layout: info.layout.name(),
            heap: field(&fdinfo, "exp_name"),
            kernel_name: field(&fdinfo, "name"),
            width: info.width,
            height: info.height,
            stride_pixels: info.stride,
            planes: buffer.planes().iter().map(plane).collect(),
            bytes: info.buffer_bytes,
            dmabuf_bytes: buffer.dmabuf_bytes,
            metadata_bytes: info.metadata_bytes,
        }
    }
}

/// A field of `/proc/self/fdinfo`, as the kernel writes it for a dma-buf (`drivers/dma-buf/dma-buf.c`).
fn field(fdinfo: &str, key: &str) -> Option<String> {
    let value = fdinfo.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?.trim();
    (!value.is_empty()).then(|| value.to_owned())
}

impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heap = self.heap.as_deref().unwrap_or("unknown");
        write!(f, "{}: {}x{} {} ", self.buffer_id, self.width, self.height, self.format)?;
        write!(f, "as {}, heap {heap}, planes at byte+stride", self.layout)?;
        self.planes.iter().try_for_each(|plane| write!(f, " {}+{}", plane.offset_bytes, plane.stride_bytes))?;
        write!(f, ", {} bytes, {} µs", self.bytes, self.allocate_us.unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_of_fdinfo_is_the_kernels() {
        let fdinfo = "pos:\t0\nsize:\t4096\nexp_name:\tsystem\nname:\tcamera 0\n";
        assert_eq!(field(fdinfo, "exp_name").as_deref(), Some("system"));
        assert_eq!(field(fdinfo, "name").as_deref(), Some("camera 0"));
        assert_eq!(field("pos:\t0\nname:\t\n", "name"), None);
    }
}
