//! What modifiers of `drm_fourcc.h` say of the memory, but those of AFBC: whether it is lines, the coding units of Arm's AFRC, and the
//! columns of Broadcom's SAND. Of other vendors' blocks no public header says more than that they are some.

use gralloc_buffer::layout::afbc::is_afrc;
use gralloc_buffer::layout::blocks::Body;
use heaps_config::policy::Compress;

/// `AFRC_FORMAT_MOD_LAYOUT_SCAN`: paging tiles of 16 x 4 coding units, else of 8 x 8.
const SCAN: u64 = 1 << 8;
/// Where `DRM_FORMAT_MOD_BROADCOM_SAND*` have the lines of a column.
const SAND_LINES_AT: u32 = 8;
/// Bits of Qualcomm's kernels that leave lines as they are: ten bits a sample, packed ones, alpha elsewhere. Upstream reads the first as
/// tiles of 4 x 4, which that vendor's buffers of this number are not.
const QUALCOMM_LINES: u64 = 0x2 | 0x4 | 0x10;

/// Whether it is the modifier of a vendor in `drm_fourcc.h`, and not of lines. What has no vendor there is not known.
pub(super) fn is_no_lines(modifier: u64) -> bool {
    let below = modifier & (u64::MAX >> 8);
    match modifier >> 56 {
        0x05 => below & !QUALCOMM_LINES != 0,
        0x01..=0x0c => below != 0,
        _ => false,
    }
}

/// What the modifier's bits and the entry say differently.
pub(super) fn differs(entry: &Compress) -> Vec<(&'static str, String)> {
    match (entry.modifier >> 56, entry.modifier & 0xff) {
        _ if is_afrc(entry.modifier) => of_afrc(entry),
        (0x07, sand @ 2..=5) => of_sand(entry, sand),
        _ => Vec::new(),
    }
}

fn of_afrc(entry: &Compress) -> Vec<(&'static str, String)> {
    let mut wrong = Vec::new();
    let mut say = |why: String| wrong.push(("grid", format!("modifier {:#x} of AFRC: {why}", entry.modifier)));
    let grids = &entry.blocks.grids;
    if grids.iter().any(|grid| grid.header_bytes > 0) {
        say("its coding units have no headers".to_owned());
    }
    let tile = if entry.modifier & SCAN != 0 { [16, 4] } else { [8, 8] };
    if grids.iter().any(|grid| grid.tile != tile) {
        let [across, down] = tile;
        say(format!("its layout (bit 8) has tiles of {across} x {down} coding units: `tile`"));
    }
    for (at, grid) in grids.iter().enumerate() {
        let from = if at == 0 { 0 } else { 4 };
        let unit = match (entry.modifier >> from) & 0xf {
            1 => 16,
            2 => 24,
            3 => 32,
            _ => {
                say(format!(
                    "bits {from} to {} of plane {at} are no coding unit (1: 16 bytes, 2: 24, 3: 32)",
                    from + 3
                ));
                continue;
            }
        };
        if !matches!(grid.body, Body::Blocks { bytes, align, .. } if bytes == unit && bytes % align.max(1) == 0) {
            say(format!("a coding unit of plane {at} has {unit} bytes: `block_bytes`"));
        }
    }
    wrong
}

fn of_sand(entry: &Compress, sand: u64) -> Vec<(&'static str, String)> {
    let bytes = 8u64.checked_shl(u32::try_from(sand).unwrap_or(0)).unwrap_or(0);
    let columns = entry.blocks.column_bytes;
    let key = if columns == 0 { "modifier" } else { "column_bytes" };
    let mut wrong = Vec::new();
    if u64::from(columns) != bytes {
        let why = format!("modifier {:#x} of SAND: its columns have {bytes} bytes: `column_bytes`", entry.modifier);
        wrong.push((key, why));
    } else if entry.modifier_lines_at != Some(SAND_LINES_AT) {
        let why = format!("modifier {:#x} of SAND: a column's lines stand at bit {SAND_LINES_AT}", entry.modifier);
        wrong.push(("modifier_lines_at", why));
    }
    wrong
}
