//! From what is known of a buffer to the bytes of a type. AOSP's decoder (`IMapperMetadataTypes.h`) is the other side.

use super::page::{Hdr10, Rect, SharedPage, MAX_BLOB_BYTES};
use super::wire::{Constant, LENGTH};
use super::{Byte, StandardMetadata, Writer};
use crate::handle::BufferInfo;
use crate::layout::{Component, ComponentKind, Plane, PlaneShape, MAX_PLANES};

/// `ExtendableType.name` of `Compression`, `Interlaced`, `ChromaSiting` and of the components of a plane: the AIDL
/// enum's own name.
const COMPRESSION: &str = "android.hardware.graphics.common.Compression";
const INTERLACED: &str = "android.hardware.graphics.common.Interlaced";
const CHROMA_SITING: &str = "android.hardware.graphics.common.ChromaSiting";
pub(super) const COMPONENT: &str = "android.hardware.graphics.common.PlaneLayoutComponentType";

/// `Compression.NONE` and `Interlaced.NONE`: AIDL's own; other values of the former are vendors'.
const NONE: i64 = 0;
/// `ChromaSiting.NONE`: no chroma, or as much of it as of luma.
const SITING_NONE: i64 = 0;
/// `ChromaSiting.UNKNOWN`: it is whoever fills the buffer that decides.
const SITING_UNKNOWN: i64 = 1;

/// Writes a type that comes from the handle; false, and nothing written, for one that [`StandardMetadata::is_shared`].
///
/// `buffer_bytes` is the buffer's size as the kernel holds it, page padding included.
pub fn encode_constant<B: Byte>(
    kind: StandardMetadata,
    info: &BufferInfo,
    buffer_bytes: u64,
    out: &mut Writer<'_, B>,
) -> bool {
    if kind.is_shared() {
        return false;
    }
    out.header(kind);
    match kind {
        StandardMetadata::BufferId => out.u64(info.id),
        StandardMetadata::Name => out.text(info.name.bytes()),
        StandardMetadata::Width => out.u64(info.width.into()),
        StandardMetadata::Height => out.u64(info.height.into()),
        StandardMetadata::LayerCount => out.u64(info.layers.into()),
        StandardMetadata::PixelFormatRequested => out.i32(info.format.to_wire()),
        StandardMetadata::PixelFormatFourcc => out.u32(info.fourcc),
        StandardMetadata::PixelFormatModifier => out.u64(info.modifier),
        StandardMetadata::Usage => out.u64(info.usage.0),
        // Pixels as the kernel rounds them up, metadata as it was asked for: on 16 KiB pages the rounded page of metadata
        // alone would make a 64×64 buffer look twice its size, which VTS refuses (GetAllocationSize).
        StandardMetadata::AllocationSize => out.u64(buffer_bytes.saturating_add(info.metadata_bytes)),
        StandardMetadata::ProtectedContent => out.u64(info.protected.into()),
        StandardMetadata::Compression => compression(info, out),
        StandardMetadata::Interlaced => extendable(INTERLACED, NONE, out),
        StandardMetadata::ChromaSiting => extendable(CHROMA_SITING, siting(info), out),
        StandardMetadata::PlaneLayouts => plane_layouts(info, out),
        StandardMetadata::Stride => out.u32(info.stride),
        StandardMetadata::Crop
        | StandardMetadata::Dataspace
        | StandardMetadata::BlendMode
        | StandardMetadata::Smpte2086
        | StandardMetadata::Cta861_3
        | StandardMetadata::Smpte2094_40
        | StandardMetadata::Smpte2094_10 => {}
    }
    true
}

/// Writes a type that clients set, as it is now or by default; false, and nothing written, for one that comes from the
/// handle. An HDR value that is unset has no bytes at all.
pub fn encode_shared<B: Byte>(
    kind: StandardMetadata,
    info: &BufferInfo,
    page: SharedPage<'_>,
    out: &mut Writer<'_, B>,
) -> bool {
    match kind {
        StandardMetadata::Crop => crops(info, page, out),
        StandardMetadata::Dataspace => {
            out.header(kind);
            out.i32(page.dataspace());
        }
        StandardMetadata::BlendMode => {
            out.header(kind);
            out.i32(page.blend_mode());
        }
        StandardMetadata::Smpte2086 => floats(kind, page.smpte2086(), out),
        StandardMetadata::Cta861_3 => floats(kind, page.cta861_3(), out),
        StandardMetadata::Smpte2094_40 => blob(kind, page, Hdr10::Smpte2094_40, out),
        StandardMetadata::Smpte2094_10 => blob(kind, page, Hdr10::Smpte2094_10, out),
        _ => return false,
    }
    true
}

fn extendable<B: Byte>(name: &str, value: i64, out: &mut Writer<'_, B>) {
    out.text(name.as_bytes());
    out.i64(value);
}

/// The vendor's own type where the buffer is compressed; tiled memory is as large as linear, and no compression.
fn compression<B: Byte>(info: &BufferInfo, out: &mut Writer<'_, B>) {
    match &info.compression {
        Some(compression) if !compression.name.is_empty() => {
            out.text(compression.name.bytes());
            out.i64(compression.value.into());
        }
        _ => extendable(COMPRESSION, NONE, out),
    }
}

fn siting(info: &BufferInfo) -> i64 {
    let subsampled = |shape: &PlaneShape| shape.horizontal_subsampling > 1 || shape.vertical_subsampling > 1;
    // Of planes that compression merged, the layout says it: as many samples of each are in a merged one.
    if info.shapes().iter().chain(info.layout.shapes()).any(subsampled) {
        SITING_UNKNOWN
    } else {
        SITING_NONE
    }
}

/// The planes with what they are made of.
fn planes(info: &BufferInfo) -> impl ExactSizeIterator<Item = (usize, &Plane, &PlaneShape)> {
    info.planes.as_slice().iter().enumerate().map(|(index, plane)| (index, plane, info.shape(index)))
}

fn plane_layouts<B: Byte>(info: &BufferInfo, out: &mut Writer<'_, B>) {
    let planes = planes(info);
    out.count(planes.len());
    for (index, plane, shape) in planes {
        out.count(shape.components.len());
        for Component { kind, offset_bits, size_bits } in shape.components.iter() {
            let number = match (kind, &info.compression) {
                (ComponentKind::Meta, Some(own)) => {
                    out.text(own.name.bytes());
                    own.header_type.into()
                }
                _ => {
                    const NAME: Constant<{ COMPONENT.len() + LENGTH }> = Constant::new(COMPONENT);
                    out.constant(&NAME);
                    kind.aidl_value()
                }
            };
            out.i64s([number, (*offset_bits).into(), (*size_bits).into()]);
        }
        let (across, down) = samples(info, index, plane, shape);
        // Offsets and sizes that a handle may have: none has 63 bits.
        let signed = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
        out.i64s([
            signed(plane.offset_bytes),
            shape.sample_increment_bits().into(),
            plane.stride_bytes.into(),
            across.into(),
            down.into(),
            signed(info.plane_bytes(index)),
            shape.horizontal_subsampling.into(),
            shape.vertical_subsampling.into(),
        ]);
    }
}

/// Samples across and down: the picture's; of a plane of headers all that there are.
#[inline]
fn samples(info: &BufferInfo, index: usize, plane: &Plane, shape: &PlaneShape) -> (u32, u32) {
    match index < info.shapes().len() {
        true => (shape.samples_across(info.width), shape.samples_down(info.height)),
        false => (plane.stride_bytes, plane.lines),
    }
}

/// Each plane's own size as a rectangle; the first `count` are planes.
pub(super) fn plane_rects(info: &BufferInfo) -> ([Rect; MAX_PLANES], usize) {
    let mut rects = [[0; 4]; MAX_PLANES];
    let mut count = 0;
    for (rect, (index, plane, shape)) in rects.iter_mut().zip(planes(info)) {
        // A handle's width and height have 31 bits, and a plane has no more samples than the buffer has pixels.
        let narrow = |samples| i32::try_from(samples).unwrap_or(i32::MAX);
        let (across, down) = samples(info, index, plane, shape);
        *rect = [0, 0, narrow(across), narrow(down)];
        count += 1;
    }
    (rects, count)
}

fn crops<B: Byte>(info: &BufferInfo, page: SharedPage<'_>, out: &mut Writer<'_, B>) {
    let (rects, count) = plane_rects(info);
    let used = rects.get(..count).unwrap_or(&rects);
    let rects = page.crop(used).unwrap_or(rects);
    out.header(StandardMetadata::Crop);
    out.count(used.len());
    for rect in rects.iter().take(count) {
        rect.iter().for_each(|edge| out.i32(*edge));
    }
}

fn floats<const N: usize, B: Byte>(kind: StandardMetadata, value: Option<[f32; N]>, out: &mut Writer<'_, B>) {
    if let Some(floats) = value {
        out.header(kind);
        floats.iter().for_each(|float| out.u32(float.to_bits()));
    }
}

fn blob<B: Byte>(kind: StandardMetadata, page: SharedPage<'_>, which: Hdr10, out: &mut Writer<'_, B>) {
    let mut room = [0; MAX_BLOB_BYTES];
    if let Some(bytes) = page.blob(which, &mut room).and_then(|count| room.get(..count)) {
        out.header(kind);
        out.text(bytes);
    }
}
