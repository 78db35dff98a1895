//! A module that lacks the variant that it is linked in stops a build in a tree: with both places, the one that links and the
//! one that is linked.

// In a test a failed unwrap is a failure with a place.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use aosp_check::soong;
use common::{finding, Copy};

/// The file, what is there, what is put in its place; the finding's words, its file, and the other's.
struct Fault(&'static str, &'static str, &'static str, &'static str, &'static str, &'static str);

const MAPPER: &str = "service/mapper/Android.bp";
const BUFFER: &str = "service/buffer/Android.bp";

const FAULTS: &[Fault] = &[
    // A 32-bit mapper takes a 32-bit static library, and that one 32-bit crates.
    Fault(
        MAPPER,
        "    name: \"libgralloc_mapper_static\",\n",
        "    name: \"libgralloc_mapper_static\",\n    compile_multilib: \"64\",\n",
        "mapper.dmaheap.apex: links libgralloc_mapper_static, which is not built for 32 bits",
        MAPPER,
        MAPPER,
    ),
    Fault(
        BUFFER,
        "    crate_name: \"gralloc_buffer\",\n",
        "    crate_name: \"gralloc_buffer\",\n    compile_multilib: \"64\",\n",
        "libgralloc_mapper_static: links libgralloc_buffer, which is not built for 32 bits",
        MAPPER,
        BUFFER,
    ),
    Fault(
        BUFFER,
        "    crate_name: \"gralloc_buffer\",\n",
        "    crate_name: \"gralloc_buffer\",\n    compile_multilib: \"32\",\n",
        "heapctl: links libgralloc_buffer, which is not built for 64 bits",
        "service/heapctl/Android.bp",
        BUFFER,
    ),
    Fault(
        MAPPER,
        "    installable: false,\n",
        "    installable: false,\n    compile_multilib: \"first\",\n",
        "com.android.hardware.graphics.dmaheap: links mapper.dmaheap.apex, which is not built for 32 bits",
        "service/apex/Android.bp",
        MAPPER,
    ),
    // What the vendor's modules link is built for the vendor.
    Fault(
        "Android.bp",
        "    vendor_available: true,\n",
        "",
        "libgralloc_server: links libgralloc_buffer, which is not built for the vendor",
        "service/server/Android.bp",
        BUFFER,
    ),
    Fault(
        "aidl/soong/Android.bp",
        "    vendor_available: true,\n",
        "",
        "libgralloc_server: links liballocator_aidl, which is not built for the vendor",
        "service/server/Android.bp",
        "aidl/soong/Android.bp",
    ),
    Fault(
        "aidl/Android.bp",
        "    vendor_available: true,\n",
        "",
        "liballocator_aidl: links vendor.dmaheap.graphics.allocator-V1-rust, which is not built for the vendor",
        "aidl/soong/Android.bp",
        "aidl/Android.bp",
    ),
    Fault(
        MAPPER,
        "    vendor_available: true,\n",
        "",
        "mapper.dmaheap: links libgralloc_mapper_static, which is not built for the vendor",
        MAPPER,
        MAPPER,
    ),
    // And the other two.
    Fault(
        "service/client/Android.bp",
        "    vendor_available: true,\n",
        "    vendor: true,\n",
        "libconformance: links libgralloc_client, which is not built for the system",
        "vts/conformance/Android.bp",
        "service/client/Android.bp",
    ),
    Fault(
        "Android.bp",
        "    host_supported: true,\n",
        "",
        "heaps_compile: links libheaps_config, which is not built for the host",
        "heaps-config/host/Android.bp",
        "heaps-config/Android.bp",
    ),
];

#[test]
fn what_lacks_the_variant_that_it_is_linked_in_is_found_with_both_places() {
    for Fault(file, from, to, words, place, other) in FAULTS {
        let copy = Copy::new();
        copy.replace(file, from, to);
        let report = soong::check(copy.root()).unwrap();
        let found = finding(&report, words);
        assert!(found.place.file == *place && found.place.line.is_some(), "{found}");
        let linked = found.other.as_ref().unwrap();
        assert!(linked.file == *other && linked.line.is_some() && *linked != found.place, "{found}");
    }
}
