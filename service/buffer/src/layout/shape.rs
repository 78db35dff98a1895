//! What a plane's samples are made of, in the terms of `PlaneLayout` and `PlaneLayoutComponent`.
//!
//! A sample covers `horizontal_subsampling` by `vertical_subsampling` pixels, and a line of `width` pixels has
//! `ceil(width / horizontal_subsampling)` samples. YUY2 follows the same rule: one sample is Y, Cb, Y, Cr for two pixels.
//!
//! Depth, stencil and HSV have planes without components: `PlaneLayoutComponentType` has no value for them, and an
//! invented one would be read by nobody.
//!
//! Source: AOSP `hardware/interfaces/graphics/common/aidl/.../PlaneLayout.aidl`, `PlaneLayoutComponent.aidl`,
//! `PlaneLayoutComponentType.aidl` (common V4 to V6 agree).

use ComponentKind::{Cb, Cr, Raw, A, B, G, R, Y};

/// What a component holds: the standard values of `PlaneLayoutComponentType`.
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
}

impl ComponentKind {
    /// The value in `PlaneLayoutComponent.type`, whose name is `android.hardware.graphics.common.PlaneLayoutComponentType`.
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
        }
    }
}

/// One component of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Component {
    /// What it holds.
    pub kind: ComponentKind,
    /// Bits from the start of the sample, little-endian.
    pub offset_bits: i32,
    /// Bits; −1 where samples are packed across bytes (RAW10, RAW12).
    pub size_bits: i32,
}

/// What one plane is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PlaneShape {
    /// The components of a sample.
    pub components: &'static [Component],
    /// Bits from one sample to the next; 0 where samples are packed across bytes (RAW10, RAW12).
    pub sample_increment_bits: u32,
    /// Pixels that a sample covers across: 1 or 2.
    pub horizontal_subsampling: u32,
    /// Pixels that a sample covers down: 1 or 2.
    pub vertical_subsampling: u32,
}

impl PlaneShape {
    /// Samples in a line of `width` pixels: `PlaneLayout.widthInSamples`.
    pub const fn samples_across(&self, width: u32) -> u32 {
        width.div_ceil(self.horizontal_subsampling)
    }

    /// Lines of samples for `height` lines of pixels: `PlaneLayout.heightInSamples`.
    pub const fn samples_down(&self, height: u32) -> u32 {
        height.div_ceil(self.vertical_subsampling)
    }
}

const fn part(kind: ComponentKind, offset_bits: i32, size_bits: i32) -> Component {
    Component { kind, offset_bits, size_bits }
}

const fn plane(components: &'static [Component], sample_increment_bits: u32, across: u32, down: u32) -> PlaneShape {
    PlaneShape { components, sample_increment_bits, horizontal_subsampling: across, vertical_subsampling: down }
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

/// RAW10 and RAW12: VTS requires one component without a size, no increment, and no subsampling.
pub(super) const RAW_PACKED: &[PlaneShape] = &[plane(&[part(Raw, 0, -1)], 0, 1, 1)];
pub(super) const RAW_16: &[PlaneShape] = &[plane(&[part(Raw, 0, 16)], 16, 1, 1)];
pub(super) const BLOB: &[PlaneShape] = &[plane(&[part(Raw, 0, 8)], 8, 1, 1)];
