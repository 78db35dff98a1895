//! The names, those of a kind in the order in which a draft prefers them.

use super::{Kind, Known};

/// What the platform's `private/file_contexts` has as `system-secure(.*)`.
pub(super) const PLATFORM_SECURE: &str = "system-secure";

/// One whose further name is not known.
pub(super) const OTHER_PLATFORM_SECURE: Known = Known {
    name: PLATFORM_SECURE,
    kind: Kind::ProtectedFor("Protected: the platform labels every system-secure… so. Which content is it for?"),
    uncached: false,
    source: "AOSP system/sepolicy, private/file_contexts",
};

/// A region whose node in the device tree says no more than that it is memory: `memory@42000000-contiguous`.
pub(super) const MEMORY_NODE: &str = "memory";

const fn known(name: &'static str, kind: Kind, source: &'static str) -> Known {
    Known { name, kind, uncached: false, source }
}

const LINUX: &str = "linux drivers/dma-buf/heaps";
const LINUX_NAMES: &str = "linux v7.3 Documentation/userspace-api/dma-buf-heaps.rst";
const TEE: &str = "linux v6.18 drivers/tee/tee_heap.c";
const PIXEL: &str = "LineageOS android_device_google_zuma, conf/ueventd.zuma.rc";
const SAMSUNG: &str = "ExtremeXT android_device_samsung_s5e9925-common, its ueventd file";
const QUALCOMM: &str = "LineageOS android_device_qcom_sepolicy_vndr, generic/vendor/common/file_contexts";
const QUALCOMM_GRALLOC: &str = "LineageOS android_hardware_qcom_display, gralloc";
const MEDIATEK: &str = "LineageOS android_device_mediatek_sepolicy_vndr, basic/non_plat/file_contexts";
const MEDIATEK_SERIES: &str = "linux-mediatek, \"dma-buf: heaps: Add restricted heap\"; minigbm mediatek.c";
const ROCKCHIP: &str = "rockchip-linux/mpp, issue 626";
const ROCKCHIP_CODEC: &str = "Rockchip's codec2 store (system_secure_supported)";
const AMLOGIC: &str = "Amlogic's amlogic_dmabuf_heap.h and libdmabufheap's custom heaps";
const RASPBERRY: &str = "raspberrypi/rpicam-apps, core/dma_heaps.cpp";

const BITSTREAM: &str =
    "For a secure decoder's compressed input, which is no picture. Who allocates that by IAllocator (a BLOB with \
                         PROTECTED), and is every other content kept out?";
const FACE: &str = "Face authentication's. Who allocates from it by IAllocator, and with which vendor usage?";
const TRUSTED_UI: &str = "For the trusted user interface alone. Which vendor usage marks its buffers?";
const RECORDING: &str = "For recording protected video alone. Which requests are that on this device?";
const WIFI_DISPLAY: &str =
    "For sending protected content to a wireless display. Which vendor usage marks those requests?";
const SIGNAL_PROCESSOR: &str =
    "A signal processor's. Commonly allocated from directly: which graphics buffers would live in it?";
const TEE_ONLY: &str = "The trusted environment's own. Does anybody allocate it by IAllocator? Commonly nobody does.";
const CODECS: &str = "The codecs' contiguous region. Which of them needs it, and may others allocate from it?";
const LOW: Kind = Kind::LowSystem;

/// Every name that is known.
pub const KNOWN: &[Known] = &[
    // Ordinary pages.
    known("system", Kind::System, LINUX),
    known("qcom,system", Kind::System, QUALCOMM),
    known("system-dma32", LOW, ROCKCHIP),
    known(
        "system_cc_shared",
        Kind::Ordinary("Pages of a confidential machine that its host and devices can read. Which requests have to leave it so?"),
        LINUX_NAMES,
    ),
    known(
        "mtk_mm",
        Kind::Ordinary("Ordinary pages, for MediaTek's multimedia devices. Which requests need it in place of system?"),
        MEDIATEK,
    ),
    known(
        "heap-system",
        Kind::Ordinary("Ordinary pages, by Amlogic's own heap. Which requests need it in place of system?"),
        AMLOGIC,
    ),
    known("video_system", Kind::Ordinary("Ordinary pages, for video. Which requests need it in place of system?"), PIXEL),
    // The default contiguous region: one region, under the names that kernels have given it.
    known("linux,cma", Kind::DefaultRegion, LINUX),
    known("reserved", Kind::DefaultRegion, LINUX),
    known("default_cma_region", Kind::DefaultRegion, LINUX),
    known("default-pool", Kind::DefaultRegion, LINUX_NAMES),
    known("cma", Kind::DefaultRegion, ROCKCHIP),
    // Since 6.17 each reusable shared-dma-pool of the device tree is a heap, under its node's whole name.
    known(
        MEMORY_NODE,
        Kind::Ordinary("A contiguous region that the device tree reserves. For which device, and which requests are that?"),
        "linux v6.18 Documentation/userspace-api/dma-buf-heaps.rst",
    ),
    // Regions and carve-outs with one purpose.
    known("gcma_camera", Kind::Camera, PIXEL),
    known("camera", Kind::Camera, SAMSUNG),
    known("qcom,camera", Kind::Camera, "CodeLinaro camera-kernel, cam_mem_mgr.c"),
    known("sensor_direct_heap", Kind::Sensor, PIXEL),
    known("crypto", Kind::Ordinary("For disk encryption. Commonly no graphics buffers: would any live in it?"), PIXEL),
    known("aaudio_playback_heap", Kind::Ordinary("Audio's. No graphics buffers: leave it out?"), PIXEL),
    known("aaudio_capture_heap", Kind::Ordinary("Audio's. No graphics buffers: leave it out?"), PIXEL),
    known("qcom,adsp", Kind::Ordinary(SIGNAL_PROCESSOR), QUALCOMM),
    known("qcom,audio-ml", Kind::Ordinary("Audio's. No graphics buffers: leave it out?"), QUALCOMM),
    known("qcom,demura", Kind::Ordinary("The panel's correction data. Commonly no graphics buffers: leave it out?"), QUALCOMM),
    known("qcom,user-contig", Kind::Ordinary("Contiguous. Which device needs it, and has no IOMMU?"), QUALCOMM),
    known("qcom,sp-hlos", Kind::Ordinary("Shared with the secure processor. Leave it out?"), QUALCOMM),
    Known {
        name: "heap-codecmm",
        kind: Kind::Ordinary(CODECS),
        uncached: true,
        source: AMLOGIC,
    },
    known("heap-cached-codecmm", Kind::Ordinary(CODECS), AMLOGIC),
    known("heap-gfx", Kind::Ordinary("The display's contiguous region. Which requests need it?"), AMLOGIC),
    known("heap-fb", Kind::Ordinary("The frame buffer's region. Are frame buffers allocated by IAllocator here?"), AMLOGIC),
    known("vidbuf_cached", Kind::Ordinary("Video's region. Which requests need it?"), RASPBERRY),
    // Ordinary until it is lent.
    known(
        "qcom,display",
        Kind::Lent(
            "Ordinary memory until an ioctl of /dev/membuf lends a buffer to a protected machine, which this service does not \
             do. Is it wanted as contiguous memory for the display? Never for protected content.",
        ),
        QUALCOMM_GRALLOC,
    ),
    // Protected, in general.
    known("vframe-secure", Kind::Protected, PIXEL),
    known("qcom,secure-pixel", Kind::Protected, QUALCOMM),
    known("mtk_svp_page", Kind::Protected, MEDIATEK),
    known("mtk_svp_region", Kind::Protected, MEDIATEK),
    known("restricted_mtk_cma", Kind::Protected, MEDIATEK_SERIES),
    known("protected,secure-video", Kind::Protected, TEE),
    known("secure", Kind::Protected, ROCKCHIP_CODEC),
    known("heap-secure", Kind::Protected, AMLOGIC),
    known("system-secure", Kind::Protected, "AOSP system/sepolicy, private/file_contexts"),
    // Protected, each with one purpose.
    known("farawimg-secure", Kind::ProtectedRaw, PIXEL),
    known("faprev-secure", Kind::ProtectedPreview, PIXEL),
    known("protected,trusted-ui", Kind::ProtectedFor(TRUSTED_UI), TEE),
    known("protected,secure-video-record", Kind::ProtectedFor(RECORDING), TEE),
    known("vstream-secure", Kind::ProtectedFor(BITSTREAM), PIXEL),
    known("qcom,secure-non-pixel", Kind::ProtectedFor(BITSTREAM), QUALCOMM),
    known("restricted_mtk_cm", Kind::ProtectedFor(BITSTREAM), MEDIATEK_SERIES),
    known("heap-secure-codecmm", Kind::ProtectedFor("The codecs'. Which content: pictures, or compressed input?"), AMLOGIC),
    known("tui-secure", Kind::ProtectedFor(TRUSTED_UI), PIXEL),
    known(
        "vscaler-secure",
        Kind::ProtectedFor("The video scaler's. Which requests pass through it, and with which vendor usage?"),
        PIXEL,
    ),
    known(
        "framebuffer-secure",
        Kind::ProtectedFor("The display controller's own. Are frame buffers allocated by IAllocator here?"),
        PIXEL,
    ),
    known("faceauth_tpu-secure", Kind::ProtectedFor(FACE), PIXEL),
    known("faceauth_dsp-secure", Kind::ProtectedFor(FACE), PIXEL),
    known(
        "faimg-secure",
        Kind::ProtectedFor("Camera to face authentication. Which vendor usage (bits 28 to 31, 48 to 63) marks those requests?"),
        PIXEL,
    ),
    known(
        "famodel-secure",
        Kind::ProtectedFor("Face authentication's model. Does anybody allocate it by IAllocator? Commonly nobody does."),
        PIXEL,
    ),
    known("secure_camera-secure", Kind::ProtectedFor("The camera's. Which requests of the camera are protected?"), SAMSUNG),
    known("gpu_buffer-secure", Kind::ProtectedFor("The GPU's. Which requests does it draw protected content into?"), SAMSUNG),
    known("qcom,secure-cdsp", Kind::ProtectedFor(SIGNAL_PROCESSOR), QUALCOMM),
    known("qcom,cma-secure-cdsp", Kind::ProtectedFor(SIGNAL_PROCESSOR), QUALCOMM),
    known("qcom,qseecom", Kind::ProtectedFor(TEE_ONLY), QUALCOMM),
    known("qcom,qseecom-ta", Kind::ProtectedFor(TEE_ONLY), QUALCOMM),
    known("qcom,secure-sp-modem", Kind::ProtectedFor(TEE_ONLY), QUALCOMM),
    known("qcom,secure-sp-tz", Kind::ProtectedFor(TEE_ONLY), QUALCOMM),
    known("mtk_prot_page", Kind::ProtectedFor("Protected, apart from MediaTek's secure video path. Which content is it for?"), MEDIATEK),
    known("mtk_prot_region", Kind::ProtectedFor("Protected, apart from MediaTek's secure video path. Which content is it for?"), MEDIATEK),
    known("mtk_2d_fr_region", Kind::ProtectedFor(FACE), MEDIATEK),
    known("mtk_wfd_page", Kind::ProtectedFor(WIFI_DISPLAY), MEDIATEK),
    known("mtk_wfd_region", Kind::ProtectedFor(WIFI_DISPLAY), MEDIATEK),
    known("mtk_sapu_data_shm_region", Kind::ProtectedFor(SIGNAL_PROCESSOR), MEDIATEK),
    known("mtk_sapu_engine_shm_region", Kind::ProtectedFor(SIGNAL_PROCESSOR), MEDIATEK),
];
