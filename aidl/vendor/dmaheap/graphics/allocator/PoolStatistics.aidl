// This project's own interface: see IAllocatorStatistics.aidl.
package vendor.dmaheap.graphics.allocator;

/** Buffers that are ready before they are asked for. They belong to no client. */
@VintfStability
parcelable PoolStatistics {
    /** Buffers ready now. */
    long readyBuffers;
    /** Their bytes. */
    long readyBytes;
    /** The most that readyBytes has been. */
    long highWaterBytes;
    /** Requests served from the pool. */
    long hits;
    /** Requests of a size worth keeping that were not. */
    long misses;
    /** Buffers filled. */
    long fills;
    /** Buffers dropped because nobody asked for a while. */
    long droppedIdle;
    /** Buffers dropped because memory ran short. */
    long droppedPressure;
    /** Buffers dropped to let a request or another stream have the room. */
    long droppedRoom;
}
