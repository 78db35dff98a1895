// This project's own interface: see IAllocatorStatistics.aidl.
package vendor.dmaheap.graphics.allocator;

import vendor.dmaheap.graphics.allocator.AccountStatistics;

/** All processes of one user. */
@VintfStability
parcelable ClientStatistics {
    /** The uid that asked. */
    int uid;
    /** Bytes admitted whose allocation has not ended. */
    long reservedBytes;
    /** Requests refused, whatever the cause. */
    long refusals;
    /** Pixels and shared metadata. */
    AccountStatistics account;
}
