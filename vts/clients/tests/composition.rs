//! Pictures composed by a display controller out of the allocator's buffers, written back into another of them, and
//! compared pixel by pixel.
//!
//! Needs root, the allocator, and vkms with a writeback connector alone on its CRTC (`vkms.enable_writeback=1`): QEMU's own
//! displays blend nothing. Source: Linux 6.12, `Documentation/gpu/vkms.rst`, `drivers/gpu/drm/drm_writeback.c`.

// A failed unwrap is a failed test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use drm::buffer::DrmFourcc;
use drm::control::atomic::AtomicModeReq;
use drm::control::property::{Info, Value};
use drm::control::{connector, crtc, framebuffer, plane, AtomicCommitFlags, Device as ControlDevice};
use drm::control::{Mode, ResourceHandle};
use drm::{ClientCapability, Device};
use gralloc_buffer::{PixelFormat, Usage};
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use std::collections::HashMap;
use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use vts_clients::buffer::Buffer;
use vts_clients::kms::Card;
use vts_clients::service::{Request, Service, ServiceArgs};

const SIZE: (u16, u16) = (800, 600);
const CURSOR: u32 = 64;
/// Where the cursor's picture lies.
const AT: (u32, u32) = (301, 203);

/// vkms, with its writeback connector to be seen.
struct Vkms(Card);

impl Vkms {
    fn find() -> Result<Vkms, String> {
        let mut opened = Card::nodes().into_iter().filter_map(|node| Card::open(&node).ok());
        let (card, _) = opened.find(|(_, driver)| driver == "vkms").ok_or("needs vkms (--kernel full)")?;
        for capability in
            [ClientCapability::UniversalPlanes, ClientCapability::Atomic, ClientCapability::WritebackConnectors]
        {
            card.set_client_capability(capability, true).map_err(|error| format!("{capability:?}: {error}"))?;
        }
        Ok(Vkms(card))
    }

    fn writeback(&self) -> Option<connector::Info> {
        let resources = self.0.resource_handles().unwrap();
        let all = resources.connectors().iter().filter_map(|handle| self.0.get_connector(*handle, true).ok());
        let mut writebacks = all.filter(|info| info.interface() == connector::Interface::Writeback);
        writebacks.next()
    }

    fn properties(&self, of: impl ResourceHandle) -> HashMap<String, Info> {
        self.0.get_properties(of).unwrap().as_hashmap(&self.0).unwrap()
    }

    /// The plane of this kind: 1 is primary, 2 the cursor's (`enum drm_plane_type`).
    fn plane(&self, kind: u64) -> plane::Handle {
        let is_it = |handle: &plane::Handle| {
            let property = self.properties(*handle)["type"].handle();
            let values = self.0.get_properties(*handle).unwrap();
            let (ids, raw) = values.as_props_and_values();
            ids.iter().zip(raw).any(|(id, value)| *id == property && *value == kind)
        };
        self.0.plane_handles().unwrap().into_iter().find(is_it).expect("a plane of this kind")
    }

    fn framebuffer(&self, buffer: &Buffer, format: DrmFourcc) -> framebuffer::Handle {
        let gem = self.0.prime_fd_to_buffer(buffer.dmabuf()).expect("PRIME import");
        self.0.framebuffer(buffer, gem, format).expect("a framebuffer")
    }
}

/// A request in the making, by names of properties.
struct Commit<'c> {
    card: &'c Vkms,
    request: AtomicModeReq,
}

impl Commit<'_> {
    fn set<H: ResourceHandle>(&mut self, object: H, name: &str, value: Value<'static>) {
        let properties = self.card.properties(object);
        let property = properties.get(name).unwrap_or_else(|| panic!("no property {name}"));
        self.request.add_property(object, property.handle(), value);
    }

    fn show(&mut self, plane: plane::Handle, crtc: crtc::Handle, framebuffer: framebuffer::Handle, place: [u32; 4]) {
        let [x, y, width, height] = place.map(u64::from);
        self.set(plane, "FB_ID", Value::Framebuffer(Some(framebuffer)));
        self.set(plane, "CRTC_ID", Value::CRTC(Some(crtc)));
        for (name, value) in [("SRC_X", 0), ("SRC_Y", 0), ("SRC_W", width << 16), ("SRC_H", height << 16)] {
            self.set(plane, name, Value::UnsignedRange(value));
        }
        for (name, value) in [("CRTC_X", x), ("CRTC_Y", y)] {
            self.set(plane, name, Value::SignedRange(i64::try_from(value).unwrap()));
        }
        for (name, value) in [("CRTC_W", width), ("CRTC_H", height)] {
            self.set(plane, name, Value::UnsignedRange(value));
        }
    }
}

/// A pixel's value for its place, all values different from their neighbours'.
fn ground(x: u32, y: u32) -> u32 {
    (x.wrapping_mul(0x0001_0305) ^ y.wrapping_mul(0x0007_0b0d)) & 0x00ff_ffff
}

/// The cursor's pixel: opaque or nothing, in a pattern of 8 by 8.
fn cursor(x: u32, y: u32) -> u32 {
    if (x / 8 + y / 8).is_multiple_of(2) {
        0xff00_0000 | (x * 0x0004_0201 + y * 0x0001_0204) & 0x00ff_ffff
    } else {
        0
    }
}

fn expected(x: u32, y: u32) -> u32 {
    let inside = (AT.0..AT.0 + CURSOR).contains(&x) && (AT.1..AT.1 + CURSOR).contains(&y);
    let above = if inside { cursor(x - AT.0, y - AT.1) } else { 0 };
    if above == 0 {
        ground(x, y)
    } else {
        above & 0x00ff_ffff
    }
}

fn allocate(service: &Service, name: &str, width: u32, height: u32) -> Buffer {
    let usage = Usage::COMPOSER_OVERLAY | Usage::CPU_READ_OFTEN | Usage::CPU_WRITE_OFTEN;
    let request = Request { name: name.to_owned(), width, height, format: PixelFormat::Bgra8888, usage };
    service.allocate(&request, true).unwrap()
}

fn paint(buffer: &mut Buffer, pixel: impl Fn(u32, u32) -> u32) {
    let lines: Vec<(u64, u64)> = buffer.lines(0).collect();
    let (width, _) = buffer.size();
    let access = buffer.write().unwrap();
    for (y, (offset, _)) in (0..).zip(lines) {
        let line: Vec<u8> = (0..width).flat_map(|x| pixel(x, y).to_le_bytes()).collect();
        access.copy_in(offset, &line).unwrap();
    }
}

/// How many pixels differ, without their fourth byte.
fn differing(buffer: &Buffer, pixel: impl Fn(u32, u32) -> u32) -> usize {
    let access = buffer.read().unwrap();
    let (width, _) = buffer.size();
    let mut line = vec![0; usize::try_from(width * 4).unwrap()];
    let mut differ = 0;
    for (y, (offset, _)) in (0..).zip(buffer.lines(0)) {
        access.copy_out(offset, &mut line).unwrap();
        let pixels = line.chunks_exact(4).map(|bytes| u32::from_le_bytes(bytes.try_into().unwrap()) & 0x00ff_ffff);
        differ += (0..).zip(pixels).filter(|(x, seen)| *seen != pixel(*x, y)).count();
    }
    differ
}

#[test]
fn picture_composed_and_written_back_has_every_pixel_right() {
    let card = match Vkms::find() {
        Ok(card) => card,
        Err(why) => {
            println!("SKIP: {why}");
            return;
        }
    };
    let service = match Service::connect(&ServiceArgs { service: None }) {
        Ok(service) => service,
        Err(why) => {
            println!("SKIP: {why:#}");
            return;
        }
    };
    let Some(writeback) = card.writeback() else {
        println!("SKIP: vkms has no writeback connector (vkms.enable_writeback=1)");
        return;
    };
    let mode: Mode = *writeback.modes().iter().find(|mode| mode.size() == SIZE).expect("a mode of 800x600");
    let crtc = card.0.resource_handles().unwrap().crtcs()[0];
    let (width, height) = (u32::from(SIZE.0), u32::from(SIZE.1));
    let mut below = allocate(&service, "composed below", width, height);
    let mut above = allocate(&service, "composed above", CURSOR, CURSOR);
    let mut result = allocate(&service, "written back", width, height);
    paint(&mut below, ground);
    paint(&mut above, cursor);
    // What is not written over would show.
    paint(&mut result, |x, y| !expected(x, y));

    let mut fence = -1_i32;
    let mut request = Commit { card: &card, request: AtomicModeReq::new() };
    request.set(writeback.handle(), "CRTC_ID", Value::CRTC(Some(crtc)));
    request.set(crtc, "MODE_ID", card.0.create_property_blob(&mode).unwrap());
    request.set(crtc, "ACTIVE", Value::Boolean(true));
    let (below_fb, above_fb) =
        (card.framebuffer(&below, DrmFourcc::Xrgb8888), card.framebuffer(&above, DrmFourcc::Argb8888));
    request.show(card.plane(1), crtc, below_fb, [0, 0, width, height]);
    request.show(card.plane(2), crtc, above_fb, [AT.0, AT.1, CURSOR, CURSOR]);
    let target = card.framebuffer(&result, DrmFourcc::Xrgb8888);
    request.set(writeback.handle(), "WRITEBACK_FB_ID", Value::Framebuffer(Some(target)));
    let pointer = u64::try_from(std::ptr::from_mut(&mut fence).expose_provenance()).unwrap();
    request.set(writeback.handle(), "WRITEBACK_OUT_FENCE_PTR", Value::UnsignedRange(pointer));
    card.0.atomic_commit(AtomicCommitFlags::ALLOW_MODESET, request.request).expect("atomic commit");
    // The kernel has written it behind the compiler's back.
    let fence = std::hint::black_box(fence);
    assert!(fence >= 0, "no fence for the written picture");
    // SAFETY: the kernel has made this fd for us a moment ago (drm_writeback.c), and nobody else has it.
    let fence = unsafe { OwnedFd::from_raw_fd(fence) };
    let mut fds = [PollFd::new(fence.as_fd(), PollFlags::POLLIN)];
    assert_eq!(poll(&mut fds, PollTimeout::from(10_000_u16)), Ok(1), "the picture is not written within 10 s");

    assert_eq!(differing(&result, expected), 0, "of {} pixels", width * height);
    // The comparison sees one pixel that is wrong.
    let wrong = |x, y| if (x, y) == (5, 7) { !expected(x, y) & 0x00ff_ffff } else { expected(x, y) };
    assert_eq!(differing(&result, wrong), 1);
}
