//! `[[vendor_metadata]]` and `initialise`: what each wrong value is told, and what a right one becomes.
// A failed unwrap is a failed test.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "common/clean.rs"]
mod clean;

use clean::CLEAN;
use gralloc_buffer::metadata::vendor::{Computed, Encoding, Framing};
use heaps_config::policy::{Initialise, Policy, VendorContent};
use heaps_config::Code;
use heaps_host::{lint, Format, Linted, Source};

fn linted(more: &str) -> Linted {
    lint(Source::text("p.toml", format!("{CLEAN}\n{more}"), Format::Toml))
}

fn policy(more: &str) -> Policy {
    let linted = linted(more);
    let json = linted.compile().unwrap_or_else(|| panic!("{}", linted.render(false)));
    heaps_config::from_json(&json).unwrap()
}

/// The findings as `key: message`.
fn found(more: &str) -> Vec<(Code, String, String)> {
    let findings = linted(more).findings;
    findings.iter().map(|at| (at.finding.code, at.finding.path.to_string(), at.finding.message.clone())).collect()
}

#[track_caller]
fn refused(more: &str, key: &str, message: &str) {
    let found = found(more);
    let is = |(code, path, said): &(Code, String, String)| {
        code.severity() == heaps_config::Severity::Error && path == key && said == message
    };
    assert!(found.iter().any(is), "{found:?}");
}

/// An entry whose other keys are right.
fn entry(keys: &str) -> String {
    format!("[[vendor_metadata]]\nname = \"it\"\ntype = \"vendor.acme.Metadata\"\nvalue = 7\n{keys}\n")
}

#[test]
fn entries_become_what_a_buffer_serves() {
    let text = [
        entry("encoding = \"i32\"\nheader = false\ncounted = false\ncomputed = \"plane_fds\""),
        "[[vendor_metadata]]\nname = \"rate\"\ntype = \"QTI\"\nvalue = 10006\nencoding = \"f32\"\nstored = true\n".to_owned(),
        "[[vendor_metadata]]\nname = \"heap\"\ntype = \"QTI\"\nvalue = 10032\nencoding = \"string\"\ncomputed = \"heap_name\"\n"
            .to_owned(),
        "[[vendor_metadata]]\nname = \"minus\"\ntype = \"QTI\"\nvalue = -1\nencoding = \"i32\"\nconstant = -2\n".to_owned(),
    ]
    .concat();
    let policy = policy(&text);
    let types = &policy.vendor_metadata;
    assert_eq!((types[0].type_name.as_str(), types[0].value), ("vendor.acme.Metadata", 7));
    assert_eq!(types[0].framing, Framing { header: false, counted: false });
    assert_eq!((types[0].encoding, &types[0].content), (Encoding::I32, &VendorContent::Computed(Computed::PlaneFds)));
    assert_eq!(types[1].content, VendorContent::Stored(4));
    assert_eq!(types[1].framing, Framing { header: true, counted: true });
    assert_eq!(types[2].content, VendorContent::HeapName);
    assert_eq!(types[3].content, VendorContent::Constant(vec![0xfe, 0xff, 0xff, 0xff]));
    assert_eq!(policy.vendor_metadata_bytes, 4096);
    assert_eq!(policy.metadata_bytes(), 8192);
}

#[test]
fn policy_without_types_has_one_page_as_before() {
    assert_eq!((policy("").vendor_metadata_bytes, policy("").metadata_bytes()), (0, 4096));
}

#[test]
fn each_wrong_value_is_an_error_that_names_its_key() {
    let at = |key: &str| format!("vendor_metadata[0].{key}");
    refused(&entry("encoding = \"i128\"\nconstant = 1"), &at("encoding"), "\"i128\"");
    refused(&entry("encoding = \"i64\""), "vendor_metadata[0]", "vendor_metadata \"it\" says nothing of its value");
    let two = "a second source of one value";
    refused(&entry("encoding = \"i64\"\nconstant = 1\nstored = true"), &at("stored"), two);
    refused(&entry("encoding = \"i64\"\ncomputed = \"fd\"\nconstant = 1"), &at("computed"), two);
    refused(&entry("encoding = \"u32\"\nconstant = -1"), &at("constant"), "-1 is no u32");
    refused(&entry("encoding = \"i32\"\nconstant = 4294967296"), &at("constant"), "4294967296 is no i32");
    refused(&entry("encoding = \"f32\"\nconstant = 1"), &at("constant"), "1 is no f32");
    refused(&entry("encoding = \"i64\"\ntext = \"x\""), &at("text"), "a text is no i64");
    let long = format!("encoding = \"string\"\ntext = \"{}\"", "x".repeat(1025));
    refused(&entry(&long), &at("text"), "1025 bytes are too many");
    let nothing = "\"pointer\" is nothing that is computed";
    refused(&entry("encoding = \"i64\"\ncomputed = \"pointer\""), &at("computed"), nothing);
    refused(&entry("encoding = \"u32\"\ncomputed = \"areas\""), &at("encoding"), "areas is no u32");
    refused(&entry("encoding = \"f32\"\ncomputed = \"fd\""), &at("encoding"), "fd is no f32");
    refused(&entry("encoding = \"i64\"\ncomputed = \"heap_name\""), &at("encoding"), "heap_name is no i64");
    refused(&entry("encoding = \"string\"\ncomputed = \"format\""), &at("encoding"), "format is no string");
    refused(&entry("encoding = \"bytes\"\nstored = true"), &at("max_bytes"), "a stored bytes has no bound");
    for most in [0, 1025] {
        let keys = format!("encoding = \"bytes\"\nstored = true\nmax_bytes = {most}");
        refused(&entry(&keys), &at("max_bytes"), &format!("{most} bytes are out of range"));
    }
    let without = "a bound for what has none";
    refused(&entry("encoding = \"i64\"\nstored = true\nmax_bytes = 8"), &at("max_bytes"), without);
    refused(&entry("encoding = \"string\"\ntext = \"x\"\nmax_bytes = 8"), &at("max_bytes"), without);
    let typed = |name: &str| entry("encoding = \"i64\"\nconstant = 1").replace("vendor.acme.Metadata", name);
    refused(&typed(&"x".repeat(65)), &at("type"), "not the name of a type");
    refused(&typed("two words"), &at("type"), "not the name of a type");
    let standard = "the standard types are served already, and mean what AIDL says";
    refused(&typed("android.hardware.graphics.common.StandardMetadataType"), &at("type"), standard);
    refused("[[vendor_metadata]]\nname = \"it\"", "vendor_metadata[0]", "`type` is missing");
    let other = entry("encoding = \"i64\"\nconstant = 1");
    refused(&other.repeat(2), "vendor_metadata[1].name", "there is another vendor_metadata of the name \"it\"");
}

#[test]
fn what_no_buffer_has_room_for_is_an_error_at_the_entry_that_is_too_much() {
    let many = |count: usize, keys: &str| -> String {
        let one = |index| {
            entry(keys).replace("value = 7", &format!("value = {index}")).replace("\"it\"", &format!("\"{index}\""))
        };
        (0..count).map(one).collect()
    };
    let blob = "encoding = \"bytes\"\nstored = true\nmax_bytes = 1024";
    assert_eq!(policy(&many(5, blob)).vendor_metadata_bytes, 16384);
    refused(&many(6, blob), "vendor_metadata[5]", "all types together take 20480 bytes of a buffer's metadata");
    assert_eq!(policy(&many(64, "encoding = \"u64\"\nstored = true")).vendor_metadata_bytes, 8192);
    let too_many = "65 types: a buffer has at most 64";
    refused(&many(65, "encoding = \"u64\"\nstored = true"), "vendor_metadata[64]", too_many);
}

#[test]
fn types_that_no_buffer_has_are_warned_of() {
    let again = entry("encoding = \"i64\"\nconstant = 2\nformats = [\"BLOB\"]").replace("\"it\"", "\"again\"");
    let text = entry("encoding = \"i64\"\nconstant = 1") + &again;
    let warned = (
        Code::MetadataUnused,
        "vendor_metadata[1].value".to_owned(),
        "\"it\" says vendor.acme.Metadata 7 of every such buffer already".to_owned(),
    );
    assert_eq!(found(&text), [warned]);
    // The other way round each has its buffers.
    assert_eq!(found(&(again + &entry("encoding = \"i64\"\nconstant = 1"))), []);
    let areas = found(&entry("encoding = \"u64\"\ncomputed = \"areas\""));
    assert_eq!(areas[0].1, "vendor_metadata[0].computed");
    let never = found(&entry(
        "encoding = \"i64\"\nconstant = 1\nall_of = [\"CPU_READ_OFTEN\"]\nnone_of = [\"CPU_READ_OFTEN\"]",
    ));
    assert_eq!(never[0].0, Code::Contradiction);
}

/// Names, numbers and C types as the clients of both mappers have them (`ArmMetadataType`, `RkMetadataType`; `decodeArmPlaneFds`,
/// `decodeRkOffsetOfVideoMetadata`, `decodeRkFps`, `decodeRkSizeOfPqMetadata`): each copies bare numbers.
#[test]
fn tables_of_arm_and_rockchip_have_the_types_of_their_clients() {
    const ARM: &str = "arm.graphics.ArmMetadataType";
    const ROCKCHIP: &str = "rk.graphics.RkMetadataType";
    let fds = (ARM, 1, Encoding::I64, VendorContent::Computed(Computed::PlaneFds));
    let stored = |value, encoding, bytes| (ROCKCHIP, value, encoding, VendorContent::Stored(bytes));
    let rockchip =
        vec![fds.clone(), stored(1, Encoding::I64, 8), stored(2, Encoding::U32, 4), stored(3, Encoding::I64, 8)];
    for (text, types) in
        [(include_str!("../../vendors/arm.toml"), vec![fds]), (include_str!("../../vendors/rockchip.toml"), rockchip)]
    {
        let linted = lint(Source::text("vendor.toml", text, Format::Toml));
        let found = &linted.policy().unwrap().vendor_metadata;
        let said: Vec<_> =
            found.iter().map(|one| (one.type_name.as_str(), one.value, one.encoding, one.content.clone())).collect();
        assert_eq!(said, types);
        assert!(found.iter().all(|one| !one.framing.header), "bare numbers");
        // `encodeArmPlaneFds` writes how many there are.
        assert!(found[0].framing.counted);
    }
}

/// Names, numbers and C types of `QtiGrallocMetadata.h`, each written by `android::gralloc4` (`encodeUint32` and the like), so with the
/// type before it; and of `PixelMetadataType`, whose mapper copies bare bytes (`utils::encode`).
#[test]
fn tables_of_qualcomm_and_pixel_have_the_types_of_their_clients() {
    const QTI: &str = "QTI";
    const PIXEL: &str = "android.hardware.graphics.common.PixelMetadataType";
    /// `VIDEO_HDR`, the first.
    const FIRST: i64 = i64::MAX - (1 << 16);
    let stored = |value, encoding, bytes| (QTI, value, encoding, VendorContent::Stored(bytes));
    let computed = |name, value, encoding, what| (name, value, encoding, VendorContent::Computed(what));
    let qualcomm = vec![
        stored(10000, Encoding::U64, 8),
        stored(10002, Encoding::I32, 4),
        stored(10003, Encoding::U32, 4),
        stored(10006, Encoding::F32, 4),
        stored(10008, Encoding::U32, 4),
        stored(10009, Encoding::U32, 4),
        computed(QTI, 10012, Encoding::I32, Computed::Fd),
        computed(QTI, 10014, Encoding::U32, Computed::AlignedWidth),
        computed(QTI, 10015, Encoding::U32, Computed::AlignedHeight),
        (QTI, 10032, Encoding::Text, VendorContent::HeapName),
        stored(10033, Encoding::I64, 8),
    ];
    let pixel = vec![
        computed(PIXEL, FIRST + 2, Encoding::I32, Computed::PlaneFds),
        computed(PIXEL, FIRST + 3, Encoding::U64, Computed::Areas),
        (PIXEL, FIRST + 4, Encoding::U32, VendorContent::Format),
        (PIXEL, FIRST + 6, Encoding::Bytes, VendorContent::Stored(8)),
    ];
    let own = Framing { header: true, counted: true };
    let bare = Framing { header: false, counted: false };
    for (text, types, framing) in [
        (include_str!("../../vendors/qualcomm.toml"), qualcomm, own),
        (include_str!("../../vendors/pixel.toml"), pixel, bare),
    ] {
        let linted = lint(Source::text("vendor.toml", text, Format::Toml));
        let found = &linted.policy().unwrap().vendor_metadata;
        let said: Vec<_> =
            found.iter().map(|one| (one.type_name.as_str(), one.value, one.encoding, one.content.clone())).collect();
        assert_eq!(said, types);
        assert!(found.iter().all(|one| one.framing == framing));
    }
}

fn afbc(keys: &str) -> String {
    format!(
        "[[compress]]\nname = \"afbc\"\nany_of = [\"GPU_TEXTURE\"]\nlayouts = [\"RGBA_8888\"]\nfourcc = \"AB24\"\n\
         type_name = \"arm.graphics.Compression\"\ninitialise = \"afbc\"\n{keys}\n"
    )
}

#[test]
fn headers_are_initialised_where_they_are_arms() {
    const GRID: &str = "modifier = 0x0800000000000041\ngrid = [{ block = [16, 16], header_bytes = 16, header_align = 1024, block_align = 128 }]";
    assert_eq!(policy(&afbc(GRID)).compressions[0].initialise, Some(Initialise::Afbc));
    let wrong = "\"afbc\" is for a modifier of AFBC, with headers of 16 bytes a block before the bodies";
    let at = "compress[0].initialise";
    refused(&afbc(&GRID.replace("0x08000", "0x05000")), at, wrong);
    refused(&afbc(&GRID.replace("header_bytes = 16", "header_bytes = 1")), at, wrong);
    refused(&afbc(&format!("body_first = true\n{GRID}")), at, wrong);
    refused(&afbc(&format!("header_planes = true\n{GRID}")), at, wrong);
    refused(&afbc(GRID).replace("initialise = \"afbc\"", "initialise = \"ubwc\""), at, "\"ubwc\"");
}
