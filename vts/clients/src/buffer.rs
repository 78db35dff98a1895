//! A gralloc buffer as a client holds it: its handle decoded and checked against the kernel, its memory mapped.
//!
//! The service's replies and a stranger's packets go through the same function, [`Buffer::adopt`]; neither is trusted.
//! Devices write into the memory while the CPU looks at it, so no slice is ever made of it: bytes are copied in and out
//! between the begin and the end of a CPU access.

use crate::format::Format;
use anyhow::{anyhow, ensure, Context, Result};
use gralloc_buffer::handle::{decode, BufferInfo, RawHandle, BUFFER_FD, FDS, METADATA_FD};
use gralloc_dmabuf::mmap::{Mapping, Protection};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// A buffer, mapped. Dropping it unmaps it and closes its fds.
#[derive(Debug)]
pub struct Buffer {
    info: BufferInfo,
    format: Format,
    ints: Vec<i32>,
    fds: [OwnedFd; FDS],
    mapping: Mapping,
    /// Bytes of the pixels' dma-buf, by the kernel.
    pub(crate) dmabuf_bytes: u64,
    /// From the allocator's call to the decoded handle, for a buffer of our own.
    pub(crate) allocated_in: Option<Duration>,
}

impl Buffer {
    /// Takes over a native handle. On refusal its fds are closed.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn adopt(fds: Vec<OwnedFd>, ints: Vec<i32>, writable: bool) -> Result<Buffer> {
        let refused = |error| anyhow!("the handle is refused: {error}");
        let info = decode(RawHandle { num_fds: fds.len(), ints: &ints }).map_err(refused)?;
        let fds = <[OwnedFd; FDS]>::try_from(fds).map_err(|_| anyhow!("the handle is refused: its number of fds"))?;
        let mut sizes = [0; FDS];
        for ((number, fd), size) in fds.iter().enumerate().zip(&mut sizes) {
            // A memfd's owner could shrink it under the mapping; a dma-buf's size never changes.
            ensure!(gralloc_dmabuf::is_dma_buf(fd.as_fd())?, "fd {number} of the handle is no dma-buf");
            *size = gralloc_dmabuf::size(fd.as_fd())?;
        }
        let [dmabuf_bytes, metadata_bytes] = sizes;
        info.check_sizes(dmabuf_bytes, metadata_bytes).map_err(refused)?;
        let format = format_of(&info)?;
        let protection = if writable { Protection::ReadWrite } else { Protection::Read };
        let [pixels, _] = &fds;
        let mapping = Mapping::new(pixels.as_fd(), usize::try_from(info.buffer_bytes)?, protection)?;
        Ok(Buffer { info, format, ints, fds, mapping, dmabuf_bytes, allocated_in: None })
    }

    /// What the handle says.
    pub fn info(&self) -> &BufferInfo {
        &self.info
    }

    /// The format of its pixels.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Width and height.
    pub fn size(&self) -> (u32, u32) {
        (self.info.width, self.info.height)
    }

    /// The planes of its only layer.
    pub fn planes(&self) -> &[gralloc_buffer::layout::Plane] {
        self.info.planes.as_slice()
    }

    /// Bytes from one line of the first plane to the next.
    pub fn stride_bytes(&self) -> u32 {
        self.planes().first().map_or(0, |plane| plane.stride_bytes)
    }

    /// For every line of a plane, top to bottom: where its pixels begin in the buffer, and how many bytes they are.
    /// `decode` has checked that they lie inside.
    pub fn lines(&self, plane: usize) -> impl Iterator<Item = (u64, u64)> + '_ {
        let layout = self.info.layout;
        let lines = layout.shapes().get(plane).map_or(0, |shape| shape.samples_down(self.info.height));
        let bytes = layout.line_bytes(plane, self.info.width).unwrap_or(0);
        self.planes().get(plane).into_iter().flat_map(move |at| {
            (0..u64::from(lines)).map(move |line| (at.offset_bytes + line * u64::from(at.stride_bytes), bytes))
        })
    }

    /// The handle's ints, to pass on.
    pub fn ints(&self) -> &[i32] {
        &self.ints
    }

    /// The handle's fds, in its order, to pass on.
    pub fn fds(&self) -> [BorrowedFd<'_>; FDS] {
        self.fds.each_ref().map(AsFd::as_fd)
    }

    /// The pixels' dma-buf.
    pub fn dmabuf(&self) -> BorrowedFd<'_> {
        let [pixels, _] = self.fds();
        pixels
    }

    /// Begins to read: waits for writers' fences and makes device writes visible.
    ///
    /// # Errors
    /// The kernel's.
    pub fn read(&self) -> Result<Access<'_>> {
        Access::begin(self, gralloc_dmabuf::Access::Read)
    }

    /// Begins to read and write.
    ///
    /// # Errors
    /// The kernel's.
    pub fn write(&mut self) -> Result<Access<'_>> {
        Access::begin(self, gralloc_dmabuf::Access::ReadWrite)
    }
}

// The pixels' dma-buf comes first.
const _: () = assert!(FDS == 2 && BUFFER_FD == 0 && METADATA_FD == 1);

/// The format of a buffer that these clients can show.
fn format_of(info: &BufferInfo) -> Result<Format> {
    ensure!(!info.protected, "a buffer of protected memory, which no CPU may see");
    ensure!(info.layers == 1, "a buffer of {} layers", info.layers);
    // Its bytes would be taken for pixels.
    ensure!(
        info.compression.is_none() && info.modifier == 0,
        "a buffer that is no lines of pixels: modifier {:#x}",
        info.modifier
    );
    Format::of(info.layout).with_context(|| format!("a buffer of layout {}", info.layout.name()))
}

/// CPU access to a buffer's pixels, from begin to end.
#[derive(Debug)]
pub struct Access<'b> {
    buffer: &'b Buffer,
    kind: gralloc_dmabuf::Access,
}

impl<'b> Access<'b> {
    fn begin(buffer: &'b Buffer, kind: gralloc_dmabuf::Access) -> Result<Access<'b>> {
        gralloc_dmabuf::begin_access(buffer.dmabuf(), kind)?;
        Ok(Access { buffer, kind })
    }

    /// The buffer.
    pub fn buffer(&self) -> &'b Buffer {
        self.buffer
    }

    /// Copies bytes out.
    ///
    /// # Errors
    /// When they do not all lie inside.
    pub fn copy_out(&self, offset: u64, to: &mut [u8]) -> Result<()> {
        Ok(self.buffer.mapping.read(usize::try_from(offset)?, to)?)
    }

    /// Copies bytes in.
    ///
    /// # Errors
    /// When they do not all lie inside, or the access or the mapping is for reading.
    pub fn copy_in(&self, offset: u64, from: &[u8]) -> Result<()> {
        ensure!(self.kind == gralloc_dmabuf::Access::ReadWrite, "a write during an access for reading");
        Ok(self.buffer.mapping.write(usize::try_from(offset)?, from)?)
    }
}

impl Drop for Access<'_> {
    fn drop(&mut self) {
        // The kernel reports a failure only for a buffer whose memory is gone; there is nothing to undo.
        let _ = gralloc_dmabuf::end_access(self.buffer.dmabuf(), self.kind);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gralloc_buffer::{Layout, PixelFormat};
    use std::fs::File;

    fn info() -> BufferInfo {
        BufferInfo::linear(PixelFormat::Ycbcr420_888, Layout::Nv12, 64, 4).unwrap()
    }

    #[test]
    fn format_of_buffers_that_cannot_be_shown_says_why() {
        let why = |info| format_of(&info).unwrap_err().to_string();
        assert_eq!(format_of(&info()).unwrap(), Format::Nv12);
        assert!(why(BufferInfo { protected: true, ..info() }).contains("protected"));
        assert!(why(BufferInfo { layers: 2, ..info() }).contains("2 layers"));
        assert!(why(BufferInfo { layout: Layout::Blob, ..info() }).contains("BLOB"));
    }

    #[test]
    fn adopt_of_rubbish_or_of_other_files_is_refused() {
        let ints = gralloc_buffer::handle::encode(&info()).to_vec();
        let files = |count: usize| (0..count).map(|_| File::open("/dev/null").unwrap().into()).collect();
        let why = |fds, ints: &[i32]| Buffer::adopt(fds, ints.to_vec(), false).unwrap_err().to_string();
        for (fds, ints) in [(2, &[][..]), (2, &[-1; 72]), (1, &ints), (3, &ints)] {
            assert!(why(files(fds), ints).contains("the handle is refused"), "{fds} fds, {ints:?}");
        }
        assert!(why(files(2), &ints).contains("fd 0 of the handle is no dma-buf"));
    }
}
