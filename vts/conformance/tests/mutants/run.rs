//! One run of the suite against one fault.

use crate::common;
use crate::common::keeper::{own_service, Keeper};
use crate::Mutant;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Seek};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Longest time for one test, where each has a process of its own. A fault that hangs costs this.
const TIME_LIMIT: &str = "10";

/// Runs before those that a mutant must fail: some faults give again what a good call gave.
const FIRST: &str = "mapper::ImportFreeBuffer";

/// Longest time for one run.
const RUN_LIMIT: Duration = Duration::from_secs(300);

/// What the fault is in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Mapper,
    Allocator,
    /// In one of a pair that has buffers of several views; over IAllocator V3 alone.
    Views,
}

impl Kind {
    /// For names.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Kind::Mapper => "mapper",
            Kind::Allocator => "allocator",
            Kind::Views => "views",
        }
    }
}

/// Names a folder with all that is needed, for a guest, where nothing can be built.
const FOLDER: &str = "CONFORMANCE_BUILT";

/// Everything that is needed, built once.
pub(crate) struct Built {
    suite: PathBuf,
    mapper: PathBuf,
    broken_mapper: PathBuf,
    broken_allocator: PathBuf,
}

impl Built {
    pub(crate) fn new() -> Built {
        if let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) {
            let [suite, mapper, broken_mapper, broken_allocator] =
                ["gralloc-conformance", "libgralloc_mapper.so", "libbroken_mapper.so", "broken_allocator"]
                    .map(|name| folder.join(name));
            return Built { suite, mapper, broken_mapper, broken_allocator };
        }
        let built = common::build(if cfg!(feature = "v3") { &["--features", "conformance/v3"] } else { &[] });
        Built {
            suite: env!("CARGO_BIN_EXE_gralloc-conformance").into(),
            mapper: common::mapper(),
            broken_mapper: common::named("libbroken_mapper.so", &built),
            broken_allocator: common::named("broken_allocator", &built),
        }
    }
}

/// How a run compares with what it should be.
pub(crate) struct Comparison {
    /// Tests that should fail and do not.
    pub(crate) missing: Vec<String>,
    /// Whether none of those that should fail can run here.
    pub(crate) all_skipped: bool,
    /// Tests that should not fail and do, where the fault is none.
    pub(crate) failed: BTreeSet<String>,
    /// Why those that were skipped were.
    pub(crate) skipped: BTreeMap<String, String>,
}

/// Runs the tests that a mutant must fail. One that is skipped here, with or without the fault, need not fail.
pub(crate) fn compare(built: &Built, kind: Kind, mutant: &Mutant) -> Comparison {
    let faults = match (kind, mutant.name) {
        (Kind::Mapper, name) => Faults { mapper: Some(name), allocator: None },
        (Kind::Allocator, name) => Faults { mapper: None, allocator: Some(name) },
        (Kind::Views, name @ "promises-views") => Faults { mapper: Some("has-views"), allocator: Some(name) },
        (Kind::Views, name) => Faults { mapper: Some(name), allocator: Some("makes-views") },
    };
    let listed = expected(mutant);
    let Outcome { failed, skipped } = run(built, faults, mutant, &listed);
    let expected: BTreeSet<String> = listed.iter().filter(|name| !skipped.contains_key(*name)).cloned().collect();
    Comparison {
        missing: expected.difference(&failed).cloned().collect(),
        all_skipped: expected.is_empty() && !listed.is_empty(),
        failed: listed.intersection(&failed).cloned().collect(),
        skipped,
    }
}

/// What is put in front of this project's own.
struct Faults {
    mapper: Option<&'static str>,
    allocator: Option<&'static str>,
}

/// The names of the tests that a mutant must fail, groups written out.
pub(crate) fn expected(mutant: &Mutant) -> BTreeSet<String> {
    let all = conformance::tests::all();
    let names = |pattern: &str| -> Vec<String> {
        let matches = |name: &str| match pattern.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == pattern,
        };
        let found: Vec<_> = all.iter().filter(|test| matches(test.name)).map(|test| test.name.to_owned()).collect();
        assert!(!found.is_empty(), "{}: no test is called {pattern}", mutant.name);
        found
    };
    mutant.fails.iter().flat_map(|pattern| names(pattern)).collect()
}

/// What a program prints; without a status when it had to be killed.
fn output_within(mut command: Command, limit: Duration) -> (String, Option<ExitStatus>) {
    let mut file = tempfile::tempfile().unwrap();
    let mut child = command.stdout(file.try_clone().unwrap()).stderr(Stdio::null()).spawn().unwrap();
    let start = Instant::now();
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break Some(status),
            None if start.elapsed() > limit => {
                child.kill().unwrap();
                child.wait().unwrap();
                break None;
            }
            None => thread::sleep(Duration::from_millis(20)),
        }
    };
    let mut bytes = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut bytes).unwrap();
    (String::from_utf8_lossy(&bytes).into_owned(), status)
}

/// What the suite has said.
struct Outcome {
    failed: BTreeSet<String>,
    skipped: BTreeMap<String, String>,
}

fn run(built: &Built, faults: Faults, mutant: &Mutant, tests: &BTreeSet<String>) -> Outcome {
    let service = own_service();
    let mut suite = Command::new(&built.suite);
    suite.env_remove("GRALLOC_NO_SKIP").args(["--color", "never"]);
    suite.args(std::iter::once(FIRST).chain(tests.iter().map(String::as_str)).flat_map(|name| ["--only", name]));
    match faults.mapper {
        Some(fault) => {
            suite.arg("--mapper").arg(&built.broken_mapper);
            suite.env("BROKEN_MAPPER", fault).env("BROKEN_MAPPER_OF", &built.mapper);
        }
        None => _ = suite.arg("--mapper").arg(&built.mapper),
    }
    let broken = faults.allocator.map(|fault| {
        let socket = service.socket();
        Keeper::start(|folder| {
            let mut command = Command::new(&built.broken_allocator);
            command.arg(fault).arg(folder.join("socket")).arg(&socket);
            command
        })
    });
    let allocator = broken.as_ref().unwrap_or(&service);
    suite.arg("--allocator").arg(allocator.transport()).args(["--restart", &allocator.restart_command()]);
    if mutant.alone {
        suite.args(["--time-limit", TIME_LIMIT]);
    } else {
        suite.arg("--in-process");
    }
    let (text, status) = output_within(suite, RUN_LIMIT);
    assert!(text.contains("test result: "), "{}: the suite did not end well: {status:?}", mutant.name);
    // The list at the end has the names of those that failed; a skipped one's line is `test NAME ... ignored (REASON)`.
    let list = text.rsplit_once("\nfailures:\n").map_or("", |(_, list)| list);
    let failed = list.lines().take_while(|line| line.starts_with("    ")).map(|line| line.trim().to_owned());
    let skipped = text.lines().filter_map(|line| line.strip_prefix("test ")?.split_once(" ... ignored"));
    let skipped = skipped.map(|(name, why)| (name.trim().to_owned(), why.trim().to_owned()));
    Outcome { failed: failed.collect(), skipped: skipped.collect() }
}
