//! What a board's own files say about its heaps: listings, ueventd's lines, SELinux labels, VINTF manifests, init's services,
//! a dump of ours. Each is recognised by what is in it.
//!
//! A file that is of no such kind, or cut off, is an error with its line. What two files say differently is a [`Note`] with
//! both places, and no conclusion is drawn from it.

mod contexts;
mod dump;
mod facts;
mod init;
mod kind;
mod listing;
mod manifest;
mod ueventd;

pub use contexts::platform_type;
pub use facts::{Access, Facts, LabelKind, SYSTEM};

use std::collections::BTreeMap;
use std::fmt;

/// The longest file that is read, in bytes. The label files of a whole device are a tenth of it.
pub const MAX_FILE_BYTES: usize = 4 << 20;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// `ls -1 /dev/dma_heap`.
    Names,
    /// `ls -l` or `ls -lZ`.
    Listing,
    /// A `ueventd*.rc`.
    Ueventd,
    /// SELinux labels of files.
    FileContexts,
    /// A VINTF manifest or a fragment of one.
    Manifest,
    /// Services for init.
    Init,
    /// The service's own dump in JSON.
    Dump,
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FileKind::Names => "a list of names",
            FileKind::Listing => "a listing of the nodes",
            FileKind::Ueventd => "lines for ueventd",
            FileKind::FileContexts => "SELinux labels",
            FileKind::Manifest => "a VINTF manifest",
            FileKind::Init => "services for init",
            FileKind::Dump => "a dump of the service",
        })
    }
}

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// As the user gave it.
    pub file: String,
    /// From 1.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// Something that a person has to know or decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Where it was read.
    pub place: Place,
    /// Another place that belongs to it.
    pub other: Option<Place>,
    /// One sentence without a full stop.
    pub message: String,
    /// The files contradict what a device needs: it would not build, or a heap be closed to whom it is for or open to others.
    pub is_wrong: bool,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)?;
        match &self.other {
            Some(other) => write!(f, " ({other})"),
            None => Ok(()),
        }
    }
}

/// Why a file was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoardError {
    /// Where; the line is the first one where nothing better is known.
    pub place: Place,
    /// One sentence without a full stop.
    pub message: String,
}

impl std::error::Error for BoardError {}

impl fmt::Display for BoardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// What the files say together.
#[derive(Clone, Debug, Default)]
pub struct Board {
    /// Each file and what it is, in the order given.
    pub files: Vec<(String, FileKind)>,
    /// By node.
    pub nodes: BTreeMap<String, Facts>,
    /// What a person has to know or decide, by place.
    pub notes: Vec<Note>,
    ueventd: Vec<ueventd::Line>,
    imports: Vec<(Place, String)>,
    contexts: Vec<contexts::Line>,
    has_label_files: bool,
}

impl Board {
    /// Reads all files. They are of one board: what they say is put together.
    ///
    /// # Errors
    /// The first file that is none, with its line.
    pub fn read<'f>(files: impl IntoIterator<Item = (&'f str, &'f [u8])>) -> Result<Board, BoardError> {
        let mut board = Board::default();
        for (name, bytes) in files {
            board.add(name, bytes)?;
        }
        board.finish();
        Ok(board)
    }

    fn add(&mut self, name: &str, bytes: &[u8]) -> Result<(), BoardError> {
        let text = kind::text(name, bytes)?;
        let kind = kind::of(name, text)?;
        match kind {
            FileKind::Names | FileKind::Listing => listing::read(name, text, kind, self)?,
            FileKind::Ueventd => ueventd::read(name, text, self)?,
            FileKind::FileContexts => {
                self.has_label_files = true;
                contexts::read(name, text, self)?;
            }
            FileKind::Manifest => manifest::read(name, text, self)?,
            FileKind::Init => init::read(name, text, self),
            FileKind::Dump => dump::read(name, text, self)?,
        }
        self.files.push((name.to_owned(), kind));
        Ok(())
    }

    /// The node's facts, made when there are none.
    fn node(&mut self, name: &str) -> &mut Facts {
        self.nodes.entry(name.to_owned()).or_default()
    }

    fn note(&mut self, place: &Place, other: Option<&Place>, message: String) {
        self.notes.push(Note { place: place.clone(), other: other.cloned(), message, is_wrong: false });
    }

    fn wrong(&mut self, place: &Place, other: Option<&Place>, message: String) {
        self.notes.push(Note { place: place.clone(), other: other.cloned(), message, is_wrong: true });
    }

    /// True when a file says which nodes the device has.
    pub fn has_listing(&self) -> bool {
        self.files.iter().any(|(_, kind)| matches!(kind, FileKind::Names | FileKind::Listing | FileKind::Dump))
    }

    /// The names that the device has: those listed, and without a listing those that a file names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let listing = self.has_listing();
        self.nodes.iter().filter(move |(_, facts)| facts.listed.is_some() || !listing).map(|(name, _)| name.as_str())
    }

    /// Puts lines with patterns to the nodes that they fit, then looks for what does not go together.
    fn finish(&mut self) {
        ueventd::apply(self);
        contexts::apply(self);
        facts::compare(self);
        self.notes.sort_by(|one, other| (&one.place, &one.message).cmp(&(&other.place, &other.message)));
        self.notes.dedup();
    }
}

/// A place in a file.
fn at(file: &str, line: usize) -> Place {
    Place { file: file.to_owned(), line }
}

fn error(file: &str, line: usize, message: impl Into<String>) -> BoardError {
    BoardError { place: at(file, line), message: message.into() }
}

/// The lines with content, from 1, without comments that begin a line.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines().map(str::trim)).filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

/// A name as the kernel could have it: it is written into quotes and comments.
fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '/' | '"' | '\\' | '\'' | '`');
    !name.is_empty() && name.len() <= 255 && name.chars().all(plain) && name != "." && name != ".."
}

/// What [`is_name`] takes.
const NAMES: &str = "visible ASCII without spaces, quotes and slashes, at most 255 bytes";

const FOLDER: &str = "/dev/dma_heap/";
