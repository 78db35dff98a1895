//! What the allocator's V3 adds, answered in one place: both crates `allocator_aidl` include this one file.

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
