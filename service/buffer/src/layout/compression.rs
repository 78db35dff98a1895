//! What is said of a buffer whose planes are compressed or tiled: grids of blocks, each plane with a header, a body, or both.
//!
//! How large these are is a policy's to compute (`blocks`); what travels in a handle are the bytes. Nothing here is believed
//! until [`Compression::check`] has looked at it.

use super::{check::check_size, Area, LayoutError, Plane, Planes, MAX_PLANES};
use std::fmt;

/// `DRM_FORMAT_MOD_INVALID`: there is a layout, and no modifier that says it.
pub const NO_MODIFIER: u64 = 0x00ff_ffff_ffff_ffff;

/// What an importer is told of a buffer, for people: `AB24, modifier 0x0800000000000051`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DrmFormat {
    /// The `DRM_FORMAT_*` code; 0 for none.
    pub fourcc: u32,
    /// The `DRM_FORMAT_MOD_*` value.
    pub modifier: u64,
}

impl fmt::Display for DrmFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fourcc {
            0 => f.write_str("no fourcc")?,
            fourcc => write!(f, "{}", fourcc.to_le_bytes().escape_ascii())?,
        }
        match self.modifier {
            0 => f.write_str(", modifier 0 (linear)"),
            NO_MODIFIER => write!(f, ", modifier {NO_MODIFIER:#018x} (none says it)"),
            modifier => write!(f, ", modifier {modifier:#018x}"),
        }
    }
}

/// Longest name of a vendor's type, in bytes.
pub const TYPE_NAME_BYTES: usize = 32;

/// The name of a vendor's `ExtendableType`: printable ASCII, at most [`TYPE_NAME_BYTES`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct TypeName([u8; TYPE_NAME_BYTES]);

impl TypeName {
    /// The name of a text; `None` for one that is too long or not printable ASCII.
    pub fn from_text(text: &str) -> Option<TypeName> {
        let mut wire = [0; TYPE_NAME_BYTES];
        wire.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        TypeName::from_wire(wire)
    }

    /// The name of a handle's bytes; `None` where something is not printable, or stands behind the end.
    pub fn from_wire(wire: [u8; TYPE_NAME_BYTES]) -> Option<TypeName> {
        let name = TypeName(wire);
        let rest = wire.get(name.bytes().len()..)?;
        (name.bytes().iter().all(u8::is_ascii_graphic) && rest.iter().all(|byte| *byte == 0)).then_some(name)
    }

    /// As it stands in a handle.
    pub const fn to_wire(self) -> [u8; TYPE_NAME_BYTES] {
        self.0
    }

    /// The name, without what fills it up.
    pub fn bytes(&self) -> &[u8] {
        let end = self.0.iter().position(|byte| *byte == 0).unwrap_or(TYPE_NAME_BYTES);
        self.0.get(..end).unwrap_or(&self.0)
    }

    /// No name at all.
    pub fn is_empty(&self) -> bool {
        self.bytes().is_empty()
    }
}

impl fmt::Display for TypeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bytes().escape_ascii().fmt(f)
    }
}

impl fmt::Debug for TypeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// How a buffer is compressed or tiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Compression {
    /// Whose value [`Compression::value`] is; empty for memory that is tiled and not compressed.
    pub name: TypeName,
    /// The value of `COMPRESSION`.
    pub value: i32,
    /// The value of `PlaneLayoutComponentType`, of the same name, for planes that are headers.
    pub header_type: i32,
    /// In each plane the body comes before the header.
    pub body_first: bool,
    /// Planes lie in one another: each has its lines in every column, and its bytes count those of all columns.
    pub columns: bool,
    /// By plane.
    pub areas: [Area; MAX_PLANES],
}

impl Compression {
    /// Checks that `planes` are ones of a layer of `layer_bytes`: at least `least` of them, each with bytes of its own.
    ///
    /// Planes behind those are headers, which planes in columns do not have.
    ///
    /// # Errors
    /// What is wrong with them. Never panics, whatever the numbers.
    pub fn check(
        &self,
        planes: &Planes,
        least: usize,
        layer_bytes: u64,
        width: u32,
        height: u32,
    ) -> Result<(), LayoutError> {
        check_size(width, height)?;
        let planes = planes.as_slice();
        if planes.is_empty() || planes.len() < least {
            return Err(LayoutError::PlaneCount { found: planes.len(), expected: least.max(1) });
        }
        let int = |value: u32| value > 0 && i32::try_from(value).is_ok();
        for (index, (plane, area)) in planes.iter().zip(&self.areas).enumerate() {
            let bad = LayoutError::Plane { index, found: *plane };
            if area.bytes() == 0 || !int(plane.stride_bytes) || !int(plane.lines) {
                return Err(bad);
            }
            let end = plane.offset_bytes.checked_add(area.bytes()).ok_or(bad)?;
            if end > layer_bytes {
                return Err(LayoutError::Outside { end: Some(end), layer_bytes });
            }
            let apart = |other: &(&Plane, &Area)| {
                end <= other.0.offset_bytes
                    || other.0.offset_bytes.saturating_add(other.1.bytes()) <= plane.offset_bytes
            };
            if !self.columns && !planes.iter().zip(&self.areas).take(index).all(|other| apart(&other)) {
                return Err(bad);
            }
        }
        match self.columns {
            true if planes.len() != least => {
                Err(LayoutError::PlaneCount { found: planes.len(), expected: least.max(1) })
            }
            true => self.check_columns(planes, layer_bytes),
            false => Ok(()),
        }
    }

    /// Planes in one another's columns: a stride is a line through all columns, the same of every plane, and a plane's bytes are its
    /// lines. How wide a column is, is said by where the second plane begins, behind the first one's lines: so no two have a byte in
    /// common where the lines of each follow those of the one before, and the last column's end is the end of all.
    fn check_columns(&self, planes: &[Plane], layer_bytes: u64) -> Result<(), LayoutError> {
        let Some(first) = planes.first() else { return Ok(()) };
        let stride = u64::from(first.stride_bytes);
        let column = planes.get(1).map_or(Some(stride), |second| {
            let lines = u64::from(first.lines);
            second
                .offset_bytes
                .checked_div(lines)
                .filter(|column| column.checked_mul(lines) == Some(second.offset_bytes))
        });
        let column = column.filter(|column| *column > 0 && stride % column == 0);
        let mut above = 0u64;
        for (index, (plane, area)) in planes.iter().zip(&self.areas).enumerate() {
            let bad = LayoutError::Plane { index, found: *plane };
            let whole = plane.bytes() == u64::from(area.body_bytes) && area.header_bytes == 0;
            if !whole || plane.stride_bytes != first.stride_bytes {
                return Err(bad);
            }
            // The first begins at the start whatever its columns are; the second's place is what says them.
            let place = if above == 0 { Some(0) } else { column.and_then(|column| column.checked_mul(above)) };
            if place != Some(plane.offset_bytes) {
                return Err(bad);
            }
            above = above.checked_add(plane.lines.into()).ok_or(bad)?;
        }
        match above.checked_mul(stride) {
            Some(end) if end <= layer_bytes => Ok(()),
            end => Err(LayoutError::Outside { end, layer_bytes }),
        }
    }
}
