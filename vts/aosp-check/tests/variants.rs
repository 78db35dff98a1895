//! A module that lacks the variant that it is linked in stops a build in a tree: with both places, the one that links and the
//! one that is linked.

// In a test a failed unwrap is a failure with a place.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use aosp_check::soong;
use common::{each_is_found, fault, Fault};

const MAPPER: &str = "service/mapper/Android.bp";
const BUFFER: &str = "service/buffer/Android.bp";

const FAULTS: &[Fault<'_>] = &[
    // A 32-bit mapper takes a 32-bit static library, and that one 32-bit crates.
    fault(
        MAPPER,
        "    name: \"libgralloc_mapper_static\",\n",
        "    name: \"libgralloc_mapper_static\",\n    compile_multilib: \"64\",\n",
        "mapper.dmaheap.apex: links libgralloc_mapper_static, which is not built for 32 bits",
    )
    .against(MAPPER),
    fault(
        BUFFER,
        "    crate_name: \"gralloc_buffer\",\n",
        "    crate_name: \"gralloc_buffer\",\n    compile_multilib: \"64\",\n",
        "libgralloc_mapper_static: links libgralloc_buffer, which is not built for 32 bits",
    )
    .at("service/mapper/Android.bp:")
    .against(BUFFER),
    fault(
        BUFFER,
        "    crate_name: \"gralloc_buffer\",\n",
        "    crate_name: \"gralloc_buffer\",\n    compile_multilib: \"32\",\n",
        "heapctl: links libgralloc_buffer, which is not built for 64 bits",
    )
    .at("service/heapctl/Android.bp:")
    .against(BUFFER),
    fault(
        MAPPER,
        "    installable: false,\n",
        "    installable: false,\n    compile_multilib: \"first\",\n",
        "com.android.hardware.graphics.dmaheap: links mapper.dmaheap.apex, which is not built for 32 bits",
    )
    .at("service/apex/Android.bp:")
    .against(MAPPER),
    // What the vendor's modules link is built for the vendor.
    fault(
        "Android.bp",
        "    vendor_available: true,\n",
        "",
        "libgralloc_server: links libgralloc_buffer, which is not built for the vendor",
    )
    .at("service/server/Android.bp:")
    .against(BUFFER),
    fault(
        "aidl/soong/Android.bp",
        "    vendor_available: true,\n",
        "",
        "libgralloc_server: links liballocator_aidl, which is not built for the vendor",
    )
    .at("service/server/Android.bp:")
    .against("aidl/soong/Android.bp"),
    fault(
        "aidl/Android.bp",
        "    vendor_available: true,\n",
        "",
        "liballocator_aidl: links vendor.dmaheap.graphics.allocator-V1-rust, which is not built for the vendor",
    )
    .at("aidl/soong/Android.bp:")
    .against("aidl/Android.bp"),
    fault(
        MAPPER,
        "    vendor_available: true,\n",
        "",
        "mapper.dmaheap: links libgralloc_mapper_static, which is not built for the vendor",
    )
    .against(MAPPER),
    // And the other two.
    fault(
        "service/client/Android.bp",
        "    vendor_available: true,\n",
        "    vendor: true,\n",
        "libconformance: links libgralloc_client, which is not built for the system",
    )
    .at("vts/conformance/Android.bp:")
    .against("service/client/Android.bp"),
    fault(
        "Android.bp",
        "    host_supported: true,\n",
        "",
        "heaps_compile: links libheaps_config, which is not built for the host",
    )
    .at("heaps-config/host/Android.bp:")
    .against("heaps-config/Android.bp"),
];

#[test]
fn what_lacks_the_variant_that_it_is_linked_in_is_found_with_both_places() {
    each_is_found(FAULTS, soong::check);
}
