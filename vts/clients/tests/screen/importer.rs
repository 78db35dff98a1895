//! A composer that knows nothing of formats: it hands on to DRM what a handle says, as drm_hwcomposer does.

use drm::buffer::{DrmFourcc, DrmModifier, Handle, PlanarBuffer};
use drm::control::{Device as ControlDevice, FbCmd2Flags};
use gralloc_client::Buffer;
use std::os::fd::AsFd;
use vts_clients::kms::Card;

/// Tiles that no display of a PC has: `DRM_FORMAT_MOD_VIVANTE_TILED` of `drm_fourcc.h`.
pub(crate) const TILED: u64 = 0x0600_0000_0000_0001;

/// A card that imports dma-bufs.
pub(crate) struct Screen {
    card: Card,
    driver: String,
}

impl Screen {
    /// The first that sets modes: a card may have nothing to show on, as vgem.
    pub(crate) fn open() -> Screen {
        let cards = Card::nodes().into_iter().map(|node| Card::open(&node).unwrap());
        let mut screens = cards.filter(|(card, _)| card.resource_handles().is_ok());
        let (card, driver) = screens.next().expect("a card with mode setting");
        Screen { card, driver }
    }

    /// The driver's name.
    pub(crate) fn driver(&self) -> &str {
        &self.driver
    }

    /// Imports the pixels and makes a framebuffer of them; the error's number where the driver refuses that.
    pub(crate) fn add(&self, buffer: &Buffer) -> Result<(), Option<i32>> {
        let gem = self.card.prime_fd_to_buffer(buffer.pixels.as_fd()).unwrap();
        let modifier = buffer.info.modifier;
        let flags = if modifier == 0 { FbCmd2Flags::empty() } else { FbCmd2Flags::MODIFIERS };
        let made = self.card.add_planar_framebuffer(&Described { buffer, gem }, flags);
        let made = made.map(|framebuffer| self.card.destroy_framebuffer(framebuffer).unwrap());
        self.card.close_buffer(gem).unwrap();
        made.map_err(|error| error.raw_os_error())
    }
}

struct Described<'b> {
    buffer: &'b Buffer,
    gem: Handle,
}

impl Described<'_> {
    fn of_planes<T: Copy>(&self, none: T, each: impl Fn(&gralloc_buffer::layout::Plane) -> T) -> [T; 4] {
        let mut all = [none; 4];
        all.iter_mut().zip(self.buffer.info.planes.as_slice()).for_each(|(to, plane)| *to = each(plane));
        all
    }
}

impl PlanarBuffer for Described<'_> {
    fn size(&self) -> (u32, u32) {
        (self.buffer.info.width, self.buffer.info.height)
    }
    fn format(&self) -> DrmFourcc {
        DrmFourcc::try_from(self.buffer.info.fourcc).unwrap()
    }
    fn modifier(&self) -> Option<DrmModifier> {
        Some(self.buffer.info.modifier).filter(|modifier| *modifier != 0).map(DrmModifier::from)
    }
    fn pitches(&self) -> [u32; 4] {
        self.of_planes(0, |plane| plane.stride_bytes)
    }
    fn handles(&self) -> [Option<Handle>; 4] {
        self.of_planes(None, |_| Some(self.gem))
    }
    fn offsets(&self) -> [u32; 4] {
        self.of_planes(0, |plane| u32::try_from(plane.offset_bytes).unwrap())
    }
}
