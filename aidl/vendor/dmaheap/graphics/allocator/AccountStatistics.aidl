// This project's own interface: see IAllocatorStatistics.aidl.
package vendor.dmaheap.graphics.allocator;

/** What somebody holds. The live statistics are 0 where the kernel does not say when a buffer dies. */
@VintfStability
parcelable AccountStatistics {
    /** Buffers that some process still refers to. */
    long liveBuffers;
    /** Their bytes, in whole pages. */
    long liveBytes;
    /** The most that liveBytes has been since the service started. */
    long highWaterBytes;
    /** Buffers given out since the service started. */
    long totalBuffers;
    /** Bytes given out since the service started. */
    long totalBytes;
}
