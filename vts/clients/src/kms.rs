//! A screen: one DRM card, one connector, one mode; foreign dma-bufs imported, scanned out and flipped.
//!
//! Only legacy mode setting, which every driver has. The card is chosen by what it can do, not by its number.
//! Sources: `Documentation/gpu/drm-uapi.rst` and `drm-kms.rst`, Linux 6.12; the drm crate makes the ioctls.

use crate::buffer::Buffer;
use crate::format::fourcc_name;
use crate::size::Size;
use anyhow::{anyhow, bail, ensure, Context, Result};
use drm::buffer::{DrmFourcc, DrmModifier, Handle as GemHandle, PlanarBuffer};
use drm::control::{connector, crtc, framebuffer, Device as ControlDevice, Event, FbCmd2Flags, Mode, PageFlipFlags};
use drm::{ClientCapability, Device, DriverCapability};
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Where the kernel puts its display controllers.
const CARDS: &str = "/dev/dri";
/// `DRM_PRIME_CAP_IMPORT` (drm.h): the driver takes dma-bufs of others.
const PRIME_CAP_IMPORT: u64 = 1;
/// A driver whose screen nobody sees: taken only when its card is named.
const UNSEEN: &str = "vkms";

/// An open DRM card.
#[derive(Debug)]
pub struct Card(File);

impl AsFd for Card {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Device for Card {}
impl ControlDevice for Card {}

impl Card {
    /// The cards' nodes, in order.
    pub fn nodes() -> Vec<PathBuf> {
        let entries = std::fs::read_dir(CARDS).into_iter().flatten().flatten();
        let cards = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("card"));
        let mut nodes: Vec<_> = cards.map(|entry| entry.path()).collect();
        nodes.sort();
        nodes
    }

    /// Opens a node; also gives its driver's name.
    ///
    /// # Errors
    /// The kernel's.
    pub fn open(node: &Path) -> Result<(Card, String)> {
        let flags = nix::libc::O_CLOEXEC | nix::libc::O_NONBLOCK;
        let card = Card(OpenOptions::new().read(true).write(true).custom_flags(flags).open(node)?);
        let driver = card.get_driver().context("no DRM driver")?.name().to_string_lossy().into_owned();
        Ok((card, driver))
    }

    /// Makes a framebuffer of a buffer that was imported as `gem`, for pixels of this format.
    ///
    /// # Errors
    /// The driver's refusal.
    pub fn framebuffer(&self, buffer: &Buffer, gem: GemHandle, format: DrmFourcc) -> Result<framebuffer::Handle> {
        self.add_planar_framebuffer(&Planar { buffer, gem, format }, FbCmd2Flags::empty()).context("ADDFB2")
    }
}

/// A buffer that the display controller can read.
#[derive(Debug, PartialEq, Eq)]
pub struct Scanout {
    framebuffer: framebuffer::Handle,
    gem: GemHandle,
}

/// An open display.
#[derive(Debug)]
pub struct Screen {
    card: Card,
    node: PathBuf,
    driver: String,
    connector: connector::Handle,
    connector_name: String,
    crtc: crtc::Handle,
    mode: Mode,
    formats: Vec<u32>,
    /// How many of our framebuffers use a GEM handle: the kernel gives the same one for the same dma-buf.
    gems: HashMap<GemHandle, usize>,
    flipping: bool,
}

impl Screen {
    /// Opens `card`, or the first card that imports dma-bufs and has a connected screen with a mode of at most this size,
    /// in the best of its modes ([`Size::best_of`]). One that only pretends to show pictures has to be named.
    ///
    /// # Errors
    /// The reason for every card that was tried.
    pub fn open(card: Option<&Path>, most: Size) -> Result<Screen> {
        let mut reasons = Vec::new();
        for node in card.map_or_else(Card::nodes, |card| vec![card.to_owned()]) {
            match Screen::try_open(&node, card.is_some(), most) {
                Ok(screen) => return Ok(screen),
                Err(reason) => reasons.push(format!("{}: {reason:#}", node.display())),
            }
        }
        if reasons.is_empty() {
            reasons.push("this kernel has no /dev/dri/card*. Is a DRM driver (cirrus, bochs) loaded?".to_owned());
        }
        bail!("no display for a mode of at most {most}: {}", reasons.join("; "))
    }

    fn try_open(node: &Path, named: bool, most: Size) -> Result<Screen> {
        let (card, driver) = Card::open(node)?;
        let seen = driver != UNSEEN || named;
        ensure!(seen, "driver {driver} shows nothing to anybody; name the card to use it all the same");
        let prime = card.get_driver_capability(DriverCapability::Prime).unwrap_or(0);
        ensure!(prime & PRIME_CAP_IMPORT != 0, "driver {driver} imports no dma-bufs");
        // The kernel makes the first opener master; whoever comes later is told here, not at the first mode set.
        card.acquire_master_lock().context("somebody else is master of this display")?;
        card.set_client_capability(ClientCapability::UniversalPlanes, true).context("universal planes")?;
        let mut seen = Vec::new();
        for handle in card.resource_handles().context("no mode setting")?.connectors() {
            let Ok(info) = card.get_connector(*handle, true) else { continue };
            let found = find_mode(&card, &info, most);
            match found.and_then(|(mode, crtc)| Ok((mode, crtc, primary_formats(&card, crtc).context("planes")?))) {
                Ok((mode, crtc, formats)) => {
                    return Ok(Screen {
                        card,
                        node: node.to_owned(),
                        driver,
                        connector: *handle,
                        connector_name: info.to_string(),
                        crtc,
                        mode,
                        formats,
                        gems: HashMap::new(),
                        flipping: false,
                    })
                }
                Err(error) => seen.push(format!("{info} {error:#}")),
            }
        }
        bail!("driver {driver} has no such mode: {}", seen.join(", "))
    }

    /// The node, the driver's name and the connector's.
    pub fn names(&self) -> (&Path, &str, &str) {
        (&self.node, &self.driver, &self.connector_name)
    }

    /// Pixels and lines.
    pub fn size(&self) -> (u32, u32) {
        let Size { width, height } = size(&self.mode);
        (width, height)
    }

    /// Imports a buffer for the controller to read as it is.
    ///
    /// # Errors
    /// A format or size that the controller cannot show, or the driver's refusal.
    pub fn attach(&mut self, buffer: &Buffer) -> Result<Scanout> {
        let code = buffer.format().fourcc();
        if !self.formats.contains(&code) {
            let scans_out = self.formats.iter().map(|code| fourcc_name(*code)).collect::<Vec<_>>().join(", ");
            bail!("driver {} does not scan out {} (it scans out {scans_out})", self.driver, fourcc_name(code));
        }
        let ((width, height), mode) = (buffer.size(), self.size());
        ensure!((width, height) == mode, "the picture has {width}x{height} pixels, the mode {}x{}", mode.0, mode.1);
        let gem = self.card.prime_fd_to_buffer(buffer.dmabuf()).context("PRIME import")?;
        *self.gems.entry(gem).or_insert(0) += 1;
        let framebuffer = self.card.framebuffer(buffer, gem, buffer.format().drm());
        framebuffer.map(|framebuffer| Scanout { framebuffer, gem }).inspect_err(|_| self.release_gem(gem))
    }

    /// Takes a buffer away from the controller. The one on the screen turns the screen off.
    pub fn detach(&mut self, scanout: Scanout) {
        // A failure means that the kernel does not know the handle: then there is nothing to free.
        let _ = self.card.destroy_framebuffer(scanout.framebuffer);
        self.release_gem(scanout.gem);
    }

    fn release_gem(&mut self, gem: GemHandle) {
        let users = self.gems.entry(gem).or_insert(1);
        *users -= 1;
        if *users == 0 {
            self.gems.remove(&gem);
            let _ = self.card.close_buffer(gem);
        }
    }

    /// Sets the mode, with this buffer on the screen.
    ///
    /// # Errors
    /// The driver's refusal.
    pub fn set_mode(&mut self, scanout: &Scanout) -> Result<()> {
        self.card
            .set_crtc(self.crtc, Some(scanout.framebuffer), (0, 0), &[self.connector], Some(self.mode))
            .context("SETCRTC")
    }

    /// Begins to put this buffer on the screen; [`Screen::flip_done`] tells when it is there.
    ///
    /// # Errors
    /// The driver's refusal; EBUSY while another flip is under way.
    pub fn flip(&mut self, scanout: &Scanout) -> Result<()> {
        self.card.page_flip(self.crtc, scanout.framebuffer, PageFlipFlags::EVENT, None).context("PAGE_FLIP")?;
        self.flipping = true;
        Ok(())
    }

    /// True between [`Screen::flip`] and its event.
    pub fn is_flipping(&self) -> bool {
        self.flipping
    }

    /// Reads the controller's events; answers true when the flip is done. For a readable fd; never blocks.
    ///
    /// # Errors
    /// The kernel's.
    pub fn flip_done(&mut self) -> Result<bool> {
        let events = match self.card.receive_events() {
            Ok(events) => events,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error).context("read of DRM events"),
        };
        let done = events.filter(|event| matches!(event, Event::PageFlip(_))).count() > 0;
        self.flipping &= !done;
        Ok(done)
    }

    /// Waits for the flip that is under way, if one is.
    ///
    /// # Errors
    /// No event in time, or the kernel's.
    pub fn wait_flip(&mut self, timeout_ms: u16) -> Result<()> {
        while self.flipping {
            let mut fds = [PollFd::new(self.card.as_fd(), PollFlags::POLLIN)];
            match poll(&mut fds, PollTimeout::from(timeout_ms)) {
                Ok(0) => bail!("the page flip did not finish within {timeout_ms} ms"),
                Ok(_) | Err(nix::Error::EINTR) => {}
                Err(errno) => return Err(errno).context("poll of the display"),
            }
            self.flip_done()?;
        }
        Ok(())
    }
}

impl AsFd for Screen {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.card.as_fd()
    }
}

/// A buffer whose planes all lie in one dma-buf.
struct Planar<'b> {
    buffer: &'b Buffer,
    gem: GemHandle,
    format: DrmFourcc,
}

impl Planar<'_> {
    fn of_planes<T: Copy>(&self, none: T, each: impl Fn(&gralloc_buffer::layout::Plane) -> T) -> [T; 4] {
        let mut all = [none; 4];
        all.iter_mut().zip(self.buffer.planes()).for_each(|(to, plane)| *to = each(plane));
        all
    }
}

impl PlanarBuffer for Planar<'_> {
    fn size(&self) -> (u32, u32) {
        self.buffer.size()
    }
    fn format(&self) -> DrmFourcc {
        self.format
    }
    fn modifier(&self) -> Option<DrmModifier> {
        None
    }
    fn pitches(&self) -> [u32; 4] {
        self.of_planes(0, |plane| plane.stride_bytes)
    }
    fn handles(&self) -> [Option<GemHandle>; 4] {
        self.of_planes(None, |_| Some(self.gem))
    }
    fn offsets(&self) -> [u32; 4] {
        // An offset of 4 GiB and more cannot be said to DRM: the largest number makes the driver refuse it.
        self.of_planes(0, |plane| u32::try_from(plane.offset_bytes).unwrap_or(u32::MAX))
    }
}

fn size(mode: &Mode) -> Size {
    let (width, height) = mode.size();
    Size { width: width.into(), height: height.into() }
}

/// The best mode on a connected screen, and a CRTC that can drive it.
fn find_mode(card: &Card, info: &connector::Info, most: Size) -> Result<(Mode, crtc::Handle)> {
    ensure!(info.state() == connector::State::Connected, "has no screen");
    let best = most.best_of(info.modes().iter().map(size));
    let mode = info.modes().iter().find(|mode| best == Some(size(mode))).ok_or_else(|| {
        let mut names: Vec<_> = info.modes().iter().map(|mode| size(mode).to_string()).collect();
        names.dedup();
        anyhow!("has {}", if names.is_empty() { "no modes".to_owned() } else { names.join(" ") })
    })?;
    let resources = card.resource_handles()?;
    let encoders = info.encoders().iter().filter_map(|encoder| card.get_encoder(*encoder).ok());
    let mut crtcs = encoders.flat_map(|encoder| resources.filter_crtcs(encoder.possible_crtcs()));
    Ok((*mode, crtcs.next().context("can be driven by no CRTC")?))
}

/// The formats that the primary plane of a CRTC scans out: those of the first plane that can go there. Drivers list
/// primary planes first.
fn primary_formats(card: &Card, crtc: crtc::Handle) -> io::Result<Vec<u32>> {
    let resources = card.resource_handles()?;
    for handle in card.plane_handles()? {
        let plane = card.get_plane(handle)?;
        if resources.filter_crtcs(plane.possible_crtcs()).contains(&crtc) {
            return Ok(plane.formats().to_vec());
        }
    }
    Ok(Vec::new())
}
