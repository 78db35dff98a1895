//! The shared libraries of a user's program, so that a dynamically linked one runs in the guest too.

use std::path::{Path, PathBuf};
use std::process::Command;

use object::{Object, ObjectSegment as _};

use crate::error::{At, Error, Result};
use crate::progress::run_captured;

/// The libraries and the loader that `program` needs, as absolute paths on the host; none for a static program, a
/// script or a data file.
///
/// # Errors
/// The file cannot be read, or a library of it is missing on the host.
pub fn closure(program: &Path) -> Result<Vec<PathBuf>> {
    let bytes = std::fs::read(program).at(program.display())?;
    if !is_dynamic(&bytes) {
        return Ok(Vec::new());
    }
    let listing = run_captured(Command::new("ldd").arg(program.canonicalize().at(program.display())?))?;
    parse(&String::from_utf8_lossy(&listing)).map_err(|problem| Error::BadFile { path: program.to_owned(), problem })
}

/// An ELF file that names a loader. `ldd` also takes static-pie files, for which there is nothing to bring.
fn is_dynamic(bytes: &[u8]) -> bool {
    let Ok(file) = object::File::parse(bytes) else { return false };
    // `.interp` is the section of PT_INTERP; a file without sections is taken to be static.
    file.section_by_name(".interp").is_some() && file.segments().any(|segment| segment.size() > 0)
}

/// Reads ldd's lines: `libc.so.6 => /lib/… (0x…)`, `/lib64/ld-linux-x86-64.so.2 (0x…)`, `linux-vdso.so.1 (0x…)`.
fn parse(listing: &str) -> std::result::Result<Vec<PathBuf>, String> {
    let mut paths = Vec::new();
    for line in listing.lines().map(str::trim) {
        if line.ends_with("not found") {
            return Err(format!("a library it needs is not on this machine: {line}"));
        }
        let target = line.split_once("=>").map_or(line, |(_, path)| path).trim();
        let path = target.split_whitespace().next().unwrap_or_default();
        if path.starts_with('/') {
            paths.push(PathBuf::from(path));
        }
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listing_gives_libraries_and_loader_without_the_vdso() {
        let listing = "\tlinux-vdso.so.1 (0x00007ffd)\n\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f)\n\t/lib64/ld-linux-x86-64.so.2 (0x00007f)\n";
        assert_eq!(
            parse(listing).unwrap(),
            [PathBuf::from("/lib/x86_64-linux-gnu/libc.so.6"), PathBuf::from("/lib64/ld-linux-x86-64.so.2")]
        );
        assert!(parse("\tlibfoo.so => not found").unwrap_err().contains("libfoo.so"));
        assert!(parse("\tstatically linked\n").unwrap().is_empty());
    }

    #[test]
    fn script_needs_no_libraries() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("script");
        std::fs::write(&path, "#!/bin/sh\n").unwrap();
        assert!(closure(&path).unwrap().is_empty());
    }
}
