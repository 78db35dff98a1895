//! The C interface of an IMapper 5 library, as a client sees it. Written from the contract, not from any mapper: what a
//! library does differently is its fault.
//!
//! Source: AOSP `hardware/interfaces/graphics/mapper/stable-c/include/android/hardware/graphics/mapper/IMapper.h` (main,
//! March 2025), `system/core/libcutils/include/cutils/native_handle.h`, `frameworks/native/include/android/rect.h`.
//!
//! Every callback is an `Option`, so that a null one can be seen.

use std::ffi::{c_char, c_int, c_void};
use std::mem::{align_of, offset_of, size_of};

/// `AIMAPPER_VERSION_5`.
pub const VERSION_5: u32 = 5;
/// `AIMAPPER_VERSION_6`.
pub const VERSION_6: u32 = 6;
/// The loader's symbol.
pub const LOAD_SYMBOL: &str = "AIMapper_loadIMapper";
/// The version's symbol that VTS looks up.
pub const VERSION_SYMBOL: &str = "ANDROID_HAL_MAPPER_VERSION";
/// The version's symbol that the interface's README names.
pub const STABLEC_VERSION_SYMBOL: &str = "ANDROID_HAL_STABLEC_VERSION";
/// `AIMapper_MetadataType.name` of the standard types.
pub const STANDARD_NAME: &str = "android.hardware.graphics.common.StandardMetadataType";

/// `native_handle_t`: this header, then `num_fds` fds, then `num_ints` ints.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct NativeHandle {
    /// `sizeof(native_handle_t)`.
    pub version: c_int,
    /// How many fds follow.
    pub num_fds: c_int,
    /// How many ints follow them.
    pub num_ints: c_int,
}

/// `native_handle_t.version`.
pub const NATIVE_HANDLE_VERSION: c_int = 12;
const _: () = assert!(size_of::<NativeHandle>() == 12);

/// `ARect`. All zero means the whole buffer.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Rect {
    /// The first column inside.
    pub left: i32,
    /// The first line inside.
    pub top: i32,
    /// The first column outside.
    pub right: i32,
    /// The first line outside.
    pub bottom: i32,
}

/// `AIMapper_Error`.
#[repr(transparent)]
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Error(pub i32);

impl Error {
    /// No error.
    pub const NONE: Error = Error(0);
    /// A handle that is null, empty, of no known kind, not imported, or not locked.
    pub const BAD_BUFFER: Error = Error(2);
    /// An argument that the buffer does not allow.
    pub const BAD_VALUE: Error = Error(3);
    /// Nothing to serve the call with.
    pub const NO_RESOURCES: Error = Error(5);
    /// Not known, or not known here.
    pub const UNSUPPORTED: Error = Error(7);
}

impl std::fmt::Debug for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = match self.0 {
            0 => "NONE",
            1 => "BAD_DESCRIPTOR",
            2 => "BAD_BUFFER",
            3 => "BAD_VALUE",
            5 => "NO_RESOURCES",
            7 => "UNSUPPORTED",
            other => return write!(f, "AIMapper_Error({other})"),
        };
        f.write_str(name)
    }
}

/// `AIMapper_MetadataType`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct MetadataType {
    /// Terminated text.
    pub name: *const c_char,
    /// The number under that name.
    pub value: i64,
}

/// `AIMapper_MetadataTypeDescription`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct MetadataTypeDescription {
    /// The type.
    pub metadata_type: MetadataType,
    /// Text for people; may be null for a standard type.
    pub description: *const c_char,
    /// C's `bool`; a byte, because a Rust `bool` must not be anything but 0 or 1.
    pub is_gettable: u8,
    /// The same.
    pub is_settable: u8,
    /// Zero.
    pub reserved: [u8; 32],
}

/// `AIMapper_DumpBufferCallback`.
pub type DumpBufferCallback = extern "C" fn(*mut c_void, MetadataType, *const c_void, usize);
/// `AIMapper_BeginDumpBufferCallback`.
pub type BeginDumpCallback = extern "C" fn(*mut c_void);
/// `AIMapper_loadIMapper`.
pub type LoadFn = unsafe extern "C" fn(*mut *const Mapper) -> Error;

/// A `buffer_handle_t`.
pub type Handle = *const NativeHandle;

/// `AIMapperV5`: the callbacks in their order.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(missing_docs)] // The names are the contract's; what they do stands in `mapper`.
pub struct V5 {
    pub import_buffer: Option<unsafe extern "C" fn(Handle, *mut Handle) -> Error>,
    pub free_buffer: Option<unsafe extern "C" fn(Handle) -> Error>,
    pub get_transport_size: Option<unsafe extern "C" fn(Handle, *mut u32, *mut u32) -> Error>,
    pub lock: Option<unsafe extern "C" fn(Handle, u64, Rect, c_int, *mut *mut c_void) -> Error>,
    pub unlock: Option<unsafe extern "C" fn(Handle, *mut c_int) -> Error>,
    pub flush_locked_buffer: Option<unsafe extern "C" fn(Handle) -> Error>,
    pub reread_locked_buffer: Option<unsafe extern "C" fn(Handle) -> Error>,
    pub get_metadata: Option<unsafe extern "C" fn(Handle, MetadataType, *mut c_void, usize) -> i32>,
    pub get_standard_metadata: Option<unsafe extern "C" fn(Handle, i64, *mut c_void, usize) -> i32>,
    pub set_metadata: Option<unsafe extern "C" fn(Handle, MetadataType, *const c_void, usize) -> Error>,
    pub set_standard_metadata: Option<unsafe extern "C" fn(Handle, i64, *const c_void, usize) -> Error>,
    pub list_supported_metadata_types:
        Option<unsafe extern "C" fn(*mut *const MetadataTypeDescription, *mut usize) -> Error>,
    pub dump_buffer: Option<unsafe extern "C" fn(Handle, DumpBufferCallback, *mut c_void) -> Error>,
    pub dump_all_buffers: Option<unsafe extern "C" fn(BeginDumpCallback, DumpBufferCallback, *mut c_void) -> Error>,
    pub get_reserved_region: Option<unsafe extern "C" fn(Handle, *mut *mut c_void, *mut u64) -> Error>,
}

/// `AIMapper`. Its alignment is `max_align_t`'s; `tests::abi` asks it of the library's pointer, so that reading through
/// a badly aligned one is not what goes wrong first.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Mapper {
    /// [`VERSION_5`].
    pub version: u32,
    /// The callbacks.
    pub v5: V5,
}

/// `AIMapperV6`: the callbacks that version 6 adds (Android 17's ABI dump of the header, and its VTS).
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(missing_docs)] // As above.
pub struct V6 {
    pub get_multi_view_info: Option<unsafe extern "C" fn(Handle, *mut *const u32, *mut usize) -> Error>,
    pub get_base_view: Option<unsafe extern "C" fn(Handle, *mut u32) -> Error>,
    pub import_view_buffer: Option<unsafe extern "C" fn(Handle, u32, *mut Handle) -> Error>,
}

/// `AIMapper` from version 6 on: what a library of version 5 has, and more behind it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Mapper6 {
    /// At least [`VERSION_6`].
    pub version: u32,
    /// The callbacks of version 5.
    pub v5: V5,
    /// Those of version 6.
    pub v6: V6,
}

/// The callbacks' names, in their order.
pub const CALLBACKS: [&str; 15] = [
    "importBuffer",
    "freeBuffer",
    "getTransportSize",
    "lock",
    "unlock",
    "flushLockedBuffer",
    "rereadLockedBuffer",
    "getMetadata",
    "getStandardMetadata",
    "setMetadata",
    "setStandardMetadata",
    "listSupportedMetadataTypes",
    "dumpBuffer",
    "dumpAllBuffers",
    "getReservedRegion",
];
/// The names of those of version 6.
pub const CALLBACKS_6: [&str; 3] = ["getMultiViewInfo", "getBaseView", "importViewBuffer"];

const _: () = assert!(size_of::<V5>() == CALLBACKS.len() * size_of::<*const c_void>());
const _: () = assert!(size_of::<V6>() == CALLBACKS_6.len() * size_of::<*const c_void>());
const _: () = assert!(offset_of!(Mapper, v5) == size_of::<*const c_void>());
const _: () =
    assert!(offset_of!(Mapper6, v5) == offset_of!(Mapper, v5) && offset_of!(Mapper6, v6) == size_of::<Mapper>());
const _: () = assert!(align_of::<V5>() == size_of::<*const c_void>());
const _: () = assert!(size_of::<Rect>() == 16);
// Of 32-bit x86's own alignment of 64-bit integers follow other numbers.
#[cfg(target_pointer_width = "64")]
const _: () = assert!(offset_of!(MetadataType, value) == 8);
#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<MetadataTypeDescription>() == 64);
#[cfg(target_pointer_width = "64")]
const _: () = assert!(offset_of!(MetadataTypeDescription, reserved) == 26);
