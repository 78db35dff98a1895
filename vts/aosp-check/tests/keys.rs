//! Properties that Soong refuses are found, and values of another shape than Blueprint takes (`build/soong` of 15-qpr1 to 16 QPR2,
//! `proptools/unpack.go`).

// In a test a failed unwrap is a failure with a place.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use aosp_check::soong;
use common::{each_is_found, fault, Fault};

const FAULTS: &[Fault<'_>] = &[
    // Only types that are built for both have them.
    fault(
        "service/mapper/Android.bp",
        "    name: \"gralloc_dmaheap_mapper_vintf\",\n",
        "    name: \"gralloc_dmaheap_mapper_vintf\",\n    host_supported: true,\n",
        "gralloc_dmaheap_mapper_vintf: filegroup has no property host_supported",
    ),
    fault(
        "heaps-config/Android.bp",
        "    tools: [\"heaps_compile\"],\n",
        "    tools: [\"heaps_compile\"],\n    host_supported: true,\n",
        "gralloc_dmaheap_policy: genrule has no property host_supported",
    ),
    // Of another type of the same file: gensrcs.
    fault(
        "heaps-config/Android.bp",
        "    tools: [\"heaps_compile\"],\n",
        "    tools: [\"heaps_compile\"],\n    data: [\"profiles/generic.toml\"],\n",
        "gralloc_dmaheap_policy: genrule has no property data",
    ),
    fault(
        "heaps-config/Android.bp",
        "    sub_dir: \"gralloc\",\n",
        "    sub_dir: \"gralloc\",\n    device_supported: true,\n",
        "gralloc_dmaheap_heaps.json: prebuilt_etc has no property device_supported",
    ),
    fault(
        "service/apex/Android.bp",
        "    updatable: false,\n",
        "    updatable: false,\n    host_supported: false,\n",
        "com.android.hardware.graphics.dmaheap: apex has no property host_supported",
    ),
    fault(
        "heaps-config/host/Android.bp",
        "    crate_name: \"heaps_host\",\n",
        "    crate_name: \"heaps_host\",\n    host_supported: true,\n",
        "libheaps_host: rust_library_host has no property host_supported",
    ),
    fault(
        "heaps-config/host/Android.bp",
        "    crate_name: \"heaps_compile\",\n",
        "    crate_name: \"heaps_compile\",\n    device_supported: false,\n",
        "heaps_compile: rust_binary_host has no property device_supported",
    ),
    // A license is of no variant and of no image.
    fault(
        "Android.bp",
        "    license_text: [\"LICENSE\"],\n",
        "    license_text: [\"LICENSE\"],\n    vendor: true,\n",
        "gralloc_dmaheap_license: license has no property vendor",
    ),
    fault(
        "Android.bp",
        "    license_text: [\"LICENSE\"],\n",
        "    license_text: [\"LICENSE\"],\n    host_supported: true,\n",
        "gralloc_dmaheap_license: license has no property host_supported",
    ),
    // What came with 16, and what only a comment of Soong's has.
    fault(
        "service/mapper/Android.bp",
        "    name: \"libgralloc_mapper_static\",\n",
        "    name: \"libgralloc_mapper_static\",\n    version_script: \"mapper.dmaheap.map\",\n",
        "Android 15-qpr2: libgralloc_mapper_static: rust_ffi_static has no property version_script yet",
    ),
    fault(
        "service/buffer/Android.bp",
        "    crate_name: \"gralloc_buffer\",\n",
        "    crate_name: \"gralloc_buffer\",\n    compile_data: [\"Cargo.toml\"],\n",
        "libgralloc_buffer: rust_library has no property compile_data, which nobody has",
    ),
    // Shapes.
    fault(
        "service/buffer/Android.bp",
        "    srcs: [\"src/**/*.rs\"],\n",
        "    srcs: \"src/lib.rs\",\n",
        "libgralloc_buffer: srcs has to be a list of strings",
    ),
    fault(
        "vts/abi/Android.bp",
        "    rustlibs: [\"libgralloc_mapper\"],\n",
        "    rustlibs: \"libgralloc_mapper\",\n",
        "libabi_bindgen: rustlibs has to be a list of strings",
    ),
    fault(
        "service/buffer/Android.bp",
        "    crate_root: \"src/lib.rs\",\n",
        "    crate_root: [\"src/lib.rs\"],\n",
        "libgralloc_buffer: crate_root has to be a string",
    ),
    fault(
        "service/server/Android.bp",
        "    prefer_rlib: true,\n",
        "    prefer_rlib: \"true\",\n",
        "gralloc_dmaheap_service_defaults: prefer_rlib has to be true or false",
    ),
    fault(
        "aidl/Android.bp",
        "        rust: {\n            enabled: true,\n        },\n",
        "        rust: true,\n",
        "vendor.dmaheap.graphics.allocator: backend.rust has to be a map",
    ),
    fault(
        "aidl/Android.bp",
        "            version: \"1\",\n",
        "            version: 1,\n",
        "vendor.dmaheap.graphics.allocator: versions_with_info.version has to be a string",
    ),
    fault(
        "aidl/soong/Android.bp",
        "                features: [\"v3\"],\n",
        "                features: \"v3\",\n",
        "gralloc_dmaheap_aidl_defaults: features has to be a list of strings",
    ),
];

#[test]
fn what_soong_and_blueprint_refuse_is_found_and_its_file_named() {
    each_is_found(FAULTS, soong::check);
}
