//! A vendor's types of metadata as a client gets, sets, lists and dumps them, and what happens when others scribble.

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
use gralloc_buffer::handle::BufferInfo;
use gralloc_buffer::metadata::vendor::{
    digest, table_bytes, write_area, Computed, Encoding, Framing, NewContent, NewEntry,
};
use gralloc_dmabuf::mmap::{Mapping, Protection};
use gralloc_mapper::abi::*;
use std::collections::BTreeMap;
use std::ffi::{c_void, CStr, CString};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::ptr::null;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

const AIDL: Framing = Framing { header: true, counted: true };
const RAW: Framing = Framing { header: false, counted: false };
const AREA: u64 = 4096;

fn types(name: &str) -> Vec<NewEntry<'_>> {
    let of = |value, framing, encoding, content| NewEntry { name, value, framing, encoding, content };
    vec![
        of(1, RAW, Encoding::I32, NewContent::Computed(Computed::PlaneFds)),
        of(2, AIDL, Encoding::Text, NewContent::Constant(b"system")),
        of(3, RAW, Encoding::U32, NewContent::Stored(4)),
        of(4, RAW, Encoding::Bytes, NewContent::Stored(64)),
    ]
}

/// A buffer of memory whose area begins with the table; the reserved region is behind it.
fn made(source: Source, table: &[u8]) -> Raw {
    let info =
        BufferInfo { metadata_bytes: 4096 + AREA + 100, reserved_bytes: 100, vendor_metadata: digest(table), ..rgba() };
    let raw = Raw::new(source, &info);
    scribble(&raw.fds[1], |mapping| assert!(write_area(mapping.words(4096, 1024).unwrap(), table)));
    raw
}

fn scribble(metadata: &OwnedFd, with: impl FnOnce(&Mapping)) {
    let mapping = Mapping::new(metadata.as_fd(), 4096 + AREA as usize, Protection::ReadWrite).unwrap();
    let is_dma_buf = gralloc_dmabuf::is_dma_buf(metadata.as_fd()).unwrap();
    if is_dma_buf {
        gralloc_dmabuf::begin_access(metadata.as_fd(), gralloc_dmabuf::Access::ReadWrite).unwrap();
    }
    with(&mapping);
    if is_dma_buf {
        gralloc_dmabuf::end_access(metadata.as_fd(), gralloc_dmabuf::Access::ReadWrite).unwrap();
    }
}

fn kind(name: &CStr, value: i64) -> AIMapper_MetadataType {
    AIMapper_MetadataType { name: name.as_ptr(), value }
}

fn get(client: Client, buffer: buffer_handle_t, name: &CStr, value: i64) -> Result<Vec<u8>, i32> {
    let mut room = [0xaa; 2048];
    let needed = unsafe { (client.0.getMetadata)(buffer, kind(name, value), room.as_mut_ptr().cast(), room.len()) };
    if needed < 0 {
        return Err(-needed);
    }
    let needed = usize::try_from(needed).unwrap();
    assert!(room[needed..].iter().all(|byte| *byte == 0xaa), "beyond the value");
    Ok(room[..needed].to_vec())
}

fn set(client: Client, buffer: buffer_handle_t, name: &CStr, value: i64, bytes: &[u8]) -> i32 {
    unsafe { (client.0.setMetadata)(buffer, kind(name, value), bytes.as_ptr().cast(), bytes.len()) }
}

fn listed(client: Client) -> BTreeMap<(CString, i64), bool> {
    let (mut list, mut count) = (null(), 0);
    assert_eq!(unsafe { (client.0.listSupportedMetadataTypes)(&mut list, &mut count) }, AIMAPPER_ERROR_NONE);
    let all = unsafe { std::slice::from_raw_parts(list, count) };
    let name = |one: &AIMapper_MetadataTypeDescription| unsafe { CStr::from_ptr(one.metadataType.name) }.to_owned();
    assert!(all.iter().all(|one| one.isGettable && one.description.is_null()));
    all.iter().map(|one| ((name(one), one.metadataType.value), one.isSettable)).collect()
}

#[test]
fn types_of_a_buffer_are_got_set_listed_and_seen_by_another_import() {
    let _tables = tables();
    LISTED.call_once(types_are_listed);
}

/// The list of types is the process's, and so is its bound: who fills it comes after who looks for a type of its own there.
static LISTED: Once = Once::new();

/// Whoever lists the types holds every table that lives for that long, so a test that needs one to be gone runs beside none.
static TABLES: Mutex<()> = Mutex::new(());

fn tables() -> MutexGuard<'static, ()> {
    TABLES.lock().unwrap_or_else(PoisonError::into_inner)
}

fn types_are_listed() {
    let client = client();
    let name = c"vendor.acme.Frames";
    for source in Source::here() {
        let raw = made(source, &table_bytes(types("vendor.acme.Frames").into_iter()));
        let [one, other] = [client.import(&raw), client.import(&raw)];
        let fds = get(client, one, name, 1).unwrap();
        let fd = i32::from_le_bytes(fds.try_into().unwrap());
        let inode = |fd: i32| std::fs::metadata(format!("/proc/self/fd/{fd}")).unwrap().ino();
        assert_eq!(inode(fd), inode(raw.fds[0].as_raw_fd()), "an fd of this process, of the pixels");
        let text = get(client, one, name, 2).unwrap();
        assert!(text.ends_with(b"system") && text.starts_with(&18i64.to_le_bytes()), "{text:?}");
        assert_eq!(get(client, one, name, 3), Ok(Vec::new()), "unset");
        assert_eq!(set(client, one, name, 3, &[1, 2, 3, 4]), AIMAPPER_ERROR_NONE);
        assert_eq!(get(client, other, name, 3), Ok(vec![1, 2, 3, 4]));
        assert_eq!(set(client, other, name, 4, &[9; 64]), AIMAPPER_ERROR_NONE);
        assert_eq!(get(client, one, name, 4), Ok(vec![9; 64]));
        let refused = [
            (1, &[0; 4][..], AIMAPPER_ERROR_UNSUPPORTED),
            (2, &[0; 4], AIMAPPER_ERROR_UNSUPPORTED),
            (3, &[0; 3], AIMAPPER_ERROR_UNSUPPORTED),
            (4, &[0; 65], AIMAPPER_ERROR_NO_RESOURCES),
            (4, &[0; 5000], AIMAPPER_ERROR_NO_RESOURCES),
            (5, &[0; 4], AIMAPPER_ERROR_UNSUPPORTED),
        ];
        for (value, bytes, code) in refused {
            assert_eq!(set(client, one, name, value, bytes), code, "{value}: {} bytes", bytes.len());
        }
        assert_eq!(get(client, one, name, 4), Ok(vec![9; 64]), "what was refused changed nothing");
        for unknown in [c"vendor.acme.Frame", c"vendor.acme.Framess", c"", c"QTI"] {
            assert_eq!(get(client, one, unknown, 3), Err(AIMAPPER_ERROR_UNSUPPORTED), "{unknown:?}");
        }
        let long = CString::new("x".repeat(5000)).unwrap();
        assert_eq!(get(client, one, &long, 3), Err(AIMAPPER_ERROR_UNSUPPORTED));
        let (region, bytes) = client.region(one).unwrap();
        assert_eq!((region as usize % 4096, bytes), (0, 100));
        // The region is behind the area, not in it.
        unsafe { region.write_bytes(0xff, 100) };
        assert_eq!(get(client, other, name, 4), Ok(vec![9; 64]));
        let all = listed(client);
        assert_eq!(all.get(&(name.to_owned(), 1)), Some(&false));
        assert_eq!(all.get(&(name.to_owned(), 3)), Some(&true));
        assert_eq!(client.free(one), AIMAPPER_ERROR_NONE);
        assert_eq!(get(client, one, name, 3), Err(AIMAPPER_ERROR_BAD_BUFFER));
        assert_eq!(client.free(other), AIMAPPER_ERROR_NONE);
        assert!(listed(client).contains_key(&(name.to_owned(), 1)), "what was listed stays so");
    }
}

#[test]
fn buffer_without_types_has_none_though_another_has() {
    let client = client();
    let raw = made(Source::Memfd, &table_bytes(types("vendor.acme.Other").into_iter()));
    let with = client.import(&raw);
    let without = client.import(&Raw::new(Source::Memfd, &rgba()));
    assert!(get(client, with, c"vendor.acme.Other", 2).is_ok());
    assert_eq!(get(client, without, c"vendor.acme.Other", 2), Err(AIMAPPER_ERROR_UNSUPPORTED));
    assert_eq!(set(client, without, c"vendor.acme.Other", 3, &[0; 4]), AIMAPPER_ERROR_UNSUPPORTED);
    assert_eq!(client.free(with), AIMAPPER_ERROR_NONE);
    assert_eq!(client.free(without), AIMAPPER_ERROR_NONE);
}

/// Another client overwrites the table: before an import it costs that import the types, after one nothing at all.
#[test]
fn table_overwritten_before_an_import_is_none_and_after_it_changes_nothing() {
    let _tables = tables();
    let client = client();
    let name = c"vendor.acme.Attacked";
    let table = table_bytes(types("vendor.acme.Attacked").into_iter());
    let raw = made(Source::Memfd, &table);
    let before = client.import(&raw);
    let constant = get(client, before, name, 2).unwrap();
    let overwrite = |mapping: &Mapping| {
        let words = mapping.words(4096, 1024).unwrap();
        words[..table.len() / 4].iter().for_each(|word| word.store(0x0101_0101, std::sync::atomic::Ordering::SeqCst));
    };
    scribble(&raw.fds[1], overwrite);
    assert_eq!(get(client, before, name, 2), Ok(constant.clone()), "read once, at import");
    assert_eq!(set(client, before, name, 3, &[1; 4]), AIMAPPER_ERROR_NONE);
    assert_eq!(get(client, before, name, 3), Ok(vec![1; 4]));
    // While a buffer with the table lives in the process, another import of it finds the table by its hash.
    let beside = client.import(&raw);
    assert_eq!(get(client, beside, name, 2), Ok(constant));
    assert_eq!(client.free(before), AIMAPPER_ERROR_NONE);
    assert_eq!(client.free(beside), AIMAPPER_ERROR_NONE);
    let after = client.import(&raw);
    assert_eq!(get(client, after, name, 2), Err(AIMAPPER_ERROR_UNSUPPORTED));
    assert!(client.get(after, 3).is_ok(), "the standard types are served all the same");
    assert!(client.lock(after).is_ok());
    assert_eq!(client.unlock(after), AIMAPPER_ERROR_NONE);
    assert_eq!(client.free(after), AIMAPPER_ERROR_NONE);
}

/// A table of an attacker's own, in a handle of its own: its hash is right, and no more than its own buffer is wrong.
#[test]
fn forged_tables_fill_no_list_beyond_its_bound() {
    let _tables = tables();
    LISTED.call_once(types_are_listed);
    let client = client();
    for round in 0..12 {
        let names: Vec<String> = (0..64).map(|index| format!("forged.{round}.{index}")).collect();
        let entries = names.iter().map(|name| NewEntry {
            name,
            value: i64::MIN,
            framing: AIDL,
            encoding: Encoding::U32,
            content: NewContent::Stored(4),
        });
        let table = table_bytes(entries);
        let info = BufferInfo { metadata_bytes: 4096 + 4 * AREA, vendor_metadata: digest(&table), ..rgba() };
        let raw = Raw::new(Source::Memfd, &info);
        let mapping = Mapping::new(raw.fds[1].as_fd(), 20480, Protection::ReadWrite).unwrap();
        assert!(write_area(mapping.words(4096, 4096).unwrap(), &table));
        let buffer = client.import(&raw);
        assert!(listed(client).len() <= 256);
        assert_eq!(get(client, buffer, &CString::new(names[63].as_str()).unwrap(), i64::MIN), Ok(Vec::new()));
        assert_eq!(client.free(buffer), AIMAPPER_ERROR_NONE);
    }
}

unsafe extern "C" fn count(context: *mut c_void, kind: AIMapper_MetadataType, value: *const c_void, size: usize) {
    let seen: &mut Vec<(CString, i64, Vec<u8>)> = unsafe { &mut *context.cast() };
    let bytes = if size == 0 { &[] } else { unsafe { std::slice::from_raw_parts(value.cast::<u8>(), size) } };
    seen.push((unsafe { CStr::from_ptr(kind.name) }.to_owned(), kind.value, bytes.to_vec()));
}

#[test]
fn dump_has_the_vendors_types_behind_the_standard_ones() {
    let client = client();
    let name = c"vendor.acme.Dumped";
    let raw = made(Source::Memfd, &table_bytes(types("vendor.acme.Dumped").into_iter()));
    let buffer = client.import(&raw);
    assert_eq!(set(client, buffer, name, 3, &[6; 4]), AIMAPPER_ERROR_NONE);
    let mut seen: Vec<(CString, i64, Vec<u8>)> = Vec::new();
    let context = std::ptr::from_mut(&mut seen).cast();
    assert_eq!(unsafe { (client.0.dumpBuffer)(buffer, Some(count), context) }, AIMAPPER_ERROR_NONE);
    let vendor: Vec<_> = seen.iter().skip(23).collect();
    assert_eq!(vendor.len(), 4);
    assert!(vendor.iter().all(|(own, ..)| own.as_c_str() == name));
    assert_eq!(vendor[2], &(name.to_owned(), 3, vec![6; 4]));
    assert_eq!(client.free(buffer), AIMAPPER_ERROR_NONE);
}
