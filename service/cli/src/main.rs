//! lint, compile, explain, heaps, alloc, dump: one tool for the allocator and its policy.

fn main() {}
