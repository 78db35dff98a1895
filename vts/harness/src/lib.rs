//! Boots a real kernel in QEMU with the service inside and brings the results out.
