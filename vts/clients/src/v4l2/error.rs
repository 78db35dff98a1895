//! Why a capture device does not do what is wanted.

use std::io;
use std::path::PathBuf;

/// Why the capture device does not do what is wanted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No node of that name.
    #[error("no capture device named \"{wanted}\": this kernel has {found}. Is the vivid module loaded?")]
    NoDevice {
        /// What was looked for.
        wanted: String,
        /// What there is, in words.
        found: String,
    },
    /// The node is there and does not open.
    #[error("{}: {cause}", node.display())]
    Open {
        /// The node.
        node: PathBuf,
        /// The kernel's word.
        cause: io::Error,
    },
    /// The node is not a device that captures by streaming.
    #[error("{}: driver {driver} captures no video by streaming (capabilities {capabilities:#010x})", node.display())]
    NotACamera {
        /// The node.
        node: PathBuf,
        /// The driver's name.
        driver: String,
        /// `device_caps`.
        capabilities: u32,
    },
    /// No input of that name.
    #[error("no input named \"{wanted}\": the device has {found}")]
    NoInput {
        /// What was looked for.
        wanted: String,
        /// What there is.
        found: String,
    },
    /// A request to the driver failed.
    #[error("{request}: {cause}")]
    Request {
        /// The ioctl's name.
        request: &'static str,
        /// The kernel's word.
        cause: nix::Error,
    },
    /// The driver changed something that must be as it was asked for.
    #[error("the driver changed {what}: asked for {asked}, it set {got}")]
    Changed {
        /// What, in words.
        what: &'static str,
        /// The value asked for.
        asked: String,
        /// The value the driver set.
        got: String,
    },
    /// The driver cannot reach the buffer's memory.
    #[error("driver {driver} cannot use buffer {index}: it needs contiguous memory and this is scattered (EFAULT)")]
    Scattered {
        /// The driver.
        driver: String,
        /// The buffer.
        index: u32,
    },
    /// The allocated buffer and the driver's idea of the frame do not fit together.
    #[error("a buffer does not fit the driver: {0}")]
    Buffer(String),
    /// No frame came.
    #[error("no frame within {0} ms")]
    Timeout(u16),
}

/// The error of a request that failed.
pub(super) fn request(name: &'static str) -> impl Fn(nix::Error) -> Error {
    move |cause| Error::Request { request: name, cause }
}
