//! Compares `gralloc_dmabuf::uapi` with the headers as 32-bit processes see them: no struct may depend on the width.

#[path = "abi/uapi.rs"]
mod uapi;

use abi_bindgen::as_32_bit as header;
