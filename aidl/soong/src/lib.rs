//! IAllocator V2, or V3 by a feature, and everything else that a process needs to speak it: the wire types, and the few
//! places where two binder libraries differ. For an Android tree: over `libbinder_rs` and the crates that Soong generates.
//!
//! It has the name and the surface of `aidl/rsbinder`, whose table says what both offer and what a caller may rely
//! on. The service is written against that surface; the build graph picks the crate. Written for the shapes of Android 15-qpr1
//! to 17; what 14 would need is in `docs/porting.md`.
//!
//! # Invariants
//! Nothing here looks into a request or decides anything about one. The interface is VINTF-stable; the caller's security
//! context is not asked for (`libbinder_rs` does not offer it to vendor code).

mod adapter;
mod client;
#[path = "../../error.rs"]
mod error;
mod kernel;
#[path = "../../multi_view.rs"]
mod multi_view;
mod socket;

use android_hardware_common::aidl::android::hardware::common;
use android_hardware_graphics_allocator::aidl::android::hardware::graphics::allocator;
use android_hardware_graphics_common::aidl::android::hardware::graphics::common as graphics;
use vendor_dmaheap_graphics_allocator::aidl::vendor::dmaheap::graphics::allocator as own;

pub use allocator::AllocationError::AllocationError;
pub use allocator::AllocationResult::AllocationResult;
pub use allocator::BufferDescriptorInfo::BufferDescriptorInfo;
pub use allocator::IAllocator::{BnAllocator, IAllocator, HASH, VERSION};
pub use common::NativeHandle::NativeHandle;
pub use graphics::BufferUsage::BufferUsage;
pub use graphics::ExtendableType::ExtendableType;
pub use graphics::PixelFormat::PixelFormat;

pub use own::AllocatorStatistics::AllocatorStatistics;
pub use own::BufferStatistics::BufferStatistics;
pub use own::ClientStatistics::ClientStatistics;
pub use own::HeapStatistics::HeapStatistics;
pub use own::AccountStatistics::AccountStatistics;
pub use own::IAllocatorStatistics::{BnAllocatorStatistics, IAllocatorStatistics};
pub use own::LatencyStatistics::LatencyStatistics;
pub use own::PoolStatistics::PoolStatistics;
pub use own::RefusalStatistics::RefusalStatistics;

pub use binder::{Interface, ParcelFileDescriptor, Result as BinderResult, Status, StatusCode, Strong};

pub use adapter::{
    calling_identity, calling_pid, calling_uid, illegal_state, into_fd, may_not, new_allocator, new_statistics, parcel_fd,
    service_specific, set_extension,
};
#[doc(hidden)]
pub use adapter::{dump_arguments, dump_failed};
pub use client::{allocator_behind, driver_node, dump_into, failure, find_allocator, ping, statistics_of};
pub use error::{Failure, FindError, ServeError};
pub use kernel::serve_binder;
pub use multi_view::{allocate_multi_view, is_multi_view_supported};
pub use socket::{SocketServer, SocketOptions};

/// The name under which the one allocator of a device is registered.
pub const ALLOCATOR_INSTANCE: &str = "android.hardware.graphics.allocator.IAllocator/default";

/// Where the allocator's socket would be. Here it has none.
pub const DEFAULT_SOCKET: &str = "/run/gralloc/allocator.sock";
