//! The sections that say how a buffer's pixels lie: `[[format]]`, `[[compress]]`, `[[align]]`.

use super::{is_default, ConditionDoc};
use serde::Serialize;

/// One number for all planes, or one for each; the last of a list goes for the planes behind it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum PerPlane {
    /// For all.
    All(u32),
    /// By plane.
    Each(Vec<u32>),
}

/// `[[format]]`: a pixel format of the vendor's.
#[derive(Clone, Debug, PartialEq, Default, Serialize)]
pub struct FormatDoc {
    /// What the policy calls it.
    pub name: String,
    /// Its value in `BufferDescriptorInfo.format`.
    pub value: i64,
    /// The `[format_flags]` that are or-ed into the value.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
    /// Four letters of `drm_fourcc.h`, or `none`.
    pub fourcc: String,
    /// A `DRM_FORMAT_MOD_*` value. Default: 0, linear.
    #[serde(skip_serializing_if = "is_default")]
    pub modifier: u64,
    /// A layout whose planes it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub like: Option<String>,
    /// Its planes, where it has its own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub planes: Vec<PlaneDoc>,
    /// There is a linear form of it. Default: true; without it a request that nothing compresses is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub linear: Option<bool>,
    /// The CPU may map it. Default: true for a modifier of 0, else false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<bool>,
    /// Pixels of which the width is a multiple, or the request is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width_multiple: Option<u32>,
    /// Lines of which the height is a multiple, or the request is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height_multiple: Option<u32>,
    /// It has exactly as many lines as its height. Default: false.
    #[serde(skip_serializing_if = "is_default")]
    pub fixed_height: bool,
}

/// One of a format's `planes`.
#[derive(Clone, Debug, PartialEq, Default, Serialize)]
pub struct PlaneDoc {
    /// `Y:8`, `CB:10@6`; of packed samples the name alone.
    pub components: Vec<String>,
    /// Samples of a group. Default: 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub samples: Option<u32>,
    /// Bytes of a group. Default: those that the components need.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u32>,
    /// Pixels that a sample covers across and down. Default: 1, 1.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subsampling: Vec<u32>,
}

/// `[[compress]]`: how blocks of pixels lie, and what they are called.
#[derive(Clone, Debug, PartialEq, Default, Serialize)]
pub struct CompressDoc {
    /// The policy's name for it.
    pub name: String,
    /// When it applies.
    #[serde(flatten)]
    pub when: ConditionDoc,
    /// Four letters of `drm_fourcc.h`, or `none`.
    pub fourcc: String,
    /// A `DRM_FORMAT_MOD_*` value. Default: 0.
    #[serde(skip_serializing_if = "is_default")]
    pub modifier: u64,
    /// At this bit the modifier holds the lines of a column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modifier_lines_at: Option<u32>,
    /// The vendor's type of `COMPRESSION`. Default: none, memory that is tiled alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub type_name: Option<String>,
    /// Its value.
    #[serde(skip_serializing_if = "is_default")]
    pub type_value: u32,
    /// The value of the same type for planes that are headers.
    #[serde(skip_serializing_if = "is_default")]
    pub header_type: u32,
    /// Headers are listed as planes of their own. Default: false.
    #[serde(skip_serializing_if = "is_default")]
    pub header_planes: bool,
    /// All planes are one. Default: false.
    #[serde(skip_serializing_if = "is_default")]
    pub merged: bool,
    /// Bodies come before headers. Default: false.
    #[serde(skip_serializing_if = "is_default")]
    pub body_first: bool,
    /// Bytes of a column, for planes in columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column_bytes: Option<u32>,
    /// Most pixels across, lines, and blocks of 256 pixels of a buffer with room for two fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub two_fields: Vec<u32>,
    /// Bytes at which the layers of an array start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer_align: Option<u32>,
    /// What is written into a new buffer: `afbc`. Default: nothing, the kernel's zeros.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initialise: Option<String>,
    /// The blocks of each plane; the last goes for those behind it.
    pub grid: Vec<GridDoc>,
}

/// One of a compression's `grid`s.
#[derive(Clone, Debug, PartialEq, Default, Serialize)]
pub struct GridDoc {
    /// Samples of a block, across and down. Default: 1, 1.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub block: Vec<u32>,
    /// Blocks of which there are whole multiples. Default: 1, 1.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tile: Vec<u32>,
    /// Samples of which there are whole multiples before all else. Default: 1, 1.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub round: Vec<u32>,
    /// Bytes of a block. Default: those of its pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block_bytes: Option<u32>,
    /// Bits of a pixel. Default: the layout's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bits: Option<u32>,
    /// Bytes of which a block is a multiple.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block_align: Option<u32>,
    /// Samples of which a line is a multiple.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stride_pixels: Option<u32>,
    /// Bytes of which the stride is a multiple: the body is lines, not blocks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stride_bytes: Option<u32>,
    /// Lines of which there is a multiple.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines: Option<u32>,
    /// Bytes of which the body is a multiple.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_align: Option<u32>,
    /// Bytes of the body more, before that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_extra: Option<u32>,
    /// How often the body is there. Default: 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_copies: Option<u32>,
    /// Bytes of which each copy after the first is a multiple.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copy_align: Option<u32>,
    /// Bytes of header for so many blocks. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header_bytes: Option<u32>,
    /// Blocks that these are for. Default: 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header_blocks: Option<u32>,
    /// Bytes of which a row, and rows of which the header, is a multiple. Default: 1, 1.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub header_grid: Vec<u32>,
    /// Bytes of which the header is a multiple.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header_align: Option<u32>,
    /// Bytes of the header more, before that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header_extra: Option<u32>,
    /// The reported stride is a whole row of blocks. Default: false, a line.
    #[serde(skip_serializing_if = "is_default")]
    pub row_stride: bool,
}

/// `[[align]]`.
#[derive(Clone, Debug, PartialEq, Default, Serialize)]
pub struct AlignDoc {
    /// The policy's name for it.
    pub name: String,
    /// When it applies.
    #[serde(flatten)]
    pub when: ConditionDoc,
    /// How it meets those before it: `lcm`, `maximum`, `replace`. Default: lcm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub combine: Option<String>,
    /// Pixels of the width, before all else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width_pixels: Option<u32>,
    /// Bytes of a plane's line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stride_bytes: Option<PerPlane>,
    /// Pixels of the first plane's line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stride_pixels: Option<u32>,
    /// Bytes of which the first plane's line is an odd multiple; or each plane's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub odd_stride_bytes: Option<PerPlane>,
    /// Pixels of which the first plane's line is an odd multiple.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub odd_stride_pixels: Option<u32>,
    /// How the other planes get their stride. Default: proportional.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chroma_stride: Option<String>,
    /// Lines of a plane.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height_lines: Option<PerPlane>,
    /// Lines more than that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub added_lines: Option<u32>,
    /// Bytes at which a plane starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plane_start: Option<PerPlane>,
    /// Bytes of a plane with its padding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plane_size: Option<PerPlane>,
    /// Bytes behind a plane.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub padding_bytes: Option<PerPlane>,
    /// Lines behind a plane, in lines of the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub padding_lines: Option<PerPlane>,
    /// Bytes behind all planes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tail_bytes: Option<u32>,
    /// Lines of the first plane behind all planes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tail_lines: Option<u32>,
    /// Pixels across and down of a block, and bytes for each behind all planes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tail_blocks: Vec<u32>,
    /// A part of the first plane behind all planes: parts, of how many.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tail_of_luma: Vec<u32>,
    /// The least bytes of all that is behind the planes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tail_least: Option<u32>,
    /// The least bytes of a layer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub least_bytes: Option<u64>,
    /// The least bytes of a layer as a part of the first plane: parts, of how many.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub least_of_luma: Vec<u32>,
    /// Bytes of a layer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u32>,
}

impl AlignDoc {
    /// True when it says nothing beside its name, its conditions and how it combines, or only multiples of 1.
    pub fn asks_nothing(&self) -> bool {
        let one = |value: &Option<PerPlane>| match value {
            None | Some(PerPlane::All(1)) => true,
            Some(PerPlane::All(_)) => false,
            Some(PerPlane::Each(list)) => list.iter().all(|value| *value == 1),
        };
        let bare = AlignDoc {
            name: self.name.clone(),
            when: self.when.clone(),
            combine: self.combine.clone(),
            stride_bytes: self.stride_bytes.clone().filter(|_| one(&self.stride_bytes)),
            height_lines: self.height_lines.clone().filter(|_| one(&self.height_lines)),
            stride_pixels: self.stride_pixels.filter(|value| *value == 1),
            size_bytes: self.size_bytes.filter(|value| *value == 1),
            ..AlignDoc::default()
        };
        // A replacement by "no multiple" is something to ask for.
        *self == bare && self.combine.as_deref() != Some("replace")
    }
}
