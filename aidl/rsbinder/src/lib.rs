//! IAllocator V2, or V3 by a feature, and everything else that a process needs to speak it: the wire types, and the few places where two
//! binder libraries differ. Generated for rsbinder (Linux), from the AIDL files beside this crate.
//!
//! # One name, two crates
//! An Android tree has a crate of the same name and the same surface over `libbinder_rs` and Soong's generated crates.
//! The service is written against this surface alone, names no binder library and has no `cfg`; the build graph picks.
//! What both crates offer, and what a caller may rely on:
//!
//! | item | here | in an Android tree |
//! |---|---|---|
//! | [`IAllocator`], [`BnAllocator`] | `rsbinder-aidl` | `…allocator-V2-rust`, or `-V3-rust` |
//! | [`BufferDescriptorInfo`], [`AllocationResult`], [`AllocationError`], [`ExtendableType`], [`NativeHandle`], [`PixelFormat`], [`BufferUsage`] | the same fields; the enums are open newtypes, `PixelFormat(i32)` and `BufferUsage(i64)`: use `.0`, `\|` is not on both | |
//! | [`Interface`], [`Strong`], [`Status`], [`StatusCode`], [`ParcelFileDescriptor`] | re-exported | re-exported |
//! | [`BinderResult`] | `rsbinder::BinderResult` | `binder::Result` |
//! | [`interface_with_dump!`] | args are `&[String]` | args are `&[&CStr]`, turned into `String`s; on 14 a `&File` is the writer |
//! | [`new_allocator`] | inherits real-time priority | where `BinderFeatures` has it |
//! | [`without_multi_view!`], [`is_multi_view_supported`], [`allocate_multi_view`] | by the feature `v3` | by the same, which Soong sets |
//! | [`service_specific`] | `new_service_specific_error(i32, Option<String>)` | `new_service_specific_error_str` |
//! | [`parcel_fd`], [`into_fd`] | `From<OwnedFd>` | through `File` on 14 |
//! | [`calling_uid`], [`calling_pid`], [`calling_identity`] | free functions | `ThreadState` |
//! | [`IAllocatorStatistics`] and its parcelables | our own interface, `rsbinder-aidl` | `vendor.dmaheap.graphics.allocator-V1-rust` |
//! | [`new_statistics`], [`set_extension`], [`may_not`], [`illegal_state`] | | `Binder::set_extension` of the native object |
//! | [`serve_binder`] | `ProcessState::init` | static `ProcessState` |
//! | [`SocketServer`], [`SocketOptions`] | libbinder RPC over a unix socket | `bind` answers [`ServeError::NoSocketHere`] |
//! | [`find_allocator`], [`driver_node`], [`FindError`] | `ProcessState::init`, `hub` | `check_interface` |
//! | [`allocator_behind`] | libbinder RPC | answers `INVALID_OPERATION` |
//! | [`ping`], [`statistics_of`], [`dump_into`] | of the proxy, or the same transactions over the socket | `IBinder`, `IBinderInternal` |
//! | [`failure`], [`Failure`] | exception, message, status | the message stands within a description |
//! | [`ServeError`], [`ALLOCATOR_INSTANCE`], [`VERSION`], [`HASH`] | | the same |
//!
//! # Invariants
//! Nothing here looks into a request or decides anything about one. The interface is VINTF-stable; the caller's security
//! context is not asked for (a kernel whose security module has none fails every such call).

mod adapter;
mod client;
#[path = "../../error.rs"]
mod error;
mod kernel;
#[path = "../../multi_view.rs"]
mod multi_view;
mod socket;

/// What the AIDL compiler wrote. Use the names at the root instead.
mod generated {
    // Generated: no docs, its own names and its own casts.
    #![allow(missing_docs, unreachable_pub, unused_qualifications)]
    #![allow(clippy::as_conversions, clippy::panic, clippy::indexing_slicing)]
    rsbinder::include_aidl!("allocator");
}

/// What the AIDL compiler wrote of this project's own interface.
mod generated_statistics {
    // Generated: no docs, its own names and its own casts.
    #![allow(missing_docs, unreachable_pub, unused_qualifications)]
    #![allow(clippy::as_conversions, clippy::panic, clippy::indexing_slicing)]
    rsbinder::include_aidl!("statistics");
}

use generated::android::hardware as hal;
use generated_statistics::vendor::dmaheap::graphics::allocator as own;

pub use hal::common::NativeHandle::NativeHandle;
pub use hal::graphics::allocator::AllocationError::AllocationError;
pub use hal::graphics::allocator::AllocationResult::AllocationResult;
pub use hal::graphics::allocator::BufferDescriptorInfo::BufferDescriptorInfo;
pub use hal::graphics::allocator::IAllocator::{BnAllocator, IAllocator, HASH, VERSION};
pub use hal::graphics::common::BufferUsage::BufferUsage;
pub use hal::graphics::common::ExtendableType::ExtendableType;
pub use hal::graphics::common::PixelFormat::PixelFormat;

pub use own::AccountStatistics::AccountStatistics;
pub use own::AllocatorStatistics::AllocatorStatistics;
pub use own::BufferStatistics::BufferStatistics;
pub use own::ClientStatistics::ClientStatistics;
pub use own::HeapStatistics::HeapStatistics;
pub use own::IAllocatorStatistics::{BnAllocatorStatistics, IAllocatorStatistics};
pub use own::LatencyStatistics::LatencyStatistics;
pub use own::PoolStatistics::PoolStatistics;
pub use own::RefusalStatistics::RefusalStatistics;

pub use rsbinder::{BinderResult, Interface, ParcelFileDescriptor, Status, StatusCode, Strong};

pub use adapter::{
    calling_identity, calling_pid, calling_uid, illegal_state, into_fd, may_not, new_allocator, new_statistics,
    parcel_fd, service_specific, set_extension,
};
pub use client::{allocator_behind, driver_node, dump_into, failure, find_allocator, ping, statistics_of};
pub use error::{Failure, FindError, ServeError};
pub use kernel::serve_binder;
pub use multi_view::{allocate_multi_view, is_multi_view_supported};
pub use socket::{SocketOptions, SocketServer};

/// The name under which the one allocator of a device is registered.
pub const ALLOCATOR_INSTANCE: &str = "android.hardware.graphics.allocator.IAllocator/default";

/// Where the allocator's socket is when nobody says otherwise.
pub const DEFAULT_SOCKET: &str = "/run/gralloc/allocator.sock";
