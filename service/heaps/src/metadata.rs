//! A buffer's shared metadata before its client sees it: where something in it is not the default.
//!
//! A new page is zero and zero is every default, so most are never mapped here. What a client asked for at allocation is
//! written into the page, where every process that imports the buffer finds it, and where it can be set later.

use crate::failure::failure;
use crate::Error;
use gralloc_allocator::ports::HeapFailure;
use gralloc_buffer::dataspace::Dataspace;
use gralloc_buffer::metadata::{SharedPage, PAGE_WORDS};
use gralloc_dmabuf::mmap::{Mapping, Protection};
use gralloc_dmabuf::{begin_access, end_access, is_dma_buf, Access};
use std::os::fd::BorrowedFd;

/// Has the buffer begin with a dataspace. `metadata` is its second fd, not yet given to anybody.
///
/// # Errors
/// What the kernel said when it cannot be mapped or accessed: it is not to be handed out then.
pub fn write_dataspace(metadata: BorrowedFd<'_>, dataspace: Dataspace) -> Result<(), HeapFailure> {
    write(metadata, dataspace).map_err(|error| failure(error.errno()))
}

fn write(metadata: BorrowedFd<'_>, dataspace: Dataspace) -> Result<(), Error> {
    let mapping = Mapping::new(metadata, 4 * PAGE_WORDS, Protection::ReadWrite)?;
    let page = SharedPage::new(mapping.words(0, PAGE_WORDS)?);
    // A stand-in's memfd takes no brackets.
    let brackets = is_dma_buf(metadata)?;
    if brackets {
        begin_access(metadata, Access::ReadWrite)?;
    }
    page.begin_with(dataspace);
    if brackets {
        end_access(metadata, Access::ReadWrite)?;
    }
    Ok(())
}
