//! The modifiers of Arm's AFBC: what their bits say of the blocks, and which go together (`drm_fourcc.h`,
//! `Documentation/gpu/afbc.rst`).

use gralloc_buffer::layout::afbc::{self, TILED};
use gralloc_buffer::layout::blocks::{Body, GridSizes};
use gralloc_buffer::layout::{Blocks, Component, ComponentKind, Contract, Form, Grid, PlaneShape};
use gralloc_buffer::Layout;
use heaps_config::policy::Compress;

const YTR: u64 = 1 << 4;
const SPLIT: u64 = 1 << 5;
const SOLID: u64 = 1 << 9;
const DOUBLE_BODY: u64 = 1 << 10;
/// Superblocks of 32x8, and of 32x8 with chroma in 64x4.
const WIDE: [u64; 2] = [2, 4];
/// Bytes of which a superblock's room in the body is a multiple, and the body's start at least.
const ROOM_BYTES: u64 = 128;
/// The same of the body's start behind tiled headers.
const TILED_BYTES: u64 = 4096;
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

    /// Its planes that have blocks, with the grid and the measures of each. Nothing where 64 by 64 pixels cannot be counted, which is
    /// said elsewhere.
    fn planes<'a>(&'a self, blocks: &'a Blocks) -> Vec<(&'a PlaneShape, &'a Grid, GridSizes)> {
        let form = Form { shapes: self.shapes, contract: Contract::default() };
        let Some(sizes) = form.grid_sizes(blocks, 64, 64) else { return Vec::new() };
        let grids = blocks.grids.iter().chain(blocks.grids.last().into_iter().cycle());
        let count = if blocks.merged { 1 } else { self.shapes.len() };
        self.shapes.iter().zip(grids).zip(sizes).take(count).map(|((shape, grid), of)| (shape, grid, of)).collect()
    }

    /// True where a superblock that does not compress has no room: an allocator gives each as much.
    fn is_short(&self, blocks: &Blocks) -> bool {
        let merged: u64 = self.shapes.iter().map(|shape| sixteenths(shape) / area(shape)).sum();
        let short = |(shape, grid, of): (&PlaneShape, &Grid, GridSizes)| {
            let sixteenths = if blocks.merged { merged } else { sixteenths(shape) };
            let samples = grid.block.iter().map(|side| u64::from(*side)).fold(1, u64::saturating_mul);
            let room = sixteenths.saturating_mul(samples).div_ceil(16 * 8).checked_next_multiple_of(ROOM_BYTES);
            matches!(grid.body, Body::Blocks { .. }) && room.map_or(true, |room| of.block_bytes < room)
        };
        self.planes(blocks).into_iter().any(short)
    }

    /// True where the headers of a plane behind another begin at any byte.
    fn begins_anywhere(&self, blocks: &Blocks, align: u64) -> bool {
        let planes = self.planes(blocks);
        let before = planes.len().saturating_sub(1);
        planes.into_iter().take(before).any(|(_, grid, of)| {
            let tile = grid.tile.iter().map(|side| u64::from(*side)).fold(of.block_bytes, u64::saturating_mul);
            let whole = |bytes: u64| bytes % align == 0;
            !(whole(grid.body_align.into()) || whole(tile) && whole(grid.body_extra.into()))
        })
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

/// Sixteenths of a bit that a sample of the plane holds: of its components, or of its bytes where these have no bits of their own.
fn sixteenths(shape: &PlaneShape) -> u64 {
    let sizes = shape.components.iter().map(|part| u64::try_from(part.size_bits).ok());
    let own = sizes.sum::<Option<u64>>().filter(|bits| *bits > 0);
    let packed = || (u64::from(shape.group_bytes) * 8 * 16).div_ceil(u64::from(shape.group_samples).max(1));
    own.map_or_else(packed, |bits| bits.saturating_mul(16))
}

/// Pixels of a sample.
fn area(shape: &PlaneShape) -> u64 {
    (u64::from(shape.horizontal_subsampling) * u64::from(shape.vertical_subsampling)).max(1)
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
    let other = |grid: &Grid| grid.header_bytes != afbc::HEADER_BYTES || grid.header_blocks != 1;
    say(grids().any(other), "grid", "a header has 16 bytes a block");
    say(blocks.body_first, "body_first", "headers come before the bodies");
    say(blocks.header_planes, "header_planes", "a plane begins with its headers: readers look for none elsewhere");
    let align = if tiled && has(TILED) { TILED_BYTES } else { ROOM_BYTES };
    let begins = match align {
        TILED_BYTES => "bodies behind tiled headers begin at a multiple of 4096 bytes: `header_align`",
        _ => "bodies begin at a multiple of 128 bytes: `header_align`, 1024 in Arm's own allocator",
    };
    say(grids().any(|grid| u64::from(grid.header_align) % align != 0), "grid", begins);
    let lines = grids().any(|grid| matches!(grid.body, Body::Lines { .. }));
    say(lines, "grid", "a body is blocks, without stride_pixels, stride_bytes and lines");
    let short = any(&|named| named.is_short(blocks));
    say(
        short,
        "grid",
        "a block that does not compress has no room: its pixels' bits in whole 128 bytes (`block_align`)",
    );
    let planes = !blocks.merged && (blocks.grids.len() > 1 || any(&|named| named.shapes.len() > 1));
    say(
        planes && (!has(TILED) || !matches!(superblock, 3 | 4)),
        "modifier",
        "planes of their own need tiled headers, and chroma in 64x4",
    );
    let anywhere = align == TILED_BYTES && planes && any(&|named| named.begins_anywhere(blocks, align));
    say(anywhere, "grid", "a plane behind another begins at a multiple of 4096 bytes: `body_align`");
    let one_plane = blocks.merged || any(&|named| named.shapes.len() == 1);
    say(superblock == 4 && one_plane, "modifier", "32x8 with 64x4 is for planes of their own");
    say(matches!(superblock, 3 | 4) && !planes && !has(TILED), "modifier", "64x4 needs tiled headers");
    let short = |grid: &Grid| grid.block == [32, 8] && grid.round.get(1).map_or(true, |lines| lines % 16 != 0);
    say(
        superblock == 2 && !has(TILED) && grids().any(short),
        "grid",
        "32x8 without tiled headers is read in 32x16: `round` to 16 lines",
    );
    let copies = if has(DOUBLE_BODY) { 2 } else { 1 };
    let other = grids().any(|grid| grid.body_copies != copies);
    say(other, "grid", "a double body and body_copies = 2 go together, and else it is 1");
    say(has(DOUBLE_BODY) && superblock != 1, "modifier", "a double body is of 16x16 blocks");
    let in_order = !named.is_empty() && named.iter().all(Named::is_in_order);
    say(has(YTR) && !in_order, "modifier", "the colour transform (bit 4) is for components in the order R, G, B");
    say(
        entry.fourcc == Layout::Rgb565.fourcc(),
        "fourcc",
        "RGB_565 in blocks is BGR565 by the order of its components: \"BG16\"",
    );
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
