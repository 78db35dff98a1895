//! Lock, unlock, flush, reread.

#![allow(non_snake_case)] // The VTS's names.

use super::planes::check_rgba;
use crate::abi::{Error, Rect};
use crate::allocator::Buffer;
use crate::case::{Test, Verdict};
use crate::descriptor::Descriptor;
use crate::handle::RawHandle;
use crate::image::Memory;
use crate::mapper::{usage, Imported};
use crate::subject::Subject;
use crate::tests;
use std::os::fd::IntoRawFd;

pub(super) fn tests() -> Vec<Test> {
    tests!["mapper":
        LockUnlockBasic = "what is written under one lock is read under the next, with the release fence as its acquire fence",
        LockUnlockNoCPUUsage = "lock without CPU usage: BAD_VALUE, and the unlock after it BAD_BUFFER",
        LockBadAccessRegion = "a region twice the size: BAD_VALUE",
        UnlockNegative = "unlock of null, an empty handle and one that was not imported: BAD_BUFFER",
        UnlockNotImported = "unlock of a handle that was not imported: BAD_BUFFER",
        UnlockNotLocked = "unlock of what is not locked: BAD_BUFFER",
        LockUnlockNested = "two locks, two unlocks; the third unlock is BAD_BUFFER",
        FlushRereadBasic = "two imports are locked at once, one to write, one to read; what is flushed here is read there",
        FlushLockedBufferBadBuffer = "flush of null: BAD_BUFFER",
        RereadLockedBufferBadBuffer = "reread of null: BAD_BUFFER",
    ]
}

/// The whole generic buffer, as the VTS names it.
pub(super) const WHOLE: Rect = Rect { left: 0, top: 0, right: 64, bottom: 64 };

/// Line by line its own number, by the allocator's stride.
fn fill(buffer: &Buffer, memory: &Memory) {
    for (line, byte) in bytes(buffer) {
        memory.write(byte, line);
    }
}

fn verify(buffer: &Buffer, memory: &Memory) {
    for (line, byte) in bytes(buffer) {
        assert_eq!(memory.read(byte), line, "byte {byte}");
    }
}

fn bytes(buffer: &Buffer) -> impl Iterator<Item = (u8, u64)> {
    let stride = u64::try_from(buffer.stride).unwrap() * 4;
    (0..64u8).flat_map(move |line| (0..64 * 4).map(move |x| (line, u64::from(line) * stride + x)))
}

fn memory<'l>(buffer: &Buffer, data: *mut u8) -> Memory<'l> {
    Memory::new(data, u64::try_from(buffer.stride).unwrap() * 4 * 64)
}

fn LockUnlockBasic(subject: &Subject) -> Verdict {
    let (buffer, imported) = subject.generic();
    let lock = imported.lock_region(usage::CPU, WHOLE).expect("lock");
    fill(&buffer, &memory(&buffer, lock.data()));
    let fence = lock.unlock().map_or(-1, IntoRawFd::into_raw_fd);
    let data = subject.mapper.lock(imported.handle(), usage::CPU, WHOLE, fence).expect("lock again");
    check_rgba(&imported);
    verify(&buffer, &memory(&buffer, data));
    assert_eq!(imported.unlock(), Error::NONE);
    Ok(())
}

fn LockUnlockNoCPUUsage(subject: &Subject) -> Verdict {
    let (_buffer, imported) = subject.import(&Descriptor::generic().usage(usage::CPU_READ_RARELY));
    let error = subject.mapper.lock(imported.handle(), 0, WHOLE, -1).err();
    assert_eq!(error, Some(Error::BAD_VALUE), "lock with no access");
    assert_eq!(imported.unlock(), Error::BAD_BUFFER, "unlock of what is not locked");
    Ok(())
}

fn LockBadAccessRegion(subject: &Subject) -> Verdict {
    let (_buffer, imported) = subject.generic();
    let region = Rect { left: 0, top: 0, right: 128, bottom: 128 };
    assert_eq!(imported.lock_region(usage::CPU, region).err(), Some(Error::BAD_VALUE));
    Ok(())
}

fn unlock_error(subject: &Subject, handle: crate::abi::Handle) -> Option<Error> {
    subject.mapper.unlock(handle).err()
}

fn UnlockNegative(subject: &Subject) -> Verdict {
    assert_eq!(unlock_error(subject, std::ptr::null()), Some(Error::BAD_BUFFER), "null");
    assert_eq!(unlock_error(subject, RawHandle::empty().pointer()), Some(Error::BAD_BUFFER), "empty");
    let buffer = subject.allocator.generic();
    assert_eq!(unlock_error(subject, buffer.raw.pointer()), Some(Error::BAD_BUFFER), "not imported");
    Ok(())
}

fn UnlockNotImported(subject: &Subject) -> Verdict {
    let buffer = subject.allocator.generic();
    assert_eq!(unlock_error(subject, buffer.raw.pointer()), Some(Error::BAD_BUFFER));
    Ok(())
}

fn UnlockNotLocked(subject: &Subject) -> Verdict {
    let (_buffer, imported) = subject.generic();
    assert_eq!(imported.unlock(), Error::BAD_BUFFER);
    Ok(())
}

fn LockUnlockNested(subject: &Subject) -> Verdict {
    let (_buffer, imported) = subject.generic();
    let lock = |what: &str| {
        let locked = subject.mapper.lock(imported.handle(), usage::CPU, WHOLE, -1);
        assert!(locked.is_ok(), "{what} lock: {locked:?}");
    };
    lock("the first");
    lock("the second");
    assert_eq!(imported.unlock(), Error::NONE, "the first unlock");
    assert_eq!(imported.unlock(), Error::NONE, "the second unlock");
    assert_eq!(imported.unlock(), Error::BAD_BUFFER, "the third unlock");
    Ok(())
}

fn FlushRereadBasic(subject: &Subject) -> Verdict {
    let buffer = subject.allocator.generic();
    let (writer, reader): (Imported, Imported) = (buffer.import(subject.mapper), buffer.import(subject.mapper));
    let writing = writer.lock_region(usage::CPU_WRITE_OFTEN, WHOLE).expect("lock to write");
    let reading = reader.lock_region(usage::CPU_READ_OFTEN, WHOLE).expect("lock to read");
    fill(&buffer, &memory(&buffer, writing.data()));
    assert_eq!(subject.mapper.flush(writer.handle()), Error::NONE, "flush");
    assert_eq!(subject.mapper.reread(reader.handle()), Error::NONE, "reread");
    check_rgba(&reader);
    verify(&buffer, &memory(&buffer, reading.data()));
    drop((reading.unlock(), writing.unlock()));
    Ok(())
}

fn FlushLockedBufferBadBuffer(subject: &Subject) -> Verdict {
    assert_eq!(subject.mapper.flush(std::ptr::null()), Error::BAD_BUFFER);
    Ok(())
}

fn RereadLockedBufferBadBuffer(subject: &Subject) -> Verdict {
    assert_eq!(subject.mapper.reread(std::ptr::null()), Error::BAD_BUFFER);
    Ok(())
}
