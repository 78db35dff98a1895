//! Small things that every binder library has under another name.

use crate::{AllocationError, BnAllocator, BnAllocatorStatistics, IAllocator, IAllocatorStatistics};
use crate::{ParcelFileDescriptor, Status, StatusCode, Strong};
use rsbinder::{BinderFeatures, ExceptionCode};
use std::os::fd::OwnedFd;

/// Makes a service out of what answers the calls.
///
/// A caller with a real-time priority lends it to the thread that serves it. The caller's security context is not asked
/// for.
pub fn new_allocator<T: IAllocator + Send + Sync + 'static>(service: T) -> Strong<dyn IAllocator> {
    let mut features = BinderFeatures::default();
    features.inherit_rt = true;
    BnAllocator::new_binder_with_features(service, features)
}

/// Makes the statistics' object out of what answers its calls.
pub fn new_statistics<T: IAllocatorStatistics + Send + Sync + 'static>(service: T) -> Strong<dyn IAllocatorStatistics> {
    BnAllocatorStatistics::new_binder(service)
}

/// Lets clients of the allocator find the statistics, as its binder's extension. Before it is registered or served.
///
/// # Errors
/// The allocator is not an object of this process.
pub fn set_extension(
    allocator: &Strong<dyn IAllocator>,
    statistics: &Strong<dyn IAllocatorStatistics>,
) -> Result<(), StatusCode> {
    allocator.as_binder().set_extension(&statistics.as_binder())
}

/// An exception `EX_SECURITY`: the caller may not ask that.
pub fn may_not(message: &str) -> Status {
    Status::from((ExceptionCode::Security, message))
}

/// An exception `EX_ILLEGAL_STATE`: the service cannot, as it is now.
pub fn illegal_state(message: &str) -> Status {
    Status::from((ExceptionCode::IllegalState, message))
}

/// An exception `EX_SERVICE_SPECIFIC` with one of the interface's own codes, and words for whoever debugs the client.
pub fn service_specific(error: AllocationError, message: &str) -> Status {
    Status::new_service_specific_error(error.0, Some(message.to_owned()))
}

/// Gives a file to a parcel.
pub fn parcel_fd(fd: OwnedFd) -> ParcelFileDescriptor {
    ParcelFileDescriptor::from(fd)
}

/// Takes a file out of what a parcel carried.
pub fn into_fd(fd: ParcelFileDescriptor) -> OwnedFd {
    fd.into()
}

/// Who makes the call that this thread is serving, as the kernel says: the effective uid. Outside a call, this process.
/// `u32::MAX` when a socket's peer is unknown.
pub fn calling_uid() -> u32 {
    rsbinder::get_calling_uid()
}

/// The process that makes the call. 0 when the kernel shows no pid for it (another pid namespace), −1 when a socket's
/// peer is unknown. On a socket it is the process that connected.
pub fn calling_pid() -> i32 {
    rsbinder::get_calling_pid()
}

/// [`calling_uid`] and [`calling_pid`].
pub fn calling_identity() -> (u32, i32) {
    (calling_uid(), calling_pid())
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
                args: &[::std::string::String],
            ) -> ::std::result::Result<(), $crate::StatusCode> {
                let dump: fn(&$service, &mut dyn ::std::io::Write, &[::std::string::String]) -> ::std::io::Result<()> =
                    $dump;
                dump(self, out, args).map_err($crate::StatusCode::from)
            }
        }
    };
}
