// Wire contract: android.hardware.graphics.allocator V3, frozen hash b061131f0ee5260aa8f779bf3569dfc861a1b89c (AOSP
// hardware/interfaces/graphics/allocator/aidl, trees after 17). V2 with two methods more; all its types are V2's. The order of
// the methods is the order of the transaction codes. Comments are this project's.
package android.hardware.graphics.allocator;

import android.hardware.graphics.allocator.AllocationResult;
import android.hardware.graphics.allocator.BufferDescriptorInfo;

/** Allocates graphics buffers. Errors are service-specific, with AllocationError's values. */
@VintfStability
interface IAllocator {
    /**
     * V1's way: the descriptor is encoded by mapper 4.
     *
     * @deprecated With mapper 5 nobody can encode one: allocate2 takes its place.
     */
    AllocationResult allocate(in byte[] descriptor, in int count);

    /** Gives exactly count buffers, or none and an error. */
    AllocationResult allocate2(in BufferDescriptorInfo descriptor, in int count);

    /** False: allocate2 never succeeds for this. True: it succeeds unless memory runs out. */
    boolean isSupported(in BufferDescriptorInfo descriptor);

    /** X in mapper.X.so, the library that understands the handles given out here. */
    String getIMapperLibrarySuffix();

    /** What isSupported is for one descriptor, for a set of them that are to be the views of one buffer. */
    boolean isMultiViewSupported(in BufferDescriptorInfo[] descriptor, in int baseViewIndex);

    /** One buffer that carries all the views; UNSUPPORTED where isMultiViewSupported is false. */
    AllocationResult allocateMultiView(in BufferDescriptorInfo[] descriptor, in int baseViewIndex);
}
