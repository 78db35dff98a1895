//! Handles that a liar wrote. IMapper.h: importBuffer "must at least validate the raw handle". What exactly it may find out
//! differs from allocator to allocator; that nothing crashes and nothing outside the buffer is described does not.

use crate::abi::{Error, Handle, Rect};
use crate::case::{Test, Verdict};
use crate::handle::{Forged, RawHandle};
use crate::mapper::{usage, Imported};
use crate::metadata::{PlaneLayout, Standard};
use crate::process::closed_number;
use crate::subject::Subject;
use crate::tests;
use std::fs::File;
use std::os::fd::OwnedFd;

pub(super) fn tests() -> Vec<Test> {
    tests!["hostile":
        counts_that_lie_are_bad_buffer = "numFds and numInts of −1, of the least and of the greatest number, and one too few: BAD_BUFFER, and nothing is read behind the handle",
        handle_that_is_cut_is_bad_buffer = "fewer ints than getTransportSize says, each number of them: BAD_BUFFER",
        fd_that_is_closed_is_bad_buffer = "each fd in turn −1, and a number that is not open: BAD_BUFFER",
        fd_that_is_no_buffer_does_no_harm = "each fd in turn /dev/null, a pipe and an empty file: import or lock refuses",
        memory_that_is_no_handle_is_bad_buffer = "a page of zeros and one of ones where a handle should be: BAD_BUFFER to import, lock and free",
        every_int_is_spoilt_in_turn_and_nothing_outside_is_described = "each int 0, −1, the greatest and with every single bit turned: import refuses, or the planes lie inside the buffer's file and a lock does no harm",
    ]
}

fn assert_bad(subject: &Subject, handle: Handle, what: &str) {
    match subject.mapper.import_buffer(handle) {
        Err(error) => assert_eq!(error, Error::BAD_BUFFER, "{what}"),
        Ok(_) => panic!("{what}: imported"),
    }
}

fn counts_that_lie_are_bad_buffer(subject: &Subject) -> Verdict {
    let raw = subject.allocator.generic().raw;
    let (fds, ints) = (count(raw.fds().len()), count(raw.ints().len()));
    let cases = [
        (-1, ints),
        (i32::MIN, ints),
        (i32::MAX, ints),
        (fds, -1),
        (fds, i32::MIN),
        (fds, i32::MAX),
        (fds, 1 << 20),
        (i32::MAX, i32::MAX),
        (-1, ints + fds + 1),
        (0, ints),
        (fds, 0),
        (0, 0),
        (0, fds + ints),
        (fds + ints, 0),
    ];
    for (num_fds, num_ints) in cases {
        let forged = raw.forged(|memory| {
            memory[Forged::NUM_FDS] = num_fds;
            memory[Forged::NUM_INTS] = num_ints;
        });
        assert_bad(subject, forged.pointer(), &format!("{num_fds} fds and {num_ints} ints"));
    }
    drop(Imported::of(subject.mapper, &raw));
    Ok(())
}

fn count(length: usize) -> i32 {
    i32::try_from(length).unwrap()
}

fn handle_that_is_cut_is_bad_buffer(subject: &Subject) -> Verdict {
    let (buffer, imported) = subject.generic();
    let (_, ints) = subject.mapper.transport_size(imported.handle()).unwrap();
    for length in 0..usize::try_from(ints).unwrap().min(buffer.raw.ints().len()) {
        let cut = buffer.raw.with_ints(buffer.raw.ints()[..length].to_vec()).unwrap();
        assert_bad(subject, cut.pointer(), &format!("{length} ints of {ints}"));
    }
    Ok(())
}

fn fd_that_is_closed_is_bad_buffer(subject: &Subject) -> Verdict {
    let raw = subject.allocator.generic().raw;
    for index in 0..raw.fds().len() {
        for number in [-1, i32::MIN, i32::MAX, closed_number()] {
            let forged = raw.forged(|memory| memory[Forged::DATA + index] = number);
            assert_bad(subject, forged.pointer(), &format!("fd {index} is {number}"));
        }
    }
    Ok(())
}

/// Uses what was imported in spite of all as a client would, and frees it.
fn use_it(imported: Imported, file_bytes: u64, all_bytes: u64) {
    if let Ok(bytes) = imported.get_bytes(Standard::PLANE_LAYOUTS) {
        let planes = crate::metadata::decode::<Vec<PlaneLayout>>(Standard::PLANE_LAYOUTS, &bytes);
        for plane in planes.expect("PLANE_LAYOUTS that do not decode") {
            let lines = plane.height_samples.max(0);
            let end = lines.checked_mul(plane.stride_bytes).and_then(|bytes| bytes.checked_add(plane.offset_bytes));
            let inside = end.and_then(|end| u64::try_from(end).ok()).is_some_and(|end| end <= file_bytes);
            assert!(inside && plane.offset_bytes >= 0, "a plane outside of the {file_bytes} bytes: {plane:?}");
        }
    }
    for kind in Standard::ALL {
        if let Ok(bytes) = imported.get_bytes(*kind) {
            assert_eq!(kind.check(&bytes), Ok(()), "{kind:?}: {bytes:02x?}");
        }
    }
    if let Ok(size) = imported.get_bytes(Standard::ALLOCATION_SIZE) {
        let size = crate::metadata::decode::<u64>(Standard::ALLOCATION_SIZE, &size).unwrap();
        assert!(size <= all_bytes, "ALLOCATION_SIZE is {size} of files of {all_bytes}");
    }
    if imported.mapper().lock(imported.handle(), usage::CPU, Rect::default(), -1).is_ok() {
        assert_eq!(imported.unlock(), Error::NONE);
    }
    assert_eq!(imported.free(), Error::NONE);
}

fn fd_that_is_no_buffer_does_no_harm(subject: &Subject) -> Verdict {
    let raw = subject.allocator.generic().raw;
    let null = || OwnedFd::from(File::open("/dev/null").unwrap());
    let pipe = || nix::unistd::pipe().unwrap().0;
    let empty = || {
        let path = std::env::temp_dir().join(format!("conformance-{}", std::process::id()));
        let file = File::options().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        OwnedFd::from(file)
    };
    let others: [(&str, &dyn Fn() -> OwnedFd); 3] =
        [("/dev/null", &null), ("a pipe", &pipe), ("an empty file", &empty)];
    for index in 0..raw.fds().len() {
        for (what, other) in others {
            let forged = raw.with_fd(index, other()).unwrap();
            // What is refused needs no more; what is not must not give a lock on memory that is not there.
            if let Ok(handle) = subject.mapper.import_buffer(forged.pointer()) {
                let imported = Imported::adopt(subject.mapper, handle);
                let locked = imported.lock_region(usage::CPU, Rect::default()).map(|lock| drop(lock.unlock()));
                assert!(locked.is_err() || index > 0, "fd {index} is {what}, and it is locked");
            }
        }
    }
    Ok(())
}

fn memory_that_is_no_handle_is_bad_buffer(subject: &Subject) -> Verdict {
    for word in [0, -1] {
        let page = vec![word; 1024];
        let handle = page.as_ptr().cast();
        let mapper = subject.mapper;
        assert_bad(subject, handle, "a page that is no handle");
        assert_eq!(mapper.lock(handle, usage::CPU, Rect::default(), -1).err(), Some(Error::BAD_BUFFER));
        assert_eq!(mapper.free_buffer(handle), Error::BAD_BUFFER);
    }
    Ok(())
}

fn every_int_is_spoilt_in_turn_and_nothing_outside_is_described(subject: &Subject) -> Verdict {
    let raw: RawHandle = subject.allocator.generic().raw;
    let (file_bytes, all_bytes) = (raw.largest_file(), raw.all_files());
    let mut accepted = 0;
    for index in 0..raw.ints().len() {
        let own = raw.ints()[index];
        let bits = (0..32).map(|bit| own ^ 1 << bit);
        for value in [0, -1, i32::MAX].into_iter().chain(bits).filter(|value| *value != own) {
            let mut ints = raw.ints().to_vec();
            ints[index] = value;
            let forged = raw.with_ints(ints).unwrap();
            if let Ok(handle) = subject.mapper.import_buffer(forged.pointer()) {
                accepted += 1;
                use_it(Imported::adopt(subject.mapper, handle), file_bytes, all_bytes);
            }
        }
    }
    // An id or a usage of another value is as good a buffer as before.
    println!("{accepted} spoilt handles were taken");
    drop(Imported::of(subject.mapper, &raw));
    Ok(())
}
