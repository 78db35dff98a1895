//! A fence that signals when it is told to: the virtual GEM device's.
//!
//! Source: `include/uapi/drm/vgem_drm.h`, `include/uapi/drm/drm.h`, `include/uapi/drm/drm_mode.h`;
//! `drivers/gpu/drm/vgem/vgem_fence.c` for the ten seconds after which the kernel signals by itself.

use super::sync_file::export;
use std::fs::{self, File};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::path::PathBuf;

/// `struct drm_mode_create_dumb`.
#[repr(C)]
#[derive(Default)]
struct CreateDumb {
    height: u32,
    width: u32,
    bpp: u32,
    flags: u32,
    handle: u32,
    pitch: u32,
    size: u64,
}

/// `struct drm_prime_handle`.
#[repr(C)]
#[derive(Default)]
struct PrimeHandle {
    handle: u32,
    flags: u32,
    fd: i32,
}

/// `struct drm_vgem_fence_attach`.
#[repr(C)]
#[derive(Default)]
struct FenceAttach {
    handle: u32,
    flags: u32,
    out_fence: u32,
    pad: u32,
}

/// `struct drm_vgem_fence_signal`.
#[repr(C)]
#[derive(Default)]
struct FenceSignal {
    fence: u32,
    flags: u32,
}

/// `VGEM_FENCE_WRITE`.
const FENCE_WRITE: u32 = 1;
/// The driver's name, as its device's link in sysfs ends.
const DRIVER: &str = "vgem";

nix::ioctl_readwrite!(create_dumb, b'd', 0xb2, CreateDumb);
nix::ioctl_readwrite!(handle_to_fd, b'd', 0x2d, PrimeHandle);
// DRM_COMMAND_BASE (0x40) and the driver's own 1 and 2.
nix::ioctl_readwrite!(fence_attach, b'd', 0x41, FenceAttach);
nix::ioctl_write_ptr!(fence_signal, b'd', 0x42, FenceSignal);

/// A fence that has not signalled yet, for about ten seconds at most.
pub struct Pending {
    device: File,
    fence: u32,
    // Keeps the fence's buffer.
    _buffer: OwnedFd,
}

impl Pending {
    /// Makes one, as a sync file.
    ///
    /// # Errors
    /// A reason to skip: this kernel has no such device.
    pub fn new() -> Result<(Pending, OwnedFd), String> {
        let missing =
            |what: &str, why: String| format!("needs a fence that waits, from the {DRIVER} device: {what}: {why}");
        let path = device().ok_or_else(|| missing("/dev/dri", "it is not there".to_owned()))?;
        let device = File::options().read(true).write(true).open(&path);
        let device = device.map_err(|error| missing(&path.display().to_string(), error.to_string()))?;
        let raw = device.as_raw_fd();
        let mut dumb = CreateDumb { height: 16, width: 16, bpp: 32, ..CreateDumb::default() };
        // SAFETY: the ioctl of drm_mode.h on a DRM node, with its struct.
        let made = unsafe { create_dumb(raw, &mut dumb) };
        made.map_err(|errno| missing("CREATE_DUMB", errno.to_string()))?;
        let flags = u32::try_from(libc::O_RDWR | libc::O_CLOEXEC).unwrap_or(0);
        let mut prime = PrimeHandle { handle: dumb.handle, flags, fd: -1 };
        // SAFETY: the ioctl of drm.h on a DRM node, with its struct.
        let exported = unsafe { handle_to_fd(raw, &mut prime) };
        exported.map_err(|errno| missing("PRIME_HANDLE_TO_FD", errno.to_string()))?;
        // SAFETY: the ioctl has just made it for this process.
        let buffer = unsafe { OwnedFd::from_raw_fd(prime.fd) };
        let mut attach = FenceAttach { handle: dumb.handle, flags: FENCE_WRITE, ..FenceAttach::default() };
        // SAFETY: the ioctl of vgem_drm.h on its device, with its struct.
        let attached = unsafe { fence_attach(raw, &mut attach) };
        attached.map_err(|errno| missing("VGEM_FENCE_ATTACH", errno.to_string()))?;
        let file = export(buffer.as_fd())?;
        Ok((Pending { device, fence: attach.out_fence, _buffer: buffer }, file))
    }

    /// Signals it.
    pub fn signal(&self) {
        let data = FenceSignal { fence: self.fence, flags: 0 };
        // SAFETY: the ioctl of vgem_drm.h on its device, with its struct.
        let result = unsafe { fence_signal(self.device.as_raw_fd(), &data) };
        result.expect("VGEM_FENCE_SIGNAL");
    }
}

/// The virtual device's node: the card whose device in sysfs is called so.
fn device() -> Option<PathBuf> {
    let cards = fs::read_dir("/sys/class/drm").ok()?.flatten();
    let mut names = cards.map(|card| card.file_name().to_string_lossy().into_owned());
    let is_ours = |name: &String| {
        let link = fs::read_link(format!("/sys/class/drm/{name}/device")).unwrap_or_default();
        name.starts_with("card") && !name.contains('-') && link.to_string_lossy().contains(DRIVER)
    };
    names.find(is_ours).map(|name| PathBuf::from(format!("/dev/dri/{name}")))
}
