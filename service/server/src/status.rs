//! From a refusal to what the client sees: the service's only place that knows `AllocationError`. What `heapctl explain` says of
//! it is held against the service's answers by `agreement::*` of vts/service-tests.
//!
//! Source: AOSP `hardware/interfaces/graphics/allocator/aidl/.../AllocationError.aidl`. A refused usage or option must
//! not be BAD_DESCRIPTOR: that is code 0, and VTS asks for a service-specific code other than 0.

use allocator_aidl::{illegal_state, service_specific, AllocationError, Status};
use gralloc_allocator::Refusal;

/// The binder status of a refusal, with the reason in words: EX_SERVICE_SPECIFIC with the AIDL error; EX_ILLEGAL_STATE where the service
/// has broken an invariant of its own, which none of them says.
pub fn status(refusal: &Refusal) -> Status {
    let error = match refusal {
        Refusal::Malformed(_) => AllocationError::BAD_DESCRIPTOR,
        Refusal::Shortage(_) => AllocationError::NO_RESOURCES,
        Refusal::Unsupported(_) => AllocationError::UNSUPPORTED,
        Refusal::Internal(_) => return illegal_state(&refusal.to_string()),
    };
    service_specific(error, &refusal.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use allocator_aidl::{failure, Failure};
    use gralloc_allocator::{Internal, Malformed, Shortage, Unsupported};
    use gralloc_buffer::Usage;

    #[test]
    fn refusal_becomes_its_allocation_error() {
        let unsupported: Refusal = Unsupported::UsageBits(Usage(1 << 33)).into();
        let malformed: Refusal = Malformed::LayerCount(0).into();
        let shortage: Refusal = Shortage::FileDescriptors.into();
        let never: Refusal = Unsupported::RequestTooLarge { bytes: None, limit: 1 }.into();
        for (refusal, error) in [(unsupported, 2), (malformed, 0), (shortage, 1), (never, 2)] {
            assert_eq!(status(&refusal).service_specific_error(), error, "{refusal}");
        }
        // Neither a promise about later tries nor the client's fault, nor a want of memory.
        let internal: Refusal = Internal::NoCandidate.into();
        assert!(!matches!(failure(&status(&internal)), Failure::Refused { .. }));
    }
}
