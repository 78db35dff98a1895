//! The values that are more than a number.

/// `ExtendableType`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extendable {
    /// Whose number it is.
    pub name: String,
    /// The number.
    pub value: i64,
}

/// `PlaneLayoutComponent`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// What it holds.
    pub kind: Extendable,
    /// From the start of the sample, in bits.
    pub offset_bits: i64,
    /// In bits; −1 for packed raw.
    pub size_bits: i64,
}

/// `PlaneLayout`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaneLayout {
    /// The components of a sample.
    pub components: Vec<Component>,
    /// From the start of the buffer.
    pub offset_bytes: i64,
    /// From one sample to the next; 0 for packed raw.
    pub sample_increment_bits: i64,
    /// From one line to the next.
    pub stride_bytes: i64,
    /// Samples in a line.
    pub width_samples: i64,
    /// Lines of samples.
    pub height_samples: i64,
    /// Of the plane.
    pub total_bytes: i64,
    /// Pixels across that share a sample.
    pub horizontal_subsampling: i64,
    /// Pixels down that share a sample.
    pub vertical_subsampling: i64,
}

/// `Smpte2086`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Smpte2086 {
    /// Red, green, blue, white: x and y each.
    pub primaries: [[f32; 2]; 4],
    /// Candela per square metre.
    pub max_luminance: f32,
    /// Candela per square metre.
    pub min_luminance: f32,
}

impl Smpte2086 {
    /// A value whose every number tells the seed, so that a mixture of two is seen.
    pub fn of_seed(seed: f32) -> Smpte2086 {
        Smpte2086 {
            primaries: [[seed; 2], [seed + 0.1; 2], [seed + 0.2; 2], [seed + 0.3; 2]],
            max_luminance: seed * 1000.0,
            min_luminance: seed / 1000.0,
        }
    }
}

/// `Cta861_3`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cta861_3 {
    /// Candela per square metre.
    pub max_content_light_level: f32,
    /// Candela per square metre.
    pub max_frame_average_light_level: f32,
}

impl Cta861_3 {
    /// A value whose both numbers tell the seed.
    pub fn of_seed(seed: f32) -> Cta861_3 {
        Cta861_3 { max_content_light_level: seed * 1000.0, max_frame_average_light_level: seed * 100.0 }
    }
}
