//! What real clients do with a buffer, call by call, through the public interface: AOSP's external camera HAL and emulated
//! camera, SwiftShader, libui's `lockYCbCr`, Mesa's u_gralloc, drm_hwcomposer's reader. The sequences and what each reads
//! are theirs (named at each test); the code is not.

// Tests: a failed unwrap is a failed test; the interface is C's.
#![allow(
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::multiple_unsafe_ops_per_block,
    clippy::undocumented_unsafe_blocks,
    clippy::unwrap_used
)]

mod common;

use common::*;
use gralloc_buffer::handle::BufferInfo;
use gralloc_buffer::layout::Needs;
use gralloc_buffer::{Layout, PixelFormat, Usage};
use gralloc_mapper::abi::*;
use nix::sys::stat::fstat;
use std::os::fd::AsRawFd;

/// `StandardMetadataType`.
const WIDTH: i64 = 3;
const HEIGHT: i64 = 4;
const LAYER_COUNT: i64 = 5;
const FOURCC: i64 = 7;
const MODIFIER: i64 = 8;
const USAGE: i64 = 9;
const ALLOCATION_SIZE: i64 = 10;
const CHROMA_SITING: i64 = 14;
const PLANE_LAYOUTS: i64 = 15;
const DATASPACE: i64 = 17;

/// `PlaneLayoutComponentType`.
const Y: i64 = 1;
const CB: i64 = 2;
const CR: i64 = 4;
const R: i64 = 1 << 10;
const G: i64 = 1 << 11;
const B: i64 = 1 << 12;
const A: i64 = 1 << 30;

/// A buffer as the allocator lays it out.
fn info(format: PixelFormat, layout: Layout, (width, height): (u32, u32), usage: u64) -> BufferInfo {
    let needs = Needs { stride_bytes: 64, ..Needs::default() };
    let arranged = layout.measure(width, height, 1, &needs).unwrap().narrow().unwrap();
    BufferInfo {
        width,
        height,
        format,
        layout,
        fourcc: layout.fourcc(),
        usage: Usage(usage),
        stride: arranged.stride,
        planes: arranged.planes,
        layer_bytes: arranged.layer_bytes,
        buffer_bytes: arranged.layer_bytes,
        ..rgba()
    }
}

/// A `PlaneLayout` as a client decodes it.
#[derive(Debug)]
struct Plane {
    /// Type, offset in bits, size in bits.
    components: Vec<[i64; 3]>,
    offset: i64,
    increment_bits: i64,
    stride: i64,
    samples: [i64; 2],
    bytes: i64,
    subsampling: [i64; 2],
}

/// Reads a value front to back, as AOSP's decoder (`IMapperMetadataTypes.h`) does.
struct Bytes(Vec<u8>);

impl Bytes {
    fn of(client: Client, buffer: buffer_handle_t, number: i64) -> Bytes {
        let whole = client.get(buffer, number).unwrap();
        Bytes(whole.strip_prefix(header(number).as_slice()).unwrap().to_vec())
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        self.0.drain(..count).collect()
    }

    fn long(&mut self) -> i64 {
        i64::from_le_bytes(self.take(8).try_into().unwrap())
    }

    fn int(&mut self) -> i32 {
        i32::from_le_bytes(self.take(4).try_into().unwrap())
    }

    fn extendable(&mut self, name: &str) -> i64 {
        let length = usize::try_from(self.long()).unwrap();
        assert_eq!(self.take(length), name.as_bytes());
        self.long()
    }

    fn planes(mut self) -> Vec<Plane> {
        let planes = (0..self.long()).map(|_| self.plane()).collect();
        assert!(self.0.is_empty());
        planes
    }

    fn plane(&mut self) -> Plane {
        let name = "android.hardware.graphics.common.PlaneLayoutComponentType";
        let components = (0..self.long()).map(|_| [self.extendable(name), self.long(), self.long()]).collect();
        Plane {
            components,
            offset: self.long(),
            increment_bits: self.long(),
            stride: self.long(),
            samples: [self.long(), self.long()],
            bytes: self.long(),
            subsampling: [self.long(), self.long()],
        }
    }
}

fn planes(client: Client, buffer: buffer_handle_t) -> Vec<Plane> {
    Bytes::of(client, buffer, PLANE_LAYOUTS).planes()
}

/// `android_ycbcr`.
#[derive(Debug, PartialEq)]
struct Ycbcr {
    y: *mut u8,
    cb: *mut u8,
    cr: *mut u8,
    y_stride: i64,
    c_stride: i64,
    chroma_step: i64,
}

/// libui's `lockYCbCr` (`libs/ui/Gralloc5.cpp`, android-15): the lock, then pointers from the plane layouts; all that it asks
/// of them is asserted.
fn lock_ycbcr(client: Client, buffer: buffer_handle_t, usage: u64, region: ARect) -> Ycbcr {
    let data = client.lock_with(buffer, usage, region, -1).unwrap();
    let mut found = Ycbcr { y: data, cb: data, cr: data, y_stride: 0, c_stride: 0, chroma_step: 0 };
    let mut seen = 0;
    for plane in planes(client, buffer) {
        for [kind, offset, size] in &plane.components {
            assert_eq!((offset % 8, *size), (0, 8), "8-bit components on whole bytes");
            let at = data.wrapping_add(usize::try_from(plane.offset + offset / 8).unwrap());
            assert_eq!(seen & kind, 0, "no component twice");
            seen |= kind;
            match *kind {
                Y => {
                    assert_eq!((plane.increment_bits, plane.subsampling), (8, [1, 1]));
                    (found.y, found.y_stride) = (at, plane.stride);
                }
                CB | CR => {
                    assert!(matches!(plane.increment_bits, 8 | 16), "{plane:?}");
                    assert_eq!(plane.subsampling, [2, 2]);
                    let step = plane.increment_bits / 8;
                    assert!(found.c_stride == 0 || (found.c_stride, found.chroma_step) == (plane.stride, step));
                    (found.c_stride, found.chroma_step) = (plane.stride, step);
                    *(if *kind == CB { &mut found.cb } else { &mut found.cr }) = at;
                }
                other => unreachable!("component {other}"),
            }
        }
    }
    assert_eq!(seen, Y | CB | CR);
    found
}

/// Writes each component of a pixel through the pointers, as a converter does.
fn write_pixel(at: &Ycbcr, (x, y): (i64, i64), [luma, cb, cr]: [u8; 3]) {
    let place = |start: *mut u8, offset: i64| start.wrapping_add(usize::try_from(offset).unwrap());
    let chroma = (y / 2) * at.c_stride + (x / 2) * at.chroma_step;
    unsafe {
        place(at.y, y * at.y_stride + x).write_volatile(luma);
        place(at.cb, chroma).write_volatile(cb);
        place(at.cr, chroma).write_volatile(cr);
    }
}

const LAYOUTS_OF_420: [Layout; 4] = [Layout::Nv12, Layout::Nv21, Layout::Yv12, Layout::I420];

/// `frameworks/native/libs/ui/Gralloc5.cpp`, android-15: every layout that YCBCR_420_888 can become; the layout's own order
/// of bytes says where a pixel has to be.
#[test]
fn lock_ycbcr_of_libui_finds_every_pixel_of_every_layout() {
    let client = client();
    for layout in LAYOUTS_OF_420 {
        let made = info(PixelFormat::Ycbcr420_888, layout, (64, 32), CPU);
        let buffer = client.import(&Raw::new(Source::real(), &made));
        let found = lock_ycbcr(client, buffer, CPU, WHOLE);
        write_pixel(&found, (62, 30), [1, 2, 3]);
        let offsets = made.planes.as_slice().iter().map(|plane| usize::try_from(plane.offset_bytes).unwrap());
        let starts: Vec<*mut u8> = offsets.map(|offset| found.y.wrapping_add(offset)).collect();
        let strides: Vec<usize> = made.planes.as_slice().iter().map(|plane| plane.stride_bytes as usize).collect();
        let read = |plane: usize, line: usize, byte: usize| unsafe {
            starts[plane].wrapping_add(line * strides[plane] + byte).read_volatile()
        };
        assert_eq!(read(0, 30, 62), 1, "{layout:?}");
        let chroma = match layout {
            Layout::Nv12 => [read(1, 15, 62), read(1, 15, 63)],
            Layout::Nv21 => [read(1, 15, 63), read(1, 15, 62)],
            Layout::Yv12 => [read(2, 15, 31), read(1, 15, 31)],
            _ => [read(1, 15, 31), read(2, 15, 31)],
        };
        assert_eq!(chroma, [2, 3], "{layout:?}");
        assert_eq!(client.unlock(buffer), AIMAPPER_ERROR_NONE);
        client.free(buffer);
    }
}

/// `hardware/interfaces/camera/device/default/ExternalCameraDeviceSession.cpp` through `HandleImporter::lockYCbCr`: the lock
/// has the buffer's whole usage and the frame as its region; its status is not looked at.
#[test]
fn external_camera_converts_a_frame_into_its_buffers() {
    let client = client();
    const OUTPUT: u64 = 0x20930;
    let raws: Vec<Raw> = (0..4)
        .map(|_| Raw::new(Source::real(), &info(PixelFormat::Ycbcr420_888, Layout::Nv12, (640, 480), OUTPUT)))
        .collect();
    let buffers: Vec<_> = raws.iter().map(|raw| client.import(raw)).collect();
    let frame = ARect { left: 0, top: 0, right: 640, bottom: 480 };
    for number in 0..8_usize {
        let buffer = buffers[number % buffers.len()];
        let found = lock_ycbcr(client, buffer, OUTPUT, frame);
        write_pixel(&found, (639, 479), [u8::try_from(number).unwrap(), 7, 8]);
        assert_eq!(client.unlock(buffer), AIMAPPER_ERROR_NONE);
    }
    for buffer in buffers {
        assert_eq!(client.free(buffer), AIMAPPER_ERROR_NONE);
    }
}

/// `hardware/google/camera/devices/EmulatedCamera` (`EmulatedRequestProcessor.cpp`): streams without any CPU usage are locked
/// to be written, a preview of IMPLEMENTATION_DEFINED and a still of BLOB, by the stream's size.
#[test]
fn emulated_camera_writes_streams_that_have_no_cpu_usage() {
    let client = client();
    let whole = |width, height| ARect { left: 0, top: 0, right: width, bottom: height };
    let preview = info(PixelFormat::ImplementationDefined, Layout::Nv12, (320, 240), 0x60900);
    let buffer = client.import(&Raw::new(Source::real(), &preview));
    let found = lock_ycbcr(client, buffer, 0x33, whole(320, 240));
    write_pixel(&found, (0, 0), [16, 128, 128]);
    assert_eq!(client.unlock(buffer), AIMAPPER_ERROR_NONE);
    client.free(buffer);
    let still = info(PixelFormat::Blob, Layout::Blob, (100_000, 1), 0x20003);
    let buffer = client.import(&Raw::new(Source::real(), &still));
    let data = client.lock_with(buffer, 0x33, whole(100_000, 1), -1).unwrap();
    unsafe { data.wrapping_add(99_999).write_volatile(0xd9) };
    assert_eq!(client.unlock(buffer), AIMAPPER_ERROR_NONE);
    client.free(buffer);
}

/// SwiftShader's external memory (`src/Vulkan/VkDeviceMemoryExternalAndroid.cpp`): the buffer is locked for all that a CPU can
/// do while the memory object lives, as often as it is imported, whatever it was allocated for.
#[test]
fn swiftshader_keeps_what_it_imports_locked() {
    let client = client();
    for usage in [0x103, 0x230, 0x20103, 0x100, 0x300, 0xb00, 0x1a00, 0x1b00] {
        let raw = Raw::new(Source::real(), &info(PixelFormat::Rgba8888, Layout::Rgba8888, (64, 64), usage));
        let (surface, again) = (client.import(&raw), client.import(&raw));
        for lock in [0xff, 0xf0, 0xf] {
            let one = client.lock_with(surface, lock, WHOLE, -1).unwrap();
            let other = client.lock_with(again, lock, WHOLE, -1).unwrap();
            unsafe { one.write_volatile(0x5a) };
            assert_eq!(unsafe { other.read_volatile() }, 0x5a, "{usage:#x} {lock:#x}");
            assert_eq!((client.unlock(again), client.unlock(surface)), (AIMAPPER_ERROR_NONE, AIMAPPER_ERROR_NONE));
        }
        client.free(surface);
        client.free(again);
    }
}

/// The same of the other formats that it has images of: it takes a line for the allocation's stride times a pixel's bytes.
#[test]
fn swiftshader_finds_the_last_pixel_of_every_format_by_the_stride() {
    let client = client();
    let formats = [
        (PixelFormat::Rgb565, Layout::Rgb565, 2),
        (PixelFormat::Rgba8888, Layout::Rgba8888, 4),
        (PixelFormat::Rgba1010102, Layout::Rgba1010102, 4),
        (PixelFormat::RgbaFp16, Layout::RgbaFp16, 8),
    ];
    for (format, layout, pixel) in formats {
        let made = info(format, layout, (61, 33), 0x100);
        let raw = Raw::new(Source::real(), &made);
        let (image, reader) = (client.import(&raw), client.import(&raw));
        let [one, other] = [image, reader].map(|buffer| client.lock_with(buffer, 0xff, ARect::default(), -1).unwrap());
        let last = (32 * made.stride as usize + 60) * pixel;
        assert!(u64::try_from(last + pixel).unwrap() <= made.buffer_bytes, "{format:?}");
        let plane = &planes(client, image)[0];
        assert_eq!(plane.stride, i64::from(made.stride) * i64::try_from(pixel).unwrap(), "{format:?}");
        for byte in 0..pixel {
            unsafe { one.wrapping_add(last + byte).write_volatile(0xa0 + byte as u8) };
        }
        for byte in 0..pixel {
            assert_eq!(unsafe { other.wrapping_add(last + byte).read_volatile() }, 0xa0 + byte as u8, "{format:?}");
        }
        for buffer in [image, reader] {
            assert_eq!((client.unlock(buffer), client.free(buffer)), (AIMAPPER_ERROR_NONE, AIMAPPER_ERROR_NONE));
        }
    }
}

/// What a driver is told of a plane: which of the handle's fds, from which byte, with what pitch.
fn by_fd(planes: &[Plane]) -> Vec<(usize, i64, i64)> {
    let mut fd = 0;
    let place = |(index, plane): (usize, &Plane)| {
        // A later plane that begins at 0 is in the next fd.
        fd += usize::from(index > 0 && plane.offset == 0);
        (fd, plane.offset, plane.stride)
    };
    planes.iter().enumerate().map(place).collect()
}

/// A format, its layout, its fourcc, and the planes' components in the order that the fourcc has.
type Fourcc = (PixelFormat, Layout, &'static [u8; 4], &'static [&'static [i64]]);

/// From linux `drm_fourcc.h`.
const FOURCCS: [Fourcc; 12] = [
    (PixelFormat::Rgba8888, Layout::Rgba8888, b"AB24", &[]),
    (PixelFormat::Rgbx8888, Layout::Rgbx8888, b"XB24", &[]),
    (PixelFormat::Bgra8888, Layout::Bgra8888, b"AR24", &[]),
    (PixelFormat::Rgb565, Layout::Rgb565, b"RG16", &[]),
    (PixelFormat::Ycbcr420_888, Layout::Nv12, b"NV12", &[&[Y], &[CB, CR]]),
    (PixelFormat::Ycrcb420Sp, Layout::Nv21, b"NV21", &[&[Y], &[CR, CB]]),
    (PixelFormat::Yv12, Layout::Yv12, b"YV12", &[&[Y], &[CR], &[CB]]),
    (PixelFormat::YcbcrP010, Layout::P010, b"P010", &[&[Y], &[CB, CR]]),
    (PixelFormat::Rgba1010102, Layout::Rgba1010102, b"AB30", &[]),
    (PixelFormat::RgbaFp16, Layout::RgbaFp16, b"AB4H", &[]),
    (PixelFormat::Bgra1010102, Layout::Bgra1010102, b"AR30", &[]),
    (PixelFormat::Bgrx1010102, Layout::Bgrx1010102, b"XR30", &[]),
];

/// Mesa, `src/util/u_gralloc/u_gralloc_imapper5_api.cpp`: what it reads, all of which must be there; planes in the order of the
/// fourcc, all in the first fd; at most four.
#[test]
fn u_gralloc_of_mesa_reads_a_linear_buffer_in_its_first_fd() {
    let client = client();
    for (format, layout, fourcc, order) in FOURCCS {
        let made = info(format, layout, (66, 34), 0x300);
        let buffer = client.import(&Raw::new(Source::real(), &made));
        let code = Bytes::of(client, buffer, FOURCC).int();
        assert_eq!(&code.to_le_bytes(), fourcc, "{format:?}");
        assert_eq!(Bytes::of(client, buffer, MODIFIER).long(), 0, "linear, not invalid");
        let planes = planes(client, buffer);
        assert!(planes.len() <= 4);
        assert!(by_fd(&planes).iter().all(|(fd, _, stride)| *fd == 0 && *stride > 0), "{planes:?}");
        let kinds: Vec<Vec<i64>> =
            planes.iter().map(|plane| plane.components.iter().map(|[kind, ..]| *kind).collect()).collect();
        assert!(order.is_empty() || kinds == order, "{format:?}: {kinds:?}");
        assert!(Bytes::of(client, buffer, ALLOCATION_SIZE).long() >= planes.iter().map(|plane| plane.bytes).sum());
        assert_eq!(Bytes::of(client, buffer, LAYER_COUNT).long(), 1);
        // Without both of these Mesa knows nothing of the colours.
        assert_eq!(Bytes::of(client, buffer, DATASPACE).int(), 0);
        let siting =
            Bytes::of(client, buffer, CHROMA_SITING).extendable("android.hardware.graphics.common.ChromaSiting");
        assert!((0..=4).contains(&siting), "a value of the standard type");
        client.free(buffer);
    }
}

/// A format, its layout, its fourcc, a pixel's bits, and its components from the lowest bit: type, offset, bits.
type Packed<'c> = (PixelFormat, Layout, &'static [u8; 4], i64, &'c [[i64; 3]]);

/// Linux `drm_fourcc.h`, little endian, from the lowest bit: where a display and a GPU that were told the fourcc look for each
/// component, as the planes' readers do by the metadata.
#[test]
fn packed_formats_of_more_than_8_bits_lie_where_their_fourcc_says() {
    let client = client();
    let ten_lowest_red = [[R, 0, 10], [G, 10, 10], [B, 20, 10], [A, 30, 2]];
    let ten_lowest_blue = [[B, 0, 10], [G, 10, 10], [R, 20, 10], [A, 30, 2]];
    let halves = [[R, 0, 16], [G, 16, 16], [B, 32, 16], [A, 48, 16]];
    let packed: [Packed; 4] = [
        (PixelFormat::Rgba1010102, Layout::Rgba1010102, b"AB30", 32, &ten_lowest_red),
        (PixelFormat::Bgra1010102, Layout::Bgra1010102, b"AR30", 32, &ten_lowest_blue),
        (PixelFormat::Bgrx1010102, Layout::Bgrx1010102, b"XR30", 32, &ten_lowest_blue[..3]),
        (PixelFormat::RgbaFp16, Layout::RgbaFp16, b"AB4H", 64, &halves),
    ];
    for (format, layout, fourcc, bits, components) in packed {
        let buffer = client.import(&Raw::new(Source::real(), &info(format, layout, (66, 34), 0x300)));
        assert_eq!(&Bytes::of(client, buffer, FOURCC).int().to_le_bytes(), fourcc, "{format:?}");
        let [plane] = &planes(client, buffer)[..] else { panic!("{format:?}: planes") };
        let mut found = plane.components.clone();
        found.sort_by_key(|[_, offset, _]| *offset);
        assert_eq!((found.as_slice(), plane.increment_bits, plane.offset), (components, bits, 0), "{format:?}");
        client.free(buffer);
    }
}

/// drm_hwcomposer, `bufferinfo/BufferInfoMapperMetadata.cpp`: the list of planes ends at one of no bytes; the buffer is known by
/// the inode of the first fd, a file with a size; a cursor's size is computed from stride, increment and total.
#[test]
fn drm_hwcomposer_reads_planes_identity_and_cursor_size() {
    let client = client();
    for (format, layout, _, _) in FOURCCS {
        let (width, height) = (66, 34);
        let made = info(format, layout, (width, height), 0x900);
        let buffer = client.import(&Raw::new(Source::real(), &made));
        assert_eq!(Bytes::of(client, buffer, WIDTH).long(), i64::from(width));
        assert_eq!(Bytes::of(client, buffer, HEIGHT).long(), i64::from(height));
        assert_eq!(Bytes::of(client, buffer, USAGE).long(), 0x900);
        let planes = planes(client, buffer);
        assert!(planes.iter().all(|plane| plane.bytes > 0), "{planes:?}");
        for plane in &planes {
            // Not rounded to pages: whole lines.
            assert_eq!(plane.bytes % plane.stride, 0, "{planes:?}");
            assert!(plane.samples[0] * plane.increment_bits <= plane.stride * 8);
        }
        let cursor = [planes[0].stride * 8 / planes[0].increment_bits, planes[0].bytes / planes[0].stride];
        assert!(cursor[0] >= i64::from(width) && cursor[1] == i64::from(height), "{format:?}: {cursor:?}");
        let fds = imported_fds(buffer);
        assert!(fds.iter().all(|fd| *fd > 0));
        let [pixels, metadata] = [fds[0], fds[1]].map(|fd| fstat(fd).unwrap());
        // 32 bits on some targets.
        #[allow(clippy::useless_conversion)]
        let bytes = i64::from(pixels.st_size);
        assert!(bytes >= i64::try_from(made.buffer_bytes).unwrap());
        assert_ne!(pixels.st_ino, metadata.st_ino);
        client.free(buffer);
    }
}

/// Two imports of one buffer are one framebuffer: their first fds are one file.
#[test]
fn two_imports_of_a_buffer_have_one_identity() {
    let client = client();
    let raw = Raw::new(Source::real(), &rgba());
    let (one, other) = (client.import(&raw), client.import(&raw));
    let inode = |buffer| fstat(imported_fds(buffer)[0]).unwrap().st_ino;
    assert_eq!((inode(one), inode(other)), (fstat(raw.fds[0].as_raw_fd()).unwrap().st_ino, inode(one)));
    client.free(one);
    client.free(other);
}

/// `native_handle_t.data`, the fds.
fn imported_fds(buffer: buffer_handle_t) -> Vec<i32> {
    let header: *const i32 = buffer.cast();
    let count = unsafe { header.wrapping_add(1).read() };
    (0..usize::try_from(count).unwrap()).map(|at| unsafe { header.wrapping_add(3 + at).read() }).collect()
}
