//! What an allocation gives, decoded.

use crate::error::ClientError;
use allocator_aidl::{into_fd, AllocationResult, NativeHandle};
use gralloc_buffer::handle::{decode, BufferInfo, RawHandle, FDS};
use gralloc_dmabuf::fd::seek_end;
use std::os::fd::{AsFd, OwnedFd};

/// The buffers of one call.
#[derive(Debug)]
pub struct Allocation {
    /// As the service says: pixels from one line to the next; bytes for RAW10, RAW12 and RAW14; the width for BLOB.
    pub stride: i32,
    /// As many as were asked for.
    pub buffers: Vec<Buffer>,
}

/// One buffer. Dropping it closes this process's fds, which frees the memory when nobody else has any.
#[derive(Debug)]
pub struct Buffer {
    /// The pixels' dma-buf.
    pub pixels: OwnedFd,
    /// The dma-buf of the shared metadata and the reserved region.
    pub metadata: OwnedFd,
    /// The handle's ints, as they came.
    pub ints: Vec<i32>,
    /// What the ints say.
    pub info: BufferInfo,
}

impl Allocation {
    /// Takes the result of a call for `count` buffers apart.
    ///
    /// # Errors
    /// `Count` for another number of buffers, `Handle` for a handle that is not one of this project's allocator,
    /// `Stride` for one of another stride.
    pub fn from_result(result: AllocationResult, count: i32) -> Result<Allocation, ClientError> {
        if i32::try_from(result.buffers.len()) != Ok(count) {
            return Err(ClientError::Count { asked: count, got: result.buffers.len() });
        }
        let stride = result.stride;
        let buffer = |(index, handle)| Buffer::from_handle(handle, index, stride);
        let buffers = result.buffers.into_iter().enumerate().map(buffer).collect::<Result<_, _>>()?;
        Ok(Allocation { stride, buffers })
    }
}

impl Buffer {
    fn from_handle(handle: NativeHandle, index: usize, stride: i32) -> Result<Buffer, ClientError> {
        let NativeHandle { fds, ints } = handle;
        let refused = |error| ClientError::Handle { index, error };
        let num_fds = fds.len();
        let info = decode(RawHandle { num_fds, ints: &ints }).map_err(refused)?;
        let [pixels, metadata] = <[_; FDS]>::try_from(fds)
            .map_err(|fds| refused(gralloc_buffer::handle::HandleError::FdCount(fds.len())))?;
        if u32::try_from(stride) != Ok(info.stride) {
            return Err(ClientError::Stride { index, result: stride, handle: info.stride });
        }
        Ok(Buffer { pixels: into_fd(pixels), metadata: into_fd(metadata), ints, info })
    }

    /// Asks the kernel how large both dma-bufs are and compares with what the handle says.
    ///
    /// # Errors
    /// `Size` when the kernel does not say, `Handle` when one is too small.
    pub fn check_sizes(&self) -> Result<(), ClientError> {
        let size = |fd: &OwnedFd| seek_end(fd.as_fd()).map_err(|errno| ClientError::Size(errno.into()));
        let (pixels, metadata) = (size(&self.pixels)?, size(&self.metadata)?);
        self.info.check_sizes(pixels, metadata).map_err(|error| ClientError::Handle { index: 0, error })
    }
}
