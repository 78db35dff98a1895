//! Wrong values, as peers give them or might.

use crate::{bytes, fault};
use conformance::abi::{Error, Handle, Rect};
use conformance::format::{Format, Kind};
use conformance::metadata::{
    decode, encode, Cta861_3, Decode, Encode, Extendable, PlaneLayout, Smpte2086, Standard, CHROMA_SITING_NAME,
    COMPRESSION_NAME, INTERLACED_NAME,
};

/// The faults that this file knows.
pub(crate) const NAMES: [&str; 18] = [
    "lies-about-identity",
    "lies-about-memory",
    "lies-about-content",
    "lies-about-defaults",
    "every-buffer-has-one-id",
    "every-import-has-its-own-id",
    "layer-count-is-always-1",
    "layers-count-from-0",
    "allocation-size-of-a-page",
    "nv21-and-yv12-with-cb-and-cr-swapped",
    "forgets-subsampling",
    "strides-twice-as-long",
    "red-one-bit-further",
    "rgba-as-bgra",
    "raw-as-whole-pixels",
    "ten-bits-at-the-bottom",
    "planes-begin-on-pages",
    "dataspace-with-a-tail",
];

/// What is answered instead of the truth; `None` for the truth.
pub(crate) fn about(handle: Handle, kind: Standard) -> Option<Result<Vec<u8>, i32>> {
    let truth = bytes(handle, kind).ok()?;
    let lie = match fault() {
        "lies-about-identity" => identity(handle, kind, &truth),
        "lies-about-memory" => memory(handle, kind, &truth),
        "lies-about-content" => content(kind, &truth),
        "lies-about-defaults" => defaults(kind, &truth),
        "every-buffer-has-one-id" => (kind == Standard::BUFFER_ID).then(|| encode(kind, &7u64)),
        "every-import-has-its-own-id" => own_id(handle, kind),
        "layer-count-is-always-1" => (kind == Standard::LAYER_COUNT).then(|| encode(kind, &1u64)),
        "layers-count-from-0" => change(Standard::LAYER_COUNT, kind, &truth, |count: u64| count - 1),
        "allocation-size-of-a-page" => (kind == Standard::ALLOCATION_SIZE).then(|| encode(kind, &4096u64)),
        "dataspace-with-a-tail" => (kind == Standard::DATASPACE).then(|| [&truth[..], &[0; 4]].concat()),
        planes => changed_planes(planes, handle, kind, &truth),
    };
    match fault() {
        "lies-about-memory" if kind == Standard::PIXEL_FORMAT_MODIFIER => Some(Err(-Error::UNSUPPORTED.0)),
        _ => lie.map(Ok),
    }
}

/// Changes the value of one type.
fn change<T: Decode + Encode>(
    wanted: Standard,
    kind: Standard,
    truth: &[u8],
    change: impl FnOnce(T) -> T,
) -> Option<Vec<u8>> {
    (kind == wanted).then(|| encode(kind, &change(decode(kind, truth).unwrap())))
}

fn format(handle: Handle) -> i32 {
    decode(Standard::PIXEL_FORMAT_REQUESTED, &bytes(handle, Standard::PIXEL_FORMAT_REQUESTED).unwrap()).unwrap()
}

/// A name cut to four letters, width for height, RGBX for RGBA, half the usage, a stride in bytes.
fn identity(handle: Handle, kind: Standard, truth: &[u8]) -> Option<Vec<u8>> {
    let other = |kind| decode::<u64>(kind, &bytes(handle, kind).unwrap()).unwrap();
    match kind {
        Standard::NAME => change(kind, kind, truth, |name: Vec<u8>| name.into_iter().take(4).collect()),
        Standard::WIDTH => Some(encode(kind, &other(Standard::HEIGHT))),
        Standard::HEIGHT => Some(encode(kind, &other(Standard::WIDTH))),
        Standard::PIXEL_FORMAT_REQUESTED if format(handle) == Format::RGBA_8888.value() => {
            Some(encode(kind, &Format::RGBX_8888.value()))
        }
        Standard::USAGE => change(kind, kind, truth, |usage: u64| usage & 0xffff_ffff),
        Standard::STRIDE => change(kind, kind, truth, |stride: u32| stride * 4),
        _ => None,
    }
}

/// Twice the size, another byte order; no modifier at all (`about`).
fn memory(handle: Handle, kind: Standard, truth: &[u8]) -> Option<Vec<u8>> {
    match kind {
        Standard::ALLOCATION_SIZE => change(kind, kind, truth, |size: u64| size * 2),
        Standard::PIXEL_FORMAT_FOURCC if format(handle) == Format::RGBA_8888.value() => {
            Some(encode(kind, &u32::from_le_bytes(*b"RA24")))
        }
        _ => None,
    }
}

/// Compressed, interlaced, sited, protected, and a crop one column too wide.
fn content(kind: Standard, truth: &[u8]) -> Option<Vec<u8>> {
    let one = |name: &str| Some(encode(kind, &Extendable { name: name.to_owned(), value: 1 }));
    match kind {
        Standard::COMPRESSION => one(COMPRESSION_NAME),
        Standard::INTERLACED => one(INTERLACED_NAME),
        Standard::CHROMA_SITING => one(CHROMA_SITING_NAME),
        Standard::CROP => change(kind, kind, truth, |crop: Vec<Rect>| {
            crop.into_iter().map(|rect| Rect { right: rect.right + 1, ..rect }).collect()
        }),
        _ => None,
    }
}

/// What is not set is sRGB, opaque, dark, and an empty list.
fn defaults(kind: Standard, truth: &[u8]) -> Option<Vec<u8>> {
    let or = |value: i32| change(kind, kind, truth, |now: i32| if now == 0 { value } else { now });
    match kind {
        Standard::DATASPACE => or(142_671_872),
        Standard::BLEND_MODE => or(1),
        Standard::SMPTE2086 if truth.is_empty() => Some(encode(kind, &Smpte2086::of_seed(0.0))),
        Standard::CTA861_3 if truth.is_empty() => Some(encode(kind, &Cta861_3::of_seed(0.0))),
        Standard::SMPTE2094_10 | Standard::SMPTE2094_40 if truth.is_empty() => Some(encode(kind, &Vec::<u8>::new())),
        _ => None,
    }
}

fn own_id(handle: Handle, kind: Standard) -> Option<Vec<u8>> {
    // Another process may have a handle at the same address.
    let id = u64::try_from(crate::key(handle)).unwrap() ^ u64::from(std::process::id()) << 48;
    (kind == Standard::BUFFER_ID).then(|| encode(kind, &id))
}

fn changed_planes(fault: &str, handle: Handle, kind: Standard, truth: &[u8]) -> Option<Vec<u8>> {
    let format = format(handle);
    let is = |formats: &[Format]| formats.iter().any(|known| known.value() == format);
    change(Standard::PLANE_LAYOUTS, kind, truth, |mut planes: Vec<PlaneLayout>| {
        for (index, plane) in planes.iter_mut().enumerate() {
            match fault {
                "nv21-and-yv12-with-cb-and-cr-swapped" if is(&[Format::YCRCB_420_SP, Format::YV12]) => {
                    swap(plane, Kind::Cb, Kind::Cr);
                }
                "rgba-as-bgra" if is(&[Format::RGBA_8888]) => swap(plane, Kind::R, Kind::B),
                "red-one-bit-further" => {
                    plane.components.iter_mut().filter(|part| part.kind.value == Kind::R.value()).for_each(|part| {
                        part.offset_bits += 1;
                    });
                }
                "forgets-subsampling" => (plane.horizontal_subsampling, plane.vertical_subsampling) = (1, 1),
                "strides-twice-as-long" => plane.stride_bytes *= 2,
                "raw-as-whole-pixels" if is(&[Format::RAW10, Format::RAW12, Format::RAW14]) => {
                    plane.sample_increment_bits = 16;
                    plane.components[0].size_bits = 10;
                }
                "ten-bits-at-the-bottom" if is(&[Format::YCBCR_P010, Format::YCBCR_P210]) => {
                    plane.components.iter_mut().for_each(|part| part.offset_bits -= 6);
                }
                "planes-begin-on-pages" if index > 0 => {
                    plane.offset_bytes = (plane.offset_bytes + 4095) / 4096 * 4096;
                }
                _ => {}
            }
        }
        planes
    })
}

fn swap(plane: &mut PlaneLayout, a: Kind, b: Kind) {
    for part in &mut plane.components {
        part.kind.value = match part.kind.value {
            value if value == a.value() => b.value(),
            value if value == b.value() => a.value(),
            other => other,
        };
    }
}
