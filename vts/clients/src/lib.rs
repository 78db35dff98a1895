//! What the two clients, `camera` and `display`, share: formats, pictures, and the way a buffer goes from one to the other.
//!
//! Both are ordinary clients of the allocator: they know it through `gralloc_client` alone and open no heap themselves.
//! A frame's way: `camera` asks the service for buffers, the capture device ([`v4l2`]) writes into them, [`wire`] and
//! [`socket`] carry their handles to `display`, which lets the display controller read them or converts them first. What the display
//! draws over a frame, it draws through the device's mapper ([`overlay`]).

#![deny(unsafe_op_in_unsafe_fn)]

pub mod buffer;
pub mod convert;
pub mod dmabuf;
pub mod format;
pub mod image;
pub mod kms;
pub mod overlay;
pub mod picture;
pub mod presenter;
pub mod report;
pub mod service;
pub mod size;
pub mod socket;
pub mod v4l2;
pub mod wire;
