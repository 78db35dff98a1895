//! What other allocators have compiled in can be written as a policy, and gives the plans that they give.
// A failed unwrap is a failed test.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use common::{plan, Asked};
use gralloc_buffer::Layout;
use heaps_config::Policy;
use heaps_host::{lint, Format, Source};

#[track_caller]
fn policy(name: &str, text: &str) -> Policy {
    let linted = lint(Source::text(name, text, Format::Toml));
    assert!(linted.findings.is_empty(), "{}", linted.render(false));
    linted.policy().unwrap().clone()
}

fn pixel() -> Policy {
    policy("pixel.toml", include_str!("peers/pixel.toml"))
}

#[test]
fn pixel_has_a_protected_heap_for_each_use() {
    let policy = pixel();
    let heap_of = |usage| plan(&policy, Asked { usage, ..Asked::default() }).unwrap().heaps;
    assert_eq!(heap_of("PROTECTED|CAMERA_OUTPUT|CAMERA_INPUT"), ["farawimg-secure"]);
    assert_eq!(heap_of("PROTECTED|CAMERA_OUTPUT|COMPOSER_OVERLAY|GPU_TEXTURE"), ["faprev-secure"]);
    assert_eq!(heap_of("PROTECTED|CAMERA_OUTPUT|COMPOSER_OVERLAY"), ["vframe-secure"]);
    assert_eq!(heap_of("PROTECTED|VIDEO_DECODER"), ["vframe-secure"]);
    assert_eq!(heap_of("SENSOR_DIRECT_DATA"), ["sensor_direct_heap"]);
    assert_eq!(heap_of("GPU_RENDER_TARGET|COMPOSER_OVERLAY"), ["system"]);
}

#[test]
fn pixel_camera_is_uncached_unless_the_cpu_reads_often() {
    let policy = pixel();
    let heaps_of = |usage, present: &'static [&'static str]| {
        plan(&policy, Asked { format: "YCBCR_420_888", usage, present: Some(present), ..Asked::default() })
            .map(|plan| plan.heaps)
    };
    let all = &["gcma_camera", "gcma_camera-uncached", "system", "system-uncached"][..];
    let preview = "CAMERA_OUTPUT|GPU_TEXTURE";
    assert_eq!(heaps_of(preview, all).unwrap()[0], "gcma_camera-uncached");
    assert_eq!(heaps_of(preview, &["system", "system-uncached"]).unwrap(), ["system-uncached", "system"]);
    assert_eq!(heaps_of("CAMERA_OUTPUT|CPU_READ_OFTEN", all).unwrap(), ["gcma_camera", "system"]);
    // Rarely is not often: the field is a value, not a set of bits.
    assert_eq!(heaps_of("CAMERA_OUTPUT|CPU_READ_RARELY", all).unwrap()[0], "gcma_camera-uncached");
    assert_eq!(heaps_of("PROTECTED|CAMERA_OUTPUT", all).unwrap_err(), "heaps-absent", "never ordinary memory");
}

#[test]
fn pixel_alignments() {
    let policy = pixel();
    let stride =
        |format, usage, width| plan(&policy, Asked { format, usage, width, ..Asked::default() }).unwrap().planes[0].1;
    assert_eq!(stride("YCRCB_420_SP", "CAMERA_OUTPUT", 1921), 1936);
    assert_eq!(stride("RGBA_8888", "GPU_TEXTURE", 1081), 4352);
    assert_eq!(stride("RGBA_8888", "CPU_READ_OFTEN", 1081), 4324);
    let yv12 = plan(&policy, Asked { format: "YV12", width: 1921, height: 2, ..Asked::default() }).unwrap();
    let strides: Vec<u32> = yv12.planes.iter().map(|plane| plane.1).collect();
    assert_eq!(strides, [1952, 976, 976], "luma a multiple of 32, chroma half of it");
}

fn qualcomm() -> Policy {
    policy("qualcomm.toml", include_str!("peers/qualcomm.toml"))
}

#[test]
fn qualcomm_alignments() {
    let policy = qualcomm();
    let layer = |format, width, height| {
        let plan =
            plan(&policy, Asked { format, usage: "COMPOSER_OVERLAY", width, height, ..Asked::default() }).unwrap();
        (plan.planes[0].1, plan.planes[0].2)
    };
    assert_eq!(layer("RGBA_8888", 1081, 2401), (4352, 2404));
    assert_eq!(layer("YCBCR_P010", 1921, 1080), (4096, 1088));
    assert_eq!(layer("YCRCB_420_SP", 1921, 1080), (2048, 1088));
    assert_eq!(layer("RGB_565", 1081, 2401), (2162, 2401));
}

#[test]
fn qualcomm_private_bits_and_node_names() {
    let policy = qualcomm();
    let heaps_of = |usage| plan(&policy, Asked { usage, ..Asked::default() }).map(|plan| plan.heaps);
    assert_eq!(heaps_of("PROTECTED|SECURE_CAMERA").unwrap(), ["secure-pixel"]);
    assert_eq!(heaps_of("PROTECTED|VIDEO_DECODER").unwrap(), ["secure-pixel"]);
    assert_eq!(
        heaps_of("PROTECTED|SECURE_DISPLAY").unwrap_err(),
        "denied",
        "qcom,display is ordinary until it is lent"
    );
    assert_eq!(heaps_of("SECURE_CAMERA|CAMERA_OUTPUT").unwrap_err(), "denied");
    assert_eq!(policy.heaps[0].nodes, ["qcom,system", "system"]);
}

#[test]
fn rockchip_stride_by_usage_bit() {
    let policy = policy("rockchip.toml", include_str!("peers/rockchip.toml"));
    let stride =
        |format, usage| plan(&policy, Asked { format, usage, width: 1921, ..Asked::default() }).unwrap().planes[0].1;
    assert_eq!(stride("YCRCB_420_SP", "VIDEO_DECODER"), 2048);
    assert_eq!(stride("YCRCB_420_SP", "VIDEO_DECODER|STRIDE_ALIGN_16"), 1936);
    assert_eq!(stride("YCRCB_420_SP", "VIDEO_DECODER|STRIDE_ALIGN_64"), 1984);
    assert_eq!(stride("YCRCB_420_SP", "VIDEO_DECODER|STRIDE_ALIGN_128"), 2048);
    assert_eq!(stride("YCRCB_420_SP", "VIDEO_DECODER|STRIDE_ALIGN_256"), 2048);
    assert_eq!(stride("RGBA_8888", "GPU_TEXTURE"), 7744);
    assert_eq!(stride("RGBA_8888", "GPU_TEXTURE|STRIDE_ALIGN_256"), 7936);
    let heaps_of = |usage| plan(&policy, Asked { usage, ..Asked::default() }).unwrap().heaps;
    assert_eq!(heaps_of("PHY_CONTIG"), ["cma"]);
    assert_eq!(heaps_of("WITHIN_4G|CPU_READ_OFTEN"), ["dma32"]);
    assert_eq!(heaps_of("WITHIN_4G|GPU_TEXTURE"), ["dma32-uncached", "dma32"]);
}

#[test]
fn minigbm_camera_and_video_are_in_blocks_of_32_pixels() {
    let policy = lint(heaps_host::profile("cuttlefish").unwrap()).policy().unwrap().clone();
    for (format, usage) in
        [("YCBCR_420_888", "CAMERA_OUTPUT"), ("YV12", "VIDEO_DECODER"), ("YCBCR_P010", "VIDEO_DECODER")]
    {
        let plan = plan(&policy, Asked { format, usage, width: 1921, ..Asked::default() }).unwrap();
        assert_eq!(plan.stride, 1952, "{format}");
    }
    let plan =
        plan(&policy, Asked { format: "YCBCR_420_888", usage: "CPU_READ_OFTEN", width: 1921, ..Asked::default() })
            .unwrap();
    assert_eq!((plan.layout, plan.stride), (Layout::Nv12, 1922));
}
