//! Standard metadata: what a fresh buffer says, and what can be set.

#![allow(non_snake_case)] // The VTS's names.

use crate::abi::{Error, Rect};
use crate::allocator::Refusal;
use crate::case::{Skip, Test, Verdict};
use crate::descriptor::Descriptor;
use crate::format::Format;
use crate::mapper::usage;
use crate::metadata::{
    decode, encode, Cta861_3, Decode, Encode, Extendable, Smpte2086, Standard, BLEND_COVERAGE, BLEND_INVALID,
    CHROMA_SITING_NAME, COMPRESSION_NAME, DATASPACE_DISPLAY_P3, DATASPACE_UNKNOWN, INTERLACED_NAME,
};
use crate::options::Vts;
use crate::subject::Subject;
use crate::tests;
use crate::tests::allocator::front_buffer;
use std::fmt::Debug;

pub(super) fn tests() -> Vec<Test> {
    tests!["mapper":
        GetBufferId = "two buffers have different ids",
        GetName = "the name is the descriptor's",
        GetWidthHeight = "width and height are the descriptor's",
        GetLayerCount = "the layer count is the descriptor's",
        GetPixelFormatRequested = "the format is the descriptor's",
        GetPixelFormatFourCC = "RGBA_8888 is DRM's ABGR8888, YV12 its YVU420",
        GetPixelFormatModifier = "there is a modifier",
        GetUsage = "the usage is exactly the descriptor's",
        GetUsage64 = "so is one beyond 32 bits (FRONT_BUFFER), where the allocator has it",
        GetAllocationSize = "at least stride · height · 4, less than twice that",
        GetProtectedContent = "1 for a protected buffer; without protected memory isSupported and allocate2 both say no, the latter with an error that is not 0",
        GetCompression = "no compression",
        GetInterlaced = "not interlaced",
        GetChromaSiting = "RGBA_8888 has no chroma siting",
        GetCrop = "one rectangle, the whole buffer",
        GetSetDataspace = "UNKNOWN at first; DISPLAY_P3 is set and got",
        GetSetBlendMode = "INVALID at first; COVERAGE is set and got",
        GetSetSmpte2086 = "unset at first; set and got; unset again",
        GetCta861_3 = "unset at first; set and got; unset again",
        GetSmpte2094_10 = "unset at first, where it is supported",
        GetSmpte2094_40 = "unset at first, where it is supported",
        GetSetSmpte2094_50 = "where it is supported: unset at first; 10,280 bytes are set and got; unset again",
        GetStride = "the stride is the allocator's",
        GetMetadataBadValue = "every type of a null buffer: BAD_BUFFER",
        GetUnsupportedMetadata = "a made-up name, INVALID and the first unknown number: UNSUPPORTED",
    ]
}

fn GetBufferId(subject: &Subject) -> Verdict {
    let ((_a, first), (_b, second)) = (subject.generic(), subject.generic());
    assert_ne!(first.get::<u64>(Standard::BUFFER_ID), second.get::<u64>(Standard::BUFFER_ID));
    Ok(())
}

fn GetName(subject: &Subject) -> Verdict {
    let (_buffer, imported) = subject.import(&Descriptor::generic().named("Hello, World!"));
    assert_eq!(imported.get::<String>(Standard::NAME), "Hello, World!");
    Ok(())
}

fn GetWidthHeight(subject: &Subject) -> Verdict {
    let (_buffer, imported) = subject.import(&Descriptor { height: 128, ..Descriptor::generic() });
    let size = (imported.get::<u64>(Standard::WIDTH), imported.get::<u64>(Standard::HEIGHT));
    assert_eq!(size, (64, 128));
    Ok(())
}

fn GetLayerCount(subject: &Subject) -> Verdict {
    let (_buffer, imported) = subject.generic();
    assert_eq!(imported.get::<u64>(Standard::LAYER_COUNT), 1);
    Ok(())
}

fn GetPixelFormatRequested(subject: &Subject) -> Verdict {
    let (_buffer, imported) = subject.generic();
    assert_eq!(imported.get::<i32>(Standard::PIXEL_FORMAT_REQUESTED), Format::RGBA_8888.value());
    Ok(())
}

fn GetPixelFormatFourCC(subject: &Subject) -> Verdict {
    for (format, code) in [(Format::RGBA_8888, b"AB24"), (Format::YV12, b"YV12")] {
        let (_buffer, imported) = subject.import(&Descriptor::of(format.value(), 64, 128));
        assert_eq!(imported.get::<u32>(Standard::PIXEL_FORMAT_FOURCC).to_le_bytes(), *code, "{format:?}");
    }
    Ok(())
}

fn GetPixelFormatModifier(subject: &Subject) -> Verdict {
    let (_buffer, imported) = subject.generic();
    // Vendors define its lower 56 bits: nothing can be said of the value.
    imported.get::<u64>(Standard::PIXEL_FORMAT_MODIFIER);
    Ok(())
}

fn GetUsage(subject: &Subject) -> Verdict {
    let (buffer, imported) = subject.generic();
    assert_eq!(imported.get::<u64>(Standard::USAGE), buffer.descriptor.usage);
    Ok(())
}

fn GetUsage64(subject: &Subject) -> Verdict {
    let usage = usage::FRONT_BUFFER | usage::GPU_RENDER_TARGET | usage::COMPOSER_OVERLAY | usage::GPU_TEXTURE;
    let info = Descriptor::generic().usage(usage);
    let buffer = front_buffer(subject, &info)?;
    assert_eq!(buffer.import(subject.mapper).get::<u64>(Standard::USAGE), usage);
    Ok(())
}

fn GetAllocationSize(subject: &Subject) -> Verdict {
    let (buffer, imported) = subject.generic();
    let size = imported.get::<u64>(Standard::ALLOCATION_SIZE);
    let least = u64::try_from(buffer.stride).unwrap() * 64 * 4;
    assert!((least..2 * least).contains(&size), "{size} bytes for a stride of {}", buffer.stride);
    Ok(())
}

fn GetProtectedContent(subject: &Subject) -> Verdict {
    let info = Descriptor::generic().named("prot8888").usage(usage::PROTECTED | usage::COMPOSER_OVERLAY);
    let Some(buffer) = subject.allocator.optional(&info) else {
        // This program takes a refusal's code for a status, of which 0 is success ("Failed to set error properly").
        if let Err(Refusal::Error(code, _)) = subject.allocator.allocate(&info, 1) {
            assert_ne!(code, 0, "the error's code says OK");
        }
        return Err(Skip("this allocator has no protected memory: isSupported and allocate2 both say no".to_owned()));
    };
    assert_eq!(buffer.import(subject.mapper).get::<u64>(Standard::PROTECTED_CONTENT), 1);
    Ok(())
}

fn extendable(subject: &Subject, kind: Standard, name: &str) {
    let (_buffer, imported) = subject.generic();
    assert_eq!(imported.get::<Extendable>(kind), Extendable { name: name.to_owned(), value: 0 });
}

fn GetCompression(subject: &Subject) -> Verdict {
    extendable(subject, Standard::COMPRESSION, COMPRESSION_NAME);
    Ok(())
}

fn GetInterlaced(subject: &Subject) -> Verdict {
    extendable(subject, Standard::INTERLACED, INTERLACED_NAME);
    Ok(())
}

fn GetChromaSiting(subject: &Subject) -> Verdict {
    extendable(subject, Standard::CHROMA_SITING, CHROMA_SITING_NAME);
    Ok(())
}

fn GetCrop(subject: &Subject) -> Verdict {
    let (_buffer, imported) = subject.generic();
    assert_eq!(imported.get::<Vec<Rect>>(Standard::CROP), [Rect { left: 0, top: 0, right: 64, bottom: 64 }]);
    Ok(())
}

/// Expects one value, sets another and expects that.
fn set<T: Decode + Encode + PartialEq + Debug>(subject: &Subject, kind: Standard, before: &T, after: &T) {
    let (_buffer, imported) = subject.generic();
    assert_eq!(imported.get::<T>(kind), *before);
    assert_eq!(imported.set_bytes(kind, &encode(kind, after)), Error::NONE, "set");
    assert_eq!(imported.get::<T>(kind), *after);
}

fn GetSetDataspace(subject: &Subject) -> Verdict {
    set(subject, Standard::DATASPACE, &DATASPACE_UNKNOWN, &DATASPACE_DISPLAY_P3);
    Ok(())
}

fn GetSetBlendMode(subject: &Subject) -> Verdict {
    set(subject, Standard::BLEND_MODE, &BLEND_INVALID, &BLEND_COVERAGE);
    Ok(())
}

/// Expects nothing, sets a value, expects it, sets nothing and expects that.
fn set_and_unset<T: Decode + Encode + PartialEq + Debug>(subject: &Subject, kind: Standard, value: T) {
    let (_buffer, imported) = subject.generic();
    assert_eq!(imported.get::<Option<T>>(kind), None);
    assert_eq!(imported.set_bytes(kind, &encode(kind, &value)), Error::NONE, "set");
    assert_eq!(imported.get::<Option<T>>(kind), Some(value));
    assert_eq!(imported.set_bytes(kind, &[]), Error::NONE, "unset");
    assert_eq!(imported.get::<Option<T>>(kind), None);
}

fn GetSetSmpte2086(subject: &Subject) -> Verdict {
    let primaries = [[1.0; 2], [2.0; 2], [3.0; 2], [400.0, 1000.0]];
    let value = Smpte2086 { primaries, max_luminance: 100_000.0, min_luminance: 0.0001 };
    set_and_unset(subject, Standard::SMPTE2086, value);
    Ok(())
}

fn GetCta861_3(subject: &Subject) -> Verdict {
    let value = Cta861_3 { max_content_light_level: 1000.0, max_frame_average_light_level: 140.0 };
    set_and_unset(subject, Standard::CTA861_3, value);
    Ok(())
}

fn dynamic_hdr(subject: &Subject, kind: Standard) -> Verdict {
    let (_buffer, imported) = subject.generic();
    match imported.get_bytes(kind) {
        Ok(bytes) => assert_eq!(decode::<Option<Vec<u8>>>(kind, &bytes), Ok(None)),
        Err(error) => {
            assert_eq!(error, Error::UNSUPPORTED);
            return Err(Skip(format!("this mapper does not support {kind:?}, which it need not")));
        }
    }
    Ok(())
}

fn GetSmpte2094_10(subject: &Subject) -> Verdict {
    dynamic_hdr(subject, Standard::SMPTE2094_10)
}

fn GetSmpte2094_40(subject: &Subject) -> Verdict {
    dynamic_hdr(subject, Standard::SMPTE2094_40)
}

/// Since 17. 1028 bytes ten times over, whatever they are.
fn GetSetSmpte2094_50(subject: &Subject) -> Verdict {
    let kind = Standard::SMPTE2094_50;
    if subject.vts() == Vts::SixteenQpr2 {
        return Err(Skip("16 QPR2 knows no such type".to_owned()));
    }
    dynamic_hdr(subject, kind)?;
    let (_buffer, imported) = subject.generic();
    let value: Vec<u8> = (0..10 * 1028u32).map(|at| at.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
    assert_eq!(imported.set_bytes(kind, &encode(kind, &value)), Error::NONE);
    assert_eq!(imported.get::<Option<Vec<u8>>>(kind), Some(value));
    assert_eq!(imported.set_bytes(kind, &[]), Error::NONE);
    assert_eq!(imported.get::<Option<Vec<u8>>>(kind), None);
    Ok(())
}

fn GetStride(subject: &Subject) -> Verdict {
    let (buffer, imported) = subject.generic();
    assert_eq!(i64::from(imported.get::<u32>(Standard::STRIDE)), buffer.stride());
    Ok(())
}

fn GetMetadataBadValue(subject: &Subject) -> Verdict {
    for kind in Standard::ALL {
        let answer = subject.mapper.get_standard(std::ptr::null(), kind.0, &mut []);
        assert_eq!(Error(-answer), Error::BAD_BUFFER, "{kind:?}");
    }
    Ok(())
}

fn GetUnsupportedMetadata(subject: &Subject) -> Verdict {
    let (_buffer, imported) = subject.generic();
    let (mapper, handle) = (subject.mapper, imported.handle());
    let fake = mapper.get_metadata(handle, c"Fake", 1, &mut []);
    assert_eq!(Error(-fake), Error::UNSUPPORTED, "a made-up name");
    for kind in [Standard::INVALID, Standard::unknown(subject.vts())] {
        let answer = mapper.get_standard(handle, kind.0, &mut []);
        assert_eq!(Error(-answer), Error::UNSUPPORTED, "{kind:?}");
    }
    Ok(())
}
