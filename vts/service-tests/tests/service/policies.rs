//! A policy that is broken, missing or for other heaps; the command line.

use gralloc_buffer::{PixelFormat as Format, Usage};
use service_tests::client::{descriptor, rgba, UNSUPPORTED};
use service_tests::place::{has_kernel_heaps, kernel_heaps};
use service_tests::policy::{heap, rule, PolicyText};
use service_tests::service::{program, Options, Service};
use service_tests::still::Still;
use service_tests::suite::{Test, Verdict};
use service_tests::tests;
use std::process::{Command, Output};

pub(crate) fn tests() -> Vec<Test> {
    tests!["policies":
        policy_missing_ends_the_service_and_names_the_file,
        policy_that_is_no_json_names_file_and_line,
        policy_with_an_unknown_key_names_file_and_key,
        policy_without_a_key_names_file_and_key,
        policy_of_another_schema_names_file_and_key,
        policy_that_names_an_unknown_heap_names_file_and_key,
        policy_that_lets_protected_content_out_gets_no_ordinary_memory,
        policy_that_is_a_directory_or_empty_is_refused,
        policy_for_other_heaps_serves_and_supports_nothing,
        policy_whose_metadata_heap_is_absent_supports_nothing,
        check_tells_heaps_and_ends,
        two_heaps_on_one_region_are_told_in_check_and_dump,
        who_is_charged_for_heap_memory_is_told_in_check_and_dump,
        check_without_the_metadata_heap_fails,
        check_of_a_broken_policy_fails,
        stand_ins_say_so_in_log_check_and_dump,
        arguments_that_are_unknown_are_named,
        help_and_version_are_printed,
    ]
}

/// A service that must not start: what it says.
fn refused(policy: Option<&str>) -> String {
    words_of_failure(&Service::run(policy, &Options::default()))
}

fn words_of_failure(output: &Output) -> String {
    let words = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(1), "{words}");
    assert!(!words.contains("panicked"), "{words}");
    words
}

fn changed(from: &str, to: &str) -> String {
    let json = PolicyText::default().json();
    assert!(json.contains(from), "{json}");
    json.replacen(from, to, 1)
}

fn policy_missing_ends_the_service_and_names_the_file() -> Verdict {
    let words = refused(None);
    assert!(words.contains("policy.json") && words.contains("No such file"), "{words}");
    Ok(())
}

fn policy_that_is_no_json_names_file_and_line() -> Verdict {
    let words = refused(Some("{\n \"schema\": 1,\n oops\n}"));
    assert!(words.contains("policy.json") && words.contains("line 3"), "{words}");
    // A person's TOML, not compiled, is the likeliest mistake.
    let words = refused(Some(&PolicyText::default().toml()));
    assert!(words.contains("policy.json") && words.contains("line 1"), "{words}");
    Ok(())
}

fn policy_with_an_unknown_key_names_file_and_key() -> Verdict {
    let words = refused(Some(&changed("\"limits\": {", "\"limits\": {\n \"requst\": 1,")));
    assert!(words.contains("policy.json") && words.contains("limits.requst"), "{words}");
    Ok(())
}

fn policy_without_a_key_names_file_and_key() -> Verdict {
    let words = refused(Some("{\"schema\": 1, \"name\": \"x\"}"));
    assert!(words.contains("policy.json") && words.contains("limits") && words.contains("heap"), "{words}");
    Ok(())
}

fn policy_of_another_schema_names_file_and_key() -> Verdict {
    let words = refused(Some(&changed("\"schema\": 1", "\"schema\": 99")));
    assert!(words.contains("policy.json") && words.contains("schema") && words.contains("99"), "{words}");
    Ok(())
}

fn policy_that_names_an_unknown_heap_names_file_and_key() -> Verdict {
    let words = refused(Some(&changed("\"heaps\": [\n        \"system\"", "\"heaps\": [\n        \"sytsem\"")));
    assert!(words.contains("policy.json") && words.contains("rule") && words.contains("sytsem"), "{words}");
    Ok(())
}

/// The lint refuses such a policy. Should one arrive all the same, the service refuses it too: defence in depth.
fn policy_that_lets_protected_content_out_gets_no_ordinary_memory() -> Verdict {
    let policy = PolicyText {
        rules: rule("protected", "all_of = [\"PROTECTED\"]\nheaps = [\"system\"]")
            + &rule("everything-else", "heaps = [\"system\"]"),
        ..PolicyText::default()
    };
    let service = Service::start(&policy, &Options::default());
    let client = service.connect();
    let still = Still::of(&service);
    let secret = descriptor("secret", 16, 16, Format::Rgba8888, Usage::PROTECTED | Usage::GPU_TEXTURE);
    assert!(!client.supports(&secret));
    assert_eq!(client.refusal(&secret, 1).error(), UNSUPPORTED);
    still.assert_nothing_left();
    client.one(&rgba("good", 16, 16));
    Ok(())
}

fn policy_that_is_a_directory_or_empty_is_refused() -> Verdict {
    assert!(refused(Some("")).contains("policy.json"));
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(program()).arg("--policy").arg(folder.path()).arg("--check").output().unwrap();
    let words = words_of_failure(&output);
    assert!(words.contains(&folder.path().display().to_string()), "{words}");
    // Text that has not been compiled yet.
    let written = folder.path().join("heaps.toml");
    std::fs::write(&written, "schema = 1\n").unwrap();
    let output = Command::new(program()).arg("--policy").arg(written).arg("--check").output().unwrap();
    let words = words_of_failure(&output);
    assert!(words.contains("heapctl compile"), "{words}");
    Ok(())
}

fn policy_for_other_heaps_serves_and_supports_nothing() -> Verdict {
    // A stand-in has every heap; the nodes of a folder are those that are in it.
    let nodes = tempfile::tempdir().unwrap();
    let options = Options {
        heaps: service_tests::place::Heaps::Kernel,
        heap_dir: Some(nodes.path().to_owned()),
        ..Options::default()
    };
    let policy = PolicyText { heaps: heap("system", &["other", "another"], ""), ..PolicyText::default() };
    let service = Service::start(&policy, &options);
    let client = service.connect();
    let still = Still::of(&service);
    let info = rgba("elsewhere", 16, 16);
    assert!(!client.supports(&info));
    let failure = client.refusal(&info, 1);
    assert_eq!(failure.error(), UNSUPPORTED);
    assert!(failure.words().contains("everything-else"), "the rule is named: {failure:?}");
    assert_eq!(client.refusal(&info, 0).error(), UNSUPPORTED);
    still.assert_nothing_left();
    let dump = service.dump();
    assert_eq!(dump.heap("system")["state"], "absent");
    assert_eq!(dump.refusals("heaps-absent"), 2);
    Ok(())
}

fn policy_whose_metadata_heap_is_absent_supports_nothing() -> Verdict {
    kernel_heaps()?;
    let policy = PolicyText {
        heaps: heap("system", &["system"], "") + &heap("shared", &["no-such-node"], ""),
        rules: rule("shared", "formats = [\"BLOB\"]\nheaps = [\"shared\"]") + &PolicyText::default().rules,
        metadata_heap: "shared".to_owned(),
        ..PolicyText::default()
    };
    let service = Service::start(&policy, &Options::default());
    let client = service.connect();
    let info = rgba("no metadata", 16, 16);
    assert!(!client.supports(&info));
    let failure = client.refusal(&info, 1);
    assert_eq!(failure.error(), UNSUPPORTED);
    assert!(failure.words().contains("shared"), "{failure:?}");
    Ok(())
}

fn check_tells_heaps_and_ends() -> Verdict {
    let policy = PolicyText {
        heaps: heap("system", &["system"], "") + &heap("elsewhere", &["no-such-node"], ""),
        rules: rule("blobs", "formats = [\"BLOB\"]\nheaps = [\"elsewhere\", \"system\"]")
            + &PolicyText::default().rules,
        ..PolicyText::default()
    };
    let options = Options { arguments: vec!["--check".to_owned()], ..Options::default() };
    let output = Service::run(Some(&policy.json()), &options);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    let line = |heap: &str| {
        let mut lines = text.lines().filter(|line| line.contains(&format!("heap {heap}")));
        lines.next().unwrap_or_else(|| panic!("{heap} is not in {text}"))
    };
    assert!(line("system").contains("open"), "{text}");
    if has_kernel_heaps() {
        assert!(line("elsewhere").contains("absent"), "{text}");
    }
    Ok(())
}

/// As newer kernels have it: the default region under its name since 6.17 and the one before.
fn two_heaps_on_one_region_are_told_in_check_and_dump() -> Verdict {
    let nodes = tempfile::tempdir().unwrap();
    for name in ["system", "default_cma_region", "reserved"] {
        std::os::unix::fs::symlink("/dev/null", nodes.path().join(name)).unwrap();
    }
    let one_heap = heap("camera", &["default_cma_region", "reserved"], "budget = \"64MiB\"");
    let two_heaps = heap("camera", &["default_cma_region"], "budget = \"64MiB\"")
        + &heap("video", &["reserved"], "budget = \"64MiB\"");
    for (more, twice) in [(one_heap, false), (two_heaps, true)] {
        let policy = PolicyText { heaps: heap("system", &["system"], "") + &more, ..PolicyText::default() };
        let mut options = Options {
            heaps: service_tests::place::Heaps::Kernel,
            heap_dir: Some(nodes.path().to_owned()),
            ..Options::default()
        };
        let service = Service::start(&policy, &options);
        let dump = service.dump();
        let said: Vec<&str> =
            dump.0["shared_memory"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
        assert_eq!(said.len(), usize::from(twice), "{said:?}");
        options.arguments.push("--check".to_owned());
        let told = String::from_utf8(Service::run(Some(&policy.json()), &options).stdout).unwrap();
        let names =
            |line: &&str| ["camera", "video", "default_cma_region", "reserved"].iter().all(|word| line.contains(word));
        assert_eq!(told.lines().filter(names).count(), usize::from(twice), "{told}");
        assert!(said.iter().all(|line| names(line) && service.connect().dump(&[]).contains(line)), "{said:?}");
    }
    Ok(())
}

fn who_is_charged_for_heap_memory_is_told_in_check_and_dump() -> Verdict {
    kernel_heaps()?;
    let parameter = std::fs::read_to_string("/sys/module/dma_heap/parameters/mem_accounting");
    let word = if parameter.is_ok_and(|text| text.trim() == "Y") { "charged" } else { "not-charged" };
    let service = Service::plain();
    let dump = service.dump();
    assert_eq!(dump.0["accounting"], word);
    let means = dump.0["accounting_means"].as_str().unwrap();
    assert!(means.contains("memory.max"), "{means}");
    assert!(service.connect().dump(&[]).contains(means));
    let options = Options { arguments: vec!["--check".to_owned()], ..Options::default() };
    let told = Service::run(Some(&PolicyText::default().json()), &options).stdout;
    assert!(String::from_utf8(told).unwrap().lines().any(|line| line == means));
    Ok(())
}

fn check_without_the_metadata_heap_fails() -> Verdict {
    let nodes = tempfile::tempdir().unwrap();
    let options = Options {
        heaps: service_tests::place::Heaps::Kernel,
        heap_dir: Some(nodes.path().to_owned()),
        arguments: vec!["--check".to_owned()],
        ..Options::default()
    };
    let output = Service::run(Some(&PolicyText::default().json()), &options);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(told.contains(&format!("heap system: {}: absent", nodes.path().display())), "{told}");
    let words = words_of_failure(&output);
    assert!(words.contains("nothing can be allocated"), "{words}");
    Ok(())
}

fn check_of_a_broken_policy_fails() -> Verdict {
    let options = Options { arguments: vec!["--check".to_owned()], ..Options::default() };
    let words = words_of_failure(&Service::run(Some("{}"), &options));
    assert!(words.contains("policy.json"), "{words}");
    Ok(())
}

fn stand_ins_say_so_in_log_check_and_dump() -> Verdict {
    let memfd = service_tests::place::Heaps::Memfd;
    let policy = PolicyText {
        heaps: heap("system", &["system"], "") + &heap("secure", &["secure"], "protected = true"),
        rules: rule("protected", "all_of = [\"PROTECTED\"]\nheaps = [\"secure\"]")
            + &rule("rest", "heaps = [\"system\"]"),
        ..PolicyText::default()
    };
    let service = Service::start(&policy, &Options { heaps: memfd, ..Options::default() });
    assert!(service.log().contains("STAND-IN"), "{}", service.log());
    assert!(service.dump().0["stand_in"].as_str().unwrap().contains("memfd"));
    assert!(service.connect().dump(&[]).contains("STAND-IN"));
    let options = Options { heaps: memfd, arguments: vec!["--check".to_owned()], ..Options::default() };
    let output = Service::run(Some(&policy.json()), &options);
    assert!(String::from_utf8(output.stdout).unwrap().contains("STAND-IN"));
    // And no stand-in pretends to be protected memory.
    let info = descriptor("secret", 16, 16, Format::Rgba8888, Usage::PROTECTED | Usage::GPU_TEXTURE);
    let client = service.connect();
    assert!(!client.supports(&info));
    assert_eq!(client.refusal(&info, 1).error(), UNSUPPORTED);
    Ok(())
}

fn arguments_that_are_unknown_are_named() -> Verdict {
    for (arguments, named) in
        [(vec!["--frobnicate"], "--frobnicate"), (vec!["--heaps", "ion"], "ion"), (vec!["--policy"], "--policy")]
    {
        let output = Command::new(program()).args(&arguments).output().unwrap();
        let words = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{words}");
        assert!(words.contains(named), "{words}");
    }
    Ok(())
}

fn help_and_version_are_printed() -> Verdict {
    for (argument, word) in [("--help", "--policy FILE"), ("--version", ".")] {
        let output = Command::new(program()).arg(argument).output().unwrap();
        assert!(output.status.success());
        assert!(String::from_utf8(output.stdout).unwrap().contains(word));
    }
    Ok(())
}
