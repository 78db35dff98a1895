//! isSupported and allocate2 agree: over every format, many usages and many sizes.

use allocator_aidl::BufferDescriptorInfo;
use gralloc_buffer::{PixelFormat as Format, Usage};
use service_tests::client::{descriptor, Client, CPU};
use service_tests::policy::{heap, rule, PolicyText};
use service_tests::service::{Options, Service, Subject};
use service_tests::still::Still;
use service_tests::suite::{Test, Verdict};
use service_tests::{sample, tests, tests_of_both};

pub(crate) fn tests() -> Vec<Test> {
    let both = tests_of_both!["agreement": sweep_finds_no_request_on_which_the_two_differ];
    let own = tests!["agreement": sweep_of_a_policy_with_bounds_and_absent_heaps];
    both.into_iter().chain(own).collect()
}

/// No usage, every value of the CPU's fields, every flag alone and with the CPU, every bit that has no name, and what
/// real clients ask for.
fn usages() -> Vec<Usage> {
    let mut usages = vec![Usage::NONE, CPU];
    usages.extend(Usage::CPU_VALUES.iter().map(|(_, value)| *value));
    usages.extend(Usage::FLAGS.iter().flat_map(|(_, flag)| [*flag, *flag | CPU]));
    usages.extend([10, 13, 19, 21, 28, 31, 33, 47, 48, 63].map(|bit| Usage(1 << bit)));
    usages.extend([
        Usage::GPU_TEXTURE | Usage::GPU_RENDER_TARGET | Usage::COMPOSER_OVERLAY,
        Usage::CAMERA_OUTPUT | Usage::VIDEO_ENCODER | Usage::CPU_READ_RARELY,
        Usage::PROTECTED | Usage::VIDEO_DECODER | Usage::COMPOSER_OVERLAY,
        Usage::FRONT_BUFFER | Usage::GPU_RENDER_TARGET | Usage::COMPOSER_OVERLAY,
    ]);
    usages
}

/// (width, height, layers): small ones, odd ones, and ones that no limit lets through.
const SIZES: &[(i32, i32, i32)] = &[
    (1, 1, 1),
    (2, 2, 1),
    (3, 5, 1),
    (4, 2, 1),
    (64, 64, 1),
    (64, 64, 6),
    (4096, 1, 1),
    (65_536, 65_536, 1),
    (i32::MAX, 1, 1),
    (0, 1, 1),
];

/// Asks both and compares; true when the request was served.
fn compare(client: &Client, info: &BufferDescriptorInfo) -> bool {
    let supported = client.supports(info);
    match client.allocate(info, 1) {
        Ok(allocation) => {
            assert!(supported, "isSupported denies what allocate2 gives: {info:?}");
            assert_eq!(allocation.buffers.len(), 1);
        }
        Err(failure) => {
            let error = failure.error();
            assert!(!supported, "isSupported promises what allocate2 refuses: {info:?}: {failure:?}");
            assert!((0..=2).contains(&error), "{failure:?}");
        }
    }
    supported
}

/// The sizes take turns, one a pair of format and usage, so that every format and every usage meets every size. 7 has no
/// divisor in common with their number.
fn size_of_turn(turn: usize, step: usize) -> usize {
    (turn * 7 + step) % SIZES.len()
}

/// How many of the requests were served and refused; where only a sample is asked for, so much is each one worth.
fn sweep(subject: &Subject) -> (usize, usize) {
    let client = subject.connect();
    let still = Still::of(subject);
    let (mut served, mut refused) = (0, 0);
    for (turn, format) in Format::ALL.iter().enumerate() {
        // Another part of the usages for each format.
        for (step, usage) in usages().into_iter().enumerate().skip(turn % sample()).step_by(sample()) {
            let (width, height, layers) = SIZES[size_of_turn(turn, step)];
            let info =
                BufferDescriptorInfo { layerCount: layers, ..descriptor("sweep", width, height, *format, usage) };
            match compare(&client, &info) {
                true => served += sample(),
                false => refused += sample(),
            }
        }
    }
    still.assert_nothing_left();
    (served, refused)
}

fn sweep_finds_no_request_on_which_the_two_differ(subject: &Subject) {
    let (served, refused) = sweep(subject);
    // What a sweep is worth when it is all of one kind: nothing.
    assert!(served > 300 && refused > 300, "{served} served, {refused} refused");
}

fn sweep_of_a_policy_with_bounds_and_absent_heaps() -> Verdict {
    let policy = PolicyText {
        limits: "request = \"64KiB\"\nclient = \"1MiB\"\nreserve = \"1MiB\"\nbuffers_per_request = 4".to_owned(),
        heaps: heap("system", &["system"], "")
            + &heap("absent", &["no-such-node"], "")
            + &heap("small", &["system"], "max_buffer = \"8KiB\"\nbudget = \"64KiB\"")
            + &heap("secure", &["no-such-secure-node"], "protected = true"),
        rules: rule("protected", "all_of = [\"PROTECTED\"]\nheaps = [\"secure\"]")
            + &rule("no encoder", "all_of = [\"VIDEO_ENCODER\"]\ndeny = \"this device has no encoder\"")
            + &rule("camera", "any_of = [\"CAMERA_OUTPUT\", \"CAMERA_INPUT\"]\nheaps = [\"absent\"]")
            + &rule("overlay", "any_of = [\"COMPOSER_OVERLAY\"]\nheaps = [\"absent\", \"small\"]")
            + &rule("the rest", "heaps = [\"system\"]"),
        ..PolicyText::default()
    };
    // A stand-in has every unprotected heap, so `absent` is there too; the kernel's nodes are what this is about.
    let service = Service::start(&policy, &Options::default());
    let (served, refused) = sweep(&service);
    assert!(served > 300 && refused > 300, "{served} served, {refused} refused");
    Ok(())
}
