// This project's own interface: see IAllocatorStatistics.aidl.
package vendor.dmaheap.graphics.allocator;

/** A buffer that is alive. */
@VintfStability
parcelable BufferStatistics {
    /** The id in its handle, unsigned. */
    long id;
    /** The client's name for it; what is not printable ASCII is escaped. */
    @utf8InCpp String name;
    /** The heap that gave it. */
    @utf8InCpp String heap;
    /** Pixels and shared metadata, whole pages. */
    long bytes;
    /** BufferUsage bits as asked. */
    long usage;
    /** Who asked; others may hold it by now. */
    int uid;
    /** The process that asked. It may have ended. */
    int pid;
    /** Milliseconds since it was given out. */
    long ageMs;
}
