//! What is used of `android.hardware.graphics.common` as Soong generates it for Rust: names and shapes, for type checking.
//!
//! With V6 and later (15-qpr2, 16) the format P210 is there; in V5 (15) it is not.
//! A parcelable without `@RustDerive` derives `Debug` alone (`system/tools/aidl`, `generate_rust.cpp`).

#![allow(non_snake_case, missing_docs)]

/// An open newtype: any number may arrive. There is no `|`.
macro_rules! enumeration {
    ($name:ident($backing:ty) { $($(#[$attribute:meta])* $constant:ident = $value:expr,)* }) => {
        #[derive(Debug, Default, Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $backing);
        impl $name {
            $($(#[$attribute])* pub const $constant: Self = Self($value);)*
        }
    };
}

pub mod aidl {
    pub mod android {
        pub mod hardware {
            pub mod graphics {
                pub mod common {
                    pub mod PixelFormat {
                        enumeration! { PixelFormat(i32) {
                            UNSPECIFIED = 0,
                            RGBA_8888 = 1,
                            BLOB = 0x21,
                            IMPLEMENTATION_DEFINED = 0x22,
                            YCBCR_420_888 = 0x23,
                            YV12 = 0x3231_5659,
                            #[cfg(feature = "V6")]
                            YCBCR_P210 = 0x3c,
                        } }
                    }
                    pub mod BufferUsage {
                        enumeration! { BufferUsage(i64) {
                            CPU_READ_NEVER = 0,
                            CPU_READ_OFTEN = 3,
                            CPU_WRITE_OFTEN = 3 << 4,
                            FRONT_BUFFER = 1 << 32,
                            VENDOR_MASK_HI = 0xffff << 48,
                        } }
                    }
                    pub mod ExtendableType {
                        #[derive(Debug, Default)]
                        pub struct ExtendableType {
                            pub name: String,
                            pub value: i64,
                        }
                    }
                }
            }
        }
    }
}
