//! Buffer metadata: the 23 standard types, their bytes, and the page in which the ones that change are shared; and the
//! vendor's own types ([`vendor`]).
//!
//! What never changes comes from the handle ([`BufferInfo`](crate::handle::BufferInfo)); what clients set
//! ([`StandardMetadata::is_shared`]) lies in the metadata buffer, at its start, and is the same for every process that
//! imported the buffer ([`SharedPage`]).
//!
//! # Invariants
//! - What [`encode_constant`] and [`encode_shared`] write always decodes, whatever stands in the page: lengths are
//!   bounded, enums and crops are values that exist, floats are finite. libui takes these bytes inside SurfaceFlinger.
//! - A value that is read was written by one set, never mixed from two (`metadata/cell.rs` says how).
//! - A page of zeros has every default: nobody has to initialise it.
//!
//! Nothing here maps memory or allocates it: the page comes as a slice of atomics. Sources: AOSP
//! `hardware/interfaces/graphics/common/aidl/.../StandardMetadataType.aidl`,
//! `hardware/interfaces/graphics/mapper/stable-c/{include,implutils}` (main of March 2025).

mod cell;
mod encode;
mod kind;
mod page;
mod set;
pub mod vendor;
mod wire;
mod words;

pub use encode::{encode_constant, encode_shared};
pub use kind::{StandardMetadata, STANDARD_NAME};
pub use page::{Hdr10, SharedPage, MAX_BLOB_BYTES, PAGE_WORDS};
pub use set::{set, SetError};
pub use wire::{Byte, Writer};
pub use words::explain;

use crate::layout::shape::MAX_COMPONENTS;
use crate::layout::MAX_PLANES;

/// Room for any type's bytes: four planes of four components, or the longest blob, or a vendor's longest name and value.
pub const MAX_ENCODED_BYTES: usize = 1792;
const _: () = {
    // A text's or a list's length, and every number but those of 32 bits.
    let long = 8;
    // A component's type, offset and size; a plane's eight numbers beside them (PlaneLayout.aidl).
    let plane = 9 * long + MAX_COMPONENTS * (4 * long + encode::COMPONENT.len());
    let longest = if MAX_PLANES * plane > MAX_BLOB_BYTES { MAX_PLANES * plane } else { MAX_BLOB_BYTES };
    assert!(STANDARD_NAME.len() + 3 * long + longest <= MAX_ENCODED_BYTES);
};
const _: () = assert!(vendor::MAX_TYPE_BYTES + vendor::MAX_VALUE_BYTES + 24 < MAX_ENCODED_BYTES);
