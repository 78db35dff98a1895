//! Handles: imported, cloned, sent on, freed.

use crate::abi::{Error, Handle, Rect};
use crate::allocator::Buffer;
use crate::case::{Test, Verdict};
use crate::format::Format;
use crate::handle::RawHandle;
use crate::image::{Image, Memory};
use crate::mapper::{usage, Imported, Mapper, STANDARD_NAME};
use crate::metadata::Standard;
use crate::peer::Peer;
use crate::process::{fds, mappings};
use crate::subject::Subject;
use crate::tests;
use std::ffi::c_void;
use std::thread;

pub(super) fn tests() -> Vec<Test> {
    tests!["handles":
        import_takes_a_copy = "the raw handle's fds and ints are as they were after import and free, and may be closed while the import lives",
        clone_imports_as_the_same_buffer = "a handle with duplicated fds imports, with the same id and the same pixels",
        imported_handle_imports_again = "an imported handle is imported as if it were raw; the two are freed on their own (passthrough HALs do that)",
        transport_size_is_enough = "fds and ints as many as getTransportSize says import in another process; the whole imported handle does, too",
        two_imports_live_and_die_apart = "one is freed while the other is locked, 20 times; the pixels stay",
        handle_that_was_not_imported_is_bad_buffer_everywhere = "every callback that takes an imported handle answers BAD_BUFFER to a raw one",
        freed_handle_is_bad_buffer_everywhere = "and to one that was freed, freeing it again included",
        null_and_empty_handles_are_bad_buffer_everywhere = "and to null and to a handle without fds and ints",
        handles_are_imported_and_freed_by_8_threads_at_once = "8 threads import one handle 20 times over and free them, 10 times each, each with pointers of its own",
        nothing_is_left_behind = "40 rounds of import, lock, metadata, dump and free: as many fds and mappings as before",
    ]
}

fn import_takes_a_copy(subject: &Subject) -> Verdict {
    let buffer = subject.allocator.generic();
    // SAFETY: the handle's own counts.
    let copy = unsafe { RawHandle::copy_of(buffer.raw.pointer(), buffer.raw.fds().len(), buffer.raw.ints().len()) };
    let copy = copy.unwrap();
    let imported = buffer.import(subject.mapper);
    assert_eq!(imported.free(), Error::NONE);
    assert_eq!(copy.ints(), buffer.raw.ints());
    // Duplicating fails for an fd that was closed.
    let second = buffer.raw.clone_handle().expect("the raw handle's fds are closed").import(subject);
    let Buffer { raw, .. } = buffer;
    drop((raw, copy));
    let image = Image::of(&second, Format::RGBA_8888);
    let lock = second.lock(usage::CPU);
    let memory = Memory::new(lock.data(), image.bytes);
    image.fill(&memory, 14);
    image.verify(&memory, 14).unwrap();
    drop(lock.unlock());
    Ok(())
}

impl RawHandle {
    fn import(&self, subject: &Subject) -> Imported {
        Imported::of(subject.mapper, self)
    }
}

/// Whether two imports are of one buffer: its id and its pixels.
fn assert_same(first: &Imported, second: &Imported, seed: u64) {
    assert_eq!(first.get::<u64>(Standard::BUFFER_ID), second.get::<u64>(Standard::BUFFER_ID));
    let image = Image::of(first, Format::RGBA_8888);
    image.fill(&Memory::new(first.lock(usage::CPU_WRITE_OFTEN).data(), image.bytes), seed);
    image.verify(&Memory::new(second.lock(usage::CPU_READ_OFTEN).data(), image.bytes), seed).unwrap();
}

fn clone_imports_as_the_same_buffer(subject: &Subject) -> Verdict {
    let (buffer, first) = subject.generic();
    let clone = buffer.raw.clone_handle().unwrap();
    assert_same(&first, &clone.import(subject), 15);
    Ok(())
}

fn imported_handle_imports_again(subject: &Subject) -> Verdict {
    let (_buffer, first) = subject.generic();
    let second = Imported::of_pointer(subject.mapper, first.handle());
    assert_ne!(first.handle(), second.handle());
    assert_same(&first, &second, 16);
    assert_eq!(first.free(), Error::NONE);
    drop(second.lock(usage::CPU).unlock());
    Ok(())
}

fn transport_size_is_enough(subject: &Subject) -> Verdict {
    let (_buffer, imported) = subject.generic();
    let image = Image::of(&imported, Format::RGBA_8888);
    image.fill(&Memory::new(imported.lock(usage::CPU_WRITE_OFTEN).data(), image.bytes), 17);
    let (fds, ints) = subject.mapper.transport_size(imported.handle()).unwrap();
    let (fds, ints) = (usize::try_from(fds).unwrap(), usize::try_from(ints).unwrap());
    // SAFETY: an imported handle is a valid one (IMapper.h, importBuffer).
    let header = unsafe { *imported.handle() };
    let all = [header.num_fds, header.num_ints].map(|count| usize::try_from(count).unwrap());
    assert!(fds <= all[0] && ints <= all[1], "{fds} fds and {ints} ints of {all:?}");
    let id = imported.get_bytes(Standard::BUFFER_ID);
    for [fds, ints] in [[fds, ints], all] {
        // SAFETY: not more than the handle's own counts.
        let sent = unsafe { RawHandle::copy_of(imported.handle(), fds, ints) }.unwrap();
        let peer = Peer::start(subject);
        let theirs = peer.import(&sent).unwrap_or_else(|error| panic!("{fds} fds and {ints} ints: {error:?}"));
        assert_eq!(peer.get(theirs, Standard::BUFFER_ID), id);
        peer.verify(theirs, Format::RGBA_8888, 17).unwrap();
    }
    Ok(())
}

fn two_imports_live_and_die_apart(subject: &Subject) -> Verdict {
    let (buffer, kept) = subject.generic();
    let image = Image::of(&kept, Format::RGBA_8888);
    let lock = kept.lock(usage::CPU);
    let memory = Memory::new(lock.data(), image.bytes);
    for seed in 0..20 {
        let other = buffer.import(subject.mapper);
        image.fill(&Memory::new(other.lock(usage::CPU).data(), image.bytes), seed);
        assert_eq!(other.free(), Error::NONE);
        image.verify(&memory, seed).unwrap();
    }
    drop(lock.unlock());
    Ok(())
}

extern "C" fn ignore(_: *mut c_void, _: crate::abi::MetadataType, _: *const c_void, _: usize) {}

/// Every callback that takes an imported handle, by name, with what it answers to this one.
fn answers(mapper: Mapper, handle: Handle) -> Vec<(&'static str, Option<Error>)> {
    let bytes = crate::metadata::encode(Standard::DATASPACE, &1i32);
    let negative = |answer: i32| (answer < 0).then(|| Error(-answer));
    let failed = |error: Error| (error != Error::NONE).then_some(error);
    let name = STANDARD_NAME;
    vec![
        ("getTransportSize", mapper.transport_size(handle).err()),
        ("lock", mapper.lock(handle, usage::CPU, Rect::default(), -1).err()),
        ("unlock", mapper.unlock(handle).err()),
        ("flushLockedBuffer", failed(mapper.flush(handle))),
        ("rereadLockedBuffer", failed(mapper.reread(handle))),
        ("getMetadata", negative(mapper.get_metadata(handle, name, Standard::WIDTH.0, &mut [0; 256]))),
        ("getStandardMetadata", negative(mapper.get_standard(handle, Standard::WIDTH.0, &mut [0; 256]))),
        ("setMetadata", failed(mapper.set_metadata(handle, name, Standard::DATASPACE.0, &bytes))),
        ("setStandardMetadata", failed(mapper.set_standard(handle, Standard::DATASPACE.0, &bytes))),
        ("dumpBuffer", failed(mapper.dump_buffer(handle, ignore, std::ptr::null_mut()))),
        ("getReservedRegion", mapper.reserved_region(handle).err()),
        ("freeBuffer", failed(mapper.free_buffer(handle))),
    ]
}

fn assert_bad(subject: &Subject, handle: Handle, what: &str) {
    let answers = answers(subject.mapper, handle);
    let wrong: Vec<_> = answers.into_iter().filter(|(_, error)| *error != Some(Error::BAD_BUFFER)).collect();
    assert!(wrong.is_empty(), "{what}: not BAD_BUFFER: {wrong:?}");
}

fn handle_that_was_not_imported_is_bad_buffer_everywhere(subject: &Subject) -> Verdict {
    let (buffer, imported) = subject.generic();
    assert_bad(subject, buffer.raw.pointer(), "never imported");
    // A raw handle stays raw while its buffer is imported.
    drop(imported.lock(usage::CPU).unlock());
    let clone = buffer.raw.clone_handle().unwrap();
    assert_bad(subject, clone.pointer(), "a clone of an imported one");
    Ok(())
}

fn freed_handle_is_bad_buffer_everywhere(subject: &Subject) -> Verdict {
    let (_buffer, imported) = subject.generic();
    let handle = imported.handle();
    assert_eq!(imported.free(), Error::NONE);
    assert_bad(subject, handle, "freed");
    Ok(())
}

fn null_and_empty_handles_are_bad_buffer_everywhere(subject: &Subject) -> Verdict {
    assert_bad(subject, std::ptr::null(), "null");
    assert_bad(subject, RawHandle::empty().pointer(), "empty");
    Ok(())
}

fn handles_are_imported_and_freed_by_8_threads_at_once(subject: &Subject) -> Verdict {
    let (buffer, kept) = subject.generic();
    let mapper = subject.mapper;
    thread::scope(|scope| {
        for _ in 0..8 {
            let raw = buffer.raw.clone_handle().unwrap();
            scope.spawn(move || {
                for _ in 0..10 {
                    let all: Vec<Imported> = (0..20).map(|_| Imported::of(mapper, &raw)).collect();
                    for imported in all {
                        assert_eq!(imported.get::<u64>(Standard::WIDTH), 64);
                        assert_eq!(imported.free(), Error::NONE);
                    }
                }
            });
        }
    });
    assert_eq!(kept.get::<u64>(Standard::HEIGHT), 64);
    Ok(())
}

fn nothing_is_left_behind(subject: &Subject) -> Verdict {
    let buffer = subject.allocator.generic();
    let truncated = buffer.raw.with_ints(buffer.raw.ints().iter().copied().skip(1).collect()).unwrap();
    let round = || {
        let imported = buffer.import(subject.mapper);
        let image = Image::of(&imported, Format::RGBA_8888);
        Memory::new(imported.lock(usage::CPU).data(), image.bytes).write(0, 1);
        for (kind, [a, _]) in super::values::settable(&imported) {
            assert_eq!(imported.set_bytes(kind, &a), Error::NONE);
        }
        assert_eq!(subject.mapper.dump_buffer(imported.handle(), ignore, std::ptr::null_mut()), Error::NONE);
        assert_eq!(imported.free(), Error::NONE);
        for raw in [truncated.pointer(), RawHandle::empty().pointer(), std::ptr::null()] {
            assert!(subject.mapper.import_buffer(raw).is_err());
        }
    };
    // The first ones may open what stays open, such as a log.
    (0..3).for_each(|_| round());
    let before = (fds(), mappings());
    (0..40).for_each(|_| round());
    assert_eq!((fds(), mappings()), before);
    Ok(())
}
