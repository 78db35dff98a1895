//! Bad input, item by item: what it gets, that nothing is left of it, and that the next good call works.

use allocator_aidl::{BufferDescriptorInfo, PixelFormat};
use gralloc_buffer::{PixelFormat as Format, Usage};
use service_tests::client::{blob, descriptor, option, rgba, BAD_DESCRIPTOR, CPU, UNSUPPORTED};
use service_tests::service::{Service, Subject};
use service_tests::still::Still;
use service_tests::suite::Test;

/// One thing that a client may do wrong.
struct Case {
    name: &'static str,
    ask: fn() -> (BufferDescriptorInfo, Count),
    /// The `AllocationError`.
    error: i32,
    /// Its counter in the dump.
    cause: &'static str,
    /// Part of the words that the client gets.
    words: &'static str,
    /// What `isSupported` says.
    supported: bool,
}

/// How many buffers.
enum Count {
    Of(i32),
    /// One more than the policy's limit.
    OverLimit,
}

macro_rules! cases {
    ($($name:ident: $ask:expr => $error:ident $cause:literal $words:literal $supported:literal;)*) => {
        &[$(Case {
            name: stringify!($name),
            ask: || $ask,
            error: $error,
            cause: $cause,
            words: $words,
            supported: $supported,
        }),*]
    };
}

fn one(info: BufferDescriptorInfo) -> (BufferDescriptorInfo, Count) {
    (info, Count::Of(1))
}

fn sized(width: i32, height: i32) -> (BufferDescriptorInfo, Count) {
    one(rgba("bad size", width, height))
}

fn layers(layers: i32) -> (BufferDescriptorInfo, Count) {
    one(BufferDescriptorInfo { layerCount: layers, ..rgba("bad layers", 16, 16) })
}

fn reserved(bytes: i64) -> (BufferDescriptorInfo, Count) {
    one(BufferDescriptorInfo { reservedSize: bytes, ..rgba("bad reserve", 16, 16) })
}

fn used(bits: u64) -> (BufferDescriptorInfo, Count) {
    one(descriptor("bad usage", 16, 16, Format::Rgba8888, Usage(CPU.0 & !0xf | bits)))
}

fn protected(bits: Usage) -> (BufferDescriptorInfo, Count) {
    one(descriptor("protected", 16, 16, Format::Rgba8888, Usage::PROTECTED | bits))
}

fn formatted(format: i32) -> (BufferDescriptorInfo, Count) {
    one(BufferDescriptorInfo { format: PixelFormat(format), ..rgba("bad format", 16, 16) })
}

fn with_option(name: &str, value: i64) -> (BufferDescriptorInfo, Count) {
    one(BufferDescriptorInfo { additionalOptions: vec![option(name, value)], ..rgba("bad option", 16, 16) })
}

fn counted(count: i32) -> (BufferDescriptorInfo, Count) {
    (rgba("bad count", 16, 16), Count::Of(count))
}

const CASES: &[Case] = cases! {
    width_zero_is_a_bad_descriptor: sized(0, 16) => BAD_DESCRIPTOR "size" "0x16" false;
    width_negative_is_a_bad_descriptor: sized(-1, 16) => BAD_DESCRIPTOR "size" "-1x16" false;
    width_most_negative_is_a_bad_descriptor: sized(i32::MIN, 16) => BAD_DESCRIPTOR "size" "-2147483648x16" false;
    height_zero_is_a_bad_descriptor: sized(16, 0) => BAD_DESCRIPTOR "size" "16x0" false;
    height_negative_is_a_bad_descriptor: sized(16, -1) => BAD_DESCRIPTOR "size" "16x-1" false;
    both_negative_are_a_bad_descriptor_not_a_product: sized(-64, -64) => BAD_DESCRIPTOR "size" "-64x-64" false;

    layer_count_zero_is_a_bad_descriptor: layers(0) => BAD_DESCRIPTOR "layer-count" "layerCount 0" false;
    layer_count_negative_is_a_bad_descriptor: layers(-6) => BAD_DESCRIPTOR "layer-count" "layerCount -6" false;
    layer_count_huge_is_unsupported: layers(i32::MAX) => UNSUPPORTED "request-limit" "limit" false;

    count_negative_is_unsupported: counted(-1) => UNSUPPORTED "count" "count -1" true;
    count_most_negative_is_unsupported: counted(i32::MIN) => UNSUPPORTED "count" "count -2147483648" true;
    count_over_the_limit_is_unsupported: (rgba("many", 16, 16), Count::OverLimit) => UNSUPPORTED "count-limit" "buffers in one request" true;
    count_largest_is_unsupported: counted(i32::MAX) => UNSUPPORTED "count-limit" "2147483647 buffers" true;

    usage_bit_33_is_unsupported: used(1 << 33) => UNSUPPORTED "usage-bits" "0x200000000" false;
    usage_bit_19_is_unsupported: used(1 << 19) => UNSUPPORTED "usage-bits" "0x80000" false;
    usage_bit_21_is_unsupported: used(1 << 21) => UNSUPPORTED "usage-bits" "0x200000" false;
    usage_bit_47_is_unsupported: used(1 << 47) => UNSUPPORTED "usage-bits" "0x800000000000" false;
    usage_unnamed_vendor_bit_28_is_unsupported: used(1 << 28) => UNSUPPORTED "usage-bits" "0x10000000" false;
    usage_unnamed_vendor_bit_63_is_unsupported: used(1 << 63) => UNSUPPORTED "usage-bits" "0x8000000000000000" false;
    usage_undefined_cpu_read_value_is_unsupported: used(0x1) => UNSUPPORTED "usage-bits" "0x1" false;
    usage_all_bits_are_unsupported: used(u64::MAX) => UNSUPPORTED "usage-bits" "not defined" false;

    format_unspecified_is_unsupported: formatted(0) => UNSUPPORTED "format" "format 0x0" false;
    format_unknown_is_unsupported: formatted(0x7f) => UNSUPPORTED "format" "format 0x7f" false;
    format_negative_is_unsupported: formatted(-1) => UNSUPPORTED "format" "format 0xffffffff" false;
    format_gap_6_is_unsupported: formatted(6) => UNSUPPORTED "format" "format 0x6" false;

    option_unknown_is_unsupported: with_option("made.up/option", 1) => UNSUPPORTED "option" "made.up/option" false;
    option_without_a_name_is_unsupported: with_option("", 0) => UNSUPPORTED "option" "\"\"" false;
    option_with_control_characters_is_unsupported_and_escaped: with_option("a\n\u{1b}[31m", 0) => UNSUPPORTED "option" "a\\n\\u{1b}[31m" false;

    reserved_size_negative_is_a_bad_descriptor: reserved(-1) => BAD_DESCRIPTOR "reserved-size" "reservedSize -1" false;
    reserved_size_most_negative_is_a_bad_descriptor: reserved(i64::MIN) => BAD_DESCRIPTOR "reserved-size" "reservedSize -9223372036854775808" false;
    reserved_size_largest_is_unsupported: reserved(i64::MAX) => UNSUPPORTED "request-limit" "limit" false;
    reserved_size_of_a_terabyte_is_unsupported: reserved(1 << 40) => UNSUPPORTED "request-limit" "limit" false;

    product_of_exactly_32_bits_is_unsupported: sized(32_768, 32_768) => UNSUPPORTED "request-limit" "limit" false;
    product_just_over_32_bits_is_unsupported: sized(32_768, 32_769) => UNSUPPORTED "request-limit" "limit" false;
    product_of_exactly_64_bits_is_unsupported: layers_of(i32::MAX, 1 << 30, 1 << 30) => UNSUPPORTED "request-limit" "limit" false;
    product_beyond_64_bits_is_unsupported: layers_of(i32::MAX, i32::MAX, i32::MAX) => UNSUPPORTED "request-limit" "limit" false;
    product_of_wide_pixels_is_unsupported: one(descriptor("wide", i32::MAX, i32::MAX, Format::RgbaFp16, CPU)) => UNSUPPORTED "request-limit" "limit" false;
    product_of_planes_is_unsupported: one(descriptor("planes", i32::MAX - 1, i32::MAX - 1, Format::Yv12, CPU)) => UNSUPPORTED "request-limit" "limit" false;

    blob_with_height_2_is_a_bad_descriptor: one(BufferDescriptorInfo { height: 2, ..blob("blob", 4096) }) => BAD_DESCRIPTOR "blob-height" "height 2" false;
    blob_too_large_is_unsupported: one(blob("blob", i32::MAX)) => UNSUPPORTED "request-limit" "limit" false;

    protected_without_a_protected_heap_is_unsupported: protected(Usage::GPU_TEXTURE) => UNSUPPORTED "denied" "no protected heap" false;
    protected_with_cpu_access_is_unsupported: protected(CPU) => UNSUPPORTED "combination" "PROTECTED" false;

    raw10_with_a_width_that_is_no_multiple_of_4_is_a_bad_descriptor: one(descriptor("raw", 6, 4, Format::Raw10, CPU)) => BAD_DESCRIPTOR "size-for-format" "RAW10" false;
};

fn layers_of(layers: i32, width: i32, height: i32) -> (BufferDescriptorInfo, Count) {
    one(BufferDescriptorInfo { layerCount: layers, ..rgba("overflow", width, height) })
}

impl Case {
    fn check(&self, subject: &Subject) {
        let client = subject.connect();
        let before = subject.dump();
        let still = Still::of(subject);
        let (info, count) = (self.ask)();
        let count = match count {
            Count::Of(count) => count,
            Count::OverLimit => i32::try_from(before.number("/limits/buffers_per_request")).unwrap() + 1,
        };

        let failure = client.refusal(&info, count);
        assert_eq!(failure.error(), self.error, "{failure:?}");
        assert!(failure.words().contains(self.words), "{:?} is not in {failure:?}", self.words);
        assert_eq!(client.supports(&info), self.supported, "isSupported");
        still.assert_nothing_left();

        let good = client.one(&rgba("good", 16, 16));
        assert_eq!((good.info.width, good.info.height), (16, 16));
        drop(good);
        still.assert_nothing_left();

        let after = subject.dump();
        assert_eq!(after.refusals(self.cause), before.refusals(self.cause) + 1, "refusals by {}", self.cause);
        assert_eq!(after.number("/all/live_bytes"), before.number("/all/live_bytes"));
        assert_eq!(after.number("/all/reserved_bytes"), 0);
    }
}

/// One case against this service.
pub(crate) fn check(name: &str, subject: &Subject) {
    CASES.iter().find(|case| case.name == name).expect("a case of this name").check(subject);
}

/// Every case against a service of its own, and against the guest's.
pub(crate) fn tests() -> Vec<Test> {
    let socket = CASES.iter().map(|case| {
        Test::new(format!("bad_input::socket::{}", case.name), || {
            case.check(&Service::plain());
            Ok(())
        })
    });
    let binder = CASES.iter().map(|case| {
        Test::new(format!("bad_input::binder::{}", case.name), || {
            case.check(&Subject::running()?);
            Ok(())
        })
    });
    socket.chain(binder).collect()
}
