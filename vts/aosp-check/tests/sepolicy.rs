//! The rules pass; with a fault planted in them or in a policy, they do not, and the message names the places.

// In a test a failed unwrap is a failure with a place.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use aosp_check::sepolicy::{self, BoardFiles};
use aosp_check::Report;
use common::{each_is_found, fault, finding, root, Copy, Fault};
use std::fs;
use std::path::{Path, PathBuf};

/// Whether the SELinux tools are there; says so when they are not.
fn tools() -> bool {
    let missing = sepolicy::missing_tools();
    if !missing.is_empty() {
        println!("SKIP: {} missing; apt-get install {}", missing.join(", "), sepolicy::PACKAGES.join(" "));
    }
    missing.is_empty()
}

const REFERENCE: &str = "heaps-config/profiles/reference-soc.toml";
const RULES: &str = "sepolicy/heaps/reference-soc/heaps.te";

#[test]
fn the_project_is_clean() {
    if !tools() {
        return;
    }
    let report = sepolicy::check(&root()).unwrap();
    assert!(report.is_clean(), "{report}");
}

const FAULTS: &[Fault<'_>] = &[
    // What the platform forbids.
    fault(
        RULES,
        "\n# camera\n",
        "\nallow surfaceflinger dmabuf_system_uncached_heap_device:chr_file { open read };\n# camera\n",
        "checkpolicy refuses it",
    )
    .at("sepolicy/"),
    fault(
        "sepolicy/vendor/hal_graphics_allocator_default.te",
        "proc_meminfo:file r_file_perms;",
        "proc_meminfo:file r_file_perms;\nallow untrusted_app hal_graphics_allocator_service:service_manager add;",
        "checkpolicy refuses it",
    )
    .at("sepolicy/vendor/hal_graphics_allocator_default.te:5"),
    fault(
        "sepolicy/vendor/hal_graphics_allocator_default.te",
        "proc_meminfo:file r_file_perms;",
        "proc_meminfo:file r_file_perms;\nallow hal_graphics_allocator_default self:process execheap;",
        "checkpolicy refuses it",
    )
    .at("sepolicy/vendor/hal_graphics_allocator_default.te:5"),
    fault(
        "sepolicy/vendor/hal_graphics_allocator_default.te",
        "proc_meminfo:file r_file_perms;",
        "proc_meminfo:file r_file_perms;\nallow surfaceflinger proc:file { open read };",
        "checkpolicy refuses it",
    ),
    // What the platform's own tests of its labels ask.
    fault(
        "sepolicy/vendor/hal_graphics_allocator_default.te",
        "type vendor_sysfs_dma_heap, fs_type, sysfs_type;",
        "type vendor_sysfs_dma_heap, fs_type;",
        "vendor_sysfs_dma_heap labels /module/dma_heap/parameters/mem_accounting of sysfs and lacks the attribute sysfs_type",
    )
    .at("sepolicy/vendor/genfs_contexts:4"),
    fault(
        "sepolicy/vendor/genfs_contexts",
        "genfscon sysfs /module/dma_heap/parameters/mem_accounting",
        "genfscon proc /sys/fs/inotify/max_user_watches",
        "of proc and lacks the attribute proc_type",
    )
    .at("sepolicy/vendor/genfs_contexts:4"),
    fault(
        RULES,
        "type dmabuf_sensor_heap_device, dmabuf_heap_device_type, dev_type;",
        "type dmabuf_sensor_heap_device, dmabuf_heap_device_type;",
        "and lacks the attribute dev_type",
    )
    .at("sepolicy/heaps/reference-soc/file_contexts:"),
    fault(
        "sepolicy/vendor/file_contexts",
        "u:object_r:same_process_hal_file:s0",
        "u:object_r:servicemanager_exec:s0",
        "and lacks the attribute vendor_file_type",
    ),
    // What the service needs.
    fault(
        "sepolicy/vendor/hal_graphics_allocator_default.te",
        "allow hal_graphics_allocator_default proc_meminfo:file r_file_perms;",
        "",
        "does not allow hal_graphics_allocator_default proc_meminfo:file open",
    )
    .at("sepolicy/vendor"),
    fault(
        "sepolicy/vendor/hal_graphics_allocator_default.te",
        "proc_pressure_mem:file rw_file_perms;",
        "proc_pressure_mem:file r_file_perms;",
        "does not allow hal_graphics_allocator_default proc_pressure_mem:file write",
    )
    .at("sepolicy/vendor"),
    fault(
        "sepolicy/vendor/dmabuf.te",
        "type vendor_dmabuf_fs, fs_type;",
        "type vendor_dmabuf_fs;",
        "does not allow untrusted_app vendor_dmabuf_fs:filesystem getattr",
    )
    .at("sepolicy/vendor"),
    fault(
        "sepolicy/vendor/genfs_contexts",
        "genfscon dmabuf /",
        "genfscon dma_buf /",
        "has to say `genfscon dmabuf / u:object_r:vendor_dmabuf_fs:s0`",
    )
    .at("sepolicy/vendor/genfs_contexts"),
    fault(
        RULES,
        "allow hal_graphics_allocator_default dmabuf_camera_heap_device:chr_file r_file_perms;\n",
        "",
        "does not allow hal_graphics_allocator_default dmabuf_camera_heap_device:chr_file open",
    )
    .at(RULES),
    // Rules and policy.
    fault(
        RULES,
        "type dmabuf_sensor_heap_device, dmabuf_heap_device_type, dev_type;\n\
         allow hal_graphics_allocator_default dmabuf_sensor_heap_device:chr_file r_file_perms;\n",
        "",
        "the heap sensor has no SELinux type dmabuf_sensor_heap_device",
    )
    .at("heaps-config/profiles/reference-soc.toml:"),
    fault(
        REFERENCE,
        "nodes = [\"sensor_direct_heap\"]",
        "nodes = [\"sensor_direct_heap\", \"sensors\"]",
        "is not what its policy asks for",
    )
    .at("sepolicy/heaps/reference-soc/"),
    // Labels.
    fault(
        "sepolicy/vendor/file_contexts",
        "mapper\\.dmaheap",
        "mapper\\.dmahaep",
        "/vendor/lib64/hw/mapper.dmaheap.so is labelled vendor_file and has to be same_process_hal_file",
    )
    .at("sepolicy/vendor/file_contexts"),
    fault(
        "sepolicy/vendor/file_contexts",
        "hal_graphics_allocator_default_exec",
        "hal_graphics_allocator_exec",
        "sefcontext_compile refuses it",
    )
    .at("sepolicy/"),
    fault(
        "sepolicy/vendor/service_contexts",
        "mapper/dmaheap",
        "mapper/heap",
        "mapper/dmaheap is labelled default_android_service",
    )
    .at("sepolicy/vendor/service_contexts"),
];

#[test]
fn every_fault_is_found_and_its_file_named() {
    if !tools() {
        return;
    }
    each_is_found(FAULTS, sepolicy::check);
}

/// The platform's compilers take these, whatever one thinks of them: a device may need one.
#[test]
fn what_the_platform_does_not_forbid_is_not_refused() {
    if !tools() {
        return;
    }
    for rule in ["proc:file r_file_perms", "self:process execmem", "dmabuf_system_heap_device:chr_file append"] {
        let copy = Copy::new();
        copy.replace(
            "sepolicy/vendor/hal_graphics_allocator_default.te",
            "proc_meminfo:file r_file_perms;",
            &format!("proc_meminfo:file r_file_perms;\nallow hal_graphics_allocator_default {rule};"),
        );
        let report = sepolicy::check(copy.root()).unwrap();
        assert!(!report.findings.iter().any(|found| found.message.contains("refuses it")), "{rule}: {report}");
    }
}

#[test]
fn a_heap_that_a_policy_gains_has_no_type_until_it_is_written() {
    if !tools() {
        return;
    }
    let copy = Copy::new();
    let policy = copy.root().join("heaps-config/profiles/cuttlefish.toml");
    let text = fs::read_to_string(&policy).unwrap();
    let more = text
        .replacen("[[heap]]", "[[heap]]\nname = \"gpu\"\nnodes = [\"gpu-carveout\"]\n\n[[heap]]", 1)
        .replacen("heaps = [\"system\"]", "heaps = [\"gpu\", \"system\"]", 1);
    assert_ne!(more, text);
    fs::write(&policy, more).unwrap();
    let report = sepolicy::check(copy.root()).unwrap();
    let found = finding(&report, "the heap gpu has no SELinux type dmabuf_gpu_heap_device");
    assert_eq!(found.other.as_ref().unwrap().file, "sepolicy/heaps/cuttlefish/heaps.te");

    let written = sepolicy::write(copy.root()).unwrap();
    assert_eq!(written.len(), 3, "{written:?}");
    let report = sepolicy::check(copy.root()).unwrap();
    assert!(report.is_clean(), "{report}");
    assert!(sepolicy::write(copy.root()).unwrap().is_empty(), "the same policy gives the same bytes");
}

#[test]
fn a_guest_gets_rules_and_labels_and_without_a_rule_other_ones() {
    if !tools() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let guest = |name: &str, without: Option<&str>| {
        sepolicy::for_guest(&root(), Path::new(REFERENCE), &folder.path().join(name), without)
    };
    let whole = guest("whole", None).unwrap();
    let labels = fs::read_to_string(&whole[1]).unwrap();
    assert!(labels.contains("/bin/rsb_hub") && labels.contains("/dev/dma_heap/camera") && labels.contains("mapper"));
    let part = guest("part", Some("dmabuf_camera_heap_device:chr_file")).unwrap();
    assert_ne!(fs::read(&whole[0]).unwrap(), fs::read(&part[0]).unwrap());
    let error = guest("none", Some("no such rule")).unwrap_err();
    assert!(error.to_string().contains("no such rule"), "{error:#}");
}

#[test]
fn rules_without_a_policy_are_found() {
    if !tools() {
        return;
    }
    let copy = Copy::new();
    let folder = copy.root().join("sepolicy/heaps/old-board");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("heaps.te"), "").unwrap();
    let report = sepolicy::check(copy.root()).unwrap();
    finding(&report, "sepolicy/heaps/old-board: no policy has heaps that need it");
}

#[test]
fn a_node_of_two_heaps_has_no_label() {
    if !tools() {
        return;
    }
    let copy = Copy::new();
    copy.replace(REFERENCE, "nodes = [\"faprev-secure\"]", "nodes = [\"faprev-secure\", \"farawimg-secure\"]");
    let report = sepolicy::check(copy.root()).unwrap();
    let found = finding(&report, "the heaps secure-raw and secure-preview both have the node farawimg-secure");
    assert_eq!(found.place.file, REFERENCE);
}

/// Other allocators' policies, and drafts of lists that devices have: rules and labels compile over the platform's own types,
/// for heaps that are called as the platform's too.
#[test]
fn rules_of_peers_and_drafts_compile_over_the_platform_s_types() {
    if !tools() {
        return;
    }
    let copy = Copy::new();
    let profiles = copy.root().join("heaps-config/profiles");
    fs::remove_dir_all(&profiles).unwrap();
    fs::remove_dir_all(copy.root().join("sepolicy/heaps")).unwrap();
    fs::create_dir(&profiles).unwrap();
    for name in ["pixel", "qualcomm", "rockchip"] {
        let from = root().join(format!("heaps-config/vendors/{name}.toml"));
        fs::copy(from, profiles.join(format!("{name}.toml"))).unwrap();
    }
    let lists: [(&str, &[&str]); 4] = [
        ("qualcomm-draft", &["linux,cma", "qcom,secure-non-pixel", "qcom,secure-pixel", "qcom,system", "system"]),
        ("qualcomm-alone", &["qcom,system", "qcom,system-uncached", "qcom,secure-pixel"]),
        ("mediatek", &["system", "mtk_mm", "mtk_mm-uncached", "mtk_svp_region", "mtk_svp_page-uncached"]),
        ("samsung", &["system", "system-secure-vframe-secure", "camera", "camera-uncached", "linux,cma@10000000"]),
    ];
    for (name, nodes) in lists {
        let text = heaps_host::draft(name, nodes.iter().copied()).unwrap();
        fs::write(profiles.join(format!("{name}.toml")), text).unwrap();
    }
    // Boards in the field, by their own files.
    for board in fs::read_dir(root().join("heaps-config/host/tests/boards")).unwrap() {
        let board = board.unwrap().path();
        let read = |entry: std::io::Result<fs::DirEntry>| fs::read(entry.unwrap().path()).unwrap();
        let files: Vec<Vec<u8>> = fs::read_dir(&board).unwrap().map(read).collect();
        let name = format!("field-{}", board.file_name().unwrap().to_str().unwrap());
        let read = heaps_host::board::Board::read(files.iter().map(|bytes| ("file", bytes.as_slice()))).unwrap();
        let text = heaps_host::draft_of_board(&name, &read).unwrap();
        fs::write(profiles.join(format!("{name}.toml")), text).unwrap();
    }
    sepolicy::write(copy.root()).unwrap();
    let report = sepolicy::check(copy.root()).unwrap();
    assert!(report.is_clean(), "{report}");
    let rules =
        |name: &str, file: &str| fs::read_to_string(copy.root().join("sepolicy/heaps").join(name).join(file)).unwrap();
    for name in ["qualcomm", "qualcomm-draft", "qualcomm-alone"] {
        let (types, labels) = (rules(name, "heaps.te"), rules(name, "file_contexts"));
        assert!(!types.contains("type dmabuf_system_heap_device"), "{types}");
        let own =
            if name == "qualcomm-alone" { "vendor_dmabuf_system_heap_device" } else { "dmabuf_system_heap_device" };
        let label = labels.lines().find(|line| line.starts_with("/dev/dma_heap/qcom,system ")).unwrap();
        assert!(label.ends_with(&format!("u:object_r:{own}:s0")), "{labels}");
    }
}

#[test]
fn a_board_s_policy_is_checked_by_itself() {
    if !tools() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let names = ["system", "qcom,system", "linux,cma", "vframe-secure"];
    let text = heaps_host::draft("board", names).unwrap();
    // An address, whose `@` a label has to escape.
    let text = text.replacen("nodes = [\"linux,cma\"", "nodes = [\"linux,cma@10000000\"", 1);
    assert!(text.contains("@10000000"), "{text}");
    fs::write(folder.path().join("board.toml"), &text).unwrap();
    let report =
        sepolicy::check_board(&root(), folder.path(), Path::new("board.toml"), &BoardFiles::default()).unwrap();
    assert!(report.is_clean() && report.notes.iter().any(|note| note.contains("3 heaps and")), "{report}");
    let shared = text.replacen("nodes = [\"vframe-secure\"]", "nodes = [\"vframe-secure\", \"x\"]", 1)
        + "\n[[heap]]\nname = \"x\"\nprotected = true\n";
    fs::write(folder.path().join("shared.toml"), shared).unwrap();
    let error =
        sepolicy::check_board(&root(), folder.path(), Path::new("shared.toml"), &BoardFiles::default()).unwrap_err();
    assert!(error.to_string().contains("both have the node x"), "{error:#}");
}

/// Nodes that a board labels already keep their labels and types; the service is granted them, and gets no second line.
#[test]
fn a_board_s_own_labels_are_kept() {
    if !tools() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let boards = root().join("heaps-config/host/tests/boards");
    for (board, declared, own) in [
        ("pixel8", "dmabuf_camera_heap_device", "gcma_camera_heap_device"),
        ("xperia", "dmabuf_protected_heap_device", "vendor_dmabuf_secure_pixel"),
        ("mediatek", "dmabuf_protected_heap_device", ""),
    ] {
        let contexts = boards.join(board).join("file_contexts");
        let bytes = fs::read(&contexts).unwrap();
        let read = heaps_host::board::Board::read([("file_contexts", bytes.as_slice())]).unwrap();
        let file = format!("{board}.toml");
        fs::write(folder.path().join(&file), heaps_host::draft_of_board(board, &read).unwrap()).unwrap();
        let (here, file) = (folder.path(), Path::new(&file));
        let contexts = [contexts];
        let report = sepolicy::check_board(&root(), here, file, &labels(&contexts)).unwrap();
        assert!(report.is_clean(), "{board}: {report}");
        let profile = sepolicy::read_policy(here, file).unwrap();
        let types = sepolicy::labels_of(here, &profile, &contexts).unwrap();
        let generated = sepolicy::generate::of(&profile.document, &types).unwrap();
        let files = generated.files();
        let text = |name: &str| files.iter().find(|(file, _)| *file == name).map_or("", |(_, text)| text.as_str());
        let rules = text(sepolicy::generate::RULES);
        assert!(!rules.contains(&format!("type {declared},")), "{board}: {rules}");
        if !own.is_empty() {
            assert!(rules.contains(&format!("allow hal_graphics_allocator_default {own}:chr_file")), "{rules}");
            assert!(!rules.contains(&format!("type {own}")), "{rules}");
        }
        for node in types.keys() {
            assert!(!text(sepolicy::generate::LABELS).contains(&format!("/{node} ")), "{board}: {node}");
        }
    }
    // One heap, two types.
    let policy = heaps_host::draft("two", ["system", "qcom,system"]).unwrap();
    let policy = policy.replacen("nodes = [\"system\", \"qcom,system\"]", "nodes = [\"a\", \"b\"]", 1);
    fs::write(folder.path().join("two.toml"), policy).unwrap();
    let text = "/dev/dma_heap/a u:object_r:one:s0\n/dev/dma_heap/b u:object_r:other:s0\n";
    fs::write(folder.path().join("fc"), text).unwrap();
    let check = sepolicy::check_board(&root(), folder.path(), Path::new("two.toml"), &labels(&["fc".into()]));
    assert!(check.unwrap_err().to_string().contains("are labelled one and other"));
}

fn labels(files: &[PathBuf]) -> BoardFiles<'_> {
    BoardFiles { labels: files, ..BoardFiles::default() }
}

/// What is wrong in a board's own files is a finding with its file and line.
#[test]
fn a_board_s_own_files_are_checked() {
    if !tools() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    fs::write(here.join("board.toml"), fs::read(root().join(REFERENCE)).unwrap()).unwrap();
    let (fc, rc): ([PathBuf; 1], [PathBuf; 1]) = (["fc".into()], ["rc".into()]);
    let check = |contexts: &str, ueventd: Option<&str>| {
        fs::write(here.join("fc"), contexts).unwrap();
        ueventd.into_iter().for_each(|text| fs::write(here.join("rc"), text).unwrap());
        let ueventd: &[PathBuf] = if ueventd.is_some() { &rc } else { &[] };
        sepolicy::check_board(&root(), here, Path::new("board.toml"), &BoardFiles { labels: &fc, ueventd }).unwrap()
    };
    let at = |report: &Report, place: &str, words: &str| {
        let found = finding(report, words);
        assert_eq!(found.place.to_string(), place, "{report}");
    };
    let report = check("<manifest version=\"2.0\" type=\"device\"></manifest>\n", None);
    at(&report, "fc:1", "it has a VINTF manifest in it, not SELinux labels");
    let report = check(
        "/dev/dma_heap/vframe-secure u:object_r:dmabuf_system_heap_device:s0\n\
         /dev/dma_heap/system u:object_r:vendor_mine_device:s0\n\
         /dev/dma_heap/camera u:object_r:one_device:s0\n\
         /dev/dma_heap/camera u:object_r:other_device:s0\n\
         /vendor/bin/x u:object_r:x_exec\n",
        None,
    );
    at(
        &report,
        "fc:1",
        "vframe-secure is known as protected, and its label dmabuf_system_heap_device lets apps open it",
    );
    at(&report, "fc:2", "system is labelled dmabuf_system_heap_device by the platform and vendor_mine_device here");
    at(&report, "fc:4", "/dev/dma_heap/camera is other_device here and one_device before: a path has one label");
    at(&report, "fc:5", "the label u:object_r:x_exec has no level");
    assert_eq!(report.findings.len(), 4, "{report}");
    // A name that nobody knows, protected by the policy.
    let policy = fs::read_to_string(here.join("board.toml")).unwrap();
    fs::write(here.join("board.toml"), policy.replace("nodes = [\"vframe-secure\"", "nodes = [\"x-frames\"")).unwrap();
    let report = check("/dev/dma_heap/x-frames u:object_r:dmabuf_system_heap_device:s0\n", None);
    at(&report, "fc:1", "x-frames is protected by the policy, and its label");
    fs::write(here.join("board.toml"), policy).unwrap();

    let report = check("/vendor/bin/x u:object_r:x_exec:s0\n", Some("/dev/dma_heap/camera 0600 root root\n"));
    at(&report, "rc:1", "camera is closed to the service (0600 root root");
    at(&report, "rc:1", "no line for ueventd is about");
    let report = check("/vendor/bin/x u:object_r:x_exec:s0\n", Some("/dev/dma_heap/* 0440 system graphics\n"));
    assert!(report.is_clean(), "{report}");
    let report = check("/vendor/bin/x u:object_r:x_exec:s0\n", Some("/vendor/bin/x u:object_r:x_exec:s0\n"));
    at(&report, "rc:1", "it has SELinux labels in it, not lines for ueventd");
}
