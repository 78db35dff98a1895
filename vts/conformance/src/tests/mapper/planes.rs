//! Locks of the formats that the VTS names, written and read back sample by sample.
//!
//! The VTS passes when a format is called unsupported, and looks at RAW10's and RAW12's description alone; here every one
//! of them is allocated, written under one lock and read under the next.

#![allow(non_snake_case)] // The VTS's names.

use crate::case::{Skip, Test, Verdict};
use crate::descriptor::Descriptor;
use crate::format::{Format, Kind};
use crate::image::{check_contract, Image, Memory};
use crate::mapper::{usage, Imported};
use crate::metadata::{PlaneLayout, Standard};
use crate::options::Vts;
use crate::subject::Subject;
use crate::tests;

pub(super) fn tests() -> Vec<Test> {
    tests!["mapper":
        Lock_YCRCB_420_SP = "Cr before Cb, one byte apart, two from one to the next, 2 × 2; written and read back",
        YV12SubsampleMetadata = "three planes Y, Cr, Cb; chroma has half the samples across and down, inside its stride",
        Lock_YV12 = "Cb follows Cr at once, increments of 8 bits, 2 × 2; written and read back",
        Lock_YCBCR_420_888 = "Y of 8 bits, Cb and Cr with one stride and an increment of 8 or 16 bits, 2 × 2; written and read back",
        Lock_RAW10 = "one plane with one RAW component of size −1, increment 0; written packed and read back",
        Lock_RAW12 = "the same, 12 bits a pixel",
        Lock_RAW14 = "where there is RAW14: the same, 14 bits a pixel",
        Lock_YCBCR_P010 = "two planes; Y is bits 6 to 15 of 16, Cr two bytes after Cb, 2 × 2; written and read back",
        Lock_YCBCR_P210 = "the same, chroma halved across alone, where the allocator has the format of common V6",
        GetPlaneLayouts = "RGBA_8888: one plane at 0, R G B A at bits 0 8 16 24 of 32, at least 4 bytes a pixel",
    ]
}

/// Allocates 64 × 64 of a format, checks its description, writes a pattern under one lock and reads it under the next.
fn write_and_read(subject: &Subject, format: Format) -> (Image, Imported) {
    let (buffer, imported) = subject.import(&Descriptor { format: format.value(), ..Descriptor::generic() });
    let lock = imported.lock(usage::CPU);
    let image = Image::of(&imported, format);
    image.check(image.bytes).unwrap();
    check_contract(&image, format, 64, 64, buffer.stride()).unwrap();
    image.fill(&Memory::new(lock.data(), image.bytes), 1);
    drop(lock.unlock());
    let lock = imported.lock(usage::CPU);
    assert_eq!(Image::of(&imported, format).planes, image.planes, "PLANE_LAYOUTS has changed");
    image.verify(&Memory::new(lock.data(), image.bytes), 1).unwrap();
    drop(lock.unlock());
    (image, imported)
}

/// Where a component begins: bits from the buffer's start.
fn component(image: &Image, kind: Kind) -> (i64, &PlaneLayout) {
    let all = image.planes.iter().flat_map(|plane| plane.components.iter().map(move |part| (part, plane)));
    let mut found = all.filter(|(part, _)| part.kind.value == kind.value());
    let (part, plane) = found.next().unwrap_or_else(|| panic!("no {kind:?}"));
    assert!(found.next().is_none(), "{kind:?} is there twice");
    (plane.offset_bytes * 8 + part.offset_bits, plane)
}

fn subsampling(plane: &PlaneLayout) -> (i64, i64) {
    (plane.horizontal_subsampling, plane.vertical_subsampling)
}

fn Lock_YCRCB_420_SP(subject: &Subject) -> Verdict {
    let (image, _imported) = write_and_read(subject, Format::YCRCB_420_SP);
    let ((cb, plane), (cr, _)) = (component(&image, Kind::Cb), component(&image, Kind::Cr));
    assert_eq!((cr + 8, plane.sample_increment_bits, subsampling(plane)), (cb, 16, (2, 2)));
    Ok(())
}

fn YV12SubsampleMetadata(subject: &Subject) -> Verdict {
    let (_buffer, imported) = subject.import(&Descriptor { format: Format::YV12.value(), ..Descriptor::generic() });
    let lock = imported.lock(usage::CPU);
    let planes: Vec<PlaneLayout> = imported.get(Standard::PLANE_LAYOUTS);
    assert_eq!(planes.len(), 3);
    assert_eq!((planes[0].width_samples, planes[0].height_samples), (64, 64));
    for plane in &planes[1..] {
        assert_eq!(subsampling(plane), (2, 2));
        assert_eq!((plane.width_samples, plane.height_samples), (32, 32));
        assert!(plane.width_samples <= plane.stride_bytes);
    }
    drop(lock.unlock());
    Ok(())
}

fn Lock_YV12(subject: &Subject) -> Verdict {
    let (image, _imported) = write_and_read(subject, Format::YV12);
    let ((cb, plane), (cr, cr_plane)) = (component(&image, Kind::Cb), component(&image, Kind::Cr));
    assert_eq!(cr + plane.stride_bytes * 8 * 32, cb);
    assert_eq!((plane.sample_increment_bits, cr_plane.sample_increment_bits), (8, 8));
    assert_eq!((subsampling(plane), subsampling(cr_plane)), ((2, 2), (2, 2)));
    Ok(())
}

fn Lock_YCBCR_420_888(subject: &Subject) -> Verdict {
    let (image, _imported) = write_and_read(subject, Format::YCBCR_420_888);
    let ((_, cb), (_, cr)) = (component(&image, Kind::Cb), component(&image, Kind::Cr));
    assert_eq!((subsampling(cb), subsampling(cr)), ((2, 2), (2, 2)));
    assert_eq!(cb.stride_bytes, cr.stride_bytes);
    Ok(())
}

fn raw(subject: &Subject, format: Format) {
    let (image, _imported) = write_and_read(subject, format);
    assert_eq!(image.planes.len(), 1);
    let plane = &image.planes[0];
    assert_eq!((plane.sample_increment_bits, subsampling(plane)), (0, (1, 1)));
    assert_eq!(plane.components.len(), 1);
    let part = &plane.components[0];
    assert_eq!((part.kind.value, part.offset_bits % 8, part.size_bits), (Kind::Raw.value(), 0, -1));
}

fn Lock_RAW10(subject: &Subject) -> Verdict {
    raw(subject, Format::RAW10);
    Ok(())
}

fn Lock_RAW12(subject: &Subject) -> Verdict {
    raw(subject, Format::RAW12);
    Ok(())
}

fn Lock_RAW14(subject: &Subject) -> Verdict {
    if subject.vts() != Vts::Newest {
        return Err(Skip("only the newest snapshot has a run for RAW14".to_owned()));
    }
    if subject.allocator.optional(&Descriptor { format: Format::RAW14.value(), ..Descriptor::generic() }).is_none() {
        return Err(Skip("this allocator has no RAW14: isSupported and allocate2 both say no".to_owned()));
    }
    raw(subject, Format::RAW14);
    Ok(())
}

fn ten_bits(subject: &Subject, format: Format, down: i64) {
    let (image, _imported) = write_and_read(subject, format);
    assert_eq!(image.planes.len(), 2);
    assert_eq!((image.planes[0].components.len(), image.planes[1].components.len()), (1, 2));
    let (y, luma) = component(&image, Kind::Y);
    assert_eq!((y - luma.offset_bytes * 8, luma.components[0].size_bits, luma.sample_increment_bits), (6, 10, 16));
    let ((cb, chroma), (cr, _)) = (component(&image, Kind::Cb), component(&image, Kind::Cr));
    assert_eq!((cb + 16, chroma.sample_increment_bits, subsampling(chroma)), (cr, 32, (2, down)));
}

fn Lock_YCBCR_P010(subject: &Subject) -> Verdict {
    ten_bits(subject, Format::YCBCR_P010, 2);
    Ok(())
}

fn Lock_YCBCR_P210(subject: &Subject) -> Verdict {
    let [info, _] = Format::YCBCR_P210.descriptors();
    if subject.allocator.optional(&info).is_none() {
        return Err(Skip("this allocator has no YCBCR_P210, which came with common V6".to_owned()));
    }
    ten_bits(subject, Format::YCBCR_P210, 1);
    Ok(())
}

/// What the VTS asks of `RGBA_8888`'s one plane.
pub(super) fn check_rgba(imported: &Imported) {
    let planes: Vec<PlaneLayout> = imported.get(Standard::PLANE_LAYOUTS);
    assert_eq!(planes.len(), 1);
    let plane = &planes[0];
    let mut parts: Vec<_> =
        plane.components.iter().map(|part| (part.kind.value, part.offset_bits, part.size_bits)).collect();
    parts.sort_unstable();
    let expected = [(Kind::R, 0), (Kind::G, 8), (Kind::B, 16), (Kind::A, 24)].map(|(kind, at)| (kind.value(), at, 8));
    assert_eq!(parts, expected);
    assert_eq!((plane.offset_bytes, plane.sample_increment_bits, subsampling(plane)), (0, 32, (1, 1)));
    assert!(plane.width_samples * plane.height_samples * 4 <= plane.total_bytes, "{plane:?}");
}

fn GetPlaneLayouts(subject: &Subject) -> Verdict {
    let (_buffer, imported) = subject.generic();
    check_rgba(&imported);
    Ok(())
}
