//! The porting guide followed with the files of boards in the field: names, modes and labels as devices have them
//! (`tests/boards`, each file with its source). Each draft passes lint, protected content goes where the board's own names
//! say and nowhere else, and what is to be seen to is said.
// A failed unwrap is a failed test.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
#![cfg(feature = "board")]

mod common;

use common::{plan, Asked};
use heaps_config::Policy;
use heaps_host::board::Board;
use heaps_host::{draft_of_board, lint, Format, Source};
use std::fs;
use std::path::Path;

/// What a board's draft does.
struct Expected {
    board: &'static str,
    /// The node of protected content in general; `None` for a refusal.
    protected: Option<&'static str>,
    /// The heaps of a camera's preview, in order.
    preview: &'static [&'static str],
    /// Nodes that are asked about, and are in no rule.
    asked: &'static [&'static str],
    /// Words of the draft's head.
    notes: &'static [&'static str],
}

const SYSTEM: &[&str] = &["system-uncached", "system"];
const UNLISTED: &str = "no file lists the nodes";

const BOARDS: &[Expected] = &[
    Expected {
        board: "pixel8",
        protected: Some("vframe-secure"),
        preview: &["camera-uncached", "camera", "system"],
        asked: &[
            "vstream-secure",
            "tui-secure",
            "vscaler-secure",
            "framebuffer-secure",
            "faceauth_tpu-secure",
            "faimg-secure",
        ],
        notes: &["tui-secure has no label of its own", "crypto has no label of its own", UNLISTED],
    },
    Expected {
        board: "pixel6",
        protected: Some("vframe-secure"),
        preview: &["system"],
        asked: &["vstream-secure", "vscaler-secure", "video_system", "video_system-uncached"],
        notes: &["video_system has no label of its own", UNLISTED],
    },
    Expected {
        board: "xperia",
        protected: Some("qcom,secure-pixel"),
        preview: SYSTEM,
        asked: &["qcom,secure-non-pixel", "qcom,secure-cdsp", "qcom,display", "qcom,qseecom", "qcom,secure-sp-tz"],
        notes: &[UNLISTED],
    },
    // Modes come from elsewhere there, or stay root's: a draft says that it does not know.
    Expected {
        board: "fairphone",
        protected: Some("qcom,secure-pixel"),
        preview: SYSTEM,
        asked: &["qcom,secure-non-pixel", "qcom,display"],
        notes: &["no line for ueventd", "qcom,secure-pixel"],
    },
    Expected {
        // The same memory has two names there; the platform labels this one.
        board: "galaxy",
        protected: Some("system-secure-vframe-secure"),
        preview: &["camera-uncached", "camera", "system"],
        asked: &[
            "vframe-secure",
            "vscaler-secure",
            "secure_camera-secure",
            "system-secure-gpu_buffer-secure",
            "crypto",
        ],
        notes: &["\"system\" is assumed"],
    },
    Expected {
        board: "mediatek",
        protected: Some("mtk_svp_page-uncached"),
        preview: &["system"],
        asked: &["mtk_prot_region", "mtk_wfd_region", "mtk_2d_fr_region", "mtk_sapu_data_shm_region", "mtk_mm"],
        notes: &["\"system\" is assumed"],
    },
    // A listing of a Linux, where everything is root's: regions are left out, and why is said.
    Expected {
        board: "rockchip",
        protected: None,
        preview: SYSTEM,
        asked: &["cma", "cma-uncached", "system-dma32", "system-uncached-dma32"],
        notes: &["cma is closed to the service (0600 root root", "system is closed to the service"],
    },
    // Two names of one region are one heap.
    Expected {
        board: "rock5b",
        protected: None,
        preview: &["cma", "system-uncached", "system"],
        asked: &[],
        notes: &[],
    },
    Expected { board: "rpi5", protected: None, preview: &["cma", "system"], asked: &["vidbuf_cached"], notes: &[] },
    Expected {
        board: "amlogic",
        protected: None,
        preview: &["cma", "system-uncached", "system"],
        asked: &["heap-gfx", "heap-codecmm", "heap-cached-codecmm", "heap-system"],
        notes: &[],
    },
    Expected { board: "nxp", protected: None, preview: &["cma-uncached", "cma", "system"], asked: &[], notes: &[] },
    Expected {
        board: "ti",
        protected: None,
        preview: &["cma", "system"],
        asked: &["carveout_vision_apps_shared-memories", "carveout_ai-share-memory@a7000000"],
        notes: &[],
    },
    Expected {
        board: "allwinner",
        protected: None,
        preview: &["cma", "system-uncached", "system"],
        asked: &["carveout", "size_pool"],
        notes: &[],
    },
];

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/boards")
}

#[track_caller]
fn drafted(board: &str) -> (String, Policy) {
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    for entry in fs::read_dir(folder().join(board)).unwrap() {
        let path = entry.unwrap().path();
        files.push((path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(path).unwrap()));
    }
    files.sort();
    let read = Board::read(files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())));
    let read = read.unwrap_or_else(|error| panic!("{board}: {error}"));
    let text = draft_of_board(board, &read).unwrap();
    let linted = lint(Source::text("board.toml", &text, Format::Toml));
    assert!(linted.findings.is_empty(), "{board}: {}\n{text}", linted.render(false));
    common::holds(&linted);
    (text, linted.policy().unwrap().clone())
}

#[test]
fn drafts_of_boards_in_the_field_send_what_is_known_and_ask_about_the_rest() {
    for Expected { board, protected, preview, asked, notes } in BOARDS {
        let (text, policy) = drafted(board);
        let video = plan(&policy, Asked { usage: "PROTECTED|VIDEO_DECODER|COMPOSER_OVERLAY", ..Asked::default() });
        let nodes = video.ok().map(|plan| {
            assert_eq!(plan.heaps.len(), 1, "{board}: {plan:?}");
            policy.heaps.iter().find(|heap| heap.name == plan.heaps[0]).unwrap().nodes.join(" ")
        });
        assert_eq!(nodes.as_deref(), *protected, "{board}\n{text}");
        let camera = Asked { usage: "CAMERA_OUTPUT|GPU_TEXTURE", ..Asked::default() };
        assert_eq!(plan(&policy, camera).unwrap().heaps, *preview, "{board}\n{text}");
        for node in *asked {
            assert!(text.contains(&format!("# nodes = [\"{node}\"]\n")), "{board}: {node} is not asked about\n{text}");
            let used = policy.heaps.iter().any(|heap| heap.nodes.iter().any(|own| own == node));
            assert!(!used, "{board}: {node} is used\n{text}");
        }
        let (head, _) = text.split_once("schema = 1").unwrap();
        for words in *notes {
            assert!(head.contains(words), "{board}: no \"{words}\" in\n{head}");
        }
    }
}

/// Every folder of `tests/boards` is a board of the table.
#[test]
fn every_board_is_tried() {
    let mut there: Vec<String> =
        fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().to_str().unwrap().to_owned()).collect();
    let mut tried: Vec<String> = BOARDS.iter().map(|expected| expected.board.to_owned()).collect();
    there.sort();
    tried.sort();
    assert_eq!(there, tried);
}
