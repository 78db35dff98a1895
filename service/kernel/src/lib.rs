//! The kernel's side: dma-heap nodes, dma-buf ioctls, memory figures, the release watch.
