//! A camera application: buffers from the allocator service, frames from a V4L2 device, shown by `display`.

mod args;
mod capture;
mod display;
mod report;

use anyhow::{Context, Result};
use args::Args;
use capture::{LastFrame, Stream};
use clap::Parser;
use display::Display;
use report::{Report, Saved, Slot};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path as FilePath;
use std::process::ExitCode;
use vts_clients::facts::Facts;
use vts_clients::report::Voice;
use vts_clients::service::{Request, Service};
use vts_clients::size::Size;

/// What a camera without a display makes.
const ALONE: Size = Size { width: 1280, height: 720 };

fn main() -> ExitCode {
    let args = Args::parse();
    let voice = Voice { json: args.json };
    vts_clients::report::main("camera", voice, args.report.as_deref(), |report| run(&args, voice, report))
}

fn run(args: &Args, voice: Voice, report: &mut Report) -> Result<()> {
    let service = Service::connect(&args.service)?;
    report.service = Some(service.connection().transport().to_string());
    // The service's own connection stays; everything that comes from here on has to go again.
    report.all_fds_closed_after(|report| film(args, voice, &service, report))
}

/// All that holds buffers and devices: they are gone when it returns.
fn film(args: &Args, voice: Voice, service: &Service, report: &mut Report) -> Result<()> {
    let display = args.connect.as_deref().map(Display::connect).transpose()?;
    let screen = display.as_ref().map(|display| Size { width: display.screen.0, height: display.screen.1 });
    let size = args.size.or(screen).unwrap_or(ALONE);
    let request = Request {
        name: format!("camera {}", args.format.aidl().name()),
        width: size.width,
        height: size.height,
        format: args.format.aidl(),
        usage: args.usage(),
    };
    service.must_support(&request)?;
    let mut buffers = Vec::new();
    for slot in 0..args.buffers {
        // One call a buffer, as Android's BufferQueue does.
        let buffer = service.allocate(&request, false).with_context(|| format!("buffer {slot}"))?;
        let facts = Slot { slot, path: None, facts: Facts::of(&buffer) };
        voice.say("buffer", format!("buffer {slot} {}", facts.facts), &facts);
        report.buffers.push(facts);
        buffers.push(buffer);
    }
    let mut stream = Stream::prepare(args, display, &buffers, report)?;
    stream.run(args, voice, &buffers, report)?;
    let last = stream.last_frame()?;
    judge(args, last, report);
    if let Some(path) = &args.save {
        let kind = save(path, last).with_context(|| path.display().to_string())?;
        report.saved = Some(Saved { file: path.clone(), kind, sequence: report.frames.last_sequence });
    }
    stream.finish(voice, report)
}

/// Looks at the pixels of the last frame.
fn judge(args: &Args, last: &LastFrame, report: &mut Report) {
    if args.any_picture {
        return;
    }
    let bars = last.picture.check_bars();
    let detail = bars.as_ref().err().cloned().unwrap_or_else(|| "white to black, left to right".to_owned());
    report.checks.note("the last frame shows the eight test bars in order", bars.is_ok(), detail);
}

fn save(path: &FilePath, frame: &LastFrame) -> Result<&'static str> {
    let mut file = BufWriter::new(File::create(path)?);
    let kind = if path.extension().is_some_and(|extension| extension == "ppm") {
        frame.picture.write_ppm(&mut file)?;
        "ppm"
    } else {
        file.write_all(&frame.raw)?;
        "raw"
    };
    file.flush()?;
    Ok(kind)
}
