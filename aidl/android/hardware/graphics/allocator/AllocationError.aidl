// Wire contract: android.hardware.graphics.allocator V2 (AOSP hardware/interfaces/graphics/allocator/aidl). Comments
// are this project's.
package android.hardware.graphics.allocator;

/** The service-specific codes of IAllocator's exceptions. */
@VintfStability
@Backing(type="int")
enum AllocationError {
    /** The descriptor contradicts itself. The value is 0, which some clients take for no error at all. */
    BAD_DESCRIPTOR,
    /** Too much was asked for right now; the same request may do later. */
    NO_RESOURCES,
    /** The same request will never do on this device. */
    UNSUPPORTED,
}
