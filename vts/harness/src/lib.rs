//! Boots a real kernel in QEMU with the service inside and brings the results out.
//!
//! The way of one run: [`kernel`] finds a kernel image and its modules, [`initramfs`] packs them with the
//! programs and a `GuestConfig`, [`machine`] starts QEMU, and [`guest`] speaks [`protocol`] with the guest's `vmctl`,
//! which is process 1 there: it loads the modules, does what ueventd and init do on Android, starts the service and
//! then runs commands, one or many, until it is told to power off.
//!
//! Invariants: nothing is installed into the system but for [`prerequisites`], which says so and removes no package;
//! everything downloaded or built stays under the cache folder the caller names, so a second run needs no network; a boot
//! that dies before any work began is repeated once, said aloud; nothing else is ever repeated.

pub mod identity;
pub mod labels;
pub mod protocol;

#[cfg(feature = "host")]
pub mod apt;
#[cfg(feature = "host")]
pub mod arch;
#[cfg(feature = "host")]
pub mod archive;
#[cfg(feature = "host")]
pub mod binaries;
#[cfg(feature = "host")]
pub mod error;
#[cfg(feature = "host")]
pub mod ftrace;
#[cfg(feature = "host")]
pub mod full_kernel;
#[cfg(feature = "host")]
pub mod guest;
#[cfg(feature = "host")]
pub mod hub;
#[cfg(feature = "host")]
mod image;
#[cfg(feature = "host")]
pub mod initramfs;
#[cfg(feature = "host")]
pub mod job;
#[cfg(feature = "host")]
pub mod kernel;
#[cfg(feature = "host")]
pub mod libraries;
#[cfg(feature = "host")]
pub mod machine;
#[cfg(feature = "host")]
pub mod modules;
#[cfg(feature = "host")]
mod packages;
#[cfg(feature = "host")]
pub mod prerequisites;
#[cfg(feature = "host")]
pub mod progress;
#[cfg(feature = "host")]
pub mod qmp;
#[cfg(feature = "host")]
pub mod rootfs;
#[cfg(feature = "host")]
pub mod screen;
#[cfg(feature = "host")]
mod session;
#[cfg(feature = "host")]
mod terminal;
#[cfg(feature = "host")]
pub mod toolchain;

#[cfg(feature = "host")]
pub use error::{Error, Result};
