//! The image in a buffer, as its `PLANE_LAYOUTS` describe it: where every sample lies, whether that can be true, and
//! patterns that are written and read sample by sample.
//!
//! It is the one oracle of layouts that is not the product's own: written from the contract ([`crate::format`]), and fed
//! with what the mapper under test says.

mod contract;
mod field;
mod memory;
mod planes;

pub use contract::check_contract;
pub use memory::Memory;
pub use planes::Image;
