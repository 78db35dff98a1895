//! What the two programs `camera` and `display` share: formats, pictures, and the way a buffer goes from one to the other.
//!
//! Both are ordinary clients of the allocator: they call it through `gralloc_client` and open no heap themselves.
//! A frame's way: `camera` allocates buffers, the capture device ([`v4l2`]) writes into them, [`link`](mod@link) carries
//! their handles to `display`, whose controller ([`kms`]) scans them out, or which converts them first. What the display
//! draws over a frame, it draws through the device's mapper ([`overlay`]).

#![forbid(unsafe_op_in_unsafe_fn)]

pub mod buffer;
pub mod convert;
pub mod facts;
pub mod format;
pub mod kms;
pub mod link;
pub mod overlay;
pub mod picture;
pub mod presenter;
pub mod report;
pub mod service;
pub mod size;
pub mod v4l2;
