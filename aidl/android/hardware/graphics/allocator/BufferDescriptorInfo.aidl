// Wire contract: android.hardware.graphics.allocator V2 (AOSP hardware/interfaces/graphics/allocator/aidl). Comments
// are this project's.
package android.hardware.graphics.allocator;

import android.hardware.graphics.common.BufferUsage;
import android.hardware.graphics.common.ExtendableType;
import android.hardware.graphics.common.PixelFormat;

/** What a client wants. Nothing in it has been checked by anybody. */
@VintfStability
parcelable BufferDescriptorInfo {
    /** A name for dumps and traces. A terminator is meant to be there, and may not be. */
    byte[128] name;
    /** Pixels. */
    int width;
    /** Lines. */
    int height;
    /** Images in the buffer, one behind the other. */
    int layerCount;
    /** What a pixel looks like. */
    PixelFormat format = PixelFormat.UNSPECIFIED;
    /** Who will touch the buffer, as bits. Unknown ones are to be refused. */
    BufferUsage usage = BufferUsage.CPU_READ_NEVER;
    /** Bytes that clients share beside the pixels. */
    long reservedSize;
    /** Extensions. Unknown ones are to be refused. */
    ExtendableType[] additionalOptions;
}
