// This project's own interface: see IAllocatorStatistics.aidl.
package vendor.dmaheap.graphics.allocator;

/** How long allocate2 took inside the service, for requests that succeeded. */
@VintfStability
parcelable LatencyStatistics {
    /** Requests measured. */
    long count;
    /** Their time in all, microseconds. */
    long sumUs;
    /** The longest, microseconds. */
    long maxUs;
    /** Half of the requests took at most so many microseconds: the upper edge of a bucket, at most maxUs. 0 without any. */
    long p50Us;
    /** 99 of 100 took at most so many. */
    long p99Us;
    /** Requests by time: bucket 0 below 1 microsecond, bucket n from 2^(n-1) to below 2^n, the last all that is longer. */
    long[] buckets;
}
