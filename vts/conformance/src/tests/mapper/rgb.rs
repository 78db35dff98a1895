//! `Lock_RGB_Format`, one test a format: since 16 QPR2 the VTS writes and reads back each colour format that the allocator has
//! and compares its description. What it wants of 10-, 12- and 14-bit values in words of 16 is not the same in each snapshot:
//! `--vts` says which one.

#![allow(non_snake_case)] // The VTS's names.

use crate::case::{Skip, Test, Verdict};
use crate::descriptor::Descriptor;
use crate::format::{Contract, Format, Part};
use crate::image::Memory;
use crate::mapper::usage;
use crate::metadata::{PlaneLayout, Standard};
use crate::options::Vts;
use crate::subject::Subject;

macro_rules! formats {
    ($($format:ident),* $(,)?) => {
        /// Those that the VTS has a run for.
        #[cfg(test)]
        const FORMATS: &[Format] = &[$(Format::$format),*];

        pub(super) fn tests() -> Vec<Test> {
            vec![$(Test::new(
                concat!("mapper::Lock_RGB_Format_", stringify!($format)),
                "64 × 64 for the CPU: one plane at 0 with exactly the format's components, where the snapshot of --vts wants \
                 them; lines written by the stride are there after unlock and lock",
                |subject| lock(subject, Format::$format),
            )),*]
        }
    };
}

formats![
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
];

/// Bytes of a sample, and its components where the values truly are.
fn sample(format: Format) -> (i64, &'static [Part]) {
    match format.contract() {
        Contract::Packed(bits, parts) => (bits / 8, parts),
        other => unreachable!("{format:?} is {other:?}"),
    }
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
    let (bytes, parts) = sample(format);
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
        for format in FORMATS {
            let (bytes, parts) = sample(*format);
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
