//! The callbacks of the interface as safe functions: addresses, slices and fds that are owned.

use crate::abi::ARect;
use crate::error::Error;
use crate::fence;
use crate::import;
use crate::metadata;
use crate::table::{HandleMemory, Table};
use crate::vendor::Tables;
use gralloc_buffer::handle::{RawHandle, FDS, INTS};
use gralloc_buffer::metadata::vendor::Table as VendorTable;
use gralloc_buffer::metadata::{Byte, StandardMetadata, Writer, MAX_ENCODED_BYTES};
use gralloc_dmabuf::trace;
use std::ffi::CStr;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// A type of metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type<'t> {
    /// AIDL's.
    Standard(StandardMetadata),
    /// A vendor's: its name and number.
    Vendor(&'t CStr, i64),
}

/// A mapper: the buffers that are imported through it.
#[derive(Debug, Default)]
pub struct Mapper {
    table: Table,
    tables: Tables,
}

impl Mapper {
    /// One without buffers.
    pub const fn new() -> Mapper {
        Mapper { table: Table::new(), tables: Tables::new() }
    }

    /// Imports a raw handle. `clone` gives a clone of its fd of an index.
    ///
    /// # Errors
    /// `Handle`, `NotAnFd` or `NotMemory` for a handle that is wrong; `Exhausted`.
    pub fn import(
        &self,
        raw: RawHandle<'_>,
        clone: impl FnMut(usize) -> Result<OwnedFd, Error>,
    ) -> Result<&HandleMemory, Error> {
        trace::follow();
        let _slice = trace::slice("mapper import");
        import::import(raw, clone, &self.tables, &self.table)
    }

    /// Frees an imported buffer, locked or not: access to it ends, its memory is unmapped, its fds are closed. While
    /// another thread's call is inside it, that happens when the call ends.
    ///
    /// # Errors
    /// `NotImported`.
    pub fn free(&self, address: usize) -> Result<(), Error> {
        self.table.remove(address)
    }

    /// How many fds and ints of an imported handle have to travel: all, since it has nothing of the process's own.
    ///
    /// # Errors
    /// `NotImported`.
    pub fn transport_size(&self, address: usize) -> Result<(usize, usize), Error> {
        self.table.with(address, |_| Ok((FDS, INTS)))
    }

    /// Locks a buffer for the CPU, after the fence has signalled, and says where its memory begins. The fence is closed
    /// in any case.
    ///
    /// # Errors
    /// `NotImported`, `NoCpuUsage`, `Region`, `Protected`; `NotAFence`, `FenceTimeout`; `NotMemory`, `Exhausted`, `Kernel`,
    /// `TooManyLocks`.
    #[inline]
    pub fn lock(&self, address: usize, usage: u64, region: ARect, fence: Option<OwnedFd>) -> Result<*mut u8, Error> {
        trace::follow();
        let _slice = trace::slice("mapper lock");
        if let Some(fence) = fence {
            self.wait(address, usage, region, fence)?;
        }
        self.table.with(address, |buffer| buffer.begin(buffer.check_lock(usage, region)?))
    }

    /// Waits for a fence, if the lock would succeed after it: a wrong call is told so at once. Nobody waits for this one
    /// meanwhile.
    #[cold]
    fn wait(&self, address: usize, usage: u64, region: ARect, fence: OwnedFd) -> Result<(), Error> {
        self.table.with(address, |buffer| buffer.check_lock(usage, region))?;
        let _slice = trace::slice("fence wait");
        fence::wait(fence, fence::MENTION_AFTER, fence::GIVE_UP_AFTER)
    }

    /// Ends one lock.
    ///
    /// # Errors
    /// `NotImported`, `NotLocked`.
    #[inline]
    pub fn unlock(&self, address: usize) -> Result<(), Error> {
        let _slice = trace::slice("mapper unlock");
        self.table.with(address, |buffer| buffer.end())
    }

    /// Makes what the CPU wrote into a locked buffer visible to devices.
    ///
    /// # Errors
    /// `NotImported`, `NotLocked`; `Kernel` when the exporter refuses.
    pub fn flush(&self, address: usize) -> Result<(), Error> {
        self.table.with(address, |buffer| buffer.flush())
    }

    /// Makes what devices wrote into a locked buffer visible to the CPU.
    ///
    /// # Errors
    /// `NotImported`, `NotLocked`; `FenceTimeout`; `Kernel` when the exporter refuses.
    pub fn reread(&self, address: usize) -> Result<(), Error> {
        self.table.with(address, |buffer| buffer.reread())
    }

    /// Writes a standard type's bytes as far as there is room, and says how many there are.
    ///
    /// # Errors
    /// `NotImported`, then `UnknownMetadata`; `NotMemory`, `Exhausted` or `Kernel` when the shared page cannot be mapped.
    #[inline]
    pub fn get<B: Byte>(&self, address: usize, number: i64, mut out: Writer<'_, B>) -> Result<usize, Error> {
        self.table.with(address, |buffer| {
            let kind = StandardMetadata::from_number(number).ok_or(Error::UnknownMetadata)?;
            metadata::get(buffer, kind, &mut out)?;
            Ok(out.needed())
        })
    }

    /// Sets a standard type from its bytes.
    ///
    /// # Errors
    /// `NotImported`, then `UnknownMetadata`; `Set`; as for [`Mapper::get`].
    pub fn set(&self, address: usize, number: i64, bytes: &[u8]) -> Result<(), Error> {
        self.table.with(address, |buffer| {
            let kind = StandardMetadata::from_number(number).ok_or(Error::UnknownMetadata)?;
            metadata::set(buffer, kind, bytes)
        })
    }

    /// Writes the bytes of a vendor's type as far as there is room, and says how many there are; 0 for one that is unset.
    ///
    /// # Errors
    /// As [`Mapper::get`]; `UnknownMetadata` for a type that the buffer has not.
    pub fn get_vendor<B: Byte>(
        &self,
        address: usize,
        name: &[u8],
        value: i64,
        mut out: Writer<'_, B>,
    ) -> Result<usize, Error> {
        self.table.with(address, |buffer| {
            metadata::get_vendor(buffer, name, value, &mut out)?;
            Ok(out.needed())
        })
    }

    /// Sets a vendor's type from its bytes; none unset it.
    ///
    /// # Errors
    /// `NotImported`, then `UnknownMetadata`; `SetVendor`; as for [`Mapper::get`].
    pub fn set_vendor(&self, address: usize, name: &[u8], value: i64, bytes: &[u8]) -> Result<(), Error> {
        self.table.with(address, |buffer| metadata::set_vendor(buffer, name, value, bytes))
    }

    /// The vendor's types of every buffer that is imported now, each table once.
    pub fn vendor_tables(&self) -> Vec<Arc<VendorTable>> {
        self.tables.all()
    }

    /// Whether the handle is imported.
    ///
    /// # Errors
    /// `NotImported`.
    pub fn check(&self, address: usize) -> Result<(), Error> {
        self.table.with(address, |_| Ok(()))
    }

    /// Hands out all metadata of a buffer, type by type; of those that are unset too, which have no bytes. No lock is held
    /// meanwhile: `each` may call the mapper.
    ///
    /// # Errors
    /// `NotImported`, also when the buffer is freed in the middle; as for [`Mapper::get`].
    pub fn dump(&self, address: usize, mut each: impl FnMut(Type<'_>, &[u8])) -> Result<(), Error> {
        let mut room = [0; MAX_ENCODED_BYTES];
        for kind in StandardMetadata::ALL {
            let needed = self.get(address, kind.number(), Writer::new(&mut room))?;
            each(Type::Standard(*kind), room.get(..needed).unwrap_or(&room));
        }
        let Some(table) = self.table.with(address, |buffer| Ok(buffer.vendor_table().cloned()))? else { return Ok(()) };
        for (name, entry) in table.entries() {
            match self.get_vendor(address, name.as_bytes(), entry.value, Writer::new(&mut room)) {
                Ok(needed) => each(Type::Vendor(name, entry.value), room.get(..needed).unwrap_or(&room)),
                // Of a forged table: one that such a buffer cannot have.
                Err(Error::UnknownMetadata) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Hands out all metadata of all imported buffers, `None` before each buffer's.
    pub fn dump_all(&self, mut each: impl FnMut(Option<(Type<'_>, &[u8])>)) {
        for address in self.table.addresses() {
            each(None);
            // One that is freed meanwhile has no more to say.
            let _ = self.dump(address, |kind, bytes| each(Some((kind, bytes))));
        }
    }

    /// Where a buffer's reserved region begins, null for one of no bytes, and its size in bytes.
    ///
    /// # Errors
    /// `NotImported`; `NotMemory`, `Exhausted` or `Kernel` when it cannot be mapped.
    pub fn reserved_region(&self, address: usize) -> Result<(*mut u8, u64), Error> {
        self.table.with(address, |buffer| buffer.reserved_region())
    }
}
