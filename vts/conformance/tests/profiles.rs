//! Every format of every shipped profile and of every vendor's table, in each use that it tells apart: allocated, described as is stated there,
//! with the dataspace that was asked for from the first import on, by the CPU written and read where it may; what is compressed is imported and described, and not locked. And the vendor's types of
//! metadata that a profile has. On this machine's heaps or stand-ins.

// Tests: a failed unwrap is a failed test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

// Of what the tests have in common, not all is needed here.
#[allow(dead_code)]
mod common;

use clap::Parser;
use common::keeper;
use conformance::abi::{Error, Rect};
use conformance::allocator::Buffer;
use conformance::descriptor::Descriptor;
use conformance::format::Format;
use conformance::image::{check_contract, Image, Memory};
use conformance::mapper::{usage, Imported};
use conformance::metadata::{Extendable, PlaneLayout, Standard};
use conformance::metadata::{DATASPACE_BT2020_PQ, DATASPACE_DISPLAY_P3, DATASPACE_NAME, DATASPACE_UNKNOWN};
use conformance::options::Options;
use conformance::subject::{Subject, Target};
use gralloc_buffer::{PixelFormat, Usage};
use heaps_config::{CompressDoc, ConditionDoc, Document, FormatDoc, Policy};
use heaps_host::{lint, Source};
use service_tests::place::Heaps;
use std::collections::BTreeSet;
use std::ffi::{c_char, CStr};
use std::process::Command;

/// A policy, as it is written and as the service reads it.
struct Board {
    document: Document,
    policy: Policy,
    json: String,
    heaps: Heaps,
}

impl Board {
    fn of(source: Source, heaps: Heaps) -> Board {
        let linted = lint(source);
        let (document, policy) = (linted.document().unwrap(), linted.policy().unwrap());
        // With the newest formats, whatever this build is of.
        let mut json: serde_json::Value = serde_json::from_str(&linted.compile().unwrap()).unwrap();
        json["graphics_common"] = 7.into();
        Board { document: document.clone(), policy: policy.clone(), json: json.to_string(), heaps }
    }

    /// Numbers with their names: AIDL's, and the board's own.
    fn formats(&self) -> Vec<(i32, String)> {
        let named = PixelFormat::ALL.iter().filter(|format| **format != PixelFormat::Unspecified);
        let named = named.map(|format| (format.to_wire(), format.name().to_owned()));
        named.chain(self.policy.formats.iter().map(|format| (format.value, format.name.clone()))).collect()
    }

    /// What clients commonly ask for, and for each compression and resolution what leads to it.
    fn usages(&self) -> BTreeSet<u64> {
        let common = [
            Usage::CPU_READ_OFTEN | Usage::CPU_WRITE_OFTEN,
            Usage::GPU_TEXTURE,
            Usage::GPU_RENDER_TARGET | Usage::COMPOSER_OVERLAY,
            Usage::VIDEO_DECODER,
            Usage::CAMERA_OUTPUT | Usage::CPU_READ_OFTEN,
        ];
        let whens = self.document.compressions.iter().map(|entry| &entry.when);
        let whens = whens.chain(self.document.resolutions.iter().map(|entry| &entry.when));
        let leading = whens.map(|when: &ConditionDoc| {
            let names = when.all_of.iter().chain(when.exactly.iter().flatten()).chain(when.any_of.first());
            names.map(|name| self.bit(name)).fold(Usage::NONE, |all, usage| all | usage)
        });
        common.into_iter().chain(leading).map(|usage| usage.0).collect()
    }

    fn bit(&self, name: &str) -> Usage {
        let own = || self.policy.vendor_usage.iter().find(|known| known.name == name).map(|known| known.bit);
        Usage::from_name(name).or_else(own).unwrap()
    }

    /// The entry that states all that is told of a buffer, of those whose usages it has.
    fn entry(&self, told: &Told, usage: Usage) -> Option<&CompressDoc> {
        let is = |name: &String| usage.contains(self.bit(name));
        let has = |entry: &&CompressDoc| {
            let when = &entry.when;
            when.all_of.iter().all(is) && (when.any_of.is_empty() || when.any_of.iter().any(is))
        };
        self.document.compressions.iter().filter(has).find(|entry| told.is_as(entry))
    }

    /// The vendor's format that it is, or that a flexible one became.
    fn own(&self, told: &Told, requested: i32) -> Option<&FormatDoc> {
        let states = |own: &&FormatDoc| (&own.fourcc, own.modifier) == (&told.fourcc, told.modifier);
        let is = |own: &FormatDoc| i32::try_from(own.value) == Ok(requested);
        let formats = || self.document.formats.iter().filter(states);
        formats().find(|own| is(own)).or_else(|| formats().find(|own| own.linear != Some(false)))
    }
}

/// A fourcc as a policy writes it.
fn letters(fourcc: u32) -> String {
    match fourcc {
        0 => "none".to_owned(),
        _ => fourcc.to_le_bytes().iter().map(|byte| char::from(*byte)).collect(),
    }
}

/// What a mapper says of a buffer.
struct Told {
    fourcc: String,
    modifier: u64,
    compression: Extendable,
    planes: Vec<PlaneLayout>,
}

impl Told {
    fn of(imported: &Imported) -> Told {
        Told {
            fourcc: letters(imported.get(Standard::PIXEL_FORMAT_FOURCC)),
            modifier: imported.get(Standard::PIXEL_FORMAT_MODIFIER),
            compression: imported.get(Standard::COMPRESSION),
            planes: imported.get(Standard::PLANE_LAYOUTS),
        }
    }

    fn is_compressed(&self) -> bool {
        !self.compression.name.starts_with("android.") || self.compression.value != 0
    }

    /// Whether an entry states all that is told.
    fn is_as(&self, entry: &CompressDoc) -> bool {
        // The lines of a column stand in the modifier.
        let lines = entry.modifier_lines_at.map_or(0, |bit| 0xffff << bit);
        let compression = match &entry.type_name {
            Some(name) => self.compression.name == *name && self.compression.value == i64::from(entry.type_value),
            None => !self.is_compressed(),
        };
        self.fourcc == entry.fourcc && self.modifier & !lines == entry.modifier & !lines && compression
    }

    /// Planes inside what importers are told of, apart, and found by the rules of Mesa and drm_hwcomposer: a later plane that
    /// begins at 0 would be another fd's.
    fn check_places(&self, layer: u64, entry: Option<&CompressDoc>) {
        assert!((1..=4).contains(&self.planes.len()));
        let mut ranges: Vec<(i64, i64)> = Vec::new();
        for plane in &self.planes {
            assert!(plane.offset_bytes >= 0 && plane.total_bytes > 0 && plane.stride_bytes > 0, "{plane:?}");
            ranges.push((plane.offset_bytes, plane.offset_bytes + plane.total_bytes));
        }
        if !entry.is_some_and(|entry| entry.header_planes) {
            assert!(ranges[1..].iter().all(|range| range.0 > 0), "{ranges:?}");
        }
        ranges.sort_unstable();
        let columns = entry.is_some_and(|entry| entry.column_bytes.is_some());
        assert!(columns || ranges.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{ranges:?}");
        assert!(u64::try_from(ranges.last().unwrap().1).unwrap() <= layer, "{ranges:?}, {layer}");
    }
}

fn subject(board: &Board) -> (keeper::Keeper, Subject) {
    let keeper = keeper::of_policy(board.json.clone(), board.heaps);
    let mapper = common::mapper();
    let options = ["profiles", "--allocator", &keeper.transport(), "--mapper", mapper.to_str().unwrap()];
    let subject = Target::find(&Options::parse_from(options)).unwrap().open().unwrap();
    (keeper, subject)
}

/// What a client asks for, in every policy.
const DATASPACES: [i32; 3] = [DATASPACE_DISPLAY_P3, DATASPACE_BT2020_PQ, DATASPACE_UNKNOWN];

/// How many buffers there were, and how many of them compressed or tiled.
fn every_format_of(board: &Board) -> (usize, usize) {
    let (_keeper, subject) = subject(board);
    let (mut all, mut blocks) = (0, 0);
    let mut entries = BTreeSet::new();
    for (value, name) in board.formats() {
        let before = all;
        for usage in board.usages() {
            let (width, height) = if value == Format::BLOB.value() { (4096, 1) } else { (192, 64) };
            let dataspace = DATASPACES[all % DATASPACES.len()];
            let options = vec![(DATASPACE_NAME.to_owned(), dataspace.into())];
            let descriptor = Descriptor { options, ..Descriptor::of(value, width, height).usage(usage) };
            let Some(buffer) = subject.allocator.optional(&descriptor) else { continue };
            println!("{}: {name} for {}", board.document.name, Usage(usage));
            let imported = buffer.import(subject.mapper);
            assert_eq!(imported.get::<i32>(Standard::DATASPACE), dataspace);
            let entry = described(board, &buffer, &imported);
            all += 1;
            blocks += usize::from(entry.is_some());
            entries.extend(entry);
        }
        assert!(all > before, "{}: {name} in no use", board.document.name);
    }
    for entry in &board.document.compressions {
        assert!(entries.contains(&entry.name), "{}: nothing is compressed by {}", board.document.name, entry.name);
    }
    (all, blocks)
}

/// The compression of a buffer that has one, after all that is told of it was held against the document.
fn described(board: &Board, buffer: &Buffer, imported: &Imported) -> Option<String> {
    let Descriptor { format, width, height, usage, .. } = buffer.descriptor;
    let told = Told::of(imported);
    assert_eq!(imported.get::<i32>(Standard::PIXEL_FORMAT_REQUESTED), format);
    let file = buffer.raw.largest_file();
    let size = imported.get::<u64>(Standard::ALLOCATION_SIZE);
    assert!(size >= file && size <= buffer.raw.all_files(), "{size}");
    if let Some(entry) = board.entry(&told, Usage(usage)) {
        assert!(!Usage(usage).cpu(), "compressed for the CPU");
        told.check_places(file, Some(entry));
        assert_eq!(not_locked(imported), Error::BAD_VALUE);
        return Some(entry.name.clone());
    }
    assert!(!told.is_compressed(), "{:?}, which no entry states", told.compression);
    told.check_places(file, None);
    match (Format::from_value(format), board.own(&told, format)) {
        // A vendor's, or a flexible one that became a vendor's.
        (None | Some(Format::IMPLEMENTATION_DEFINED | Format::YCBCR_420_888 | Format::RAW_OPAQUE), Some(own)) => {
            let mappable = own.cpu.unwrap_or(own.modifier == 0 && own.linear != Some(false));
            assert!(mappable || !Usage(usage).cpu());
            if mappable && Usage(usage).cpu() {
                bytes_are_kept(imported, &told.planes);
            } else if !mappable {
                assert_eq!(not_locked(imported), Error::BAD_VALUE);
            }
        }
        (Some(format), _) => {
            assert_eq!(told.modifier, 0);
            let allowed = format.fourccs();
            assert!(
                allowed.is_empty() || allowed.iter().any(|code| code[..] == *told.fourcc.as_bytes()),
                "{}",
                told.fourcc
            );
            let image = Image::of(imported, format);
            check_contract(&image, format, width.into(), height.into(), buffer.stride()).unwrap();
            if Usage(usage).cpu() {
                image.check(file).unwrap();
                let lock = imported.lock(usage::CPU);
                let memory = Memory::new(lock.data(), image.bytes);
                image.fill(&memory, 5);
                image.verify(&memory, 5).unwrap();
            }
        }
        (None, None) => panic!("{format:#x} is {} {:#x}, which no format states", told.fourcc, told.modifier),
    }
    None
}

/// Every byte of every plane, as one import writes it, the next lock reads it.
fn bytes_are_kept(imported: &Imported, planes: &[PlaneLayout]) {
    let places = || {
        planes.iter().zip(1u8..).flat_map(|(plane, seed)| {
            let bytes = plane.offset_bytes..plane.offset_bytes + plane.total_bytes;
            bytes.map(move |at| (u64::try_from(at).unwrap(), seed.wrapping_mul(61) ^ at.to_le_bytes()[0]))
        })
    };
    let end = places().map(|(at, _)| at + 1).max().unwrap();
    let lock = imported.lock(usage::CPU_WRITE_OFTEN);
    let memory = Memory::new(lock.data(), end);
    places().for_each(|(at, byte)| memory.write(at, byte));
    drop(lock.unlock());
    let lock = imported.lock(usage::CPU_READ_OFTEN);
    let memory = Memory::new(lock.data(), end);
    assert!(places().all(|(at, byte)| memory.read(at) == byte));
}

fn not_locked(imported: &Imported) -> Error {
    imported.lock_region(usage::CPU, Rect::default()).err().expect("locked, and no CPU could make sense of it")
}

#[test]
fn every_format_of_the_shipped_profiles_is_described_and_read_or_not_locked() {
    let mut compressed = 0;
    for (name, _) in heaps_host::PROFILES {
        let board = Board::of(heaps_host::profile(name).unwrap(), Heaps::of_this_machine());
        let (all, blocks) = every_format_of(&board);
        println!("{name}: {all} buffers, {blocks} of them in blocks");
        compressed += blocks;
    }
    assert!(compressed > 0, "reference-soc compresses");
}

/// What other allocators have compiled in, as policies; on memory that has a heap of every name. In a guest, every fourth of them.
#[test]
fn every_format_of_the_vendors_tables_is_described_and_read_or_not_locked() {
    let tables = [
        ("arm", include_str!("../../../heaps-config/vendors/arm.toml")),
        ("minigbm-mediatek", include_str!("../../../heaps-config/vendors/minigbm-mediatek.toml")),
        ("minigbm-msm", include_str!("../../../heaps-config/vendors/minigbm-msm.toml")),
        ("minigbm-rockchip", include_str!("../../../heaps-config/vendors/minigbm-rockchip.toml")),
        ("nxp", include_str!("../../../heaps-config/vendors/nxp.toml")),
        ("pixel", include_str!("../../../heaps-config/vendors/pixel.toml")),
        ("qualcomm", include_str!("../../../heaps-config/vendors/qualcomm.toml")),
        ("raspberrypi", include_str!("../../../heaps-config/vendors/raspberrypi.toml")),
        ("rockchip", include_str!("../../../heaps-config/vendors/rockchip.toml")),
        ("samsung", include_str!("../../../heaps-config/vendors/samsung.toml")),
    ];
    for (name, text) in tables.into_iter().step_by(service_tests::sample()) {
        let board = Board::of(Source::text(name, text, heaps_host::Format::Toml), Heaps::Memfd);
        let (all, blocks) = every_format_of(&board);
        println!("{name}: {all} buffers, {blocks} of them in blocks");
        assert_eq!(blocks > 0, !board.document.compressions.is_empty(), "{name}");
    }
}

/// A vendor's type of metadata as the mapper gives it.
fn vendor(imported: &Imported, name: &CStr, value: i64) -> Result<Vec<u8>, Error> {
    let mut room = [0; 256];
    let size = imported.mapper().get_metadata(imported.handle(), name, value, &mut room);
    let size = usize::try_from(size).map_err(|_| Error(-size))?;
    Ok(room[..size].to_vec())
}

#[test]
fn vendors_types_of_the_reference_soc_are_got_set_listed_and_bounded() {
    let board = Board::of(heaps_host::profile("reference-soc").unwrap(), Heaps::of_this_machine());
    let (_keeper, subject) = subject(&board);
    let nv12 = |usage: Usage| Descriptor::of(Format::YCBCR_420_888.value(), 192, 64).usage(usage.0);
    let decoded = subject.allocator.one(&nv12(Usage::VIDEO_DECODER | Usage::GPU_TEXTURE));
    let [one, other] = [decoded.import(subject.mapper), decoded.import(subject.mapper)];
    let drawn = subject.allocator.one(&nv12(Usage::GPU_TEXTURE));
    let drawn = drawn.import(subject.mapper);

    // A count and that many fds of this process, all of one file.
    let fds = vendor(&one, c"arm.graphics.ArmMetadataType", 1).unwrap();
    let fds: Vec<i64> = fds.chunks(8).map(|bytes| i64::from_le_bytes(bytes.try_into().unwrap())).collect();
    let planes = one.get::<Vec<PlaneLayout>>(Standard::PLANE_LAYOUTS).len();
    assert_eq!((planes, fds.len(), fds[0]), (2, 3, 2), "{fds:?}");
    assert_eq!(fds[1], fds[2]);
    assert!(std::fs::metadata(format!("/proc/self/fd/{}", fds[1])).is_ok());

    // The type's name with its length, its number, then the value.
    let soc = c"vendor.example.soc.Metadata";
    let mut sixty = 27i64.to_le_bytes().to_vec();
    sixty.extend_from_slice(soc.to_bytes());
    sixty.extend_from_slice(&1i64.to_le_bytes());
    sixty.extend_from_slice(&60u32.to_le_bytes());
    let set = |imported: &Imported, bytes: &[u8]| imported.mapper().set_metadata(imported.handle(), soc, 1, bytes);
    assert_eq!(vendor(&one, soc, 1), Ok(Vec::new()), "nobody has set it");
    assert_eq!(set(&one, &sixty), Error::NONE);
    assert_eq!(vendor(&other, soc, 1), Ok(sixty.clone()));
    let another = [&sixty[..35], &2i64.to_le_bytes(), &60u32.to_le_bytes()].concat();
    for wrong in [&sixty[..sixty.len() - 1], &another[..], &60u32.to_le_bytes()] {
        assert_ne!(set(&other, wrong), Error::NONE, "{wrong:?}");
    }
    assert_eq!(vendor(&one, soc, 1), Ok(sixty.clone()), "what was refused changed nothing");
    assert_eq!(vendor(&drawn, soc, 1), Err(Error::UNSUPPORTED), "it is for decoded frames");
    assert_eq!(set(&drawn, &sixty), Error::UNSUPPORTED);

    let listed = subject.mapper.list_supported().unwrap();
    let settable = |name: &CStr| {
        // SAFETY: the mapper's own, for as long as it is loaded.
        let is = |own: *const c_char| unsafe { CStr::from_ptr(own) } == name;
        let known = listed.iter().find(|one| is(one.metadata_type.name) && one.metadata_type.value == 1);
        known.map(|one| one.is_settable == 1)
    };
    assert_eq!((settable(c"arm.graphics.ArmMetadataType"), settable(soc)), (Some(false), Some(true)));
}

/// `strict_cpu_usage` from a board's file through the compiler, the service and the handle to a client's lock. The mapper warns on
/// standard error: the locks are made by a process of their own.
#[test]
fn a_policy_s_strict_cpu_usage_refuses_the_lock_that_is_else_taken_with_a_warning() {
    const STRICT: &str = "DMAHEAP_TEST_STRICT_CPU_USAGE";
    if let Ok(strict) = std::env::var(STRICT) {
        return lock_without_cpu_usage(strict == "true");
    }
    for (strict, warnings) in [("true", 0), ("false", 1)] {
        let name = "a_policy_s_strict_cpu_usage_refuses_the_lock_that_is_else_taken_with_a_warning";
        let mut child = Command::new(std::env::current_exe().unwrap());
        let output = child.args(["--exact", name, "--nocapture"]).env(STRICT, strict).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{said}");
        let warned = said.lines().filter(|line| line.contains("allocated without CPU usage (GPU_TEXTURE)"));
        assert_eq!(warned.count(), warnings, "strict_cpu_usage = {strict}: {said}");
    }
}

/// Two locks of a buffer for the GPU, and one of a buffer for the CPU.
fn lock_without_cpu_usage(strict: bool) {
    let generic = include_str!("../../../heaps-config/profiles/generic.toml");
    let text = generic.replace("\n[limits]", &format!("\nstrict_cpu_usage = {strict}\n[limits]"));
    let board = Board::of(Source::text("board", text, heaps_host::Format::Toml), Heaps::of_this_machine());
    assert_eq!(board.policy.strict_cpu_usage, strict);
    let (_keeper, subject) = subject(&board);
    let allocated = |usage| subject.allocator.one(&Descriptor::of(Format::RGBA_8888.value(), 64, 64).usage(usage));
    let (drawn, read) = (allocated(usage::GPU_TEXTURE), allocated(usage::CPU));
    let (drawn, read) = (drawn.import(subject.mapper), read.import(subject.mapper));
    drop(read.lock(usage::CPU));
    for _ in 0..2 {
        let locked = drawn.lock_region(usage::CPU, Rect::default());
        assert_eq!(locked.err(), strict.then_some(Error::BAD_VALUE));
    }
}
