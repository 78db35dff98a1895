//! `android.hardware.common` V2 as Soong generates it for Rust: names and shapes, for type checking.
//! A parcelable without `@RustDerive` derives `Debug` alone (`system/tools/aidl`, `generate_rust.cpp`).

#![allow(non_snake_case, missing_docs)]

pub mod aidl {
    pub mod android {
        pub mod hardware {
            pub mod common {
                pub mod NativeHandle {
                    #[derive(Debug, Default)]
                    pub struct NativeHandle {
                        pub fds: Vec<binder::ParcelFileDescriptor>,
                        pub ints: Vec<i32>,
                    }
                }
            }
        }
    }
}
