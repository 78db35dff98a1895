// This project's own interface: see IAllocatorStatistics.aidl.
package vendor.dmaheap.graphics.allocator;

import vendor.dmaheap.graphics.allocator.AccountStatistics;
import vendor.dmaheap.graphics.allocator.LatencyStatistics;

/** A heap of the policy. */
@VintfStability
parcelable HeapStatistics {
    /** Its name in the policy. */
    @utf8InCpp String name;
    /** The node that serves it, or would; empty when it has none. */
    @utf8InCpp String node;
    /** One word: open, absent, or what stands in the way. */
    @utf8InCpp String state;
    /** Whether its memory is protected content's. */
    boolean isProtected;
    /** Most bytes that may be live in it; -1 without a bound. */
    long budgetBytes = -1;
    /** The buffers whose pixels it gave; its bytes are all that is in it, shared metadata included. */
    AccountStatistics account;
    /** Of the requests whose first buffer this heap gave. */
    LatencyStatistics latency;
}
