//! Drafts from a board's own files, of an invented board in the formats that devices have.
// A failed unwrap is a failed test.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
#![cfg(feature = "board")]

mod common;

use common::{plan, Asked};
use gralloc_buffer::{Layout, PixelFormat};
use heaps_config::Policy;
use heaps_host::board::{Board, FileKind, MAX_FILE_BYTES};
use heaps_host::{draft_of_board, lint, Format, Source};

const LISTING: &str = "\
total 0
crw-r--r-- 1 system graphics u:object_r:dmabuf_system_heap_device:s0        251,  0 2026-01-09 08:30 system
crw-r--r-- 1 system graphics u:object_r:dmabuf_system_heap_device:s0        251,  1 2026-01-09 08:30 system-uncached
crw-r--r-- 1 system camera   u:object_r:vendor_lake_heap_device:s0          251,  2 2026-01-09 08:30 lake,preview
crw-r--r-- 1 system drmrpc   u:object_r:dmabuf_system_secure_heap_device:s0 251,  3 2026-01-09 08:30 vframe-secure
crw------- 1 root   root     u:object_r:dmabuf_heap_device:s0               251,  4 2026-01-09 08:30 reserved
crw-r----- 1 system drmrpc   u:object_r:vendor_lake_secure_heap_device:s0   251,  5 2026-01-09 08:30 lake_page-uncached
crw------- 1 tee    tee      u:object_r:vendor_tee_heap_device:s0           251,  6 2026-01-09 08:30 keys
";

const UEVENTD: &str = "\
# the board \"lake\"
import /odm/etc/ueventd.extra.rc
subsystem dma_heap
    devname uevent_devpath
    dirname /dev/dma_heap

/dev/dma_heap/lake,*               0444   system     camera
/dev/dma_heap/vframe-secure        0444   system     drmrpc
/dev/dma_heap/lake_page-uncached   0660   system     drmrpc
/dev/dma_heap/lake_page-uncached   0640   system     drmrpc
/sys/devices/platform/lake  power  0664   system     system
";

const CONTEXTS: &str = "\
/dev/dma_heap/lake,preview              u:object_r:vendor_lake_heap_device:s0
/dev/dma_heap/vframe-secure      -c     u:object_r:dmabuf_system_secure_heap_device:s0
/dev/dma_heap/lake_.*                   u:object_r:vendor_other_heap_device:s0
/dev/dma_heap/lake_page-uncached        u:object_r:vendor_lake_secure_heap_device:s0
/dev/dma_heap/lake_old(/.*)?     -d     u:object_r:vendor_lake_heap_device:s0
/vendor/bin/hw/lake                     u:object_r:lake_exec:s0
";

const MANIFEST: &str = "\
<manifest version=\"2.0\" type=\"device\">
    <hal format=\"hidl\">
        <name>android.hardware.graphics.allocator</name>
        <transport>hwbinder</transport>
        <version>4.0</version>
        <interface><name>IAllocator</name><instance>default</instance></interface>
    </hal>
    <hal format=\"native\">
        <name>mapper</name>
        <version>5.0</version>
        <interface><instance>lake</instance></interface>
    </hal>
</manifest>
";

const INIT: &str = "\
service vendor.gralloc-4-0 /vendor/bin/hw/android.hardware.graphics.allocator@4.0-service
    class hal animation
    user system
    group graphics drmrpc lake
";

fn read(files: &[(&str, &str)]) -> Board {
    Board::read(files.iter().map(|(name, text)| (*name, text.as_bytes()))).unwrap()
}

#[track_caller]
fn drafted(files: &[(&str, &str)]) -> (String, Policy) {
    let text = draft_of_board("lake", &read(files)).unwrap();
    let linted = lint(Source::text("lake.toml", &text, Format::Toml));
    assert!(linted.findings.is_empty(), "{}\n{text}", linted.render(false));
    common::holds(&linted);
    (text, linted.policy().unwrap().clone())
}

#[track_caller]
fn says(text: &str, words: &str) {
    let whole: String = text.lines().map(|line| format!("{}\n", line.trim_start_matches(['#', ' ']))).collect();
    assert!(whole.contains(words), "no \"{words}\" in\n{text}");
}

#[test]
fn files_are_recognised_by_what_is_in_them() {
    let kinds = [
        ("a", "system\nlinux,cma\n", FileKind::Names),
        ("b", LISTING, FileKind::Listing),
        ("c", UEVENTD, FileKind::Ueventd),
        ("d", CONTEXTS, FileKind::FileContexts),
        ("e", MANIFEST, FileKind::Manifest),
        ("f", INIT, FileKind::Init),
        (
            "g",
            r#"{"policy": "p", "heaps": [{"name": "s", "node": "system"}], "unclaimed_nodes": ["x"]}"#,
            FileKind::Dump,
        ),
    ];
    for (name, text, kind) in kinds {
        assert_eq!(read(&[(name, text)]).files, [(name.to_owned(), kind)]);
        let dos = text.replace('\n', "\r\n");
        let board = read(&[(name, &dos)]);
        assert_eq!(board.files, [(name.to_owned(), kind)], "with CRLF");
        assert_eq!(board.names().collect::<Vec<_>>(), read(&[(name, text)]).names().collect::<Vec<_>>());
    }
}

#[test]
fn a_board_s_files_together_place_its_heaps() {
    let files = [
        ("ls", LISTING),
        ("ueventd.rc", UEVENTD),
        ("file_contexts", CONTEXTS),
        ("vintf.xml", MANIFEST),
        ("hw.rc", INIT),
    ];
    let (text, policy) = drafted(&files);
    let protected = plan(&policy, Asked { usage: "PROTECTED", ..Asked::default() }).unwrap();
    assert_eq!(protected.heaps, ["protected"]);
    assert_eq!(
        (protected.layout, protected.stride, protected.planes.len()),
        (Layout::of(PixelFormat::Rgba8888).unwrap(), 64, 1)
    );
    // Protected by its label alone, and uncached without a sibling: asked about, and used by no rule.
    says(&text, "Protected, by its label.");
    says(&text, "nodes = [\"lake_page-uncached\"]\nprotected = true\ncached = false\n");
    // Not the service's to open, and no ordinary memory.
    says(&text, "reserved is closed to the service (0600 root root");
    says(&text, "A trusted environment's, by its label");
    says(&text, "nodes = [\"keys\"]\nprotected = true\n");
    assert!(
        policy.heaps.iter().all(|heap| !heap.nodes.iter().any(|node| node == "reserved" || node == "keys")),
        "{text}"
    );
    // What there is to be seen to, each with its place.
    for note in [
        "ueventd.rc:2: /odm/etc/ueventd.extra.rc is imported and was not given",
        "ueventd.rc:10: /dev/dma_heap/lake_page-uncached has another line before, which says otherwise: this one counts (ueventd.rc:9)",
        "vintf.xml:2: hidl android.hardware.graphics.allocator 4.0 is to be removed",
        "vintf.xml:8: mapper instance lake is to be replaced by dmaheap",
        "hw.rc:1: the allocator vendor.gralloc-4-0",
        "hw.rc:4: vendor.gralloc-4-0",
        "ls:6: reserved has no label of its own",
    ] {
        says(&text, note);
    }
    assert!(!text.contains("labelled vendor_lake"), "the exact line counts before the pattern: {text}");
}

#[test]
fn a_label_that_contradicts_the_name_keeps_the_heap_out() {
    let listing = "crw-r--r-- 1 system system 250, 0 2026-01-09 08:30 system\n\
                   crw-r--r-- 1 system system 250, 1 2026-01-09 08:30 vframe-secure\n\
                   crw-r--r-- 1 system system 250, 2 2026-01-09 08:30 linux,cma\n";
    let contexts = "/dev/dma_heap/vframe-secure u:object_r:dmabuf_system_heap_device:s0\n\
                    /dev/dma_heap/linux,cma     u:object_r:vendor_secure_heap_device:s0\n";
    let (text, policy) = drafted(&[("ls", listing), ("fc", contexts)]);
    assert!(plan(&policy, Asked { usage: "PROTECTED", ..Asked::default() }).is_err(), "{text}");
    assert_eq!(policy.heaps.len(), 1, "{text}");
    says(&text, "fc:1: vframe-secure is known as protected, and its label dmabuf_system_heap_device lets apps open it");
    says(&text, "fc:2: linux,cma is known as ordinary memory, and its label vendor_secure_heap_device says protected");
    says(&text, "The name and the label say different things");
}

#[test]
fn without_a_listing_what_is_not_named_is_unknown_and_not_absent() {
    let (text, policy) = drafted(&[(
        "ueventd.rc",
        "/dev/dma_heap/gcma_camera 0444 system system\n/dev/dma_heap/qcom,* 0444 system system\n",
    )]);
    assert_eq!(policy.heaps.iter().map(|heap| heap.name.as_str()).collect::<Vec<_>>(), ["system", "camera"]);
    says(&text, "\"system\" is assumed");
    says(&text, "may be there all the same");
}

#[test]
fn a_line_for_a_node_that_the_device_lacks_is_said_and_left_out() {
    let (text, policy) = drafted(&[("names", "system\n"), ("fc", CONTEXTS)]);
    assert_eq!(policy.heaps.len(), 1);
    says(&text, "fc:2: vframe-secure has a line here and is not on the device");
}

#[test]
fn what_ueventd_gives_and_the_device_has_are_compared() {
    let listing = "crw-rw---- 1 system audio 250, 0 2026-01-09 08:30 system\n";
    let (text, _) = drafted(&[("ls", listing), ("u", "/dev/dma_heap/system 0444 system system\n")]);
    says(&text, "ls:1: system is 0660 system audio, and ueventd's line says 0444 system system");
}

#[test]
fn files_of_another_kind_or_cut_off_are_refused_with_their_line() {
    let refused = |text: &[u8]| Board::read([("f", text)]).unwrap_err().to_string();
    let long = vec![b'a'; 10 << 20];
    assert!(refused(&long).contains("f:1: longer than 4 MiB") && long.len() > MAX_FILE_BYTES);
    assert!(refused(b"\x7fELF\x02\x01\x01\x00").contains("f:1: a binary file"));
    assert!(refused(b"system\nsystem-\xff\n").contains("f:2: not UTF-8"));
    assert!(refused(b"").contains("f:1: empty"));
    assert!(refused(b"# only\n\n").contains("f:1: empty"));
    assert!(refused(b"the quick brown fox\n").contains("f:1: of no known kind"));
    assert!(refused(b"system\n\x1b[0;34mreserved\x1b[0m\n").contains("f:2: colours of a terminal"));
    assert!(refused(b"crw-r--r-- 1 system system 250, 0 2026-01-09 08:30 system\ncrw-r--r-- 1 sys\n")
        .contains("f:2: no line of `ls -l`"));
    assert!(refused(b"crw-r--r-- 1 system system 250, 0 2026-01-09 08:30 system\ncrw-r--r-- 1 system system 250\n")
        .contains("f:2: "));
    let entry = "crw-r--r-- 1 system system 250, 0 2026-01-09 08:30 system\n";
    for cut in [
        "crw-r--r-- 1 system system 251, 0\n",
        "crw-r--r-- 1 system system 250, 0 2026-01-09\n",
        "crw-r--r-- 1 system system 250, 0 2026-01-09 08:30\n",
        "crw-r--r-- 1 system system 250, 0 Jan  9 08:30\n",
        "crw-r--r-- 1 system system u:object_r:a:s0 251, 0\n",
        "crw-r--r-- 1 system system u:object_r:a:s0 250, 0 2026-01-09\n",
    ] {
        let said = refused(format!("{entry}{cut}").as_bytes());
        assert!(said.contains("f:2: the line ends before the node's name"), "{cut}{said}");
    }
    assert!(refused(b"drwxr-xr-x 2 root root 40 2026-01-09 08:30 heaps\n").contains("f:1: \"heaps\" is no heap"));
    assert!(
        refused(b"/dev/a 0444 system system\n/dev/dma_heap/b 0444 sys\n").contains("f:2: /dev/dma_heap/b has no mode")
    );
    assert!(refused(b"/dev/a 0444 system system\n/dev/dma_heap/b rw-r system system\n")
        .contains("f:2: \"rw-r\" is no mode"));
    assert!(refused(b"/dev/a u:object_r:a:s0\n/dev/dma_heap/b\n").contains("f:2: /dev/dma_heap/b has no label"));
    assert!(refused(b"/dev/a u:object_r:a:s0\n/dev/dma_heap/( u:object_r:b:s0\n")
        .contains("f:2: /dev/dma_heap/( is no regular"));
    let many = "/dev/a u:object_r:a:s0\n".repeat(4097);
    assert!(refused(many.as_bytes()).contains("f:4097: more than 4096 lines about /dev"));
    assert!(refused(b"<manifest>\n<hal>\n").contains("no well-formed XML"));
    assert!(refused(b"\n<compatibility-matrix>\n</compatibility-matrix>\n").contains("f:2: XML of another kind"));
    assert!(refused(b"{\"policy\": 1,\n").contains("f:2: no well-formed JSON"));
    assert!(refused(b"{\"schema\": 1}").contains("f:1: JSON of another kind"));
}

/// Of two listings that contradict, neither is known to be right: it is said, and the one that is closed is gone by.
#[test]
fn two_listings_that_contradict_are_a_note() {
    let entry = |mode: &str, label: &str| {
        format!("{mode} 1 system graphics u:object_r:{label}:s0 250,  0 2026-01-09 08:30 cma\n")
    };
    let (open, closed) = (entry("crw-r--r--", "a"), entry("c---------", "b"));
    for (one, other) in [(&open, &closed), (&closed, &open)] {
        let board = read(&[("one", one), ("two", other)]);
        let said = |words: &str| board.notes.iter().any(|note| note.to_string().contains(words));
        assert!(said("in another listing (one:1)") && said("cma is labelled"), "{:?}", board.notes);
        assert!(!board.nodes["cma"].access().unwrap().is_open_to_service());
    }
    assert!(read(&[("one", &open), ("two", &open)]).notes.is_empty());
}

#[test]
fn names_that_are_none_are_refused_with_the_name() {
    let refused = |text: &str| Board::read([("f", text.as_bytes())]).unwrap_err().to_string();
    let entry = |date: &str, name: &str| format!("crw-r--r-- 1 system graphics 250,  0 {date} {name}\n");
    for date in ["2026-01-09 08:30", "2026-01-09 08:30:00.0 +0000", "Jan  9 08:30", "Jan  9  2025"] {
        assert_eq!(read(&[("f", &entry(date, "cma"))]).names().collect::<Vec<_>>(), ["cma"], "{date}");
        for name in ["my heap", "h\u{e9}ap"] {
            let words = format!("f:1: \"{name}\" is no name of a heap: visible ASCII without spaces");
            assert!(refused(&entry(date, name)).starts_with(&words), "{}", refused(&entry(date, name)));
        }
    }
    for name in ["my heap", "h\u{e9}ap"] {
        assert!(refused(&format!("system\n{name}\n")).starts_with(&format!("f:2: \"{name}\" is no name of a heap")));
    }
    assert!(refused("one of no kind\nand another\n").contains("of no known kind"));
}

#[test]
fn a_star_of_ueventd_s_that_is_about_several_heaps_is_in_the_head() {
    let files = [
        ("ls", "system\nmine\nother\n"),
        ("rc", "/dev/dma_heap/system 0444 system system\n/dev/dma_heap/* 0440 system drmrpc\n"),
    ];
    let (text, _) = drafted(&files);
    let (head, _) = text.split_once("schema = 1").unwrap();
    assert!(head.contains("rc:2: /dev/dma_heap/* gives several heaps one mode and owner: mine other system"), "{head}");
    let (text, _) = drafted(&[files[0], ("rc", "/dev/dma_heap/mi* 0440 system drmrpc\n")]);
    assert!(!text.contains("several heaps"), "{text}");
}

#[test]
fn labels_that_would_not_build_are_wrong() {
    let board = read(&[
        ("ls", "system\nmine\n"),
        (
            "fc",
            "/dev/dma_heap/mine u:object_r:one:s0\n/dev/dma_heap/mine u:object_r:other\n/dev/dma_heap/system u:object_r:x:s0\n",
        ),
    ]);
    let wrong: Vec<String> = board.notes.iter().filter(|note| note.is_wrong).map(ToString::to_string).collect();
    assert_eq!(wrong.len(), 3, "{wrong:#?}");
    assert!(wrong[0].starts_with("fc:2: /dev/dma_heap/mine is other here and one before"), "{wrong:#?}");
    assert!(wrong[1].starts_with("fc:2: the label u:object_r:other has no level: u:object_r:other:s0"), "{wrong:#?}");
    assert!(wrong[2].starts_with("fc:3: system is labelled dmabuf_system_heap_device by the platform"), "{wrong:#?}");
}

/// Names of other boards, as their listings have them: all are in the draft, and none of the questions is answered by a guess.
#[test]
fn other_boards_lists_of_names_are_drafted() {
    for names in [
        "qx,system\nqx,system-uncached\nqx,secure-pixel\nqx,display\nqx,user-contig\nsystem\n",
        "mv_mm\nmv_mm-uncached\nmv_svp_page-uncached\nmv_svp_region\nmv_svp_region-aligned\nsystem\n",
        "cma\ncma-uncached\nsystem\nsystem-dma32\nsystem-uncached\nsystem-uncached-dma32\n",
        "carveout_ai-share-memory@a7000000\nlinux,cma\nlinux,cma-uncached\nsystem\n",
    ] {
        let (text, policy) = drafted(&[("names", names)]);
        for name in names.lines() {
            assert!(text.contains(&format!("\"{name}\"")), "{name}: {text}");
        }
        assert!(plan(&policy, Asked { usage: "PROTECTED", ..Asked::default() }).is_err(), "nobody knows these: {text}");
    }
}
