//! dlopen, the loader's call, and one function a callback.
//!
//! Unsafe code is here because the library is foreign: every call hands pointers to code that nobody can check. What
//! keeps each call sound on this side of it: out parameters live on this stack, slices outlive the call, and the table is
//! valid as long as the library is loaded, which is for ever.

// A mapper has to judge any pointer by itself: that it may be handed every one is what is tested.
#![allow(clippy::not_unsafe_ptr_arg_deref)]

use crate::abi::{
    BeginDumpCallback, DumpBufferCallback, Error, Handle, LoadFn, Mapper as Table, Mapper6, MetadataType,
    MetadataTypeDescription, Rect, LOAD_SYMBOL, STABLEC_VERSION_SYMBOL, V5, V6, VERSION_6, VERSION_SYMBOL,
};
use libloading::Library;
use std::ffi::{c_int, c_void, CStr};
use std::mem::offset_of;
use std::path::{Path, PathBuf};
use std::{fmt, ptr};

/// A loaded mapper.
#[derive(Clone, Copy)]
pub struct Mapper {
    table: *const Table,
    load: LoadFn,
    version: Option<u32>,
    stablec_version: Option<u32>,
}

// SAFETY: the contract makes the callbacks callable from any thread (IMapper.h); the table is never written.
unsafe impl Send for Mapper {}
// SAFETY: as above.
unsafe impl Sync for Mapper {}

/// Why a library is no mapper.
#[derive(Debug)]
pub struct LoadError {
    path: PathBuf,
    reason: String,
}

impl std::error::Error for LoadError {}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.reason)
    }
}

/// Calls a callback, or fails the test because it is null.
macro_rules! call {
    ($self:ident . $field:ident ( $($argument:expr),* )) => {
        call!($self.v5(), $field($($argument),*))
    };
    ($table:expr, $field:ident ( $($argument:expr),* )) => {{
        let callback = $table.$field.unwrap_or_else(|| panic!("{} is null", stringify!($field)));
        // SAFETY: a callback of the library's own table, with arguments of the contract's types; see the module's head.
        unsafe { callback($($argument),*) }
    }};
}

impl Mapper {
    /// Loads a library and has it give its table. It stays loaded.
    ///
    /// # Errors
    /// It cannot be opened, does not export the loader, or its loader fails.
    pub fn load(path: &Path) -> Result<Mapper, LoadError> {
        let failed = |reason: String| LoadError { path: path.to_owned(), reason };
        // SAFETY: runs the library's constructors; whoever names a library wants it run.
        let library = unsafe { Library::new(path) }.map_err(|error| failed(error.to_string()))?;
        // Its callbacks are used until the process ends.
        let library: &'static Library = Box::leak(Box::new(library));
        // SAFETY: the symbol has this type by the contract.
        let load = unsafe { library.get::<LoadFn>(LOAD_SYMBOL.as_bytes()) };
        let load = *load.map_err(|error| failed(error.to_string()))?;
        let mut mapper = Mapper { table: ptr::null(), load, version: None, stablec_version: None };
        match mapper.load_again() {
            Ok(table) if !table.is_null() => mapper.table = table,
            Ok(_) => return Err(failed(format!("{LOAD_SYMBOL} gives a null table"))),
            Err(error) => return Err(failed(format!("{LOAD_SYMBOL} fails: {error:?}"))),
        }
        // The loader's word stands when both have been read: some libraries fill the variable while they load.
        mapper.version = number(library, VERSION_SYMBOL);
        mapper.stablec_version = number(library, STABLEC_VERSION_SYMBOL);
        Ok(mapper)
    }

    /// Calls the loader once more.
    ///
    /// # Errors
    /// The loader's.
    pub fn load_again(&self) -> Result<*const Table, Error> {
        let mut table = ptr::null();
        let load = self.load;
        // SAFETY: the loader writes one pointer.
        match unsafe { load(&mut table) } {
            Error::NONE => Ok(table),
            error => Err(error),
        }
    }

    /// A view of the same library through another table of its own.
    pub fn with_table(&self, table: *const Table) -> Mapper {
        Mapper { table, ..*self }
    }

    /// Where the table lies.
    pub fn table(&self) -> *const Table {
        self.table
    }

    /// `AIMapper.version`.
    pub fn table_version(&self) -> u32 {
        // SAFETY: the first field of the table; read unaligned, because the library may have got the alignment wrong.
        unsafe { self.table.cast::<u32>().read_unaligned() }
    }

    /// The callbacks.
    pub fn v5(&self) -> V5 {
        let callbacks = self.table.cast::<u8>().wrapping_add(offset_of!(Table, v5)).cast::<V5>();
        // SAFETY: the table's second field, as above.
        unsafe { callbacks.read_unaligned() }
    }

    /// The callbacks that version 6 adds; `None` below it, where the table ends before them.
    pub fn v6(&self) -> Option<V6> {
        let callbacks = self.table.cast::<u8>().wrapping_add(offset_of!(Mapper6, v6)).cast::<V6>();
        // SAFETY: a table of this version has them, as above.
        (self.table_version() >= VERSION_6).then(|| unsafe { callbacks.read_unaligned() })
    }

    /// `ANDROID_HAL_MAPPER_VERSION`; `None` when it is not exported.
    pub fn version_symbol(&self) -> Option<u32> {
        self.version
    }

    /// `ANDROID_HAL_STABLEC_VERSION`; `None` when it is not exported.
    pub fn stablec_version_symbol(&self) -> Option<u32> {
        self.stablec_version
    }

    /// `importBuffer`.
    pub fn import_buffer(&self, raw: Handle) -> Result<Handle, Error> {
        let mut imported = ptr::null();
        result(call!(self.import_buffer(raw, &mut imported)), imported)
    }

    /// `freeBuffer`.
    pub fn free_buffer(&self, handle: Handle) -> Error {
        call!(self.free_buffer(handle))
    }

    /// `getTransportSize`: fds and ints.
    pub fn transport_size(&self, handle: Handle) -> Result<(u32, u32), Error> {
        let (mut fds, mut ints) = (u32::MAX, u32::MAX);
        let error = call!(self.get_transport_size(handle, &mut fds, &mut ints));
        result(error, (fds, ints))
    }

    /// `lock`.
    pub fn lock(&self, handle: Handle, usage: u64, region: Rect, fence: c_int) -> Result<*mut u8, Error> {
        let mut data = ptr::null_mut();
        let error = call!(self.lock(handle, usage, region, fence, &mut data));
        result(error, data.cast())
    }

    /// `unlock`: the release fence, −1 for none.
    pub fn unlock(&self, handle: Handle) -> Result<c_int, Error> {
        let mut fence = -1;
        result(call!(self.unlock(handle, &mut fence)), fence)
    }

    /// `flushLockedBuffer`.
    pub fn flush(&self, handle: Handle) -> Error {
        call!(self.flush_locked_buffer(handle))
    }

    /// `rereadLockedBuffer`.
    pub fn reread(&self, handle: Handle) -> Error {
        call!(self.reread_locked_buffer(handle))
    }

    /// `getMetadata` into `to`; the size that it needs, or a negative error. An empty `to` goes as null.
    pub fn get_metadata(&self, handle: Handle, name: &CStr, value: i64, to: &mut [u8]) -> i32 {
        let kind = MetadataType { name: name.as_ptr(), value };
        call!(self.get_metadata(handle, kind, pointer_of(to), to.len()))
    }

    /// `getStandardMetadata`, in the same way.
    pub fn get_standard(&self, handle: Handle, value: i64, to: &mut [u8]) -> i32 {
        call!(self.get_standard_metadata(handle, value, pointer_of(to), to.len()))
    }

    /// `setMetadata`.
    pub fn set_metadata(&self, handle: Handle, name: &CStr, value: i64, from: &[u8]) -> Error {
        let kind = MetadataType { name: name.as_ptr(), value };
        call!(self.set_metadata(handle, kind, from.as_ptr().cast(), from.len()))
    }

    /// `setStandardMetadata`.
    pub fn set_standard(&self, handle: Handle, value: i64, from: &[u8]) -> Error {
        call!(self.set_standard_metadata(handle, value, from.as_ptr().cast(), from.len()))
    }

    /// `listSupportedMetadataTypes`: an array that lives as long as the process.
    pub fn list_supported(&self) -> Result<&'static [MetadataTypeDescription], Error> {
        let (mut list, mut count) = (ptr::null(), 0);
        match call!(self.list_supported_metadata_types(&mut list, &mut count)) {
            Error::NONE if list.is_null() => Ok(&[]),
            // SAFETY: by the contract so many descriptions, for the process's life.
            Error::NONE => Ok(unsafe { std::slice::from_raw_parts(list, count) }),
            error => Err(error),
        }
    }

    /// `dumpBuffer`.
    pub fn dump_buffer(&self, handle: Handle, each: DumpBufferCallback, context: *mut c_void) -> Error {
        call!(self.dump_buffer(handle, each, context))
    }

    /// `dumpAllBuffers`.
    pub fn dump_all(&self, begin: BeginDumpCallback, each: DumpBufferCallback, context: *mut c_void) -> Error {
        call!(self.dump_all_buffers(begin, each, context))
    }

    /// `getReservedRegion`: where it is, and its bytes.
    pub fn reserved_region(&self, handle: Handle) -> Result<(*mut u8, u64), Error> {
        let (mut region, mut size) = (ptr::null_mut(), u64::MAX);
        let error = call!(self.get_reserved_region(handle, &mut region, &mut size));
        result(error, (region.cast(), size))
    }

    /// `getMultiViewInfo`: a copy of the list of views, which is the mapper's.
    pub fn multi_view_info(&self, handle: Handle) -> Result<Vec<u32>, Error> {
        let (mut list, mut count) = (ptr::null(), 0);
        match call!(self.six(), get_multi_view_info(handle, &mut list, &mut count)) {
            Error::NONE if list.is_null() => Ok(Vec::new()),
            // SAFETY: by the contract so many numbers, as long as the buffer lives.
            Error::NONE => Ok(unsafe { std::slice::from_raw_parts(list, count) }.to_vec()),
            error => Err(error),
        }
    }

    /// `getBaseView`.
    pub fn base_view(&self, handle: Handle) -> Result<u32, Error> {
        let mut view = u32::MAX;
        result(call!(self.six(), get_base_view(handle, &mut view)), view)
    }

    /// `importViewBuffer`.
    pub fn import_view(&self, handle: Handle, view: u32) -> Result<Handle, Error> {
        let mut imported = ptr::null();
        result(call!(self.six(), import_view_buffer(handle, view, &mut imported)), imported)
    }

    fn six(&self) -> V6 {
        self.v6().unwrap_or_else(|| panic!("version {} has no such callback", self.table_version()))
    }
}

fn result<T>(error: Error, value: T) -> Result<T, Error> {
    match error {
        Error::NONE => Ok(value),
        error => Err(error),
    }
}

fn pointer_of(to: &mut [u8]) -> *mut c_void {
    if to.is_empty() {
        ptr::null_mut()
    } else {
        to.as_mut_ptr().cast()
    }
}

/// An exported u32.
fn number(library: &Library, symbol: &str) -> Option<u32> {
    // SAFETY: both version symbols are u32 variables by the contract.
    let found = unsafe { library.get::<*const u32>(symbol.as_bytes()) }.ok()?;
    // SAFETY: the address of an exported variable.
    Some(unsafe { found.read() })
}
