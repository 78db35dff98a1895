//! The harness's own promises, tried in the guest that the tests run in.

use std::path::Path;
use std::time::Duration;

use anyhow::{ensure, Context as _, Result};
use vm_harness::guest::Guest;
use vm_harness::job::{Captured, GuestCommand};
use vm_harness::protocol::{Identity, Status};
use vm_harness::rootfs::service_identity;
use vm_harness::screen::Picture;

use crate::report::{Outcome, Verdict};

const PROGRAM: &str = "vm_harness::guest";
/// Longest run of a command that should end by itself.
const LIMIT: Duration = Duration::from_secs(60);

type Test = fn(&Guest, &Path) -> Result<()>;

const TESTS: [(&str, Test); 9] = [
    ("status_of_a_command_arrives", status_arrives),
    ("program_that_is_missing_is_named", missing_program),
    ("time_limit_kills_children_too", time_limit),
    ("outputs_arrive_whole_and_apart", outputs_arrive),
    ("commands_run_at_the_same_time", at_the_same_time),
    ("files_arrive_whole", files_arrive),
    ("user_has_its_groups_and_only_its_capability", user),
    ("screen_is_pictured_when_a_command_asks", screen),
    ("service_stops_and_starts_again", service),
];

/// Runs those whose name the filter is in.
pub(super) fn run(guest: &Guest, out: &Path, filter: Option<&str>) -> Vec<Outcome> {
    let chosen = TESTS.into_iter().filter(|(name, _)| filter.is_none_or(|filter| name.contains(filter)));
    chosen
        .map(|(name, test)| {
            let verdict = match test(guest, out) {
                Ok(()) => Verdict::Passed,
                Err(error) => {
                    println!("{name}: {error:#}");
                    Verdict::Failed
                }
            };
            println!("test {name} ... {}", if verdict == Verdict::Passed { "ok" } else { "FAILED" });
            Outcome { program: PROGRAM.to_owned(), place: "guest".to_owned(), test: name.to_owned(), verdict }
        })
        .collect()
}

fn shell(script: &str) -> GuestCommand {
    GuestCommand::new(["sh", "-c", script]).limit(LIMIT)
}

fn good(guest: &Guest, command: &GuestCommand) -> Result<String> {
    let Captured { status, stdout, stderr } = guest.capture(command)?;
    ensure!(status.success(), "{}: {status}: {}", command.argv.join(" "), String::from_utf8_lossy(&stderr));
    Ok(String::from_utf8_lossy(&stdout).into_owned())
}

fn status_arrives(guest: &Guest, _: &Path) -> Result<()> {
    for (script, expected) in [
        ("exit 0", Status::Exited(0)),
        ("exit 3", Status::Exited(3)),
        ("kill -9 $$", Status::Signalled(9)),
        ("kill -TERM $$", Status::Signalled(15)),
    ] {
        let status = guest.capture(&shell(script))?.status;
        ensure!(status == expected, "{script}: {status}");
    }
    Ok(())
}

fn missing_program(guest: &Guest, _: &Path) -> Result<()> {
    let status = guest.capture(&GuestCommand::new(["no-such-program"]))?.status;
    ensure!(matches!(&status, Status::NotStarted(why) if why.contains("no-such-program")), "{status}");
    Ok(())
}

fn time_limit(guest: &Guest, _: &Path) -> Result<()> {
    let command = shell("sleep 1234 & sleep 1234").limit(Duration::from_millis(500));
    let status = guest.capture(&command)?.status;
    ensure!(status == Status::TimedOut, "{status}");
    let left = guest.capture(&shell("ps -o args | grep '[s]leep 1234'"))?;
    ensure!(!left.status.success(), "left behind: {}", String::from_utf8_lossy(&left.stdout));
    Ok(())
}

fn outputs_arrive(guest: &Guest, _: &Path) -> Result<()> {
    let captured = guest.capture(&shell("seq 1 40000; seq 40001 60000 >&2; printf end"))?;
    let lines = |from: u32, to: u32| (from..=to).map(|number| format!("{number}\n")).collect::<String>();
    ensure!(captured.stdout == (lines(1, 40_000) + "end").as_bytes(), "{} bytes of stdout", captured.stdout.len());
    ensure!(captured.stderr == lines(40_001, 60_000).as_bytes(), "{} bytes of stderr", captured.stderr.len());
    Ok(())
}

/// Each waits for the other's sign, so one after the other they would never end.
fn at_the_same_time(guest: &Guest, _: &Path) -> Result<()> {
    let wait =
        |mine: &str, other: &str| shell(&format!("touch /tmp/{mine}; until test -e /tmp/{other}; do sleep 0.05; done"));
    let first = guest.start(&wait("first", "second"))?;
    let second = guest.start(&wait("second", "first"))?;
    let ends = [first.wait(|_, _| {})?, second.wait(|_, _| {})?];
    ensure!(ends.iter().all(Status::success), "{ends:?}");
    Ok(())
}

fn files_arrive(guest: &Guest, out: &Path) -> Result<()> {
    let make =
        "mkdir -p /tmp/give/below && cd /tmp/give && : > empty && seq 1 200000 > below/large && sha256sum below/large";
    let said = good(guest, &shell(make))?;
    let into = out.join("harness");
    let mut names = guest.fetch("/tmp/give", &into)?;
    names.sort();
    ensure!(names == ["below/large", "empty"], "{names:?}");
    ensure!(std::fs::metadata(into.join("empty"))?.len() == 0, "the empty file has bytes");
    let expected: String = (1..=200_000).map(|number| format!("{number}\n")).collect();
    ensure!(std::fs::read_to_string(into.join("below/large"))? == expected, "other bytes than {said}");
    let error = guest.fetch("/tmp/no-such-folder", &into).err().context("a folder that is absent was fetched")?;
    ensure!(error.to_string().contains("/tmp/no-such-folder"), "{error}");
    Ok(())
}

fn user(guest: &Guest, _: &Path) -> Result<()> {
    let status = good(guest, &GuestCommand::new(["cat", "/proc/self/status"]).user(service_identity()))?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
    };
    ensure!(field("Uid") == "1000 1000 1000 1000" && field("Gid") == "1000 1000 1000 1000", "{status}");
    ensure!(field("Groups") == "1003 1026", "{status}");
    // CAP_SYS_NICE is number 23 (Linux, include/uapi/linux/capability.h).
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        ensure!(u64::from_str_radix(&field(set), 16) == Ok(1 << 23), "{set}: {}", field(set));
    }
    let heap = GuestCommand::new(["sh", "-c", "exec 3< /dev/dma_heap/system"]).user(Identity::user(1047));
    ensure!(guest.capture(&heap)?.status.success(), "another user cannot open the system heap to read");
    let memory = GuestCommand::new(["sh", "-c", "exec 3<> /dev/udmabuf"]).user(Identity::user(1047));
    ensure!(!guest.capture(&memory)?.status.success(), "another user can open /dev/udmabuf");
    Ok(())
}

fn screen(guest: &Guest, out: &Path) -> Result<()> {
    let path = out.join("harness-screen.png");
    if path.exists() {
        std::fs::remove_file(&path)?;
    }
    good(guest, &GuestCommand::new(["vmctl", "screendump", "harness-screen"]))?;
    let picture = Picture::read_png(&path)?;
    ensure!(picture.width >= 640 && picture.height >= 400, "{}x{}", picture.width, picture.height);
    let refused = guest.capture(&GuestCommand::new(["vmctl", "screendump", "../leave"]))?;
    ensure!(refused.status == Status::Exited(1), "a name with a path: {}", refused.status);
    Ok(())
}

fn service(guest: &Guest, _: &Path) -> Result<()> {
    let pid = GuestCommand::new(["vmctl", "service", "pid"]).limit(LIMIT);
    let before = good(guest, &pid)?;
    good(guest, &GuestCommand::new(["vmctl", "service", "stop"]).limit(LIMIT))?;
    ensure!(!guest.capture(&pid)?.status.success(), "a stopped service has a process");
    good(guest, &GuestCommand::new(["vmctl", "service", "start"]).limit(LIMIT))?;
    ensure!(good(guest, &pid)? != before, "it is still process {before}");
    ensure!(guest.lost().is_empty(), "{:?}", guest.lost());
    Ok(())
}
