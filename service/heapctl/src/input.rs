//! Files that commands read, up to a bound of the command's. `-` is standard input.

use anyhow::{bail, Result};
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
    let mut text = String::new();
    let read = input.take(most.saturating_add(1)).read_to_string(&mut text)?;
    if u64::try_from(read)? > most {
        bail!("{too_long}");
    }
    Ok(text)
}
