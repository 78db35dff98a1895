//! What the headers of Arm's compression begin with, against the words that Arm's reference gralloc writes.

// Tests: a failed unwrap is a failed test.
#![allow(clippy::unwrap_used)]

use gralloc_buffer::layout::afbc::Headers;
use gralloc_buffer::layout::blocks::{Blocks, Body, Grid};
use gralloc_buffer::Layout;

const SPARSE: u64 = 0x0800_0000_0000_0041;
const TILED: u64 = 1 << 8;

fn grid(block: [u32; 2], tile: [u32; 2]) -> Grid {
    Grid {
        block,
        tile,
        body: Body::Blocks { bytes: 0, bits: 0, align: 128 },
        header_bytes: 16,
        header_align: 1024,
        ..Grid::ONE
    }
}

fn blocks(grids: &[Grid], merged: bool) -> Blocks {
    Blocks {
        grids: grids.to_vec(),
        merged,
        header_planes: false,
        body_first: false,
        column_bytes: 0,
        two_fields: None,
        layer_align: 1,
    }
}

#[test]
fn rgba_untiled_has_the_words_of_a_block_that_is_not_subsampled() {
    let grids = [grid([16, 16], [1, 1])];
    // 1080x2400: 68 by 150 blocks, 163,200 bytes of header in 163,840.
    let headers = Layout::Rgba8888.form().afbc_headers(&blocks(&grids, false), SPARSE, (1080, 2400), 163_840);
    assert_eq!(headers, Ok(Some(Headers { words: [163_840, 0x1, 0x10000, 0], count: 10_200 })));
}

#[test]
fn yuv_420_in_one_plane_has_the_words_of_a_subsampled_block_tiled_or_not() {
    let words = [(1 << 28) + 130_560 + 512, 0x8020_0040, 0x100_4000, 0x2_0080];
    let grids = [grid([16, 16], [1, 1])];
    let form = Layout::Nv12.form();
    let headers = form.afbc_headers(&blocks(&grids, true), SPARSE, (1920, 1080), 131_072);
    assert_eq!(headers, Ok(Some(Headers { words, count: 8160 })));
    let tiled = [grid([16, 16], [8, 8])];
    let headers = form.afbc_headers(&blocks(&tiled, true), SPARSE | TILED, (1920, 1080), 147_456);
    // 1920x1152.
    assert_eq!(
        headers.unwrap().unwrap(),
        Headers { words: [(1 << 28) + 147_456, words[1], words[2], words[3]], count: 8640 }
    );
}

#[test]
fn tiled_headers_of_planes_that_are_not_subsampled_are_zero() {
    let tiled = [grid([16, 16], [8, 8])];
    let headers = Layout::Rgba8888.form().afbc_headers(&blocks(&tiled, false), SPARSE | TILED, (64, 64), 4096);
    assert_eq!(headers, Ok(None));
    let planes = [grid([32, 8], [8, 8]), grid([64, 4], [8, 8])];
    let headers = Layout::Nv12.form().afbc_headers(&blocks(&planes, false), SPARSE | TILED, (64, 64), 4096);
    assert_eq!(headers, Ok(None));
}

#[test]
fn headers_that_nobody_knows_are_refused() {
    let grids = [grid([16, 16], [1, 1])];
    let refused = |layout: Layout, merged, modifier, bytes| {
        layout.form().afbc_headers(&blocks(&grids, merged), modifier, (64, 64), bytes).unwrap_err()
    };
    assert_eq!(refused(Layout::Nv12, false, SPARSE, 1024), "AFBC headers of planes that lie apart are tiled");
    let other = "no AFBC headers are known for a subsampling other than 4:2:0 in a single plane";
    assert_eq!(refused(Layout::Nv16, true, SPARSE, 1024), other);
    assert_eq!(refused(Layout::Rgba8888, false, SPARSE, 255), "AFBC headers do not fit their area");
    let none = Layout::Rgba8888.form().afbc_headers(&blocks(&[], false), SPARSE, (64, 64), 1024);
    assert_eq!(none, Err("AFBC headers need blocks"));
}
