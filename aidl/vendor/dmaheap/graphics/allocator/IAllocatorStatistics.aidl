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
    /**
     * Everything but the single buffers'. The accounts are of one moment, and so is what was counted; the two are read one after the
     * other. Releases that have happened are booked before where the kernel tells of them, or a scan comes within two seconds.
     */
    AllocatorStatistics getStatistics();

    /**
     * Buffers that are alive, by id, a page at a time. Ids rise: the first are the oldest. A page is as long as fits a
     * transaction, whatever the names are; the next one begins behind the last id of this, and an empty one is the end. Each
     * buffer that lives throughout is in one page; one that is given out or released meanwhile may be or not.
     *
     * @param olderThanMs only those given out at least so many milliseconds ago; 0 or less for all.
     * @param afterId only those with a larger id, unsigned; 0 for the first page.
     * @param limit at most so many; 0 or less for as many as fit.
     */
    BufferStatistics[] getBuffers(in long olderThanMs, in long afterId, in int limit);
}
