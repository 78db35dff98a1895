//! Locks, beyond the VTS.

use crate::abi::{Error, Rect};
use crate::case::{Test, Verdict};
use crate::descriptor::Descriptor;
use crate::format::Format;
use crate::image::{Image, Memory};
use crate::mapper::{usage, Imported};
use crate::peer::Peer;
use crate::subject::Subject;
use crate::tests;
use std::thread;

pub(super) fn tests() -> Vec<Test> {
    tests!["locks":
        usage_must_have_a_cpu_part = "usage without it: BAD_VALUE, and nothing is locked; access that the buffer was not allocated for is locked or BAD_VALUE",
        usage_beyond_the_cpus_is_locked_or_bad_value = "lock with a CPU part and other bits: locked for its CPU part or, as IMapper.h has it, BAD_VALUE and nothing is locked",
        region_must_be_inside = "negative, turned round, without a pixel, one too far, and as far as numbers go: BAD_VALUE, and nothing is locked; the whole, all zero and one pixel: locked",
        data_is_the_top_left_corner_whatever_the_region = "the pointer is the same for a region inside and for the whole",
        locks_nest_and_count = "five locks to read and to write take five unlocks, and the memory stays mapped to the last",
        write_and_read_locks_of_two_imports_go_together = "both at once, in either order; each unlock counts for its own import",
        one_import_is_locked_by_8_threads_at_once = "8 threads lock, write their own lines and unlock, 50 times each, within a lock of another; then nothing is locked and every line is there",
        each_of_8_threads_imports_locks_and_frees = "8 threads import one handle, lock, write their own lines, unlock and free, 30 times each, while one more import is locked; every line is there",
        one_thread_locks_and_another_unlocks = "a lock belongs to the import, not to the thread",
        blob_is_locked_in_place = "two processes' locks of a BLOB see each other's writes without an unlock, as IMapper.h demands",
        flush_and_reread_need_a_lock = "flush and reread of what is not locked: BAD_BUFFER; of what is: NONE, and it stays locked",
        freeing_a_locked_buffer_leaves_the_others_alone = "freeBuffer during a lock ends without a crash, and another import keeps its lock and its pixels",
        locking_again_and_again_keeps_what_was_written = "100 locks and unlocks: the pixels stay, and no mapping is left behind",
    ]
}

/// Nothing is locked: an unlock says so.
fn assert_unlocked(imported: &Imported) {
    assert_eq!(imported.unlock(), Error::BAD_BUFFER, "something is locked");
}

fn usage_must_have_a_cpu_part(subject: &Subject) -> Verdict {
    let (_buffer, both) = subject.generic();
    for usage in [0, usage::GPU_TEXTURE, usage::COMPOSER_OVERLAY] {
        let error = both.lock_region(usage, Rect::default()).err();
        assert_eq!(error, Some(Error::BAD_VALUE), "usage {usage:#x}");
        assert_unlocked(&both);
    }
    // Less often than was said is no contradiction.
    for usage in [usage::CPU_READ_RARELY, usage::CPU_WRITE_RARELY, usage::CPU_READ_OFTEN, usage::CPU_WRITE_OFTEN] {
        drop(both.lock(usage).unlock());
    }
    // IMapper.h leaves open what becomes of more than was said: minigbm locks, others refuse.
    let (_buffer, readable) = subject.import(&Descriptor::generic().usage(usage::CPU_READ_OFTEN));
    let (_buffer, neither) = subject.import(&Descriptor::generic().usage(usage::GPU_TEXTURE));
    for (imported, usage) in
        [(&readable, usage::CPU_WRITE_OFTEN), (&readable, usage::CPU), (&neither, usage::CPU_READ_OFTEN)]
    {
        match imported.lock_region(usage, Rect::default()) {
            Ok(lock) => drop(lock.unlock()),
            Err(error) => assert_eq!(error, Error::BAD_VALUE, "usage {usage:#x}"),
        }
        assert_unlocked(imported);
    }
    Ok(())
}

/// IMapper.h: BAD_VALUE. minigbm and this project's own mapper lock, since clients hand on the buffer's whole usage.
fn usage_beyond_the_cpus_is_locked_or_bad_value(subject: &Subject) -> Verdict {
    for usage in [usage::CPU | usage::GPU_TEXTURE, usage::CPU_READ_OFTEN | usage::GPU_TEXTURE] {
        let (_buffer, imported) = subject.import(&Descriptor::generic().usage(usage));
        match imported.lock_region(usage, Rect::default()) {
            Ok(lock) => drop(lock.unlock()),
            Err(error) => assert_eq!(error, Error::BAD_VALUE, "usage {usage:#x}"),
        }
        assert_unlocked(&imported);
    }
    Ok(())
}

const fn rect(left: i32, top: i32, right: i32, bottom: i32) -> Rect {
    Rect { left, top, right, bottom }
}

fn region_must_be_inside(subject: &Subject) -> Verdict {
    let (_buffer, imported) = subject.generic();
    let bad = [
        rect(-1, 0, 64, 64),
        rect(0, -1, 64, 64),
        rect(0, 0, 65, 64),
        rect(0, 0, 64, 65),
        rect(32, 0, 16, 64),
        rect(0, 32, 64, 16),
        rect(0, 0, i32::MAX, i32::MAX),
        rect(i32::MIN, i32::MIN, i32::MAX, i32::MAX),
        rect(i32::MAX, i32::MAX, i32::MIN, i32::MIN),
        rect(64, 64, 128, 128),
        rect(32, 32, 32, 32),
        rect(0, 0, 64, 0),
        rect(0, 0, 0, 64),
    ];
    for region in bad {
        let error = imported.lock_region(usage::CPU, region).err();
        assert_eq!(error, Some(Error::BAD_VALUE), "{region:?}");
        assert_unlocked(&imported);
    }
    for region in [rect(0, 0, 0, 0), rect(0, 0, 64, 64), rect(63, 63, 64, 64), rect(16, 8, 48, 24)] {
        let lock = imported.lock_region(usage::CPU, region).unwrap_or_else(|error| panic!("{region:?}: {error:?}"));
        drop(lock.unlock());
    }
    Ok(())
}

fn data_is_the_top_left_corner_whatever_the_region(subject: &Subject) -> Verdict {
    let (_buffer, imported) = subject.generic();
    let Image { bytes, .. } = Image::of(&imported, Format::RGBA_8888);
    let lock = imported.lock(usage::CPU_WRITE_OFTEN);
    Memory::new(lock.data(), bytes).write(0, 0x99);
    drop(lock.unlock());
    let lock = imported.lock_region(usage::CPU_READ_OFTEN, rect(32, 32, 64, 64)).unwrap();
    assert_eq!(Memory::new(lock.data(), bytes).read(0), 0x99);
    let whole = imported.lock(usage::CPU_READ_OFTEN);
    assert_eq!(whole.data(), lock.data(), "two locks at once");
    drop((whole.unlock(), lock.unlock()));
    Ok(())
}

fn locks_nest_and_count(subject: &Subject) -> Verdict {
    let (_buffer, imported) = subject.generic();
    let image = Image::of(&imported, Format::RGBA_8888);
    let first = imported.lock(usage::CPU);
    let memory = Memory::new(first.data(), image.bytes);
    for usage in [usage::CPU_READ_OFTEN, usage::CPU_WRITE_OFTEN, usage::CPU, usage::CPU_READ_RARELY] {
        let inner = imported.lock(usage);
        assert_eq!(inner.data(), first.data(), "a nested lock is elsewhere");
        std::mem::forget(inner);
    }
    for _ in 0..4 {
        image.fill(&memory, 9);
        assert_eq!(imported.unlock(), Error::NONE);
        image.verify(&memory, 9).unwrap();
    }
    drop(first.unlock());
    assert_unlocked(&imported);
    Ok(())
}

fn write_and_read_locks_of_two_imports_go_together(subject: &Subject) -> Verdict {
    let (buffer, first) = subject.generic();
    let second = buffer.import(subject.mapper);
    for usages in [[usage::CPU_WRITE_OFTEN, usage::CPU_READ_OFTEN], [usage::CPU_READ_OFTEN, usage::CPU_WRITE_OFTEN]] {
        let locks = (first.lock(usages[0]), second.lock(usages[1]));
        drop(locks.0.unlock());
        assert_unlocked(&first);
        drop(locks.1.unlock());
        assert_unlocked(&second);
    }
    Ok(())
}

const THREADS: u8 = 8;

/// A thread's own eighth of the generic buffer's lines.
fn write_own_lines(memory: &Memory, thread: u8, stride: u64) {
    for line in (0..64).filter(|line| line % u64::from(THREADS) == u64::from(thread)) {
        (0..64 * 4).for_each(|x| memory.write(line * stride + x, thread + 1));
    }
}

fn check_all_lines(imported: &Imported, bytes: u64, stride: u64) {
    let lock = imported.lock(usage::CPU_READ_OFTEN);
    let memory = Memory::new(lock.data(), bytes);
    for line in 0..64 {
        let expected = u8::try_from(line % u64::from(THREADS)).unwrap() + 1;
        (0..64 * 4).for_each(|x| assert_eq!(memory.read(line * stride + x), expected, "line {line}"));
    }
    drop(lock.unlock());
    assert_unlocked(imported);
}

fn one_import_is_locked_by_8_threads_at_once(subject: &Subject) -> Verdict {
    let (buffer, imported) = subject.generic();
    let Image { bytes, .. } = Image::of(&imported, Format::RGBA_8888);
    let stride = u64::try_from(buffer.stride).unwrap() * 4;
    let held = imported.lock(usage::CPU_READ_OFTEN);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let imported = &imported;
            scope.spawn(move || {
                for _ in 0..50 {
                    let lock = imported.lock(usage::CPU);
                    write_own_lines(&Memory::new(lock.data(), bytes), thread, stride);
                    drop(lock.unlock());
                }
            });
        }
    });
    drop(held.unlock());
    check_all_lines(&imported, bytes, stride);
    Ok(())
}

fn each_of_8_threads_imports_locks_and_frees(subject: &Subject) -> Verdict {
    let (buffer, imported) = subject.generic();
    let Image { bytes, .. } = Image::of(&imported, Format::RGBA_8888);
    let stride = u64::try_from(buffer.stride).unwrap() * 4;
    let mapper = subject.mapper;
    let held = imported.lock(usage::CPU_READ_OFTEN);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let raw = buffer.raw.clone_handle().unwrap();
            scope.spawn(move || {
                for _ in 0..30 {
                    let own = Imported::of(mapper, &raw);
                    let lock = own.lock(usage::CPU);
                    write_own_lines(&Memory::new(lock.data(), bytes), thread, stride);
                    drop(lock.unlock());
                    assert_eq!(own.free(), Error::NONE);
                }
            });
        }
    });
    drop(held.unlock());
    check_all_lines(&imported, bytes, stride);
    Ok(())
}

fn one_thread_locks_and_another_unlocks(subject: &Subject) -> Verdict {
    let (_buffer, imported) = subject.generic();
    thread::scope(|scope| {
        scope.spawn(|| std::mem::forget(imported.lock(usage::CPU))).join().unwrap();
        scope.spawn(|| assert_eq!(imported.unlock(), Error::NONE)).join().unwrap();
    });
    assert_unlocked(&imported);
    Ok(())
}

fn blob_is_locked_in_place(subject: &Subject) -> Verdict {
    let (buffer, imported) = subject.import(&Descriptor::of(Format::BLOB.value(), 4096, 1));
    let image = Image::of(&imported, Format::BLOB);
    let peer = Peer::start(subject);
    let theirs = peer.import(&buffer.raw).unwrap();
    let lock = imported.lock(usage::CPU);
    let memory = Memory::new(lock.data(), image.bytes);
    image.fill(&memory, 10);
    peer.verify(theirs, Format::BLOB, 10).unwrap();
    peer.fill(theirs, Format::BLOB, 11);
    image.verify(&memory, 11).unwrap();
    drop(lock.unlock());
    Ok(())
}

fn flush_and_reread_need_a_lock(subject: &Subject) -> Verdict {
    let (buffer, imported) = subject.generic();
    let mapper = subject.mapper;
    for handle in [imported.handle(), buffer.raw.pointer()] {
        assert_eq!((mapper.flush(handle), mapper.reread(handle)), (Error::BAD_BUFFER, Error::BAD_BUFFER));
    }
    let lock = imported.lock(usage::CPU);
    for _ in 0..3 {
        assert_eq!((mapper.flush(imported.handle()), mapper.reread(imported.handle())), (Error::NONE, Error::NONE));
    }
    drop(lock.unlock());
    assert_eq!(mapper.flush(imported.handle()), Error::BAD_BUFFER, "flush after unlock");
    Ok(())
}

fn freeing_a_locked_buffer_leaves_the_others_alone(subject: &Subject) -> Verdict {
    let (buffer, first) = subject.generic();
    let second = buffer.import(subject.mapper);
    let image = Image::of(&second, Format::RGBA_8888);
    let lock = second.lock(usage::CPU);
    let memory = Memory::new(lock.data(), image.bytes);
    image.fill(&memory, 12);
    std::mem::forget(first.lock(usage::CPU));
    // What it answers is not said; the client is at fault and gets no promise but its life.
    first.free();
    image.verify(&memory, 12).unwrap();
    drop(lock.unlock());
    Ok(())
}

fn locking_again_and_again_keeps_what_was_written(subject: &Subject) -> Verdict {
    let (_buffer, imported) = subject.generic();
    let image = Image::of(&imported, Format::RGBA_8888);
    image.fill(&Memory::new(imported.lock(usage::CPU).data(), image.bytes), 13);
    let before = crate::process::mappings();
    for _ in 0..100 {
        drop(imported.lock(usage::CPU).unlock());
    }
    assert_eq!(crate::process::mappings(), before);
    let lock = imported.lock(usage::CPU);
    image.verify(&Memory::new(lock.data(), image.bytes), 13).unwrap();
    drop(lock.unlock());
    Ok(())
}
