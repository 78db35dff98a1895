//! Fuzz targets: every decoder that reads bytes from outside. A target takes any bytes and panics when a promise is broken.
//!
//! The tests beside it run each target over the corpus that is kept (`corpora/TARGET.tar.gz`), over what once failed
//! (`found/TARGET/`) and over some tens of thousands of inputs mutated from good ones, on a stable compiler and in
//! seconds. With coverage, on a nightly one, which it says how to get:
//!
//! ```text
//! cargo xtask fuzz                        # every target, ten seconds each
//! cargo xtask fuzz handle --seconds 600
//! ```
//!
//! An input that makes one fail is left in `target/fuzz/artifacts/TARGET`; it belongs into `found/TARGET`.

// A broken promise is a panic here.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod buffer;
mod bytes;
mod calls;
pub mod corpus;
mod generated;
mod parcel;
mod plan;

pub use calls::calls;
pub use parcel::{good_parcel, parcel};
pub use plan::{granted, plan, policy, Granted};

use gralloc_buffer::handle::{decode, encode, fields, BufferInfo, RawHandle, INTS};
use gralloc_buffer::metadata::{
    encode_constant, encode_shared, explain, set, SharedPage, StandardMetadata, Writer, MAX_ENCODED_BYTES, PAGE_WORDS,
};
use gralloc_buffer::{BufferName, Layout, PixelFormat, Usage};
use gralloc_mapper::abi::ARect;
use gralloc_mapper::table::address_of;
use gralloc_mapper::Mapper;
use nix::fcntl::{fcntl, FcntlArg, SealFlag};
use nix::sys::memfd::{memfd_create, MemFdCreateFlag};
use nix::unistd::ftruncate;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::AtomicU32;

/// A buffer as an allocator makes it.
pub fn good_info() -> BufferInfo {
    let info = BufferInfo::linear(PixelFormat::Rgba8888, Layout::Rgba8888, 64, 16).unwrap();
    BufferInfo { id: 1, name: BufferName::from_text("good"), usage: Usage(0x33), ..info }
}

fn ints(bytes: &[u8]) -> Vec<i32> {
    bytes.chunks_exact(4).map(|four| i32::from_le_bytes([four[0], four[1], four[2], four[3]])).collect()
}

/// The bytes as a handle's ints: what is decoded encodes to the same ints, and its planes lie inside the buffer.
pub fn handle(bytes: &[u8]) {
    let ints = ints(bytes);
    let described = fields(&ints);
    assert!(described.iter().all(|field| field.ints.end <= ints.len()));
    for num_fds in [0, 1, 2, 3, usize::MAX] {
        let Ok(info) = decode(RawHandle { num_fds, ints: &ints }) else { continue };
        assert_eq!(num_fds, 2);
        buffer::is_whole(&info, &ints);
    }
}

/// The first bytes choose a type, the next are a value of it, the rest a scribbled page.
pub fn metadata(bytes: &[u8]) {
    let [number, length, split, rest @ ..] = bytes else { return };
    let kind = StandardMetadata::ALL[usize::from(*number) % StandardMetadata::ALL.len()];
    let (value, scribble) = rest.split_at(usize::from(u16::from_le_bytes([*length, *split])).min(rest.len()));
    let info = good_info();
    let words: Vec<AtomicU32> = ints(scribble)
        .into_iter()
        .map(|int| AtomicU32::new(u32::from_ne_bytes(int.to_ne_bytes())))
        .chain(std::iter::repeat_with(|| AtomicU32::new(0)))
        .take(PAGE_WORDS)
        .collect();
    let page = SharedPage::new(&words);
    let _ = explain(kind, value);
    let answer = set(kind, &info, page, 1, value);
    for kind in StandardMetadata::ALL {
        let bytes = get(*kind, &info, page);
        assert!(explain(*kind, &bytes).is_some(), "{kind:?}: {bytes:?}");
    }
    if answer.is_ok() {
        let bytes = get(kind, &info, page);
        assert_eq!(bytes, value[..bytes.len()], "{kind:?} comes back as it was set");
    }
}

fn get(kind: StandardMetadata, info: &BufferInfo, page: SharedPage<'_>) -> Vec<u8> {
    let mut room = [0; MAX_ENCODED_BYTES];
    let mut out = Writer::new(&mut room);
    encode_constant(kind, info, 4096, &mut out);
    encode_shared(kind, info, page, &mut out);
    let needed = out.needed();
    room[..needed].to_vec()
}

fn memory(pages: u8) -> OwnedFd {
    let file = memfd_create(c"fuzz", MemFdCreateFlag::MFD_CLOEXEC | MemFdCreateFlag::MFD_ALLOW_SEALING).unwrap();
    ftruncate(&file, i64::from(pages) * 4096).unwrap();
    fcntl(file.as_raw_fd(), FcntlArg::F_ADD_SEALS(SealFlag::F_SEAL_SHRINK)).unwrap();
    file
}

/// Two sizes in pages, a usage, a region, then a handle's ints: what is imported has its memory from end to end.
pub fn import(bytes: &[u8]) {
    static MAPPER: Mapper = Mapper::new();
    let [pixels, metadata, usage, left, top, right, bottom, rest @ ..] = bytes else { return };
    let ints = ints(rest);
    let raw = RawHandle { num_fds: 2, ints: &ints };
    let pages = [*pixels % 32, *metadata % 8];
    let Ok(imported) = MAPPER.import(raw, |index| Ok(memory(pages[index]))) else { return };
    let buffer = address_of(imported);
    let info = decode(raw).unwrap();
    assert!(u64::from(pages[0]) * 4096 >= info.buffer_bytes && u64::from(pages[1]) * 4096 >= info.metadata_bytes);
    let mut room = [0; MAX_ENCODED_BYTES];
    for kind in StandardMetadata::ALL {
        let needed = MAPPER.get(buffer, kind.number(), Writer::new(&mut room)).unwrap();
        assert!(explain(*kind, &room[..needed]).is_some());
        let _ = MAPPER.set(buffer, kind.number(), &room[..needed]);
    }
    let edge = |byte: &u8| i32::from(i8::from_le_bytes([*byte]));
    let region = ARect { left: edge(left), top: edge(top), right: edge(right), bottom: edge(bottom) };
    let locked = MAPPER.lock(buffer, (*usage).into(), region, None);
    assert_eq!(MAPPER.unlock(buffer).is_ok(), locked.is_ok());
    let (region, size) = MAPPER.reserved_region(buffer).unwrap();
    assert_eq!((region.is_null(), size), (info.reserved_bytes == 0, info.reserved_bytes));
    MAPPER.free(buffer).unwrap();
    assert!(MAPPER.check(buffer).is_err());
}

/// A target: bytes in, a panic when a promise is broken.
pub type Target = fn(&[u8]);

/// All of them, by name.
pub const TARGETS: [(&str, Target); 7] = [
    ("plan", plan),
    ("policy", policy),
    ("handle", handle),
    ("metadata", metadata),
    ("import", import),
    ("parcel", parcel),
    ("calls", calls),
];

/// Inputs from which a mutation gets far.
pub fn seeds() -> Vec<Vec<u8>> {
    let handle: Vec<u8> = encode(&good_info()).iter().flat_map(|int| int.to_le_bytes()).collect();
    assert_eq!(handle.len(), 4 * INTS);
    let mut import = vec![1, 1, 0x33, 0, 0, 0, 0];
    import.extend(&handle);
    let mut seeds = vec![handle, import, good_parcel()];
    for info in plan::with_blocks_and_shapes() {
        let ints: Vec<u8> = encode(&info).iter().flat_map(|int| int.to_le_bytes()).collect();
        seeds.extend([ints.clone(), [vec![31, 2, 0x33, 0, 0, 0, 0], ints].concat()]);
    }
    seeds.extend(plan::compiled().into_iter().map(String::into_bytes));
    seeds.push((0..64).flat_map(|call: u8| [call, call / 3, call.wrapping_mul(7), call]).collect());
    seeds.push(vec![0, 0xff, 3, 1, 0, 0, 64, 0, 0, 64, 0, 0x33, 0, 0, 0, 0, 0, 0, 0]);
    let words: Vec<AtomicU32> = (0..PAGE_WORDS).map(|_| AtomicU32::new(0)).collect();
    for (index, kind) in (0..).zip(StandardMetadata::ALL) {
        let value = get(*kind, &good_info(), SharedPage::new(&words));
        let [low, high] = u16::try_from(value.len()).unwrap_or(0).to_le_bytes();
        let mut seed = vec![index, low, high];
        seed.extend(value);
        seed.extend([1; 512]);
        seeds.push(seed);
    }
    seeds
}
