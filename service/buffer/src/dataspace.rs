//! `Dataspace`, the colours that a buffer's numbers stand for: what an allocation may ask for, and its names.
//!
//! Source: AOSP `hardware/interfaces/graphics/common/aidl/.../Dataspace.aidl` (V5 to V7): three fields, each an enumeration,
//! or one of a few numbers below them. A buffer that lives may be given any number (`setMetadata`): vendors have their own.

use std::fmt;

/// The name of the option of an allocation (`additionalOptions`) whose value is a [`Dataspace`]: the AIDL type's own.
pub const DATASPACE_OPTION: &str = "android.hardware.graphics.common.Dataspace";

/// A value that `Dataspace.aidl` defines. The default is UNKNOWN.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dataspace(i32);

/// Lowest bit and names of a field, by value; 0 is unspecified.
struct Field(u32, &'static [&'static str]);

const STANDARD: Field = Field(
    16,
    &[
        "BT709",
        "BT601_625",
        "BT601_625_UNADJUSTED",
        "BT601_525",
        "BT601_525_UNADJUSTED",
        "BT2020",
        "BT2020_CONSTANT_LUMINANCE",
        "BT470M",
        "FILM",
        "DCI_P3",
        "ADOBE_RGB",
    ],
);
const TRANSFER: Field =
    Field(22, &["LINEAR", "SRGB", "SMPTE_170M", "GAMMA2_2", "GAMMA2_6", "GAMMA2_8", "ST2084", "HLG"]);
const RANGE: Field = Field(27, &["FULL", "LIMITED", "EXTENDED"]);

/// Where one field ends and the next begins.
const STANDARD_MASK: u32 = 63 << 16;
const TRANSFER_MASK: u32 = 31 << 22;
const RANGE_MASK: u32 = 7 << 27;

/// Numbers that are no fields.
const WHOLE: [(i32, &str); 9] = [
    (0, "UNKNOWN"),
    (1, "ARBITRARY"),
    (0x1000, "DEPTH"),
    (0x1001, "SENSOR"),
    (0x1002, "DYNAMIC_DEPTH"),
    (0x1003, "JPEG_APP_SEGMENTS"),
    (0x1004, "HEIF"),
    (0x1005, "JPEG_R"),
    (0x1006, "HEIF_ULTRAHDR"),
];

/// Names of three fields together.
const NAMED: [(i32, &str); 24] = [
    (0x0841_0000, "SRGB_LINEAR"),
    (0x1841_0000, "SCRGB_LINEAR"),
    (0x0881_0000, "SRGB"),
    (0x1881_0000, "SCRGB"),
    (0x08c2_0000, "JFIF"),
    (0x10c2_0000, "BT601_625"),
    (0x10c4_0000, "BT601_525"),
    (0x10c1_0000, "BT709"),
    (0x084a_0000, "DCI_P3_LINEAR"),
    (0x094a_0000, "DCI_P3"),
    (0x084a_0000, "DISPLAY_P3_LINEAR"),
    (0x088a_0000, "DISPLAY_P3"),
    (0x090b_0000, "ADOBE_RGB"),
    (0x084b_0000, "ADOBE_RGB_LINEAR"),
    (0x0846_0000, "BT2020_LINEAR"),
    (0x08c6_0000, "BT2020"),
    (0x09c6_0000, "BT2020_PQ"),
    (0x1846_0000, "BT2020_LINEAR_EXTENDED"),
    (0x10c6_0000, "BT2020_ITU"),
    (0x11c6_0000, "BT2020_ITU_PQ"),
    (0x1206_0000, "BT2020_ITU_HLG"),
    (0x0a06_0000, "BT2020_HLG"),
    (0x0886_0000, "DISPLAY_BT2020"),
    (0x08c1_0000, "BT709_FULL_RANGE"),
];

impl Dataspace {
    /// The value of a name of the AIDL, or of names of fields with `|` between them: `SRGB`,
    /// `STANDARD_BT709|TRANSFER_SRGB|RANGE_FULL`.
    pub fn from_name(text: &str) -> Option<Dataspace> {
        let mut names = WHOLE.iter().chain(&NAMED);
        if let Some((value, _)) = names.find(|(_, name)| *name == text) {
            return Some(Dataspace(*value));
        }
        let fields = [("STANDARD_", STANDARD), ("TRANSFER_", TRANSFER), ("RANGE_", RANGE)];
        let mut set = [None; 3];
        for part in text.split('|').map(str::trim) {
            let mut fields = fields.iter().zip(&mut set);
            let (place, value) = fields.find_map(|((prefix, Field(shift, known)), place)| {
                let name = part.strip_prefix(prefix)?;
                let at = known.iter().position(|known| *known == name).map(|at| at.saturating_add(1));
                let number = at.or((name == "UNSPECIFIED").then_some(0))?;
                Some((place, i32::try_from(number).ok()? << shift))
            })?;
            // A field is said once.
            if place.replace(value).is_some() {
                return None;
            }
        }
        Some(Dataspace(set.into_iter().flatten().fold(0, |all, value| all | value)))
    }

    /// The names that [`from_name`](Self::from_name) takes whole.
    pub fn names() -> impl Iterator<Item = &'static str> {
        WHOLE.iter().chain(&NAMED).map(|(_, name)| *name)
    }

    /// The value of an option; `None` for a number that the AIDL does not define.
    pub fn from_wire(value: i64) -> Option<Dataspace> {
        let value = i32::try_from(value).ok()?;
        words(value).map(|_| Dataspace(value))
    }

    /// The AIDL value.
    pub const fn to_wire(self) -> i32 {
        self.0
    }

    /// Nobody said which: as a buffer is when it is new.
    pub const fn is_unknown(self) -> bool {
        self.0 == 0
    }
}

/// What a number says, by the AIDL's names without their prefixes; `None` for one that is not defined.
pub(crate) fn words(value: i32) -> Option<String> {
    if let Some((_, name)) = WHOLE.iter().find(|(whole, _)| *whole == value) {
        return Some((*name).to_owned());
    }
    let bits = u32::from_ne_bytes(value.to_ne_bytes());
    if bits & !(STANDARD_MASK | TRANSFER_MASK | RANGE_MASK) != 0 {
        return None;
    }
    let fields = [(STANDARD, STANDARD_MASK), (TRANSFER, TRANSFER_MASK), (RANGE, RANGE_MASK)];
    let mut names = Vec::new();
    for (Field(shift, known), mask) in fields {
        let number = usize::try_from((bits & mask) >> shift).ok()?;
        names.push(match number.checked_sub(1) {
            None => "UNSPECIFIED",
            Some(at) => known.get(at)?,
        });
    }
    Some(names.join(" "))
}

/// The number, and what it says.
impl fmt::Display for Dataspace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x} ({})", self.0, words(self.0).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All numbers of the frozen V7 (AOSP `hardware/interfaces/graphics/common/aidl/aidl_api/android.hardware.graphics.common/7`,
    /// `Dataspace.aidl`), but for its shifts and masks.
    #[test]
    fn every_dataspace_of_the_aidl_is_one() {
        let fields: [i64; 22] = [
            65536,
            131_072,
            196_608,
            262_144,
            327_680,
            393_216,
            458_752,
            524_288,
            589_824,
            655_360,
            720_896,
            4_194_304,
            8_388_608,
            12_582_912,
            16_777_216,
            20_971_520,
            25_165_824,
            29_360_128,
            33_554_432,
            134_217_728,
            268_435_456,
            402_653_184,
        ];
        // From SRGB_LINEAR to BT709_FULL_RANGE, in its order.
        let named: [i64; 24] = [
            138_477_568,
            406_913_024,
            142_671_872,
            411_107_328,
            146_931_712,
            281_149_440,
            281_280_512,
            281_083_904,
            139_067_392,
            155_844_608,
            143_261_696,
            151_715_840,
            139_132_928,
            138_805_248,
            147_193_856,
            163_971_072,
            407_240_704,
            281_411_584,
            298_188_800,
            302_383_104,
            168_165_376,
            142_999_552,
            0x1000,
            146_866_176,
        ];
        let whole: [i64; 8] = [0, 1, 0x1001, 0x1002, 0x1003, 0x1004, 0x1005, 0x1006];
        let defined = fields.into_iter().chain(named).chain(whole);
        for value in defined {
            assert_eq!(Dataspace::from_wire(value).map(Dataspace::to_wire).map(i64::from), Some(value), "{value:#x}");
        }
    }

    #[test]
    fn names_are_the_aidl_s() {
        for (name, value) in [
            ("UNKNOWN", 0),
            ("ARBITRARY", 1),
            ("HEIF", 0x1004),
            ("SRGB_LINEAR", 138_477_568),
            ("SCRGB_LINEAR", 406_913_024),
            ("SRGB", 142_671_872),
            ("SCRGB", 411_107_328),
            ("JFIF", 146_931_712),
            ("BT601_625", 281_149_440),
            ("BT601_525", 281_280_512),
            ("BT709", 281_083_904),
            ("DCI_P3_LINEAR", 139_067_392),
            ("DCI_P3", 155_844_608),
            ("DISPLAY_P3_LINEAR", 139_067_392),
            ("DISPLAY_P3", 143_261_696),
            ("ADOBE_RGB", 151_715_840),
            ("ADOBE_RGB_LINEAR", 139_132_928),
            ("BT2020_LINEAR", 138_805_248),
            ("BT2020", 147_193_856),
            ("BT2020_PQ", 163_971_072),
            ("BT2020_LINEAR_EXTENDED", 407_240_704),
            ("BT2020_ITU", 281_411_584),
            ("BT2020_ITU_PQ", 298_188_800),
            ("BT2020_ITU_HLG", 302_383_104),
            ("BT2020_HLG", 168_165_376),
            ("DISPLAY_BT2020", 142_999_552),
            ("BT709_FULL_RANGE", 146_866_176),
            ("STANDARD_BT709|TRANSFER_SRGB|RANGE_FULL", 142_671_872),
            ("RANGE_EXTENDED | STANDARD_BT2020", 0x1806_0000),
            ("STANDARD_UNSPECIFIED", 0),
        ] {
            assert_eq!(Dataspace::from_name(name), Some(Dataspace(value)), "{name}");
        }
        for name in
            ["", "srgb", "BT709 SRGB FULL", "STANDARD_BT709|STANDARD_BT2020", "SRGB|RANGE_FULL", "RANGE_SRGB", "|"]
        {
            assert_eq!(Dataspace::from_name(name), None, "{name}");
        }
        // Each is one that a request may have.
        for name in Dataspace::names() {
            let value = Dataspace::from_name(name).unwrap();
            assert_eq!(Dataspace::from_wire(i64::from(value.to_wire())), Some(value), "{name}");
        }
    }

    #[test]
    fn a_number_that_is_not_defined_is_none() {
        for value in [2, 0x1007, 0x10001, 12 << 16, 63 << 16, 9 << 22, 4 << 27, 1 << 30, -1, i64::MIN, 1 << 32, 1 << 63]
        {
            assert_eq!(Dataspace::from_wire(value), None, "{value:#x}");
        }
    }

    #[test]
    fn fields_are_named() {
        assert_eq!(Dataspace(142_671_872).to_string(), "0x8810000 (BT709 SRGB FULL)");
        assert_eq!(Dataspace(0x1004).to_string(), "0x1004 (HEIF)");
        assert_eq!(Dataspace(0x10000).to_string(), "0x10000 (BT709 UNSPECIFIED UNSPECIFIED)");
    }
}
