//! Generates the bindings of `../android/**.aidl` and `../vendor/**.aidl` with rsbinder's AIDL compiler.

use std::path::Path;

/// The files, leaves first. Each is given on its own: the compiler resolves a type of the same package only through a
/// source it was given, and stamps version and hash on a single file alone.
const FILES: &[&str] = &[
    "android/hardware/common/NativeHandle.aidl",
    "android/hardware/graphics/common/BufferUsage.aidl",
    "android/hardware/graphics/common/ExtendableType.aidl",
    "android/hardware/graphics/common/PixelFormat.aidl",
    "android/hardware/graphics/allocator/AllocationError.aidl",
    "android/hardware/graphics/allocator/AllocationResult.aidl",
    "android/hardware/graphics/allocator/BufferDescriptorInfo.aidl",
];

/// The interface, with what `getInterfaceVersion` and `getInterfaceHash` answer: those of AOSP's frozen versions
/// (hardware/interfaces/graphics/allocator/aidl/aidl_api/android.hardware.graphics.allocator/{2,3}/.hash).
type Interface = (&'static str, i32, &'static str);
const V2: Interface =
    ("android/hardware/graphics/allocator/IAllocator.aidl", 2, "9499fec09c544e9de5be3c87125721600f8ade66");
const V3: Interface =
    ("v3/android/hardware/graphics/allocator/IAllocator.aidl", 3, "b061131f0ee5260aa8f779bf3569dfc861a1b89c");

/// This project's own interface, leaves first; the last is the interface itself.
const STATISTICS: &[&str] = &[
    "vendor/dmaheap/graphics/allocator/AccountStatistics.aidl",
    "vendor/dmaheap/graphics/allocator/LatencyStatistics.aidl",
    "vendor/dmaheap/graphics/allocator/HeapStatistics.aidl",
    "vendor/dmaheap/graphics/allocator/ClientStatistics.aidl",
    "vendor/dmaheap/graphics/allocator/BufferStatistics.aidl",
    "vendor/dmaheap/graphics/allocator/RefusalStatistics.aidl",
    "vendor/dmaheap/graphics/allocator/PoolStatistics.aidl",
    "vendor/dmaheap/graphics/allocator/AllocatorStatistics.aidl",
    "vendor/dmaheap/graphics/allocator/IAllocatorStatistics.aidl",
];

/// What they answer of this project's own interface: the frozen version's, as in a tree.
const STATISTICS_VERSION: i32 = 1;
const STATISTICS_HASH: &str = include_str!("../aidl_api/vendor.dmaheap.graphics.allocator/1/.hash");

fn main() {
    let root = Path::new("..");
    let with = |files: &[&str]| {
        let builder = rsbinder_aidl::Builder::new().include_dir(root);
        files.iter().fold(builder, |builder, file| builder.source(root.join(file)))
    };
    let (file, version, hash) = if std::env::var_os("CARGO_FEATURE_V3").is_some() { V3 } else { V2 };
    let allocator = with(FILES).source(root.join(file)).version(version).hash(hash).output("allocator.rs");
    let statistics =
        with(STATISTICS).version(STATISTICS_VERSION).hash(STATISTICS_HASH.trim_end()).output("statistics.rs");
    for builder in [allocator, statistics] {
        if let Err(error) = builder.generate() {
            eprintln!("{error}\n{error:?}");
            std::process::exit(1);
        }
    }
}
