//! Wire types in and out: the only place that knows both AIDL's structs and the core's.

use crate::engine::{Grant, Handle};
use allocator_aidl::{parcel_fd, AllocationResult, BufferDescriptorInfo, ExtendableType, NativeHandle};
use gralloc_core::request::{Descriptor, DescriptorOption};
use gralloc_core::BufferName;
use gralloc_handle::encode;

/// The descriptor as the core reads it; nothing is judged here.
pub fn descriptor(wire: &BufferDescriptorInfo) -> Descriptor {
    let option = |option: &ExtendableType| DescriptorOption { name: option.name.clone(), value: option.value };
    Descriptor {
        name: BufferName::from_wire(&wire.name),
        width: wire.width,
        height: wire.height,
        layer_count: wire.layerCount,
        format: wire.format.0,
        usage: wire.usage.0,
        reserved_size: wire.reservedSize,
        options: wire.additionalOptions.iter().map(option).collect(),
    }
}

/// The reply: stride and one native handle a buffer, the fds in the order that the handle's format fixes.
pub fn result(grant: Grant) -> AllocationResult {
    AllocationResult { stride: grant.stride, buffers: grant.handles.into_iter().map(native_handle).collect() }
}

fn native_handle(handle: Handle) -> NativeHandle {
    let ints = encode(&handle.info).to_vec();
    let fds = vec![parcel_fd(handle.buffer), parcel_fd(handle.metadata)];
    NativeHandle { fds, ints }
}
