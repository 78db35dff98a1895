//! Benchmarks: the service against the raw ioctl and a binder ping, interleaved.

fn main() {}
