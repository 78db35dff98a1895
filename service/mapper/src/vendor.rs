//! The vendor's types of metadata of the imported buffers: their tables, each kept once.
//!
//! Which types a buffer has stands in a table that every client can overwrite. It is read once, when the first buffer that
//! has it is imported: copied, then held against the hash in the handle (`gralloc_buffer::metadata::vendor` says why that
//! is enough). Buffers of one kind have one table, so the next import finds it by its hash, and reads nothing.

use crate::error::Error;
use crate::memory::Memory;
use gralloc_buffer::handle::{BufferInfo, Digest};
use gralloc_buffer::metadata::vendor::Table;
use gralloc_buffer::METADATA_BYTES;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// The tables that imported buffers have. One goes with the last of its buffers.
#[derive(Debug, Default)]
pub struct Tables {
    known: Mutex<Vec<Weak<Table>>>,
}

impl Tables {
    /// None yet.
    pub const fn new() -> Tables {
        Tables { known: Mutex::new(Vec::new()) }
    }

    /// The table of a buffer that is being imported; `None` when it has no types of a vendor's, or they were overwritten: then
    /// the buffer is imported without them.
    ///
    /// # Errors
    /// `NotMemory`, `Exhausted` or `Kernel` when the metadata cannot be mapped.
    pub fn of(&self, info: &BufferInfo, metadata: &Memory) -> Result<Option<Arc<Table>>, Error> {
        if info.vendor_bytes() == 0 {
            return Ok(None);
        }
        if let Some(known) = self.find(info.vendor_metadata) {
            return Ok(Some(known));
        }
        let mapping = metadata.map(info.metadata_bytes)?;
        let (start, bytes) = (index(METADATA_BYTES), index(info.vendor_bytes()));
        let Some(table) = Table::read(mapping.words(start, bytes / 4)?, info.vendor_metadata) else {
            log::warn!("import: the vendor's metadata of buffer {:#x} were overwritten: it has none here", info.id);
            return Ok(None);
        };
        Ok(Some(self.keep(Arc::new(table))))
    }

    /// All that are in use.
    pub fn all(&self) -> Vec<Arc<Table>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).iter().filter_map(Weak::upgrade).collect()
    }

    fn find(&self, digest: Digest) -> Option<Arc<Table>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut live = known.iter().filter_map(Weak::upgrade);
        live.find(|table| table.digest() == digest)
    }

    /// Keeps a table that was just read; the one that is there where another thread was faster.
    fn keep(&self, table: Arc<Table>) -> Arc<Table> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|other| other.strong_count() > 0);
        if let Some(same) = known.iter().filter_map(Weak::upgrade).find(|other| other.digest() == table.digest()) {
            return same;
        }
        known.push(Arc::downgrade(&table));
        table
    }
}

/// A size that the decoder has held against bounds far below an address's.
pub(crate) fn index(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
