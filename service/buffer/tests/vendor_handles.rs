//! Handles of layouts that a policy spells out, and of formats that leave the layout to it: what comes back, and what no policy
//! could have led to.

// Tests: a failed unwrap is a failed test.
#![allow(clippy::unwrap_used)]

use gralloc_buffer::handle::{decode, encode, BufferInfo, HandleError, RawHandle};
use gralloc_buffer::layout::shape::{part, Components};
use gralloc_buffer::layout::{Component, ComponentKind, Form, LayoutError, Needs, PlaneShape, Shapes};
use gralloc_buffer::METADATA_BYTES;
use gralloc_buffer::{BufferName, Layout, PixelFormat, Usage};
use ComponentKind::{Cb, Cr, Y};

fn plane(components: &[Component], bytes: u8, across: u32, down: u32) -> PlaneShape {
    PlaneShape {
        components: Components::new(components),
        group_samples: 1,
        group_bytes: bytes,
        horizontal_subsampling: across,
        vertical_subsampling: down,
    }
}

fn luma() -> PlaneShape {
    plane(&[part(Y, 0, 8)], 1, 1, 1)
}

fn chroma() -> PlaneShape {
    plane(&[part(Cb, 0, 8), part(Cr, 8, 8)], 2, 2, 2)
}

/// A picture of 64 by 16 in planes of these shapes, or in the layout's own.
fn info(format: PixelFormat, layout: Layout, own: &[PlaneShape]) -> BufferInfo {
    let own = Shapes::from_slice(own).unwrap();
    let shapes = if layout == Layout::Vendor { own.as_slice() } else { layout.shapes() };
    let form = Form { shapes, contract: layout.contract() };
    let arrangement = form.measure(64, 16, 1, &Needs::NONE).unwrap().narrow().unwrap();
    BufferInfo {
        id: 7,
        name: BufferName::from_text("frame"),
        width: 64,
        height: 16,
        layers: 1,
        format,
        usage: Usage(3),
        layout,
        own,
        fourcc: layout.fourcc(),
        modifier: 0,
        compression: None,
        stride: arrangement.stride,
        planes: arrangement.planes,
        layer_bytes: arrangement.layer_bytes,
        buffer_bytes: arrangement.layer_bytes,
        metadata_bytes: METADATA_BYTES,
        reserved_bytes: 0,
        vendor_metadata: [0; 4],
        mappable: true,
        protected: false,
        cached: true,
        contiguous: false,
        strict_cpu_usage: false,
    }
}

fn decoded(info: &BufferInfo) -> Result<BufferInfo, HandleError> {
    decode(RawHandle { num_fds: 2, ints: &encode(info) })
}

const YUV: PixelFormat = PixelFormat::Ycbcr420_888;
const VENDORS: PixelFormat = PixelFormat::Vendor(0x7fa3_0c04);

#[test]
fn vendors_layout_and_vendors_format_come_back() {
    for format in [YUV, VENDORS, PixelFormat::ImplementationDefined, PixelFormat::RawOpaque] {
        let info = info(format, Layout::Vendor, &[luma(), chroma()]);
        assert_eq!(decoded(&info), Ok(info), "{format:?}");
    }
    for layout in [Layout::Nv12, Layout::Nv21, Layout::Yv12, Layout::I420] {
        let info = info(YUV, layout, &[]);
        assert_eq!(decoded(&info), Ok(info), "{layout:?}");
    }
}

#[test]
fn what_is_no_yuv_420_of_8_bits_is_no_ycbcr_420_888() {
    let wrong = |layout, own: &[PlaneShape]| {
        let refused = decoded(&info(YUV, layout, own));
        assert_eq!(refused, Err(HandleError::LayoutOfFormat { format: YUV, layout }), "{own:?}");
        // Of a vendor's format it is one.
        let vendors = info(VENDORS, layout, own);
        assert_eq!(decoded(&vendors), Ok(vendors));
    };
    let alone = plane(&[part(Cb, 0, 8)], 1, 2, 2);
    let packed = PlaneShape { components: Components::new(&[part(Y, 0, -1)]), group_samples: 4, group_bytes: 5, ..luma() };
    wrong(Layout::Vendor, &[luma()]);
    wrong(Layout::Vendor, &[alone, chroma()]);
    wrong(Layout::Vendor, &[plane(&[part(Y, 0, 10)], 2, 1, 1), chroma()]);
    wrong(Layout::Vendor, &[packed, chroma()]);
    wrong(Layout::Vendor, &[luma(), plane(&[part(Cb, 0, 8), part(Cr, 8, 8)], 2, 2, 1)]);
    wrong(Layout::Vendor, &[luma(), alone, plane(&[part(Cr, 0, 8)], 1, 1, 2)]);
    wrong(Layout::Vendor, &[luma(), plane(&[part(Cb, 0, 8), part(Cr, 8, 6)], 2, 2, 2)]);
    wrong(Layout::P010, &[]);
    wrong(Layout::Rgba8888, &[]);
}

#[test]
fn shapes_are_a_vendor_layouts_and_no_others() {
    let nv12 = info(YUV, Layout::Nv12, &[]);
    let with = |own: &[PlaneShape]| decoded(&BufferInfo { own: Shapes::from_slice(own).unwrap(), ..nv12 });
    assert_eq!(with(Layout::Nv12.shapes()), Err(HandleError::Shapes("the layout's own, once more")));
    assert_eq!(with(&[luma(), luma()]), Err(HandleError::LayoutOfFormat { format: YUV, layout: Layout::Nv12 }));
    let none = BufferInfo { own: Shapes::NONE, ..info(YUV, Layout::Vendor, &[luma(), chroma()]) };
    assert_eq!(decoded(&none), Err(HandleError::Shapes("none for a layout of a vendor's")));
    let fixed = PixelFormat::Rgba8888;
    let refused = decoded(&info(fixed, Layout::Vendor, &[luma()]));
    assert_eq!(refused, Err(HandleError::LayoutOfFormat { format: fixed, layout: Layout::Vendor }));
}

#[test]
fn number_that_aidl_names_is_no_vendors_and_a_vendors_is_meant_as_one() {
    let named = BufferInfo { format: PixelFormat::Vendor(1), ..info(VENDORS, Layout::Rgba8888, &[]) };
    assert_eq!(decoded(&named), Err(HandleError::Format(1)));
}

#[test]
fn sizes_that_a_layout_cannot_have_and_counts_of_layers_that_no_int_holds_are_refused() {
    let raw = info(PixelFormat::Raw10, Layout::Raw10, &[]);
    assert_eq!(decoded(&raw), Ok(raw));
    let narrow = decoded(&BufferInfo { width: 63, ..raw });
    assert!(matches!(narrow, Err(HandleError::Planes(LayoutError::Size(_)))), "{narrow:?}");
    for layers in [0, 1 << 31] {
        let buffer_bytes = raw.layer_bytes * u64::from(layers);
        let refused = decoded(&BufferInfo { layers, buffer_bytes, ..raw });
        assert_eq!(refused, Err(HandleError::Bytes { layers, layer_bytes: raw.layer_bytes, buffer_bytes }));
    }
}
