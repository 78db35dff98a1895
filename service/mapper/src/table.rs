//! Which buffers are imported, by the address of the handle that the client got.
//!
//! Imported handles lie in chunks of slots that are never freed and never move, so an address is checked by arithmetic:
//! inside a chunk, at a slot's handle, and the slot is in use. A pointer that was freed, belongs to somebody else or was
//! made up is never followed.
//!
//! # Invariants
//! - A lookup counts itself in the slot's own word and touches no other: threads that work on different buffers never meet,
//!   and those on one buffer use it side by side.
//! - [`Table::remove`] waits for nobody: calls may be inside the buffer, even such as wait for a device. The last of them
//!   drops it: see `counted`.
//! - A freed slot goes to the end of the queue, and [`QUARANTINE`] free slots or more stand before it: an address that was
//!   just freed stays BAD_BUFFER for a while, instead of becoming another buffer's.
//! - Lookups allocate nothing; an insertion allocates when the chunks are full, once for as many slots as there are.

use crate::buffer::Buffer;
use crate::counted::{Counted, Ended};
use crate::error::Error;
use gralloc_buffer::handle::{FDS, INTS};
use nix::errno::Errno;
use std::collections::VecDeque;
use std::mem::{offset_of, size_of};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Slots of the first chunk; each further one has as many as all before it and one first chunk more.
const FIRST_CHUNK: usize = 32;
/// Chunks: together more slots than a process has addresses for.
const CHUNKS: usize = 26;
/// Free slots that are kept between a free and the reuse of its address.
pub const QUARANTINE: usize = 16;

/// `native_handle_t.version`: the size of its head.
pub const HANDLE_VERSION: i32 = 12;

/// An imported handle as the client sees it: a `native_handle_t` with the fds and ints behind it.
///
/// Atomics, because the client has its address and may do with the memory what it wants. Nothing is read back from it.
#[repr(C)]
#[derive(Debug)]
pub struct HandleMemory {
    version: AtomicI32,
    num_fds: AtomicI32,
    num_ints: AtomicI32,
    fds: [AtomicI32; FDS],
    ints: [AtomicI32; INTS],
}
const _: () = assert!(size_of::<HandleMemory>() == 12 + 4 * (FDS + INTS));
const _: () = assert!(offset_of!(HandleMemory, fds) == 12);

/// A place for an imported buffer. Aligned so that no two slots share a cache line.
#[repr(C, align(64))]
#[derive(Debug)]
struct Slot {
    handle: HandleMemory,
    /// Live while it is imported.
    buffer: Counted<Buffer>,
}

/// Where a slot is: its chunk, and its index there.
type Place = (usize, usize);

/// The imported buffers of a process.
#[derive(Debug)]
pub struct Table {
    chunks: [OnceLock<Box<[Slot]>>; CHUNKS],
    free: Mutex<VecDeque<Place>>,
}

impl Table {
    /// An empty table; the first chunk comes with the first import.
    pub const fn new() -> Table {
        // Copied into each place of the array, as it is meant to be.
        #[allow(clippy::declare_interior_mutable_const)]
        const NO_CHUNK: OnceLock<Box<[Slot]>> = OnceLock::new();
        Table { chunks: [NO_CHUNK; CHUNKS], free: Mutex::new(VecDeque::new()) }
    }

    /// Takes in the buffer that `make` makes, whose fds are these, and makes a handle for it.
    ///
    /// # Errors
    /// `Exhausted` without memory for more slots; nothing is made then.
    pub fn insert(
        &self,
        fds: [i32; FDS],
        ints: &[i32; INTS],
        make: impl FnOnce() -> Buffer,
    ) -> Result<&HandleMemory, Error> {
        let (chunk, index) = self.reserve().ok_or(Error::Exhausted(Errno::ENOMEM))?;
        let slot = self.chunks.get(chunk).and_then(OnceLock::get).and_then(|slots| slots.get(index));
        let slot = slot.ok_or(Error::Exhausted(Errno::ENOMEM))?;
        slot.handle.fill(fds, ints);
        // The queue had its place, so it is empty.
        if !slot.buffer.put(make) {
            return Err(Error::Exhausted(Errno::ENOMEM));
        }
        Ok(&slot.handle)
    }

    /// Calls `with` on the buffer of a handle. The buffer is not dropped before `with` returns, however long it waits.
    ///
    /// # Errors
    /// `NotImported` for an address at which there is no imported handle, and when the buffer was freed meanwhile; what `with`
    /// says.
    #[inline]
    pub fn with<T>(&self, address: usize, with: impl FnOnce(&Buffer) -> Result<T, Error>) -> Result<T, Error> {
        let (slot, place) = self.find(address).ok_or(Error::NotImported)?;
        slot.buffer.with(with, || Err(Error::NotImported), |ended| self.give_back(slot, place, ended))
    }

    /// Frees a buffer: its handle is none from now on. It is dropped once nobody is inside it.
    ///
    /// # Errors
    /// `NotImported`, as for [`Table::with`].
    pub fn remove(&self, address: usize) -> Result<(), Error> {
        let (slot, place) = self.find(address).ok_or(Error::NotImported)?;
        let freed = slot.buffer.end(|ended| self.give_back(slot, place, ended));
        freed.then_some(()).ok_or(Error::NotImported)
    }

    /// Drops a buffer that nobody is inside of, and queues its slot.
    fn give_back(&self, slot: &Slot, place: Place, buffer: Ended<'_, Buffer>) {
        // Before the fds are closed, and may become somebody else's.
        slot.handle.clear();
        drop(buffer);
        // There is room: every slot's place had some when its chunk came.
        self.free.lock().unwrap_or_else(PoisonError::into_inner).push_back(place);
    }

    /// The addresses of all handles that were imported when each was reached.
    pub fn addresses(&self) -> impl Iterator<Item = usize> + '_ {
        let slots = self.chunks.iter().map_while(OnceLock::get).flat_map(|slots| slots.iter());
        slots.filter(|slot| slot.buffer.is_live()).map(|slot| address_of(&slot.handle))
    }

    /// The slot whose handle lies exactly at this address.
    #[inline]
    fn find(&self, address: usize) -> Option<(&Slot, Place)> {
        for (number, chunk) in self.chunks.iter().enumerate() {
            let slots = chunk.get()?;
            let start = address_of(&slots.first()?.handle);
            let Some(offset) = address.checked_sub(start) else { continue };
            let index = offset / size_of::<Slot>();
            if let Some(slot) = slots.get(index) {
                let exact = offset % size_of::<Slot>() == 0;
                return exact.then_some((slot, (number, index)));
            }
        }
        None
    }

    /// A free slot's place, the one that has been free for the longest.
    fn reserve(&self) -> Option<Place> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() <= QUARANTINE {
            // Without memory for more, what is free is reused sooner.
            let _ = self.grow(&mut free);
        }
        free.pop_front()
    }

    /// Adds a chunk.
    fn grow(&self, free: &mut VecDeque<Place>) -> Option<()> {
        let (number, chunk) = self.chunks.iter().enumerate().find(|(_, chunk)| chunk.get().is_none())?;
        let count = FIRST_CHUNK.checked_shl(u32::try_from(number).ok()?)?;
        let mut slots = Vec::new();
        slots.try_reserve_exact(count).ok()?;
        // As many as there will be slots: each place can come back at once.
        free.try_reserve(count.checked_mul(2)?).ok()?;
        slots.resize_with(count, Slot::empty);
        chunk.set(slots.into_boxed_slice()).ok()?;
        free.extend((0..count).map(|index| (number, index)));
        Some(())
    }
}

impl Default for Table {
    fn default() -> Table {
        Table::new()
    }
}

impl Slot {
    fn empty() -> Slot {
        Slot { handle: HandleMemory::empty(), buffer: Counted::new() }
    }
}

impl HandleMemory {
    fn empty() -> HandleMemory {
        HandleMemory {
            version: AtomicI32::new(HANDLE_VERSION),
            num_fds: AtomicI32::new(0),
            num_ints: AtomicI32::new(0),
            fds: std::array::from_fn(|_| AtomicI32::new(-1)),
            ints: std::array::from_fn(|_| AtomicI32::new(0)),
        }
    }

    fn fill(&self, fds: [i32; FDS], ints: &[i32; INTS]) {
        self.version.store(HANDLE_VERSION, Ordering::Relaxed);
        self.num_fds.store(count(FDS), Ordering::Relaxed);
        self.num_ints.store(count(INTS), Ordering::Relaxed);
        self.fds.iter().zip(fds).for_each(|(to, fd)| to.store(fd, Ordering::Relaxed));
        self.ints.iter().zip(ints).for_each(|(to, int)| to.store(*int, Ordering::Relaxed));
    }

    /// A handle with nothing in it: who reads it after the free finds no fd that is somebody else's by now.
    fn clear(&self) {
        self.num_fds.store(0, Ordering::Relaxed);
        self.num_ints.store(0, Ordering::Relaxed);
        self.fds.iter().for_each(|fd| fd.store(-1, Ordering::Relaxed));
    }
}

/// A count of fds or ints.
fn count(value: usize) -> i32 {
    i32::try_from(value).unwrap_or(0)
}

/// The number that a client's pointer to this handle is.
#[inline]
pub fn address_of(handle: &HandleMemory) -> usize {
    // A pointer's address: `as` is the only way to it before Rust 1.84.
    #[allow(clippy::as_conversions)]
    let address = std::ptr::from_ref(handle) as usize;
    address
}
