//! A buffer's handle as it travels: fds and ints of which nobody here knows the meaning.

use crate::abi::{Handle, NativeHandle, NATIVE_HANDLE_VERSION};
use gralloc_dmabuf::identity;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// How many ints the header of `native_handle_t` takes.
const HEADER_INTS: usize = 3;

/// A `native_handle_t` with fds of its own, as `native_handle_clone` and the binder's conversion make them.
#[derive(Debug)]
pub struct RawHandle {
    fds: Vec<OwnedFd>,
    ints: Vec<i32>,
    /// Header, fd numbers, ints: what [`RawHandle::pointer`] points to.
    memory: Vec<i32>,
}

impl RawHandle {
    /// Puts one together.
    pub fn new(fds: Vec<OwnedFd>, ints: Vec<i32>) -> RawHandle {
        let numbers: Vec<i32> = fds.iter().map(AsRawFd::as_raw_fd).collect();
        let memory = memory_of(&numbers, &ints);
        RawHandle { fds, ints, memory }
    }

    /// `native_handle_create(0, 0)`.
    pub fn empty() -> RawHandle {
        RawHandle::new(Vec::new(), Vec::new())
    }

    /// The first fds and ints of a handle that somebody else has, such as a mapper; the fds are duplicated. This is what a
    /// client does that sends an imported handle on.
    ///
    /// # Safety
    /// `handle` must be a valid `native_handle_t` with at least so many fds and ints.
    ///
    /// # Errors
    /// No fd is left.
    pub unsafe fn copy_of(handle: Handle, fds: usize, ints: usize) -> io::Result<RawHandle> {
        // SAFETY: the caller's promise.
        let all = usize::try_from(unsafe { (*handle).num_fds }).unwrap_or(0);
        let data = handle.cast::<i32>().wrapping_add(HEADER_INTS);
        // SAFETY: the fds stand behind the header; so many by the caller's promise.
        let numbers = unsafe { std::slice::from_raw_parts(data, fds) };
        // SAFETY: the ints stand behind all fds; so many by the caller's promise.
        let ints = unsafe { std::slice::from_raw_parts(data.wrapping_add(all), ints) };
        // SAFETY: an fd that the handle's owner keeps open as long as the handle lives.
        let dup = |number: &i32| unsafe { BorrowedFd::borrow_raw(*number) }.try_clone_to_owned();
        let fds = numbers.iter().map(dup).collect::<io::Result<_>>()?;
        Ok(RawHandle::new(fds, ints.to_vec()))
    }

    /// The handle, for C. Valid while `self` is.
    pub fn pointer(&self) -> Handle {
        self.memory.as_ptr().cast::<NativeHandle>()
    }

    /// The fds.
    pub fn fds(&self) -> Vec<BorrowedFd<'_>> {
        self.fds.iter().map(AsFd::as_fd).collect()
    }

    /// The ints.
    pub fn ints(&self) -> &[i32] {
        &self.ints
    }

    /// Other fds, the same ints.
    ///
    /// # Errors
    /// No fd is left.
    pub fn clone_handle(&self) -> io::Result<RawHandle> {
        self.with_ints(self.ints.clone())
    }

    /// The same fds, duplicated, with other ints.
    ///
    /// # Errors
    /// No fd is left.
    pub fn with_ints(&self, ints: Vec<i32>) -> io::Result<RawHandle> {
        let fds = self.fds.iter().map(OwnedFd::try_clone).collect::<io::Result<_>>()?;
        Ok(RawHandle::new(fds, ints))
    }

    /// The same handle with another fd at `index`.
    ///
    /// # Errors
    /// No fd is left.
    pub fn with_fd(&self, index: usize, fd: OwnedFd) -> io::Result<RawHandle> {
        let RawHandle { mut fds, ints, .. } = self.clone_handle()?;
        if let Some(place) = fds.get_mut(index) {
            *place = fd;
        }
        Ok(RawHandle::new(fds, ints))
    }

    /// The handle's memory with its numbers changed, for handles that a liar wrote. The fds stay those of `self`.
    pub fn forged(&self, change: impl FnOnce(&mut Vec<i32>)) -> Forged<'_> {
        let mut memory = self.memory.clone();
        change(&mut memory);
        Forged { memory, _fds: self }
    }

    /// The size of the largest file among the fds, as the kernel says: no buffer can be larger.
    pub fn largest_file(&self) -> u64 {
        self.sizes().max().unwrap_or(0)
    }

    /// The size of all of them together.
    pub fn all_files(&self) -> u64 {
        self.sizes().sum()
    }

    /// In bytes, of those that the kernel knows a size of. No file's offset moves, which its other holders share.
    fn sizes(&self) -> impl Iterator<Item = u64> + '_ {
        self.fds.iter().filter_map(|fd| identity(fd.as_fd()).ok()).map(|identity| identity.bytes)
    }
}

/// A handle's memory that is not what an allocator wrote.
pub struct Forged<'a> {
    memory: Vec<i32>,
    _fds: &'a RawHandle,
}

impl Forged<'_> {
    /// Where the count of fds is.
    pub const NUM_FDS: usize = 1;
    /// Where the count of ints is.
    pub const NUM_INTS: usize = 2;
    /// Where the fds begin.
    pub const DATA: usize = HEADER_INTS;

    /// The handle, for C.
    pub fn pointer(&self) -> Handle {
        self.memory.as_ptr().cast::<NativeHandle>()
    }
}

fn memory_of(fds: &[i32], ints: &[i32]) -> Vec<i32> {
    let count = |list: &[i32]| i32::try_from(list.len()).unwrap_or(i32::MAX);
    let mut memory = vec![NATIVE_HANDLE_VERSION, count(fds), count(ints)];
    memory.extend_from_slice(fds);
    memory.extend_from_slice(ints);
    memory
}
