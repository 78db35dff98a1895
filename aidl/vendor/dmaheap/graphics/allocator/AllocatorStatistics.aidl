// This project's own interface: see IAllocatorStatistics.aidl.
package vendor.dmaheap.graphics.allocator;

import vendor.dmaheap.graphics.allocator.AccountStatistics;
import vendor.dmaheap.graphics.allocator.ClientStatistics;
import vendor.dmaheap.graphics.allocator.HeapStatistics;
import vendor.dmaheap.graphics.allocator.PoolStatistics;
import vendor.dmaheap.graphics.allocator.RefusalStatistics;

/** Everything but the single buffers. */
@VintfStability
parcelable AllocatorStatistics {
    /** The policy's name. */
    @utf8InCpp String policy;
    /** Milliseconds since the service started. */
    long uptimeMs;
    /** How the kernel tells that a buffer died; empty where it does not, and live statistics are 0. */
    @utf8InCpp String releasesSeenThrough;
    /** Buffers that could not be watched: in no live statistic. */
    long untrackedBuffers;
    /** allocate2 calls. */
    long requests;
    /** MemAvailable, bytes; -1 when unknown. */
    long availableBytes = -1;
    /** Bytes of it that no request may take. */
    long reserveBytes;
    /** Pixels and shared metadata of all clients. */
    AccountStatistics all;
    /** In the policy's order. */
    HeapStatistics[] heaps;
    /** By uid, ascending. Those that hold nothing are forgotten beyond 256. */
    ClientStatistics[] clients;
    /** By cause. */
    RefusalStatistics[] refusals;
    /** Absent where there is no pool. */
    @nullable PoolStatistics pool;
}
