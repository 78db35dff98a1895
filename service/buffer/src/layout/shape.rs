//! What a plane's samples are made of, in the terms of `PlaneLayout` and `PlaneLayoutComponent`.
//!
//! A sample covers `horizontal_subsampling` by `vertical_subsampling` pixels, and a line of `width` pixels has
//! `ceil(width / horizontal_subsampling)` samples. YUY2 follows the same rule: one sample is Y, Cb, Y, Cr for two pixels.
//!
//! Depth, stencil and HSV have planes without components: `PlaneLayoutComponentType` has no value for them, and an
//! invented one would be read by nobody. A vendor's format has at least one in every plane.
//!
//! Source: AOSP `hardware/interfaces/graphics/common/aidl/.../PlaneLayout.aidl`, `PlaneLayoutComponent.aidl`,
//! `PlaneLayoutComponentType.aidl` (common V4 to V6 agree).

use super::MAX_PLANES;
use ComponentKind::{Cb, Cr, Raw, A, B, G, R, Y};

/// Most components of one plane's sample.
pub const MAX_COMPONENTS: usize = 4;

/// What a component holds: the standard values of `PlaneLayoutComponentType`, and a vendor's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ComponentKind {
    /// Luma.
    Y,
    /// Blue difference.
    Cb,
    /// Red difference.
    Cr,
    /// Red.
    R,
    /// Green.
    G,
    /// Blue.
    B,
    /// A sensor's sample, or a byte of a BLOB.
    Raw,
    /// Alpha.
    A,
    /// A compressed plane's header, which only a vendor has a type for: the buffer's compression names it.
    Meta,
}

impl ComponentKind {
    /// All of them, in the order of the numbers that stand for them in a handle, from 1.
    pub const ALL: [ComponentKind; 9] = [Y, Cb, Cr, R, G, B, Raw, A, ComponentKind::Meta];

    /// The value in `PlaneLayoutComponent.type`, whose name is `android.hardware.graphics.common.PlaneLayoutComponentType`;
    /// 0 for a vendor's, which is the buffer's own to say.
    pub const fn aidl_value(self) -> i64 {
        match self {
            Self::Y => 1 << 0,
            Self::Cb => 1 << 1,
            Self::Cr => 1 << 2,
            Self::R => 1 << 10,
            Self::G => 1 << 11,
            Self::B => 1 << 12,
            Self::Raw => 1 << 20,
            Self::A => 1 << 30,
            Self::Meta => 0,
        }
    }

    /// The AIDL name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Y => "Y",
            Self::Cb => "CB",
            Self::Cr => "CR",
            Self::R => "R",
            Self::G => "G",
            Self::B => "B",
            Self::Raw => "RAW",
            Self::A => "A",
            Self::Meta => "META",
        }
    }
}

/// One component of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Component {
    /// What it holds.
    pub kind: ComponentKind,
    /// Bits from the start of the sample, little-endian.
    pub offset_bits: i16,
    /// Bits; −1 where samples are packed across bytes (RAW10, RAW12).
    pub size_bits: i16,
}

/// The components of a sample, at most [`MAX_COMPONENTS`].
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Components {
    all: [Component; MAX_COMPONENTS],
    len: u8,
}

impl Components {
    /// The first [`MAX_COMPONENTS`] of a list.
    pub const fn new(list: &[Component]) -> Components {
        let mut all = [part(Y, 0, 0); MAX_COMPONENTS];
        let mut len = 0u8;
        let mut rest = list;
        // A const fn has no iterators.
        while let [first, more @ ..] = rest {
            match len {
                0 => all = [*first, all[1], all[2], all[3]],
                1 => all = [all[0], *first, all[2], all[3]],
                2 => all = [all[0], all[1], *first, all[3]],
                3 => all = [all[0], all[1], all[2], *first],
                _ => break,
            }
            len += 1;
            rest = more;
        }
        Components { all, len }
    }
}

impl std::ops::Deref for Components {
    type Target = [Component];

    fn deref(&self) -> &[Component] {
        self.all.get(..usize::from(self.len)).unwrap_or(&[])
    }
}

impl std::fmt::Debug for Components {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// What one plane is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PlaneShape {
    /// The components of a sample.
    pub components: Components,
    /// Samples of one group: 1, or more where samples are packed across bytes (RAW10: 4).
    pub group_samples: u8,
    /// Bytes of one group (RAW10: 5).
    pub group_bytes: u8,
    /// Pixels that a sample covers across.
    pub horizontal_subsampling: u32,
    /// Pixels that a sample covers down.
    pub vertical_subsampling: u32,
}

impl PlaneShape {
    /// Bits from one sample to the next; 0 where samples are packed across bytes (RAW10, RAW12).
    pub const fn sample_increment_bits(&self) -> u32 {
        match self.group_samples {
            // Widening, which `u32::from` cannot do in a const fn.
            #[allow(clippy::as_conversions)]
            1 => self.group_bytes as u32 * 8,
            _ => 0,
        }
    }

    /// Samples in a line of `width` pixels: `PlaneLayout.widthInSamples`.
    pub const fn samples_across(&self, width: u32) -> u32 {
        width.div_ceil(self.horizontal_subsampling)
    }

    /// Lines of samples for `height` lines of pixels: `PlaneLayout.heightInSamples`.
    pub const fn samples_down(&self, height: u32) -> u32 {
        height.div_ceil(self.vertical_subsampling)
    }

    /// Bytes that `width` pixels take in a line, padding left out; a group that is begun counts to its last whole byte.
    pub fn line_bytes(&self, width: u64) -> Option<u64> {
        let samples = width.div_ceil(self.horizontal_subsampling.into());
        let (group, bytes) = (u64::from(self.group_samples), u64::from(self.group_bytes));
        Some(samples.checked_mul(bytes)?.div_ceil(group.max(1)))
    }

    /// Bits of a pixel on average, as a fraction: (bits, pixels).
    pub(super) fn rate(&self) -> (u64, u64) {
        let pixels = u64::from(self.group_samples) * u64::from(self.horizontal_subsampling);
        (u64::from(self.group_bytes) * 8, pixels.max(1))
    }

    /// Whether a group's bytes have at least a bit for each component of each of its samples: packed ones have no sizes to add up.
    pub fn has_room(&self) -> bool {
        let bits = usize::from(self.group_bytes) * 8;
        self.components.len() * usize::from(self.group_samples) <= bits
    }

    /// Whether it is one that a plane can have: what stands in a handle or a policy is not believed.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(&self) -> Result<(), &'static str> {
        let subsampling = |value| matches!(value, 1 | 2 | 4);
        if !subsampling(self.horizontal_subsampling) || !subsampling(self.vertical_subsampling) {
            return Err("a subsampling of 1, 2 or 4 each way");
        }
        if self.group_samples == 0 || self.group_bytes == 0 {
            return Err("at least one sample and one byte in a group");
        }
        if self.components.is_empty() {
            return Err("at least one component in every plane");
        }
        // Of merged planes a pixel may have fewer bits than components, so no more is asked of a handle.
        if u32::from(self.group_samples) > u32::from(self.group_bytes) * 8 {
            return Err("at least a bit in a group's bytes for each of its samples");
        }
        let bits = i16::from(self.group_bytes) * 8;
        let fits = |part: &Component| match self.group_samples {
            1 => part.offset_bits >= 0 && part.size_bits > 0 && part.offset_bits + part.size_bits <= bits,
            _ => part.offset_bits == 0 && part.size_bits == -1,
        };
        // In a handle 7 bits hold an offset and 5 a size.
        let written = |part: &Component| part.offset_bits < 128 && part.size_bits <= 32;
        if !self.components.iter().all(|part| fits(part) && written(part)) {
            return Err("components that lie inside their sample, at most 32 bits from one of its first 128");
        }
        let end = |part: &Component| part.offset_bits + part.size_bits;
        let apart = |one: &Component, other: &Component| end(one) <= other.offset_bits || end(other) <= one.offset_bits;
        let alone = |(at, part): (usize, &Component)| self.components.iter().take(at).all(|other| apart(part, other));
        if self.group_samples == 1 && !self.components.iter().enumerate().all(alone) {
            return Err("components that have no bit in common");
        }
        Ok(())
    }
}

/// The planes' shapes of a vendor's layout, at most [`MAX_PLANES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shapes {
    all: [PlaneShape; MAX_PLANES],
    len: u8,
}

impl Shapes {
    /// No planes: a layout's own shapes are meant.
    pub const NONE: Shapes = Shapes { all: [plane(&[], 8, 1, 1); MAX_PLANES], len: 0 };

    /// Takes over shapes as they are; `None` for more than [`MAX_PLANES`].
    pub fn from_slice(shapes: &[PlaneShape]) -> Option<Shapes> {
        let mut own = Shapes::NONE;
        for shape in shapes {
            *own.all.get_mut(usize::from(own.len))? = *shape;
            own.len = own.len.checked_add(1)?;
        }
        Some(own)
    }

    /// The shapes in the order of the planes.
    pub fn as_slice(&self) -> &[PlaneShape] {
        self.all.get(..usize::from(self.len)).unwrap_or(&[])
    }
}

/// What a plane of a compressed buffer is made of that holds its headers alone, one byte after the other.
pub(crate) const HEADER: PlaneShape = plane(&[part(ComponentKind::Meta, 0, 8)], 8, 1, 1);

/// One component, for tables.
pub const fn part(kind: ComponentKind, offset_bits: i16, size_bits: i16) -> Component {
    Component { kind, offset_bits, size_bits }
}

/// A plane of whole bytes a sample.
const fn plane(components: &[Component], sample_bits: u8, across: u32, down: u32) -> PlaneShape {
    packed(components, 1, sample_bits / 8, across, down)
}

pub(super) const fn packed(components: &[Component], samples: u8, bytes: u8, across: u32, down: u32) -> PlaneShape {
    PlaneShape {
        components: Components::new(components),
        group_samples: samples,
        group_bytes: bytes,
        horizontal_subsampling: across,
        vertical_subsampling: down,
    }
}

pub(super) const RGBA_8888: &[PlaneShape] =
    &[plane(&[part(R, 0, 8), part(G, 8, 8), part(B, 16, 8), part(A, 24, 8)], 32, 1, 1)];
pub(super) const RGBX_8888: &[PlaneShape] = &[plane(&[part(R, 0, 8), part(G, 8, 8), part(B, 16, 8)], 32, 1, 1)];
pub(super) const RGB_888: &[PlaneShape] = &[plane(&[part(R, 0, 8), part(G, 8, 8), part(B, 16, 8)], 24, 1, 1)];
pub(super) const RGB_565: &[PlaneShape] = &[plane(&[part(R, 11, 5), part(G, 5, 6), part(B, 0, 5)], 16, 1, 1)];
pub(super) const BGRA_8888: &[PlaneShape] =
    &[plane(&[part(B, 0, 8), part(G, 8, 8), part(R, 16, 8), part(A, 24, 8)], 32, 1, 1)];
pub(super) const RGBA_1010102: &[PlaneShape] =
    &[plane(&[part(R, 0, 10), part(G, 10, 10), part(B, 20, 10), part(A, 30, 2)], 32, 1, 1)];
pub(super) const RGBA_FP16: &[PlaneShape] =
    &[plane(&[part(R, 0, 16), part(G, 16, 16), part(B, 32, 16), part(A, 48, 16)], 64, 1, 1)];
pub(super) const RGBA_10101010: &[PlaneShape] =
    &[plane(&[part(R, 6, 10), part(G, 22, 10), part(B, 38, 10), part(A, 54, 10)], 64, 1, 1)];
pub(super) const R_8: &[PlaneShape] = &[plane(&[part(R, 0, 8)], 8, 1, 1)];
pub(super) const R_16: &[PlaneShape] = &[plane(&[part(R, 0, 16)], 16, 1, 1)];
pub(super) const RG_1616: &[PlaneShape] = &[plane(&[part(R, 0, 16), part(G, 16, 16)], 32, 1, 1)];

// PixelFormat.aidl (V7): 12- and 14-bit values are in the top bits of each 16-bit word, so they begin at its bit 4 and 2.
pub(super) const R_12: &[PlaneShape] = &[plane(&[part(R, 4, 12)], 16, 1, 1)];
pub(super) const R_14: &[PlaneShape] = &[plane(&[part(R, 2, 14)], 16, 1, 1)];
pub(super) const RG_1212: &[PlaneShape] = &[plane(&[part(R, 4, 12), part(G, 20, 12)], 32, 1, 1)];
pub(super) const RG_1414: &[PlaneShape] = &[plane(&[part(R, 2, 14), part(G, 18, 14)], 32, 1, 1)];
pub(super) const RGBA_12121212: &[PlaneShape] =
    &[plane(&[part(R, 4, 12), part(G, 20, 12), part(B, 36, 12), part(A, 52, 12)], 64, 1, 1)];
pub(super) const RGBA_14141414: &[PlaneShape] =
    &[plane(&[part(R, 2, 14), part(G, 18, 14), part(B, 34, 14), part(A, 50, 14)], 64, 1, 1)];
pub(super) const BGRA_1010102: &[PlaneShape] =
    &[plane(&[part(B, 0, 10), part(G, 10, 10), part(R, 20, 10), part(A, 30, 2)], 32, 1, 1)];
pub(super) const BGRX_1010102: &[PlaneShape] = &[plane(&[part(B, 0, 10), part(G, 10, 10), part(R, 20, 10)], 32, 1, 1)];

pub(super) const BITS_8: &[PlaneShape] = &[plane(&[], 8, 1, 1)];
pub(super) const BITS_16: &[PlaneShape] = &[plane(&[], 16, 1, 1)];
pub(super) const BITS_24: &[PlaneShape] = &[plane(&[], 24, 1, 1)];
pub(super) const BITS_32: &[PlaneShape] = &[plane(&[], 32, 1, 1)];
pub(super) const BITS_64: &[PlaneShape] = &[plane(&[], 64, 1, 1)];

pub(super) const LUMA_8: &[PlaneShape] = &[plane(&[part(Y, 0, 8)], 8, 1, 1)];
pub(super) const LUMA_16: &[PlaneShape] = &[plane(&[part(Y, 0, 16)], 16, 1, 1)];

pub(super) const NV12: &[PlaneShape] =
    &[plane(&[part(Y, 0, 8)], 8, 1, 1), plane(&[part(Cb, 0, 8), part(Cr, 8, 8)], 16, 2, 2)];
pub(super) const NV21: &[PlaneShape] =
    &[plane(&[part(Y, 0, 8)], 8, 1, 1), plane(&[part(Cr, 0, 8), part(Cb, 8, 8)], 16, 2, 2)];
pub(super) const NV16: &[PlaneShape] =
    &[plane(&[part(Y, 0, 8)], 8, 1, 1), plane(&[part(Cb, 0, 8), part(Cr, 8, 8)], 16, 2, 1)];
pub(super) const YUY2: &[PlaneShape] =
    &[plane(&[part(Y, 0, 8), part(Cb, 8, 8), part(Y, 16, 8), part(Cr, 24, 8)], 32, 2, 1)];
pub(super) const YV12: &[PlaneShape] =
    &[plane(&[part(Y, 0, 8)], 8, 1, 1), plane(&[part(Cr, 0, 8)], 8, 2, 2), plane(&[part(Cb, 0, 8)], 8, 2, 2)];
pub(super) const I420: &[PlaneShape] =
    &[plane(&[part(Y, 0, 8)], 8, 1, 1), plane(&[part(Cb, 0, 8)], 8, 2, 2), plane(&[part(Cr, 0, 8)], 8, 2, 2)];
pub(super) const P010: &[PlaneShape] =
    &[plane(&[part(Y, 6, 10)], 16, 1, 1), plane(&[part(Cb, 6, 10), part(Cr, 22, 10)], 32, 2, 2)];
pub(super) const P210: &[PlaneShape] =
    &[plane(&[part(Y, 6, 10)], 16, 1, 1), plane(&[part(Cb, 6, 10), part(Cr, 22, 10)], 32, 2, 1)];

/// RAW10, RAW12 and RAW14: VTS requires one component without a size, no increment, and no subsampling.
pub(super) const RAW_10: &[PlaneShape] = &[packed(&[part(Raw, 0, -1)], 4, 5, 1, 1)];
pub(super) const RAW_12: &[PlaneShape] = &[packed(&[part(Raw, 0, -1)], 2, 3, 1, 1)];
pub(super) const RAW_14: &[PlaneShape] = &[packed(&[part(Raw, 0, -1)], 4, 7, 1, 1)];
pub(super) const RAW_16: &[PlaneShape] = &[plane(&[part(Raw, 0, 16)], 16, 1, 1)];
pub(super) const BLOB: &[PlaneShape] = &[plane(&[part(Raw, 0, 8)], 8, 1, 1)];
