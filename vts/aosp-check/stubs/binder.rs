//! The public signatures of `libbinder_rs` that this project uses, for type checking. Nothing here runs.
//!
//! Source: AOSP `frameworks/native/libs/binder/rust/src` (android-14.0.0_r55 and 15: `binder.rs`, `error.rs`, `native.rs`,
//! `proxy.rs`, `service.rs`, `state.rs`, `parcel/file_descriptor.rs`), each signature compared. What is not listed is not
//! used; what is listed has the shape that 15 and 16 share. `check_interface` is not in 14.

use std::error::Error;
use std::ffi::CStr;
use std::fmt;
use std::io::Write;
use std::marker::PhantomData;
use std::ops::Deref;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

fn stub() -> ! {
    panic!("a stub of libbinder_rs: for type checking only")
}

/// Result of a binder method.
pub type Result<T> = std::result::Result<T, Status>;

/// A low-level status: a C enum there, `Copy` and exhaustive.
#[allow(non_camel_case_types, missing_docs, clippy::upper_case_acronyms)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum StatusCode {
    OK = 0,
    NO_MEMORY = -12,
    INVALID_OPERATION = -38,
    BAD_VALUE = -22,
    BAD_TYPE = -2147483647,
    NAME_NOT_FOUND = -2,
    PERMISSION_DENIED = -1,
    NO_INIT = -19,
    ALREADY_EXISTS = -17,
    DEAD_OBJECT = -32,
    FAILED_TRANSACTION = -2147483646,
    UNKNOWN_ERROR = -2147483648,
    BAD_INDEX = -75,
    NOT_ENOUGH_DATA = -61,
    WOULD_BLOCK = -11,
    TIMED_OUT = -110,
    UNKNOWN_TRANSACTION = -74,
    FDS_NOT_ALLOWED = -2147483641,
    UNEXPECTED_NULL = -2147483640,
}

impl Error for StatusCode {}

impl fmt::Display for StatusCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StatusCode::{self:?}")
    }
}

/// The exception of a status.
#[allow(non_camel_case_types, missing_docs, clippy::upper_case_acronyms)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum ExceptionCode {
    NONE = 0,
    SECURITY = -1,
    BAD_PARCELABLE = -2,
    ILLEGAL_ARGUMENT = -3,
    NULL_POINTER = -4,
    ILLEGAL_STATE = -5,
    NETWORK_MAIN_THREAD = -6,
    UNSUPPORTED_OPERATION = -7,
    SERVICE_SPECIFIC = -8,
    PARCELABLE = -9,
    TRANSACTION_FAILED = -129,
}

/// What a binder method answers beside its value. Neither `Clone` nor constructible otherwise.
#[derive(PartialEq, Eq)]
pub struct Status(());

impl Status {
    /// No error.
    pub fn ok() -> Self {
        stub()
    }
    /// A service-specific error.
    pub fn new_service_specific_error(_err: i32, _message: Option<&CStr>) -> Status {
        stub()
    }
    /// The same from text.
    pub fn new_service_specific_error_str<T: AsRef<str>>(_err: i32, _message: Option<T>) -> Status {
        stub()
    }
    /// An exception.
    pub fn new_exception(_exception: ExceptionCode, _message: Option<&CStr>) -> Status {
        stub()
    }
    /// Whether it is no error.
    pub fn is_ok(&self) -> bool {
        stub()
    }
    /// In words.
    pub fn get_description(&self) -> String {
        stub()
    }
    /// Its exception.
    pub fn exception_code(&self) -> ExceptionCode {
        stub()
    }
    /// Its low-level status.
    pub fn transaction_error(&self) -> StatusCode {
        stub()
    }
    /// Its service-specific code.
    pub fn service_specific_error(&self) -> i32 {
        stub()
    }
}

impl Error for Status {}

impl fmt::Display for Status {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        stub()
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        stub()
    }
}

impl From<StatusCode> for Status {
    fn from(_: StatusCode) -> Status {
        stub()
    }
}

impl From<ExceptionCode> for Status {
    fn from(_: ExceptionCode) -> Status {
        stub()
    }
}

/// A strong reference to a binder object. `Send` and `Sync`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpIBinder(());

impl SpIBinder {
    /// As another interface.
    pub fn into_interface<I: FromIBinder + Interface + ?Sized>(self) -> std::result::Result<Strong<I>, StatusCode> {
        stub()
    }
}

/// What can be asked of any binder object.
pub trait IBinder {
    /// A round trip.
    fn ping_binder(&mut self) -> std::result::Result<(), StatusCode>;
}

impl IBinder for SpIBinder {
    fn ping_binder(&mut self) -> std::result::Result<(), StatusCode> {
        stub()
    }
}

/// Of every interface.
pub trait Interface: Send + Sync + 'static {
    /// The object behind.
    fn as_binder(&self) -> SpIBinder {
        stub()
    }
    /// From 15 on with a writer; a `&File` in 14.
    fn dump(&self, _writer: &mut dyn Write, _args: &[&CStr]) -> std::result::Result<(), StatusCode> {
        Ok(())
    }
}

/// What an interface is made of.
pub trait FromIBinder: Interface {
    /// Casts.
    fn try_from(ibinder: SpIBinder) -> std::result::Result<Strong<Self>, StatusCode>;
}

/// A strong reference to an interface.
pub struct Strong<I: FromIBinder + ?Sized>(Box<I>);

impl<I: FromIBinder + ?Sized> Strong<I> {
    /// From what implements it.
    pub fn new(binder: Box<I>) -> Self {
        Self(binder)
    }
}

impl<I: FromIBinder + ?Sized> Clone for Strong<I> {
    fn clone(&self) -> Self {
        stub()
    }
}

impl<I: FromIBinder + ?Sized> Deref for Strong<I> {
    type Target = I;
    fn deref(&self) -> &I {
        &self.0
    }
}

impl<I: FromIBinder + fmt::Debug + ?Sized> fmt::Debug for Strong<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

/// A weak reference to an interface.
pub struct Weak<I: FromIBinder + ?Sized>(PhantomData<I>);

/// A file in a parcel.
#[derive(Debug)]
pub struct ParcelFileDescriptor(OwnedFd);

impl ParcelFileDescriptor {
    /// From 15 on of anything that owns one; of a `File` in 14.
    pub fn new<F: Into<OwnedFd>>(fd: F) -> Self {
        Self(fd.into())
    }
}

impl AsRef<OwnedFd> for ParcelFileDescriptor {
    fn as_ref(&self) -> &OwnedFd {
        &self.0
    }
}

impl From<ParcelFileDescriptor> for OwnedFd {
    fn from(fd: ParcelFileDescriptor) -> OwnedFd {
        fd.0
    }
}

impl AsRawFd for ParcelFileDescriptor {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

impl PartialEq for ParcelFileDescriptor {
    fn eq(&self, other: &Self) -> bool {
        self.as_raw_fd() == other.as_raw_fd()
    }
}

impl Eq for ParcelFileDescriptor {}

/// Of a service. `set_requesting_sid` is not there for vendor code (`cfg(not(android_vndk))`).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct BinderFeatures {
    #[doc(hidden)]
    pub _non_exhaustive: (),
}

/// The process's binder.
pub struct ProcessState;

impl ProcessState {
    /// Starts the first thread.
    pub fn start_thread_pool() {
        stub()
    }
    /// How many more the kernel may ask for.
    pub fn set_thread_pool_max_thread_count(_num_threads: u32) {
        stub()
    }
    /// Serves on this thread.
    pub fn join_thread_pool() {
        stub()
    }
}

/// The calling thread's binder.
pub struct ThreadState;

impl ThreadState {
    /// Of the caller (`uid_t`).
    pub fn get_calling_uid() -> u32 {
        stub()
    }
    /// Of the caller (`pid_t`).
    pub fn get_calling_pid() -> i32 {
        stub()
    }
}

/// Registers a service.
pub fn add_service(_identifier: &str, _binder: SpIBinder) -> std::result::Result<(), StatusCode> {
    stub()
}

/// Looks once.
pub fn check_interface<T: FromIBinder + ?Sized>(_name: &str) -> std::result::Result<Strong<T>, StatusCode> {
    stub()
}

/// Whether it is declared in the VINTF manifest.
pub fn is_declared(_interface: &str) -> std::result::Result<bool, StatusCode> {
    stub()
}

/// For those who build on binder itself.
pub mod binder_impl {
    use super::{stub, SpIBinder, StatusCode};
    use std::marker::PhantomData;
    use std::os::fd::AsRawFd;

    /// A service's own side, implemented by the generated `Bn` types.
    pub trait Remotable: Send + Sync + 'static {}

    /// A binder object of this process.
    pub struct Binder<T: Remotable>(PhantomData<T>);

    impl<T: Remotable> Binder<T> {
        /// Attaches another object.
        pub fn set_extension(&mut self, _extension: &mut SpIBinder) -> std::result::Result<(), StatusCode> {
            stub()
        }
    }

    impl<T: Remotable> TryFrom<SpIBinder> for Binder<T> {
        type Error = StatusCode;
        fn try_from(_: SpIBinder) -> std::result::Result<Self, StatusCode> {
            stub()
        }
    }

    /// What a service's proxy can do beyond its interface.
    pub trait IBinderInternal: super::IBinder {
        /// Asks for a dump into a file.
        fn dump<F: AsRawFd>(&mut self, fp: &F, args: &[&str]) -> std::result::Result<(), StatusCode>;
        /// What was attached.
        fn get_extension(&mut self) -> std::result::Result<Option<SpIBinder>, StatusCode>;
    }

    impl IBinderInternal for SpIBinder {
        fn dump<F: AsRawFd>(&mut self, _fp: &F, _args: &[&str]) -> std::result::Result<(), StatusCode> {
            stub()
        }
        fn get_extension(&mut self) -> std::result::Result<Option<SpIBinder>, StatusCode> {
            stub()
        }
    }
}
