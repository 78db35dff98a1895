//! Compares `gralloc_dmabuf::uapi` with whichever view of the kernel's headers `crate::header` is.

// In a test a failed unwrap is a failure with a place.
#![allow(clippy::unwrap_used)]

use crate::header;
use gralloc_dmabuf::uapi;
use paste::paste;
use std::fmt::Debug;
use std::mem::{offset_of, size_of, size_of_val};

fn wide<T: TryInto<u64>>(value: T) -> u64
where
    T::Error: Debug,
{
    value.try_into().unwrap()
}

/// Each constant against the macro of its name.
macro_rules! numbers {
    ($($name:ident)*) => { paste! { $(
        assert_eq!(wide(uapi::$name), wide(header::[<value_ $name>]), "{}", stringify!($name));
    )* } };
}

/// A struct's size, and each field's offset and size, against the header's struct.
macro_rules! layout {
    ($ours:ident as $theirs:ident { $($field:ident)* }) => { paste! {
        let size = wide(size_of::<uapi::$ours>());
        assert_eq!(size, wide(header::[<size_ $theirs>]), "{}", stringify!($theirs));
        let mut covered = 0;
        $(
            let what = concat!(stringify!($theirs), ".", stringify!($field));
            let offset = wide(offset_of!(uapi::$ours, $field));
            assert_eq!(offset, wide(header::[<offset_ $theirs _ $field>]), "{what}, offset");
            let size_of_field = wide(size_of_val(&uapi::$ours::default().$field));
            assert_eq!(size_of_field, wide(header::[<size_ $theirs _ $field>]), "{what}, size");
            covered += size_of_field;
        )*
        // None of these structs has padding, so a field that the header gained would show here.
        assert_eq!(covered, size, "{}: fields that are not compared", stringify!($theirs));
    } };
}

#[test]
fn dma_heap_matches_the_header() {
    numbers! { DMA_HEAP_IOCTL_ALLOC }
    layout!(dma_heap_allocation_data as dma_heap_allocation_data { len fd fd_flags heap_flags });
}

#[test]
fn dma_buf_matches_the_header() {
    numbers! {
        DMA_BUF_IOCTL_SYNC DMA_BUF_SET_NAME_B DMA_BUF_NAME_LEN DMA_BUF_MAGIC
        DMA_BUF_SYNC_READ DMA_BUF_SYNC_WRITE DMA_BUF_SYNC_RW DMA_BUF_SYNC_START DMA_BUF_SYNC_END
    }
    layout!(dma_buf_sync as dma_buf_sync { flags });
}

#[test]
fn udmabuf_matches_the_header() {
    numbers! { UDMABUF_CREATE UDMABUF_FLAGS_CLOEXEC }
    layout!(udmabuf_create as udmabuf_create { memfd flags offset size });
}
