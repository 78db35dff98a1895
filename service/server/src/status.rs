//! From a refusal to what the client sees: the only place that knows `AllocationError`.
//!
//! Source: AOSP `hardware/interfaces/graphics/allocator/aidl/.../AllocationError.aidl`. A refused usage or option must
//! not be BAD_DESCRIPTOR: that is code 0, and VTS asks for a service-specific code other than 0.

use allocator_aidl::{service_specific, AllocationError, Status};
use gralloc_allocator::Refusal;

/// The AIDL error of a refusal.
pub fn allocation_error(refusal: &Refusal) -> AllocationError {
    match refusal {
        Refusal::Malformed(_) => AllocationError::BAD_DESCRIPTOR,
        Refusal::Shortage(_) | Refusal::Internal(_) => AllocationError::NO_RESOURCES,
        Refusal::Unsupported(_) => AllocationError::UNSUPPORTED,
    }
}

/// The binder status of a refusal: EX_SERVICE_SPECIFIC with the AIDL error and the reason in words.
pub fn status(refusal: &Refusal) -> Status {
    service_specific(allocation_error(refusal), &refusal.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use gralloc_allocator::{Internal, Malformed, Shortage, Unsupported};
    use gralloc_buffer::Usage;

    #[test]
    fn refusal_becomes_its_allocation_error() {
        let unsupported: Refusal = Unsupported::UsageBits(Usage(1 << 33)).into();
        let malformed: Refusal = Malformed::LayerCount(0).into();
        let shortage: Refusal = Shortage::FileDescriptors.into();
        let never: Refusal = Unsupported::RequestTooLarge { bytes: None, limit: 1 }.into();
        // Neither a promise about every later try nor the client's fault.
        let internal: Refusal = Internal::NoCandidate.into();
        assert_eq!(allocation_error(&unsupported).0, 2);
        assert_eq!(allocation_error(&malformed).0, 0);
        assert_eq!(allocation_error(&shortage).0, 1);
        assert_eq!(allocation_error(&never).0, 2);
        assert_eq!(allocation_error(&internal).0, 1);
        assert_eq!(status(&unsupported).service_specific_error(), 2);
    }
}
