//! What the allocator's V3 adds, answered and asked in one place: both crates `allocator_aidl` include this one file.

use crate::{AllocationResult, BinderResult, BufferDescriptorInfo, IAllocator, Strong};

/// `isMultiViewSupported`; `None` where the interface is V2.
pub fn is_multi_view_supported(
    allocator: &Strong<dyn IAllocator>,
    descriptors: &[BufferDescriptorInfo],
    base_view_index: i32,
) -> Option<BinderResult<bool>> {
    #[cfg(feature = "v3")]
    return Some(allocator.isMultiViewSupported(descriptors, base_view_index));
    #[cfg(not(feature = "v3"))]
    return none(allocator, descriptors, base_view_index);
}

/// `allocateMultiView`; `None` where the interface is V2.
pub fn allocate_multi_view(
    allocator: &Strong<dyn IAllocator>,
    descriptors: &[BufferDescriptorInfo],
    base_view_index: i32,
) -> Option<BinderResult<AllocationResult>> {
    #[cfg(feature = "v3")]
    return Some(allocator.allocateMultiView(descriptors, base_view_index));
    #[cfg(not(feature = "v3"))]
    return none(allocator, descriptors, base_view_index);
}

#[cfg(not(feature = "v3"))]
fn none<T>(_: &Strong<dyn IAllocator>, _: &[BufferDescriptorInfo], _: i32) -> Option<T> {
    None
}

/// The methods that V3 adds, of an allocator without multi-view buffers; nothing where the interface is V2. For an
/// `impl IAllocator`.
#[cfg(feature = "v3")]
#[macro_export]
macro_rules! without_multi_view {
    () => {
        fn isMultiViewSupported(
            &self,
            _descriptors: &[$crate::BufferDescriptorInfo],
            _base_view_index: i32,
        ) -> $crate::BinderResult<bool> {
            ::std::result::Result::Ok(false)
        }

        fn allocateMultiView(
            &self,
            _descriptors: &[$crate::BufferDescriptorInfo],
            _base_view_index: i32,
        ) -> $crate::BinderResult<$crate::AllocationResult> {
            let words = "isMultiViewSupported is false: one view a buffer";
            ::std::result::Result::Err($crate::service_specific($crate::AllocationError::UNSUPPORTED, words))
        }
    };
}

/// The methods that V3 adds: none here.
#[cfg(not(feature = "v3"))]
#[macro_export]
macro_rules! without_multi_view {
    () => {};
}
