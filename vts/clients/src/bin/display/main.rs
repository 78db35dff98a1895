//! A display: mode setting, page flips, its own client-target buffers, and other processes' buffers scanned out in place.

mod args;
mod report;
mod session;
mod stage;
mod targets;

use anyhow::{Context, Result};
use args::Args;
use clap::Parser;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use report::{Report, ScreenFacts};
use serde_json::json;
use stage::Stage;
use std::process::ExitCode;
use vts_clients::kms::Screen;
use vts_clients::report::{open_fds, write, Voice};
use vts_clients::service::Service;

fn main() -> ExitCode {
    let args = Args::parse();
    let voice = Voice { json: args.json };
    let mut report = Report { client: "display", uid: nix::unistd::getuid().as_raw(), ..Report::default() };
    if let Err(error) = run(&args, voice, &mut report) {
        let text = format!("{error:#}");
        eprintln!("display: {text}");
        report.error = Some(text);
    }
    report.ok = report.error.is_none() && report.checks.all_ok();
    voice.say_checks(&report.checks);
    voice.say("report", if report.ok { "display: every check held" } else { "display: FAILED" }, &report);
    if let Some(path) = &args.report {
        if let Err(error) = write(path, &report) {
            eprintln!("display: {error}");
            return ExitCode::FAILURE;
        }
    }
    if report.ok {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn run(args: &Args, voice: Voice, report: &mut Report) -> Result<()> {
    // Before any other thread exists, so that all of them leave these signals to the fd.
    let mut mask = SigSet::empty();
    mask.add(Signal::SIGTERM);
    mask.add(Signal::SIGINT);
    mask.thread_block().context("blocking signals")?;
    let signals = SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK).context("signalfd")?;
    let service = Service::connect(&args.service)?;
    report.service = Some(service.transport());
    // The service's own connection and the signals' fd stay; everything that comes from here on has to go again.
    let fds_before = open_fds()?;
    let outcome = show(args, voice, &service, &signals, report);
    let fds_after = open_fds()?;
    report.checks.note(
        "every fd is closed again",
        fds_before == fds_after,
        format!("{fds_before} open before the first buffer, {fds_after} after the last"),
    );
    outcome
}

/// All that holds buffers and the screen: they are gone when it returns.
fn show(args: &Args, voice: Voice, service: &Service, signals: &SignalFd, report: &mut Report) -> Result<()> {
    let screen = Screen::open(args.card.as_deref(), args.mode.width, args.mode.height)?;
    let (node, driver, connector) = screen.names();
    let facts = ScreenFacts {
        node: node.to_owned(),
        driver: driver.to_owned(),
        connector: connector.to_owned(),
        width: args.mode.width,
        height: args.mode.height,
    };
    voice.say("screen", format!("{} ({driver}), {connector}, {}", node.display(), args.mode), &facts);
    report.screen = Some(facts);
    let mut stage = Stage::open(args, service, screen, report)?;
    for own in &report.buffers {
        let text = format!(
            "buffer {}: {}x{} {}, heap {}, {} bytes, {} µs",
            own.facts.buffer_id,
            own.facts.width,
            own.facts.height,
            own.facts.format,
            own.facts.heap.as_deref().unwrap_or("unknown"),
            own.facts.bytes,
            own.allocate_us
        );
        voice.say("buffer", text, own);
    }
    voice.say("listening", format!("cameras connect at {}", args.listen.display()), &json!({ "socket": args.listen }));
    let outcome = stage.play(args, voice, signals, report);
    // Also after a failure: whoever looks at the screen may want to see it, but nobody waits for that.
    let outcome = outcome.and_then(|()| stage.hold(args, voice, signals, report));
    stage.close();
    outcome
}
