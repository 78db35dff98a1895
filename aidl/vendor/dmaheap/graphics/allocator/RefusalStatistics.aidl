// This project's own interface: see IAllocatorStatistics.aidl.
package vendor.dmaheap.graphics.allocator;

/** Requests refused for one cause. */
@VintfStability
parcelable RefusalStatistics {
    /** The cause, such as "client-budget"; the same words as in the dump. */
    @utf8InCpp String cause;
    /** How many. */
    long count;
}
