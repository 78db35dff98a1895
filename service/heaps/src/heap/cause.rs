//! What an errno means when a heap gives nothing. One match, used by every backend.
//!
//! Source: linux v6.12, `drivers/dma-buf/dma-heap.c` (`dma_heap_ioctl`, `dma_heap_buffer_alloc`),
//! `drivers/dma-buf/heaps/{system,cma}_heap.c`, `drivers/dma-buf/udmabuf.c`.

use gralloc_allocator::ports::HeapFailure;
use nix::errno::Errno;

/// The failure for an errno of an allocation.
pub(crate) fn failure(errno: Errno) -> HeapFailure {
    let (cause, try_next) = match errno {
        Errno::ENOMEM => ("the heap has no memory left for it", true),
        // The service's own descriptors, or the machine's: no heap does better.
        Errno::EMFILE => ("the service has no file descriptors left", false),
        Errno::ENFILE => ("the machine has no file descriptors left", false),
        Errno::EINVAL => ("the heap does not take this size", true),
        Errno::EFBIG => ("the size does not fit this machine's addresses", true),
        Errno::EACCES | Errno::EPERM => ("this process may not allocate from the heap", true),
        Errno::ENODEV | Errno::ENXIO | Errno::ENOENT => ("the heap is not on this kernel, or no longer", true),
        Errno::ENOTTY => ("the node is no dma-heap", true),
        Errno::ENOSPC => ("the heap's region is full", true),
        Errno::EBUSY | Errno::EAGAIN => ("the heap is busy", true),
        Errno::EFAULT => ("the kernel could not hand over the answer", true),
        _ => ("an errno that no heap documents", true),
    };
    // Errno is repr(i32); From is missing in nix 0.28.
    #[allow(clippy::as_conversions)]
    let errno = errno as i32;
    HeapFailure { errno, cause, try_next }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::libc;

    #[test]
    fn failure_of_descriptors_does_not_try_the_next_heap() {
        for errno in [Errno::EMFILE, Errno::ENFILE] {
            assert!(!failure(errno).try_next, "{errno}");
        }
        for errno in [Errno::ENOMEM, Errno::EINVAL, Errno::EACCES, Errno::ENODEV, Errno::ENOTTY, Errno::EIO] {
            assert!(failure(errno).try_next, "{errno}");
        }
    }

    #[test]
    fn failure_keeps_the_errno() {
        assert_eq!(failure(Errno::ENOMEM).errno, libc::ENOMEM);
        assert_eq!(failure(Errno::EMFILE).errno, libc::EMFILE);
    }
}
