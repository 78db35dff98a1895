//! The reserved region: bytes beside the pixels that belong to the clients.

use crate::abi::Error;
use crate::case::{Test, Verdict};
use crate::descriptor::Descriptor;
use crate::image::Memory;
use crate::metadata::Standard;
use crate::peer::Peer;
use crate::subject::Subject;
use crate::tests;
use std::mem::size_of;

pub(super) fn tests() -> Vec<Test> {
    tests!["regions":
        region_has_the_size_that_was_asked_for_and_is_zero = "0, 1, 100 and 4096 bytes: exactly so many, word-aligned, zero at first",
        region_is_shared_among_imports_and_processes = "what one import or process writes the others read",
        region_and_metadata_leave_each_other_alone = "a region full of ones changes no value, and setting every value changes no byte of it",
        region_of_a_bad_handle_is_bad_buffer = "getReservedRegion of null and of a handle that was not imported: BAD_BUFFER",
    ]
}

fn with_region(reserved: i64) -> Descriptor {
    Descriptor { reserved, ..Descriptor::generic() }
}

fn region_has_the_size_that_was_asked_for_and_is_zero(subject: &Subject) -> Verdict {
    for bytes in [0, 1, 100, 4096] {
        let (_buffer, imported) = subject.import(&with_region(bytes));
        let (data, size) = subject.mapper.reserved_region(imported.handle()).unwrap();
        assert_eq!(i64::try_from(size), Ok(bytes));
        if bytes > 0 {
            assert!(!data.is_null());
            assert_eq!(data.align_offset(size_of::<usize>()), 0, "{data:?} is not word-aligned");
            assert_eq!(Memory::new(data, size).all_are(0), Ok(()));
        }
    }
    Ok(())
}

fn region_is_shared_among_imports_and_processes(subject: &Subject) -> Verdict {
    let (buffer, first) = subject.import(&with_region(100));
    let second = buffer.import(subject.mapper);
    let peer = Peer::start(subject);
    let third = peer.import(&buffer.raw).unwrap();
    let memory = |imported: &crate::mapper::Imported| {
        let (data, size) = subject.mapper.reserved_region(imported.handle()).unwrap();
        Memory::new(data, size)
    };
    memory(&first).fill(0x31);
    assert_eq!(memory(&second).all_are(0x31), Ok(()));
    assert_eq!(peer.read_region(third), Ok(vec![0x31; 100]));
    peer.fill_region(third, 0x32).unwrap();
    assert_eq!((memory(&first).all_are(0x32), memory(&second).all_are(0x32)), (Ok(()), Ok(())));
    Ok(())
}

fn region_and_metadata_leave_each_other_alone(subject: &Subject) -> Verdict {
    let (_buffer, imported) = subject.import(&with_region(8192));
    let (data, size) = subject.mapper.reserved_region(imported.handle()).unwrap();
    let memory = Memory::new(data, size);
    let values = || Standard::ALL.iter().map(|kind| imported.get_bytes(*kind)).collect::<Vec<_>>();
    let before = values();
    memory.fill(0xff);
    assert_eq!(values(), before);
    for (kind, [a, _]) in super::values::settable(&imported) {
        assert_eq!(imported.set_bytes(kind, &a), Error::NONE, "{kind:?}");
    }
    assert_eq!(memory.all_are(0xff), Ok(()));
    Ok(())
}

fn region_of_a_bad_handle_is_bad_buffer(subject: &Subject) -> Verdict {
    let buffer = subject.allocator.one(&with_region(100));
    for handle in [std::ptr::null(), buffer.raw.pointer()] {
        assert_eq!(subject.mapper.reserved_region(handle).err(), Some(Error::BAD_BUFFER));
    }
    Ok(())
}
