//! Wire types in and out: the only place that knows both AIDL's structs and the core's.

use crate::dump::{BufferLine, ClientLine, Dump, HeapLine, Holdings, LatencyLine};
use crate::engine::{Grant, Handle};
use allocator_aidl as aidl;
use allocator_aidl::{parcel_fd, AllocationResult, BufferDescriptorInfo, ExtendableType, NativeHandle};
use gralloc_allocator::pool::PoolStatistics;
use gralloc_buffer::handle::encode;
use gralloc_buffer::BufferName;
use gralloc_buffer::{Descriptor, DescriptorOption};

/// The descriptor as the core reads it; nothing is judged here.
pub fn descriptor(wire: &BufferDescriptorInfo) -> Descriptor {
    let option = |option: &ExtendableType| DescriptorOption { name: option.name.clone(), value: option.value };
    Descriptor {
        name: BufferName::from_wire(&wire.name),
        width: wire.width,
        height: wire.height,
        layer_count: wire.layerCount,
        format: wire.format.0,
        usage: wire.usage.0,
        reserved_size: wire.reservedSize,
        options: wire.additionalOptions.iter().map(option).collect(),
    }
}

/// The reply: stride and one native handle a buffer, the fds in the order that the handle's format fixes.
pub fn result(grant: Grant) -> AllocationResult {
    AllocationResult { stride: grant.stride, buffers: grant.handles.into_iter().map(native_handle).collect() }
}

fn native_handle(handle: Handle) -> NativeHandle {
    let ints = encode(&handle.info).to_vec();
    let fds = vec![parcel_fd(handle.buffer), parcel_fd(handle.metadata)];
    NativeHandle { fds, ints }
}

/// Most buffers of one reply: with names of 127 bytes, escaped, well below the megabyte of a transaction.
const MAX_BUFFERS: usize = 1024;

/// A dump's figures as the extension answers them.
pub fn statistics(dump: Dump) -> aidl::AllocatorStatistics {
    let refusal =
        |(cause, count): (&'static str, u64)| aidl::RefusalStatistics { cause: cause.to_owned(), count: long(count) };
    aidl::AllocatorStatistics {
        policy: dump.policy,
        uptimeMs: long(dump.uptime_ms),
        releasesSeenThrough: dump.releases_seen_through.unwrap_or_default().to_owned(),
        untrackedBuffers: long(dump.untracked_buffers),
        requests: long(dump.requests),
        availableBytes: dump.memory.available_bytes.map_or(-1, long),
        reserveBytes: long(dump.memory.reserve_bytes),
        all: holdings(&dump.all),
        heaps: dump.heaps.into_iter().map(heap).collect(),
        clients: dump.clients.iter().map(client).collect(),
        refusals: dump.refusals.into_iter().map(refusal).collect(),
        pool: dump.pool.map(|line| pool(&line.figures)),
    }
}

/// Which buffers are asked for: the age in milliseconds, and how many at most.
pub fn wanted(older_than_ms: i64, limit: i32) -> (u64, usize) {
    let limit = usize::try_from(limit).ok().filter(|limit| *limit > 0);
    (u64::try_from(older_than_ms).unwrap_or(0), limit.map_or(MAX_BUFFERS, |limit| limit.min(MAX_BUFFERS)))
}

/// A dump's buffers as the extension answers them.
pub fn buffers(lines: Vec<BufferLine>) -> Vec<aidl::BufferStatistics> {
    lines.into_iter().map(buffer).collect()
}

fn heap(line: HeapLine) -> aidl::HeapStatistics {
    aidl::HeapStatistics {
        name: line.name,
        node: line.node.unwrap_or_default(),
        state: line.state.to_owned(),
        isProtected: line.protected,
        budgetBytes: line.budget_bytes.map_or(-1, long),
        holdings: holdings(&line.holdings),
        latency: latency(&line.latency),
    }
}

fn pool(figures: &PoolStatistics) -> aidl::PoolStatistics {
    aidl::PoolStatistics {
        readyBuffers: i64::from(figures.ready_buffers),
        readyBytes: long(figures.ready_bytes),
        highWaterBytes: long(figures.high_water_bytes),
        hits: long(figures.hits),
        misses: long(figures.misses),
        fills: long(figures.fills),
        droppedIdle: long(figures.dropped_idle),
        droppedPressure: long(figures.dropped_pressure),
        droppedRoom: long(figures.dropped_room),
    }
}

fn latency(line: &LatencyLine) -> aidl::LatencyStatistics {
    aidl::LatencyStatistics {
        count: long(line.count),
        sumUs: long(line.sum_us),
        maxUs: long(line.max_us),
        p50Us: long(line.p50_us),
        p99Us: long(line.p99_us),
        buckets: line.buckets.iter().copied().map(long).collect(),
    }
}

fn client(line: &ClientLine) -> aidl::ClientStatistics {
    aidl::ClientStatistics {
        uid: i32::from_ne_bytes(line.uid.to_ne_bytes()),
        reservedBytes: long(line.reserved_bytes),
        refusals: long(line.refusals),
        holdings: holdings(&line.holdings),
    }
}

fn buffer(line: BufferLine) -> aidl::BufferStatistics {
    aidl::BufferStatistics {
        id: i64::from_ne_bytes(line.id.to_ne_bytes()),
        name: line.name,
        heap: line.heap,
        bytes: long(line.bytes),
        usage: i64::from_ne_bytes(line.usage_bits.to_ne_bytes()),
        uid: i32::from_ne_bytes(line.uid.to_ne_bytes()),
        pid: line.pid,
        ageMs: long(line.age_ms),
    }
}

fn holdings(held: &Holdings) -> aidl::Holdings {
    aidl::Holdings {
        liveBuffers: long(held.live_buffers),
        liveBytes: long(held.live_bytes),
        highWaterBytes: long(held.high_water_bytes),
        totalBuffers: long(held.total_buffers),
        totalBytes: long(held.total_bytes),
    }
}

fn long(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    // A failed unwrap is a failed test.
    #![allow(clippy::unwrap_used)]

    use super::*;
    use gralloc_buffer::handle::BufferInfo;
    use gralloc_buffer::layout::{Layout, Planes};
    use gralloc_buffer::{PixelFormat, Usage};
    use std::fs::File;
    use std::os::unix::fs::MetadataExt;

    fn handle(id: u64, (buffer, metadata): (&str, &str)) -> Handle {
        let info = BufferInfo {
            id,
            name: BufferName::from_text("frame"),
            width: 64,
            height: 32,
            layers: 1,
            format: PixelFormat::Rgba8888,
            usage: Usage::NONE,
            layout: Layout::Rgba8888,
            modifier: 0,
            stride: 64,
            planes: Planes::default(),
            layer_bytes: 8192,
            buffer_bytes: 8192,
            metadata_bytes: 4096,
            reserved_bytes: 0,
            protected: false,
            cached: true,
            contiguous: false,
        };
        let open = |path| File::open(path).unwrap().into();
        Handle { buffer: open(buffer), metadata: open(metadata), info }
    }

    #[test]
    fn reply_has_each_buffers_ints_and_its_fds_pixels_first() {
        let paths = ("/proc/self/status", "/proc/self/maps");
        let ints: Vec<Vec<i32>> = [7, 8].iter().map(|id| encode(&handle(*id, paths).info).to_vec()).collect();
        let reply = result(Grant { stride: 64, handles: vec![handle(7, paths), handle(8, paths)] });
        assert_eq!(reply.stride, 64);
        assert_eq!(reply.buffers.iter().map(|buffer| buffer.ints.clone()).collect::<Vec<_>>(), ints);
        for buffer in reply.buffers {
            let inode = |file: File| file.metadata().unwrap().ino();
            let found: Vec<u64> = buffer.fds.into_iter().map(|fd| inode(allocator_aidl::into_fd(fd).into())).collect();
            assert_eq!(found, [paths.0, paths.1].map(|path| inode(File::open(path).unwrap())));
        }
    }

    #[test]
    fn buffers_asked_for_are_bounded_whatever_the_caller_says() {
        assert_eq!(wanted(5000, 10), (5000, 10));
        assert_eq!(wanted(-1, 0), (0, MAX_BUFFERS));
        assert_eq!(wanted(i64::MAX, -1), (i64::MAX.unsigned_abs(), MAX_BUFFERS));
        assert_eq!(wanted(0, 1024), (0, 1024));
        assert_eq!(wanted(0, i32::MAX), (0, MAX_BUFFERS));
    }

    #[test]
    fn figures_beyond_63_bits_are_the_largest_and_uids_keep_their_bits() {
        let held =
            Holdings { live_buffers: 1, live_bytes: 2, high_water_bytes: 3, total_buffers: 4, total_bytes: u64::MAX };
        let wire = client(&ClientLine { uid: u32::MAX, reserved_bytes: 5, refusals: 6, holdings: held });
        assert_eq!((wire.uid, wire.reservedBytes, wire.refusals), (-1, 5, 6));
        let held = wire.holdings;
        assert_eq!(
            (held.liveBuffers, held.liveBytes, held.highWaterBytes, held.totalBuffers, held.totalBytes),
            (1, 2, 3, 4, i64::MAX)
        );
    }
}
