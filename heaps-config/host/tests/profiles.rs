//! The shipped profiles: clean, and the same policy whether read as TOML or as the JSON compiled from it.
// A failed unwrap is a failed test.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use common::{plan, Asked};
use gralloc_buffer::{Layout, PixelFormat};
use heaps_config::policy::HeapSet;
use heaps_config::Policy;
use heaps_host::{draft, lint, profile, Format, Source, PROFILES};

#[test]
fn every_profile_lints_without_a_finding() {
    for (name, _) in PROFILES {
        let linted = lint(profile(name).unwrap());
        assert!(linted.findings.is_empty(), "{name}:\n{}", linted.render(false));
    }
}

#[test]
fn every_profile_compiles_to_json_that_gives_the_same_policy_and_the_same_bytes() {
    for (name, _) in PROFILES {
        let linted = lint(profile(name).unwrap());
        let json = linted.compile().unwrap();
        assert_eq!(heaps_config::from_json(&json).unwrap(), *linted.policy().unwrap(), "{name}");
        let again = lint(Source::text("again.json", json.clone(), Format::Json));
        assert_eq!(again.compile().unwrap(), json, "{name}");
    }
}

fn policy(name: &str) -> Policy {
    lint(profile(name).unwrap()).policy().unwrap().clone()
}

/// On a kernel with nothing but the system heap, as mainline and the demo have.
const SYSTEM: Option<&[&str]> = Some(&["system"]);
const CPU: &str = "CPU_READ_OFTEN|CPU_WRITE_OFTEN";

#[test]
fn every_profile_serves_vts_with_the_system_heap_alone() {
    for (name, _) in PROFILES {
        for format in
            ["RGBA_8888", "YV12", "YCBCR_420_888", "YCRCB_420_SP", "RAW10", "RAW12", "YCBCR_P010", "YCBCR_P210"]
        {
            let asked = Asked { format, usage: CPU, present: SYSTEM, ..Asked::default() };
            // P210 came with V6.
            let policy = Policy { graphics_common: Some(6), ..policy(name) };
            let planned = plan(&policy, asked).unwrap_or_else(|cause| panic!("{name} {format}: {cause}"));
            assert_eq!(planned.heaps, ["system"], "{name} {format}");
            assert!(planned.stride >= 64, "{name} {format}");
        }
    }
}

#[test]
fn every_profile_serves_camera_display_and_video_with_the_system_heap_alone() {
    for (name, _) in PROFILES {
        for (format, usage) in [
            ("YCBCR_420_888", "CAMERA_OUTPUT|COMPOSER_OVERLAY"),
            ("YCBCR_420_888", "CAMERA_OUTPUT|CPU_READ_OFTEN"),
            ("IMPLEMENTATION_DEFINED", "CAMERA_OUTPUT|GPU_TEXTURE|COMPOSER_OVERLAY"),
            ("IMPLEMENTATION_DEFINED", "VIDEO_ENCODER|CAMERA_OUTPUT"),
            ("IMPLEMENTATION_DEFINED", "GPU_RENDER_TARGET|GPU_TEXTURE"),
            ("RGBX_8888", "CAMERA_OUTPUT|COMPOSER_OVERLAY"),
            ("RGBA_8888", "COMPOSER_CLIENT_TARGET|COMPOSER_OVERLAY|GPU_RENDER_TARGET"),
            ("RGBA_8888", "FRONT_BUFFER|GPU_RENDER_TARGET|COMPOSER_OVERLAY"),
            ("RGBA_8888", "FRONT_BUFFER|GPU_RENDER_TARGET|CPU_READ_OFTEN"),
            ("RGBA_8888", "FRONT_BUFFER|GPU_RENDER_TARGET|GPU_TEXTURE"),
            ("YCBCR_P010", "VIDEO_DECODER|COMPOSER_OVERLAY"),
            ("BLOB", "SENSOR_DIRECT_DATA|CPU_READ_OFTEN"),
            ("BLOB", "GPU_DATA_BUFFER|CPU_WRITE_OFTEN"),
        ] {
            let height = if format == "BLOB" { 1 } else { 1080 };
            let asked = Asked { format, usage, width: 1920, height, present: SYSTEM };
            let planned = plan(&policy(name), asked).unwrap_or_else(|cause| panic!("{name} {format} {usage}: {cause}"));
            assert_eq!(planned.heaps, ["system"], "{name} {format} {usage}");
        }
    }
}

#[test]
fn profiles_resolve_the_flexible_formats() {
    for (name, _) in PROFILES {
        let layout = |format, usage| plan(&policy(name), Asked { format, usage, ..Asked::default() }).unwrap().layout;
        assert_eq!(layout("IMPLEMENTATION_DEFINED", "CAMERA_OUTPUT|GPU_TEXTURE"), Layout::Nv12, "{name}");
        assert_eq!(layout("IMPLEMENTATION_DEFINED", "GPU_TEXTURE"), Layout::Rgbx8888, "{name}");
        assert_eq!(layout("YCBCR_420_888", "VIDEO_DECODER"), Layout::Nv12, "{name}");
        assert!(matches!(layout("YCBCR_420_888", CPU), Layout::Nv12 | Layout::Nv21), "{name}");
        assert_eq!(layout("RAW_OPAQUE", "CAMERA_OUTPUT"), Layout::Raw16, "{name}");
    }
}

/// A draft's group is of all formats that there are, and a shipped profile is written by hand: a new format is asked for there.
#[test]
fn profiles_have_the_rgb_formats_that_a_draft_has() {
    let group = |source: Source| {
        let linted = lint(source);
        let mut names = linted.document().unwrap().format_group["RGB"].clone();
        names.sort();
        names
    };
    let drafted = draft("drafted", ["system"]).unwrap();
    let drafted = group(Source::text("drafted.toml", drafted, Format::Toml));
    assert!(drafted.len() >= 18 && !drafted.iter().any(|name| name == "RGB_888" || name == "YV12"), "{drafted:?}");
    for (name, _) in PROFILES {
        assert_eq!(group(profile(name).unwrap()), drafted, "{name}");
    }
}

/// Formats whose components no layout puts where every snapshot of AOSP's VTS wants them: 16 QPR2, 17, newest.
const CONTESTED: [&str; 7] = [
    "RGBA_10101010",
    "R_12_UINT",
    "R_14_UINT",
    "RG_1212_UINT",
    "RG_1414_UINT",
    "RGBA_12121212_UINT",
    "RGBA_14141414_UINT",
];

#[test]
fn generic_and_cuttlefish_take_every_format_but_for_the_contested_ones_for_the_cpu() {
    for name in ["generic", "cuttlefish"] {
        let policy = Policy { graphics_common: Some(7), ..policy(name) };
        for format in PixelFormat::ALL.iter().filter(|format| **format != PixelFormat::Unspecified) {
            let height = if *format == PixelFormat::Blob { 1 } else { 64 };
            let asked = |usage| Asked { format: format.name(), usage, height, present: SYSTEM, ..Asked::default() };
            let contested = CONTESTED.contains(&format.name());
            let refusal = plan(&policy, asked(CPU)).err();
            assert_eq!(refusal, contested.then_some("denied"), "{name} {}", format.name());
            assert!(plan(&policy, asked("GPU_TEXTURE")).is_ok() || height == 1, "{name} {}", format.name());
        }
    }
}

#[test]
fn formats_of_common_v7_are_taken_where_the_policy_or_the_build_is_of_v7() {
    for (name, _) in PROFILES {
        for format in PixelFormat::ALL.iter().filter(|format| format.since() == 7) {
            let asked = || Asked { format: format.name(), usage: "GPU_TEXTURE", present: SYSTEM, ..Asked::default() };
            let [six, seven] = [6, 7].map(|version| Policy { graphics_common: Some(version), ..policy(name) });
            assert_eq!(plan(&six, asked()).err(), Some("format"), "{name} {}", format.name());
            assert!(plan(&seven, asked()).is_ok(), "{name} {}", format.name());
        }
    }
}

#[test]
fn generic_aligns_to_64_bytes_for_gpu_and_display_and_to_nothing_for_the_cpu() {
    let policy = policy("generic");
    let stride = |usage| {
        let asked = Asked { usage, width: 1366, height: 768, ..Asked::default() };
        plan(&policy, asked).unwrap().planes[0].1
    };
    assert_eq!(stride("COMPOSER_OVERLAY"), 5504);
    assert_eq!(stride("GPU_TEXTURE"), 5504);
    assert_eq!(stride(CPU), 1366 * 4);
}

/// The alignment is that of the layout which the format becomes: a line of the same request by its own name.
#[test]
fn what_a_flexible_format_becomes_is_aligned_as_if_it_had_been_asked_for() {
    for (name, stride, lines) in [("generic", 5504, 768), ("cuttlefish", 5504, 768), ("reference-soc", 5632, 768)] {
        let policy = policy(name);
        let planned = |format| {
            let usage = "GPU_TEXTURE|COMPOSER_OVERLAY";
            plan(&policy, Asked { format, usage, width: 1366, height: 766 + 2 * (lines - 767), present: None }).unwrap()
        };
        let (flexible, named) = (planned("IMPLEMENTATION_DEFINED"), planned("RGBX_8888"));
        assert_eq!((flexible.layout, flexible.planes[0].1), (Layout::Rgbx8888, stride), "{name}");
        assert_eq!(flexible.planes, named.planes, "{name}");
    }
    let four =
        Asked { format: "IMPLEMENTATION_DEFINED", usage: "COMPOSER_OVERLAY", width: 1366, height: 765, present: None };
    assert_eq!(plan(&policy("reference-soc"), four).unwrap().planes[0].2, 768, "4 lines at a time");
}

#[test]
fn reference_soc_compresses_what_the_gpu_draws_for_the_display() {
    let policy = policy("reference-soc");
    let bytes =
        |format, usage| plan(&policy, Asked { format, usage, width: 1080, height: 2400, present: None }).unwrap().bytes;
    let drawn = "GPU_RENDER_TARGET|GPU_TEXTURE|COMPOSER_OVERLAY";
    assert_eq!(bytes("RGBA_8888", drawn), 163_840 + 10_444_800);
    assert_eq!(bytes("RGB_565", drawn), 163_840 + 68 * 150 * 512);
    // Who reads lines of pixels says so, or is the CPU.
    for usage in ["SOC_NO_COMPRESSION", "CPU_READ_OFTEN", "FRONT_BUFFER", "VIDEO_ENCODER"] {
        let usage: &'static str = Box::leak(format!("{drawn}|{usage}").into_boxed_str());
        let policy = &policy;
        let asked = Asked { format: "RGBA_8888", usage, width: 1080, height: 2400, present: None };
        let plan = gralloc_allocator::plan(&common::descriptor(policy, &asked), policy, HeapSet::ALL).unwrap();
        assert!(plan.resolved.compress.is_none(), "{usage}");
    }
}

#[test]
fn no_profile_gives_protected_content_ordinary_memory() {
    for (name, _) in PROFILES {
        for usage in ["PROTECTED", "PROTECTED|CAMERA_OUTPUT", "PROTECTED|VIDEO_DECODER|COMPOSER_OVERLAY"] {
            let cause = plan(&policy(name), Asked { usage, present: SYSTEM, ..Asked::default() }).unwrap_err();
            assert!(["denied", "heaps-absent"].contains(&cause), "{name} {usage}: {cause}");
        }
    }
}

#[test]
fn reference_soc_uses_what_the_soc_has() {
    let policy = policy("reference-soc");
    let heaps = |format, usage, width, height| {
        plan(&policy, Asked { format, usage, width, height, present: None }).unwrap().heaps
    };
    let camera = "YCBCR_420_888";
    assert_eq!(
        heaps(camera, "CAMERA_OUTPUT|COMPOSER_OVERLAY", 1920, 1080),
        ["camera-uncached", "camera", "system-uncached", "system"]
    );
    assert_eq!(heaps(camera, "CAMERA_OUTPUT|CPU_READ_OFTEN", 1920, 1080), ["camera", "system"]);
    // A 50-megapixel still is kept out of the streams' heap; a small one is not worth the trouble.
    let still = "CAMERA_OUTPUT|SOC_STILL_CAPTURE";
    assert_eq!(heaps("RAW16", still, 8192, 6144), ["system-uncached", "system"]);
    assert_eq!(heaps("RAW16", still, 640, 480)[0], "camera-uncached");
    // Larger than the contiguous heap gives: only the scattered ones are left.
    assert_eq!(heaps("RAW16", "CAMERA_OUTPUT", 16384, 8192), ["system-uncached", "system"]);
    assert_eq!(heaps("BLOB", "SENSOR_DIRECT_DATA|CPU_READ_OFTEN", 4096, 1), ["sensor", "system"]);
    assert_eq!(heaps(camera, "PROTECTED|CAMERA_OUTPUT|SOC_FACE_AUTH", 640, 480), ["secure-face"]);
    assert_eq!(heaps(camera, "PROTECTED|CAMERA_OUTPUT|GPU_TEXTURE", 640, 480), ["secure-preview", "secure-video"]);
    assert_eq!(heaps("YCBCR_P010", "PROTECTED|VIDEO_DECODER", 640, 480), ["secure-video"]);
    let planned =
        plan(&policy, Asked { format: camera, usage: "VIDEO_DECODER", width: 1900, height: 1080, present: None });
    let planes = planned.unwrap().planes;
    assert_eq!(planes, [(0, 1920, 1088), (1920 * 1088, 1920, 544)]);
}
