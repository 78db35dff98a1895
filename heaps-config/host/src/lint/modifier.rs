//! What modifiers of `drm_fourcc.h` say of the memory, but those of AFBC: whether it is lines, the coding units of Arm's AFRC, and the
//! columns of Broadcom's SAND. Of other vendors' blocks no public header says more than that they are some.

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
