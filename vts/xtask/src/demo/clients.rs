//! The run: the display first, then one camera after the other; what they and the service tell about it.

use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use anyhow::{ensure, Context as _, Result};
use serde_json::Value;
use vm_harness::guest::Guest;
use vm_harness::job::{Captured, GuestCommand};
use vm_harness::protocol::{Identity, Status};

use super::ledger::Sample;
use crate::context::Context;

/// Longest run of one client.
const LIMIT: Duration = Duration::from_secs(1200);
/// Where the cameras find the display.
const SOCKET: &str = "/tmp/display.sock";
/// What the display says once it listens there.
const LISTENS: &str = "cameras connect at";
/// What the last camera wrote last, in the out folder.
pub(super) const LAST_FRAME: &str = "camera-xr24.ppm";

/// What a camera says of its frames, from the first one on: `1 of 120 frames`.
const PROGRESS: &str = " frames";

/// One camera's turn.
pub(super) struct Turn {
    format: &'static str,
    frames: &'static str,
    /// Whether the display has to read the camera's buffers where they lie; it draws over them then.
    scanout: bool,
    /// Whether it is long enough to sample the ledger meanwhile.
    pub(super) sampled: bool,
}

/// What a camera's buffers are for when a display draws over them.
const DRAWN_OVER: &str = "CAMERA_OUTPUT,CPU_READ_OFTEN,CPU_WRITE_OFTEN,COMPOSER_OVERLAY";

/// How it is run.
#[derive(Clone, Copy)]
pub(crate) struct Run {
    /// The cameras', one after the other; the screen shows the last one's last frame in the end.
    pub(super) turns: &'static [Turn],
    /// Whether the display is surfaceflinger and the cameras are cameraserver to SELinux, where the guest enforces it.
    own_domains: bool,
    /// The clients' further environment.
    environment: &'static [(&'static str, &'static str)],
}

impl Run {
    /// What `cargo xtask demo` shows.
    pub(crate) const WHOLE: Run = Run {
        turns: &[
            Turn { format: "nv12", frames: "30", scanout: false, sampled: false },
            Turn { format: "xr24", frames: "120", scanout: true, sampled: true },
        ],
        own_domains: false,
        environment: &[],
    };
    /// The same in domains.
    pub(crate) const IN_DOMAINS: Run = Run { own_domains: true, ..Run::WHOLE };
    /// A short one, in which mappers mark what they do in the kernel's trace.
    pub(crate) const MARKED: Run = Run {
        turns: &[Turn { format: "xr24", frames: "30", scanout: true, sampled: false }],
        own_domains: false,
        environment: &[(TRACE_VARIABLE, "1")],
    };

    /// A client's command line, in its domain.
    fn command<'a>(self, domain: &'a str, argv: Vec<&'a str>) -> GuestCommand {
        let command = match self.own_domains {
            false => GuestCommand::new(argv),
            true => GuestCommand::new(["vmctl", "domain", domain, "--"].into_iter().chain(argv)),
        };
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        GuestCommand { env: self.environment.iter().map(owned).collect(), ..command }
    }
}

/// What turns marks on in a process (`service/dmabuf/src/trace.rs`).
pub(crate) const TRACE_VARIABLE: &str = "GRALLOC_TRACE";

/// What everybody told.
pub(crate) struct Told {
    /// What was run.
    pub(super) run: Run,
    /// The display's report.
    pub(super) display: Value,
    /// The cameras' reports, in order, by name.
    pub(super) cameras: Vec<(String, Value)>,
    /// How every client ended, by name.
    pub(super) ends: Vec<(String, Status)>,
    /// The service's dump while the last frame is shown.
    pub(super) dump_shown: Value,
    /// And after all clients have gone.
    pub(crate) dump_after: Value,
    /// What `heapctl top` and the kernel say while a camera streams, while the last frame is shown, and at the end.
    pub(super) samples: Vec<Sample>,
    /// What the policy foretells for each request, as `heapctl explain` says, by format, usage and size.
    pub(super) predicted: Vec<(Request, Value)>,
}

/// What a buffer was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) format: String,
    pub(super) usage: String,
    pub(super) size: String,
}

impl Request {
    /// Of a buffer in a client's report.
    pub(super) fn of(buffer: &Value) -> Self {
        let text = |key: &str| buffer.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let number = |key: &str| buffer.get(key).and_then(Value::as_u64).unwrap_or_default();
        let usage = buffer.get("usage").and_then(Value::as_array).into_iter().flatten();
        let usage: Vec<&str> = usage.filter_map(Value::as_str).collect();
        Self {
            format: text("format"),
            usage: usage.join("|"),
            size: format!("{}x{}", number("width"), number("height")),
        }
    }
}

/// The display's user is the system's, with the graphics group; the cameras' is cameraserver, with the camera group
/// (AOSP, android_filesystem_config.h).
fn display_identity() -> Identity {
    Identity { groups: vec![1003], ..Identity::user(1000) }
}

/// AID_CAMERASERVER.
pub(super) const CAMERA_UID: u32 = 1047;

fn camera_identity() -> Identity {
    Identity { groups: vec![1006], ..Identity::user(CAMERA_UID) }
}

/// Runs it.
pub(super) fn run(context: &Context, guest: &Guest, run: Run) -> Result<Told> {
    let cameras = run.turns.len().to_string();
    let display =
        vec!["display", "--listen", SOCKET, "--cameras", &cameras, "--overlay", "--report", "/out/display.json"];
    let display = run.command("surfaceflinger", display).user(display_identity()).limit(LIMIT);
    thread::scope(|scope| {
        let job = guest.start(&display)?;
        let (listens, heard) = channel();
        let shown = scope.spawn(move || {
            job.wait_lines(move |_, line| {
                say("display", line);
                if line.contains(LISTENS) {
                    let _ = listens.send(());
                }
            })
        });
        // Its end hangs up.
        let listening = heard.recv().context("the display ended before it listened");
        let ran = listening.and_then(|()| cameras_in_turn(context, guest, run));
        // Also after a failure: it would wait for the next camera.
        let stopped = guest.capture(&GuestCommand::new(["killall", "-TERM", "display"]).limit(LIMIT));
        let end = shown.join().map_err(|_| anyhow::anyhow!("the display's reader panicked"))??;
        let (mut ends, dump_shown, samples) = ran?;
        stopped?;
        ends.push(("display".to_owned(), end));
        tell(guest, run, ends, dump_shown, samples)
    })
}

/// How the cameras ended, the dump while the last frame is shown, and the samples so far.
type Ran = (Vec<(String, Status)>, Value, Vec<Sample>);

fn cameras_in_turn(context: &Context, guest: &Guest, run: Run) -> Result<Ran> {
    let mut ends = Vec::new();
    let mut samples = Vec::new();
    for turn in run.turns {
        let name = format!("camera-{}", turn.format);
        context.progress.step(format_args!("{name}: {} frames into the service's buffers", turn.frames));
        let (report, picture) = (format!("/out/{name}.json"), format!("/out/{name}.ppm"));
        let mut argv = vec!["camera", "--connect", SOCKET, "--format", turn.format, "--frames", turn.frames];
        argv.extend(["--report", &report, "--save", &picture]);
        if turn.scanout {
            argv.extend(["--require-scanout", "--usage", DRAWN_OVER]);
        }
        let command = run.command("cameraserver", argv).user(camera_identity()).limit(LIMIT);
        let mut sample = None;
        let end = guest.start(&command)?.wait_lines(|_, line| {
            say(&name, line);
            // The camera goes on meanwhile, and the display with it.
            if turn.sampled && sample.is_none() && line.contains(PROGRESS) {
                sample = Some(Sample::take(guest, format!("while {name} streams and the display shows")));
            }
        })?;
        samples.extend(sample.transpose()?);
        ends.push((name, end));
    }
    context.progress.step("taking a picture of the screen");
    guest.screendump("screen")?;
    samples.push(Sample::take(guest, "while the last frame is shown")?);
    Ok((ends, dump(guest)?, samples))
}

fn tell(
    guest: &Guest,
    run: Run,
    ends: Vec<(String, Status)>,
    dump_shown: Value,
    mut samples: Vec<Sample>,
) -> Result<Told> {
    samples.push(Sample::take(guest, "when all clients have gone")?);
    let dump_after = dump(guest)?;
    let display = read(guest, "/out/display.json")?;
    let mut cameras = Vec::new();
    for turn in run.turns {
        let name = format!("camera-{}", turn.format);
        let report = read(guest, &format!("/out/{name}.json"))?;
        cameras.push((name, report));
    }
    let mut predicted: Vec<(Request, Value)> = Vec::new();
    let reports = cameras.iter().map(|(_, report)| report).chain([&display]);
    for buffer in reports.filter_map(|report| report.get("buffers")?.as_array()).flatten() {
        let request = Request::of(buffer);
        if !predicted.iter().any(|(known, _)| *known == request) {
            let explained = explain(guest, &request)?;
            predicted.push((request, explained));
        }
    }
    Ok(Told { run, display, cameras, ends, dump_shown, dump_after, samples, predicted })
}

fn explain(guest: &Guest, request: &Request) -> Result<Value> {
    let argv = ["heapctl", "--json", "explain", "--format", &request.format, "--usage", &request.usage];
    // Status 1 is the answer no, which is an answer.
    let captured = guest.capture(&GuestCommand::new(argv.into_iter().chain(["--size", &request.size])).limit(LIMIT))?;
    parse("heapctl explain", &captured)
}

fn dump(guest: &Guest) -> Result<Value> {
    let captured = guest.capture(&GuestCommand::new(["heapctl", "--json", "dump"]).limit(LIMIT))?;
    ensure!(captured.status.success(), "heapctl dump: {}", String::from_utf8_lossy(&captured.stderr));
    parse("heapctl dump", &captured)
}

fn read(guest: &Guest, path: &str) -> Result<Value> {
    let captured = guest.capture(&GuestCommand::new(["cat", path]).limit(LIMIT))?;
    ensure!(captured.status.success(), "{path}: the client wrote no report");
    parse(path, &captured)
}

fn parse(what: &str, captured: &Captured) -> Result<Value> {
    serde_json::from_slice(&captured.stdout)
        .with_context(|| format!("{what}: {}", String::from_utf8_lossy(&captured.stderr)))
}

/// A client's line as it comes. What held comes again in the table of checks.
fn say(who: &str, line: &str) {
    if !line.starts_with("ok ") {
        eprintln!("    {who:>11} | {line}");
    }
}
