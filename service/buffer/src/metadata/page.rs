//! The shared page: what lies where in it, and what may come out of it.
//!
//! The words, 32 bits each; they belong to the handle's version, and what is reserved is zero:
//!
//! | words | |
//! |---|---|
//! | 0 | reserved |
//! | 1 | dataspace |
//! | 2 | blend mode |
//! | 3–7 | control words of the cells below, in their order |
//! | 8–46 | SMPTE 2086: ten floats |
//! | 48–62 | CTA 861.3: two floats |
//! | 63–119 | crop: left, top, right, bottom for each of four planes |
//! | 120–569 | SMPTE 2094-40: up to 584 bytes, their count first |
//! | 572–1021 | SMPTE 2094-10: the same |
//!
//! Single words cannot tear; the rest are `metadata/cell.rs`.

use super::cell::Cell;
use crate::dataspace::Dataspace;
use crate::layout::MAX_PLANES;
use crate::sync::{AtomicU32, Ordering};

/// Words of the page: [`crate::METADATA_BYTES`].
pub const PAGE_WORDS: usize = 1024;
// As `as`, because `usize::try_from` is no const fn; 4096 fits.
#[allow(clippy::as_conversions)]
const _: () = assert!(PAGE_WORDS * 4 == crate::METADATA_BYTES as usize);

/// Most bytes that SMPTE 2094-40 or 2094-10 can have here. HDR10+ of one window takes some 60, with a full table of actual
/// peaks a few hundred.
pub const MAX_BLOB_BYTES: usize = 4 * (BLOB_WORDS - 1);

const DATASPACE: usize = 1;
const BLEND_MODE: usize = 2;
const SMPTE2086: Cell = Cell { control: 3, slots: 8, data_words: SMPTE2086_WORDS };
const CTA861_3: Cell = Cell { control: 4, slots: 48, data_words: CTA861_3_WORDS };
const CROP: Cell = Cell { control: 5, slots: 63, data_words: CROP_WORDS };
const SMPTE2094_40: Cell = Cell { control: 6, slots: 120, data_words: BLOB_WORDS };
const SMPTE2094_10: Cell = Cell { control: 7, slots: 572, data_words: BLOB_WORDS };

/// Two coordinates each of red, green, blue and white, the largest and the least luminance.
pub(super) const SMPTE2086_WORDS: usize = 10;
/// The largest content light level, the largest frame average.
pub(super) const CTA861_3_WORDS: usize = 2;
const CROP_WORDS: usize = 4 * MAX_PLANES;
/// A count of bytes, and the bytes.
const BLOB_WORDS: usize = 147;

// Compilers before 1.80 do not count a use by assertions alone.
#[allow(dead_code)]
const fn end(cell: Cell) -> usize {
    cell.slots + cell.slot_words()
}
const _: () = assert!(end(SMPTE2086) <= CTA861_3.slots);
const _: () = assert!(end(CTA861_3) <= CROP.slots);
const _: () = assert!(end(CROP) <= SMPTE2094_40.slots);
const _: () = assert!(end(SMPTE2094_40) <= SMPTE2094_10.slots);
const _: () = assert!(end(SMPTE2094_10) <= PAGE_WORDS);

/// A rectangle in samples of a plane: left, top, right, bottom.
pub(super) type Rect = [i32; 4];

/// Dynamic HDR metadata: bytes that nobody here looks into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hdr10 {
    /// SMPTE ST 2094-40 (HDR10+).
    Smpte2094_40,
    /// SMPTE ST 2094-10.
    Smpte2094_10,
}

impl Hdr10 {
    const fn cell(self) -> Cell {
        match self {
            Hdr10::Smpte2094_40 => SMPTE2094_40,
            Hdr10::Smpte2094_10 => SMPTE2094_10,
        }
    }
}

/// The page, as it lies in memory that other processes write at the same time.
#[derive(Clone, Copy, Debug)]
pub struct SharedPage<'a> {
    words: &'a [AtomicU32],
}

impl<'a> SharedPage<'a> {
    /// The page in these words, [`PAGE_WORDS`] or more. With fewer, what lies beyond is unset and cannot be set.
    pub fn new(words: &'a [AtomicU32]) -> SharedPage<'a> {
        SharedPage { words }
    }

    fn word(&self, index: usize) -> u32 {
        self.words.get(index).map_or(0, |word| word.load(Ordering::Acquire))
    }

    fn set_word(&self, index: usize, value: u32) -> bool {
        self.words.get(index).map(|word| word.store(value, Ordering::Release)).is_some()
    }

    /// A `Dataspace`: any number, vendors have their own.
    pub(super) fn dataspace(&self) -> i32 {
        signed(self.word(DATASPACE))
    }

    /// Has a page that nobody else has yet begin with a dataspace; false for a page without room.
    pub fn begin_with(&self, dataspace: Dataspace) -> bool {
        self.set_dataspace(dataspace.to_wire())
    }

    pub(super) fn set_dataspace(&self, value: i32) -> bool {
        self.set_word(DATASPACE, unsigned(value))
    }

    /// A `BlendMode`; `INVALID` for a number that AIDL does not define.
    pub(super) fn blend_mode(&self) -> i32 {
        let value = signed(self.word(BLEND_MODE));
        if is_blend_mode(value) {
            value
        } else {
            0
        }
    }

    pub(super) fn set_blend_mode(&self, value: i32) -> bool {
        self.set_word(BLEND_MODE, unsigned(value))
    }

    pub(super) fn smpte2086(&self) -> Option<[f32; SMPTE2086_WORDS]> {
        self.floats(SMPTE2086)
    }

    pub(super) fn set_smpte2086(&self, token: u32, value: Option<[f32; SMPTE2086_WORDS]>) -> bool {
        self.set_floats(SMPTE2086, token, value)
    }

    pub(super) fn cta861_3(&self) -> Option<[f32; CTA861_3_WORDS]> {
        self.floats(CTA861_3)
    }

    pub(super) fn set_cta861_3(&self, token: u32, value: Option<[f32; CTA861_3_WORDS]>) -> bool {
        self.set_floats(CTA861_3, token, value)
    }

    fn floats<const N: usize>(&self, cell: Cell) -> Option<[f32; N]> {
        let mut words = [0; N];
        let count = cell.read(self.words, &mut words)?;
        let floats = words.map(f32::from_bits);
        (count == N && floats.iter().all(|float| float.is_finite())).then_some(floats)
    }

    fn set_floats<const N: usize>(&self, cell: Cell, token: u32, value: Option<[f32; N]>) -> bool {
        match value {
            Some(floats) => cell.write(self.words, token, &floats.map(f32::to_bits)),
            None => {
                cell.clear(self.words);
                true
            }
        }
    }

    /// The crops that were set, if there are as many as `planes` and each lies inside its plane.
    pub(super) fn crop(&self, planes: &[Rect]) -> Option<[Rect; MAX_PLANES]> {
        let mut words = [0; CROP_WORDS];
        let count = CROP.read(self.words, &mut words)?;
        let mut crops = [[0; 4]; MAX_PLANES];
        for (crop, four) in crops.iter_mut().zip(words.chunks_exact(4)) {
            for (to, from) in crop.iter_mut().zip(four) {
                *to = signed(*from);
            }
        }
        let whole = count == planes.len().checked_mul(4)?;
        (whole && planes.iter().zip(&crops).all(|(plane, crop)| is_inside(crop, plane))).then_some(crops)
    }

    pub(super) fn set_crop(&self, token: u32, crops: &[Rect]) -> bool {
        let mut words = [0; CROP_WORDS];
        let mut count = 0;
        for (to, from) in words.iter_mut().zip(crops.iter().flatten()) {
            *to = unsigned(*from);
            count += 1;
        }
        CROP.write(self.words, token, words.get(..count).unwrap_or(&words))
    }

    /// Copies the bytes into `room` and says how many there are; `None` when unset.
    pub(super) fn blob(&self, which: Hdr10, room: &mut [u8; MAX_BLOB_BYTES]) -> Option<usize> {
        let mut words = [0; BLOB_WORDS];
        which.cell().read(self.words, &mut words)?;
        let [count, data @ ..] = &words;
        for (to, from) in room.chunks_exact_mut(4).zip(data) {
            to.copy_from_slice(&from.to_le_bytes());
        }
        usize::try_from(*count).ok().filter(|count| *count <= MAX_BLOB_BYTES)
    }

    /// False for more than [`MAX_BLOB_BYTES`], too.
    pub(super) fn set_blob(&self, which: Hdr10, token: u32, bytes: Option<&[u8]>) -> bool {
        let cell = which.cell();
        let Some(bytes) = bytes else {
            cell.clear(self.words);
            return true;
        };
        let mut words = [0; BLOB_WORDS];
        let [count, data @ ..] = &mut words;
        match u32::try_from(bytes.len()) {
            Ok(length) if bytes.len() <= MAX_BLOB_BYTES => *count = length,
            _ => return false,
        }
        for (to, from) in data.iter_mut().zip(bytes.chunks(4)) {
            let mut four = [0; 4];
            four.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
            *to = u32::from_le_bytes(four);
        }
        let used = 1 + bytes.len().div_ceil(4);
        cell.write(self.words, token, words.get(..used).unwrap_or(&words))
    }
}

/// `BlendMode` of AIDL: `INVALID`, `NONE`, `PREMULTIPLIED`, `COVERAGE`.
pub(super) fn is_blend_mode(value: i32) -> bool {
    (0..=3).contains(&value)
}

/// Whether a crop is a rectangle inside its plane.
pub(super) fn is_inside(crop: &Rect, plane: &Rect) -> bool {
    let ([left, top, right, bottom], [min_x, min_y, max_x, max_y]) = (crop, plane);
    min_x <= left && left <= right && right <= max_x && min_y <= top && top <= bottom && bottom <= max_y
}

fn signed(word: u32) -> i32 {
    i32::from_ne_bytes(word.to_ne_bytes())
}

fn unsigned(value: i32) -> u32 {
    u32::from_ne_bytes(value.to_ne_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: u32 = 7;

    fn words(count: usize) -> Vec<AtomicU32> {
        (0..count).map(|_| AtomicU32::new(0)).collect()
    }

    #[test]
    fn begin_with_sets_the_dataspace_of_a_page_that_has_room_for_it() {
        let words = words(PAGE_WORDS);
        let dataspace = Dataspace::from_name("SRGB").unwrap();
        assert!(SharedPage::new(&words).begin_with(dataspace));
        assert_eq!(SharedPage::new(&words).dataspace(), dataspace.to_wire());
        assert!(!SharedPage::new(&[]).begin_with(dataspace));
    }

    /// What another process writes past the library.
    #[test]
    fn floats_that_are_too_few_or_not_finite_are_unset() {
        let one = 1.0_f32.to_bits();
        for bad in [vec![one; SMPTE2086_WORDS - 1], [vec![one; SMPTE2086_WORDS - 1], vec![f32::NAN.to_bits()]].concat()]
        {
            let words = words(PAGE_WORDS);
            assert!(SMPTE2086.write(&words, TOKEN, &bad));
            assert_eq!(SharedPage::new(&words).smpte2086(), None);
        }
    }

    #[test]
    fn crops_are_of_all_planes_and_inside_them_or_unset() {
        let words = words(PAGE_WORDS);
        let page = SharedPage::new(&words);
        let planes = [[0, 0, 64, 64], [0, 0, 32, 32], [0, 0, 32, 32], [0, 0, 64, 64]];
        let crops = [[1, 2, 60, 61], [1, 2, 30, 31], [3, 4, 5, 6], [7, 8, 9, 10]];
        assert!(page.set_crop(TOKEN, &crops));
        assert_eq!(page.crop(&planes), Some(crops));
        assert_eq!(page.crop(&planes[..3]), None, "of another number of planes");
        assert_eq!(page.crop(&[planes[0], planes[1], planes[2], [0, 0, 9, 9]]), None, "beyond the last");
    }

    #[test]
    fn set_blob_refuses_what_the_cell_has_no_room_for() {
        let words = words(PAGE_WORDS);
        let page = SharedPage::new(&words);
        let mut room = [0; MAX_BLOB_BYTES];
        assert!(!page.set_blob(Hdr10::Smpte2094_40, TOKEN, Some(&[1; MAX_BLOB_BYTES + 1])));
        assert_eq!(page.blob(Hdr10::Smpte2094_40, &mut room), None);
        assert!(page.set_blob(Hdr10::Smpte2094_40, TOKEN, Some(&[1; MAX_BLOB_BYTES])));
        assert_eq!(page.blob(Hdr10::Smpte2094_40, &mut room), Some(MAX_BLOB_BYTES));
    }
}
