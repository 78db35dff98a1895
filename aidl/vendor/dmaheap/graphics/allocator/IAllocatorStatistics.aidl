// This project's own interface, version 1: the extension of android.hardware.graphics.allocator.IAllocator/default.
package vendor.dmaheap.graphics.allocator;

import vendor.dmaheap.graphics.allocator.AllocatorStatistics;
import vendor.dmaheap.graphics.allocator.BufferStatistics;

/**
 * Who holds how much graphics memory, and how allocation goes. Found by asking the allocator's binder for its extension.
 *
 * Both methods name other processes' buffers. Root, the system, the shell and the service's own user may call them;
 * others get EX_SECURITY. Two at a time are answered, dumps counted; a third gets EX_ILLEGAL_STATE and may ask again.
 */
@VintfStability
interface IAllocatorStatistics {
    /** All figures but the single buffers', of one moment. Releases that have happened are booked before. */
    AllocatorStatistics getStatistics();

    /**
     * Buffers that are alive, oldest first.
     *
     * @param olderThanMs only those given out at least so many milliseconds ago; 0 or less for all.
     * @param limit at most so many; 0 or less, or more than 1024, for 1024: a reply has to fit a transaction.
     */
    BufferStatistics[] getBuffers(in long olderThanMs, in int limit);
}
