//! One imported buffer.

use crate::abi::ARect;
use crate::error::Error;
use crate::fence;
use crate::lock::Locks;
use crate::memory::{Kind, Memory};
use crate::vendor::index;
use gralloc_buffer::handle::{BufferInfo, FDS};
use gralloc_buffer::metadata::vendor::Table;
use gralloc_buffer::metadata::{SharedPage, PAGE_WORDS};
use gralloc_buffer::Usage;
use gralloc_buffer::METADATA_BYTES;
use gralloc_dmabuf as dmabuf;
use gralloc_dmabuf::Access;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// An imported buffer: what its handle says, checked, and its memory.
///
/// Both of its dma-bufs are mapped when they are first needed, and stay mapped until it is freed: a camera locks the same
/// few buffers for every frame, and to map, touch and unmap one page of a dma-buf costs twelve times what the brackets
/// around an access cost (21 µs to 1.8 µs on an emulated 6.12 kernel, `benches/mapper.rs`), more for each further page.
#[derive(Debug)]
pub struct Buffer {
    info: BufferInfo,
    locks: Locks,
    pixels: Memory,
    metadata: Memory,
    /// The vendor's types of metadata that it has.
    vendor: Option<Arc<Table>>,
    /// Whether the lock of a buffer without CPU usage needs no mention any more.
    warned: AtomicBool,
}

impl Buffer {
    /// One of memory that is as large as the handle says, and with the vendor's types of metadata that it has.
    pub fn new(info: &BufferInfo, pixels: Memory, metadata: Memory, vendor: Option<Arc<Table>>) -> Buffer {
        Buffer { info: *info, locks: Locks::default(), pixels, metadata, vendor, warned: AtomicBool::new(false) }
    }

    /// What it is.
    pub fn info(&self) -> &BufferInfo {
        &self.info
    }

    /// The numbers of its fds, in the order of the handle.
    pub fn raw_fds(&self) -> [i32; FDS] {
        [self.pixels.fd().as_raw_fd(), self.metadata.fd().as_raw_fd()]
    }

    /// Bytes of the pixels' memory as the kernel holds it.
    ///
    /// # Errors
    /// `Kernel`: none in practice.
    pub fn allocated_bytes(&self) -> Result<u64, Error> {
        self.pixels.size()
    }

    /// What a lock with this usage and region would be for.
    ///
    /// # Errors
    /// `CpuUsage` or `NoCpuUsage`, `Region`, `Protected` or `NotMappable`, in this order.
    #[inline]
    pub fn check_lock(&self, usage: u64, region: ARect) -> Result<Access, Error> {
        let access = self.access(usage)?;
        if !contains(region, self.info.width, self.info.height) {
            return Err(Error::Region(region));
        }
        if self.info.protected || self.info.usage.contains(Usage::PROTECTED) {
            return Err(Error::Protected);
        }
        if !self.info.mappable {
            let BufferInfo { compression, modifier, .. } = self.info;
            return Err(Error::NotMappable { compressed: compression.is_some(), modifier });
        }
        Ok(access)
    }

    /// The access that a usage's CPU part stands for; its other bits say nothing about a lock.
    ///
    /// What the buffer was allocated for is no limit: libui hands on a client's whole usage, and SwiftShader and AOSP's
    /// emulated camera lock for more than was allocated. Where the policy is strict, its handles say so.
    fn access(&self, usage: u64) -> Result<Access, Error> {
        let usage = Usage(usage);
        if self.info.strict_cpu_usage && beyond(usage, self.info.usage) {
            return Err(Error::CpuUsage { asked: usage, allocated: self.info.usage });
        }
        match (!usage.cpu_read().is_empty(), !usage.cpu_write().is_empty()) {
            (true, true) => Ok(Access::ReadWrite),
            (true, false) => Ok(Access::Read),
            (false, true) => Ok(Access::Write),
            (false, false) => Err(Error::NoCpuUsage(usage)),
        }
    }

    /// Warns of a lock that the allocator did not choose the memory for: once a buffer, however often it is imported.
    #[cold]
    fn warn_of_slow_access(&self) {
        if !self.warned.swap(true, Ordering::Relaxed) && is_news(self.info.id) {
            let BufferInfo { id, usage, .. } = self.info;
            log::warn!("lock: buffer {id:#x} was allocated without CPU usage ({usage}): access may be slow");
        }
    }

    /// Locks it: waits for its devices, begins access, and says where its memory begins.
    ///
    /// # Errors
    /// `FenceTimeout`; `NotMemory`, `Exhausted` or `Kernel` when it cannot be mapped or accessed; `TooManyLocks`.
    #[inline]
    pub fn begin(&self, access: Access) -> Result<*mut u8, Error> {
        if !self.info.usage.cpu() {
            self.warn_of_slow_access();
        }
        let mapping = self.pixels.map(self.info.buffer_bytes)?;
        self.wait_for_devices(access)?;
        if self.needs_brackets() {
            dmabuf::begin_access(self.pixels.fd(), access)?;
        }
        match self.locks.add(access) {
            Ok(()) => Ok(mapping.as_ptr()),
            Err(error) => {
                self.close_bracket(access);
                Err(error)
            }
        }
    }

    /// Unlocks it once.
    ///
    /// # Errors
    /// `NotLocked`.
    #[inline]
    pub fn end(&self) -> Result<(), Error> {
        let access = self.locks.remove()?;
        self.close_bracket(access);
        Ok(())
    }

    /// Makes what the CPU wrote visible to devices, at once, also while they write (`flushLockedBuffer`, IMapper.h).
    ///
    /// # Errors
    /// `NotLocked`; `Kernel` when the exporter refuses.
    pub fn flush(&self) -> Result<(), Error> {
        let access = self.locks.held().ok_or(Error::NotLocked)?;
        if self.needs_brackets() {
            dmabuf::end_access(self.pixels.fd(), access)?;
        }
        Ok(())
    }

    /// Waits for its devices and makes what they wrote visible to the CPU. What the CPU wrote before is not lost.
    ///
    /// # Errors
    /// `NotLocked`; `FenceTimeout`; `Kernel` when the exporter refuses.
    pub fn reread(&self) -> Result<(), Error> {
        let access = self.locks.held().ok_or(Error::NotLocked)?;
        self.wait_for_devices(access)?;
        if self.needs_brackets() {
            dmabuf::end_access(self.pixels.fd(), access)?;
            dmabuf::begin_access(self.pixels.fd(), access)?;
        }
        Ok(())
    }

    /// An uncached mapping has nothing to make visible, and a memfd takes no brackets.
    fn needs_brackets(&self) -> bool {
        self.info.cached && self.pixels.kind() == Kind::DmaBuf
    }

    /// Beginning access waits for the buffer's fences too, but without a limit, and an uncached buffer begins none. A buffer that
    /// no device was said to use has no fences, and is spared the system call; should somebody attach one all the same, the kernel
    /// ends it.
    #[inline]
    fn wait_for_devices(&self, access: Access) -> Result<(), Error> {
        if has_devices(self.info.usage, self.pixels.kind()) {
            fence::wait_for_devices(self.pixels.fd(), access, fence::MENTION_AFTER, fence::GIVE_UP_AFTER)?;
        }
        Ok(())
    }

    fn close_bracket(&self, access: Access) {
        if self.needs_brackets() {
            // The lock has ended all the same: there is nothing that a client could do about it.
            if let Err(error) = dmabuf::end_access(self.pixels.fd(), access) {
                log::warn!("unlock of buffer {:#x}: {error}", self.info.id);
            }
        }
    }

    /// The metadata that processes share, mapped.
    ///
    /// # Errors
    /// `NotMemory`, `Exhausted` or `Kernel` when it cannot be mapped.
    pub fn shared_page(&self) -> Result<SharedPage<'_>, Error> {
        let mapping = self.metadata.map(self.info.metadata_bytes)?;
        Ok(SharedPage::new(mapping.words(0, PAGE_WORDS)?))
    }

    /// The vendor's types of metadata that it has.
    pub fn vendor_table(&self) -> Option<&Arc<Table>> {
        self.vendor.as_ref()
    }

    /// Where those of them lie that clients set.
    ///
    /// # Errors
    /// As [`Buffer::shared_page`].
    pub fn vendor_area(&self) -> Result<&[AtomicU32], Error> {
        let mapping = self.metadata.map(self.info.metadata_bytes)?;
        Ok(mapping.words(index(METADATA_BYTES), index(self.info.vendor_bytes() / 4))?)
    }

    /// The client's own region behind the metadata: where it begins, null when it has no bytes, and its size in bytes.
    ///
    /// # Errors
    /// As [`Buffer::shared_page`].
    pub fn reserved_region(&self) -> Result<(*mut u8, u64), Error> {
        if self.info.reserved_bytes == 0 {
            return Ok((std::ptr::null_mut(), 0));
        }
        let mapping = self.metadata.map(self.info.metadata_bytes)?;
        // The handle's decoder holds: the metadata are as many bytes as all that is before the region, and the region.
        let start = index(METADATA_BYTES.saturating_add(self.info.vendor_bytes()));
        Ok((mapping.as_ptr().wrapping_add(start), self.info.reserved_bytes))
    }
}

impl Drop for Buffer {
    /// A buffer may be freed while it is locked: access ends then, before its memory goes.
    fn drop(&mut self) {
        if let Some(access) = self.locks.held() {
            self.close_bracket(access);
        }
    }
}

/// Whether devices may have left fences on a buffer of this usage: a memfd takes none.
#[inline]
fn has_devices(usage: Usage, kind: Kind) -> bool {
    const CPU: Usage = Usage(Usage::CPU_READ_MASK.0 | Usage::CPU_WRITE_MASK.0);
    kind == Kind::DmaBuf && usage.intersects(!CPU)
}

/// Ids of the buffers that were warned of last, and where the next goes. SwiftShader imports a client's buffer anew for each frame.
static WARNED: Mutex<([Option<u64>; 64], usize)> = Mutex::new(([None; 64], 0));

/// Whether a buffer has not been warned of; from now on it has.
fn is_news(id: u64) -> bool {
    let mut warned = WARNED.lock().unwrap_or_else(PoisonError::into_inner);
    let (ids, next) = &mut *warned;
    if ids.contains(&Some(id)) {
        return false;
    }
    if let Some(place) = ids.get_mut(*next) {
        *place = Some(id);
    }
    *next = next.saturating_add(1).checked_rem(ids.len()).unwrap_or(0);
    true
}

/// Whether the CPU would read or write what nobody said that it would: less often than was said is no contradiction.
fn beyond(asked: Usage, allocated: Usage) -> bool {
    let beyond = |asked: Usage, allocated: Usage| !asked.is_empty() && allocated.is_empty();
    beyond(asked.cpu_read(), allocated.cpu_read()) || beyond(asked.cpu_write(), allocated.cpu_write())
}

/// Whether a region lies inside a buffer; all zero is the whole of it. Another one without a pixel is invalid (IMapper.h; minigbm
/// refuses it, too: a client that asks for nothing has computed something wrong).
fn contains(region: ARect, width: u32, height: u32) -> bool {
    let inside = |start: i32, end: i32, size: u32| 0 <= start && start < end && i64::from(end) <= i64::from(size);
    region == ARect::default() || inside(region.left, region.right, width) && inside(region.top, region.bottom, height)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fences_are_waited_for_on_dma_bufs_that_devices_use() {
        let cpu = Usage::CPU_READ_OFTEN | Usage::CPU_WRITE_OFTEN;
        assert!(has_devices(cpu | Usage::GPU_RENDER_TARGET, Kind::DmaBuf) && has_devices(Usage(1 << 63), Kind::DmaBuf));
        assert!(!has_devices(cpu, Kind::DmaBuf) && !has_devices(cpu | Usage::CAMERA_OUTPUT, Kind::SealedMemfd));
    }

    #[test]
    fn region_zero_is_the_whole_and_others_lie_inside() {
        let region = |left, top, right, bottom| ARect { left, top, right, bottom };
        for inside in [(0, 0, 0, 0), (0, 0, 64, 48), (63, 47, 64, 48)] {
            assert!(contains(region(inside.0, inside.1, inside.2, inside.3), 64, 48), "{inside:?}");
        }
        for outside in [
            (0, 0, 65, 48),
            (0, 0, 64, 49),
            (-1, 0, 64, 48),
            (0, -1, 64, 48),
            (9, 0, 8, 48),
            (0, 9, 64, 8),
            (0, 0, i32::MAX, 1),
            (5, 5, 5, 5),
            (0, 0, 0, 48),
            (0, 0, 64, 0),
            (64, 48, 64, 48),
        ] {
            assert!(!contains(region(outside.0, outside.1, outside.2, outside.3), 64, 48), "{outside:?}");
        }
    }
}
