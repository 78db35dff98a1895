//! The steps in which a layer of lines is laid out.

/// The order in which a layer of lines is laid out, whatever the order in which a policy asks. This is where it is written;
/// `explain` shows it with what asked for each step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// See [`Step::words`], as for all.
    Width,
    /// The first plane's stride.
    Stride,
    /// The first plane's lines.
    Lines,
    /// What the other planes have of these.
    OtherPlanes,
    /// Where planes begin and end.
    Places,
    /// What is behind them.
    Tail,
    /// What a layer has at least.
    Minimum,
    /// What it is a multiple of.
    Size,
}

impl Step {
    /// All, first to last.
    pub const ALL: [Step; 8] = [
        Step::Width,
        Step::Stride,
        Step::Lines,
        Step::OtherPlanes,
        Step::Places,
        Step::Tail,
        Step::Minimum,
        Step::Size,
    ];

    /// A word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Step::Width => "width",
            Step::Stride => "stride",
            Step::Lines => "lines",
            Step::OtherPlanes => "other planes",
            Step::Places => "offsets",
            Step::Tail => "tail",
            Step::Minimum => "minimum",
            Step::Size => "layers",
        }
    }

    /// What is done, for people.
    pub const fn words(self) -> &'static str {
        match self {
            Step::Width => "the width is rounded",
            Step::Stride => {
                "the first plane's stride: its samples' bytes, rounded to whole samples of every plane, to what the format's definition \
                 fixes, to `stride_bytes` and `stride_pixels`, then up to an odd multiple"
            }
            Step::Lines => "the first plane's lines: the height rounded, `added_lines` behind it",
            Step::OtherPlanes => {
                "the other planes' strides and lines from the first's, each rounded on its own where a list says so"
            }
            Step::Places => {
                "plane after plane: `plane_start`, stride times lines, `padding_lines`, `padding_bytes`, `plane_size`"
            }
            Step::Tail => {
                "the tail: `tail_bytes`, `tail_lines`, `tail_blocks`, `tail_of_luma`, together at least `tail_least`"
            }
            Step::Minimum => "the layer's minimum: `least_bytes`, `least_of_luma`",
            Step::Size => "`size_bytes`; layers of an array start at multiples of 64 too",
        }
    }
}
