//! [`Layout::check`] on planes that nobody here made.

// A check that passes against expectation must stop the test.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod common;

use common::{planned, policy, vts};
use gralloc_buffer::layout::{LayoutError, Plane, Planes};
use gralloc_buffer::{Layout, PixelFormat};
use proptest::prelude::*;

fn plane(offset_bytes: u64, stride_bytes: u32, lines: u32) -> Plane {
    Plane { offset_bytes, stride_bytes, lines }
}

fn check(layout: Layout, planes: &[Plane], layer_bytes: u64, width: u32, height: u32) -> Result<(), LayoutError> {
    layout.check(&Planes::from_slice(planes).unwrap(), layer_bytes, width, height)
}

#[test]
fn planes_of_a_plan_pass() {
    let policy = policy();
    for format in PixelFormat::ALL {
        let mut asked = vts(*format);
        if *format == PixelFormat::Blob {
            asked.height = 1;
        }
        let Ok(plan) = planned(&asked, &policy) else { continue };
        let (width, height) = (plan.request.width, plan.request.height);
        assert_eq!(
            plan.resolved.layout.check(&plan.planes, plan.layer_bytes, width, height),
            Ok(()),
            "{}",
            format.name()
        );
    }
}

#[test]
fn each_rule_has_its_error() {
    let nv12 = [plane(0, 64, 64), plane(4096, 64, 32)];
    assert_eq!(check(Layout::Nv12, &nv12, 6144, 64, 64), Ok(()));
    let count = LayoutError::PlaneCount { found: 1, expected: 2 };
    assert_eq!(check(Layout::Nv12, &nv12[..1], 6144, 64, 64), Err(count));
    let outside = LayoutError::Outside { end: Some(6144), layer_bytes: 6143 };
    assert_eq!(check(Layout::Nv12, &nv12, 6143, 64, 64), Err(outside));
    let short = LayoutError::Stride { found: 64, least: 65, multiple_of: 2 };
    assert_eq!(check(Layout::Nv12, &nv12, 6144, 65, 64), Err(short));
    assert_eq!(check(Layout::Nv12, &nv12, 6144, 64, 65), Err(LayoutError::Lines { found: 64, height: 65 }));
    assert!(matches!(check(Layout::Nv12, &nv12, 6144, 0, 64), Err(LayoutError::Size(_))));
    assert!(matches!(check(Layout::Nv12, &nv12, 6144, 64, u32::MAX), Err(LayoutError::Size(_))));
    assert!(matches!(check(Layout::Raw10, &[plane(0, 90, 64)], 8192, 66, 64), Err(LayoutError::Size(_))));
    // Chroma over luma, and chroma that is too small for its samples.
    for chroma in
        [plane(0, 64, 32), plane(4095, 64, 32), plane(4096, 32, 32), plane(4096, 64, 31), plane(u64::MAX, 64, 32)]
    {
        let wrong = LayoutError::Plane { index: 1, found: chroma };
        assert_eq!(check(Layout::Nv12, &[nv12[0], chroma], u64::MAX, 64, 64), Err(wrong));
    }
    // Policies pad planes, and give chroma strides and lines of its own.
    for chroma in [plane(4096, 64, 64), plane(4352, 64, 32), plane(4096, 128, 32)] {
        assert_eq!(check(Layout::Nv12, &[nv12[0], chroma], 16384, 64, 64), Ok(()));
    }
    assert!(check(Layout::Nv12, &[plane(64, 64, 64), nv12[1]], 16384, 64, 64).is_err(), "pixels begin at 0");
}

#[test]
fn contract_layouts_take_no_padding_lines() {
    assert_eq!(check(Layout::Rgba8888, &[plane(0, 256, 80)], 20480, 64, 64), Ok(()));
    let padded = LayoutError::Lines { found: 80, height: 64 };
    assert_eq!(check(Layout::Y8, &[plane(0, 64, 80)], 5120, 64, 64), Err(padded));
    let stride = LayoutError::Stride { found: 200, least: 100, multiple_of: 1 };
    assert_eq!(check(Layout::Blob, &[plane(0, 200, 1)], 200, 100, 1), Err(stride));
}

#[test]
fn too_many_planes_are_no_planes() {
    assert_eq!(Planes::from_slice(&[Plane::default(); 5]), None);
    assert_eq!(Planes::from_slice(&[]).unwrap().as_slice(), []);
}

fn any_layout() -> impl Strategy<Value = Layout> {
    proptest::sample::select(Layout::ALL)
}

/// Numbers that forgers like.
fn nasty() -> impl Strategy<Value = u32> {
    prop_oneof![0u32..300, (0u32..32).prop_map(|bit| 1 << bit), Just(u32::MAX), Just(0x7fff_ffff), any::<u32>()]
}

fn nasty_plane() -> impl Strategy<Value = Plane> {
    let offset = prop_oneof![0u64..70_000, nasty().prop_map(u64::from), any::<u64>(), Just(u64::MAX)];
    (offset, nasty(), nasty()).prop_map(|(offset_bytes, stride_bytes, lines)| plane(offset_bytes, stride_bytes, lines))
}

/// Planes that pass must be safe to walk: every sample of every plane inside the layer, no two planes sharing a byte.
fn assert_walkable(layout: Layout, planes: &Planes, layer_bytes: u64, width: u32, height: u32) {
    let mut ranges = Vec::new();
    for (index, (plane, shape)) in planes.as_slice().iter().zip(layout.shapes()).enumerate() {
        assert!(plane.lines >= shape.samples_down(height));
        assert!(u64::from(plane.stride_bytes) >= layout.line_bytes(index, width).unwrap());
        let start = u128::from(plane.offset_bytes);
        let end = start + u128::from(plane.stride_bytes) * u128::from(plane.lines);
        assert!(end <= u128::from(layer_bytes), "{layout}: plane {index} ends at {end} of {layer_bytes}");
        ranges.push((start, end));
    }
    ranges.sort_unstable();
    assert!(ranges.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{layout}: {ranges:?} overlap");
    assert_eq!(planes.as_slice().len(), layout.shapes().len());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 2000 }) })]

    #[test]
    fn forged_planes_never_pass_unless_they_are_safe(
        layout in any_layout(),
        forged in proptest::collection::vec(nasty_plane(), 0..=3),
        layer_bytes in prop_oneof![0u64..100_000, any::<u64>()],
        (width, height) in (nasty(), nasty()),
    ) {
        let planes = Planes::from_slice(&forged).unwrap();
        if layout.check(&planes, layer_bytes, width, height).is_ok() {
            assert_walkable(layout, &planes, layer_bytes, width, height);
        }
    }

    /// One number of good planes changed: refused, or still safe.
    #[test]
    fn tampered_planes_never_pass_unless_they_are_safe(
        layout in any_layout(),
        (width, height) in (1u32..300, 1u32..300),
        (stride, extra_lines) in (0u32..700, 0u32..40),
        which in 0usize..3,
        tampered in nasty_plane(),
        part in 0u8..4,
    ) {
        let first = plane(0, stride, height + extra_lines);
        let mut planes: Vec<Plane> = layout.shapes().iter().map(|shape| plane(0, stride, shape.samples_down(height))).collect();
        planes[0] = first;
        let mut offset = 0;
        for plane in &mut planes {
            plane.offset_bytes = offset;
            offset += plane.bytes();
        }
        if let Some(plane) = planes.get_mut(which) {
            match part {
                0 => plane.offset_bytes = tampered.offset_bytes,
                1 => plane.stride_bytes = tampered.stride_bytes,
                2 => plane.lines = tampered.lines,
                _ => *plane = tampered,
            }
        }
        let planes = Planes::from_slice(&planes).unwrap();
        if layout.check(&planes, offset, width, height).is_ok() {
            assert_walkable(layout, &planes, offset, width, height);
        }
    }
}
