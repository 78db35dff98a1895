//! Files that commands read, up to a bound of the command's. `-` is standard input.

use anyhow::{anyhow, bail, Result};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// What messages call a file.
pub(crate) fn name(file: &Path) -> String {
    if file == Path::new("-") {
        return "standard input".to_owned();
    }
    file.display().to_string()
}

/// Opens a file.
pub(crate) fn open(file: &Path) -> io::Result<Box<dyn Read>> {
    Ok(if file == Path::new("-") { Box::new(io::stdin()) } else { Box::new(File::open(file)?) })
}

/// Reads all of it as text; `too_long` is what is said of more than `most` bytes.
pub(crate) fn text(input: impl Read, most: u64, too_long: &str) -> Result<String> {
    let mut bytes = Vec::new();
    let read = input.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(read)? > most {
        bail!("{too_long}");
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = error.as_bytes().iter().take(error.utf8_error().valid_up_to());
        let line = good.filter(|byte| **byte == b'\n').count().saturating_add(1);
        anyhow!("not UTF-8, from line {line} on")
    })
}
