//! A policy file: read with its mistakes in mind, because it is the first thing that a user gets wrong.

use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// What the text is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Toml,
    /// What the service loads.
    Json,
}

impl Format {
    /// By the name's extension; `None` for another one.
    fn of(path: &Path) -> Option<Format> {
        match path.extension()?.to_str()? {
            "toml" => Some(Format::Toml),
            "json" => Some(Format::Json),
            _ => None,
        }
    }
}

/// A text with the name that messages give it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The path as the user gave it, or `profile NAME`.
    pub name: String,
    /// The whole text.
    pub text: String,
    /// By the name's extension.
    pub format: Format,
}

/// Why a file was not read.
#[derive(Debug)]
pub enum SourceError {
    /// The system said no.
    Io(PathBuf, io::Error),
    /// Not a file: a directory, a device.
    NotAFile(PathBuf),
    /// Longer than [`heaps_config::MAX_TEXT_BYTES`].
    TooLong(PathBuf),
    /// Nothing in it.
    Empty(PathBuf),
    /// Not UTF-8, from this line on.
    NotUtf8(PathBuf, usize),
    /// Neither `.toml` nor `.json`.
    Extension(PathBuf),
}

impl Source {
    /// Takes a text that did not come from a file.
    pub fn text(name: impl Into<String>, text: impl Into<String>, format: Format) -> Source {
        Source { name: shown(&name.into()), text: text.into(), format }
    }

    /// Reads a file, up to the longest that a policy may be.
    ///
    /// # Errors
    /// A [`SourceError`] that names the file.
    pub fn read(path: &Path) -> Result<Source, SourceError> {
        let format = Format::of(path);
        if format.is_none() && path.exists() {
            return Err(SourceError::Extension(path.to_owned()));
        }
        let io = |error| SourceError::Io(path.to_owned(), error);
        let file = std::fs::File::open(path).map_err(io)?;
        if !file.metadata().map_err(io)?.is_file() {
            return Err(SourceError::NotAFile(path.to_owned()));
        }
        let mut bytes = Vec::new();
        let most = u64::try_from(heaps_config::MAX_TEXT_BYTES).unwrap_or(u64::MAX);
        file.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(io)?;
        Source::bytes(path, bytes)
    }

    /// Takes what was read of a file; one without `.json` at its end is TOML.
    ///
    /// # Errors
    /// A [`SourceError`] that names the file.
    pub fn bytes(path: &Path, bytes: Vec<u8>) -> Result<Source, SourceError> {
        let format = Format::of(path).unwrap_or(Format::Toml);
        if bytes.len() > heaps_config::MAX_TEXT_BYTES {
            return Err(SourceError::TooLong(path.to_owned()));
        }
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Err(SourceError::Empty(path.to_owned()));
        }
        let text = String::from_utf8(bytes).map_err(|error| {
            let good = error.utf8_error().valid_up_to();
            let line = error.as_bytes().iter().take(good).filter(|byte| **byte == b'\n').count() + 1;
            SourceError::NotUtf8(path.to_owned(), line)
        })?;
        Ok(Source { name: shown(&path.display().to_string()), text, format })
    }
}

/// A name for terminals, which obey control characters.
fn shown(name: &str) -> String {
    name.replace(char::is_control, "?")
}

impl std::error::Error for SourceError {}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SourceError::Io(path, error) => write!(f, "{}: {error}", path.display()),
            SourceError::NotAFile(path) => write!(f, "{}: not a file", path.display()),
            SourceError::TooLong(path) => {
                write!(
                    f,
                    "{}: longer than the {} bytes that a policy may have",
                    path.display(),
                    heaps_config::MAX_TEXT_BYTES
                )
            }
            SourceError::Empty(path) => {
                write!(f, "{}: empty; a policy starts with `schema = {}`", path.display(), heaps_config::SCHEMA)
            }
            SourceError::NotUtf8(path, line) => write!(f, "{}:{line}: not UTF-8", path.display()),
            SourceError::Extension(path) => {
                write!(f, "{}: the name of a policy ends in .toml (for people) or .json (compiled)", path.display())
            }
        }
    }
}
