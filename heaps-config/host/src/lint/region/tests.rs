//! The algebra against the conditions themselves: a request is in a region exactly when the condition holds for it.

use super::*;
use heaps_config::condition::Subject;
use heaps_config::policy::{Action, HeapId, Limits, Rule, VendorUsage, WithoutReleaseWatch};
use proptest::prelude::*;

/// Few values, so that random conditions meet often.
const USAGES: [Usage; 5] =
    [Usage::GPU_TEXTURE, Usage::CAMERA_OUTPUT, Usage::PROTECTED, Usage(1 << 28), Usage::COMPOSER_OVERLAY];
const FORMATS: [PixelFormat; 3] = [PixelFormat::Rgba8888, PixelFormat::Yv12, PixelFormat::Blob];
const SIZES: [u64; 4] = [1, 4096, 4097, 8192];

fn any_term() -> impl Strategy<Value = Term> {
    let flag = prop::sample::select(USAGES.to_vec()).prop_map(Term::Any);
    let two = prop::sample::subsequence(USAGES.to_vec(), 2)
        .prop_map(|two| Term::Any(two.iter().fold(Usage::NONE, |all, one| all | *one)));
    let masks = [Usage::CPU_READ_MASK, Usage::CPU_WRITE_MASK];
    let cpu_any = prop::sample::select(masks.to_vec()).prop_map(Term::Any);
    let read = prop::sample::select(CPU_VALUES.to_vec());
    let read = read.prop_map(|value| Term::Equals { mask: Usage::CPU_READ_MASK, value: Usage(value) });
    let write = prop::sample::select(CPU_VALUES.to_vec());
    let write = write.prop_map(|value| Term::Equals { mask: Usage::CPU_WRITE_MASK, value: Usage(value << 4) });
    let clear = prop::sample::select(USAGES.to_vec());
    let clear = clear.prop_map(|mask| Term::Equals { mask, value: Usage::NONE });
    prop_oneof![flag, two, cpu_any, read, write, clear]
}

fn any_condition() -> impl Strategy<Value = Condition> {
    let terms = || prop::collection::vec(any_term(), 0..3);
    let formats = || prop::sample::subsequence(FORMATS.to_vec(), 0..2);
    let size = || prop::option::weighted(0.3, prop::sample::select(SIZES.to_vec()));
    (terms(), terms(), terms(), formats(), formats(), size(), size()).prop_map(
        |(all_of, any_of, none_of, formats, not_formats, min_bytes, max_bytes)| Condition {
            all_of: all_of.into(),
            any_of: any_of.into(),
            none_of: none_of.into(),
            formats,
            not_formats,
            layouts: Vec::new(),
            compressed: None,
            min_bytes,
            max_bytes,
        },
    )
}

fn policy(conditions: Vec<Condition>) -> Policy {
    let rule = |when| Rule { name: String::new(), when, action: Action::Deny(String::new()) };
    Policy {
        name: String::new(),
        heaps: Vec::new(),
        rules: conditions.into_iter().map(rule).collect(),
        alignments: Vec::new(),
        resolutions: Vec::new(),
        compressions: Vec::new(),
        formats: Vec::new(),
        strict_cpu_usage: false,
        graphics_common: None,
        vendor_usage: vec![VendorUsage { name: "V".to_owned(), bit: Usage(1 << 28) }],
        vendor_metadata: Vec::new(),
        vendor_metadata_bytes: 0,
        options: Vec::new(),
        limits: Limits {
            request_bytes: 1 << 20,
            client_bytes: None,
            total_bytes: None,
            reserve_bytes: 0,
            buffers_per_request: 1,
            without_release_watch: WithoutReleaseWatch::Serve,
        },
        metadata_heap: HeapId(0),
        pool: None,
    }
}

/// Every request that [`any_condition`] can tell apart.
fn requests() -> Vec<(Usage, PixelFormat, u64)> {
    let mut all = Vec::new();
    for read in CPU_VALUES {
        for write in CPU_VALUES {
            for flags in 0..1u32 << USAGES.len() {
                let mut usage = Usage(read | write << 4);
                for (at, flag) in USAGES.iter().enumerate() {
                    if flags & (1 << at) != 0 {
                        usage = usage | *flag;
                    }
                }
                for format in FORMATS.iter().chain(&[PixelFormat::Raw10]) {
                    for bytes in SIZES.iter().chain(&[2, 8193, 1 << 20]) {
                        all.push((usage, *format, *bytes));
                    }
                }
            }
        }
    }
    all
}

/// True when the request is in a cube of the region.
fn contains(space: &Space, region: &[Cube], (usage, format, bytes): (Usage, PixelFormat, u64)) -> bool {
    let mut point = space.all();
    point.formats &= space.format_bits(&[format]);
    let interval = space.starts.iter().rposition(|start| *start <= bytes).unwrap();
    point.sizes &= 1 << interval;
    for (bits, field) in [(CPU_READ, Usage::CPU_READ_MASK), (CPU_WRITE, Usage::CPU_WRITE_MASK)] {
        point.usage &= cpu_values_of(bits, |cpu| Usage(cpu) == usage & field);
    }
    for (at, flag) in (0u32..).zip(&space.flags) {
        point.usage &= flag_is(at, usage.contains(*flag));
    }
    region.iter().any(|cube| !is_empty(&meet(cube, &point), space))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn region_is_where_the_condition_holds(condition in any_condition()) {
        let policy = policy(vec![condition.clone()]);
        let space = Space::of(&policy).unwrap();
        let region = space.condition(&condition).unwrap();
        for request in requests() {
            let (usage, format, bytes) = request;
            let holds = condition.holds(Subject { bytes: Some(bytes), ..Subject::new(usage, format) });
            prop_assert_eq!(contains(&space, &region, request), holds, "{} {:?} {}", usage, format, bytes);
        }
    }

    #[test]
    fn subtraction_and_search_leave_what_the_first_match_leaves(
        conditions in prop::collection::vec(any_condition(), 2..5),
    ) {
        let policy = policy(conditions.clone());
        let space = Space::of(&policy).unwrap();
        let (last, earlier) = conditions.split_last().unwrap();
        let start = space.condition(last).unwrap();
        let cuts: Vec<Region> = earlier.iter().map(|condition| space.condition(condition).unwrap()).collect();
        let left = cuts.iter().fold(start.clone(), |left, cut| space.subtract(&left, cut).unwrap());
        let mut some = false;
        for request in requests() {
            let (usage, format, bytes) = request;
            let holds = |condition: &Condition| condition.holds(Subject { bytes: Some(bytes), ..Subject::new(usage, format) });
            let expected = holds(last) && !earlier.iter().any(holds);
            some |= expected;
            prop_assert_eq!(contains(&space, &left, request), expected, "{} {:?} {}", usage, format, bytes);
        }
        // Nothing else can tell requests apart: an empty region means that there is no request at all.
        prop_assert_eq!(left.is_empty(), !some);
        match space.left(&start, cuts.iter()) {
            Left::Nothing => prop_assert!(!some),
            Left::Some(witness) => {
                let holds = |condition: &Condition| {
                    let subject = Subject::new(witness.usage, witness.format);
                    condition.holds(Subject { bytes: Some(witness.bytes), ..subject })
                };
                prop_assert!(holds(last) && !earlier.iter().any(holds), "{:?}", witness);
            }
            Left::Undecided => prop_assert!(false, "so little is always decided"),
        }
    }
}

#[test]
fn term_over_a_bit_that_nobody_named_takes_nothing() {
    let policy = policy(Vec::new());
    let space = Space::of(&policy).unwrap();
    let unnamed = Usage(1 << 63);
    assert!(space.term(Term::Any(unnamed)).is_empty());
    assert!(space.term(Term::Equals { mask: unnamed, value: unnamed }).is_empty());
    assert_eq!(space.term(Term::Equals { mask: unnamed, value: Usage::NONE }), [space.all()]);
}

#[test]
fn sensible_requests_are_those_that_the_core_does_not_refuse_for_their_usage() {
    let space = Space::of(&policy(Vec::new())).unwrap();
    let sensible = space.sensible().unwrap();
    for request in requests() {
        let (usage, ..) = request;
        let refused = usage.contains(Usage::PROTECTED) && usage.cpu();
        assert_eq!(contains(&space, &sensible, request), !refused, "{usage}");
    }
}
