//! Handles of layouts that a policy spells out, and of formats that leave the layout to it: what comes back, and what no policy
//! could have led to.

// Tests: a failed unwrap is a failed test.
#![allow(clippy::unwrap_used)]

use gralloc_buffer::handle::{decode, encode, fields, BufferInfo, HandleError, RawHandle};
use gralloc_buffer::layout::shape::{part, Components};
use gralloc_buffer::layout::{Component, ComponentKind, Form, LayoutError, Needs, PlaneShape, Shapes};
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
        usage: Usage(3),
        layout,
        own,
        fourcc: layout.fourcc(),
        stride: arrangement.stride,
        planes: arrangement.planes,
        layer_bytes: arrangement.layer_bytes,
        buffer_bytes: arrangement.layer_bytes,
        ..BufferInfo::linear(format, Layout::Rgba8888, 64, 16).unwrap()
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
    let packed =
        PlaneShape { components: Components::new(&[part(Y, 0, -1)]), group_samples: 4, group_bytes: 5, ..luma() };
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
fn sizes_are_those_that_the_contract_names() {
    for layout in [Layout::Raw10, Layout::Raw12, Layout::Raw14] {
        let takes = [(64, 16), (62, 16), (64, 15)].map(|(width, height)| layout.accepts(width, height).is_ok());
        assert_eq!(takes, [true, false, false], "{layout:?}");
    }
    let takes = |layout: Layout, width, height| layout.accepts(width, height).is_ok();
    assert!(takes(Layout::Raw16, 62, 16) && !takes(Layout::Raw16, 63, 16) && !takes(Layout::Raw16, 62, 15));
    assert!(takes(Layout::Blob, 63, 1) && !takes(Layout::Blob, 63, 2) && takes(Layout::Nv12, 63, 15));
    let BufferInfo { planes, layer_bytes, .. } = info(YUV, Layout::Nv12, &[]);
    assert_eq!(Layout::Nv12.check(&planes, layer_bytes, 64, 16), Ok(()));
    for (width, height) in [(0, 16), (64, 0), (1 << 31, 16), (64, 1 << 31)] {
        let refused = Layout::Nv12.check(&planes, layer_bytes, width, height);
        assert!(matches!(refused, Err(LayoutError::Size(_))), "{width}x{height}: {refused:?}");
    }
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

/// Where a handle's ints have the first plane's shape: behind 26 of the buffer, 16 of planes and 18 of a compression.
const SHAPES: usize = 60;

/// The handle of a picture in these planes with some of the first shape's three ints changed.
fn with_shape(own: &[PlaneShape], change: impl FnOnce(&mut [i32])) -> Result<BufferInfo, HandleError> {
    let mut ints = encode(&info(VENDORS, Layout::Vendor, own));
    change(&mut ints[SHAPES..]);
    decode(RawHandle { num_fds: 2, ints: &ints })
}

#[test]
fn component_lies_in_sixteen_bits_of_its_shape() {
    // Kind, then the offset from the fourth bit on, then the size less one from the eleventh on: `handle::fields` says so.
    let own = [plane(&[part(Cb, 0, 8), part(Cr, 8, 8), part(Y, 16, 16), part(ComponentKind::A, 40, 3)], 6, 1, 1)];
    let info = info(VENDORS, Layout::Vendor, &own);
    let ints = encode(&info);
    let half = |kind: u32, offset: u32, size: u32| kind | offset << 4 | (size - 1) << 11;
    let two = |low: u32, high: u32| i32::from_ne_bytes((low | high << 16).to_ne_bytes());
    let expected =
        [i32::from_le_bytes([1, 1, 1, 6]), two(half(2, 0, 8), half(3, 8, 8)), two(half(1, 16, 16), half(8, 40, 3))];
    assert_eq!(ints[SHAPES..SHAPES + 3], expected);
    assert_eq!(decoded(&info), Ok(info));
    let described = fields(&ints).into_iter().find(|field| field.value.contains("pixels a sample")).unwrap();
    assert_eq!(
        described.value,
        "1x1 pixels a sample, 1 samples in 6 bytes, [CB at bit 0 (8), CR at bit 8 (8), Y at bit 16 (16), A at bit 40 (3)]"
    );
    // The longest, and the last that 7 bits hold.
    let wide = [plane(&[part(Y, 0, 32), part(Cb, 127, 1)], 16, 1, 1)];
    let wide = self::info(VENDORS, Layout::Vendor, &wide);
    assert_eq!(decoded(&wide), Ok(wide));
}

#[test]
fn shapes_that_no_policy_states_are_refused_for_what_is_wrong_with_them() {
    let two = [plane(&[part(Cb, 0, 8), part(Cr, 8, 8)], 2, 1, 1)];
    let packed =
        PlaneShape { components: Components::new(&[part(Y, 0, -1)]), group_samples: 4, group_bytes: 5, ..luma() };
    let packed_handle = info(VENDORS, Layout::Vendor, &[packed]);
    assert_eq!(decoded(&packed_handle), Ok(packed_handle));
    let wrong = |own: &[PlaneShape], change: fn(&mut [i32]), why| {
        assert_eq!(with_shape(own, change), Err(HandleError::Shapes(why)));
    };
    let gap = "a gap between components";
    wrong(&two, |ints| ints[1] &= !0xffff, gap);
    wrong(&two, |ints| (ints[1], ints[2]) = (ints[1] & 0xffff, ints[1]), gap);
    wrong(&two, |ints| (ints[1], ints[2]) = (ints[1] & 0xffff, ints[1] & !0xffff), gap);
    let three = [plane(&[part(Cb, 0, 8), part(Cr, 8, 8), part(Y, 16, 8)], 3, 1, 1)];
    wrong(&three, |ints| ints[2] <<= 16, gap);
    wrong(&two, |ints| ints[1] &= !0xf, "a component without a kind");
    wrong(&two, |ints| ints[1] |= 0xf, "a component of no known kind");
    wrong(&[packed], |ints| ints[1] |= 1 << 11, "a packed component of a size");
    wrong(&two, |ints| ints[1] = 0, "at least one component in every plane");
    wrong(&two, |ints| ints[0] &= !0xff, "a subsampling of 1, 2 or 4 each way");
    let behind = with_shape(&two, |ints| ints[8] = 1);
    assert_eq!(behind, Err(HandleError::UnusedPlane));
}
