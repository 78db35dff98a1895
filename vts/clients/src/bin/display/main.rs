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
use vts_clients::overlay::Painter;
use vts_clients::report::Voice;
use vts_clients::service::Service;

fn main() -> ExitCode {
    let args = Args::parse();
    let voice = Voice { json: args.json };
    vts_clients::report::main("display", voice, args.report.as_deref(), |report| run(&args, voice, report))
}

fn run(args: &Args, voice: Voice, report: &mut Report) -> Result<()> {
    // Before any other thread exists, so that all of them leave these signals to the fd.
    let mut mask = SigSet::empty();
    mask.add(Signal::SIGTERM);
    mask.add(Signal::SIGINT);
    mask.thread_block().context("blocking signals")?;
    let signals = SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK).context("signalfd")?;
    let service = Service::connect(&args.service)?;
    report.service = Some(service.connection().transport().to_string());
    let painter = args.overlay.then(|| Painter::load(&args.mapper)).transpose()?;
    // The service's own connection, the signals' fd and the file of the mapper's marks, where they are on, stay; everything that
    // comes from here on has to go again.
    report.all_fds_closed_after(|report| show(args, voice, (&service, painter), &signals, report))
}

/// All that holds buffers and the screen: they are gone when it returns.
fn show(
    args: &Args,
    voice: Voice,
    (service, painter): (&Service, Option<Painter>),
    signals: &SignalFd,
    report: &mut Report,
) -> Result<()> {
    let screen = Screen::open(args.card.as_deref(), args.mode)?;
    let (width, height) = screen.size();
    let (node, driver, connector) = screen.names();
    let facts = ScreenFacts {
        node: node.to_owned(),
        driver: driver.to_owned(),
        connector: connector.to_owned(),
        width,
        height,
    };
    voice.say("screen", format!("{} ({driver}), {connector}, {width}x{height}", node.display()), &facts);
    report.screen = Some(facts);
    let mut stage = Stage::open(args, (service, painter), screen, report)?;
    for facts in &report.buffers {
        voice.say("buffer", format!("buffer {facts}"), facts);
    }
    voice.say("listening", format!("cameras connect at {}", args.listen.display()), &json!({ "socket": args.listen }));
    let outcome = stage.play(args, voice, signals, report);
    // Also after a failure: whoever looks at the screen may want to see it, but nobody waits for that.
    let outcome = outcome.and_then(|()| stage.hold(args, voice, signals, report));
    stage.close();
    outcome
}
