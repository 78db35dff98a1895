//! Arm's modifiers: what their bits say of the blocks, and which go together (`drm_fourcc.h`, `Documentation/gpu/afbc.rst`). Of other
//! vendors' no such words are public.

use gralloc_buffer::layout::afbc::{self, TILED};
use gralloc_buffer::layout::blocks::Body;
use gralloc_buffer::layout::{Blocks, Component, ComponentKind, Contract, Form, Grid, PlaneShape};
use gralloc_buffer::Layout;
use heaps_config::policy::Compress;

const YTR: u64 = 1 << 4;
const SPLIT: u64 = 1 << 5;
const SOLID: u64 = 1 << 9;
const DOUBLE_BODY: u64 = 1 << 10;
/// Superblocks of 32x8, and of 32x8 with chroma in 64x4.
const WIDE: [u64; 2] = [2, 4];
/// Bits below the type that no word of the header speaks of.
const UNKNOWN: u64 = (1 << 52) - (1 << 13);

/// A layout that a compression names.
pub(super) struct Named<'p> {
    /// The table's, also of a vendor's format that is like it.
    pub(super) layout: Layout,
    pub(super) shapes: &'p [PlaneShape],
}

impl Named<'_> {
    fn kinds(&self) -> impl Iterator<Item = &Component> {
        self.shapes.iter().flat_map(|shape| shape.components.iter())
    }

    fn is_yuv(&self) -> bool {
        self.kinds().any(|part| matches!(part.kind, ComponentKind::Y | ComponentKind::Cb | ComponentKind::Cr))
    }

    fn is_subsampled(&self) -> bool {
        self.shapes.iter().any(|shape| (shape.horizontal_subsampling, shape.vertical_subsampling) != (1, 1))
    }

    /// 5, 6 and 5 bits of R, G and B.
    fn is_565(&self) -> bool {
        let bits =
            |kind: ComponentKind, bits: i16| self.kinds().any(|part| part.kind == kind && part.size_bits == bits);
        bits(ComponentKind::R, 5) && bits(ComponentKind::G, 6) && bits(ComponentKind::B, 5)
    }

    /// Components in the order R, G, B, which the lossless colour transform needs. RGB_565 counts: in blocks it is BGR565.
    fn is_in_order(&self) -> bool {
        let mut parts: Vec<&Component> = self.kinds().collect();
        parts.sort_by_key(|part| part.offset_bits);
        let order = [ComponentKind::R, ComponentKind::G, ComponentKind::B];
        let in_order = parts.len() >= order.len() && parts.iter().zip(order).all(|(part, kind)| part.kind == kind);
        self.shapes.len() == 1 && (in_order || self.layout == Layout::Rgb565)
    }

    /// Bits of a pixel in the first plane's blocks.
    fn bits(&self, blocks: &Blocks) -> u32 {
        let form = Form { shapes: self.shapes, contract: Contract::default() };
        match blocks.grids.first().map(|grid| grid.body) {
            Some(Body::Blocks { bits, .. }) if bits > 0 => bits,
            _ if blocks.merged => u32::try_from(form.merged_bits()).unwrap_or(u32::MAX),
            _ => form.bits_per_pixel(),
        }
    }
}

/// What the modifier's bits and the entry say differently, or what no hardware has together.
pub(super) fn of_afbc(entry: &Compress, named: &[Named<'_>]) -> Vec<(&'static str, &'static str)> {
    let mut wrong = Vec::new();
    let (bits, blocks) = (entry.modifier, &entry.blocks);
    let has = |bit: u64| bits & bit != 0;
    let superblock = bits & 0xf;
    let block = |at: usize| match (superblock, at) {
        (1, _) => Some([16, 16]),
        (2, _) | (4, 0) => Some([32, 8]),
        (3, _) | (4, _) => Some([64, 4]),
        _ => None,
    };
    let grids = || blocks.grids.iter();
    let any = |is: &dyn Fn(&Named<'_>) -> bool| named.iter().any(is);
    let pixel = |named: &Named<'_>| named.bits(blocks);
    let mut say = |yes: bool, key: &'static str, why: &'static str| {
        if yes {
            wrong.push((key, why));
        }
    };
    let blocks_differ = grids().enumerate().any(|(at, grid)| block(at) != Some(grid.block));
    say(blocks_differ, "grid", "its blocks (1: 16x16, 2: 32x8, 3: 64x4, 4: 32x8 and 64x4) are not those of `grid`");
    say(has(UNKNOWN), "modifier", "bits 13 to 51 mean nothing");
    let tiled = grids().any(|grid| grid.tile != [1, 1]);
    say(tiled != has(TILED), "grid", "tiled headers and `tile` go together");
    let small = any(&|named| pixel(named) <= 32);
    let large = any(&|named| pixel(named) > 32);
    let tile = |size: u32| grids().all(|grid| grid.tile == [size, size]);
    say(
        tiled && has(TILED) && ((small && !tile(8)) || (large && !tile(4))),
        "grid",
        "tiled headers are of 8 x 8 blocks, and of 4 x 4 where a pixel has more than 32 bits",
    );
    say(grids().any(|grid| grid.header_bytes != afbc::HEADER_BYTES), "grid", "a header has 16 bytes a block");
    let planes = !blocks.merged && (blocks.grids.len() > 1 || any(&|named| named.shapes.len() > 1));
    say(
        planes && (!has(TILED) || superblock != 4),
        "modifier",
        "planes of their own need tiled headers, and chroma in 64x4",
    );
    let one_plane = blocks.merged || any(&|named| named.shapes.len() == 1);
    say(superblock == 4 && one_plane, "modifier", "32x8 with 64x4 is for planes of their own");
    say(matches!(superblock, 3 | 4) && !planes && !has(TILED), "modifier", "64x4 needs tiled headers");
    let short = |grid: &Grid| grid.block == [32, 8] && grid.round.get(1).map_or(true, |lines| lines % 16 != 0);
    say(
        superblock == 2 && !has(TILED) && grids().any(short),
        "grid",
        "32x8 without tiled headers is read in 32x16: `round` to 16 lines",
    );
    let doubled = grids().any(|grid| grid.body_copies > 1);
    say(doubled != has(DOUBLE_BODY), "grid", "a double body and body_copies = 2 go together");
    say(has(DOUBLE_BODY) && superblock != 1, "modifier", "a double body is of 16x16 blocks");
    let in_order = !named.is_empty() && named.iter().all(Named::is_in_order);
    say(has(YTR) && !in_order, "modifier", "the colour transform (bit 4) is for components in the order R, G, B");
    say(has(SPLIT) && any(&|named| named.is_565()), "modifier", "RGB_565 has no split blocks (bit 5)");
    say(
        has(SPLIT) && WIDE.contains(&superblock) && any(&|named| named.is_subsampled()),
        "modifier",
        "32x8 of subsampled YUV has no split blocks (bit 5)",
    );
    say(
        WIDE.contains(&superblock) && any(&|named| pixel(named) > 16) && !has(SPLIT),
        "modifier",
        "32x8 of more than 16 bits needs split blocks (bit 5)",
    );
    say(
        has(SOLID) && (!has(TILED) || any(&|named| named.is_yuv() || pixel(named) > 64)),
        "modifier",
        "solid colours (bit 9) are for tiled headers, not of YUV, and of at most 64 bits",
    );
    wrong
}
