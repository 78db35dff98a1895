//! Every format: its layout is true, and what one process writes another reads.

use crate::allocator::Buffer;
use crate::case::{Skip, Test, Verdict};
use crate::descriptor::Descriptor;
use crate::format::Format;
use crate::image::{check_contract, Image, Memory};
use crate::mapper::{usage, Imported};
use crate::metadata::Standard;
use crate::peer::Peer;
use crate::subject::Subject;

/// One test a format.
pub(super) fn tests() -> Vec<Test> {
    macro_rules! of_each {
        ($($format:ident),* $(,)?) => {
            vec![$(Test::new(
                concat!("formats::", stringify!($format)),
                "a round and an odd size, one and three layers: planes as the contract says, inside the buffer, no two \
                 samples on one bit; written here and read in another process, and the other way round",
                |subject| everywhere(subject, Format::$format),
            )),*]
        };
    }
    of_each![
        RGBA_8888,
        RGBX_8888,
        RGB_888,
        RGB_565,
        BGRA_8888,
        YCBCR_422_SP,
        YCRCB_420_SP,
        YCBCR_422_I,
        RGBA_FP16,
        RAW16,
        BLOB,
        IMPLEMENTATION_DEFINED,
        YCBCR_420_888,
        RAW_OPAQUE,
        RAW10,
        RAW12,
        RGBA_1010102,
        DEPTH_16,
        DEPTH_24,
        DEPTH_24_STENCIL_8,
        DEPTH_32F,
        DEPTH_32F_STENCIL_8,
        STENCIL_8,
        YCBCR_P010,
        HSV_888,
        R_8,
        R_16_UINT,
        RG_1616_UINT,
        RGBA_10101010,
        YCBCR_P210,
        RAW14,
        R_12_UINT,
        R_14_UINT,
        RG_1212_UINT,
        RG_1414_UINT,
        RGBA_12121212_UINT,
        RGBA_14141414_UINT,
        BGRA_1010102,
        BGRX_1010102,
        Y8,
        Y16,
        YV12,
    ]
}

fn everywhere(subject: &Subject, format: Format) -> Verdict {
    let peer = Peer::start(subject);
    for info in format.descriptors() {
        if subject.allocator.optional(&info).is_none() {
            assert!(!format.is_required(), "{format:?} is called unsupported");
            return Err(Skip(format!("this allocator has no {format:?}: isSupported and allocate2 both say no")));
        }
        one(subject, &peer, format, &info);
        let layered = Descriptor { layers: 3, ..info };
        if subject.allocator.optional(&layered).is_some() {
            let (buffer, imported) = subject.import(&layered);
            layers(&buffer, &imported, format);
        }
    }
    Ok(())
}

fn one(subject: &Subject, peer: &Peer, format: Format, info: &Descriptor) {
    let (buffer, imported) = subject.import(info);
    let image = Image::of(&imported, format);
    let largest = buffer.raw.largest_file();
    image.check(largest).unwrap();
    let size = imported.get::<u64>(Standard::ALLOCATION_SIZE);
    assert!(size >= image.bytes, "ALLOCATION_SIZE is {size}, and the planes end at {}", image.bytes);
    check_contract(&image, format, info.width.into(), info.height.into(), buffer.stride()).unwrap();
    let fourcc = imported.get::<u32>(Standard::PIXEL_FORMAT_FOURCC).to_le_bytes();
    let allowed = format.fourccs();
    assert!(allowed.is_empty() || allowed.contains(&&fourcc), "FOURCC {:?}", String::from_utf8_lossy(&fourcc));
    assert_eq!(imported.get::<i32>(Standard::PIXEL_FORMAT_REQUESTED), format.value());

    let lock = imported.lock(usage::CPU_WRITE_OFTEN);
    image.fill(&Memory::new(lock.data(), image.bytes), 5);
    drop(lock.unlock());
    let theirs = peer.import(&buffer.raw).unwrap();
    peer.verify(theirs, format, 5).unwrap();
    peer.fill(theirs, format, 6);
    let lock = imported.lock(usage::CPU_READ_OFTEN);
    image.verify(&Memory::new(lock.data(), image.bytes), 6).unwrap();
    drop(lock.unlock());
}

/// The planes describe the first layer; three such fit.
fn layers(buffer: &Buffer, imported: &Imported, format: Format) {
    assert_eq!(imported.get::<u64>(Standard::LAYER_COUNT), 3);
    let image = Image::of(imported, format);
    image.check(buffer.raw.largest_file() / 3).unwrap();
    let size = imported.get::<u64>(Standard::ALLOCATION_SIZE);
    assert!(size >= image.bytes * 3, "ALLOCATION_SIZE is {size}, and one layer ends at {}", image.bytes);
    let lock = imported.lock(usage::CPU);
    let memory = Memory::new(lock.data(), image.bytes * 3);
    image.fill(&memory, 7);
    // Behind the first layer, whatever the distance from one to the next.
    memory.write(image.bytes * 3 - 1, 0x5a);
    image.verify(&memory, 7).unwrap();
    drop(lock.unlock());
}
