// Wire contract: android.hardware.graphics.allocator V2 (AOSP hardware/interfaces/graphics/allocator/aidl). Comments
// are this project's.
package android.hardware.graphics.allocator;

import android.hardware.common.NativeHandle;

/** What an allocation gives. */
@VintfStability
parcelable AllocationResult {
    /** Pixels from the start of one line to the start of the next, the same for all the buffers. */
    int stride;
    /** Exactly as many raw handles as were asked for. Clients read the first one unchecked. */
    NativeHandle[] buffers;
}
