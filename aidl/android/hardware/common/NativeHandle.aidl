// Wire contract: android.hardware.common V2 (AOSP hardware/interfaces/common/aidl). Comments are this project's.
package android.hardware.common;

/** A native_handle_t on the wire: file descriptors first, then plain numbers whose meaning its maker knows. */
@VintfStability
parcelable NativeHandle {
    /** Open files; the receiver owns its copies. */
    ParcelFileDescriptor[] fds;
    /** Opaque to everybody but the allocator and its mapper. */
    int[] ints;
}
