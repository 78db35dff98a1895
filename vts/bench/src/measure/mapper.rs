//! The mapper, called as C calls it, beside the system calls that it cannot do without.

#![allow(unsafe_code)] // The interface is C's.

use super::{Kind, Subject};
use anyhow::{ensure, Context as _, Result};
use gralloc_buffer::handle::{encode, BufferInfo};
use gralloc_buffer::{BufferName, Layout, PixelFormat, Usage};
use gralloc_dmabuf::ioctl::dma_heap_alloc;
use gralloc_dmabuf::{begin_access, end_access, fd, Access};
use gralloc_mapper::abi::{
    buffer_handle_t, native_handle_t, AIMapper, AIMapperV5, AIMapper_Error, ARect, AIMAPPER_ERROR_NONE,
};
use gralloc_mapper::AIMapper_loadIMapper;
use libloading::os::unix::{Library as Opened, RTLD_LOCAL, RTLD_NOW};
use nix::errno::Errno;
use nix::fcntl::{fcntl, FcntlArg, SealFlag};
use nix::sys::memfd::{memfd_create, MemFdCreateFlag};
use nix::unistd::ftruncate;
use std::ffi::c_int;
use std::fs::File;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::path::Path;
use std::ptr;
use std::time::{Duration, Instant};
use vts_bench::samples::Sample;

/// Calls of one sample: enough that reading the clock is nothing.
const CALLS: u32 = 200;
/// NAME, PLANE_LAYOUTS, DATASPACE, SMPTE2086 (`StandardMetadataType.aidl`): a text, a list, a value of the shared page, a
/// struct of the shared page.
const KINDS: [i64; 4] = [2, 15, 17, 19];

/// The interface.
#[derive(Clone, Copy)]
pub(super) struct Client(&'static AIMapperV5);

/// A handle as it comes from an allocator.
pub(super) struct RawHandle {
    fds: [OwnedFd; 2],
    words: Vec<c_int>,
}

/// Imports and frees.
pub(crate) struct Imports {
    client: Client,
    handle: RawHandle,
}

/// Locks and unlocks of one buffer.
pub(crate) struct Locks {
    client: Client,
    handle: RawHandle,
    buffer: buffer_handle_t,
}

impl Imports {
    pub(crate) fn new(heap: &Path) -> Result<Imports> {
        Ok(Imports { client: Client::load()?, handle: RawHandle::from_heap(heap)? })
    }
}

impl Subject for Imports {
    fn kinds(&self) -> &'static [Kind] {
        &[Kind::Ours, Kind::Raw]
    }

    fn measure(&mut self, kind: Kind) -> Result<Duration> {
        let [pixels, metadata] = &self.handle.fds;
        let start = Instant::now();
        for _ in 0..CALLS {
            if kind == Kind::Ours {
                let buffer = self.client.import(&self.handle)?;
                self.client.free(buffer)?;
            } else {
                // What tells either from an ordinary file, and the pixels' size from the handle's: no check more, none less.
                let clones = [fd::clone_from(pixels.as_raw_fd(), 3)?, fd::clone_from(metadata.as_raw_fd(), 3)?];
                for clone in &clones {
                    ensure!(fd::offset(clone.as_fd()) == Err(Errno::EINVAL), "the heap gives no dma-bufs");
                }
                ensure!(fd::seek_end(clones[0].as_fd())? >= BYTES, "the heap gives too little");
            }
        }
        Ok(start.elapsed())
    }

    fn unit_of(&self, took: Duration) -> f64 {
        nanos_a_call(took)
    }

    fn release(&mut self) -> Result<()> {
        Ok(())
    }
}

impl Locks {
    pub(crate) fn new(heap: &Path) -> Result<Locks> {
        let (client, handle) = (Client::load()?, RawHandle::from_heap(heap)?);
        let buffer = client.import(&handle)?;
        let mut locks = Locks { client, handle, buffer };
        // Mapped from here on.
        locks.measure(Kind::Ours)?;
        Ok(locks)
    }
}

impl Subject for Locks {
    fn kinds(&self) -> &'static [Kind] {
        &[Kind::Ours, Kind::Raw]
    }

    fn measure(&mut self, kind: Kind) -> Result<Duration> {
        let [pixels, _] = &self.handle.fds;
        let start = Instant::now();
        for _ in 0..CALLS {
            if kind == Kind::Ours {
                self.client.lock(self.buffer)?;
                self.client.unlock(self.buffer)?;
            } else {
                begin_access(pixels.as_fd(), Access::ReadWrite)?;
                end_access(pixels.as_fd(), Access::ReadWrite)?;
            }
        }
        Ok(start.elapsed())
    }

    fn unit_of(&self, took: Duration) -> f64 {
        nanos_a_call(took)
    }

    fn release(&mut self) -> Result<()> {
        Ok(())
    }
}

impl Drop for Locks {
    fn drop(&mut self) {
        // The process ends soon, and all goes with it.
        let _freed = self.client.free(self.buffer);
    }
}

/// Nanoseconds of one metadata get, as the mean over the kinds.
pub(crate) fn gets(rounds: usize) -> Result<Vec<Sample>> {
    let client = Client::load()?;
    // The memory's kind makes no difference to a get: it is mapped.
    let handle = RawHandle::of([sealed_memfd(BYTES)?, sealed_memfd(METADATA_BYTES)?])?;
    let buffer = client.import(&handle)?;
    client.set_smpte2086(buffer)?;
    let mut room = [0_u8; 1024];
    for kind in KINDS {
        ensure!(client.get(buffer, kind, &mut room) > 0, "metadata {kind} has no value");
    }
    let mut sample = || {
        let start = Instant::now();
        for _ in 0..CALLS {
            for kind in KINDS {
                std::hint::black_box(client.get(buffer, kind, &mut room));
            }
        }
        Sample::alone(nanos_a_call(start.elapsed()) / 4.0)
    };
    // The first warms up.
    sample();
    let samples = (0..rounds).map(|_| sample()).collect();
    client.free(buffer)?;
    Ok(samples)
}

fn nanos_a_call(took: Duration) -> f64 {
    took.as_secs_f64() * 1e9 / f64::from(CALLS)
}

/// A library that was loaded while the program ran.
pub(super) struct Library(Opened);

/// Loads a library at once and whole, as AOSP loads a mapper (libvndksupport, `android_load_sphal_library`).
pub(super) fn open(path: &Path) -> Result<Library> {
    // SAFETY: it is this project's own, and does nothing when it is loaded.
    let opened = unsafe { Opened::open(Some(path), RTLD_NOW | RTLD_LOCAL) };
    Ok(Library(opened.with_context(|| path.display().to_string())?))
}

impl Library {
    /// The mapper in it. It stays loaded for the process's life.
    pub(super) fn client(&self) -> Result<Client> {
        // SAFETY: the interface gives the function this type.
        let load = unsafe { self.0.get::<Loader>(b"AIMapper_loadIMapper\0") };
        Client::of(*load.context("no mapper")?)
    }
}

/// The function that a mapper is found by.
type Loader = unsafe extern "C" fn(*mut *mut AIMapper) -> AIMapper_Error;

impl Client {
    /// The one that is linked in.
    fn load() -> Result<Client> {
        Client::of(AIMapper_loadIMapper)
    }

    fn of(load: Loader) -> Result<Client> {
        let mut interface: *mut AIMapper = ptr::null_mut();
        // SAFETY: the loader writes one pointer, to a local.
        let code = unsafe { load(&mut interface) };
        ensure!(code == AIMAPPER_ERROR_NONE && !interface.is_null(), "the mapper does not load: {code}");
        // SAFETY: the interface lives as long as the process, and nobody writes it.
        let interface = unsafe { &*interface };
        Ok(Client(&interface.v5))
    }

    pub(super) fn import(self, raw: &RawHandle) -> Result<buffer_handle_t> {
        let mut imported: buffer_handle_t = ptr::null();
        let words = raw.words.as_ptr().cast::<native_handle_t>();
        // SAFETY: the words are a native_handle_t with as many fds and ints behind it as it says.
        let code = unsafe { (self.0.importBuffer)(words, &mut imported) };
        ensure!(code == AIMAPPER_ERROR_NONE, "importBuffer: {code}");
        Ok(imported)
    }

    fn free(self, buffer: buffer_handle_t) -> Result<()> {
        // SAFETY: any pointer may come: the mapper knows which are its own.
        let code = unsafe { (self.0.freeBuffer)(buffer) };
        ensure!(code == AIMAPPER_ERROR_NONE, "freeBuffer: {code}");
        Ok(())
    }

    fn lock(self, buffer: buffer_handle_t) -> Result<()> {
        let mut data = ptr::null_mut();
        let usage = (Usage::CPU_READ_OFTEN | Usage::CPU_WRITE_OFTEN).0;
        // SAFETY: any handle may come; the pointer that is written is a local.
        let code = unsafe { (self.0.lock)(buffer, usage, ARect::default(), -1, &mut data) };
        ensure!(code == AIMAPPER_ERROR_NONE && !data.is_null(), "lock: {code}");
        Ok(())
    }

    fn unlock(self, buffer: buffer_handle_t) -> Result<()> {
        let mut fence = -1;
        // SAFETY: any handle may come; the number that is written is a local.
        let code = unsafe { (self.0.unlock)(buffer, &mut fence) };
        ensure!(code == AIMAPPER_ERROR_NONE, "unlock: {code}");
        Ok(())
    }

    fn get(self, buffer: buffer_handle_t, kind: i64, room: &mut [u8]) -> i32 {
        // SAFETY: at most as many bytes are written as are said.
        unsafe { (self.0.getStandardMetadata)(buffer, kind, room.as_mut_ptr().cast(), room.len()) }
    }

    /// Its value is unset in a new buffer, and a get of it would give nothing.
    fn set_smpte2086(self, buffer: buffer_handle_t) -> Result<()> {
        let name = "android.hardware.graphics.common.StandardMetadataType";
        let mut bytes = i64::try_from(name.len())?.to_le_bytes().to_vec();
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(&19_i64.to_le_bytes());
        bytes.extend_from_slice(&[0; 40]);
        // SAFETY: at most as many bytes are read as are said.
        let code = unsafe { (self.0.setStandardMetadata)(buffer, 19, bytes.as_ptr().cast(), bytes.len()) };
        ensure!(code == AIMAPPER_ERROR_NONE, "setStandardMetadata: {code}");
        Ok(())
    }
}

/// A small picture's bytes, and its metadata's: the size of the memory makes no difference to any of these calls.
const BYTES: u64 = 64 * 64 * 4;
const METADATA_BYTES: u64 = 4096;

impl RawHandle {
    pub(super) fn from_heap(heap: &Path) -> Result<RawHandle> {
        let heap = File::open(heap).with_context(|| format!("heap {}", heap.display()))?;
        RawHandle::of([dma_heap_alloc(heap.as_fd(), BYTES)?, dma_heap_alloc(heap.as_fd(), METADATA_BYTES)?])
    }

    fn of(fds: [OwnedFd; 2]) -> Result<RawHandle> {
        let ints = encode(&info()?);
        let counts = [12, c_int::try_from(fds.len())?, c_int::try_from(ints.len())?];
        let numbers = fds.each_ref().map(|fd| fd.as_raw_fd());
        let words = counts.into_iter().chain(numbers).chain(ints).collect();
        Ok(RawHandle { fds, words })
    }
}

fn info() -> Result<BufferInfo> {
    let info = BufferInfo::linear(PixelFormat::Rgba8888, Layout::Rgba8888, 64, 64).context("a small picture")?;
    let usage = Usage::CPU_READ_OFTEN | Usage::CPU_WRITE_OFTEN;
    Ok(BufferInfo { id: 1, name: BufferName::from_text("bench"), usage, ..info })
}

fn sealed_memfd(bytes: u64) -> Result<OwnedFd> {
    let memory = memfd_create(c"bench", MemFdCreateFlag::MFD_CLOEXEC | MemFdCreateFlag::MFD_ALLOW_SEALING)?;
    ftruncate(&memory, i64::try_from(bytes)?)?;
    fcntl(memory.as_raw_fd(), FcntlArg::F_ADD_SEALS(SealFlag::F_SEAL_SHRINK))?;
    Ok(memory)
}
