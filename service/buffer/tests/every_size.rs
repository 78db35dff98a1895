//! Layout arithmetic, size after size instead of by chance: a first plane's stride follows from the width alone, its lines
//! from the height alone, and all else from these two. So every width beside a few heights and every height beside a few
//! widths is every case there is, up to the size where this stops; beyond it the neighbourhood of every power of two, to the
//! end of 32 bits, where a product could wrap.
//!
//! What must hold is computed here a second time, in 128 bits and from the planes' shapes alone.
//!
//! `LAYOUT_SIZES=1048576 cargo test --release -p gralloc_buffer --test every_size` goes on to that many pixels: minutes.

// A size that does not hold must stop the test.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use gralloc_buffer::layout::needs::{Fraction, PerBlock};
use gralloc_buffer::layout::{Arrangement, Layout, Needs};
use std::ops::RangeInclusive;

/// To this many pixels each way every size is tried; a power of two.
const EVERY: u32 = 4096;
/// This far around larger powers of two.
const AROUND: u32 = 34;
/// What stands still while the other side runs: nothing to divide, a whole pair, a rest of one, a picture, the last.
const STILL: [u32; 5] = [1, 4, 7, 1080, MOST];
/// `width` and `height` are positive ints on the wire.
const MOST: u32 = i32::MAX.unsigned_abs();

/// What policies ask for: nothing, a display, a codec, pages, and numbers that no power of two has in it.
const ASKED: [Needs; 5] = [
    Needs { stride_bytes: 1, stride_pixels: 1, height_lines: 1, size_bytes: 1, ..Needs::NONE },
    Needs { stride_bytes: 64, stride_pixels: 1, height_lines: 1, size_bytes: 4096, ..Needs::NONE },
    Needs { stride_bytes: 128, stride_pixels: 16, height_lines: 32, size_bytes: 1, ..Needs::NONE },
    Needs { stride_bytes: 4096, stride_pixels: 64, height_lines: 16, size_bytes: 16384, ..Needs::NONE },
    Needs { stride_bytes: 24, stride_pixels: 10, height_lines: 3, size_bytes: 100, ..Needs::NONE },
];

#[test]
#[cfg_attr(miri, ignore = "millions of sizes take miri days")]
fn every_width_and_every_height_has_a_layout_that_holds_it_and_no_more() {
    let every =
        std::env::var("LAYOUT_SIZES").map_or(EVERY, |sizes| sizes.parse().expect("LAYOUT_SIZES: a count of pixels"));
    let sizes: Vec<u32> = ranges(every).into_iter().flatten().collect();
    std::thread::scope(|scope| {
        let layouts = Layout::ALL.iter().map(|layout| (layout, scope.spawn(|| try_all(*layout, &sizes))));
        // Collected first: all of them are to run at once.
        for (layout, thread) in layouts.collect::<Vec<_>>() {
            let laid_out = thread.join().unwrap_or_else(|_| panic!("{layout}: see above"));
            // BLOB has one height, RAW every second or fourth size; else half of all and more are laid out.
            let least = if layout.accepts(1, 2).is_ok() { sizes.len() * ASKED.len() } else { sizes.len() / 8 };
            assert!(laid_out >= least, "{layout}: {laid_out} sizes laid out");
        }
    });
}

fn ranges(every: u32) -> Vec<RangeInclusive<u32>> {
    let powers = (0..31).map(|bit| 1u32 << bit).filter(|power| *power > every);
    let around = powers.map(|power| power.saturating_sub(AROUND).max(every + 1)..=power + AROUND);
    std::iter::once(1..=every).chain(around).chain([MOST - AROUND..=MOST]).collect()
}

/// How many of the sizes had a layout.
fn try_all(layout: Layout, sizes: &[u32]) -> usize {
    let pairs = sizes.iter().flat_map(|size| STILL.iter().flat_map(|still| [(*size, *still), (*still, *size)]));
    let asked = pairs.flat_map(|(width, height)| ASKED.iter().map(move |needs| (width, height, needs)));
    asked.filter(|(width, height, needs)| try_one(layout, *width, *height, needs)).count()
}

/// False where there is none, after a look at whether that is so.
fn try_one(layout: Layout, width: u32, height: u32, needs: &Needs) -> bool {
    if layout.accepts(width, height).is_err() {
        return false;
    }
    let at = || format!("{layout} {width}x{height}, {needs:?}");
    let arranged = layout.measure(width, height, 2, needs).and_then(|measured| measured.narrow());
    let Some(Arrangement { planes, stride, layer_bytes, .. }) = arranged else {
        // Padding that is asked for adds less than this; so the line or the lines are at the end of 31 bits by themselves.
        let padding = 1 << 20;
        let line = u128::from(width) * u128::from(layout.bits_per_pixel()) / 8;
        assert!(line + padding > MOST.into() || u128::from(height) + padding > MOST.into(), "{}: refused", at());
        return false;
    };
    let mut end = 0u128;
    for (plane, shape) in planes.as_slice().iter().zip(layout.shapes()) {
        assert_eq!(u128::from(plane.offset_bytes), end, "{}: planes follow one another", at());
        let samples = u128::from(width).div_ceil(shape.horizontal_subsampling.into());
        let bits = match shape.sample_increment_bits() {
            0 => samples * u128::from(layout.bits_per_pixel()),
            increment => samples * u128::from(increment),
        };
        let (stride, lines) = (u128::from(plane.stride_bytes), u128::from(plane.lines));
        assert!(stride * 8 >= bits, "{}: a line does not fit {stride} bytes", at());
        assert!(lines >= u128::from(height).div_ceil(shape.vertical_subsampling.into()), "{}: {lines} lines", at());
        assert!(layout.has_fixed_stride() || stride % u128::from(needs.stride_bytes) == 0, "{}: {stride}", at());
        // Sixteen pixels of 64 bits, in a stride of which half has to be aligned: no contract asks for more.
        let unit = 256 * u128::from(needs.stride_bytes * needs.stride_pixels);
        assert!(stride < bits / 8 + unit, "{}: a stride of {stride}", at());
        assert!(lines < u128::from(height) + u128::from(needs.height_lines), "{}: {lines} lines", at());
        end += stride * lines;
    }
    assert!(end <= layer_bytes.into() && u128::from(layer_bytes) * 2 <= u64::MAX.into(), "{}: {layer_bytes}", at());
    assert!(layer_bytes % 64 == 0 && layer_bytes % needs.size_bytes == 0, "{}: {layer_bytes}", at());
    assert!(u128::from(layer_bytes) < end + u128::from(64 * needs.size_bytes), "{}: more than rounding adds", at());
    assert!(stride <= MOST, "{}: {stride}", at());
    layout.check(&planes, layer_bytes, width, height).unwrap_or_else(|error| panic!("{}: {error}", at()));
    true
}

/// One layer.
fn arranged(layout: Layout, width: u32, height: u32, needs: &Needs) -> Arrangement {
    layout.measure(width, height, 1, needs).unwrap().narrow().unwrap()
}

#[test]
fn stride_is_an_odd_multiple_of_as_many_pixels_as_are_asked_for() {
    let needs = Needs { odd_stride_pixels: 64, ..Needs::NONE };
    let stride = |width| arranged(Layout::Rgba8888, width, 2, &needs).planes.as_slice().first().unwrap().stride_bytes;
    // 64 pixels are 256 bytes.
    assert_eq!([64, 65, 128, 192, 193].map(stride), [256, 768, 768, 768, 1280]);
}

#[test]
fn lines_of_a_plane_with_a_multiple_of_its_own_follow_from_its_share_or_its_own_samples() {
    let mut needs = Needs { height_lines: 100, added_lines: 3, ..Needs::NONE };
    needs.planes.iter_mut().for_each(|plane| plane.lines = 32);
    let lines: Vec<u32> =
        arranged(Layout::Nv12, 64, 1080, &needs).planes.as_slice().iter().map(|plane| plane.lines).collect();
    // Luma: 1100 and 3, to 32. Chroma: its own 540, to 32, and half of 3.
    assert_eq!(lines, [1120, 546]);
}

#[test]
fn tail_is_the_sum_of_what_is_asked_for_and_no_less_than_the_least() {
    let bytes = |needs: &Needs| arranged(Layout::Nv12, 64, 32, needs).layer_bytes;
    let half = Fraction { parts: 1, of: 2 };
    let mut needs = Needs { tail_bytes: 5, tail_lines: 2, tail_of_luma: half, ..Needs::NONE };
    needs.tail_blocks[1] = PerBlock { width: 16, height: 8, bytes: 3 };
    // Planes, bytes, two lines, half of luma, 4 by 4 blocks.
    let sum = 3072 + 5 + 2 * 64 + 1024 + 16 * 3;
    assert_eq!(bytes(&needs), sum);
    assert_eq!(bytes(&Needs { tail_least: 1204, ..needs }), sum);
    assert_eq!(bytes(&Needs { tail_least: 2000, ..needs }), 3072 + 2000);
    assert_eq!(bytes(&Needs::NONE), 3072);
}

#[test]
fn what_a_contract_fixes_no_policy_changes_and_the_rest_it_does() {
    let needs = Needs { stride_pixels: 16, height_lines: 32, ..Needs::NONE };
    let measured = |layout: Layout, width, height, needs: &Needs| {
        let Arrangement { planes, layer_bytes, .. } = arranged(layout, width, height, needs);
        let planes = planes.as_slice().iter().map(|plane| (plane.offset_bytes, plane.stride_bytes, plane.lines));
        (planes.collect::<Vec<_>>(), layer_bytes)
    };
    assert_eq!(measured(Layout::Rgba8888, 17, 3, &needs), (vec![(0, 128, 32)], 4096));
    assert_eq!(measured(Layout::Y8, 64, 17, &needs), (vec![(0, 64, 17)], 64 * 17));
    assert_eq!(measured(Layout::Blob, 100, 1, &needs), (vec![(0, 100, 1)], 100));
    // Chroma at a multiple of its own; YV12's planes stand close, and the last alone may be followed by something.
    let mut own = Needs::NONE;
    own.planes.iter_mut().for_each(|plane| (plane.start_bytes, plane.size_bytes) = (4096, 640));
    assert_eq!(measured(Layout::Nv12, 64, 16, &own), (vec![(0, 64, 16), (4096, 64, 8)], 4096 + 640));
    assert_eq!(
        measured(Layout::Yv12, 64, 16, &own),
        (vec![(0, 64, 16), (1024, 32, 8), (1024 + 256, 32, 8)], 1024 + 256 + 640)
    );
}
