//! Metadata as a client gets and sets it, in one process and in two that write at once.

// Tests: a failed unwrap is a failed test; the interface is C's.
#![allow(
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::multiple_unsafe_ops_per_block,
    clippy::undocumented_unsafe_blocks,
    clippy::unwrap_used
)]

mod common;

use common::*;
use gralloc_buffer::handle::{encode, BufferInfo};
use gralloc_mapper::abi::*;
use nix::fcntl::{fcntl, FcntlArg, FdFlag};
use std::collections::BTreeSet;
use std::ffi::{c_void, CStr};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::process::{Command, Stdio};
use std::ptr::{null, null_mut};
use std::time::{Duration, Instant};

const NAME: &CStr = c"android.hardware.graphics.common.StandardMetadataType";

fn kind(name: &CStr, value: i64) -> AIMapper_MetadataType {
    AIMapper_MetadataType { name: name.as_ptr(), value }
}

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

#[test]
fn getters_by_name_and_by_number_say_the_same_in_any_room() {
    let client = client();
    let buffer = client.import(&Raw::new(Source::Memfd, &rgba()));
    for number in 1..=23 {
        let whole = client.get(buffer, number).unwrap();
        let needed = i32::try_from(whole.len()).unwrap();
        unsafe {
            assert_eq!((client.0.getStandardMetadata)(buffer, number, null_mut(), 0), needed);
            // Null with a size is a client's mistake that costs nothing.
            assert_eq!((client.0.getStandardMetadata)(buffer, number, null_mut(), 64), needed);
            let mut room = vec![0xaa; whole.len() + 1];
            for size in [0, 1, whole.len().saturating_sub(1), whole.len(), whole.len() + 1] {
                room.fill(0xaa);
                let got = (client.0.getMetadata)(buffer, kind(NAME, number), room.as_mut_ptr().cast(), size);
                assert_eq!(got, needed);
                assert!(room[size..].iter().all(|byte| *byte == 0xaa), "beyond the room");
                if size >= whole.len() {
                    assert_eq!(room[..whole.len()], whole);
                }
            }
            // A size that is too large for any memory, as a client has it that knows no better.
            assert_eq!(
                (client.0.getStandardMetadata)(buffer, number, vec![0u8; 4096].as_mut_ptr().cast(), usize::MAX),
                needed
            );
        }
    }
    assert_eq!(client.free(buffer), AIMAPPER_ERROR_NONE);
}

#[test]
fn allocation_size_is_what_the_kernel_holds() {
    const ALLOCATION_SIZE: i64 = 10;
    let (client, info) = (client(), rgba());
    let buffer = client.import(&Raw::new(Source::Memfd, &info));
    let whole = client.get(buffer, ALLOCATION_SIZE).unwrap();
    assert!(whole.ends_with(&(info.buffer_bytes + info.metadata_bytes).to_le_bytes()), "{whole:?}");
    assert_eq!(client.free(buffer), AIMAPPER_ERROR_NONE);
}

#[test]
fn types_unknown_unsupported() {
    let client = client();
    let buffer = client.import(&Raw::new(Source::Memfd, &rgba()));
    for number in [0, 24, -1, i64::MAX, i64::MIN] {
        assert_eq!(client.get(buffer, number), Err(AIMAPPER_ERROR_UNSUPPORTED));
        assert_eq!(client.set(buffer, number, &value(number, &[0; 4])), AIMAPPER_ERROR_UNSUPPORTED);
    }
    let names = [
        c"Fake",
        c"",
        c"android.hardware.graphics.common.StandardMetadataTyp",
        c"android.hardware.graphics.common.StandardMetadataTypes",
    ];
    for name in names {
        let got = unsafe { (client.0.getMetadata)(buffer, kind(name, 1), null_mut(), 0) };
        assert_eq!(got, -AIMAPPER_ERROR_UNSUPPORTED, "{name:?}");
        let set = unsafe { (client.0.setMetadata)(buffer, kind(name, 17), value(17, &[0; 4]).as_ptr().cast(), 73) };
        assert_eq!(set, AIMAPPER_ERROR_UNSUPPORTED, "{name:?}");
    }
    let unnamed = AIMapper_MetadataType { name: null(), value: 1 };
    assert_eq!(unsafe { (client.0.getMetadata)(buffer, unnamed, null_mut(), 0) }, -AIMAPPER_ERROR_UNSUPPORTED);
    // A name that ends with its memory, unterminated: not read beyond the first difference.
    let short: Box<[u8]> = b"android.hardware.x".as_slice().into();
    let unterminated = AIMapper_MetadataType { name: short.as_ptr().cast(), value: 1 };
    assert_eq!(unsafe { (client.0.getMetadata)(buffer, unterminated, null_mut(), 0) }, -AIMAPPER_ERROR_UNSUPPORTED);
    assert_eq!(client.free(buffer), AIMAPPER_ERROR_NONE);
}

#[test]
fn setters_take_what_getters_gave_and_refuse_the_rest_with_the_documented_code() {
    let client = client();
    let buffer = client.import(&Raw::new(Source::Memfd, &rgba()));
    for number in 1..=23 {
        let bytes = client.get(buffer, number).unwrap();
        let expected = match number {
            16..=22 => AIMAPPER_ERROR_NONE,
            // IMapper.h names these as never to be set.
            1..=6 | 9 => AIMAPPER_ERROR_BAD_VALUE,
            _ => AIMAPPER_ERROR_UNSUPPORTED,
        };
        assert_eq!(client.set(buffer, number, &bytes), expected, "{number}");
        assert_eq!(client.get(buffer, number), Ok(bytes));
    }
    // "Unsupported should also be returned if the metadata is malformed."
    assert_eq!(client.set(buffer, 17, &header(17)), AIMAPPER_ERROR_UNSUPPORTED);
    assert_eq!(client.set(buffer, 17, &value(18, &[0; 4])), AIMAPPER_ERROR_UNSUPPORTED);
    assert_eq!(client.set(buffer, 21, &value(21, &i64::MAX.to_le_bytes())), AIMAPPER_ERROR_UNSUPPORTED);
    // Well formed, but more than there is room for.
    let mut long = 600i64.to_le_bytes().to_vec();
    long.extend([1; 600]);
    assert_eq!(client.set(buffer, 21, &value(21, &long)), AIMAPPER_ERROR_NO_RESOURCES);
    // However much too long.
    for bytes in [1300, 5000] {
        let far = [i64::try_from(bytes).unwrap().to_le_bytes().to_vec(), vec![9; bytes]].concat();
        assert_eq!(client.set(buffer, 21, &value(21, &far)), AIMAPPER_ERROR_NO_RESOURCES, "{bytes}");
    }
    // Null with no bytes is how an empty vector is handed over.
    assert_eq!(unsafe { (client.0.setStandardMetadata)(buffer, 19, null(), 0) }, AIMAPPER_ERROR_NONE);
    assert_eq!(client.free(buffer), AIMAPPER_ERROR_NONE);
}

#[test]
fn value_set_through_one_import_is_the_other_s_and_stays_after_a_free() {
    for source in Source::here() {
        let client = client();
        let raw = Raw::new(source, &rgba());
        let (one, other) = (client.import(&raw), client.import(&raw));
        assert_eq!(client.get(other, 17), Ok(value(17, &[0; 4])));
        let display_p3 = value(17, &143_261_696i32.to_le_bytes());
        let smpte2086 = value(19, &floats(&[1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 400.0, 1000.0, 100_000.0, 0.0001]));
        assert_eq!(client.set(one, 17, &display_p3), AIMAPPER_ERROR_NONE);
        assert_eq!(client.set(one, 19, &smpte2086), AIMAPPER_ERROR_NONE);
        assert_eq!(client.free(one), AIMAPPER_ERROR_NONE);
        assert_eq!(client.get(other, 17), Ok(display_p3));
        assert_eq!(client.get(other, 19), Ok(smpte2086.clone()));
        let later = client.import(&raw);
        assert_eq!(client.get(later, 19), Ok(smpte2086));
        assert_eq!(client.set(later, 19, &[]), AIMAPPER_ERROR_NONE);
        assert_eq!(client.get(other, 19), Ok(vec![]));
        assert_eq!(client.free(later), AIMAPPER_ERROR_NONE);
        assert_eq!(client.free(other), AIMAPPER_ERROR_NONE);
    }
}

#[test]
fn list_has_every_type_and_the_required_setters() {
    let client = client();
    let (mut list, mut count) = (null(), 0);
    assert_eq!(unsafe { (client.0.listSupportedMetadataTypes)(&mut list, &mut count) }, AIMAPPER_ERROR_NONE);
    let all = unsafe { std::slice::from_raw_parts(list, count) };
    let numbers: Vec<i64> = all.iter().map(|entry| entry.metadataType.value).collect();
    assert_eq!(numbers, (1..=23).collect::<Vec<_>>());
    for entry in all {
        assert_eq!(unsafe { CStr::from_ptr(entry.metadataType.name) }, NAME);
        assert!(entry.isGettable && entry.description.is_null() && entry.reserved == [0; 32]);
        assert_eq!(entry.isSettable, (16..=22).contains(&entry.metadataType.value));
    }
    let (mut again, mut more) = (null(), 0);
    assert_eq!(unsafe { (client.0.listSupportedMetadataTypes)(&mut again, &mut more) }, AIMAPPER_ERROR_NONE);
    assert_eq!((again, more), (list, count));
}

/// What callbacks were given.
#[derive(Default)]
struct Dump {
    buffers: Vec<Vec<(i64, Vec<u8>)>>,
    client: Option<Client>,
}

unsafe extern "C" fn begin(context: *mut c_void) {
    unsafe { &mut *context.cast::<Dump>() }.buffers.push(Vec::new());
}

unsafe extern "C" fn each(context: *mut c_void, kind: AIMapper_MetadataType, bytes: *const c_void, size: usize) {
    let dump = unsafe { &mut *context.cast::<Dump>() };
    assert_eq!(unsafe { CStr::from_ptr(kind.name) }, NAME);
    let bytes = unsafe { std::slice::from_raw_parts(bytes.cast::<u8>(), size) };
    dump.buffers.last_mut().unwrap().push((kind.value, bytes.to_vec()));
    if let Some(client) = dump.client {
        // A callback may call the mapper.
        let raw = Raw::new(Source::Memfd, &rgba());
        assert_eq!(client.free(client.import(&raw)), AIMAPPER_ERROR_NONE);
    }
}

#[test]
fn dump_hands_out_what_getters_say() {
    let client = client();
    let buffer = client.import(&Raw::new(Source::Memfd, &BufferInfo { id: 0xd0, ..rgba() }));
    let expected: Vec<_> = (1..=23).map(|number| (number, client.get(buffer, number).unwrap())).collect();
    let mut dump = Dump { buffers: vec![Vec::new()], client: Some(client) };
    let context = std::ptr::from_mut(&mut dump).cast();
    assert_eq!(unsafe { (client.0.dumpBuffer)(buffer, Some(each), context) }, AIMAPPER_ERROR_NONE);
    assert_eq!(dump.buffers, std::slice::from_ref(&expected));
    for (number, bytes) in &expected {
        let kind = gralloc_buffer::metadata::StandardMetadata::from_number(*number).unwrap();
        assert!(gralloc_buffer::metadata::explain(kind, bytes).is_some());
    }
    let mut all = Dump { client: Some(client), ..Dump::default() };
    let context = std::ptr::from_mut(&mut all).cast();
    assert_eq!(unsafe { (client.0.dumpAllBuffers)(Some(begin), Some(each), context) }, AIMAPPER_ERROR_NONE);
    // Other tests' buffers are among them, perhaps freed in the middle.
    assert!(all.buffers.contains(&expected));
    assert_eq!(client.free(buffer), AIMAPPER_ERROR_NONE);
}

#[test]
fn reserved_region_shared_aligned_and_behind_the_metadata() {
    let info = BufferInfo { metadata_bytes: 4096 + 10_001, reserved_bytes: 10_001, ..rgba() };
    for source in Source::here() {
        let client = client();
        let raw = Raw::new(source, &info);
        let (one, other) = (client.import(&raw), client.import(&raw));
        let ((write, size), (read, _)) = (client.region(one).unwrap(), client.region(other).unwrap());
        assert_eq!(size, 10_001);
        assert!((write as usize) % 8 == 0);
        for offset in [0, 10_000] {
            unsafe { write.wrapping_add(offset).write_volatile(0xa5) };
            assert_eq!(unsafe { read.wrapping_add(offset).read_volatile() }, 0xa5);
        }
        // Neither is in the other's way.
        assert_eq!(client.get(one, 17), Ok(value(17, &[0; 4])));
        assert_eq!(client.set(one, 22, &value(22, &[0; 8])), AIMAPPER_ERROR_NONE);
        assert_eq!(unsafe { write.read_volatile() }, 0xa5);
        assert_eq!(client.region(one), Ok((write, size)));
        assert_eq!(client.free(one), AIMAPPER_ERROR_NONE);
        assert_eq!(client.free(other), AIMAPPER_ERROR_NONE);
    }
    let client = client();
    let none = client.import(&Raw::new(Source::Memfd, &rgba()));
    assert_eq!(client.region(none), Ok((null_mut(), 0)));
    assert_eq!(client.free(none), AIMAPPER_ERROR_NONE);
}

/// For a child process: the fds that it inherited.
const CHILD: &str = "MAPPER_TEST_CHILD_FDS";

/// A CTA 861.3 value, and a blob, that show when they are mixed from two.
fn cta(seed: u16) -> Vec<u8> {
    let seed = f32::from(seed);
    value(20, &floats(&[seed, seed + 0.5]))
}

fn blob(seed: u16) -> Vec<u8> {
    let [low, high] = seed.to_le_bytes();
    let length = 2 * (usize::from(seed) % 250 + 1);
    let mut bytes = i64::try_from(length).unwrap().to_le_bytes().to_vec();
    bytes.extend([low, high].into_iter().cycle().take(length));
    value(21, &bytes)
}

fn seed_of_cta(bytes: &[u8]) -> u16 {
    let max = f32::from_le_bytes(bytes[69..73].try_into().unwrap());
    (0..=u16::MAX).find(|seed| f32::from(*seed) == max).unwrap()
}

fn assert_whole(client: Client, buffer: buffer_handle_t, seen: &mut BTreeSet<u16>) {
    let bytes = client.get(buffer, 20).unwrap();
    if !bytes.is_empty() {
        let seed = seed_of_cta(&bytes);
        assert_eq!(bytes, cta(seed), "torn");
        seen.insert(seed & 0xf000);
    }
    let bytes = client.get(buffer, 21).unwrap();
    if !bytes.is_empty() {
        let seed = u16::from_le_bytes(bytes[77..79].try_into().unwrap());
        assert_eq!(bytes, blob(seed), "torn");
    }
}

/// Whose a value is: its mark.
const PARENT: u16 = 0x1000;
const CHILD_STARTED: u16 = 0x2000;
/// The child's, once it has seen the parent's and has written for a while.
const CHILD_HAS_SEEN: u16 = 0x3000;
/// What writes longer than this hangs.
const WATCHDOG: Duration = Duration::from_secs(120);

/// Sets values one after the other, marked with `mark`, and reads between, until a value with the mark `wanted` was seen and
/// at least `rounds` were written; for ever where nothing is wanted.
fn write_and_read(client: Client, buffer: buffer_handle_t, mark: u16, rounds: u32, wanted: Option<u16>) {
    let (mut seen, start) = (BTreeSet::new(), Instant::now());
    for round in 0.. {
        if round >= rounds && wanted.is_some_and(|wanted| seen.contains(&wanted)) {
            return;
        }
        assert!(start.elapsed() < WATCHDOG, "no {wanted:x?} among {seen:x?}");
        let value = mark | u16::try_from(round & 0xfff).unwrap();
        assert_eq!(client.set(buffer, 20, &cta(value)), AIMAPPER_ERROR_NONE);
        assert_eq!(client.set(buffer, 21, &blob(value)), AIMAPPER_ERROR_NONE);
        assert_whole(client, buffer, &mut seen);
    }
}

/// The other process's part: does nothing unless it was started by one of the tests below.
#[test]
fn child_process() {
    let Ok(orders) = std::env::var(CHILD) else { return };
    let mut orders = orders.split(' ');
    let mut next = || orders.next().unwrap().parse::<i32>().unwrap();
    let (task, pixels, metadata) = (next(), next(), next());
    let fds = [pixels, metadata].map(|fd| unsafe { OwnedFd::from_raw_fd(fd) });
    let raw = Raw::of(fds.into(), &encode(&rgba()));
    let client = client();
    let buffer = client.import(&raw);
    match task {
        0 => {
            write_and_read(client, buffer, CHILD_STARTED, 500, Some(PARENT));
            write_and_read(client, buffer, CHILD_HAS_SEEN, 0, None);
        }
        // Dies in the middle of a set, again and again started anew by the parent.
        1 => {
            write_and_read(client, buffer, CHILD_STARTED, 0, None);
        }
        // Scribbles.
        _ => {
            let file = std::fs::File::from(raw.fds[1].try_clone().unwrap());
            let mapping = gralloc_dmabuf::mmap::Mapping::new(
                std::os::fd::AsFd::as_fd(&file),
                4096,
                gralloc_dmabuf::mmap::Protection::ReadWrite,
            )
            .unwrap();
            let mut state = 1u32;
            loop {
                for word in mapping.words(0, 1024).unwrap() {
                    state = state.wrapping_mul(0x0019_660d).wrapping_add(0x3c6e_f35f);
                    let small = if state & 0x8000 == 0 { state >> 16 } else { state >> 30 };
                    word.store(small, std::sync::atomic::Ordering::Relaxed);
                }
            }
        }
    }
}

fn child(task: i32, raw: &Raw) -> std::process::Child {
    let fds: Vec<String> = raw
        .fds
        .iter()
        .map(|fd| {
            fcntl(fd.as_raw_fd(), FcntlArg::F_SETFD(FdFlag::empty())).unwrap();
            fd.as_raw_fd().to_string()
        })
        .collect();
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_process", "--nocapture"])
        .env(CHILD, format!("{task} {}", fds.join(" ")))
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn two_processes_writing_at_once_see_each_other_and_nothing_torn() {
    for source in Source::here() {
        let client = client();
        let raw = Raw::new(source, &rgba());
        let buffer = client.import(&raw);
        let mut other = child(0, &raw);
        write_and_read(client, buffer, PARENT, 500, Some(CHILD_HAS_SEEN));
        assert_eq!(other.try_wait().unwrap(), None, "the child has ended by itself");
        other.kill().unwrap();
        other.wait().unwrap();
        assert_eq!(client.free(buffer), AIMAPPER_ERROR_NONE);
    }
}

#[test]
fn processes_that_are_killed_while_they_write_leave_whole_values_and_free_slots() {
    let client = client();
    let raw = Raw::new(Source::Memfd, &rgba());
    let buffer = client.import(&raw);
    for round in 0..12 {
        let mut other = child(1, &raw);
        let mut seen = BTreeSet::new();
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(60 + round) {
            assert_whole(client, buffer, &mut seen);
        }
        other.kill().unwrap();
        other.wait().unwrap();
        assert_whole(client, buffer, &mut seen);
        assert_eq!(client.set(buffer, 20, &cta(7)), AIMAPPER_ERROR_NONE);
        assert_eq!(client.get(buffer, 20), Ok(cta(7)));
        assert_eq!(client.set(buffer, 21, &blob(9)), AIMAPPER_ERROR_NONE);
        assert_eq!(client.get(buffer, 21), Ok(blob(9)));
    }
    assert_eq!(client.free(buffer), AIMAPPER_ERROR_NONE);
}

#[test]
fn process_that_scribbles_spoils_values_alone() {
    let client = client();
    let raw = Raw::new(Source::Memfd, &rgba());
    let buffer = client.import(&raw);
    let mut other = child(2, &raw);
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(800) {
        for number in 1..=23 {
            let bytes = client.get(buffer, number).unwrap();
            let kind = gralloc_buffer::metadata::StandardMetadata::from_number(number).unwrap();
            assert!(gralloc_buffer::metadata::explain(kind, &bytes).is_some(), "{kind:?}: {bytes:?}");
            if (16..=22).contains(&number) {
                // Set or not: it ends.
                client.set(buffer, number, &bytes);
            }
        }
    }
    other.kill().unwrap();
    other.wait().unwrap();
    assert_eq!(client.set(buffer, 20, &cta(7)), AIMAPPER_ERROR_NONE);
    assert_eq!(client.get(buffer, 20), Ok(cta(7)));
    assert_eq!(client.free(buffer), AIMAPPER_ERROR_NONE);
}
