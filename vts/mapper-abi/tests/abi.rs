//! `gralloc_mapper::abi` and `dmaheap_mapper.h` are the same.

use gralloc_mapper::abi;
use std::mem::{align_of, offset_of, size_of};

/// The header's types as bindgen makes them.
// Generated: documented in the header.
#[allow(missing_docs, non_camel_case_types, non_snake_case, unreachable_pub, dead_code, unsafe_op_in_unsafe_fn)]
#[allow(clippy::as_conversions, clippy::undocumented_unsafe_blocks)]
mod header {
    include!(concat!(env!("OUT_DIR"), "/header.rs"));
}

/// The header's callbacks with the mapper's types as their arguments.
// Generated: documented in the header.
#[allow(missing_docs, non_camel_case_types, non_snake_case, unreachable_pub, dead_code, unused_imports)]
mod callbacks {
    include!(concat!(env!("OUT_DIR"), "/callbacks.rs"));
}

macro_rules! same {
    ($($ours:ident = $theirs:ident { $($field:ident)* })*) => {$(
        assert_eq!(size_of::<abi::$ours>(), size_of::<header::$theirs>(), "size of {}", stringify!($ours));
        assert_eq!(align_of::<abi::$ours>(), align_of::<header::$theirs>(), "alignment of {}", stringify!($ours));
        $(assert_eq!(
            offset_of!(abi::$ours, $field),
            offset_of!(header::$theirs, $field),
            "{}.{}", stringify!($ours), stringify!($field)
        );)*
    )*};
}

#[test]
fn sizes_and_offsets_are_the_header_s() {
    same! {
        native_handle_t = native_handle { version numFds numInts data }
        ARect = ARect { left top right bottom }
        AIMapper_MetadataType = AIMapper_MetadataType { name value }
        AIMapper_MetadataTypeDescription = AIMapper_MetadataTypeDescription {
            metadataType description isGettable isSettable reserved
        }
        AIMapperV5 = AIMapperV5 {
            importBuffer freeBuffer getTransportSize lock unlock flushLockedBuffer rereadLockedBuffer getMetadata
            getStandardMetadata setMetadata setStandardMetadata listSupportedMetadataTypes dumpBuffer dumpAllBuffers
            getReservedRegion
        }
        AIMapper = AIMapper { version v5 }
    }
    assert_eq!(align_of::<header::AIMapper>(), 16, "as max_align_t");
}

#[test]
fn numbers_are_the_header_s() {
    assert_eq!(abi::AIMAPPER_VERSION_5, header::AIMAPPER_VERSION_5);
    let codes = [
        (abi::AIMAPPER_ERROR_NONE, header::AIMAPPER_ERROR_NONE),
        (abi::AIMAPPER_ERROR_BAD_BUFFER, header::AIMAPPER_ERROR_BAD_BUFFER),
        (abi::AIMAPPER_ERROR_BAD_VALUE, header::AIMAPPER_ERROR_BAD_VALUE),
        (abi::AIMAPPER_ERROR_NO_RESOURCES, header::AIMAPPER_ERROR_NO_RESOURCES),
        (abi::AIMAPPER_ERROR_UNSUPPORTED, header::AIMAPPER_ERROR_UNSUPPORTED),
    ];
    for (ours, theirs) in codes {
        assert_eq!(u32::try_from(ours), Ok(theirs));
    }
    assert_eq!(gralloc_mapper::ANDROID_HAL_MAPPER_VERSION, 5);
    assert_eq!(gralloc_mapper::ANDROID_HAL_STABLEC_VERSION, 5);
}

/// Compiles when every callback has the header's signature.
fn in_the_header_s_types(v5: abi::AIMapperV5) -> callbacks::AIMapperV5 {
    callbacks::AIMapperV5 {
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
