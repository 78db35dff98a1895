//! What the service writes into a buffer before its client sees it, where zeros are not right: headers of a compression, the
//! first words of shared metadata.

use crate::failure::failure;
use crate::Error;
use gralloc_allocator::ports::HeapFailure;
use gralloc_buffer::dataspace::Dataspace;
use gralloc_buffer::layout::afbc::Headers;
use gralloc_buffer::metadata::{vendor, SharedPage, PAGE_WORDS};
use gralloc_buffer::METADATA_BYTES;
use gralloc_dmabuf::mmap::{Mapping, Protection};
use gralloc_dmabuf::{begin_access, end_access, is_dma_buf, Access};
use nix::errno::Errno;
use std::os::fd::BorrowedFd;

/// Writes what a buffer's metadata begin with: a dataspace, and the table of the vendor's types, for which there are
/// `vendor_bytes` behind the shared page. A new page is zero and zero is every default, so most are never mapped here.
///
/// # Errors
/// What the kernel said when it cannot be mapped or accessed: it is not to be handed out then.
pub fn write_metadata(
    metadata: BorrowedFd<'_>,
    dataspace: Dataspace,
    vendor_table: Option<&[u8]>,
    vendor_bytes: u64,
) -> Result<(), HeapFailure> {
    if dataspace.is_unknown() && vendor_table.is_none() {
        return Ok(());
    }
    let bytes = vendor_table.map_or(METADATA_BYTES, |_| METADATA_BYTES.saturating_add(vendor_bytes));
    written(metadata, bytes, |mapping| {
        if !dataspace.is_unknown() {
            SharedPage::new(mapping.words(0, PAGE_WORDS)?).begin_with(dataspace);
        }
        if let Some(table) = vendor_table {
            let area = mapping.words(4 * PAGE_WORDS, length(vendor_bytes / 4)?)?;
            if !vendor::write_area(area, table) {
                return Err(too_large());
            }
        }
        Ok(())
    })
}

/// Writes the headers of each of a buffer's layers, `layer_bytes` apart.
///
/// # Errors
/// As [`write_metadata`]: memory that no CPU maps is no place for what asks for headers.
pub fn write_headers(
    buffer: BorrowedFd<'_>,
    layers: u32,
    layer_bytes: u64,
    headers: &Headers,
) -> Result<(), HeapFailure> {
    let bytes = layer_bytes.checked_mul(layers.into()).ok_or_else(|| failure(Errno::EFBIG))?;
    written(buffer, bytes, |mapping| {
        for layer in 0..layers {
            let start = length(layer_bytes.saturating_mul(layer.into()))?;
            let words = mapping.words(start, length(u64::from(headers.count).saturating_mul(4))?)?;
            for (index, word) in words.iter().enumerate() {
                word.store(headers.words.get(index % 4).copied().unwrap_or(0), std::sync::atomic::Ordering::Relaxed);
            }
        }
        Ok(())
    })
}

fn length(bytes: u64) -> Result<usize, Error> {
    usize::try_from(bytes).map_err(|_| too_large())
}

fn too_large() -> Error {
    gralloc_dmabuf::Error::Call { name: "mmap", errno: Errno::EFBIG }.into()
}

/// Maps the first bytes of a buffer, and has `write` write them between the brackets of a CPU access.
fn written(
    buffer: BorrowedFd<'_>,
    bytes: u64,
    write: impl FnOnce(&Mapping) -> Result<(), Error>,
) -> Result<(), HeapFailure> {
    let access = || {
        let mapping = Mapping::new(buffer, length(bytes)?, Protection::ReadWrite)?;
        // A stand-in's memfd takes no brackets.
        let brackets = is_dma_buf(buffer)?;
        if brackets {
            begin_access(buffer, Access::ReadWrite)?;
        }
        let written = write(&mapping);
        if brackets {
            end_access(buffer, Access::ReadWrite)?;
        }
        written
    };
    access().map_err(|error| failure(error.errno()))
}
