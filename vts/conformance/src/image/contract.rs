//! Whether planes are what the contract makes of a format.

use super::planes::Image;
use crate::format::{Contract, Format, Kind, Part};
use crate::metadata::COMPONENT_NAME;

/// Checks planes against the format's contract for an image of `width` by `height` pixels and the allocator's stride.
///
/// # Errors
/// The first demand that is not met, in words.
pub fn check_contract(image: &Image, format: Format, width: i64, height: i64, stride: i64) -> Result<(), String> {
    check_names(image)?;
    let check = Check { image, width, height, stride };
    match format.contract() {
        Contract::Packed(bits, parts) => check.packed(format, bits, parts),
        Contract::Opaque(bits) => check.opaque(bits),
        Contract::Yuyv => check.yuyv(),
        Contract::Yv12 => check.yv12(),
        Contract::Flexible => check.flexible(),
        Contract::SemiPlanar(first, down) => check.semi_planar(first, down),
        Contract::SemiPlanar10(down) => check.semi_planar_10(down),
        Contract::PackedRaw(bits) => check.packed_raw(bits),
        Contract::Blob => check.blob(),
        Contract::Anything => Ok(()),
    }
}

/// Components of other names are a vendor's own; nobody else can read them.
fn check_names(image: &Image) -> Result<(), String> {
    let mut components = image.planes.iter().flat_map(|plane| &plane.components);
    match components.find(|component| component.kind.name != COMPONENT_NAME) {
        Some(component) => Err(format!("a component of a type that is no standard one: {component:?}")),
        None => Ok(()),
    }
}

struct Check<'a> {
    image: &'a Image,
    width: i64,
    height: i64,
    stride: i64,
}

/// Answers with an error when the two sides differ.
macro_rules! same {
    ($found:expr, $expected:expr, $what:expr) => {
        let (found, expected) = ($found, $expected);
        if found != expected {
            return Err(format!("{}: {found:?} instead of {expected:?}", $what));
        }
    };
}

macro_rules! holds {
    ($condition:expr, $($what:tt)*) => {
        if !$condition {
            return Err(format!($($what)*));
        }
    };
}

impl Check<'_> {
    fn plane_count(&self, count: usize) -> Result<(), String> {
        same!(self.image.planes.len(), count, "number of planes");
        Ok(())
    }

    /// A plane's shape; `parts` in any order.
    fn plane(&self, index: usize, increment: i64, across: i64, down: i64, parts: &[Part]) -> Result<(), String> {
        let plane = self.image.planes.get(index).ok_or("a plane is missing")?;
        let what = |what: &str| format!("plane {index}: {what}");
        same!(plane.sample_increment_bits, increment, what("sampleIncrementInBits"));
        same!(plane.horizontal_subsampling, across, what("horizontalSubsampling"));
        same!(plane.vertical_subsampling, down, what("verticalSubsampling"));
        same!(plane.width_samples, (self.width + across - 1) / across, what("widthInSamples"));
        same!(plane.height_samples, (self.height + down - 1) / down, what("heightInSamples"));
        let mut found = self.image.components(index);
        let mut expected: Vec<_> = parts.iter().map(|(kind, offset, size)| (kind.value(), *offset, *size)).collect();
        found.sort_unstable();
        expected.sort_unstable();
        same!(found, expected, what("components (type, offset, size)"));
        Ok(())
    }

    /// The first plane's stride is the allocator's, in bytes.
    fn first_stride(&self, bytes: i64) -> Result<(), String> {
        same!(
            self.image.planes[0].stride_bytes,
            bytes,
            "strideInBytes of the first plane, from the allocator's stride"
        );
        Ok(())
    }

    fn packed(&self, format: Format, bits: i64, parts: &[Part]) -> Result<(), String> {
        self.plane_count(1)?;
        self.plane(0, bits, 1, 1, parts)?;
        same!(self.image.planes[0].offset_bytes, 0, "offsetInBytes");
        holds!(self.stride >= self.width, "the stride, {} pixels, is less than the width", self.stride);
        self.first_stride(self.stride * bits / 8)?;
        if matches!(format, Format::RAW16 | Format::Y8 | Format::Y16) {
            self.multiple_of_16()?;
        }
        Ok(())
    }

    fn multiple_of_16(&self) -> Result<(), String> {
        holds!(self.stride % 16 == 0, "the stride, {} pixels, is no multiple of 16", self.stride);
        Ok(())
    }

    fn opaque(&self, bits: i64) -> Result<(), String> {
        self.plane_count(1)?;
        let plane = &self.image.planes[0];
        let increment = plane.sample_increment_bits;
        holds!(increment >= bits && increment % 8 == 0, "samples of {increment} bits instead of {bits}");
        same!((plane.width_samples, plane.height_samples), (self.width, self.height), "samples");
        holds!(plane.stride_bytes * 8 >= self.width * increment, "a stride of {} bytes", plane.stride_bytes);
        self.first_stride(self.stride * increment / 8)
    }

    fn yuyv(&self) -> Result<(), String> {
        self.plane_count(1)?;
        let parts = [(Kind::Y, 0, 8), (Kind::Cb, 8, 8), (Kind::Y, 16, 8), (Kind::Cr, 24, 8)];
        self.plane(0, 32, 2, 1, &parts)?;
        self.first_stride(self.stride * 2)
    }

    /// y_size = stride · height, c_stride = ALIGN(stride / 2, 16), cr at y_size, cb at y_size + c_stride · height / 2.
    fn yv12(&self) -> Result<(), String> {
        self.plane_count(3)?;
        self.plane(0, 8, 1, 1, &[(Kind::Y, 0, 8)])?;
        self.plane(1, 8, 2, 2, &[(Kind::Cr, 0, 8)])?;
        self.plane(2, 8, 2, 2, &[(Kind::Cb, 0, 8)])?;
        self.multiple_of_16()?;
        self.first_stride(self.stride)?;
        let chroma = (self.stride / 2 + 15) / 16 * 16;
        let luma = self.stride * self.height;
        let planes = &self.image.planes;
        same!((planes[1].stride_bytes, planes[2].stride_bytes), (chroma, chroma), "chroma strides");
        let offsets = [planes[0].offset_bytes, planes[1].offset_bytes, planes[2].offset_bytes];
        same!(offsets, [0, luma, luma + chroma * self.height / 2], "offsets of Y, Cr, Cb");
        Ok(())
    }

    /// Y of 8 bits; Cb and Cr of 8 bits, an increment of 8 or 16, one stride and one subsampling of 2 × 2.
    fn flexible(&self) -> Result<(), String> {
        let mut chroma = Vec::new();
        let mut luma = 0;
        for (index, plane) in self.image.planes.iter().enumerate() {
            for (kind, offset, size) in self.image.components(index) {
                same!((offset % 8, size), (0, 8), format!("plane {index}: a component's offset and size"));
                if kind == Kind::Y.value() {
                    luma += 1;
                    same!(plane.sample_increment_bits, 8, "luma's sampleIncrementInBits");
                    same!((plane.width_samples, plane.height_samples), (self.width, self.height), "luma's samples");
                    same!(plane.stride_bytes, self.stride, "luma's stride, from the allocator's");
                } else {
                    let shape = (plane.sample_increment_bits, plane.stride_bytes);
                    let subsampling = (plane.horizontal_subsampling, plane.vertical_subsampling);
                    same!(subsampling, (2, 2), "chroma's subsampling");
                    holds!(matches!(shape.0, 8 | 16), "chroma's sampleIncrementInBits is {}", shape.0);
                    chroma.push((kind, shape));
                }
            }
        }
        same!(luma, 1, "luma components");
        chroma.sort_unstable();
        let kinds: Vec<_> = chroma.iter().map(|(kind, _)| *kind).collect();
        same!(kinds, vec![Kind::Cb.value(), Kind::Cr.value()], "chroma components");
        same!(chroma[0].1, chroma[1].1, "increment and stride of Cb and Cr");
        Ok(())
    }

    fn semi_planar(&self, first: Kind, down: i64) -> Result<(), String> {
        self.plane_count(2)?;
        let second = if first == Kind::Cb { Kind::Cr } else { Kind::Cb };
        self.plane(0, 8, 1, 1, &[(Kind::Y, 0, 8)])?;
        self.plane(1, 16, 2, down, &[(first, 0, 8), (second, 8, 8)])?;
        self.first_stride(self.stride)
    }

    fn semi_planar_10(&self, down: i64) -> Result<(), String> {
        self.plane_count(2)?;
        self.plane(0, 16, 1, 1, &[(Kind::Y, 6, 10)])?;
        self.plane(1, 32, 2, down, &[(Kind::Cb, 6, 10), (Kind::Cr, 22, 10)])?;
        self.first_stride(self.stride * 2)
    }

    /// The stride counts bytes.
    fn packed_raw(&self, bits: i64) -> Result<(), String> {
        self.plane_count(1)?;
        let plane = &self.image.planes[0];
        same!(plane.sample_increment_bits, 0, "sampleIncrementInBits");
        same!((plane.horizontal_subsampling, plane.vertical_subsampling), (1, 1), "subsampling");
        same!((plane.width_samples, plane.height_samples), (self.width, self.height), "samples");
        let components = self.image.components(0);
        same!(components.len(), 1, "components");
        let (kind, offset, size) = components[0];
        same!((kind, offset % 8, size), (Kind::Raw.value(), 0, -1), "the component's type, offset in its byte, size");
        holds!(self.stride * 8 >= self.width * bits, "the stride, {} bytes, is less than a line", self.stride);
        self.first_stride(self.stride)
    }

    fn blob(&self) -> Result<(), String> {
        self.plane_count(1)?;
        let plane = &self.image.planes[0];
        same!((plane.offset_bytes, plane.sample_increment_bits), (0, 8), "offset and increment");
        same!((plane.width_samples, plane.height_samples), (self.width, 1), "samples");
        Ok(())
    }
}
