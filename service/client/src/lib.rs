//! Finds the allocator (binder or unix socket) and calls it: for tools, tests and clients.
