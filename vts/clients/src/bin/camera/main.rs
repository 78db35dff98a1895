//! A camera application: buffers from the allocator service, frames from a V4L2 device, shown by `display`.

mod args;
mod capture;
mod display;
mod report;

use anyhow::{Context, Result};
use args::Args;
use capture::{LastFrame, Stream};
use clap::Parser;
use report::{Report, Saved, Slot};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path as FilePath;
use std::process::ExitCode;
use std::time::Duration;
use vts_clients::report::{open_fds, write, Voice};
use vts_clients::service::{Service, Wish};

fn main() -> ExitCode {
    let args = Args::parse();
    let voice = Voice { json: args.json };
    let mut report = Report { client: "camera", uid: nix::unistd::getuid().as_raw(), ..Report::default() };
    if let Err(error) = run(&args, voice, &mut report) {
        let text = format!("{error:#}");
        eprintln!("camera: {text}");
        report.error = Some(text);
    }
    report.ok = report.error.is_none() && report.checks.all_ok();
    voice.say_checks(&report.checks);
    voice.say("report", if report.ok { "camera: every check held" } else { "camera: FAILED" }, &report);
    if let Some(path) = &args.report {
        if let Err(error) = write(path, &report) {
            eprintln!("camera: {error}");
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
    let service = Service::connect(&args.service)?;
    report.service = Some(service.transport());
    let wish = Wish {
        name: format!("camera {}", args.format.aidl().name()),
        width: args.size.width,
        height: args.size.height,
        format: args.format.aidl(),
        usage: args.usage(),
    };
    service.must_support(&wish)?;
    // The service's own connection stays; everything that comes from here on has to go again.
    let fds_before = open_fds()?;
    let outcome = film(args, voice, &service, &wish, report);
    let fds_after = open_fds()?;
    report.checks.note(
        "every fd is closed again",
        fds_before == fds_after,
        format!("{fds_before} open before the first buffer, {fds_after} after the last"),
    );
    outcome
}

/// All that holds buffers and devices: they are gone when it returns.
fn film(args: &Args, voice: Voice, service: &Service, wish: &Wish, report: &mut Report) -> Result<()> {
    let mut buffers = Vec::new();
    for slot in 0..args.buffers {
        // One call a buffer, as Android's BufferQueue does.
        let (buffer, took) = service.allocate(wish, false).with_context(|| format!("buffer {slot}"))?;
        let facts = Slot { slot, allocate_us: micros(took), path: None, facts: buffer.facts() };
        voice.say("buffer", describe(&facts), &facts);
        report.buffers.push(facts);
        buffers.push(buffer);
    }
    let mut stream = Stream::prepare(args, &buffers, report)?;
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

fn describe(slot: &Slot) -> String {
    let facts = &slot.facts;
    let planes: Vec<_> =
        facts.planes.iter().map(|plane| format!("{}+{}", plane.offset_bytes, plane.stride_bytes)).collect();
    format!(
        "buffer {} {}: {}x{} {} as {}, heap {}, planes at byte+stride {}, {} bytes, {} µs",
        slot.slot,
        facts.buffer_id,
        facts.width,
        facts.height,
        facts.format,
        facts.layout,
        facts.heap.as_deref().unwrap_or("unknown"),
        planes.join(" "),
        facts.bytes,
        slot.allocate_us
    )
}

fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}
