//! Any sequence of calls at the mapper's C entry points, also with handles that are freed, foreign or null.

// The interface is C's.
#![allow(clippy::multiple_unsafe_ops_per_block, clippy::undocumented_unsafe_blocks, clippy::as_conversions)]

use crate::{good_info, memory};
use gralloc_buffer::handle::encode;
use gralloc_mapper::abi::{buffer_handle_t, native_handle_t, AIMapper, AIMapperV5, AIMapper_MetadataType, ARect};
use gralloc_mapper::{table::QUARANTINE, AIMapper_loadIMapper};
use std::ffi::c_void;
use std::os::fd::AsRawFd;
use std::ptr::{null, null_mut};

/// Every `AIMapper_Error` (libui's IMapper.h).
const ERRORS: [u32; 6] = [0, 1, 2, 3, 5, 7];

fn mapper() -> AIMapperV5 {
    let mut mapper: *mut AIMapper = null_mut();
    assert_eq!(unsafe { AIMapper_loadIMapper(&mut mapper) } as u32, 0);
    unsafe { (*mapper).v5 }
}

struct Import {
    handle: buffer_handle_t,
    alive: bool,
    locks: u32,
}

unsafe extern "C" fn swallow(_: *mut c_void, _: AIMapper_MetadataType, value: *const c_void, size: usize) {
    // Every byte that is handed out can be read.
    let bytes = unsafe { std::slice::from_raw_parts(value.cast::<u8>(), size) };
    std::hint::black_box(bytes.iter().fold(0u8, |sum, byte| sum ^ byte));
}

unsafe extern "C" fn begin(_: *mut c_void) {}

/// Each four bytes are a call: which, on which import, with what. Freed imports are called again on purpose.
pub fn calls(bytes: &[u8]) {
    let v5 = mapper();
    let fds = [memory(1), memory(1)];
    let ints = encode(&good_info());
    let mut raw: Vec<i32> = vec![12, 2, i32::try_from(ints.len()).unwrap()];
    raw.extend(fds.iter().map(AsRawFd::as_raw_fd));
    raw.extend(ints.iter());
    let mut imports: Vec<Import> = Vec::new();
    let mut room = [0u8; 8192];
    for call in bytes.chunks_exact(4).take(512) {
        let [verb, which, value, more] = [call[0], call[1], call[2], call[3]];
        let known = |code: u32| assert!(ERRORS.contains(&code), "{code}");
        if verb % 16 == 0 && imports.len() < QUARANTINE / 2 {
            let mut spoilt = raw.clone();
            if value & 1 == 1 {
                let at = usize::from(more) % spoilt.len();
                spoilt[at] = [0, -1, i32::MAX, i32::MIN, spoilt[at].wrapping_add(1)][usize::from(value >> 1) % 5];
                // More ints than there are would be the caller's lie about its own memory.
                if at < 3 && spoilt[at] > raw[at] {
                    spoilt[at] = raw[at];
                }
            }
            let mut handle: buffer_handle_t = null();
            let code = unsafe { (v5.importBuffer)(spoilt.as_ptr().cast::<native_handle_t>(), &mut handle) } as u32;
            known(code);
            assert_eq!(code == 0, !handle.is_null());
            if code == 0 {
                assert!(imports.iter().all(|import| import.handle != handle), "a handle is given twice");
                imports.push(Import { handle, alive: true, locks: 0 });
            }
            continue;
        }
        let count = imports.len();
        let index = usize::from(which) % (count + 2);
        let mut nobody =
            Import { handle: if index == count { null() } else { 0x40 as buffer_handle_t }, alive: false, locks: 0 };
        let import = imports.get_mut(index).unwrap_or(&mut nobody);
        let handle = import.handle;
        let size = usize::from(more) * 16;
        let number = i64::from(value % 40) - 4;
        match verb % 16 {
            1 => {
                let code = unsafe { (v5.freeBuffer)(handle) } as u32;
                assert_eq!(code == 0, import.alive);
                *import = Import { handle, alive: false, locks: 0 };
            }
            2 | 3 => {
                let edge = |byte: u8| i32::from(byte as i8);
                let region = ARect { left: 0, top: 0, right: edge(value), bottom: edge(more) };
                let mut at = null_mut();
                let code = unsafe { (v5.lock)(handle, u64::from(which & 0x33 | 3), region, -1, &mut at) } as u32;
                known(code);
                assert!(code != 0 || (import.alive && !at.is_null()));
                import.locks += u32::from(code == 0);
            }
            4 | 5 => {
                let mut fence = -1;
                let code = unsafe { (v5.unlock)(handle, &mut fence) } as u32;
                assert_eq!(code == 0, import.locks > 0, "unlock of what is not locked");
                import.locks -= u32::from(code == 0);
            }
            6 => known(unsafe { (v5.flushLockedBuffer)(handle) } as u32),
            7 => known(unsafe { (v5.rereadLockedBuffer)(handle) } as u32),
            8 | 9 => {
                room.fill(0xa5);
                let needed = unsafe { (v5.getStandardMetadata)(handle, number, room.as_mut_ptr().cast(), size) };
                assert!(import.alive || needed < 0);
                let written = usize::try_from(needed).unwrap_or(0).min(size);
                assert!(room[size.max(written)..].iter().all(|byte| *byte == 0xa5), "written beyond the room");
            }
            10 | 11 => {
                let bytes: Vec<u8> = call.iter().copied().cycle().take(size.min(256)).collect();
                known(unsafe { (v5.setStandardMetadata)(handle, number, bytes.as_ptr().cast(), bytes.len()) } as u32);
            }
            12 => known(unsafe { (v5.dumpBuffer)(handle, Some(swallow), null_mut()) } as u32),
            13 => known(unsafe { (v5.dumpAllBuffers)(Some(begin), Some(swallow), null_mut()) } as u32),
            14 => {
                let (mut region, mut size) = (null_mut(), 0);
                known(unsafe { (v5.getReservedRegion)(handle, &mut region, &mut size) } as u32);
            }
            _ => {
                let (mut fds, mut ints) = (0, 0);
                let code = unsafe { (v5.getTransportSize)(handle, &mut fds, &mut ints) } as u32;
                assert_eq!(code == 0, import.alive);
            }
        }
    }
    for import in imports.iter().filter(|import| import.alive) {
        assert_eq!(unsafe { (v5.freeBuffer)(import.handle) } as u32, 0);
    }
}
