//! Finds the allocator, by binder or by its socket, and calls it: for the command line, the clients, tests and
//! measurements.
//!
//! ```no_run
//! use gralloc_client::{to_wire, Connection};
//! use gralloc_buffer::{Descriptor, PixelFormat, Usage};
//!
//! let connection = Connection::from_env_or(None)?;
//! let usage = Usage::CAMERA_OUTPUT | Usage::COMPOSER_OVERLAY;
//! let wanted = to_wire(&Descriptor::new("preview", 1920, 1080, PixelFormat::Ycbcr420_888, usage));
//! for buffer in connection.allocate(&wanted, 4)?.buffers {
//!     println!("{}", buffer.info);
//! }
//! # Ok::<(), gralloc_client::ClientError>(())
//! ```
//!
//! # Invariants
//! Finding the service ends after a deadline, always. A call over the socket does, too; the kernel's binder has no
//! deadline for a call, there a service that hangs keeps its caller. The handles that come back are decoded as if a
//! stranger had written them. Nothing is copied between the call and what the caller gets.

#![forbid(unsafe_code)]

mod allocation;
mod connection;
mod descriptor;
mod dump;
mod error;
mod socket;
mod transport;

pub use allocation::{Allocation, Buffer};
pub use connection::Connection;
pub use descriptor::to_wire;
pub use error::ClientError;
pub use transport::{Transport, TransportError, TRANSPORT_VARIABLE};

pub use allocator_aidl::{AllocationError, BufferDescriptorInfo, DEFAULT_SOCKET};
