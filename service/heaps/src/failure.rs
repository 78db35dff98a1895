//! What an errno means when a heap fails to allocate. One match, used by every backend.
//!
//! Source: linux v6.12, `drivers/dma-buf/dma-heap.c` (`dma_heap_ioctl`, `dma_heap_buffer_alloc`),
//! `drivers/dma-buf/heaps/{system,cma}_heap.c`, `drivers/dma-buf/udmabuf.c`.

use gralloc_allocator::ports::{FailureKind, HeapFailure};
use nix::errno::Errno;

/// The failure for an errno of an allocation.
pub(crate) fn failure(errno: Errno) -> HeapFailure {
    use FailureKind::{Descriptors, Memory, Other, Size};
    let (cause, kind) = match errno {
        Errno::ENOMEM => ("the heap has no memory left for it", Memory),
        Errno::ENOSPC => ("the heap's region is full", Memory),
        // The service's own descriptors, or the machine's: no heap does better.
        Errno::EMFILE => ("the service has no file descriptors left", Descriptors),
        Errno::ENFILE => ("the machine has no file descriptors left", Descriptors),
        Errno::EINVAL => ("the heap does not take this size", Other),
        Errno::EFBIG => ("the size does not fit this machine's addresses", Size),
        Errno::EACCES | Errno::EPERM => ("this process may not allocate from the heap", Other),
        Errno::ENODEV | Errno::ENXIO | Errno::ENOENT => ("the heap is not on this kernel, or no longer", Other),
        Errno::ENOTTY => ("the node is not a dma-heap", Other),
        Errno::EBUSY | Errno::EAGAIN => ("the heap is busy", Other),
        Errno::EFAULT => ("the kernel could not write its answer", Other),
        _ => ("an errno that no heap documents", Other),
    };
    // Errno is repr(i32); From is missing in nix 0.28.
    #[allow(clippy::as_conversions)]
    let errno = errno as i32;
    HeapFailure { errno, cause, kind }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::libc;

    #[test]
    fn failure_that_no_heap_does_better_at_does_not_try_the_next() {
        for errno in [Errno::EMFILE, Errno::ENFILE, Errno::EFBIG] {
            assert!(!failure(errno).try_next(), "{errno}");
        }
        for errno in [Errno::ENOMEM, Errno::EINVAL, Errno::EACCES, Errno::ENODEV, Errno::ENOTTY, Errno::EIO] {
            assert!(failure(errno).try_next(), "{errno}");
        }
    }

    #[test]
    fn failure_for_want_of_memory_is_told_from_every_other() {
        for errno in [Errno::ENOMEM, Errno::ENOSPC] {
            assert_eq!(failure(errno).kind, FailureKind::Memory, "{errno}");
        }
        let others = [Errno::EINVAL, Errno::EACCES, Errno::ENODEV, Errno::ENOTTY, Errno::EBUSY, Errno::EIO];
        for errno in others {
            assert_eq!(failure(errno).kind, FailureKind::Other, "{errno}");
        }
        assert_eq!(failure(Errno::EFBIG).kind, FailureKind::Size);
    }

    #[test]
    fn failure_keeps_the_errno() {
        assert_eq!(failure(Errno::ENOMEM).errno, libc::ENOMEM);
        assert_eq!(failure(Errno::EMFILE).errno, libc::EMFILE);
    }
}
