// Wire contract: android.hardware.graphics.allocator V2, frozen hash 9499fec09c544e9de5be3c87125721600f8ade66 (AOSP
// hardware/interfaces/graphics/allocator/aidl). The order of the methods is the order of the transaction codes.
// Comments are this project's.
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
}
