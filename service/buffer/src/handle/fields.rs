//! The ints one by one, in words: for people who look at a handle, also at one that [`decode`](crate::handle::decode()) refuses.
//!
//! [`TABLE`] is the definition of the handle's ints, version 3.

use crate::handle::encode::{
    BODY_FIRST, CACHED, COLUMNS, COMPRESSED, CONTIGUOUS, FLAGS, NOT_MAPPABLE, PROTECTED, STRICT_CPU_USAGE,
    VENDOR_FORMAT,
};
use crate::handle::MAGIC;
use crate::layout::ComponentKind;
use crate::name::NAME_BYTES;
use crate::{BufferName, Layout, PixelFormat, Usage};
use std::ops::Range;

/// A field of a handle, as it stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// What it is called.
    pub name: &'static str,
    /// Which ints it takes.
    pub ints: Range<usize>,
    /// What they say, in words; text is escaped.
    pub value: String,
}

/// How a field's ints are to be read.
#[derive(Clone, Copy)]
enum Kind {
    /// Four letters, the lowest byte first.
    Magic,
    /// One int.
    Number,
    /// Two ints, the lower half first.
    Long,
    /// The same, in hexadecimal.
    Hex,
    /// `PixelFormat`.
    Format,
    /// `BufferUsage`, two ints.
    Usage,
    /// The layout's id.
    Layout,
    /// Bits.
    Flags,
    /// A plane: offset (two ints), stride, lines.
    Plane,
    /// An area: bytes of header and body.
    Area,
    /// Four letters, the lowest byte first.
    Fourcc,
    /// A plane's own shape.
    Shape,
    /// 32 bytes of a type's name.
    TypeName,
    /// 128 bytes, the lowest of each int first.
    Name,
    /// 128 bits of a hash, the highest of each int first.
    Digest,
}

/// The fields in order, with how many ints each takes.
const TABLE: &[(&str, usize, Kind)] = &[
    ("magic", 1, Kind::Magic),
    ("version", 1, Kind::Number),
    ("ints", 1, Kind::Number),
    ("id", 2, Kind::Hex),
    ("width", 1, Kind::Number),
    ("height", 1, Kind::Number),
    ("layers", 1, Kind::Number),
    ("format", 1, Kind::Format),
    ("usage", 2, Kind::Usage),
    ("layout", 1, Kind::Layout),
    ("fourcc", 1, Kind::Fourcc),
    ("modifier", 2, Kind::Hex),
    ("stride", 1, Kind::Number),
    ("flags", 1, Kind::Flags),
    ("buffer_bytes", 2, Kind::Long),
    ("layer_bytes", 2, Kind::Long),
    ("metadata_bytes", 2, Kind::Long),
    ("reserved_bytes", 2, Kind::Long),
    ("planes", 1, Kind::Number),
    ("plane_0", 4, Kind::Plane),
    ("plane_1", 4, Kind::Plane),
    ("plane_2", 4, Kind::Plane),
    ("plane_3", 4, Kind::Plane),
    ("area_0", 2, Kind::Area),
    ("area_1", 2, Kind::Area),
    ("area_2", 2, Kind::Area),
    ("area_3", 2, Kind::Area),
    ("compression", 1, Kind::Number),
    ("header_type", 1, Kind::Number),
    ("compression_name", 8, Kind::TypeName),
    ("shape_0", 3, Kind::Shape),
    ("shape_1", 3, Kind::Shape),
    ("shape_2", 3, Kind::Shape),
    ("shape_3", 3, Kind::Shape),
    ("name", 32, Kind::Name),
    ("vendor_metadata", 4, Kind::Digest),
];

/// Every field of a handle's ints, whatever they are. Fields that are cut off are left out; ints beyond the last field
/// come as one called `beyond`.
pub fn fields(ints: &[i32]) -> Vec<Field> {
    let mut fields = Vec::with_capacity(TABLE.len());
    let mut at = 0;
    for &(name, count, kind) in TABLE {
        let range = at..at + count;
        let Some(own) = ints.get(range.clone()) else {
            return fields;
        };
        at = range.end;
        fields.push(Field { name, ints: range, value: kind.words(own) });
    }
    if let Some(beyond @ [_, ..]) = ints.get(at..) {
        let value = format!("{} ints that no handle has", beyond.len());
        fields.push(Field { name: "beyond", ints: at..ints.len(), value });
    }
    fields
}

impl Kind {
    /// The ints in words. `own` has as many as the table says.
    fn words(self, own: &[i32]) -> String {
        match (self, own) {
            (Kind::Magic, &[int]) => {
                let text = int.to_le_bytes().escape_ascii().to_string();
                let note = if int == MAGIC { "" } else { ", not ours" };
                format!("\"{text}\"{note}")
            }
            (Kind::Number, &[int]) => int.to_string(),
            (Kind::Long, &[low, high]) => long(low, high).to_string(),
            (Kind::Hex, &[low, high]) => format!("{:#x}", long(low, high)),
            (Kind::Format, &[int]) => match PixelFormat::from_wire(int) {
                Some(format) => format.name().to_owned(),
                None => format!("{int:#x}, not a PixelFormat"),
            },
            (Kind::Usage, &[low, high]) => Usage(long(low, high)).to_string(),
            (Kind::Layout, &[int]) => match Layout::from_id(word(int)) {
                Some(layout) => layout.name().to_owned(),
                None => format!("{}, no such layout", word(int)),
            },
            (Kind::Flags, &[int]) => flags(word(int)),
            (Kind::Plane, &[low, high, stride, lines]) => {
                format!("at byte {}, {} lines of {} bytes", long(low, high), word(lines), word(stride))
            }
            (Kind::Area, &[header, body]) => format!("{} bytes of header, {} of body", word(header), word(body)),
            (Kind::Fourcc, &[0]) => "none".to_owned(),
            (Kind::Fourcc, &[int]) => format!("\"{}\"", int.to_le_bytes().escape_ascii()),
            (Kind::Shape, [0, 0, 0]) => "the layout's".to_owned(),
            (Kind::Shape, &[group, low, high]) => shape(group, low, high),
            (Kind::TypeName, ints) => {
                let bytes: Vec<u8> =
                    ints.iter().flat_map(|int| int.to_le_bytes()).take_while(|byte| *byte != 0).collect();
                format!("\"{}\"", bytes.escape_ascii())
            }
            (Kind::Name, ints) => name(ints),
            (_, ints) if ints.iter().all(|int| *int == 0) => "none".to_owned(),
            (_, ints) => ints.iter().map(|int| format!("{:08x}", word(*int))).collect::<Vec<_>>().concat(),
        }
    }
}

fn flags(bits: u32) -> String {
    const NAMES: [(u32, &str); 9] = [
        (PROTECTED, "protected"),
        (CACHED, "cached"),
        (CONTIGUOUS, "contiguous"),
        (NOT_MAPPABLE, "not for the CPU"),
        (COMPRESSED, "compressed"),
        (BODY_FIRST, "body first"),
        (COLUMNS, "in columns"),
        (VENDOR_FORMAT, "a vendor's format"),
        (STRICT_CPU_USAGE, "strict CPU usage"),
    ];
    let mut words: Vec<String> =
        NAMES.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, name)| (*name).to_owned()).collect();
    let unknown = bits & !FLAGS;
    if unknown != 0 {
        words.push(format!("{unknown:#x}, of no meaning"));
    }
    if words.is_empty() {
        return "none".to_owned();
    }
    words.join(", ")
}

fn shape(group: i32, low: i32, high: i32) -> String {
    let [across, down, samples, bytes] = word(group).to_le_bytes();
    let (low, high) = (word(low), word(high));
    let parts = [low & 0xffff, low >> 16, high & 0xffff, high >> 16];
    let part = |half: &u32| {
        let kind = usize::try_from(half & 15).ok().and_then(|kind| kind.checked_sub(1));
        let kind = kind.and_then(|kind| ComponentKind::ALL.get(kind)).map_or("?", |kind| kind.name());
        format!("{kind} at bit {} ({})", half >> 4 & 0x7f, (half >> 11) + 1)
    };
    let parts: Vec<String> = parts.iter().filter(|half| **half != 0).map(part).collect();
    format!("{across}x{down} pixels a sample, {samples} samples in {bytes} bytes, [{}]", parts.join(", "))
}

fn name(ints: &[i32]) -> String {
    let bytes: Vec<u8> = ints.iter().flat_map(|int| int.to_le_bytes()).collect();
    match <[u8; NAME_BYTES]>::try_from(bytes) {
        Ok(wire) => {
            let name = BufferName::from_wire(&wire);
            let note = if *name.to_wire() == wire { "" } else { ", with more behind it" };
            format!("\"{name}\"{note}")
        }
        Err(_) => String::new(),
    }
}

fn word(int: i32) -> u32 {
    u32::from_ne_bytes(int.to_ne_bytes())
}

fn long(low: i32, high: i32) -> u64 {
    u64::from(word(high)) << 32 | u64::from(word(low))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handle::INTS;

    #[test]
    fn the_table_covers_every_int() {
        assert_eq!(TABLE.iter().map(|(_, count, _)| count).sum::<usize>(), INTS);
    }

    #[test]
    fn hostile_ints_are_described_too() {
        let all = fields(&[-1; INTS + 2]);
        let value = |name| all.iter().find(|field| field.name == name).map(|field| field.value.as_str());
        assert_eq!(value("magic"), Some(r#""\xff\xff\xff\xff", not ours"#));
        assert_eq!(value("format"), Some("0xffffffff, not a PixelFormat"));
        assert_eq!(value("layout"), Some("4294967295, no such layout"));
        assert_eq!(value("flags"), Some(
                "protected, cached, contiguous, not for the CPU, compressed, body first, in columns, a vendor's format, \
                 strict CPU usage, 0xfffffe00, of no meaning"
            )
        );
        assert_eq!(value("buffer_bytes"), Some("18446744073709551615"));
        assert_eq!(value("plane_2"), Some("at byte 18446744073709551615, 4294967295 lines of 4294967295 bytes"));
        assert_eq!(value("vendor_metadata"), Some("ffffffffffffffffffffffffffffffff"));
        assert_eq!(value("beyond"), Some("2 ints that no handle has"));
        assert!(value("name").is_some_and(|name| name.ends_with(r#"\xff", with more behind it"#)));
    }

    #[test]
    fn fields_that_are_cut_off_are_left_out() {
        assert!(fields(&[]).is_empty());
        let names: Vec<_> = fields(&[MAGIC, 1, 72, 5]).into_iter().map(|field| field.name).collect();
        assert_eq!(names, ["magic", "version", "ints"]);
    }
}
