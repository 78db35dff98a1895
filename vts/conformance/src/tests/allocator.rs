//! `VtsHalGraphicsAllocatorAidl_TargetTest`. Its last two draw with EGL; without a GPU what remains is that the two
//! answers agree and the buffer can be used by a CPU.

#![allow(non_snake_case)] // The VTS's names.

use crate::allocator::{Buffer, Refusal};
use crate::case::{Skip, Test, Verdict};
use crate::descriptor::Descriptor;
use crate::image::{Image, Memory};
use crate::mapper::usage;
use crate::options::Vts;
use crate::subject::Subject;
use crate::{format::Format, tests};
use allocator_aidl::AllocationError;

pub(super) fn tests() -> Vec<Test> {
    tests!["allocator":
        CanAllocate = "64 × 64 RGBA_8888 for the CPU is allocated, its stride at least 64",
        RejectsZeroLayerCount = "no layers: isSupported is false, allocate2 fails",
        RejectsUnknownUsages = "usage bit 33, at interface version 2, and from 17 on at 3: isSupported is false, allocate2 fails with an AllocationError, whichever",
        RejectsUnknownOptions = "a made-up additionalOption: isSupported is false, allocate2 fails in the same way",
        FrontBufferGpuToCpu = "FRONT_BUFFER for the GPU to draw and the CPU to read: isSupported and allocate2 agree; where on yes, the CPU reads it",
        FrontBufferGpuToGpu = "FRONT_BUFFER for the GPU alone: isSupported and allocate2 agree; where on yes, it imports",
    ]
}

fn CanAllocate(subject: &Subject) -> Verdict {
    let buffer = subject.allocator.one(&Descriptor::generic().named("CPU_8888"));
    assert!(buffer.stride >= 64, "stride {}", buffer.stride);
    Ok(())
}

fn RejectsZeroLayerCount(subject: &Subject) -> Verdict {
    if subject.vts() == Vts::SixteenQpr2 {
        return Err(Skip("the VTS of 16 QPR2 asks for no such buffer".to_owned()));
    }
    let info = Descriptor { layers: 0, ..Descriptor::generic().named("CPU_8888") };
    assert!(!subject.allocator.supports(&info), "isSupported is true");
    assert!(matches!(subject.allocator.allocate(&info, 1), Err(Refusal::Error(..))), "not refused");
    Ok(())
}

fn RejectsUnknownUsages(subject: &Subject) -> Verdict {
    let version = subject.allocator.connection().interface_version().unwrap();
    // Common V7 names the bit NPU, and the VTS wants it refused all the same.
    let known = if subject.vts() == Vts::SixteenQpr2 { 2..=2 } else { 2..=3 };
    assert!(known.contains(&version), "the VTS of {} knows no allocator of version {version}", subject.vts().word());
    let info = Descriptor::generic().named("CPU_8888");
    assert!(subject.allocator.supports(&info));
    subject.allocator.one(&info);
    rejects(subject, &info.clone().usage(info.usage | usage::UNKNOWN));
    Ok(())
}

fn RejectsUnknownOptions(subject: &Subject) -> Verdict {
    let mut info = Descriptor::generic().named("CPU_8888");
    info.options.push(("android.hardware.graphics.common.NotARealOption".to_owned(), 1));
    rejects(subject, &info);
    Ok(())
}

/// This program has not looked at the error's code since 16 QPR2, so BAD_DESCRIPTOR is as good as UNSUPPORTED. It is an
/// AllocationError, as IAllocator says, and no broken call.
fn rejects(subject: &Subject, info: &Descriptor) {
    assert!(!subject.allocator.supports(info), "isSupported is true");
    match subject.allocator.allocate(info, 1) {
        Err(Refusal::Error(code, words)) => {
            let errors = [AllocationError::BAD_DESCRIPTOR, AllocationError::NO_RESOURCES, AllocationError::UNSUPPORTED];
            assert!(errors.map(|error| error.0).contains(&code), "{code} is no AllocationError: {words}");
        }
        Err(Refusal::Call(words)) => panic!("not refused but broken: {words}"),
        Ok(_) => panic!("allocate2 succeeds"),
    }
}

/// A buffer with FRONT_BUFFER, which no allocator has to have; the test is skipped where `isSupported` and `allocate2` both say no.
pub(super) fn front_buffer(subject: &Subject, info: &Descriptor) -> Result<Buffer, Skip> {
    let why = || Skip("this allocator has no such FRONT_BUFFER: isSupported and allocate2 both say no".to_owned());
    subject.allocator.optional(info).ok_or_else(why)
}

fn FrontBufferGpuToCpu(subject: &Subject) -> Verdict {
    let usage = usage::GPU_RENDER_TARGET | usage::CPU_READ_OFTEN | usage::FRONT_BUFFER;
    let info = Descriptor::generic().named("CPU_8888").usage(usage);
    let buffer = front_buffer(subject, &info)?;
    let imported = buffer.import(subject.mapper);
    let image = Image::of(&imported, Format::RGBA_8888);
    let lock = imported.lock(usage::CPU_READ_OFTEN);
    let memory = Memory::new(lock.data(), image.bytes);
    // The pixels that the VTS compares.
    let stride = u64::try_from(buffer.stride).unwrap();
    let pixel = |x: u64, y: u64| (0..4).map(|byte| memory.read((y * stride + x) * 4 + byte)).collect::<Vec<_>>();
    assert_eq!((pixel(0, 0), pixel(32, 32)), (vec![0; 4], vec![0; 4]), "a buffer that nobody has drawn on");
    Ok(())
}

fn FrontBufferGpuToGpu(subject: &Subject) -> Verdict {
    let usage = usage::GPU_RENDER_TARGET | usage::GPU_TEXTURE | usage::FRONT_BUFFER;
    let info = Descriptor::generic().named("CPU_8888").usage(usage);
    let buffer = front_buffer(subject, &info)?;
    drop(buffer.import(subject.mapper));
    Ok(())
}
