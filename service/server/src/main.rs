//! The allocator service.

fn main() {}
