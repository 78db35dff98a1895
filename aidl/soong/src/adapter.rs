//! Small things that every binder library has under another name.

use crate::{AllocationError, BnAllocator, BnAllocatorStatistics, IAllocator, IAllocatorStatistics};
use crate::{ParcelFileDescriptor, Status, StatusCode, Strong};
use binder::binder_impl::Binder;
use binder::{BinderFeatures, ExceptionCode, ThreadState};
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::OwnedFd;

/// Makes a service out of what answers the calls.
///
/// A caller's real-time priority is not lent to the thread that serves it: `BinderFeatures` has no such switch here.
pub fn new_allocator<T: IAllocator + Send + Sync + 'static>(service: T) -> Strong<dyn IAllocator> {
    BnAllocator::new_binder(service, BinderFeatures::default())
}

/// Makes the statistics' object out of what answers its calls.
pub fn new_statistics<T: IAllocatorStatistics + Send + Sync + 'static>(service: T) -> Strong<dyn IAllocatorStatistics> {
    BnAllocatorStatistics::new_binder(service, BinderFeatures::default())
}

/// Lets clients of the allocator find the statistics, as its binder's extension. Before it is registered or served.
///
/// # Errors
/// The allocator is not an object of this process.
pub fn set_extension(
    allocator: &Strong<dyn IAllocator>,
    statistics: &Strong<dyn IAllocatorStatistics>,
) -> Result<(), StatusCode> {
    let mut native = Binder::<BnAllocator>::try_from(allocator.as_binder())?;
    native.set_extension(&mut statistics.as_binder())
}

/// An exception `EX_SECURITY`: the caller may not ask that.
pub fn may_not(message: &str) -> Status {
    let message = CString::new(message).unwrap_or_default();
    Status::new_exception(ExceptionCode::SECURITY, Some(&message))
}

/// An exception `EX_ILLEGAL_STATE`: the service cannot, as it is now.
pub fn illegal_state(message: &str) -> Status {
    let message = CString::new(message).unwrap_or_default();
    Status::new_exception(ExceptionCode::ILLEGAL_STATE, Some(&message))
}

/// An exception `EX_SERVICE_SPECIFIC` with one of the interface's own codes, and words for whoever debugs the client.
pub fn service_specific(error: AllocationError, message: &str) -> Status {
    Status::new_service_specific_error_str(error.0, Some(message))
}

/// Gives a file to a parcel.
pub fn parcel_fd(fd: OwnedFd) -> ParcelFileDescriptor {
    ParcelFileDescriptor::new(fd)
}

/// Takes a file out of what a parcel carried.
pub fn into_fd(fd: ParcelFileDescriptor) -> OwnedFd {
    fd.into()
}

/// Who makes the call that this thread is serving, as the kernel says: the effective uid. Outside a call, this process.
pub fn calling_uid() -> u32 {
    ThreadState::get_calling_uid()
}

/// The process that makes the call. 0 when the kernel shows no pid for it (another pid namespace).
pub fn calling_pid() -> i32 {
    ThreadState::get_calling_pid()
}

/// [`calling_uid`] and [`calling_pid`].
pub fn calling_identity() -> (u32, i32) {
    (calling_uid(), calling_pid())
}

/// The arguments of a dump as the service takes them. What is not UTF-8 is no argument of ours; it stays readable.
#[doc(hidden)]
pub fn dump_arguments(args: &[&CStr]) -> Vec<String> {
    args.iter().map(|arg| arg.to_string_lossy().into_owned()).collect()
}

/// What `dumpsys` is told when it stops reading or its pipe breaks. There is no code for every errno here.
#[doc(hidden)]
pub fn dump_failed(error: &io::Error) -> StatusCode {
    log::debug!("a dump ended early: {error}");
    match error.kind() {
        io::ErrorKind::PermissionDenied => StatusCode::PERMISSION_DENIED,
        io::ErrorKind::WouldBlock => StatusCode::WOULD_BLOCK,
        io::ErrorKind::TimedOut => StatusCode::TIMED_OUT,
        io::ErrorKind::OutOfMemory => StatusCode::NO_MEMORY,
        _ => StatusCode::FAILED_TRANSACTION,
    }
}

/// Implements [`Interface`](crate::Interface) for a service, with a dump.
///
/// `interface_with_dump!(Service, Service::write_dump)` wants
/// `fn write_dump(&self, out: &mut dyn std::io::Write, args: &[String]) -> std::io::Result<()>`.
#[macro_export]
macro_rules! interface_with_dump {
    ($service:ty, $dump:expr) => {
        impl $crate::Interface for $service {
            fn dump(
                &self,
                out: &mut dyn ::std::io::Write,
                args: &[&::std::ffi::CStr],
            ) -> ::std::result::Result<(), $crate::StatusCode> {
                let dump: fn(&$service, &mut dyn ::std::io::Write, &[::std::string::String]) -> ::std::io::Result<()> =
                    $dump;
                dump(self, out, &$crate::dump_arguments(args)).map_err(|error| $crate::dump_failed(&error))
            }
        }
    };
}
