//! Buffers to import, from every kind of memory that this machine has, and the interface as a C client sees it.

// Each test crate uses its part.
#![allow(dead_code, unreachable_pub)]

use gralloc_buffer::handle::{encode, BufferInfo, FDS, INTS};
use gralloc_buffer::layout::{Plane, Planes};
use gralloc_buffer::{BufferName, Layout, PixelFormat, Usage};
use gralloc_dmabuf::ioctl;
use gralloc_mapper::abi::*;
use gralloc_mapper::AIMapper_loadIMapper;
use nix::fcntl::{fcntl, FcntlArg, SealFlag};
use nix::sys::memfd::{memfd_create, MemFdCreateFlag};
use nix::unistd::ftruncate;
use std::ffi::{c_int, c_void};
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::ptr::{null, null_mut};
use std::sync::Mutex;

/// CPU_READ_OFTEN | CPU_WRITE_OFTEN
pub const CPU: u64 = 0x33;
pub const READ: u64 = 3;
pub const WRITE: u64 = 0x30;
pub const WHOLE: ARect = ARect { left: 0, top: 0, right: 0, bottom: 0 };

/// Of the longest runs every so many-th step is taken, as `TESTS_SAMPLE` says: an emulated machine is given a sample.
pub fn sample() -> usize {
    std::env::var("TESTS_SAMPLE").map_or(1, |steps| steps.parse().unwrap())
}

/// The kinds of memory that a buffer can be of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    DmaHeap,
    Udmabuf,
    Memfd,
}

impl Source {
    /// Those that this machine has; says which are missing.
    pub fn here() -> Vec<Source> {
        let mut sources = vec![Source::Memfd];
        for (source, node) in [(Source::DmaHeap, "/dev/dma_heap/system"), (Source::Udmabuf, "/dev/udmabuf")] {
            match File::open(node) {
                Ok(_) => sources.push(source),
                Err(why) => eprintln!("skipped for {source:?}: {node}: {why}"),
            }
        }
        sources
    }

    /// A dma-buf, where this machine has any.
    pub fn real() -> Source {
        let here = Source::here();
        here.get(1).or(here.first()).copied().unwrap()
    }

    pub fn memory(self, bytes: u64) -> OwnedFd {
        match self {
            Source::Memfd => sealed_memfd(bytes),
            Source::DmaHeap => {
                let heap = File::open("/dev/dma_heap/system").unwrap();
                ioctl::dma_heap_alloc(heap.as_fd(), bytes).unwrap()
            }
            Source::Udmabuf => {
                let device = File::open("/dev/udmabuf").unwrap();
                let bytes = bytes.next_multiple_of(page_bytes());
                ioctl::udmabuf_create(device.as_fd(), sealed_memfd(bytes).as_fd(), bytes).unwrap()
            }
        }
    }
}

/// The size of this kernel's pages: every dma-buf is so many or a multiple.
pub fn page_bytes() -> u64 {
    u64::try_from(nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).unwrap().unwrap()).unwrap()
}

pub fn memfd(bytes: u64) -> OwnedFd {
    let file = memfd_create(c"test", MemFdCreateFlag::MFD_CLOEXEC | MemFdCreateFlag::MFD_ALLOW_SEALING).unwrap();
    ftruncate(&file, bytes.try_into().unwrap()).unwrap();
    file
}

pub fn sealed_memfd(bytes: u64) -> OwnedFd {
    let file = memfd(bytes);
    fcntl(file.as_raw_fd(), FcntlArg::F_ADD_SEALS(SealFlag::F_SEAL_SHRINK)).unwrap();
    file
}

/// RGBA in lines of 320 bytes, so many that it fills these pages of the kernel's and begins another.
pub fn rgba_beyond(pages: u32) -> BufferInfo {
    let lines = pages * u32::try_from(page_bytes()).unwrap() / 320 + 1;
    let bytes = u64::from(lines) * 320;
    let planes = Planes::from_slice(&[Plane { offset_bytes: 0, stride_bytes: 320, lines }]).unwrap();
    BufferInfo { height: lines, planes, layer_bytes: bytes, buffer_bytes: bytes, ..rgba() }
}

/// 64×48 RGBA in lines of 320 bytes.
pub fn rgba() -> BufferInfo {
    let planes = [Plane { offset_bytes: 0, stride_bytes: 320, lines: 48 }];
    BufferInfo {
        id: 0x1234_5678_9abc,
        name: BufferName::from_text("Hello, World!"),
        usage: Usage(CPU),
        stride: 80,
        planes: Planes::from_slice(&planes).unwrap(),
        layer_bytes: 15360,
        buffer_bytes: 15360,
        ..BufferInfo::linear(PixelFormat::Rgba8888, Layout::Rgba8888, 64, 48).unwrap()
    }
}

/// A raw handle, as it arrives from an allocator: fds of its own, and ints.
pub struct Raw {
    pub fds: Vec<OwnedFd>,
    words: Vec<i32>,
}

impl Raw {
    pub fn new(source: Source, info: &BufferInfo) -> Raw {
        let fds = vec![source.memory(info.buffer_bytes), source.memory(info.metadata_bytes)];
        Raw::of(fds, &encode(info))
    }

    pub fn of(fds: Vec<OwnedFd>, ints: &[i32]) -> Raw {
        let counts = [12, c_int::try_from(fds.len()).unwrap(), c_int::try_from(ints.len()).unwrap()];
        let words = counts.into_iter().chain(fds.iter().map(AsRawFd::as_raw_fd)).chain(ints.iter().copied()).collect();
        Raw { fds, words }
    }

    /// Version, counts, fds and ints, to be spoilt.
    pub fn words(&mut self) -> &mut [i32] {
        assert_eq!(self.words.len(), 3 + FDS + INTS);
        &mut self.words
    }

    pub fn as_ptr(&self) -> *const native_handle_t {
        self.words.as_ptr().cast()
    }
}

/// The interface, called as C calls it.
#[derive(Clone, Copy)]
pub struct Client(pub &'static AIMapperV5);

pub fn client() -> Client {
    let mut interface: *mut AIMapper = null_mut();
    // SAFETY: a pointer to a pointer.
    assert_eq!(unsafe { AIMapper_loadIMapper(&mut interface) }, AIMAPPER_ERROR_NONE);
    // SAFETY: the interface lives as long as the process.
    Client(unsafe { &(*interface).v5 })
}

// SAFETY of all calls: the pointers are null on purpose, numbers that the mapper must not follow, or lead to locals.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Client {
    pub fn try_import(self, raw: *const native_handle_t) -> Result<buffer_handle_t, i32> {
        let mut imported: buffer_handle_t = null();
        match unsafe { (self.0.importBuffer)(raw, &mut imported) } {
            AIMAPPER_ERROR_NONE => {
                assert!(!imported.is_null());
                Ok(imported)
            }
            code => {
                assert!(imported.is_null());
                Err(code)
            }
        }
    }

    pub fn import(self, raw: &Raw) -> buffer_handle_t {
        self.try_import(raw.as_ptr()).unwrap()
    }

    pub fn free(self, buffer: buffer_handle_t) -> i32 {
        unsafe { (self.0.freeBuffer)(buffer) }
    }

    pub fn lock_with(self, buffer: buffer_handle_t, usage: u64, region: ARect, fence: c_int) -> Result<*mut u8, i32> {
        let mut data: *mut c_void = null_mut();
        match unsafe { (self.0.lock)(buffer, usage, region, fence, &mut data) } {
            AIMAPPER_ERROR_NONE => {
                assert!(!data.is_null());
                Ok(data.cast())
            }
            code => Err(code),
        }
    }

    pub fn lock(self, buffer: buffer_handle_t) -> Result<*mut u8, i32> {
        self.lock_with(buffer, CPU, WHOLE, -1)
    }

    pub fn unlock(self, buffer: buffer_handle_t) -> i32 {
        let mut fence = 99;
        let code = unsafe { (self.0.unlock)(buffer, &mut fence) };
        assert_eq!(fence, -1);
        code
    }

    pub fn flush(self, buffer: buffer_handle_t) -> i32 {
        unsafe { (self.0.flushLockedBuffer)(buffer) }
    }

    pub fn reread(self, buffer: buffer_handle_t) -> i32 {
        unsafe { (self.0.rereadLockedBuffer)(buffer) }
    }

    /// The bytes of a standard type, or an error's code.
    pub fn get(self, buffer: buffer_handle_t, number: i64) -> Result<Vec<u8>, i32> {
        let mut room = [0xaa; 2048];
        let size = unsafe { (self.0.getStandardMetadata)(buffer, number, room.as_mut_ptr().cast(), room.len()) };
        if size < 0 {
            return Err(-size);
        }
        let size = usize::try_from(size).unwrap();
        assert!(room[size..].iter().all(|byte| *byte == 0xaa));
        Ok(room[..size].to_vec())
    }

    pub fn set(self, buffer: buffer_handle_t, number: i64, bytes: &[u8]) -> i32 {
        unsafe { (self.0.setStandardMetadata)(buffer, number, bytes.as_ptr().cast(), bytes.len()) }
    }

    pub fn region(self, buffer: buffer_handle_t) -> Result<(*mut u8, u64), i32> {
        let (mut start, mut size) = (null_mut(), 99);
        match unsafe { (self.0.getReservedRegion)(buffer, &mut start, &mut size) } {
            AIMAPPER_ERROR_NONE => Ok((start.cast(), size)),
            code => Err(code),
        }
    }
}

/// The bytes before the value of a standard type.
pub fn header(number: i64) -> Vec<u8> {
    let mut bytes = 53i64.to_le_bytes().to_vec();
    bytes.extend(b"android.hardware.graphics.common.StandardMetadataType");
    bytes.extend(number.to_le_bytes());
    bytes
}

pub fn value(number: i64, value: &[u8]) -> Vec<u8> {
    let mut bytes = header(number);
    bytes.extend(value);
    bytes
}

/// Open fds of this process.
pub fn open_fds() -> usize {
    // The folder's own fd is there every time.
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Mappings of buffers in this process.
pub fn mappings() -> usize {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    maps.lines().filter(|line| line.contains("/memfd:") || line.contains("dmabuf")).count()
}

struct Lines(Mutex<Vec<String>>);

impl log::Log for Lines {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        self.0.lock().unwrap().push(format!("{}: {}", record.level(), record.args()));
    }

    fn flush(&self) {}
}

/// What is logged from now on, warnings and worse. Once a process.
pub fn log_lines() -> &'static Mutex<Vec<String>> {
    static LINES: Lines = Lines(Mutex::new(Vec::new()));
    log::set_logger(&LINES).unwrap();
    log::set_max_level(log::LevelFilter::Warn);
    &LINES.0
}
