//! This project's `vendor.dmaheap.graphics.allocator` as Soong generates it for Rust: names and shapes, for type checking.
//! A parcelable without `@RustDerive` derives `Debug` alone (`system/tools/aidl`, `generate_rust.cpp`).

#![allow(non_snake_case, missing_docs)]

pub mod aidl {
    pub mod vendor {
        pub mod dmaheap {
            pub mod graphics {
                pub mod allocator {
                    pub mod AccountStatistics {
                        #[derive(Debug, Default)]
                        pub struct AccountStatistics {
                            pub liveBuffers: i64,
                            pub liveBytes: i64,
                            pub highWaterBytes: i64,
                            pub totalBuffers: i64,
                            pub totalBytes: i64,
                        }
                    }
                    pub mod LatencyStatistics {
                        #[derive(Debug, Default)]
                        pub struct LatencyStatistics {
                            pub count: i64,
                            pub sumUs: i64,
                            pub maxUs: i64,
                            pub p50Us: i64,
                            pub p99Us: i64,
                            pub buckets: Vec<i64>,
                        }
                    }
                    pub mod HeapStatistics {
                        #[derive(Debug, Default)]
                        pub struct HeapStatistics {
                            pub name: String,
                            pub node: String,
                            pub state: String,
                            pub isProtected: bool,
                            pub budgetBytes: i64,
                            pub account: super::AccountStatistics::AccountStatistics,
                            pub latency: super::LatencyStatistics::LatencyStatistics,
                        }
                    }
                    pub mod ClientStatistics {
                        #[derive(Debug, Default)]
                        pub struct ClientStatistics {
                            pub uid: i32,
                            pub reservedBytes: i64,
                            pub refusals: i64,
                            pub account: super::AccountStatistics::AccountStatistics,
                        }
                    }
                    pub mod BufferStatistics {
                        #[derive(Debug, Default)]
                        pub struct BufferStatistics {
                            pub id: i64,
                            pub name: String,
                            pub heap: String,
                            pub bytes: i64,
                            pub usage: i64,
                            pub uid: i32,
                            pub pid: i32,
                            pub ageMs: i64,
                        }
                    }
                    pub mod RefusalStatistics {
                        #[derive(Debug, Default)]
                        pub struct RefusalStatistics {
                            pub cause: String,
                            pub count: i64,
                        }
                    }
                    pub mod PoolStatistics {
                        #[derive(Debug, Default)]
                        pub struct PoolStatistics {
                            pub readyBuffers: i64,
                            pub readyBytes: i64,
                            pub highWaterBytes: i64,
                            pub hits: i64,
                            pub misses: i64,
                            pub fills: i64,
                            pub droppedIdle: i64,
                            pub droppedPressure: i64,
                            pub droppedRoom: i64,
                        }
                    }
                    pub mod AllocatorStatistics {
                        #[derive(Debug, Default)]
                        pub struct AllocatorStatistics {
                            pub policy: String,
                            pub uptimeMs: i64,
                            pub releasesSeenThrough: String,
                            pub untrackedBuffers: i64,
                            pub requests: i64,
                            pub availableBytes: i64,
                            pub reserveBytes: i64,
                            pub all: super::AccountStatistics::AccountStatistics,
                            pub heaps: Vec<super::HeapStatistics::HeapStatistics>,
                            pub clients: Vec<super::ClientStatistics::ClientStatistics>,
                            pub refusals: Vec<super::RefusalStatistics::RefusalStatistics>,
                            pub pool: Option<super::PoolStatistics::PoolStatistics>,
                        }
                    }
                    pub mod IAllocatorStatistics {
                        use super::AllocatorStatistics::AllocatorStatistics;
                        use super::BufferStatistics::BufferStatistics;
                        use binder::{BinderFeatures, FromIBinder, Interface, SpIBinder, StatusCode, Strong};

                        pub trait IAllocatorStatistics: Interface {
                            fn getStatistics(&self) -> binder::Result<AllocatorStatistics>;
                            fn getBuffers(&self, olderThanMs: i64, afterId: i64, limit: i32)
                                -> binder::Result<Vec<BufferStatistics>>;
                        }

                        impl FromIBinder for dyn IAllocatorStatistics {
                            fn try_from(
                                _: SpIBinder,
                            ) -> std::result::Result<Strong<dyn IAllocatorStatistics>, StatusCode>
                            {
                                panic!("a stub: for type checking only")
                            }
                        }

                        pub struct BnAllocatorStatistics(());
                        impl BnAllocatorStatistics {
                            pub fn new_binder<T>(
                                inner: T,
                                _features: BinderFeatures,
                            ) -> Strong<dyn IAllocatorStatistics>
                            where
                                T: IAllocatorStatistics + Sync + Send + 'static,
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
