//! The shared libraries of a user's program, so that a dynamically linked one runs in the guest too.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use object::elf::{FileHeader32, FileHeader64, DT_NEEDED};
use object::read::elf::{Dyn as _, ElfFile, FileHeader};
use object::{Architecture, Endianness, FileKind, Object as _};

use crate::arch::{Target, ARM64, I686};
use crate::error::{At, Error, Result};
use crate::progress::run_captured;

/// Where every loader looks, after the folder of its architecture's name, which a cross compiler's libraries have not.
const FOLDER: &str = "/lib";

/// The libraries and the loader that `program` needs: for each path in the guest the file on the host. Those of a program for
/// this machine have one path for both; of a cross-built one they are the cross compiler's. None for a static program, a script or a data file.
///
/// # Errors
/// The file cannot be read, or a library of it is missing on the host.
pub fn closure(program: &Path) -> Result<BTreeMap<PathBuf, PathBuf>> {
    let bytes = std::fs::read(program).at(program.display())?;
    // A dynamically linked program or a shared library, but no static-pie program, which has a dynamic section too.
    if needed(&bytes).is_empty() {
        return Ok(BTreeMap::new());
    }
    let target = match object::File::parse(&*bytes).map(|file| file.architecture()) {
        Ok(Architecture::I386) => Some(&I686),
        Ok(Architecture::Aarch64) => Some(&ARM64),
        _ => None,
    };
    if let Some(target) = target {
        let mut libraries = BTreeMap::new();
        cross_built(&bytes, target, &mut libraries)?;
        return Ok(libraries);
    }
    let listing = run_captured(Command::new("ldd").arg(program.canonicalize().at(program.display())?))?;
    let paths = parse(&String::from_utf8_lossy(&listing))
        .map_err(|problem| Error::BadFile { path: program.to_owned(), problem })?;
    Ok(paths.into_iter().map(|path| (path.clone(), path)).collect())
}

/// Adds what a cross-built file needs, and what that needs: ldd would have to run it. The loader itself is what the C library needs.
fn cross_built(bytes: &[u8], target: &Target, libraries: &mut BTreeMap<PathBuf, PathBuf>) -> Result<()> {
    for name in needed(bytes) {
        let place = Path::new(FOLDER).join(&name);
        if libraries.contains_key(&place) {
            continue;
        }
        let path = target.library(&name)?;
        let library = std::fs::read(&path).at(path.display())?;
        libraries.insert(place, path);
        cross_built(&library, target, libraries)?;
    }
    Ok(())
}

/// The names of the libraries that an ELF file asks for; none for what is no ELF file.
fn needed(bytes: &[u8]) -> Vec<String> {
    match FileKind::parse(bytes) {
        Ok(FileKind::Elf32) => needed_in::<FileHeader32<Endianness>>(bytes),
        Ok(FileKind::Elf64) => needed_in::<FileHeader64<Endianness>>(bytes),
        _ => Vec::new(),
    }
}

fn needed_in<Elf: FileHeader<Endian = Endianness>>(bytes: &[u8]) -> Vec<String> {
    let names = || -> object::Result<Vec<String>> {
        let file = ElfFile::<Elf>::parse(bytes)?;
        let (endian, sections) = (file.endian(), file.elf_section_table());
        let Some((entries, link)) = sections.dynamic(endian, bytes)? else { return Ok(Vec::new()) };
        let strings = sections.strings(endian, bytes, link)?;
        let asked = entries.iter().filter(|entry| entry.tag(endian) == DT_NEEDED);
        asked.map(|entry| Ok(String::from_utf8_lossy(entry.string(endian, strings)?).into_owned())).collect()
    };
    names().unwrap_or_default()
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
        assert!(libraries.keys().any(|path| path.ends_with("libc.so.6")), "{libraries:?}");
    }

    #[test]
    fn script_needs_no_libraries() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("script");
        std::fs::write(&path, "#!/bin/sh\n").unwrap();
        assert!(closure(&path).unwrap().is_empty());
    }
}
