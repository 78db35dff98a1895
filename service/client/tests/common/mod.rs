//! A small allocator, and a socket for it.

// Each test file uses its part.
#![allow(dead_code)]

use allocator_aidl::{
    calling_identity, interface_with_dump, new_allocator, parcel_fd, service_specific, AllocationError,
    AllocationResult, BinderResult, BufferDescriptorInfo, IAllocator, NativeHandle, SocketOptions, SocketServer,
};
use gralloc_buffer::handle::{encode, BufferInfo};
use gralloc_buffer::METADATA_BYTES;
use gralloc_buffer::{BufferName, Descriptor, Layout, PixelFormat, Usage};
use gralloc_client::to_wire;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Condvar, Mutex};
use std::time::Duration;
use tempfile::TempDir;

/// Allocates RGBA from temporary files. By some names of buffers it breaks its contract.
#[derive(Default)]
pub(crate) struct Files {
    slow: Mutex<Slow>,
    /// The most of them has risen.
    risen: Condvar,
}

/// Calls of the slow kind.
#[derive(Default)]
struct Slow {
    /// That are being served.
    inside: usize,
    /// The most of them at once.
    peak: usize,
}

/// So many slow calls at once let one another go on.
const SLOW_TOGETHER: usize = 4;
/// Against hanging, where fewer are served at once.
const WATCHDOG: Duration = Duration::from_secs(30);

impl Files {
    fn write_dump(&self, out: &mut dyn Write, args: &[String]) -> std::io::Result<()> {
        match args {
            // More than a pipe holds.
            [only] if only == "peak" => writeln!(out, "{}", self.slow.lock().unwrap().peak),
            [only] if only == "large" => out.write_all(&vec![b'x'; 300_000]),
            _ => writeln!(out, "{args:?}"),
        }
    }

    fn handle(&self, descriptor: &BufferDescriptorInfo, id: u64) -> NativeHandle {
        let (width, height) = (descriptor.width.try_into().unwrap(), descriptor.height.try_into().unwrap());
        let name = BufferName::from_wire(&descriptor.name);
        let usage = Usage(u64::from_ne_bytes(descriptor.usage.0.to_ne_bytes()));
        let info = BufferInfo::linear(PixelFormat::Rgba8888, Layout::Rgba8888, width, height).unwrap();
        let info = BufferInfo { id, name, usage, ..info };
        let short = u64::from(name.bytes() == b"too small");
        let mut pixels = tempfile::tempfile().unwrap();
        pixels.set_len(info.buffer_bytes - short).unwrap();
        write!(pixels, "{id}").unwrap();
        let metadata = tempfile::tempfile().unwrap();
        metadata.set_len(METADATA_BYTES).unwrap();
        let mut fds = vec![parcel_fd(pixels.into()), parcel_fd(metadata.into())];
        let mut ints = encode(&info).to_vec();
        match name.bytes() {
            b"one fd" => fds.truncate(1),
            b"garbage" => ints.fill(7),
            _ => {}
        }
        NativeHandle { fds, ints }
    }
}

interface_with_dump!(Files, Files::write_dump);

impl IAllocator for Files {
    allocator_aidl::without_multi_view!();

    fn allocate(&self, _descriptor: &[u8], _count: i32) -> BinderResult<AllocationResult> {
        let (uid, pid) = calling_identity();
        Err(service_specific(AllocationError::UNSUPPORTED, &format!("uid {uid} pid {pid}")))
    }

    fn allocate2(&self, descriptor: &BufferDescriptorInfo, count: i32) -> BinderResult<AllocationResult> {
        if !self.isSupported(descriptor)? {
            return Err(service_specific(AllocationError::UNSUPPORTED, "RGBA_8888 only"));
        }
        let mut buffers: Vec<_> = (1..).take(count.try_into().unwrap()).map(|id| self.handle(descriptor, id)).collect();
        let mut stride = descriptor.width;
        match BufferName::from_wire(&descriptor.name).bytes() {
            b"too few" => drop(buffers.pop()),
            b"other stride" => stride += 1,
            _ => {}
        }
        Ok(AllocationResult { stride, buffers })
    }

    fn isSupported(&self, descriptor: &BufferDescriptorInfo) -> BinderResult<bool> {
        if BufferName::from_wire(&descriptor.name).bytes() == b"slow" {
            let mut slow = self.slow.lock().unwrap();
            slow.inside += 1;
            slow.peak = slow.peak.max(slow.inside);
            self.risen.notify_all();
            let wait = self.risen.wait_timeout_while(slow, WATCHDOG, |slow| slow.peak < SLOW_TOGETHER);
            wait.unwrap().0.inside -= 1;
        }
        Ok(descriptor.format.0 == 1)
    }

    fn getIMapperLibrarySuffix(&self) -> BinderResult<String> {
        Ok("files".to_owned())
    }
}

/// A service of its own, and where it is.
pub(crate) fn served() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("allocator.sock");
    let server = SocketServer::bind(&path, SocketOptions::default()).unwrap();
    std::thread::spawn(move || panic!("the server ended: {:?}", server.serve(&new_allocator(Files::default())).err()));
    (dir, path)
}

/// 64 by 32 pixels.
pub(crate) fn rgba(name: &str) -> BufferDescriptorInfo {
    to_wire(&Descriptor::new(name, 64, 32, PixelFormat::Rgba8888, Usage::CPU_READ_OFTEN))
}
