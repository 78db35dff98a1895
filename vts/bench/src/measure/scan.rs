//! What the kernel takes to tell which of very many buffers still live, where it sends no events.

use super::service;
use anyhow::{Context as _, Result};
use gralloc_dmabuf::ioctl::dma_heap_alloc;
use gralloc_heaps::watch::{ReleaseWatch, Source, Tag};
use std::fs::File;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::time::Instant;
use vts_bench::rows::MANY_BUFFERS;
use vts_bench::samples::Sample;

/// Nanoseconds a buffer of one scan, as often as rounds are asked for.
pub(super) fn samples(heap: &Path, rounds: usize) -> Result<Vec<Sample>> {
    service::allow_fds(MANY_BUFFERS)?;
    let heap = File::open(heap).with_context(|| heap.display().to_string())?;
    let watch = ReleaseWatch::with(Source::Epoll)?;
    let watched = |tag: Tag| -> Result<OwnedFd> {
        let buffer = dma_heap_alloc(heap.as_fd(), 1)?;
        watch.add(buffer.as_fd(), tag)?;
        Ok(buffer)
    };
    let _live: Vec<OwnedFd> = (0..MANY_BUFFERS).map(watched).collect::<Result<_>>()?;
    let sample = || -> Result<Sample> {
        let start = Instant::now();
        let released = watch.scan()?;
        let took = start.elapsed();
        anyhow::ensure!(released.tags.is_empty(), "{} of them have ended", released.tags.len());
        Ok(Sample::alone(took.as_secs_f64() * 1e9 / f64::from(MANY_BUFFERS)))
    };
    // The first warms up.
    sample()?;
    (0..rounds).map(|_| sample()).collect()
}
