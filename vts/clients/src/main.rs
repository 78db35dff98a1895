//! Two clients of the service: a camera (V4L2) and a display (DRM).

fn main() {}
