//! The vendor's own types of metadata: which a buffer has, what they say, and where those that clients set lie.
//!
//! A vendor's type is a name and a number, as a policy's `[[vendor_metadata]]` has them. The mapper knows no policy, so the
//! service writes a [`Table`] of them into the metadata buffer, behind the shared page: the *area*, whole pages of 4096 bytes:
//!
//! | words | |
//! |---|---|
//! | 0 | bytes of the table |
//! | 1… | the table |
//! | behind it | a cell (`metadata/cell.rs`) for each type that clients set, in the table's order |
//!
//! # Why a client that writes there does no harm
//! Every client can write the area, at any time. So nothing is believed that lies in it:
//! - **The table is what the service wrote, or there is none.** The handle, which nobody changes once it is imported, holds
//!   the first 128 bits of the table's SHA-256. [`Table::read`] copies the table out, then compares the copy, and keeps it.
//!   To have another table taken, a client would have to find a second one of the same hash; to forge the handle as well
//!   is to make a buffer of its own, as it can with everything else that a handle says. A table that was overwritten
//!   before a process read it costs that process the vendor's types of this buffer, and nothing else.
//! - **What never changes is never read again**: constants come from the copy; fds, sizes and offsets from the handle.
//! - **What clients set** is a cell, as for the standard types: never torn, bounded by the table, and its place is computed.
//! - Even a table of the right hash is decoded as if anybody had written it: its own maker may have made the handle.

mod encode;
mod sha256;
mod table;
mod value;

pub use encode::{area_bytes, table_bytes, write_area, NewContent, NewEntry};
pub use table::{digest, Entry, Table};
pub use value::{encode_vendor, set_vendor};

use std::fmt;

/// Longest name of a type, in bytes.
pub const MAX_TYPE_BYTES: usize = 64;
/// Most types of one buffer.
pub const MAX_ENTRIES: usize = 64;
/// Longest value that is stored or constant, in bytes.
pub const MAX_VALUE_BYTES: usize = 1024;

macro_rules! listed {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $variant:ident = $id:literal, $word:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$of])* $variant,)* }

        impl $name {
            /// All of them, in the order of their numbers in a table.
            pub const ALL: &'static [$name] = &[$($name::$variant,)*];

            /// The number in a table: never another's, and never 0.
            pub const fn id(self) -> u8 {
                match self { $($name::$variant => $id,)* }
            }

            /// The one of a number.
            pub const fn from_id(id: u8) -> Option<$name> {
                match id { $($id => Some($name::$variant),)* _ => None }
            }

            /// The word in a policy.
            pub const fn word(self) -> &'static str {
                match self { $($name::$variant => $word,)* }
            }

            /// The one of a word.
            pub fn from_word(word: &str) -> Option<$name> {
                match word { $($word => Some($name::$variant),)* _ => None }
            }
        }
    };
}

listed! {
    /// How a value's numbers or bytes are written; numbers little-endian.
    Encoding {
        /// 32 bits, signed.
        I32 = 1, "i32";
        /// 32 bits.
        U32 = 2, "u32";
        /// 64 bits, signed.
        I64 = 3, "i64";
        /// 64 bits.
        U64 = 4, "u64";
        /// A float of 32 bits, finite.
        F32 = 5, "f32";
        /// Text.
        Text = 6, "string";
        /// Bytes that nobody here looks into.
        Bytes = 7, "bytes";
    }
}

impl Encoding {
    /// Bytes of one number; `None` for text and bytes, which have as many as they have.
    pub const fn number_bytes(self) -> Option<usize> {
        match self {
            Encoding::I32 | Encoding::U32 | Encoding::F32 => Some(4),
            Encoding::I64 | Encoding::U64 => Some(8),
            Encoding::Text | Encoding::Bytes => None,
        }
    }
}

listed! {
    /// What the handle says and a vendor's type may ask for.
    Computed {
        /// For each plane the fd of its memory, in the process's own numbers: always the buffer's first.
        PlaneFds = 1, "plane_fds";
        /// The buffer's first fd, in the process's own numbers.
        Fd = 2, "fd";
        /// The stride as the allocator answers it, in pixels (RAW10, RAW12, RAW14: bytes).
        AlignedWidth = 3, "aligned_width";
        /// Lines of the first plane, padding included.
        AlignedHeight = 4, "aligned_height";
        /// Of each compressed plane four numbers: the header's offset and size, the body's offset and size, in bytes. Only a
        /// compressed buffer has them.
        Areas = 5, "areas";
        /// Bytes of the buffer, all layers.
        Size = 6, "size";
        /// Planes of the buffer.
        PlaneCount = 7, "plane_count";
    }
}

impl Computed {
    /// Whether it is a number in this encoding: offsets and sizes need 64 bits.
    pub const fn takes(self, encoding: Encoding) -> bool {
        match self {
            Computed::Areas | Computed::Size => matches!(encoding, Encoding::I64 | Encoding::U64),
            _ => matches!(encoding, Encoding::I32 | Encoding::U32 | Encoding::I64 | Encoding::U64),
        }
    }

    /// Whether it is a list, with its count in front where the entry says so.
    pub const fn is_list(self) -> bool {
        matches!(self, Computed::PlaneFds | Computed::Areas)
    }
}

/// What stands around a value's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Framing {
    /// The type's name and number come first, as IMapper 5 has it.
    pub header: bool,
    /// Text, bytes and lists have their length or count in front, as 64 bits.
    pub counted: bool,
}

/// Why a vendor's type was not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VendorSetError {
    /// It is a constant, or computed.
    Fixed,
    /// The bytes are no value of the type.
    Malformed,
    /// More bytes than it may have.
    TooLong {
        /// As handed over.
        bytes: usize,
        /// The policy's bound.
        most: usize,
    },
    /// Other processes kept the value from being written.
    Busy,
}

impl std::error::Error for VendorSetError {}

impl fmt::Display for VendorSetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            VendorSetError::Fixed => f.write_str("the vendor's type cannot be set"),
            VendorSetError::Malformed => f.write_str("the bytes are no value of the vendor's type"),
            VendorSetError::TooLong { bytes, most } => {
                write!(f, "the vendor's type of {bytes} bytes: the policy's bound is {most}")
            }
            VendorSetError::Busy => f.write_str("the vendor's type is being written by others without end"),
        }
    }
}
