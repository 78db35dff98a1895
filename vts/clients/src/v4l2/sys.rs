//! The part of V4L2's ABI that a capture client uses: structures and ioctl numbers, nothing else.
//!
//! Source: `include/uapi/linux/videodev2.h`, Linux 6.12. Only the single-planar API. Every structure's size is asserted
//! for a 64-bit target, and with it the ioctl number that encodes the size.
//!
//! By hand, because no crate serves: v4l2r 0.0.8 does not compile against kernel headers before 6.5 (Debian 12 has 6.1),
//! and v4l 0.14 streams into memory of its own or of user space, not into dma-bufs.

use std::ffi::{c_int, c_ulong};

/// `V4L2_BUF_TYPE_VIDEO_CAPTURE`.
pub(super) const BUF_TYPE_VIDEO_CAPTURE: u32 = 1;
/// `V4L2_MEMORY_DMABUF`.
pub(super) const MEMORY_DMABUF: u32 = 4;
/// `V4L2_FIELD_NONE`: progressive.
pub(super) const FIELD_NONE: u32 = 1;
/// `V4L2_CAP_VIDEO_CAPTURE`.
pub(super) const CAP_VIDEO_CAPTURE: u32 = 0x0000_0001;
/// `V4L2_CAP_STREAMING`.
pub(super) const CAP_STREAMING: u32 = 0x0400_0000;
/// `V4L2_CAP_DEVICE_CAPS`: `device_caps` is filled in.
pub(super) const CAP_DEVICE_CAPS: u32 = 0x8000_0000;
/// `V4L2_CAP_TIMEPERFRAME`, in `v4l2_captureparm.capability`.
pub(super) const CAP_TIMEPERFRAME: u32 = 0x1000;
/// `V4L2_BUF_CAP_SUPPORTS_DMABUF`, in `v4l2_requestbuffers.capabilities`.
pub(super) const BUF_CAP_SUPPORTS_DMABUF: u32 = 1 << 2;
/// `V4L2_BUF_FLAG_ERROR`: the frame's data may be corrupt.
pub(super) const BUF_FLAG_ERROR: u32 = 0x40;

/// `struct v4l2_capability`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(super) struct Capability {
    pub(super) driver: [u8; 16],
    pub(super) card: [u8; 32],
    pub(super) bus_info: [u8; 32],
    pub(super) version: u32,
    pub(super) capabilities: u32,
    pub(super) device_caps: u32,
    pub(super) reserved: [u32; 3],
}
const _: () = assert!(size_of::<Capability>() == 104);

/// `struct v4l2_input`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(super) struct Input {
    pub(super) index: u32,
    pub(super) name: [u8; 32],
    pub(super) kind: u32,
    pub(super) audioset: u32,
    pub(super) tuner: u32,
    pub(super) std: u64,
    pub(super) status: u32,
    pub(super) capabilities: u32,
    pub(super) reserved: [u32; 3],
}
const _: () = assert!(size_of::<Input>() == 80);

/// `struct v4l2_pix_format`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(super) struct PixFormat {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) pixelformat: u32,
    pub(super) field: u32,
    pub(super) bytesperline: u32,
    pub(super) sizeimage: u32,
    pub(super) colorspace: u32,
    pub(super) private: u32,
    pub(super) flags: u32,
    pub(super) ycbcr_enc: u32,
    pub(super) quantization: u32,
    pub(super) xfer_func: u32,
}
const _: () = assert!(size_of::<PixFormat>() == 48);

/// The union in `struct v4l2_format`. Some of its members hold pointers: hence its alignment.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) union FormatUnion {
    pub(super) raw: [u8; 200],
    pub(super) pix: PixFormat,
    pub(super) align: c_ulong,
}

/// `struct v4l2_format`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Format {
    pub(super) kind: u32,
    pub(super) fmt: FormatUnion,
}
#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<Format>() == 208);

/// `struct v4l2_fract`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(super) struct Fract {
    pub(super) numerator: u32,
    pub(super) denominator: u32,
}

/// `struct v4l2_captureparm`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(super) struct CaptureParm {
    pub(super) capability: u32,
    pub(super) capturemode: u32,
    pub(super) timeperframe: Fract,
    pub(super) extendedmode: u32,
    pub(super) readbuffers: u32,
    pub(super) reserved: [u32; 4],
}

/// The union in `struct v4l2_streamparm`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) union ParmUnion {
    pub(super) raw: [u8; 200],
    pub(super) capture: CaptureParm,
}

/// `struct v4l2_streamparm`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct StreamParm {
    pub(super) kind: u32,
    pub(super) parm: ParmUnion,
}
const _: () = assert!(size_of::<StreamParm>() == 204);

/// `struct v4l2_requestbuffers`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(super) struct RequestBuffers {
    pub(super) count: u32,
    pub(super) kind: u32,
    pub(super) memory: u32,
    pub(super) capabilities: u32,
    pub(super) flags: u8,
    pub(super) reserved: [u8; 3],
}
const _: () = assert!(size_of::<RequestBuffers>() == 20);

/// `struct v4l2_timecode`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(super) struct Timecode {
    pub(super) kind: u32,
    pub(super) flags: u32,
    pub(super) frames: u8,
    pub(super) seconds: u8,
    pub(super) minutes: u8,
    pub(super) hours: u8,
    pub(super) userbits: [u8; 4],
}

/// The union `m` in `struct v4l2_buffer`; for `V4L2_MEMORY_DMABUF` it is the fd.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) union BufferUnion {
    pub(super) userptr: c_ulong,
    pub(super) fd: c_int,
}

/// `struct v4l2_buffer`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Buffer {
    pub(super) index: u32,
    pub(super) kind: u32,
    pub(super) bytesused: u32,
    pub(super) flags: u32,
    pub(super) field: u32,
    pub(super) timestamp: [std::ffi::c_long; 2],
    pub(super) timecode: Timecode,
    pub(super) sequence: u32,
    pub(super) memory: u32,
    pub(super) m: BufferUnion,
    pub(super) length: u32,
    pub(super) reserved2: u32,
    pub(super) request_fd: c_int,
}
#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<Buffer>() == 88);

impl Buffer {
    /// A capture buffer in dma-buf memory, everything else zero.
    pub(super) fn dmabuf() -> Buffer {
        Buffer {
            index: 0,
            kind: BUF_TYPE_VIDEO_CAPTURE,
            bytesused: 0,
            flags: 0,
            field: 0,
            timestamp: [0; 2],
            timecode: Timecode::default(),
            sequence: 0,
            memory: MEMORY_DMABUF,
            m: BufferUnion { userptr: 0 },
            length: 0,
            reserved2: 0,
            request_fd: 0,
        }
    }
}

/// `ioctl` functions, each unsafe because the kernel reads and writes what the pointer names.
pub(super) mod ioctl {
    use super::{Buffer, Capability, Format, Input, RequestBuffers, StreamParm};
    use std::ffi::c_int;

    nix::ioctl_read!(querycap, b'V', 0, Capability);
    nix::ioctl_readwrite!(s_fmt, b'V', 5, Format);
    nix::ioctl_readwrite!(reqbufs, b'V', 8, RequestBuffers);
    nix::ioctl_readwrite!(qbuf, b'V', 15, Buffer);
    nix::ioctl_readwrite!(dqbuf, b'V', 17, Buffer);
    nix::ioctl_write_ptr!(streamon, b'V', 18, c_int);
    nix::ioctl_write_ptr!(streamoff, b'V', 19, c_int);
    nix::ioctl_readwrite!(s_parm, b'V', 22, StreamParm);
    nix::ioctl_readwrite!(enuminput, b'V', 26, Input);
    nix::ioctl_readwrite!(s_input, b'V', 39, c_int);
}
