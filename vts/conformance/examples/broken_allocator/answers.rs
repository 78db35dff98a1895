//! What goes wrong on the way back.

use allocator_aidl::{AllocationResult, BufferDescriptorInfo, NativeHandle, ParcelFileDescriptor};
use gralloc_buffer::handle::{decode, encode, BufferInfo, RawHandle, BUFFER_FD, METADATA_FD};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Mutex;

/// The result that the client gets.
pub(crate) fn changed(fault: &str, mut result: AllocationResult, asked: &BufferDescriptorInfo) -> AllocationResult {
    match fault {
        "stride-too-small" => result.stride = asked.width / 2,
        "one-memory-for-all-buffers-of-a-call" => {
            if let Some((first, rest)) = result.buffers.split_first_mut() {
                rest.iter_mut().for_each(|handle| share(first, handle, BUFFER_FD));
            }
        }
        "gives-old-memory" => result.buffers.iter().for_each(|handle| write_over(&handle.fds[BUFFER_FD])),
        "gives-old-metadata" => result.buffers.iter_mut().for_each(reuse_metadata),
        "repeats-ids" => change(&mut result, |info| info.id = 7),
        "repeats-ids-after-a-restart" => {
            static NEXT: AtomicU64 = AtomicU64::new(1);
            change(&mut result, |info| info.id = NEXT.fetch_add(1, Ordering::SeqCst));
        }
        "usage-of-32-bits" => change(&mut result, |info| info.usage.0 &= 0xffff_ffff),
        _ => {}
    }
    result
}

fn change(result: &mut AllocationResult, change: impl Fn(&mut BufferInfo)) {
    for handle in &mut result.buffers {
        let mut info = decode(RawHandle { num_fds: handle.fds.len(), ints: &handle.ints }).unwrap();
        change(&mut info);
        handle.ints = encode(&info).to_vec();
    }
}

fn copy(fd: &ParcelFileDescriptor) -> ParcelFileDescriptor {
    let fd: &OwnedFd = fd.as_ref();
    fd.try_clone().unwrap().into()
}

/// The second handle gets the first one's file.
fn share(first: &NativeHandle, second: &mut NativeHandle, index: usize) {
    second.fds[index] = copy(&first.fds[index]);
}

/// Somebody's pixels.
fn write_over(fd: &ParcelFileDescriptor) {
    let fd: &OwnedFd = fd.as_ref();
    let file = std::fs::File::from(fd.try_clone().unwrap());
    let size = file.metadata().unwrap().len();
    let old = vec![0xab; usize::try_from(size).unwrap()];
    std::os::unix::fs::FileExt::write_all_at(&file, &old, 0).unwrap_or_else(|error| {
        panic!("fd {}: {error}", file.as_raw_fd());
    });
}

/// Every buffer gets the metadata of the first one that has as much.
fn reuse_metadata(handle: &mut NativeHandle) {
    static OLD: Mutex<Vec<NativeHandle>> = Mutex::new(Vec::new());
    let info = |handle: &NativeHandle| decode(RawHandle { num_fds: handle.fds.len(), ints: &handle.ints }).unwrap();
    let bytes = |handle: &NativeHandle| info(handle).metadata_bytes;
    let mut old = OLD.lock().unwrap();
    match old.iter().find(|old| bytes(old) == bytes(handle)) {
        Some(old) => share(old, handle, METADATA_FD),
        None => old.push(NativeHandle { fds: handle.fds.iter().map(copy).collect(), ints: handle.ints.clone() }),
    }
}
