//! One buffer of the allocator's, as a client holds it: its handle, what the handle says, its memory mapped.
//!
//! The service's replies and strangers' packets are read by the same function, [`Buffer::adopt`], and neither is trusted.

use crate::dmabuf::{self, Mapped, Origin};
use crate::format::Format;
use crate::image::{Image, ImageError, Plane};
use gralloc_buffer::handle::{decode, BufferInfo, HandleError, RawHandle, BUFFER_FD, METADATA_FD};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Why a handle is of no use here.
#[derive(Debug, thiserror::Error)]
pub enum BufferError {
    /// The handle is broken, or speaks of memory that is not there.
    #[error("the handle is refused: {0}")]
    Handle(HandleError),
    /// Fd number so and so is no dma-buf.
    #[error("fd {0} of the handle is no dma-buf")]
    NotDmaBuf(usize),
    /// A good handle of a kind that these clients do not show.
    #[error("a buffer of {0}")]
    Kind(String),
    /// The picture does not fit.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The kernel's word.
    #[error("{what}: {cause}")]
    System {
        /// What was tried.
        what: &'static str,
        /// The kernel's word.
        cause: nix::Error,
    },
}

/// A buffer, mapped. Dropping it unmaps it and closes its fds.
#[derive(Debug)]
pub struct Buffer {
    info: BufferInfo,
    image: Image,
    ints: Vec<i32>,
    mapped: Mapped,
    metadata: OwnedFd,
}

impl Buffer {
    /// Takes over a native handle. On refusal its fds are closed.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn adopt(fds: Vec<OwnedFd>, ints: Vec<i32>, writable: bool) -> Result<Buffer, BufferError> {
        let info = decode(RawHandle { num_fds: fds.len(), ints: &ints }).map_err(BufferError::Handle)?;
        let mut sizes = [0; 2];
        for (number, (fd, size)) in fds.iter().zip(&mut sizes).enumerate() {
            // A dma-buf's size never changes, so what holds now holds later.
            if !dmabuf::is_dma_buf(fd.as_fd()).map_err(system("fstatfs of a handle's fd"))? {
                return Err(BufferError::NotDmaBuf(number));
            }
            *size = dmabuf::size_of(fd.as_fd()).map_err(system("size of a dma-buf"))?;
        }
        let [buffer_bytes, metadata_bytes] = sizes;
        info.check_sizes(buffer_bytes, metadata_bytes).map_err(BufferError::Handle)?;
        let image = image_of(&info)?;
        // `decode` has counted them: two.
        let mut fds = fds.into_iter();
        let (Some(buffer), Some(metadata)) = (fds.next(), fds.next()) else {
            return Err(BufferError::Handle(HandleError::FdCount(0)));
        };
        let mapped = Mapped::new(buffer, writable).map_err(system("mmap of a buffer"))?;
        Ok(Buffer { info, image, ints, mapped, metadata })
    }

    /// What the handle says.
    pub fn info(&self) -> &BufferInfo {
        &self.info
    }

    /// Where the pixels are.
    pub fn image(&self) -> &Image {
        &self.image
    }

    /// The handle's ints, to pass on.
    pub fn ints(&self) -> &[i32] {
        &self.ints
    }

    /// The handle's fds, in its order, to pass on.
    pub fn fds(&self) -> [BorrowedFd<'_>; 2] {
        let mut fds = [self.mapped.as_fd(); 2];
        if let Some(metadata) = fds.get_mut(METADATA_FD) {
            *metadata = self.metadata.as_fd();
        }
        fds
    }

    /// The pixels' dma-buf.
    pub fn dmabuf(&self) -> BorrowedFd<'_> {
        self.mapped.as_fd()
    }

    /// The pixels' memory.
    pub fn mapped(&self) -> &Mapped {
        &self.mapped
    }

    /// The pixels' memory, to write.
    pub fn mapped_mut(&mut self) -> &mut Mapped {
        &mut self.mapped
    }

    /// What reports say of it.
    pub fn facts(&self) -> Facts {
        let origin = Origin::of(self.dmabuf());
        Facts {
            buffer_id: format!("{:#018x}", self.info.id),
            name: self.info.name.to_string(),
            usage: self.info.usage.names(),
            format: self.info.format.name(),
            layout: self.info.layout.name(),
            heap: origin.exporter,
            kernel_name: origin.name,
            width: self.info.width,
            height: self.info.height,
            stride_pixels: self.info.stride,
            planes: self.image.planes().to_vec(),
            bytes: self.info.buffer_bytes,
            dmabuf_bytes: self.mapped.bytes(),
            metadata_bytes: self.info.metadata_bytes,
        }
    }
}

// The fds are counted by `decode`, and `fds` puts the buffer's first.
const _: () = assert!(BUFFER_FD == 0 && METADATA_FD == 1);

/// A buffer, for reports.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Facts {
    /// The id in the handle, hexadecimal.
    pub buffer_id: String,
    /// As the client named it.
    pub name: String,
    /// AIDL names of the usage bits.
    pub usage: Vec<String>,
    /// The AIDL format that was asked for.
    pub format: &'static str,
    /// What it became.
    pub layout: &'static str,
    /// Node name of the heap that the memory is from, by the kernel's word.
    pub heap: Option<String>,
    /// Name of the dma-buf, by the kernel's word.
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

fn system(what: &'static str) -> impl Fn(nix::Error) -> BufferError {
    move |cause| BufferError::System { what, cause }
}

/// The picture that a handle describes, when it is one that the clients know.
fn image_of(info: &BufferInfo) -> Result<Image, BufferError> {
    if info.protected {
        return Err(BufferError::Kind("protected memory, which no CPU may see".to_owned()));
    }
    if info.layers != 1 {
        return Err(BufferError::Kind(format!("{} layers", info.layers)));
    }
    let format = Format::of(info.layout).ok_or_else(|| BufferError::Kind(info.layout.name().to_owned()))?;
    let planes: Vec<_> = info
        .planes
        .as_slice()
        .iter()
        .map(|plane| Plane { offset_bytes: plane.offset_bytes, stride_bytes: plane.stride_bytes })
        .collect();
    Ok(Image::new(format, info.width, info.height, &planes, info.buffer_bytes)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gralloc_buffer::layout::{Plane as CorePlane, Planes};
    use gralloc_buffer::{BufferName, Layout, PixelFormat, Usage};
    use std::fs::File;

    fn info() -> BufferInfo {
        let plane = |offset_bytes, lines| CorePlane { offset_bytes, stride_bytes: 64, lines };
        BufferInfo {
            id: 7,
            name: BufferName::from_text("frame"),
            width: 64,
            height: 4,
            layers: 1,
            format: PixelFormat::Ycbcr420_888,
            usage: Usage::CAMERA_OUTPUT,
            layout: Layout::Nv12,
            modifier: 0,
            stride: 64,
            planes: Planes::from_slice(&[plane(0, 4), plane(256, 2)]).unwrap(),
            layer_bytes: 384,
            buffer_bytes: 384,
            metadata_bytes: gralloc_buffer::METADATA_BYTES,
            reserved_bytes: 0,
            protected: false,
            cached: true,
            contiguous: false,
        }
    }

    fn files(count: usize) -> Vec<OwnedFd> {
        (0..count).map(|_| File::open("/dev/null").unwrap().into()).collect()
    }

    #[test]
    fn image_of_a_camera_buffer_has_its_planes() {
        let image = image_of(&info()).unwrap();
        assert_eq!((image.format(), image.width(), image.height()), (Format::Nv12, 64, 4));
        assert_eq!(
            image.planes(),
            [Plane { offset_bytes: 0, stride_bytes: 64 }, Plane { offset_bytes: 256, stride_bytes: 64 }]
        );
    }

    #[test]
    fn image_of_buffers_that_cannot_be_shown_says_why() {
        let why = |info| image_of(&info).unwrap_err().to_string();
        assert!(why(BufferInfo { protected: true, ..info() }).contains("protected"));
        assert!(why(BufferInfo { layers: 2, ..info() }).contains("2 layers"));
        assert!(why(BufferInfo { layout: Layout::Blob, ..info() }).contains("BLOB"));
    }

    #[test]
    fn adopt_of_rubbish_or_of_other_files_is_refused() {
        let ints = gralloc_buffer::handle::encode(&info()).to_vec();
        let refused = |fds, ints: &[i32]| Buffer::adopt(fds, ints.to_vec(), false).unwrap_err();
        assert!(matches!(refused(files(2), &[]), BufferError::Handle(_)));
        assert!(matches!(refused(files(2), &[-1; 72]), BufferError::Handle(HandleError::Magic(-1))));
        assert!(matches!(refused(files(1), &ints), BufferError::Handle(HandleError::FdCount(1))));
        assert!(matches!(refused(files(3), &ints), BufferError::Handle(HandleError::FdCount(3))));
        assert!(matches!(refused(files(2), &ints), BufferError::NotDmaBuf(0)));
    }
}
