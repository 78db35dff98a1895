//! IMapper 5, the stable-C mapper: imports buffers into a process, locks them for the CPU, says and sets what they are.
//!
//! It runs inside SurfaceFlinger, camera, codecs and apps, on handles that any app can forge. A call goes through:
//! - [`abi`]: the C types; nothing happens there.
//! - `entry`: the C functions. They check pointers for null, copy what comes through them, call the safe function of the
//!   same name, and return its code. With `counted` and `gralloc_dmabuf` the only unsafe code that the library has.
//! - [`mapper`]: one safe function a callback.
//! - [`import`], [`buffer`], [`lock`], [`fence`], [`metadata`], [`vendor`]: what they do.
//! - [`table`]: which buffers are imported, by the address of the handle that the client was given; `counted`: how a buffer
//!   is freed under calls that are inside it.
//!
//! # Invariants
//! - A handle that comes back from a client is a number until the table knows it: what was freed, never imported or made
//!   up is BAD_BUFFER, and is not dereferenced.
//! - Nothing is mapped before it is proven that its size cannot change ([`memory`]), so no access can end in SIGBUS.
//! - A call on one buffer waits for nobody who works on another, and none for one that waits for a fence. A wait for
//!   an acquire fence ends after ten seconds, and one for the drivers' fences on the buffer is bounded as [`fence`] says.
//! - Locking, unlocking and getting metadata allocate nothing once the buffer's memory is mapped.
//! - No panic, no unwinding, no abort on anything that comes from outside.
//!
//! # What it does not do
//! It knows no binder, no policy and no allocator: all that it knows of a buffer is in the handle, or held against a hash there.
//!
//! Source of the interface: AOSP `hardware/interfaces/graphics/mapper/stable-c/include/.../IMapper.h` (main of March
//! 2025); `include/dmaheap_mapper.h` says the same in this project's own words.

#![deny(unsafe_code)]

pub mod abi;
pub mod buffer;
mod counted;
mod entry;
pub mod error;
pub mod fence;
pub mod import;
pub mod lock;
mod logging;
pub mod mapper;
pub mod memory;
pub mod metadata;
pub mod table;
pub mod vendor;

pub use entry::{AIMapper_loadIMapper, ANDROID_HAL_MAPPER_VERSION, ANDROID_HAL_STABLEC_VERSION};
pub use error::Error;
pub use mapper::Mapper;
