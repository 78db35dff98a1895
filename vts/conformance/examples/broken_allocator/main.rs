//! An allocator that is broken on purpose: it passes calls on to another one and does wrong on the way. For
//! `tests/mutants.rs`, which says which tests each fault has to fail.
//!
//! Usage: `broken_allocator FAULT SOCKET SOCKET-OF-THE-OTHER`. It knows the handles of this project's allocator, to lie in
//! them.

// Test code: a failed unwrap ends the test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod answers;
mod requests;

use allocator_aidl::{
    new_allocator, service_specific, AllocationError, AllocationResult, BinderResult, BufferDescriptorInfo, IAllocator,
    SocketOptions, SocketServer, Status,
};
use gralloc_client::{ClientError, Connection};
use std::path::Path;

/// The faults.
const FAULTS: [&str; 30] = [
    "one-buffer-too-few",
    "one-buffer-too-many",
    "one-memory-for-all-buffers-of-a-call",
    "accepts-unknown-usage",
    "accepts-unknown-options",
    "accepts-unknown-formats",
    "takes-impossible-sizes",
    "promises-everything",
    "calls-formats-unsupported",
    "calls-front-buffers-unsupported",
    "promises-front-buffers",
    "stride-too-small",
    "repeats-ids",
    "repeats-ids-after-a-restart",
    "gives-old-memory",
    "gives-old-metadata",
    "refuses-with-code-0",
    "refuses-with-code-3",
    "refuses-with-an-empty-success",
    "calls-the-impossible-a-shortage",
    "dies-of-a-negative-count",
    "suffix-is-a-path",
    "deprecated-allocate-succeeds",
    "forgets-the-reserved-region",
    "forgets-layers",
    "forgets-names",
    "forgets-the-dataspace",
    "usage-of-32-bits",
    "makes-views",
    "promises-views",
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [fault, socket, other] = &arguments[..] else { panic!("FAULT SOCKET SOCKET-OF-THE-OTHER") };
    assert!(FAULTS.contains(&fault.as_str()), "no fault is called {fault}");
    let other = Connection::socket(Path::new(other)).unwrap();
    let server = SocketServer::bind(Path::new(socket), SocketOptions::default()).unwrap();
    let ended = server.serve(&new_allocator(Broken { fault: fault.clone(), other }));
    panic!("{:?}", ended.err());
}

struct Broken {
    fault: String,
    other: Connection,
}

impl Broken {
    fn is(&self, fault: &str) -> bool {
        debug_assert!(FAULTS.contains(&fault));
        self.fault == fault
    }

    /// The refusal on its way back.
    fn refuse(&self, error: ClientError) -> BinderResult<AllocationResult> {
        match error {
            ClientError::Refused { .. } if self.is("refuses-with-an-empty-success") => {
                Ok(AllocationResult { stride: 64, buffers: Vec::new() })
            }
            ClientError::Refused { .. } if self.is("refuses-with-code-0") => {
                Err(service_specific(AllocationError(0), "code 0"))
            }
            ClientError::Refused { .. } if self.is("refuses-with-code-3") => {
                Err(service_specific(AllocationError(3), "code 3"))
            }
            ClientError::Refused { message, .. } if self.is("calls-the-impossible-a-shortage") => {
                Err(service_specific(AllocationError::NO_RESOURCES, &message))
            }
            ClientError::Refused { code, message } => Err(service_specific(AllocationError(code), &message)),
            other => panic!("{other}"),
        }
    }
}

impl allocator_aidl::Interface for Broken {}

impl IAllocator for Broken {
    #[cfg(feature = "v3")]
    fn isMultiViewSupported(&self, _: &[BufferDescriptorInfo], _: i32) -> BinderResult<bool> {
        Ok(self.is("makes-views") || self.is("promises-views"))
    }

    /// An ordinary buffer: of its views the mapper `has-views` speaks.
    #[cfg(feature = "v3")]
    fn allocateMultiView(&self, descriptors: &[BufferDescriptorInfo], _: i32) -> BinderResult<AllocationResult> {
        match descriptors.first().filter(|_| self.is("makes-views")) {
            Some(first) => self.allocate2(first, 1),
            None => Err(service_specific(AllocationError::UNSUPPORTED, "one view a buffer")),
        }
    }

    #[allow(deprecated)] // V1's method stays a part of the contract.
    fn allocate(&self, descriptor: &[u8], count: i32) -> BinderResult<AllocationResult> {
        if self.is("deprecated-allocate-succeeds") {
            return Ok(AllocationResult { stride: 0, buffers: Vec::new() });
        }
        self.other.allocator().allocate(descriptor, count)
    }

    fn allocate2(&self, descriptor: &BufferDescriptorInfo, count: i32) -> BinderResult<AllocationResult> {
        if count < 0 && self.is("dies-of-a-negative-count") {
            std::process::abort();
        }
        if requests::is_denied(&self.fault, descriptor) {
            return Err(service_specific(AllocationError::UNSUPPORTED, "not here"));
        }
        let wanted = requests::changed(&self.fault, descriptor);
        let count = requests::count(&self.fault, count);
        match self.other.allocate_raw(&wanted, count) {
            Ok(result) => Ok(answers::changed(&self.fault, result, descriptor)),
            Err(error) => self.refuse(error),
        }
    }

    fn isSupported(&self, descriptor: &BufferDescriptorInfo) -> BinderResult<bool> {
        if self.is("promises-everything") {
            return Ok(true);
        }
        if requests::is_denied(&self.fault, descriptor) {
            return Ok(self.is("promises-front-buffers"));
        }
        let wanted = requests::changed(&self.fault, descriptor);
        self.other.is_supported(&wanted).map_err(|_| Status::from(allocator_aidl::StatusCode::FailedTransaction))
    }

    fn getIMapperLibrarySuffix(&self) -> BinderResult<String> {
        if self.is("suffix-is-a-path") {
            return Ok("../../data/evil".to_owned());
        }
        Ok(self.other.mapper_suffix().unwrap())
    }
}
