//! The guest's root file system: a cpio archive in the "newc" form that the kernel unpacks
//! (Linux, Documentation/driver-api/early-userspace/buffer-format.rst). Not compressed: under emulation, unpacking costs
//! more than reading.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use cpio::newc::{self, ModeFileType};

use crate::error::{At, Result};

/// What lies at a path.
enum Entry {
    Folder(u32),
    File(u32, Vec<u8>),
    Link(String),
}

/// The files of a root file system. Folders above a file appear by themselves, with mode 0755: rsbinder's service
/// manager trusts its policy only below folders that nobody else can write, and a client that is not root must be able
/// to pass them.
#[derive(Default)]
pub struct Initramfs {
    entries: BTreeMap<String, Entry>,
}

impl Initramfs {
    /// The empty file system.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a folder; `path` is absolute.
    pub fn folder(&mut self, path: &str, mode: u32) -> &mut Self {
        self.insert(path, Entry::Folder(mode))
    }

    /// Adds a file with this content.
    pub fn file(&mut self, path: &str, mode: u32, content: impl Into<Vec<u8>>) -> &mut Self {
        self.insert(path, Entry::File(mode, content.into()))
    }

    /// Adds a symbolic link.
    pub fn link(&mut self, path: &str, target: &str) -> &mut Self {
        self.insert(path, Entry::Link(target.to_owned()))
    }

    /// Adds a file of the host with its own mode.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn copy(&mut self, path: &str, from: &Path) -> Result<&mut Self> {
        let mode = fs::metadata(from).at(from.display())?.permissions().mode() & 0o777;
        let content = fs::read(from).at(from.display())?;
        Ok(self.file(path, mode, content))
    }

    /// Adds a file or a whole folder of the host.
    ///
    /// # Errors
    /// Something in it cannot be read.
    pub fn copy_tree(&mut self, path: &str, from: &Path) -> Result<()> {
        if !from.is_dir() {
            return self.copy(path, from).map(|_| ());
        }
        self.folder(path, 0o755);
        for entry in fs::read_dir(from).at(from.display())? {
            let entry = entry.at(from.display())?;
            self.copy_tree(&format!("{path}/{}", entry.file_name().to_string_lossy()), &entry.path())?;
        }
        Ok(())
    }

    /// Whether something lies at this path already.
    pub fn contains(&self, path: &str) -> bool {
        self.entries.contains_key(path.trim_start_matches('/'))
    }

    fn insert(&mut self, path: &str, entry: Entry) -> &mut Self {
        let path = path.trim_start_matches('/');
        for (end, _) in path.match_indices('/') {
            let above = path.get(..end).unwrap_or_default();
            self.entries.entry(above.to_owned()).or_insert(Entry::Folder(0o755));
        }
        self.entries.insert(path.to_owned(), entry);
        self
    }

    /// Writes the archive.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let write = || -> std::io::Result<()> {
            let mut out = BufWriter::new(File::create(path)?);
            append(&mut out, 1, ".", &Entry::Folder(0o755))?;
            // The map's order puts a folder before what lies in it.
            for (number, (path, entry)) in (2..).zip(&self.entries) {
                append(&mut out, number, path, entry)?;
            }
            newc::trailer(&mut out)?;
            out.flush()
        };
        write().at(path.display())
    }
}

fn append(out: &mut impl Write, inode: u32, path: &str, entry: &Entry) -> std::io::Result<()> {
    let (mode, kind, content): (u32, ModeFileType, &[u8]) = match entry {
        Entry::Folder(mode) => (*mode, ModeFileType::Directory, &[]),
        Entry::File(mode, content) => (*mode, ModeFileType::Regular, content),
        Entry::Link(target) => (0o777, ModeFileType::Symlink, target.as_bytes()),
    };
    let size = u32::try_from(content.len()).map_err(std::io::Error::other)?;
    let header = newc::Builder::new(path).ino(inode).nlink(1).mode(mode).set_mode_file_type(kind);
    let mut writer = header.write(&mut *out, size);
    writer.write_all(content)?;
    writer.finish()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archive_reads_back_with_folders_above_files_and_an_open_root() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("initramfs");
        let mut root = Initramfs::new();
        root.file("/etc/a/b.toml", 0o644, "x = 1\n").link("/bin/sh", "busybox").folder("/out", 0o1777);
        root.write(&path).unwrap();
        let mut source: Box<dyn std::io::Read> = Box::new(File::open(&path).unwrap());
        let mut seen = Vec::new();
        loop {
            let mut reader = newc::Reader::new(source).unwrap();
            if reader.entry().is_trailer() {
                break;
            }
            let mut content = String::new();
            std::io::Read::read_to_string(&mut reader, &mut content).unwrap();
            seen.push((reader.entry().name().to_owned(), reader.entry().mode(), content));
            source = reader.finish().unwrap();
        }
        let text = |s: &str| s.to_owned();
        assert_eq!(
            seen,
            [
                (text("."), 0o040_755, text("")),
                (text("bin"), 0o040_755, text("")),
                (text("bin/sh"), 0o120_777, text("busybox")),
                (text("etc"), 0o040_755, text("")),
                (text("etc/a"), 0o040_755, text("")),
                (text("etc/a/b.toml"), 0o100_644, text("x = 1\n")),
                (text("out"), 0o041_777, text("")),
            ]
        );
    }
}
