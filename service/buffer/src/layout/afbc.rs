//! What an allocator writes into the headers of Arm's compression, where a reader meets blocks that nobody has written yet.
//!
//! Which words depends on the arrangement of a block's parts: planes that are not subsampled, and those of a format whose
//! planes lie apart, have one; 4:2:0 in a single plane another. With tiled headers the former is zero, which every heap
//! gives. Source: Arm's reference gralloc, `mali_gralloc_bufferallocation.cpp` (`init_afbc`), as Pixel and Rockchip ship it.

use super::blocks::{Blocks, Grid};
use super::Form;

/// Bytes of a block's header.
pub const HEADER_BYTES: u32 = 16;
/// `AFBC_FORMAT_MOD_TILED` of `drm_fourcc.h`.
pub const TILED: u64 = 1 << 8;

/// `DRM_FORMAT_MOD_VENDOR_ARM` and type AFBC: whether a modifier's upper twelve bits say so.
pub const fn is_afbc(modifier: u64) -> bool {
    modifier >> 52 == 0x080
}

/// The same of `DRM_FORMAT_MOD_ARM_TYPE_AFRC`: coding units of a fixed rate, without headers.
pub const fn is_afrc(modifier: u64) -> bool {
    modifier >> 52 == 0x082
}

/// The headers of a layer as they are at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Headers {
    /// Of each block.
    pub words: [u32; 4],
    /// Blocks of the layer, their headers one behind the other from its start.
    pub count: u32,
}

impl Form<'_> {
    /// What the headers of a layer of `width` by `height` pixels begin with; `None` for zeros. `header_bytes` is the area of
    /// the first plane's headers, behind which its bodies begin.
    ///
    /// # Errors
    /// What there are no known headers for, in words.
    pub fn afbc_headers(
        &self,
        blocks: &Blocks,
        modifier: u64,
        (width, height): (u32, u32),
        header_bytes: u32,
    ) -> Result<Option<Headers>, &'static str> {
        let apart = !blocks.merged && self.shapes.len() > 1;
        let halved = self.shapes.iter().fold((1, 1), |(across, down), shape| {
            (shape.horizontal_subsampling.max(across), shape.vertical_subsampling.max(down))
        });
        let tiled = modifier & TILED != 0;
        let words = match (apart, halved) {
            (true, _) if !tiled => return Err("AFBC headers of planes that lie apart are tiled"),
            (true, _) | (false, (1, 1)) if tiled => return Ok(None),
            (_, (1, 1)) => [header_bytes, 0x1, 0x1_0000, 0],
            (_, (2, 2)) => [header_bytes.wrapping_add(1 << 28), 0x8020_0040, 0x100_4000, 0x2_0080],
            _ => return Err("no AFBC headers are known for a subsampling other than 4:2:0 in a single plane"),
        };
        let grid = blocks.grids.first().ok_or("AFBC headers need blocks")?;
        let count = grid
            .blocks(width, height)
            .filter(|count| count.checked_mul(HEADER_BYTES).is_some_and(|bytes| bytes <= header_bytes));
        count.map(|count| Some(Headers { words, count })).ok_or("AFBC headers do not fit their area")
    }
}

impl Grid {
    /// Blocks of a plane of so many pixels; `None` when 32 bits do not count them.
    fn blocks(&self, width: u32, height: u32) -> Option<u32> {
        let [across, down] = self.padded(width.into(), height.into())?;
        let [block_w, block_h] = self.block.map(|block| u64::from(block).max(1));
        u32::try_from((across / block_w).checked_mul(down / block_h)?).ok()
    }
}
