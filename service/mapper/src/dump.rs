//! All of a buffer's metadata, one type after the other.

use crate::error::Error;
use crate::mapper::Mapper;
use gralloc_buffer::metadata::{StandardMetadata, MAX_ENCODED_BYTES};

/// Hands out every type's bytes, those of unset ones too, which are none. No lock is held meanwhile: `each` may call the
/// mapper.
///
/// # Errors
/// `NotImported`, also when the buffer is freed in the middle; what getting says.
pub(crate) fn dump(
    mapper: &Mapper,
    address: usize,
    mut each: impl FnMut(StandardMetadata, &[u8]),
) -> Result<(), Error> {
    for kind in StandardMetadata::ALL {
        let mut room = [0; MAX_ENCODED_BYTES];
        let needed = mapper.get(address, kind.number(), &mut room)?;
        each(*kind, room.get(..needed).unwrap_or(&room));
    }
    Ok(())
}
