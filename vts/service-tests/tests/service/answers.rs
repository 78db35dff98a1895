//! The interface's own answers: versions, counts, strides, what a fresh buffer is like.

use allocator_aidl::{AllocationError, BufferDescriptorInfo};
use gralloc_buffer::{PixelFormat as Format, Usage};
use gralloc_dmabuf as dmabuf;
use gralloc_dmabuf::mmap::{Mapping, Protection};
use service_tests::client::{assert_distinct, blob, descriptor, rgba, Failure, CPU, FROZEN, UNSUPPORTED};
use service_tests::dmabufs::size;
use service_tests::place::{has_kernel_heaps, page_bytes};
use service_tests::service::{Service, Subject};
use service_tests::still::Still;
use service_tests::suite::{Test, Verdict};
use service_tests::{tests, tests_of_both};
use std::collections::HashSet;
use std::os::fd::{AsFd, OwnedFd};

pub(crate) fn tests() -> Vec<Test> {
    let both = tests_of_both!["answers":
        interface_version_comes_with_its_frozen_hash,
        statistics_say_version_1_with_their_frozen_hash,
        mapper_suffix_is_the_projects,
        allocate_of_version_1_is_unsupported,
        count_zero_is_an_empty_result,
        count_one_to_the_limit_gives_exactly_as_many_distinct_buffers,
        buffers_stay_distinct_over_many_requests,
        buffers_are_zeroed_even_where_others_wrote_before,
        metadata_is_a_zeroed_buffer_of_its_own_with_the_reserved_region,
        stride_and_sizes_are_those_of_the_handle,
        blob_has_its_bytes,
        usage_bits_10_and_13_are_tolerated_and_kept,
        layers_lie_one_after_the_other,
    ];
    let own = tests!["answers":
        ids_do_not_repeat_after_a_restart,
        options_that_the_policy_accepts_are_accepted,
        vendor_usage_that_the_policy_names_is_accepted,
    ];
    both.into_iter().chain(own).collect()
}

fn interface_version_comes_with_its_frozen_hash(subject: &Subject) {
    let client = subject.connect();
    let hash = client.allocator().getInterfaceHash().unwrap();
    assert_eq!((client.allocator().getInterfaceVersion().unwrap(), hash.as_str()), FROZEN);
}

/// The hash is computed of the frozen files in the tree's way (`aosp_check aidl`).
fn statistics_say_version_1_with_their_frozen_hash(subject: &Subject) {
    const FROZEN: &str = include_str!("../../../../aidl/aidl_api/vendor.dmaheap.graphics.allocator/1/.hash");
    let statistics = subject.connect().statistics();
    assert_eq!(statistics.getInterfaceVersion().unwrap(), 1);
    assert_eq!(statistics.getInterfaceHash().unwrap(), FROZEN.trim_end());
}

fn mapper_suffix_is_the_projects(subject: &Subject) {
    assert_eq!(subject.connect().allocator().getIMapperLibrarySuffix().unwrap(), "dmaheap");
}

#[allow(deprecated)] // V1's method stays a part of the contract.
fn allocate_of_version_1_is_unsupported(subject: &Subject) {
    let client = subject.connect();
    let still = Still::of(subject);
    for descriptor in [[].as_slice(), &[0; 64], &[0xff; 4096]] {
        let failure = Failure::from(client.allocator().allocate(descriptor, 1).unwrap_err());
        assert_eq!(failure.error(), UNSUPPORTED);
    }
    still.assert_nothing_left();
    assert_eq!(AllocationError::UNSUPPORTED.0, UNSUPPORTED);
    client.one(&rgba("good", 16, 16));
}

fn count_zero_is_an_empty_result(subject: &Subject) {
    let client = subject.connect();
    let still = Still::of(subject);
    let allocation = client.allocate(&rgba("none", 64, 64), 0).unwrap();
    assert_eq!(allocation.buffers.len(), 0);
    assert!(allocation.stride >= 64);
    still.assert_nothing_left();
    // Nothing is no excuse for a bad descriptor.
    assert_eq!(client.refusal(&rgba("none", 0, 64), 0).error(), 0);
}

fn count_one_to_the_limit_gives_exactly_as_many_distinct_buffers(subject: &Subject) {
    let client = subject.connect();
    let limit = i32::try_from(subject.dump().number("/limits/buffers_per_request")).unwrap();
    let still = Still::of(subject);
    for count in [1, 2, 3, limit - 1, limit] {
        let allocation = client.allocate(&rgba("several", 32, 32), count).unwrap();
        assert_eq!(i32::try_from(allocation.buffers.len()).unwrap(), count);
        assert_distinct(&allocation.buffers);
    }
    still.assert_nothing_left();
}

fn buffers_stay_distinct_over_many_requests(subject: &Subject) {
    let client = subject.connect();
    let mut all = client.allocate(&rgba("many", 8, 8), 0).unwrap();
    for _ in 0..20 {
        all.buffers.extend(client.allocate(&rgba("many", 8, 8), 4).unwrap().buffers);
    }
    assert_distinct(&all.buffers);
    // Ids of buffers that are gone do not come back either.
    let first: HashSet<u64> = all.buffers.drain(..).map(|buffer| buffer.info.id).collect();
    for _ in 0..20 {
        let again = client.allocate(&rgba("many", 8, 8), 4).unwrap();
        assert!(again.buffers.iter().all(|buffer| !first.contains(&buffer.info.id)));
    }
}

/// Reads a whole buffer as a client does: mapped, between the brackets of CPU access.
fn contents(buffer: &OwnedFd) -> Vec<u8> {
    let len = usize::try_from(size(buffer)).unwrap();
    let mapping = Mapping::new(buffer.as_fd(), len, Protection::Read).unwrap();
    let mut bytes = vec![0xaa; len];
    bracketed(buffer, dmabuf::Access::Read, || mapping.read(0, &mut bytes).unwrap());
    bytes
}

fn fill(buffer: &OwnedFd, value: u8) {
    let len = usize::try_from(size(buffer)).unwrap();
    let mapping = Mapping::new(buffer.as_fd(), len, Protection::Write).unwrap();
    bracketed(buffer, dmabuf::Access::Write, || mapping.write(0, &vec![value; len]).unwrap());
}

fn bracketed(buffer: &OwnedFd, access: dmabuf::Access, body: impl FnOnce()) {
    if has_kernel_heaps() {
        dmabuf::begin_access(buffer.as_fd(), access).unwrap();
        body();
        dmabuf::end_access(buffer.as_fd(), access).unwrap();
    } else {
        body();
    }
}

fn buffers_are_zeroed_even_where_others_wrote_before(subject: &Subject) {
    let client = subject.connect();
    for round in 0..4 {
        let allocation = client.allocate(&rgba("zero", 128, 128), 4).unwrap();
        for buffer in &allocation.buffers {
            for part in [&buffer.pixels, &buffer.metadata] {
                assert!(contents(part).iter().all(|byte| *byte == 0), "round {round}: old bytes show");
                fill(part, 0xa5);
                assert!(
                    contents(part).iter().all(|byte| *byte == 0xa5),
                    "round {round}: what was written is not there"
                );
            }
        }
    }
}

fn metadata_is_a_zeroed_buffer_of_its_own_with_the_reserved_region(subject: &Subject) {
    let client = subject.connect();
    for reserved in [0, 1, 4096, 10_000] {
        let buffer = client.one(&BufferDescriptorInfo { reservedSize: reserved, ..rgba("reserve", 16, 16) });
        assert_eq!(i64::try_from(buffer.info.reserved_bytes).unwrap(), reserved);
        assert!(size(&buffer.metadata) >= 4096 + buffer.info.reserved_bytes);
        assert!(contents(&buffer.metadata).iter().all(|byte| *byte == 0));
        fill(&buffer.metadata, 0xff);
        assert!(contents(&buffer.pixels).iter().all(|byte| *byte == 0), "the two overlap");
    }
}

fn stride_and_sizes_are_those_of_the_handle(subject: &Subject) {
    let client = subject.connect();
    for (width, height) in [(1, 1), (64, 64), (65, 33), (640, 480), (1000, 3)] {
        let allocation = client.allocate(&rgba("stride", width, height), 1).unwrap();
        let info = &allocation.buffers[0].info;
        assert!(allocation.stride >= width);
        assert_eq!(i64::from(allocation.stride), i64::from(info.stride));
        let least = u64::from(info.stride) * 4 * u64::try_from(height).unwrap();
        assert!(info.buffer_bytes >= least);
        assert!(size(&allocation.buffers[0].pixels) >= info.buffer_bytes);
    }
}

fn blob_has_its_bytes(subject: &Subject) {
    for bytes in [1, 4095, 4096, 4097, 16_384, 16_385, 1_000_000] {
        let buffer = subject.connect().one(&blob("blob", bytes));
        assert_eq!(buffer.info.buffer_bytes, u64::try_from(bytes).unwrap());
        assert_eq!(size(&buffer.pixels), buffer.info.buffer_bytes.next_multiple_of(page_bytes()));
    }
}

fn usage_bits_10_and_13_are_tolerated_and_kept(subject: &Subject) {
    let usage = CPU | Usage::IGNORED;
    let info = descriptor("old bits", 16, 16, Format::Rgba8888, usage);
    let client = subject.connect();
    assert!(client.supports(&info));
    // VTS compares usage as it was asked.
    assert_eq!(client.one(&info).info.usage, usage);
}

fn layers_lie_one_after_the_other(subject: &Subject) {
    let info = BufferDescriptorInfo { layerCount: 6, ..rgba("cube", 64, 64) };
    let buffer = subject.connect().one(&info);
    assert_eq!(buffer.info.layers, 6);
    assert!(buffer.info.layer_bytes >= 64 * 64 * 4);
    assert_eq!(buffer.info.buffer_bytes, 6 * buffer.info.layer_bytes);
}

fn ids_do_not_repeat_after_a_restart() -> Verdict {
    let mut ids = HashSet::new();
    for _ in 0..5 {
        let service = Service::plain();
        let allocation = service.connect().allocate(&rgba("restart", 8, 8), 8).unwrap();
        for buffer in &allocation.buffers {
            assert!(ids.insert(buffer.info.id), "id {:#x} came back after a restart", buffer.info.id);
        }
    }
    Ok(())
}

fn options_that_the_policy_accepts_are_accepted() -> Verdict {
    use service_tests::client::option;
    use service_tests::policy::PolicyText;
    use service_tests::service::Options;
    let more =
        "[[option]]\nname = \"vendor.example/quality\"\nvalues = [1, 2]\n[[option]]\nname = \"vendor.example/any\"\n";
    let policy = PolicyText { more: more.to_owned(), ..PolicyText::default() };
    let service = Service::start(&policy, &Options::default());
    let client = service.connect();
    let with = |name: &str, value| BufferDescriptorInfo {
        additionalOptions: vec![option(name, value)],
        ..rgba("option", 16, 16)
    };
    for good in [with("vendor.example/quality", 2), with("vendor.example/any", -7)] {
        assert!(client.supports(&good));
        client.one(&good);
    }
    for bad in [with("vendor.example/quality", 3), with("vendor.example/quality2", 1)] {
        assert!(!client.supports(&bad));
        assert_eq!(client.refusal(&bad, 1).error(), UNSUPPORTED);
    }
    let dump = service.dump();
    assert_eq!((dump.refusals("option"), dump.refusals("option-value")), (1, 1));
    Ok(())
}

fn vendor_usage_that_the_policy_names_is_accepted() -> Verdict {
    use service_tests::policy::PolicyText;
    use service_tests::service::Options;
    let policy = PolicyText { more: "[vendor_usage]\nVENDOR_NPU = 60\n".to_owned(), ..PolicyText::default() };
    let service = Service::start(&policy, &Options::default());
    let client = service.connect();
    let with = |bit: u32| descriptor("npu", 16, 16, Format::Rgba8888, CPU | Usage(1 << bit));
    assert!(client.supports(&with(60)));
    assert_eq!(client.one(&with(60)).info.usage, CPU | Usage(1 << 60));
    assert!(!client.supports(&with(61)));
    assert_eq!(client.refusal(&with(61), 1).error(), UNSUPPORTED);
    Ok(())
}
