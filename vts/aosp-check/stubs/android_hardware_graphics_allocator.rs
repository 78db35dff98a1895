//! `android.hardware.graphics.allocator` V2 as Soong generates it for Rust: names and shapes, for type checking.
//! A parcelable without `@RustDerive` derives `Debug` alone (`system/tools/aidl`, `generate_rust.cpp`).

#![allow(non_snake_case, missing_docs)]

pub mod aidl {
    pub mod android {
        pub mod hardware {
            pub mod graphics {
                pub mod allocator {
                    pub mod AllocationError {
                        #[derive(Debug, Default, Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
                        pub struct AllocationError(pub i32);
                        impl AllocationError {
                            pub const BAD_DESCRIPTOR: Self = Self(0);
                            pub const NO_RESOURCES: Self = Self(1);
                            pub const UNSUPPORTED: Self = Self(2);
                            pub const fn enum_values() -> [Self; 3] {
                                [Self::BAD_DESCRIPTOR, Self::NO_RESOURCES, Self::UNSUPPORTED]
                            }
                        }
                    }
                    pub mod AllocationResult {
                        use android_hardware_common::aidl::android::hardware::common::NativeHandle::NativeHandle;
                        #[derive(Debug, Default)]
                        pub struct AllocationResult {
                            pub stride: i32,
                            pub buffers: Vec<NativeHandle>,
                        }
                    }
                    pub mod BufferDescriptorInfo {
                        use android_hardware_graphics_common::aidl::android::hardware::graphics::common;
                        #[derive(Debug)]
                        pub struct BufferDescriptorInfo {
                            pub name: [u8; 128],
                            pub width: i32,
                            pub height: i32,
                            pub layerCount: i32,
                            pub format: common::PixelFormat::PixelFormat,
                            pub usage: common::BufferUsage::BufferUsage,
                            pub reservedSize: i64,
                            pub additionalOptions: Vec<common::ExtendableType::ExtendableType>,
                        }
                        impl Default for BufferDescriptorInfo {
                            fn default() -> Self {
                                panic!("a stub: for type checking only")
                            }
                        }
                    }
                    pub mod IAllocator {
                        use super::AllocationResult::AllocationResult;
                        use super::BufferDescriptorInfo::BufferDescriptorInfo;
                        use binder::{BinderFeatures, FromIBinder, Interface, SpIBinder, StatusCode, Strong};

                        #[cfg(not(feature = "allocator_v3"))]
                        pub const VERSION: i32 = 2;
                        #[cfg(feature = "allocator_v3")]
                        pub const VERSION: i32 = 3;
                        #[cfg(not(feature = "allocator_v3"))]
                        pub const HASH: &str = "9499fec09c544e9de5be3c87125721600f8ade66";
                        #[cfg(feature = "allocator_v3")]
                        pub const HASH: &str = "b061131f0ee5260aa8f779bf3569dfc861a1b89c";

                        pub trait IAllocator: Interface {
                            fn allocate(&self, descriptor: &[u8], count: i32) -> binder::Result<AllocationResult>;
                            fn allocate2(
                                &self,
                                descriptor: &BufferDescriptorInfo,
                                count: i32,
                            ) -> binder::Result<AllocationResult>;
                            fn isSupported(&self, descriptor: &BufferDescriptorInfo) -> binder::Result<bool>;
                            fn getIMapperLibrarySuffix(&self) -> binder::Result<String>;
                            #[cfg(feature = "allocator_v3")]
                            fn isMultiViewSupported(
                                &self,
                                descriptor: &[BufferDescriptorInfo],
                                base_view_index: i32,
                            ) -> binder::Result<bool>;
                            #[cfg(feature = "allocator_v3")]
                            fn allocateMultiView(
                                &self,
                                descriptor: &[BufferDescriptorInfo],
                                base_view_index: i32,
                            ) -> binder::Result<AllocationResult>;
                            fn getInterfaceVersion(&self) -> binder::Result<i32> {
                                Ok(VERSION)
                            }
                            fn getInterfaceHash(&self) -> binder::Result<String> {
                                Ok(HASH.into())
                            }
                        }

                        impl FromIBinder for dyn IAllocator {
                            fn try_from(_: SpIBinder) -> std::result::Result<Strong<dyn IAllocator>, StatusCode> {
                                panic!("a stub: for type checking only")
                            }
                        }

                        pub struct BnAllocator(());
                        impl binder::binder_impl::Remotable for BnAllocator {}
                        impl BnAllocator {
                            pub fn new_binder<T>(inner: T, _features: BinderFeatures) -> Strong<dyn IAllocator>
                            where
                                T: IAllocator + Sync + Send + 'static,
                            {
                                Strong::new(Box::new(inner))
                            }
                        }
                    }
                }
            }
        }
    }
}
