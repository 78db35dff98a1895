//! Compares `gralloc_dmabuf::uapi` with the headers as this target sees them.

mod compare;

use std::mem::size_of;
use uapi_bindgen as header;

#[test]
fn the_number_for_names_is_what_64_bit_processes_have_always_used() {
    if size_of::<usize>() == 8 {
        assert_eq!(u64::from(gralloc_dmabuf::uapi::DMA_BUF_SET_NAME_B), header::value_DMA_BUF_SET_NAME);
    } else {
        println!("SKIP: in a 32-bit process DMA_BUF_SET_NAME is another number");
    }
}
