//! `heapctl report`: samples of the running service or of a recording, drawn as a page and as a trace.

mod page;
mod perfetto;
mod recording;

use crate::args::ReportArgs;
use crate::dumps::{each, MOST_BYTES};
use crate::input;
use crate::output::{place, replace, Output, Status};
use crate::snapshot::{self, ask, connect};
use anyhow::{bail, ensure, Context, Result};
use recording::Recording;
use serde_json::{json, Value};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Most samples that are drawn: a day at one a second.
const MOST_SAMPLES: usize = 100_000;

/// Exit status 1 when sampling ended early.
pub(crate) fn run(args: &ReportArgs, out: &Output) -> Result<Status> {
    let page = match (&args.output, &args.perfetto) {
        (None, None) => Some(Path::new("report.html")),
        (output, _) => output.as_deref(),
    };
    let trace = args.perfetto.as_deref();
    let from = args.from.as_deref().filter(|file| *file != Path::new("-"));
    distinct(&[("--from", from), ("--record", args.record.as_deref()), ("--perfetto", trace), ("--output", page)])?;

    let mut recording = Recording::default();
    let interrupted = match &args.from {
        Some(file) => recorded(file, &mut recording).map(|()| None)?,
        None => watch(args, out, &mut recording)?,
    };
    if let Some(reason) = &interrupted {
        out.notes(&[format!("sampling ended early: {reason}")]);
    }
    if let Some(file) = page {
        replace(file, |to| to.write_all(page::of(&recording).as_bytes()))?;
    }
    let mut notes = Vec::new();
    if let Some(file) = trace {
        replace(file, |to| perfetto::write(&recording, to).map(|said| notes = said))?;
    }
    out.notes(&notes);
    let samples = recording.samples();
    let shown = |file: &Path| file.display().to_string();
    if out.json {
        out.json(&json!({
            "ok": interrupted.is_none(),
            "report": page.map(shown),
            "perfetto": trace.map(shown),
            "samples": samples,
            "restarts": recording.restarts.len(),
            "interrupted": interrupted,
            "notes": notes,
        }));
    } else {
        let page = page.map_or(String::new(), |file| format!("{}: {samples} samples\n", shown(file)));
        let trace =
            trace.map_or(String::new(), |file| format!("{}: {samples} samples, for ui.perfetto.dev\n", shown(file)));
        out.text(&format!("{page}{trace}"));
    }
    Ok(if interrupted.is_none() { Status::Done } else { Status::Refused })
}

/// Refuses two options that name one file, before any time is spent: the one would overwrite the other.
fn distinct(files: &[(&str, Option<&Path>)]) -> Result<()> {
    let mut known: BTreeMap<PathBuf, &str> = BTreeMap::new();
    for (option, file) in files.iter().filter_map(|(option, file)| Some((*option, (*file)?))) {
        if let Some(other) = known.insert(place(file).with_context(|| file.display().to_string())?, option) {
            bail!("{other} and {option} name the same file: {}", file.display());
        }
    }
    Ok(())
}

/// Samples of the running service, each added to the record when it is taken. `Some` is why it ended early.
fn watch(args: &ReportArgs, out: &Output, recording: &mut Recording) -> Result<Option<String>> {
    let connection = connect(args.transport.transport())?;
    let end = Duration::from_secs(args.seconds);
    if end > Duration::from_secs(2) {
        out.notes(&[format!("watching for {} s", args.seconds)]);
    }
    let mut record = match &args.record {
        Some(file) => Some((file.display(), File::create(file).with_context(|| file.display().to_string())?)),
        None => None,
    };
    let keep = |dump: &Value| match &mut record {
        // In one piece: what ends this program leaves whole lines.
        Some((name, file)) => file.write_all(format!("{dump}\n").as_bytes()).with_context(|| name.to_string()),
        None => Ok(()),
    };
    take(recording, end, Duration::from_millis(args.interval), || ask(&connection, None), keep)
}

/// Takes samples until the time is over. `Some` is why it ended early.
fn take(
    recording: &mut Recording,
    end: Duration,
    interval: Duration,
    mut ask: impl FnMut() -> Result<Value>,
    mut keep: impl FnMut(&Value) -> Result<()>,
) -> Result<Option<String>> {
    let start = Instant::now();
    loop {
        let taken = ask().and_then(|dump| {
            recording.add(snapshot::read(&dump)?)?;
            keep(&dump)
        });
        match taken {
            Err(error) if recording.samples() == 0 => return Err(error),
            Err(error) => return Ok(Some(format!("{error:#}"))),
            Ok(()) if start.elapsed() >= end => return Ok(None),
            Ok(()) if recording.samples() >= MOST_SAMPLES => {
                return Ok(Some(format!("at most {MOST_SAMPLES} samples are drawn")));
            }
            Ok(()) => sleep(interval.min(end.saturating_sub(start.elapsed()))),
        }
    }
}

/// Samples of a recording: dumps in JSON, on a line each or on several.
fn recorded(file: &Path, recording: &mut Recording) -> Result<()> {
    let name = input::name(file);
    let opened = input::open(file).with_context(|| name.clone())?;
    read(BufReader::new(opened), &name, MOST_BYTES, recording)
}

fn read(input: impl Read, name: &str, most: u64, recording: &mut Recording) -> Result<()> {
    each(input, name, most, |place, dump| {
        ensure!(recording.samples() < MOST_SAMPLES, "{place}: more samples than the {MOST_SAMPLES} that are drawn");
        snapshot::read(&dump).and_then(|sample| recording.add(sample)).with_context(|| place.to_owned())
    })
}

#[cfg(test)]
mod tests {
    // A failed unwrap is a failed test.
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use super::*;

    use anyhow::anyhow;
    use serde_json::json;

    fn read_all(text: &str, most: u64) -> Result<Recording> {
        let mut recording = Recording::default();
        read(text.as_bytes(), "f", most, &mut recording).map(|()| recording)
    }

    #[test]
    fn dumps_may_be_on_a_line_each_or_on_several_or_together() {
        let dump = |uptime_ms: u64| json!({ "uptime_ms": uptime_ms, "heaps": [] });
        let text = format!("{}\n\n{:#}\n{}{}", dump(1), dump(2), dump(3), dump(4));
        assert_eq!(read_all(&text, 1000).unwrap().times, [1, 2, 3, 4]);
    }

    #[test]
    fn errors_name_file_line_key_and_what_is_allowed() {
        let good = "{\"heaps\":[]}\n";
        for (text, says) in [
            (
                format!("{good}{{\"heaps\":5}}"),
                "f:2: not a dump: heaps: invalid type: integer `5`, expected a sequence",
            ),
            (
                format!("{good}\n{{\"heaps\":\n[{{}},\n{{\"live_bytes\":\"x\"}}]}}"),
                "f:3: not a dump: heaps[1].live_bytes: invalid type: string \"x\", expected u64",
            ),
            (
                "{\"heaps\":[],\"buffers\":[{\"id\":1},{\"id\":-1}]}".to_owned(),
                "f:1: not a dump: buffers[1].id: invalid value: integer `-1`, expected u64",
            ),
            (format!("{good}{good}[]"), "f:3: not a dump: allowed is an object, as `heapctl dump --json` prints it"),
            (format!("{good}{{}}"), "f:2: not a dump: heaps: missing, allowed is a list of heaps"),
            (format!("{good}{{\n"), "f:2: not a dump: EOF while parsing an object"),
            (format!("{good}{{\n\n!"), "f:4: not a dump: key must be a string, column 1"),
            (
                format!("{{\"heaps\":[],\"uptime_ms\":{}}}", u64::MAX),
                "f:1: not a dump: uptime_ms: 18446744073709551615 ms, allowed are at most 1000000000000",
            ),
            ("{\"heaps\":[]}!".to_owned(), "f:1: not a dump: expected value"),
            ("\0\0\0\0".to_owned(), "f:1: not a dump: expected value, column 1"),
            ("\n \n".to_owned(), "f: no samples in it"),
        ] {
            assert_eq!(format!("{:#}", read_all(&text, 1000).err().unwrap()), says);
        }
    }

    #[test]
    fn bytes_of_one_sample_are_bounded_and_not_those_of_all() {
        let good = "{\"heaps\":[]}\n";
        assert_eq!(read_all(&good.repeat(10), 20).unwrap().samples(), 10);
        let long = format!("{good}{{\"heaps\":[],\"policy\":\"{}\"}}", "a".repeat(20));
        for (text, says) in
            [(long, "f:2: longer than 20 bytes: no dump"), (" ".repeat(21), "f:1: longer than 20 bytes: no dump")]
        {
            assert_eq!(format!("{:#}", read_all(&text, 20).err().unwrap()), says);
        }
    }

    #[test]
    fn sampling_that_ends_early_keeps_what_there_is_and_says_why() {
        let dump = || json!({ "heaps": [] });
        let (mut recording, mut asked, mut kept) = (Recording::default(), 0, 0);
        let ask = || {
            asked += 1;
            if asked <= 3 {
                Ok(dump())
            } else {
                Err(anyhow!("it died"))
            }
        };
        let keep = |_: &Value| {
            kept += 1;
            Ok(())
        };
        let (day, none) = (Duration::from_secs(86_400), Duration::ZERO);
        let ended = take(&mut recording, day, none, ask, keep).unwrap();
        assert_eq!((ended.as_deref(), recording.samples(), kept), (Some("it died"), 3, 3));

        let ended = take(&mut Recording::default(), day, none, || Err(anyhow!("none there")), |_| Ok(()));
        assert_eq!(ended.unwrap_err().to_string(), "none there");

        let mut recording = Recording::default();
        let ended = take(&mut recording, day, none, || Ok(dump()), |_| Ok(())).unwrap();
        assert_eq!((ended.as_deref(), recording.samples()), (Some("at most 100000 samples are drawn"), MOST_SAMPLES));
        let ended = take(&mut Recording::default(), none, none, || Ok(dump()), |_| Ok(())).unwrap();
        assert_eq!(ended, None);
    }
}
