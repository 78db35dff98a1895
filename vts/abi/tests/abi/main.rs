//! `gralloc_mapper::abi` and the mapper's header are the same, the platform's in an Android tree and this project's elsewhere; and
//! `gralloc_dmabuf::uapi` and the kernel's headers, as this target sees them ([`uapi`]).

// In a test a failed unwrap is a failure with a place.
#![allow(clippy::unwrap_used)]

mod uapi;

use abi_bindgen as header;
use gralloc_mapper::abi;
use paste::paste;
use std::mem::{align_of, offset_of, size_of};

/// A number of ours as the header's constants are.
fn wide(value: usize) -> u64 {
    u64::try_from(value).unwrap()
}

macro_rules! same {
    ($($ours:ident { $($field:ident)* })*) => { paste! {$(
        assert_eq!(wide(size_of::<abi::$ours>()), header::[<size_ $ours>], "size of {}", stringify!($ours));
        $(assert_eq!(
            wide(offset_of!(abi::$ours, $field)),
            header::[<offset_ $ours _ $field>],
            "{}.{}", stringify!($ours), stringify!($field)
        );)*
    )*} };
}

macro_rules! same_alignment {
    ($($ours:ident)*) => { paste! {$(
        assert_eq!(wide(align_of::<abi::$ours>()), header::[<align_ $ours>], "alignment of {}", stringify!($ours));
    )*} };
}

#[test]
fn the_number_for_names_is_what_64_bit_processes_have_always_used() {
    if size_of::<usize>() == 8 {
        assert_eq!(i64::from(gralloc_dmabuf::uapi::DMA_BUF_SET_NAME_B), header::value_DMA_BUF_SET_NAME);
    } else {
        println!("SKIP: in a 32-bit process DMA_BUF_SET_NAME is another number");
    }
}

#[test]
fn sizes_and_offsets_are_the_header_s() {
    same! {
        native_handle_t { version numFds numInts data }
        ARect { left top right bottom }
        AIMapper_MetadataType { name value }
        AIMapper_MetadataTypeDescription { metadataType description isGettable isSettable reserved }
        AIMapperV5 {
            importBuffer freeBuffer getTransportSize lock unlock flushLockedBuffer rereadLockedBuffer getMetadata
            getStandardMetadata setMetadata setStandardMetadata listSupportedMetadataTypes dumpBuffer dumpAllBuffers
            getReservedRegion
        }
        AIMapper { version v5 }
    }
}

#[test]
fn alignments_are_the_header_s() {
    same_alignment! {
        native_handle_t ARect AIMapper_MetadataType AIMapper_MetadataTypeDescription AIMapperV5
    }
    // As max_align_t: 16 in a 64-bit process, less in a 32-bit one, where ours is aligned to 16 all the same.
    let ours = wide(align_of::<abi::AIMapper>());
    assert_eq!(ours, 16);
    if size_of::<usize>() == 8 {
        assert_eq!(ours, header::align_AIMapper);
    } else {
        assert!(header::align_AIMapper <= ours);
    }
}

#[test]
fn numbers_are_the_header_s() {
    assert_eq!(i64::from(abi::AIMAPPER_VERSION_5), header::value_AIMAPPER_VERSION_5);
    let codes = [
        (abi::AIMAPPER_ERROR_NONE, header::value_AIMAPPER_ERROR_NONE),
        (abi::AIMAPPER_ERROR_BAD_BUFFER, header::value_AIMAPPER_ERROR_BAD_BUFFER),
        (abi::AIMAPPER_ERROR_BAD_VALUE, header::value_AIMAPPER_ERROR_BAD_VALUE),
        (abi::AIMAPPER_ERROR_NO_RESOURCES, header::value_AIMAPPER_ERROR_NO_RESOURCES),
        (abi::AIMAPPER_ERROR_UNSUPPORTED, header::value_AIMAPPER_ERROR_UNSUPPORTED),
    ];
    for (ours, theirs) in codes {
        assert_eq!(i64::from(ours), theirs);
    }
    assert_eq!(gralloc_mapper::ANDROID_HAL_MAPPER_VERSION, 5);
    assert_eq!(gralloc_mapper::ANDROID_HAL_STABLEC_VERSION, 5);
}

/// Compiles when every callback has the header's signature.
fn in_the_header_s_types(v5: abi::AIMapperV5) -> header::AIMapperV5 {
    header::AIMapperV5 {
        importBuffer: Some(v5.importBuffer),
        freeBuffer: Some(v5.freeBuffer),
        getTransportSize: Some(v5.getTransportSize),
        lock: Some(v5.lock),
        unlock: Some(v5.unlock),
        flushLockedBuffer: Some(v5.flushLockedBuffer),
        rereadLockedBuffer: Some(v5.rereadLockedBuffer),
        getMetadata: Some(v5.getMetadata),
        getStandardMetadata: Some(v5.getStandardMetadata),
        setMetadata: Some(v5.setMetadata),
        setStandardMetadata: Some(v5.setStandardMetadata),
        listSupportedMetadataTypes: Some(v5.listSupportedMetadataTypes),
        dumpBuffer: Some(v5.dumpBuffer),
        dumpAllBuffers: Some(v5.dumpAllBuffers),
        getReservedRegion: Some(v5.getReservedRegion),
    }
}

#[test]
fn callbacks_have_the_header_s_signatures() {
    let mut interface: *mut abi::AIMapper = std::ptr::null_mut();
    // SAFETY: a pointer to a pointer.
    let answer = unsafe { gralloc_mapper::AIMapper_loadIMapper(&mut interface) };
    assert_eq!(answer, abi::AIMAPPER_ERROR_NONE);
    // SAFETY: the interface lives as long as the process.
    let interface = unsafe { &*interface };
    assert_eq!(interface.version, abi::AIMAPPER_VERSION_5);
    let typed = in_the_header_s_types(interface.v5);
    // A client that knows the header alone.
    let free = typed.freeBuffer.unwrap();
    // SAFETY: null is a handle that every mapper has to refuse.
    assert_eq!(unsafe { free(std::ptr::null()) }, abi::AIMAPPER_ERROR_BAD_BUFFER);
}
