//! The shared libraries of a user's program, so that a dynamically linked one runs in the guest too.

use std::path::{Path, PathBuf};
use std::process::Command;

use object::elf::DT_NEEDED;
use object::read::elf::{Dyn as _, ElfFile64};
use object::Endianness;

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

/// An ELF file that needs others: a dynamically linked program or a shared library, but no static-pie program, which has
/// a dynamic section too.
fn is_dynamic(bytes: &[u8]) -> bool {
    let needs = || -> object::Result<bool> {
        let file = ElfFile64::<Endianness>::parse(bytes)?;
        let Some((entries, _)) = file.elf_section_table().dynamic(file.endian(), bytes)? else { return Ok(false) };
        Ok(entries.iter().any(|entry| entry.tag(file.endian()) == DT_NEEDED))
    };
    needs().unwrap_or(false)
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
    fn this_test_needs_the_c_library() {
        // Tests on the host are linked dynamically.
        let libraries = closure(&std::env::current_exe().unwrap()).unwrap();
        assert!(libraries.iter().any(|path| path.ends_with("libc.so.6")), "{libraries:?}");
    }

    #[test]
    fn script_needs_no_libraries() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("script");
        std::fs::write(&path, "#!/bin/sh\n").unwrap();
        assert!(closure(&path).unwrap().is_empty());
    }
}
