//! `Lock_RGB_Format`, one test a format: since 16 QPR2 the VTS writes and reads back each colour format that the allocator has
//! and compares its description. What it wants of 10-, 12- and 14-bit values in words of 16 is not the same in each snapshot:
//! `--vts` says which one.

#![allow(non_snake_case)] // The VTS's names.

use crate::case::{Skip, Test, Verdict};
use crate::descriptor::Descriptor;
use crate::format::{Format, Kind, Part};
use crate::image::Memory;
use crate::mapper::usage;
use crate::metadata::{PlaneLayout, Standard};
use crate::options::Vts;
use crate::subject::Subject;
use Kind::{A, B, G, R};

/// Bytes of a sample, and its components where the values truly are.
type Row = (Format, i64, &'static [Part]);

const ROWS: [Row; 19] = [
    (Format::RGBA_8888, 4, &[(R, 0, 8), (G, 8, 8), (B, 16, 8), (A, 24, 8)]),
    (Format::RGBX_8888, 4, &[(R, 0, 8), (G, 8, 8), (B, 16, 8)]),
    (Format::RGB_888, 3, &[(R, 0, 8), (G, 8, 8), (B, 16, 8)]),
    (Format::RGB_565, 2, &[(R, 11, 5), (G, 5, 6), (B, 0, 5)]),
    (Format::BGRA_8888, 4, &[(B, 0, 8), (G, 8, 8), (R, 16, 8), (A, 24, 8)]),
    (Format::RGBA_FP16, 8, &[(R, 0, 16), (G, 16, 16), (B, 32, 16), (A, 48, 16)]),
    (Format::RGBA_1010102, 4, &[(R, 0, 10), (G, 10, 10), (B, 20, 10), (A, 30, 2)]),
    (Format::R_8, 1, &[(R, 0, 8)]),
    (Format::R_16_UINT, 2, &[(R, 0, 16)]),
    (Format::RG_1616_UINT, 4, &[(R, 0, 16), (G, 16, 16)]),
    (Format::RGBA_10101010, 8, &[(R, 6, 10), (G, 22, 10), (B, 38, 10), (A, 54, 10)]),
    (Format::R_12_UINT, 2, &[(R, 4, 12)]),
    (Format::R_14_UINT, 2, &[(R, 2, 14)]),
    (Format::RG_1212_UINT, 4, &[(R, 4, 12), (G, 20, 12)]),
    (Format::RG_1414_UINT, 4, &[(R, 2, 14), (G, 18, 14)]),
    (Format::RGBA_12121212_UINT, 8, &[(R, 4, 12), (G, 20, 12), (B, 36, 12), (A, 52, 12)]),
    (Format::RGBA_14141414_UINT, 8, &[(R, 2, 14), (G, 18, 14), (B, 34, 14), (A, 50, 14)]),
    (Format::BGRA_1010102, 4, &[(B, 0, 10), (G, 10, 10), (R, 20, 10), (A, 30, 2)]),
    (Format::BGRX_1010102, 4, &[(B, 0, 10), (G, 10, 10), (R, 20, 10)]),
];

pub(super) fn tests() -> Vec<Test> {
    macro_rules! of_each {
        ($($format:ident),* $(,)?) => {
            vec![$(Test::new(
                concat!("mapper::Lock_RGB_Format_", stringify!($format)),
                "64 × 64 for the CPU: one plane at 0 with exactly the format's components, where the snapshot of --vts wants \
                 them; lines written by the stride are there after unlock and lock",
                |subject| lock(subject, Format::$format),
            )),*]
        };
    }
    of_each![
        RGBA_8888,
        RGBX_8888,
        RGB_888,
        RGB_565,
        BGRA_8888,
        RGBA_FP16,
        RGBA_1010102,
        R_8,
        R_16_UINT,
        RG_1616_UINT,
        RGBA_10101010,
        R_12_UINT,
        R_14_UINT,
        RG_1212_UINT,
        RG_1414_UINT,
        RGBA_12121212_UINT,
        RGBA_14141414_UINT,
        BGRA_1010102,
        BGRX_1010102,
    ]
}

/// The VTS lets no allocator go without these.
fn is_required(format: Format) -> bool {
    matches!(format, Format::RGBA_8888 | Format::RGBX_8888 | Format::RGB_888 | Format::RGB_565 | Format::BGRA_8888)
}

/// What a snapshot wants: until the newest, words of 16 bits begin where the word does, wherever the value in them is.
fn wanted(vts: Vts, parts: &[Part]) -> Vec<Part> {
    let of_a_word = |(kind, offset, size): Part| match size {
        10 | 12 | 14 if parts.iter().all(|(_, offset, size)| offset % 16 == 16 - size) => {
            (kind, if vts == Vts::Newest { offset } else { offset / 16 * 16 }, size)
        }
        _ => (kind, offset, size),
    };
    parts.iter().copied().map(of_a_word).collect()
}

fn lock(subject: &Subject, format: Format) -> Verdict {
    let Some((_, bytes, parts)) = ROWS.into_iter().find(|(row, _, _)| *row == format) else {
        unreachable!("no row for {format:?}")
    };
    if format == Format::BGRX_1010102 && subject.vts() != Vts::Newest {
        return Err(Skip("only the newest snapshot has a run for BGRX_1010102".to_owned()));
    }
    let info = Descriptor { format: format.value(), ..Descriptor::generic() };
    let Some(buffer) = subject.allocator.optional(&info) else {
        assert!(!is_required(format), "{format:?} is called unsupported");
        return Err(Skip(format!(
            "this allocator has no {format:?} for the CPU: isSupported and allocate2 both say no"
        )));
    };
    let imported = buffer.import(subject.mapper);
    let line = u64::try_from(64 * bytes).unwrap();
    let stride = u64::try_from(i64::from(buffer.stride) * bytes).unwrap();
    let last = stride * 63 + line;
    let value = |y: u64, x: u64| u8::try_from((y * 7 + x) & 0xff).unwrap();
    let locked = imported.lock(usage::CPU);
    let memory = Memory::new(locked.data(), last);
    (0..64).for_each(|y| (0..line).for_each(|x| memory.write(y * stride + x, value(y, x))));
    drop(locked.unlock());
    let locked = imported.lock(usage::CPU);
    let memory = Memory::new(locked.data(), last);
    for y in 0..64 {
        assert!((0..line).all(|x| memory.read(y * stride + x) == value(y, x)), "line {y} is not what was written");
    }
    drop(locked.unlock());
    let planes: Vec<PlaneLayout> = imported.get(Standard::PLANE_LAYOUTS);
    let [plane] = &planes[..] else { panic!("{} planes", planes.len()) };
    let order = |part: &(i64, i64, i64)| part.0;
    let mut found: Vec<_> =
        plane.components.iter().map(|part| (part.kind.value, part.offset_bits, part.size_bits)).collect();
    let mut right: Vec<_> =
        wanted(subject.vts(), parts).into_iter().map(|(kind, at, bits)| (kind.value(), at, bits)).collect();
    found.sort_by_key(order);
    right.sort_by_key(order);
    assert_eq!(found, right, "components: type, offset, size in bits");
    assert_eq!((plane.offset_bytes, plane.sample_increment_bits), (0, 8 * bytes));
    assert!(plane.total_bytes >= 64 * 64 * bytes, "{plane:?}");
    assert_eq!((plane.horizontal_subsampling, plane.vertical_subsampling), (1, 1));
    Ok(())
}

#[cfg(test)]
mod table {
    use super::*;

    /// The figures of the three programs, run: R_12 begins at 0 in the older two and at 4 in the newest.
    #[test]
    fn only_values_in_the_top_of_a_word_differ_between_snapshots() {
        for (format, bytes, parts) in ROWS {
            let (old, new) = (wanted(Vts::Seventeen, parts), wanted(Vts::Newest, parts));
            assert_eq!(new, parts, "{format:?}");
            let in_words = matches!(
                format,
                Format::RGBA_10101010
                    | Format::R_12_UINT
                    | Format::R_14_UINT
                    | Format::RG_1212_UINT
                    | Format::RG_1414_UINT
                    | Format::RGBA_12121212_UINT
                    | Format::RGBA_14141414_UINT
            );
            let words = old.iter().zip(0..).all(|((_, offset, _), at)| *offset == 16 * at);
            assert_eq!(old != new, in_words, "{format:?}");
            assert!(!in_words || (words && bytes == 2 * i64::try_from(old.len()).unwrap()), "{format:?}");
        }
    }
}
