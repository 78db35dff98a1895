//! Guards: an import that is freed, a lock that is undone. Either fails its test when the mapper refuses that.

use super::library::Mapper;
use crate::abi::{Error, Handle, Rect};
use crate::handle::RawHandle;
use crate::metadata::{decode, Decode, Standard};
use std::ffi::CStr;
use std::os::fd::{FromRawFd, OwnedFd};

/// The standard name, for C.
pub const STANDARD_NAME: &CStr = c"android.hardware.graphics.common.StandardMetadataType";

/// An imported buffer.
pub struct Imported {
    mapper: Mapper,
    handle: Handle,
}

// SAFETY: an imported handle is valid everywhere in the process (IMapper.h, importBuffer).
unsafe impl Send for Imported {}
// SAFETY: as above.
unsafe impl Sync for Imported {}

impl Imported {
    /// Imports a handle; fails the test when that does not work.
    pub fn of(mapper: Mapper, raw: &RawHandle) -> Imported {
        Imported::of_pointer(mapper, raw.pointer())
    }

    /// The same from a pointer.
    pub fn of_pointer(mapper: Mapper, raw: Handle) -> Imported {
        let handle = mapper.import_buffer(raw).unwrap_or_else(|error| panic!("importBuffer: {error:?}"));
        assert!(!handle.is_null(), "importBuffer succeeds and gives null");
        Imported { mapper, handle }
    }

    /// Takes over what `importBuffer` gave.
    pub fn adopt(mapper: Mapper, handle: Handle) -> Imported {
        Imported { mapper, handle }
    }

    /// The imported handle.
    pub fn handle(&self) -> Handle {
        self.handle
    }

    /// Its mapper.
    pub fn mapper(&self) -> Mapper {
        self.mapper
    }

    /// Frees it; what the mapper says.
    pub fn free(self) -> Error {
        let (mapper, handle) = (self.mapper, self.handle);
        std::mem::forget(self);
        mapper.free_buffer(handle)
    }

    /// Locks all of it without a fence; fails the test when that does not work.
    pub fn lock(&self, usage: u64) -> Locked<'_> {
        self.lock_region(usage, Rect::default()).unwrap_or_else(|error| panic!("lock: {error:?}"))
    }

    /// Locks a part of it without a fence.
    ///
    /// # Errors
    /// The mapper's.
    pub fn lock_region(&self, usage: u64, region: Rect) -> Result<Locked<'_>, Error> {
        let data = self.mapper.lock(self.handle, usage, region, -1)?;
        assert!(!data.is_null(), "lock succeeds and gives null");
        Ok(Locked { buffer: self, data })
    }

    /// Unlocks it once; what the mapper says. A release fence is closed.
    pub fn unlock(&self) -> Error {
        match self.mapper.unlock(self.handle) {
            Ok(fence) => {
                close_fence(fence);
                Error::NONE
            }
            Err(error) => error,
        }
    }

    /// A standard value as bytes: asks for the size, then for exactly so much; a negative number is an error's.
    ///
    /// # Errors
    /// The mapper's.
    pub fn get_bytes(&self, kind: Standard) -> Result<Vec<u8>, Error> {
        loop {
            let size = self.mapper.get_standard(self.handle, kind.0, &mut []);
            let mut bytes = vec![0xa5; size_of_answer(size)?];
            let written = self.mapper.get_standard(self.handle, kind.0, &mut bytes);
            // Another process may have set another value in between.
            if written == size {
                return Ok(bytes);
            }
            size_of_answer(written)?;
        }
    }

    /// A standard value; fails the test when it cannot be had or does not decode.
    pub fn get<T: Decode>(&self, kind: Standard) -> T {
        let bytes = self.get_bytes(kind).unwrap_or_else(|error| panic!("get {kind:?}: {error:?}"));
        decode(kind, &bytes).unwrap_or_else(|error| panic!("{kind:?} does not decode: {error:?} in {bytes:02x?}"))
    }

    /// Sets a standard value.
    pub fn set_bytes(&self, kind: Standard, bytes: &[u8]) -> Error {
        self.mapper.set_standard(self.handle, kind.0, bytes)
    }
}

impl Drop for Imported {
    fn drop(&mut self) {
        let error = self.mapper.free_buffer(self.handle);
        if !std::thread::panicking() {
            assert_eq!(error, Error::NONE, "freeBuffer of an imported buffer");
        }
    }
}

/// A locked buffer.
pub struct Locked<'i> {
    buffer: &'i Imported,
    data: *mut u8,
}

impl Locked<'_> {
    /// Where the pixels are.
    pub fn data(&self) -> *mut u8 {
        self.data
    }

    /// Unlocks; the release fence, if there is one.
    pub fn unlock(self) -> Option<OwnedFd> {
        let buffer = self.buffer;
        std::mem::forget(self);
        let fence = buffer.mapper.unlock(buffer.handle).unwrap_or_else(|error| panic!("unlock: {error:?}"));
        own_fence(fence)
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        let error = self.buffer.unlock();
        if !std::thread::panicking() {
            assert_eq!(error, Error::NONE, "unlock of a locked buffer");
        }
    }
}

fn size_of_answer(answer: i32) -> Result<usize, Error> {
    usize::try_from(answer).map_err(|_| Error(answer.wrapping_neg()))
}

fn own_fence(fence: i32) -> Option<OwnedFd> {
    // SAFETY: unlock gives its caller an fd of the caller's own, or −1 (IMapper.h, unlock).
    (fence >= 0).then(|| unsafe { OwnedFd::from_raw_fd(fence) })
}

fn close_fence(fence: i32) {
    drop(own_fence(fence));
}
