//! A screen: one DRM card, one connector, one mode; foreign dma-bufs imported, scanned out and flipped.
//!
//! Only legacy mode setting, which every driver has. The card is chosen by what it can do, not by its number.
//! Sources: `Documentation/gpu/drm-uapi.rst` and `drm-kms.rst`, Linux 6.12; the drm crate makes the ioctls.

use crate::image::Image;
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

/// Why there is nothing to be seen.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No card will do; every one with its reason.
    #[error("no display for a {width}x{height} mode: {}", if .cards.is_empty() { "this kernel has no /dev/dri/card*. Is a DRM driver (cirrus) loaded?".to_owned() } else { .cards.join("; ") })]
    NoDisplay {
        /// Pixels.
        width: u32,
        /// Lines.
        height: u32,
        /// A line for each card.
        cards: Vec<String>,
    },
    /// The controller cannot read this picture where it lies.
    #[error("driver {driver} does not scan out {format} (it scans out {scans_out})")]
    Format {
        /// The driver.
        driver: String,
        /// The picture's format, in four characters.
        format: String,
        /// What it can.
        scans_out: String,
    },
    /// The picture's size is not the mode's.
    #[error("the picture has {0}x{1} pixels, the mode {2}x{3}")]
    Size(u32, u32, u32, u32),
    /// A request to the driver failed.
    #[error("{request}: {cause}")]
    Request {
        /// What was tried.
        request: &'static str,
        /// The kernel's word.
        cause: io::Error,
    },
    /// The controller did not say in time that a flip was done.
    #[error("the page flip did not finish within {0} ms")]
    Timeout(u16),
}

fn request(name: &'static str) -> impl Fn(io::Error) -> Error {
    move |cause| Error::Request { request: name, cause }
}

#[derive(Debug)]
struct Card(File);

impl AsFd for Card {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Device for Card {}
impl ControlDevice for Card {}

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
    /// Opens `card`, or the first card that imports dma-bufs and has a connected screen with a mode of this size. One
    /// that only pretends to show pictures has to be named.
    ///
    /// # Errors
    /// [`Error::NoDisplay`], with the reason for every card that was looked at.
    pub fn open(card: Option<&Path>, width: u32, height: u32) -> Result<Screen, Error> {
        let nodes = match card {
            Some(card) => vec![card.to_owned()],
            None => cards(),
        };
        let mut reasons = Vec::new();
        for node in nodes {
            match Screen::try_open(&node, card.is_some(), width, height) {
                Ok(screen) => return Ok(screen),
                Err(reason) => reasons.push(format!("{}: {reason}", node.display())),
            }
        }
        Err(Error::NoDisplay { width, height, cards: reasons })
    }

    fn try_open(node: &Path, named: bool, width: u32, height: u32) -> Result<Screen, String> {
        let said = |what: &'static str| move |error: io::Error| format!("{what}: {error}");
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(nix::libc::O_CLOEXEC | nix::libc::O_NONBLOCK)
            .open(node)
            .map_err(|error| error.to_string())?;
        let card = Card(file);
        let driver = card.get_driver().map_err(said("no DRM driver"))?.name().to_string_lossy().into_owned();
        if driver == UNSEEN && !named {
            return Err(format!("driver {driver} shows nothing to anybody; name the card to use it all the same"));
        }
        if card.get_driver_capability(DriverCapability::Prime).unwrap_or(0) & PRIME_CAP_IMPORT == 0 {
            return Err(format!("driver {driver} imports no dma-bufs"));
        }
        // The kernel makes the first opener master; whoever comes later is told here, not at the first mode set.
        card.acquire_master_lock().map_err(said("somebody else is master of this display"))?;
        let resources = card.resource_handles().map_err(said("no mode setting"))?;
        card.set_client_capability(ClientCapability::UniversalPlanes, true).map_err(said("universal planes"))?;
        let mut seen = Vec::new();
        for handle in resources.connectors() {
            let Ok(info) = card.get_connector(*handle, true) else { continue };
            let name = info.to_string();
            if info.state() != connector::State::Connected {
                seen.push(format!("{name} has no screen"));
                continue;
            }
            let Some(mode) = info.modes().iter().find(|mode| mode.size() == mode_size(width, height)) else {
                seen.push(format!("{name} has {}", mode_names(info.modes())));
                continue;
            };
            let crtc = info
                .encoders()
                .iter()
                .filter_map(|encoder| card.get_encoder(*encoder).ok())
                .find_map(|encoder| resources.filter_crtcs(encoder.possible_crtcs()).first().copied());
            let Some(crtc) = crtc else {
                seen.push(format!("{name} can be driven by no CRTC"));
                continue;
            };
            let formats = primary_formats(&card, &resources, crtc).map_err(said("planes"))?;
            let (mode, connector) = (*mode, *handle);
            return Ok(Screen {
                card,
                node: node.to_owned(),
                driver,
                connector,
                connector_name: name,
                crtc,
                mode,
                formats,
                gems: HashMap::new(),
                flipping: false,
            });
        }
        Err(format!("driver {driver} has no such mode: {}", seen.join(", ")))
    }

    /// The node, the driver's name and the connector's.
    pub fn names(&self) -> (&Path, &str, &str) {
        (&self.node, &self.driver, &self.connector_name)
    }

    /// Pixels and lines.
    pub fn size(&self) -> (u32, u32) {
        let (width, height) = self.mode.size();
        (u32::from(width), u32::from(height))
    }

    /// Imports a dma-buf and makes a framebuffer of it. The fd may be closed afterwards.
    ///
    /// # Errors
    /// [`Error::Format`] and [`Error::Size`] when the controller cannot show it as it is; else the driver's refusal.
    pub fn attach(&mut self, dmabuf: BorrowedFd<'_>, image: &Image) -> Result<Scanout, Error> {
        let code = image.format().v4l2();
        if !self.formats.contains(&code) {
            let scans_out = self.formats.iter().map(|code| fourcc_name(*code)).collect::<Vec<_>>().join(", ");
            return Err(Error::Format { driver: self.driver.clone(), format: fourcc_name(code), scans_out });
        }
        let (width, height) = self.size();
        if (image.width(), image.height()) != (width, height) {
            return Err(Error::Size(image.width(), image.height(), width, height));
        }
        let gem = self.card.prime_fd_to_buffer(dmabuf).map_err(request("PRIME import"))?;
        *self.gems.entry(gem).or_insert(0) += 1;
        let planar = Planar { image, gem };
        match self.card.add_planar_framebuffer(&planar, FbCmd2Flags::empty()) {
            Ok(framebuffer) => Ok(Scanout { framebuffer, gem }),
            Err(cause) => {
                self.release_gem(gem);
                Err(Error::Request { request: "ADDFB2", cause })
            }
        }
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
    pub fn set_mode(&mut self, scanout: &Scanout) -> Result<(), Error> {
        self.card
            .set_crtc(self.crtc, Some(scanout.framebuffer), (0, 0), &[self.connector], Some(self.mode))
            .map_err(request("SETCRTC"))
    }

    /// Begins to put this buffer on the screen; [`Screen::flip_done`] tells when it is there.
    ///
    /// # Errors
    /// The driver's refusal; EBUSY while another flip is under way.
    pub fn flip(&mut self, scanout: &Scanout) -> Result<(), Error> {
        self.card
            .page_flip(self.crtc, scanout.framebuffer, PageFlipFlags::EVENT, None)
            .map_err(request("PAGE_FLIP"))?;
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
    pub fn flip_done(&mut self) -> Result<bool, Error> {
        let events = match self.card.receive_events() {
            Ok(events) => events,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(cause) => return Err(Error::Request { request: "read of DRM events", cause }),
        };
        let done = events.filter(|event| matches!(event, Event::PageFlip(_))).count() > 0;
        self.flipping &= !done;
        Ok(done)
    }

    /// Waits for the flip that is under way, if one is.
    ///
    /// # Errors
    /// [`Error::Timeout`], or the kernel's.
    pub fn wait_flip(&mut self, timeout_ms: u16) -> Result<(), Error> {
        while self.flipping {
            let mut fds = [PollFd::new(self.card.as_fd(), PollFlags::POLLIN)];
            match poll(&mut fds, PollTimeout::from(timeout_ms)) {
                Ok(0) => return Err(Error::Timeout(timeout_ms)),
                Ok(_) | Err(nix::Error::EINTR) => {}
                Err(errno) => return Err(Error::Request { request: "poll of the display", cause: errno.into() }),
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

/// An image of which every plane lies in one buffer.
struct Planar<'i> {
    image: &'i Image,
    gem: GemHandle,
}

impl Planar<'_> {
    fn of_planes<T: Copy>(&self, none: T, each: impl Fn(&crate::image::Plane) -> T) -> [T; 4] {
        let mut all = [none; 4];
        all.iter_mut().zip(self.image.planes()).for_each(|(to, plane)| *to = each(plane));
        all
    }
}

impl PlanarBuffer for Planar<'_> {
    fn size(&self) -> (u32, u32) {
        (self.image.width(), self.image.height())
    }
    fn format(&self) -> DrmFourcc {
        self.image.format().drm()
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

/// The cards' nodes, in order.
fn cards() -> Vec<PathBuf> {
    let mut nodes: Vec<_> = std::fs::read_dir(CARDS)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("card"))
        .map(|entry| entry.path())
        .collect();
    nodes.sort();
    nodes
}

/// A size as modes have it; one that no mode has when it is too large for that.
fn mode_size(width: u32, height: u32) -> (u16, u16) {
    (u16::try_from(width).unwrap_or(0), u16::try_from(height).unwrap_or(0))
}

fn mode_names(modes: &[Mode]) -> String {
    let mut names: Vec<_> = modes.iter().map(|mode| format!("{}x{}", mode.size().0, mode.size().1)).collect();
    names.dedup();
    if names.is_empty() {
        return "no modes".to_owned();
    }
    names.join(" ")
}

/// The formats that the primary plane of a CRTC scans out: those of the first plane that can go there. Drivers list
/// primary planes first.
fn primary_formats(card: &Card, resources: &drm::control::ResourceHandles, crtc: crtc::Handle) -> io::Result<Vec<u32>> {
    for handle in card.plane_handles()? {
        let plane = card.get_plane(handle)?;
        if resources.filter_crtcs(plane.possible_crtcs()).contains(&crtc) {
            return Ok(plane.formats().to_vec());
        }
    }
    Ok(Vec::new())
}

fn fourcc_name(code: u32) -> String {
    code.to_le_bytes().iter().map(|byte| char::from(*byte)).collect()
}
