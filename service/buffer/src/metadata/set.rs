//! From the bytes that a client hands over to the shared page.

use super::encode::plane_rects;
use super::page::{is_blend_mode, is_inside, Hdr10, Rect, SharedPage, MAX_BLOB_BYTES};
use super::wire::Reader;
use super::StandardMetadata;
use crate::handle::BufferInfo;
use crate::layout::MAX_PLANES;
use std::fmt;

/// Why a value was not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetError {
    /// The contract says that it never changes.
    Constant(StandardMetadata),
    /// It has one value for every buffer of this allocator.
    Fixed(StandardMetadata),
    /// The bytes are no value of the type.
    Malformed(StandardMetadata),
    /// More bytes than the page has room for.
    TooLong {
        /// Of which type.
        kind: StandardMetadata,
        /// As handed over.
        bytes: usize,
    },
    /// Other processes kept the value from being written.
    Busy(StandardMetadata),
}

impl std::error::Error for SetError {}

impl fmt::Display for SetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SetError::Constant(kind) => write!(f, "{} never changes", kind.name()),
            SetError::Fixed(kind) => write!(f, "{} cannot be set", kind.name()),
            SetError::Malformed(kind) => write!(f, "the bytes are no {}", kind.name()),
            SetError::TooLong { kind, bytes } => {
                write!(f, "{} of {bytes} bytes: there is room for {MAX_BLOB_BYTES}", kind.name())
            }
            SetError::Busy(kind) => write!(f, "{} is being written by others without end", kind.name()),
        }
    }
}

/// Sets a value for every process that has the buffer. No bytes at all unset an HDR value. Bytes beyond the value are
/// ignored, as AOSP's decoder ignores them.
///
/// `token` is not 0, and differs between threads and processes that set at the same time.
///
/// # Errors
/// As [`SetError`] says; the value stays as it was.
pub fn set(
    kind: StandardMetadata,
    info: &BufferInfo,
    page: SharedPage<'_>,
    token: u32,
    bytes: &[u8],
) -> Result<(), SetError> {
    let written = match kind {
        StandardMetadata::Crop => {
            let (rects, count) = plane_rects(info);
            let planes = rects.get(..count).unwrap_or(&rects);
            let crops = read_crops(bytes, planes).ok_or(SetError::Malformed(kind))?;
            page.set_crop(token, crops.get(..count).unwrap_or(&crops))
        }
        StandardMetadata::Dataspace => page.set_dataspace(read_i32(kind, bytes)?),
        StandardMetadata::BlendMode => {
            let mode = read_i32(kind, bytes)?;
            if !is_blend_mode(mode) {
                return Err(SetError::Malformed(kind));
            }
            page.set_blend_mode(mode)
        }
        StandardMetadata::Smpte2086 => page.set_smpte2086(token, read_floats(kind, bytes)?),
        StandardMetadata::Cta861_3 => page.set_cta861_3(token, read_floats(kind, bytes)?),
        StandardMetadata::Smpte2094_40 => page.set_blob(Hdr10::Smpte2094_40, token, read_blob(kind, bytes)?),
        StandardMetadata::Smpte2094_10 => page.set_blob(Hdr10::Smpte2094_10, token, read_blob(kind, bytes)?),
        other if other.is_constant() => return Err(SetError::Constant(other)),
        other => return Err(SetError::Fixed(other)),
    };
    if written {
        Ok(())
    } else {
        Err(SetError::Busy(kind))
    }
}

/// A reader behind the header.
fn value(kind: StandardMetadata, bytes: &[u8]) -> Result<Reader<'_>, SetError> {
    let mut reader = Reader::new(bytes);
    reader.header(kind).ok_or(SetError::Malformed(kind))?;
    Ok(reader)
}

fn read_i32(kind: StandardMetadata, bytes: &[u8]) -> Result<i32, SetError> {
    value(kind, bytes)?.i32().ok_or(SetError::Malformed(kind))
}

fn read_floats<const N: usize>(kind: StandardMetadata, bytes: &[u8]) -> Result<Option<[f32; N]>, SetError> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let mut reader = value(kind, bytes)?;
    let mut floats = [0.0; N];
    for float in &mut floats {
        let read = reader.f32().filter(|read| read.is_finite());
        *float = read.ok_or(SetError::Malformed(kind))?;
    }
    Ok(Some(floats))
}

fn read_blob(kind: StandardMetadata, bytes: &[u8]) -> Result<Option<&[u8]>, SetError> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let blob = value(kind, bytes)?.text().ok_or(SetError::Malformed(kind))?;
    if blob.len() > MAX_BLOB_BYTES {
        return Err(SetError::TooLong { kind, bytes: blob.len() });
    }
    Ok(Some(blob))
}

/// One rectangle for each of the planes, inside it.
fn read_crops(bytes: &[u8], planes: &[Rect]) -> Option<[Rect; MAX_PLANES]> {
    let mut reader = value(StandardMetadata::Crop, bytes).ok()?;
    if reader.count()? != planes.len() {
        return None;
    }
    let mut crops = [[0; 4]; MAX_PLANES];
    for (crop, plane) in crops.iter_mut().zip(planes) {
        for edge in crop.iter_mut() {
            *edge = reader.i32()?;
        }
        if !is_inside(crop, plane) {
            return None;
        }
    }
    Some(crops)
}
