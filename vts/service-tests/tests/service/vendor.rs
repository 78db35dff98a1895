//! What the service writes into new buffers: a compression's headers, the table of a vendor's types of metadata.

use allocator_aidl::BufferDescriptorInfo;
use gralloc_buffer::handle::FDS;
use gralloc_buffer::metadata::vendor::{encode_vendor, Table};
use gralloc_buffer::metadata::{Writer, MAX_ENCODED_BYTES, PAGE_WORDS};
use gralloc_buffer::{PixelFormat as Format, Usage};
use gralloc_client::Buffer;
use gralloc_dmabuf as dmabuf;
use gralloc_dmabuf::mmap::{Mapping, Protection};
use service_tests::client::{descriptor, rgba, CPU};
use service_tests::place::{kernel_heaps, nodes, root, udmabuf, Heaps, SYSTEM_HEAP};
use service_tests::policy::{heap, rule, PolicyText};
use service_tests::service::{Options, Service};
use service_tests::suite::{Test, Verdict};
use service_tests::tests;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::Ordering;

pub(crate) fn tests() -> Vec<Test> {
    tests!["vendor":
        afbc_headers_are_written_on_the_kernels_heap,
        afbc_headers_are_written_on_udmabuf,
        afbc_headers_are_written_on_memfd,
        protected_buffer_is_compressed_and_not_a_byte_of_it_written,
        vendors_types_travel_with_each_buffer,
        dataspace_and_vendors_types_share_the_metadata,
    ]
}

const AFBC: &str = "[[compress]]
name = \"afbc\"
any_of = [\"GPU_TEXTURE\", \"GPU_RENDER_TARGET\"]
layouts = [\"RGBA_8888\"]
fourcc = \"AB24\"
modifier = 0x0800000000000041
type_name = \"arm.graphics.Compression\"
initialise = \"afbc\"
grid = [{ block = [16, 16], header_bytes = 16, header_align = 1024, block_align = 128 }]
";

const TYPES: &str = "[[vendor_metadata]]
name = \"heap\"
type = \"vendor.acme.Metadata\"
value = 1
encoding = \"string\"
header = false
counted = false
computed = \"heap_name\"
[[vendor_metadata]]
name = \"kind\"
type = \"vendor.acme.Metadata\"
value = 2
encoding = \"u32\"
header = false
constant = 8
layouts = [\"RGBA_8888\"]
[[vendor_metadata]]
name = \"kind-of-others\"
type = \"vendor.acme.Metadata\"
value = 2
encoding = \"u32\"
header = false
constant = 9
[[vendor_metadata]]
name = \"format\"
type = \"vendor.acme.Metadata\"
value = 3
encoding = \"i32\"
header = false
computed = \"format\"
[[vendor_metadata]]
name = \"rate\"
type = \"vendor.acme.Metadata\"
value = 4
encoding = \"f32\"
header = false
stored = true
";

fn service(more: &str, heaps: Heaps) -> Service {
    let policy = PolicyText { more: more.to_owned(), ..PolicyText::default() };
    Service::start(&policy, &Options { heaps, ..Options::default() })
}

/// The first words of a buffer, read as a client does.
fn words(buffer: &OwnedFd, offset: usize, count: usize) -> Vec<u32> {
    let mapping = Mapping::new(buffer.as_fd(), offset + 4 * count, Protection::ReadWrite).unwrap();
    let is_dma_buf = dmabuf::is_dma_buf(buffer.as_fd()).unwrap();
    if is_dma_buf {
        dmabuf::begin_access(buffer.as_fd(), dmabuf::Access::Read).unwrap();
    }
    let words = mapping.words(offset, count).unwrap().iter().map(|word| word.load(Ordering::Acquire)).collect();
    if is_dma_buf {
        dmabuf::end_access(buffer.as_fd(), dmabuf::Access::Read).unwrap();
    }
    words
}

fn afbc_headers_are_written_on_the_kernels_heap() -> Verdict {
    kernel_heaps()?;
    headers(Heaps::Kernel)
}

fn afbc_headers_are_written_on_udmabuf() -> Verdict {
    udmabuf()?;
    headers(Heaps::Udmabuf)
}

fn afbc_headers_are_written_on_memfd() -> Verdict {
    headers(Heaps::Memfd)
}

/// 100x40 is 7 by 3 blocks of 16x16: 336 bytes of header in 1024, then 21 bodies of 1024 bytes; two layers of them.
fn headers(heaps: Heaps) -> Verdict {
    let service = service(AFBC, heaps);
    let client = service.connect();
    let info = BufferDescriptorInfo {
        layerCount: 2,
        ..descriptor("afbc", 100, 40, Format::Rgba8888, Usage::GPU_TEXTURE | Usage::GPU_RENDER_TARGET)
    };
    for round in 0..3 {
        let buffer = client.one(&info);
        assert_eq!(buffer.info.modifier, 0x0800_0000_0000_0041);
        assert!(!buffer.info.mappable);
        let layer = usize::try_from(buffer.info.layer_bytes).unwrap();
        assert!(layer >= 1024 + 21 * 1024, "{layer}");
        for start in [0, layer] {
            let all = words(&buffer.pixels, start, 1024 / 4 + 4);
            let (headers, rest) = all.split_at(21 * 4);
            for header in headers.chunks_exact(4) {
                assert_eq!(header, [1024, 0x1, 0x10000, 0], "round {round}, layer at {start}");
            }
            assert!(rest.iter().all(|word| *word == 0), "only headers are written");
        }
    }
    // What the CPU reads is linear, and zero as ever.
    let linear = client.one(&rgba("linear", 100, 40));
    assert_eq!((linear.info.modifier, linear.info.mappable), (0, true));
    assert!(words(&linear.pixels, 0, 1024).iter().all(|word| *word == 0));
    Ok(())
}

/// A second node of the system heap stands for protected memory, so that a test can look into it: where it is real, a service that
/// wrote there would die.
fn protected_buffer_is_compressed_and_not_a_byte_of_it_written() -> Verdict {
    kernel_heaps()?;
    root()?;
    let system = Path::new(SYSTEM_HEAP);
    let folder = nodes(&[("system", system), ("acme-secure", system)]);
    let policy = PolicyText {
        heaps: heap("secure", &["acme-secure"], "protected = true") + &heap("system", &["system"], ""),
        rules: rule("protected", "all_of = [\"PROTECTED\"]\nheaps = [\"secure\"]")
            + &rule("everything-else", "heaps = [\"system\"]"),
        more: AFBC.to_owned(),
        ..PolicyText::default()
    };
    let options = Options { heap_dir: Some(folder.path().to_owned()), ..Options::default() };
    let service = Service::start(&policy, &options);
    let client = service.connect();
    let asked = |usage| descriptor("afbc", 100, 40, Format::Rgba8888, usage | Usage::GPU_RENDER_TARGET);
    let (open, secret) = (client.one(&asked(Usage::NONE)), client.one(&asked(Usage::PROTECTED)));
    assert_eq!((open.info.protected, secret.info.protected), (false, true));
    assert_eq!((open.info.modifier, open.info.planes), (secret.info.modifier, secret.info.planes));
    let bytes = usize::try_from(secret.info.buffer_bytes).unwrap();
    assert!(words(&open.pixels, 0, bytes / 4).iter().any(|word| *word != 0));
    assert!(words(&secret.pixels, 0, bytes / 4).iter().all(|word| *word == 0));
    Ok(())
}

/// A vendor's type of a buffer, as the mapper gives it.
fn get(buffer: &Buffer, value: i64) -> Option<Vec<u8>> {
    let bytes = usize::try_from(buffer.info.vendor_bytes()).unwrap();
    let mapping = Mapping::new(buffer.metadata.as_fd(), 4 * PAGE_WORDS + bytes, Protection::ReadWrite).unwrap();
    let area = mapping.words(4 * PAGE_WORDS, bytes / 4).unwrap();
    let table = Table::read(area, buffer.info.vendor_metadata).expect("the table that the handle speaks of");
    let (name, entry) = table.find(b"vendor.acme.Metadata", value)?;
    let fds: [i32; FDS] = [buffer.pixels.as_raw_fd(), buffer.metadata.as_raw_fd()];
    let mut room = [0; MAX_ENCODED_BYTES];
    let mut out = Writer::new(&mut room);
    assert!(encode_vendor(name.as_bytes(), entry, &buffer.info, fds, area, &mut out));
    let needed = out.needed();
    Some(room[..needed].to_vec())
}

fn vendors_types_travel_with_each_buffer() -> Verdict {
    let service = service(TYPES, Heaps::of_this_machine());
    let client = service.connect();
    let yuv = descriptor("yuv", 64, 64, Format::Ycbcr420_888, CPU);
    for (info, kind, format) in [(rgba("rgba", 64, 64), 8u32, 1i32), (yuv, 9, 0x23)] {
        let allocation = client.allocate(&info, 3).unwrap();
        for buffer in &allocation.buffers {
            assert_eq!(buffer.info.vendor_bytes(), 4096);
            assert_eq!(get(buffer, 1).unwrap(), b"system");
            assert_eq!(get(buffer, 2).unwrap(), kind.to_le_bytes());
            assert_eq!(get(buffer, 3).unwrap(), format.to_le_bytes());
            assert_eq!(get(buffer, 4).unwrap(), [0; 0], "nobody has set it");
            assert_eq!(get(buffer, 5), None);
        }
    }
    // Behind the area the client's region, zeroed.
    let reserved = client.one(&BufferDescriptorInfo { reservedSize: 5000, ..rgba("reserved", 64, 64) });
    assert_eq!(reserved.info.metadata_bytes, 4096 + 4096 + 5000);
    assert!(words(&reserved.metadata, 8192, 1250).iter().all(|word| *word == 0));
    assert_eq!(get(&reserved, 1).unwrap(), b"system");
    Ok(())
}

fn dataspace_and_vendors_types_share_the_metadata() -> Verdict {
    let service = service(TYPES, Heaps::of_this_machine());
    let mut info = rgba("both", 64, 64);
    info.additionalOptions =
        vec![service_tests::client::option(gralloc_buffer::dataspace::DATASPACE_OPTION, 0x8c2_0000)];
    let buffer = service.connect().one(&info);
    assert_eq!(words(&buffer.metadata, 4, 1), [0x8c2_0000]);
    assert_eq!(get(&buffer, 2).unwrap(), 8u32.to_le_bytes());
    Ok(())
}
