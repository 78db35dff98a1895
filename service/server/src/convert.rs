//! Wire types in and out: the only place that knows both AIDL's structs and the allocator's.

use crate::engine::{Grant, Handle};
use allocator_aidl as aidl;
use allocator_aidl::{parcel_fd, AllocationResult, BufferDescriptorInfo, ExtendableType, NativeHandle};
use gralloc_allocator::statistics::{
    Account, BufferStatistics, ClientStatistics, HeapStatistics, LatencyStatistics, MemoryStatistics, PoolStatistics,
    Statistics,
};
use gralloc_buffer::handle::encode;
use gralloc_buffer::BufferName;
use gralloc_buffer::{Descriptor, DescriptorOption};

/// The descriptor as the allocator reads it; nothing is judged here.
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

/// Most bytes of one reply: a quarter of what all replies that are under way to one process may have together
/// (`BINDER_VM_SIZE`, 1 MiB less two pages, in AOSP `frameworks/native/libs/binder/ProcessState.cpp`).
const MAX_REPLY_BYTES: usize = 256 * 1024;
/// Most buffers of one reply: so many with short names fit.
pub const MAX_BUFFERS: usize = 1024;

/// The statistics as the extension answers them. Each type is taken apart in full: what is not carried says so by name.
pub fn statistics(statistics: Statistics) -> aidl::AllocatorStatistics {
    let refusal = |(cause, count): (String, u64)| aidl::RefusalStatistics { cause, count: long(count) };
    let Statistics {
        policy,
        uptime_ms,
        releases_seen_through,
        untracked_buffers,
        requests,
        refusals,
        memory: MemoryStatistics { available_bytes, reserve_bytes },
        pool,
        heaps,
        all,
        clients,
        // In the dump alone.
        service: _,
        interface_version: _,
        heaps_from: _,
        stand_in: _,
        unclaimed_nodes: _,
        shared_memory: _,
        accounting: _,
        accounting_means: _,
        problems: _,
        scan_pending: _,
        watches: _,
        limits: _,
        rules: _,
        slowest: _,
        slowest_last_minute: _,
    } = statistics;
    aidl::AllocatorStatistics {
        policy,
        uptimeMs: long(uptime_ms),
        releasesSeenThrough: releases_seen_through.unwrap_or_default(),
        untrackedBuffers: long(untracked_buffers),
        requests: long(requests),
        availableBytes: available_bytes.map_or(-1, long),
        reserveBytes: long(reserve_bytes),
        all: account(all),
        heaps: heaps.into_iter().map(heap).collect(),
        clients: clients.into_iter().map(client).collect(),
        refusals: refusals.into_iter().map(refusal).collect(),
        pool: pool.map(|pool| pool_statistics(pool.pool)),
    }
}

/// Which buffers are asked for: the age in milliseconds, the id that they follow, and how many at most.
pub fn wanted(older_than_ms: i64, after_id: i64, limit: i32) -> (u64, u64, usize) {
    let limit = usize::try_from(limit).ok().filter(|limit| *limit > 0);
    let limit = limit.map_or(MAX_BUFFERS, |limit| limit.min(MAX_BUFFERS));
    (u64::try_from(older_than_ms).unwrap_or(0), u64::from_ne_bytes(after_id.to_ne_bytes()), limit)
}

/// The first of these buffers, as many as fit a reply: at least one, whatever its name is.
pub fn buffers(page: Vec<BufferStatistics>) -> Vec<aidl::BufferStatistics> {
    let mut bytes: usize = 0;
    let fits = |buffer: &aidl::BufferStatistics| {
        bytes = bytes.saturating_add(parcel_bytes(buffer));
        bytes <= MAX_REPLY_BYTES
    };
    page.into_iter().map(buffer).take_while(fits).collect()
}

/// What a buffer takes of a parcel: two words of a parcelable, four `long`, two `int`, and two strings of 16-bit units, each
/// with its length, its end and padding.
fn parcel_bytes(buffer: &aidl::BufferStatistics) -> usize {
    const FIXED: usize = 8 + 4 * 8 + 2 * 4;
    const OF_A_STRING: usize = 4 + 2 + 2;
    let units = buffer.name.len().saturating_add(buffer.heap.len());
    units.saturating_mul(2).saturating_add(FIXED + 2 * OF_A_STRING)
}

fn heap(heap: HeapStatistics) -> aidl::HeapStatistics {
    let HeapStatistics {
        name,
        node,
        state,
        explanation: _,
        region_bytes: _,
        region_free_bytes: _,
        protected,
        budget_bytes,
        account: held,
        latency,
        // In the dump alone.
        latency_last_minute: _,
        parts: _,
    } = heap;
    aidl::HeapStatistics {
        name,
        node: node.unwrap_or_default(),
        state,
        isProtected: protected,
        budgetBytes: budget_bytes.map_or(-1, long),
        account: account(held),
        latency: latency_statistics(latency),
    }
}

fn pool_statistics(pool: PoolStatistics) -> aidl::PoolStatistics {
    let PoolStatistics {
        ready_buffers,
        ready_bytes,
        high_water_bytes,
        hits,
        misses,
        fills,
        dropped_idle,
        dropped_pressure,
        dropped_room,
    } = pool;
    aidl::PoolStatistics {
        readyBuffers: i64::from(ready_buffers),
        readyBytes: long(ready_bytes),
        highWaterBytes: long(high_water_bytes),
        hits: long(hits),
        misses: long(misses),
        fills: long(fills),
        droppedIdle: long(dropped_idle),
        droppedPressure: long(dropped_pressure),
        droppedRoom: long(dropped_room),
    }
}

fn latency_statistics(latency: LatencyStatistics) -> aidl::LatencyStatistics {
    // Of the percentiles, what the frozen parcelable has: the buckets give the others.
    let LatencyStatistics { count, sum_us, max_us, p50_us, p90_us: _, p99_us, p999_us: _, buckets } = latency;
    aidl::LatencyStatistics {
        count: long(count),
        sumUs: long(sum_us),
        maxUs: long(max_us),
        p50Us: long(p50_us),
        p99Us: long(p99_us),
        buckets: buckets.into_iter().map(long).collect(),
    }
}

fn client(client: ClientStatistics) -> aidl::ClientStatistics {
    let ClientStatistics { uid, reserved_bytes, refusals, account: held } = client;
    aidl::ClientStatistics {
        uid: i32::from_ne_bytes(uid.to_ne_bytes()),
        reservedBytes: long(reserved_bytes),
        refusals: long(refusals),
        account: account(held),
    }
}

fn buffer(buffer: BufferStatistics) -> aidl::BufferStatistics {
    let BufferStatistics {
        id,
        name,
        heap,
        bytes,
        usage_bits,
        uid,
        pid,
        age_ms,
        // In the dump alone.
        usage: _,
        inode: _,
        format: _,
        format_value: _,
    } = buffer;
    aidl::BufferStatistics {
        id: i64::from_ne_bytes(id.to_ne_bytes()),
        name,
        heap,
        bytes: long(bytes),
        usage: i64::from_ne_bytes(usage_bits.to_ne_bytes()),
        uid: i32::from_ne_bytes(uid.to_ne_bytes()),
        pid,
        ageMs: long(age_ms),
    }
}

fn account(account: Account) -> aidl::AccountStatistics {
    let Account { live_buffers, live_bytes, high_water_bytes, total_buffers, total_bytes } = account;
    aidl::AccountStatistics {
        liveBuffers: long(live_buffers),
        liveBytes: long(live_bytes),
        highWaterBytes: long(high_water_bytes),
        totalBuffers: long(total_buffers),
        totalBytes: long(total_bytes),
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
    use gralloc_buffer::{Layout, PixelFormat};
    use std::fs::File;
    use std::os::unix::fs::MetadataExt;

    fn handle(id: u64, (buffer, metadata): (&str, &str)) -> Handle {
        let info = BufferInfo::linear(PixelFormat::Rgba8888, Layout::Rgba8888, 64, 32).unwrap();
        let info = BufferInfo { id, name: BufferName::from_text("frame"), ..info };
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
        assert_eq!(wanted(5000, 7, 10), (5000, 7, 10));
        assert_eq!(wanted(-1, -1, 0), (0, u64::MAX, MAX_BUFFERS));
        assert_eq!(wanted(i64::MAX, 0, -1), (i64::MAX.unsigned_abs(), 0, MAX_BUFFERS));
        assert_eq!(wanted(0, 0, i32::MAX), (0, 0, MAX_BUFFERS));
    }

    fn named(id: u64, name: &str) -> BufferStatistics {
        BufferStatistics { id, name: name.to_owned(), heap: "h".repeat(64), ..BufferStatistics::default() }
    }

    #[test]
    fn page_fits_a_reply_whatever_the_names_are_and_the_next_goes_on_behind_it() {
        let worst = BufferName::from_wire(&[1; 128]).to_string();
        assert_eq!(worst.len(), 127 * 4, "every byte escaped");
        for name in [worst.as_str(), ""] {
            let all: Vec<u64> = (0..MAX_BUFFERS).map(|id| u64::try_from(id).unwrap()).collect();
            let mut seen: Vec<u64> = Vec::new();
            while seen.len() < all.len() {
                let left: Vec<BufferStatistics> = all.iter().skip(seen.len()).map(|id| named(*id, name)).collect();
                let page = buffers(left);
                assert!(!page.is_empty());
                let parcel: usize = page.iter().map(|buffer| rsbinder::to_bytes(buffer).unwrap().len()).sum();
                assert!(parcel <= MAX_REPLY_BYTES, "{} buffers take {parcel} bytes", page.len());
                assert!(page.iter().all(|buffer| rsbinder::to_bytes(buffer).unwrap().len() <= parcel_bytes(buffer)));
                seen.extend(page.iter().map(|buffer| buffer.id.unsigned_abs()));
            }
            assert_eq!(seen, all);
        }
    }

    #[test]
    fn values_beyond_63_bits_are_the_largest_and_uids_keep_their_bits() {
        let account =
            Account { live_buffers: 1, live_bytes: 2, high_water_bytes: 3, total_buffers: 4, total_bytes: u64::MAX };
        let wire = client(ClientStatistics { uid: u32::MAX, reserved_bytes: 5, refusals: 6, account });
        assert_eq!((wire.uid, wire.reservedBytes, wire.refusals), (-1, 5, 6));
        let held = wire.account;
        assert_eq!(
            (held.liveBuffers, held.liveBytes, held.highWaterBytes, held.totalBuffers, held.totalBytes),
            (1, 2, 3, 4, i64::MAX)
        );
    }
}
