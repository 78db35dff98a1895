//! The allocator's answers, beyond the VTS.

use super::allocator::front_buffer;
use crate::allocator::{summary, Refusal};
use crate::case::{Test, Verdict};
use crate::descriptor::Descriptor;
use crate::format::Format;
use crate::image::{Image, Memory};
use crate::mapper::usage;
use crate::metadata::Standard;
use crate::subject::Subject;
use crate::tests;
use allocator_aidl::AllocationError;

pub(super) fn tests() -> Vec<Test> {
    tests!["answers":
        version_is_at_least_2_and_the_suffix_names_a_library = "interface version 2 or more; a suffix that fits into a file name",
        as_many_buffers_come_as_were_asked_for = "1, 2, 5 and 16 buffers: exactly so many handles (libui reads the first unchecked)",
        each_buffer_of_a_call_has_memory_of_its_own = "what is written into one buffer of a call is not seen in the others",
        counts_below_zero_are_refused_and_the_allocator_lives = "count −1 and the least: an error, and the next call works (one peer dies of it)",
        support_and_allocation_agree = "isSupported and allocate2 agree for every format with six usages",
        formats_that_do_not_exist_are_refused = "PixelFormat −1, 0x7f and 0x200: isSupported is false, allocate2 fails",
        sizes_that_cannot_be_are_refused = "widths, heights and layer counts of 0 and below, sizes beyond any memory: refused, and the next call works",
        what_can_never_succeed_is_no_shortage = "formats, usages, options and sizes that cannot be: the error is not NO_RESOURCES, which is for what may succeed later",
        front_buffer_is_written_and_read_by_the_cpu = "FRONT_BUFFER with CPU usage, where the allocator has it, is allocated, written and read back",
        new_memory_is_zero = "no byte of a new buffer is anything but 0, also after others were written and freed",
        stride_holds_a_line_of_every_format = "AllocationResult.stride is at least a line, and is what the mapper's STRIDE says",
        names_of_any_bytes_are_taken_or_refused_and_nothing_breaks = "127 bytes, 128 without a terminator, bytes that are no UTF-8: no crash; a terminated name comes back whole",
        deprecated_allocate_fails_and_the_allocator_lives = "allocate with a descriptor of no mapper that exists here: an error, and the next call works",
    ]
}

fn version_is_at_least_2_and_the_suffix_names_a_library(subject: &Subject) -> Verdict {
    let connection = subject.allocator.connection();
    assert!(connection.interface_version().unwrap() >= 2);
    let suffix = connection.mapper_suffix().unwrap();
    assert!(!suffix.is_empty() && !suffix.contains(['/', '\0']), "{suffix:?}");
    Ok(())
}

fn as_many_buffers_come_as_were_asked_for(subject: &Subject) -> Verdict {
    for count in [1, 2, 5, 16] {
        let allocation = subject.allocator.allocate(&Descriptor::generic(), count).unwrap();
        assert_eq!(i32::try_from(allocation.buffers.len()), Ok(count));
    }
    Ok(())
}

fn each_buffer_of_a_call_has_memory_of_its_own(subject: &Subject) -> Verdict {
    let allocation = subject.allocator.allocate(&Descriptor::generic(), 4).unwrap();
    let buffers: Vec<_> =
        allocation.buffers.iter().map(|raw| crate::mapper::Imported::of(subject.mapper, raw)).collect();
    let image = Image::of(&buffers[0], Format::RGBA_8888);
    for (seed, buffer) in (1..).zip(&buffers) {
        image.fill(&Memory::new(buffer.lock(usage::CPU_WRITE_OFTEN).data(), image.bytes), seed);
    }
    for (seed, buffer) in (1..).zip(&buffers) {
        let lock = buffer.lock(usage::CPU_READ_OFTEN);
        image.verify(&Memory::new(lock.data(), image.bytes), seed).unwrap();
    }
    Ok(())
}

/// The next ordinary call works.
fn lives(subject: &Subject) {
    subject.allocator.generic();
}

fn refused(subject: &Subject, info: &Descriptor, count: i32) {
    match subject.allocator.allocate(info, count) {
        Err(Refusal::Error(..)) => lives(subject),
        Err(Refusal::Call(words)) => {
            // Binder itself may refuse a call that cannot be; then the allocator has to live all the same.
            lives(subject);
            eprintln!("{count} of {}: {words}", summary(info));
        }
        Ok(_) => panic!("allocate2 of {count} of {} succeeds", summary(info)),
    }
}

fn counts_below_zero_are_refused_and_the_allocator_lives(subject: &Subject) -> Verdict {
    for count in [-1, i32::MIN] {
        refused(subject, &Descriptor::generic(), count);
    }
    Ok(())
}

fn support_and_allocation_agree(subject: &Subject) -> Verdict {
    let usages = [
        usage::CPU,
        usage::CPU_READ_RARELY | usage::GPU_TEXTURE,
        usage::GPU_TEXTURE | usage::GPU_RENDER_TARGET,
        usage::CAMERA_OUTPUT | usage::VIDEO_ENCODER,
        usage::FRONT_BUFFER | usage::COMPOSER_OVERLAY | usage::GPU_RENDER_TARGET,
        usage::PROTECTED | usage::COMPOSER_OVERLAY,
    ];
    for format in Format::ALL {
        for usage in usages {
            let [info, _] = format.descriptors();
            // Fails when they disagree.
            let buffer = subject.allocator.optional(&info.usage(usage));
            assert!(
                buffer.is_some() || usage != usage::CPU || !format.is_required(),
                "{format:?} for the CPU is called unsupported"
            );
        }
    }
    Ok(())
}

fn formats_that_do_not_exist_are_refused(subject: &Subject) -> Verdict {
    for format in [-1, 0x7f, 0x200] {
        let info = Descriptor { format, ..Descriptor::generic() };
        assert!(!subject.allocator.supports(&info), "{format:#x}");
        refused(subject, &info, 1);
    }
    Ok(())
}

fn sizes_that_cannot_be_are_refused(subject: &Subject) -> Verdict {
    let generic = Descriptor::generic;
    let bad = [
        Descriptor { width: 0, ..generic() },
        Descriptor { height: 0, ..generic() },
        Descriptor { width: -1, ..generic() },
        Descriptor { height: i32::MIN, ..generic() },
        Descriptor { layers: 0, ..generic() },
        Descriptor { layers: -1, ..generic() },
        Descriptor { width: i32::MAX, height: i32::MAX, ..generic() },
        Descriptor { layers: i32::MAX, ..generic() },
        Descriptor { reserved: -1, ..generic() },
        Descriptor { reserved: i64::MAX, ..generic() },
    ];
    for info in bad {
        refused(subject, &info, 1);
    }
    Ok(())
}

/// `isSupported` says no, for good; so must the error. Which of the other two it is, BAD_DESCRIPTOR or UNSUPPORTED, the
/// contract leaves open where VTS does not look.
fn what_can_never_succeed_is_no_shortage(subject: &Subject) -> Verdict {
    let generic = Descriptor::generic;
    let mut option = generic();
    option.options.push(("android.hardware.graphics.common.NotARealOption".to_owned(), 1));
    let never = [
        option,
        generic().usage(usage::CPU | usage::UNKNOWN),
        Descriptor { format: 0x7f, ..generic() },
        Descriptor { width: 0, ..generic() },
        Descriptor { height: -1, ..generic() },
        Descriptor { layers: 0, ..generic() },
        Descriptor { width: i32::MAX, height: i32::MAX, ..generic() },
        Descriptor { layers: i32::MAX, ..generic() },
        Descriptor { reserved: i64::MAX, ..generic() },
    ];
    for info in never {
        assert!(!subject.allocator.supports(&info), "{}", summary(&info));
        match subject.allocator.allocate(&info, 1) {
            Err(Refusal::Error(code, words)) => {
                assert_ne!(code, AllocationError::NO_RESOURCES.0, "{}: {words}", summary(&info));
            }
            // Binder itself may refuse a call that cannot be.
            Err(Refusal::Call(_)) => lives(subject),
            Ok(_) => panic!("allocate2 of {} succeeds", summary(&info)),
        }
    }
    Ok(())
}

fn front_buffer_is_written_and_read_by_the_cpu(subject: &Subject) -> Verdict {
    let usage = usage::FRONT_BUFFER | usage::COMPOSER_OVERLAY | usage::GPU_TEXTURE | usage::CPU;
    let info = Descriptor::generic().usage(usage);
    let buffer = front_buffer(subject, &info)?;
    let imported = buffer.import(subject.mapper);
    let image = Image::of(&imported, Format::RGBA_8888);
    let lock = imported.lock(usage::CPU_WRITE_OFTEN);
    image.fill(&Memory::new(lock.data(), image.bytes), 3);
    drop(lock.unlock());
    let lock = imported.lock(usage::CPU_READ_OFTEN);
    image.verify(&Memory::new(lock.data(), image.bytes), 3).unwrap();
    drop(lock.unlock());
    Ok(())
}

fn new_memory_is_zero(subject: &Subject) -> Verdict {
    for _ in 0..4 {
        let (_buffer, imported) = subject.generic();
        let lock = imported.lock(usage::CPU);
        let memory = Memory::new(lock.data(), Image::of(&imported, Format::RGBA_8888).bytes);
        assert_eq!(memory.all_are(0), Ok(()), "the first byte that is not 0");
        memory.fill(0xff);
        drop(lock.unlock());
    }
    Ok(())
}

fn stride_holds_a_line_of_every_format(subject: &Subject) -> Verdict {
    for format in Format::ALL {
        let [info, _] = format.descriptors();
        let Some(buffer) = subject.allocator.optional(&info) else {
            assert!(!format.is_required(), "{format:?} is called unsupported");
            continue;
        };
        let imported = buffer.import(subject.mapper);
        assert_eq!(i64::from(imported.get::<u32>(Standard::STRIDE)), buffer.stride(), "{format:?}");
        // RAW10 and RAW12 count bytes, of which a pixel takes more than one.
        assert!(buffer.stride >= info.width, "{format:?}: {} for {} pixels", buffer.stride, info.width);
    }
    Ok(())
}

fn names_of_any_bytes_are_taken_or_refused_and_nothing_breaks(subject: &Subject) -> Verdict {
    let generic = Descriptor::generic();
    let longest = "n".repeat(127);
    let (_buffer, imported) = subject.import(&generic.clone().named(&longest));
    assert_eq!(imported.get::<String>(Standard::NAME), longest);
    let mut not_utf8 = [0; 128];
    not_utf8[..4].copy_from_slice(&[b'a', 0xff, 0xc3, b'b']);
    for name in [[b'x'; 128], [0xff; 128], not_utf8, [0; 128]] {
        if let Ok(allocation) = subject.allocator.allocate(&Descriptor { name, ..generic.clone() }, 1) {
            let imported = crate::mapper::Imported::of(subject.mapper, &allocation.buffers[0]);
            let bytes = imported.get::<Vec<u8>>(Standard::NAME);
            assert!(bytes.len() <= 128, "a name of {} bytes", bytes.len());
        }
        lives(subject);
    }
    Ok(())
}

#[allow(deprecated)] // V1's method stays a part of the contract.
fn deprecated_allocate_fails_and_the_allocator_lives(subject: &Subject) -> Verdict {
    let allocator = subject.allocator.connection().allocator();
    for descriptor in [&[][..], &[0xff; 64][..]] {
        assert!(allocator.allocate(descriptor, 1).is_err());
        lives(subject);
    }
    Ok(())
}
