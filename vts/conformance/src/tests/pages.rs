//! Pages of 4 KiB and of 16 KiB, which Android devices may have.

use crate::case::{Test, Verdict};
use crate::descriptor::Descriptor;
use crate::format::Format;
use crate::image::{Image, Memory};
use crate::mapper::usage;
use crate::metadata::Standard;
use crate::process::page_bytes;
use crate::subject::Subject;
use crate::tests;

pub(super) fn tests() -> Vec<Test> {
    tests!["pages":
        allocation_size_is_fit_for_pages_of_16_kib = "64 × 64 RGBA_8888 with its pixels rounded up to 16 KiB instead of this kernel's pages is still less than twice stride · height · 4",
        buffers_around_a_page_are_whole = "BLOBs of one byte less than, as much as and one more than 1 and 2 pages of 4, 16 and 64 KiB: every byte is there, ALLOCATION_SIZE holds them and less than 32 KiB in addition",
        reserved_region_around_a_page_is_whole = "reserved regions of such sizes are there to the last byte, apart from the pixels",
        planes_lie_where_they_would_with_any_page = "no plane's offset or stride is rounded to a page",
    ]
}

const SIZES: [u64; 3] = [4 << 10, 16 << 10, 64 << 10];

/// Each size's once and twice, and their neighbours.
fn around() -> impl Iterator<Item = u64> {
    SIZES.into_iter().flat_map(|page| [page, 2 * page]).flat_map(|bytes| [bytes - 1, bytes, bytes + 1])
}

/// The least multiple of a page that is not less.
fn round_up(bytes: u64, page: u64) -> u64 {
    bytes.div_ceil(page) * page
}

fn allocation_size_is_fit_for_pages_of_16_kib(subject: &Subject) -> Verdict {
    let (buffer, imported) = subject.generic();
    let reported = imported.get::<u64>(Standard::ALLOCATION_SIZE);
    let image = Image::of(&imported, Format::RGBA_8888);
    let least = u64::try_from(buffer.stride).unwrap() * 64 * 4;
    // What is not pixels: metadata, and what a policy adds.
    let rest = reported.saturating_sub(round_up(image.bytes, page_bytes()));
    for page in [page_bytes(), 4 << 10, 16 << 10] {
        let bytes = round_up(image.bytes, page) + rest;
        assert!((least..2 * least).contains(&bytes), "{bytes} bytes with pages of {page}, {rest} of them not pixels");
    }
    Ok(())
}

fn buffers_around_a_page_are_whole(subject: &Subject) -> Verdict {
    for bytes in around() {
        let (buffer, imported) =
            subject.import(&Descriptor::of(Format::BLOB.value(), i32::try_from(bytes).unwrap(), 1));
        let size = imported.get::<u64>(Standard::ALLOCATION_SIZE);
        assert!((bytes..bytes + (32 << 10)).contains(&size), "{size} for a BLOB of {bytes}");
        assert!(buffer.raw.largest_file() >= bytes);
        let lock = imported.lock(usage::CPU);
        let memory = Memory::new(lock.data(), bytes);
        assert_eq!(memory.all_are(0), Ok(()));
        memory.fill(0xee);
        assert_eq!(memory.all_are(0xee), Ok(()));
        drop(lock.unlock());
    }
    Ok(())
}

fn reserved_region_around_a_page_is_whole(subject: &Subject) -> Verdict {
    for bytes in around() {
        let reserved = i64::try_from(bytes).unwrap();
        let (_buffer, imported) =
            subject.import(&Descriptor { reserved, ..Descriptor::of(Format::RGBA_8888.value(), 16, 16) });
        let image = Image::of(&imported, Format::RGBA_8888);
        let lock = imported.lock(usage::CPU);
        image.fill(&Memory::new(lock.data(), image.bytes), 8);
        let (data, size) = subject.mapper.reserved_region(imported.handle()).unwrap();
        assert_eq!(size, bytes);
        let memory = Memory::new(data, bytes);
        assert_eq!(memory.all_are(0), Ok(()));
        memory.fill(0x77);
        assert_eq!(memory.all_are(0x77), Ok(()));
        image.verify(&Memory::new(lock.data(), image.bytes), 8).unwrap();
        drop(lock.unlock());
    }
    Ok(())
}

fn planes_lie_where_they_would_with_any_page(subject: &Subject) -> Verdict {
    for format in [Format::YV12, Format::YCBCR_420_888, Format::YCBCR_P010] {
        let (_buffer, imported) = subject.import(&Descriptor::of(format.value(), 64, 48));
        let image = Image::of(&imported, format);
        let first = &image.planes[0];
        let luma = first.stride_bytes * first.height_samples;
        // A policy may align heights, by some lines; a page would be at least 4096 bytes of 64 to 128 bytes a line.
        let second = image.planes[1].offset_bytes;
        assert!((luma..luma + 16 * first.stride_bytes).contains(&second), "{format:?}: {:?}", image.planes);
        assert!(first.stride_bytes < 1024, "{format:?}: {:?}", image.planes);
    }
    Ok(())
}

#[cfg(test)]
mod arithmetic {
    use super::round_up;

    #[test]
    fn bytes_round_up_to_whole_pages() {
        for page in super::SIZES {
            assert_eq!([1, page - 1, page, page + 1].map(|bytes| round_up(bytes, page)), [page, page, page, 2 * page]);
        }
    }
}
