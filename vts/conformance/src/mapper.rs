//! A mapper library, loaded as a client loads it, and its callbacks.
//!
//! Nothing here checks an argument: what a mapper makes of a bad one is what the tests ask.

mod imported;
mod library;

pub use imported::{Imported, Locked, STANDARD_NAME};
pub use library::{LoadError, Mapper};

/// `BufferUsage` bits that tests need.
pub mod usage {
    /// `CPU_READ_RARELY`.
    pub const CPU_READ_RARELY: u64 = 2;
    /// `CPU_READ_OFTEN`.
    pub const CPU_READ_OFTEN: u64 = 3;
    /// `CPU_WRITE_RARELY`.
    pub const CPU_WRITE_RARELY: u64 = 2 << 4;
    /// `CPU_WRITE_OFTEN`.
    pub const CPU_WRITE_OFTEN: u64 = 3 << 4;
    /// Reads and writes.
    pub const CPU: u64 = CPU_READ_OFTEN | CPU_WRITE_OFTEN;
    /// `GPU_TEXTURE`.
    pub const GPU_TEXTURE: u64 = 1 << 8;
    /// `GPU_RENDER_TARGET`.
    pub const GPU_RENDER_TARGET: u64 = 1 << 9;
    /// `COMPOSER_OVERLAY`.
    pub const COMPOSER_OVERLAY: u64 = 1 << 11;
    /// `PROTECTED`.
    pub const PROTECTED: u64 = 1 << 14;
    /// `VIDEO_ENCODER`.
    pub const VIDEO_ENCODER: u64 = 1 << 16;
    /// `CAMERA_OUTPUT`.
    pub const CAMERA_OUTPUT: u64 = 1 << 17;
    /// `FRONT_BUFFER`.
    pub const FRONT_BUFFER: u64 = 1 << 32;
    /// The first bit that version 2 of the interface does not know.
    pub const UNKNOWN: u64 = 1 << 33;
}
