//! Dumps that were recorded: in JSON, one after another, a line each or laid out for people as `dumpsys … --json` prints them.

use crate::input;
use crate::snapshot::{self, Snapshot};
use anyhow::{bail, ensure, Context, Result};
use gralloc_allocator::statistics::Leaks;
use serde_json::{json, Deserializer, Value};
use std::io::{self, Read};
use std::path::Path;

/// A dump of the most buffers that a service keeps account of is smaller.
pub(crate) const MOST_BYTES: u64 = 64 << 20;

/// An hour and more at one a second, of a device with some hundred buffers.
const MOST_BYTES_IN_ALL: u64 = 1 << 30;

/// Hands each dump on with its place, FILE:LINE. No more than one is held, of `most` bytes.
pub(crate) fn each(
    input: impl Read,
    name: &str,
    most: u64,
    mut take: impl FnMut(&str, Value) -> Result<()>,
) -> Result<()> {
    let mut input = Counted { input, line: 1, began: None, bytes: 0, most };
    let mut is_first = true;
    loop {
        let from = input.line;
        (input.began, input.bytes) = (None, 0);
        // A deserializer for each: of what ends with a bracket it reads no byte too many, and all else is no dump.
        let Some(value) = Deserializer::from_reader(&mut input).into_iter::<Value>().next() else { break };
        let began = input.began.unwrap_or(from);
        let dump = match value {
            Ok(dump) => dump,
            Err(error) => {
                let text = error.to_string();
                let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
                if error.is_io() {
                    bail!("{name}:{began}: {what}");
                }
                // What has no end is missing it where it began.
                ensure!(!error.is_eof(), "{name}:{began}: not a dump: {what}");
                let further = u64::try_from(error.line())?.saturating_sub(1);
                // Behind another dump on its line it would be counted from there.
                let column =
                    if further > 0 || is_first { format!(", column {}", error.column()) } else { String::new() };
                bail!("{name}:{}: not a dump: {what}{column}", from.saturating_add(further));
            }
        };
        let place = format!("{name}:{began}");
        ensure!(dump.is_object(), "{place}: not a dump: allowed is an object, as `heapctl dump --json` prints it");
        ensure!(dump.get("heaps").is_some(), "{place}: not a dump: heaps: missing, allowed is a list of heaps");
        take(&place, dump)?;
        is_first = false;
    }
    ensure!(!is_first, "{name}: no samples in it");
    Ok(())
}

/// Knows on which line a value begins, and ends one that is too long.
struct Counted<R> {
    input: R,
    line: u64,
    began: Option<u64>,
    bytes: u64,
    most: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.bytes >= self.most {
            return Err(io::Error::other(format!("longer than {} bytes: no dump", self.most)));
        }
        let read = self.input.read(buffer)?;
        for byte in buffer.iter().take(read) {
            if !byte.is_ascii_whitespace() {
                self.began.get_or_insert(self.line);
            }
            self.line = self.line.saturating_add(u64::from(*byte == b'\n'));
            self.bytes = self.bytes.saturating_add(1);
        }
        Ok(read)
    }
}

/// All dumps of a recording, held to be read more than once.
pub(crate) struct Dumps {
    /// For messages.
    name: String,
    text: String,
}

impl Dumps {
    /// Reads all of it.
    pub(crate) fn open(file: &Path) -> Result<Dumps> {
        let name = input::name(file);
        let too_long = format!("longer than {MOST_BYTES_IN_ALL} bytes: record less often");
        let opened = input::open(file).with_context(|| name.clone())?;
        let text = input::text(opened, MOST_BYTES_IN_ALL, &too_long).with_context(|| name.clone())?;
        Ok(Dumps { name, text })
    }

    /// Hands each dump on with its place, FILE:LINE.
    pub(crate) fn each(&self, mut take: impl FnMut(&str, Value) -> Result<()>) -> Result<()> {
        each(self.text.as_bytes(), &self.name, MOST_BYTES, |place, dump| {
            let whole = dump.get("buffers").is_some() && dump.get("uptime_ms").is_some();
            ensure!(whole, "{place}: not a dump: it has no \"buffers\" or \"uptime_ms\"; dumpsys takes --json");
            take(place, dump)
        })
    }

    /// The last dump, with the leak view of what is older than so many milliseconds, where that is asked for.
    pub(crate) fn last(&self, older_than: Option<u64>) -> Result<(Value, Snapshot)> {
        let mut last = None;
        self.each(|place, dump| {
            last = Some((place.to_owned(), dump));
            Ok(())
        })?;
        let (place, mut dump) = last.with_context(|| format!("{}: no samples in it", self.name))?;
        let mut snapshot = snapshot::read(&dump).context(place)?;
        if let (Some(age_ms), Some(object)) = (older_than, dump.as_object_mut()) {
            let leaks = Leaks::of(snapshot.buffers.iter().cloned(), age_ms);
            object.insert("leaks".to_owned(), json!(leaks));
            snapshot.leaks = Some(leaks);
        }
        Ok((dump, snapshot))
    }
}
