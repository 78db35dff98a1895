//! Reads from a kernel's image whose it is and which release.

use std::fs;
use std::path::Path;

use object::elf;

use crate::arch::Arch;
use crate::error::{At, Error, Result};

/// Whose image it is, and its release.
///
/// A bzImage's header has it. Linux, Documentation/arch/x86/boot.rst: magic `HdrS` at 0x202, `xloadflags` at 0x236, and at
/// 0x20e the offset, less 0x200, of a text that begins with it. arm64's has none; the uncompressed image holds the banner.
pub(crate) fn image_release(path: &Path) -> Result<(Arch, String)> {
    /// `XLF_KERNEL_64`: the kernel has a 64-bit entry point.
    const KERNEL_64: u8 = 1;
    let bytes = fs::read(path).at(path.display())?;
    let problem = |problem: String| Error::BadFile { path: path.to_owned(), problem };
    let bad = || problem("not an x86 Linux kernel image (bzImage), nor an arm64 one (Image)".to_owned());
    if bytes.get(ARM64_MAGIC.0..).is_some_and(|rest| rest.starts_with(ARM64_MAGIC.1)) {
        let release =
            banner_release(&bytes).ok_or_else(|| problem("an arm64 kernel that names no release".to_owned()))?;
        return Ok((Arch::Arm64, release));
    }
    if bytes.starts_with(GZIP) {
        return Err(problem(format!("compressed with gzip; unpack it: {GUESTS}")));
    }
    if let Some(other) = other_architecture(&bytes) {
        return Err(problem(format!("a kernel for {other}; {GUESTS}")));
    }
    if bytes.get(0x202..0x206) != Some(b"HdrS") {
        return Err(bad());
    }
    if bytes.get(0x236).is_some_and(|flags| flags & KERNEL_64 == 0) {
        return Err(problem(format!("a kernel for 32-bit PCs; {GUESTS}")));
    }
    let offset = bytes.get(0x20e..0x210).and_then(|b| b.try_into().ok()).map(u16::from_le_bytes).ok_or_else(bad)?;
    let start = usize::from(offset).saturating_add(0x200);
    let text = bytes.get(start..).unwrap_or_default().iter().take(256).take_while(|b| !matches!(**b, 0 | b' '));
    let release = String::from_utf8_lossy(&text.copied().collect::<Vec<u8>>()).into_owned();
    if release.is_empty() || release.contains('/') {
        return Err(bad());
    }
    Ok((Arch::X86_64, release))
}

/// The release in `Linux version 6.12.1-full (…`, init/version-timestamp.c.
fn banner_release(bytes: &[u8]) -> Option<String> {
    const BANNER: &[u8] = b"Linux version ";
    let start = bytes.windows(BANNER.len()).position(|window| window == BANNER)?.checked_add(BANNER.len())?;
    let text = bytes.get(start..)?.iter().take(256).take_while(|byte| byte.is_ascii_graphic());
    let release = String::from_utf8_lossy(&text.copied().collect::<Vec<u8>>()).into_owned();
    (!release.is_empty() && !release.contains('/')).then_some(release)
}

/// What an image may be for.
const GUESTS: &str = "a guest is a 64-bit PC (x86-64, a bzImage) or QEMU's arm64 machine (an Image)";
/// Where an arm64 Image has what (Documentation/arch/arm64/booting.rst).
const ARM64_MAGIC: (usize, &[u8]) = (0x38, b"ARM\x64");

/// How a file begins that gzip has made.
const GZIP: &[u8] = &[0x1f, 0x8b];

/// Whose kernel image it is, when it is recognised and no guest boots it: `RISC-V` (arch/riscv/boot-image-header.rst, magic at
/// 0x38), `arm` (magic at 0x24), a compressed EFI image (drivers/firmware/efi/libstub/zboot-header.S), or an ELF file.
fn other_architecture(bytes: &[u8]) -> Option<String> {
    let at = |offset: usize, magic: &[u8]| bytes.get(offset..).is_some_and(|rest| rest.starts_with(magic));
    let known: [(usize, &[u8], &str); 3] = [
        (0x38, b"RSC\x05", "RISC-V"),
        (0x24, &[0x18, 0x28, 0x6f, 0x01], "32-bit ARM"),
        (0x04, b"zimg", "EFI alone (zboot, as of arm64)"),
    ];
    let known = known.into_iter().find(|(offset, magic, _)| at(*offset, magic)).map(|(_, _, name)| name.to_owned());
    known.or_else(|| elf_machine(bytes).map(|machine| format!("{machine} (an ELF file)")))
}

/// Whose an ELF file is.
fn elf_machine(bytes: &[u8]) -> Option<String> {
    /// `e_machine`, in both kinds of ELF file.
    const MACHINE: std::ops::Range<usize> = 0x12..0x14;
    let names: [(elf::Machine, &str); 11] = [
        (elf::EM_X86_64, "x86-64"),
        (elf::EM_AARCH64, "arm64"),
        (elf::EM_386, "32-bit PCs"),
        (elf::EM_ARM, "32-bit ARM"),
        (elf::EM_RISCV, "RISC-V"),
        (elf::EM_LOONGARCH, "LoongArch"),
        (elf::EM_PPC, "32-bit PowerPC"),
        (elf::EM_PPC64, "PowerPC"),
        (elf::EM_MIPS, "MIPS"),
        (elf::EM_S390, "s390"),
        (elf::EM_SPARCV9, "SPARC"),
    ];
    let identification = bytes.strip_prefix(&elf::ELFMAG[..])?;
    let machine: [u8; 2] = bytes.get(MACHINE)?.try_into().ok()?;
    let machine = match identification.get(1).copied().map(elf::DataEncoding) {
        Some(elf::ELFDATA2MSB) => u16::from_be_bytes(machine),
        _ => u16::from_le_bytes(machine),
    };
    let name = names.into_iter().find(|(number, _)| number.0 == machine).map(|(_, name)| name.to_owned());
    Some(name.unwrap_or_else(|| format!("processor {machine} of ELF's list")))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The beginning of a bzImage of this release.
    pub(crate) fn bzimage(release: &str) -> Vec<u8> {
        let mut image = vec![0; 0x400];
        image[0x202..0x206].copy_from_slice(b"HdrS");
        image[0x20e..0x210].copy_from_slice(&0x100_u16.to_le_bytes());
        image[0x236] = 1;
        image[0x300..0x300 + release.len()].copy_from_slice(release.as_bytes());
        image
    }

    #[test]
    fn image_of_another_architecture_is_told_which() {
        let dir = tempfile::tempdir().unwrap();
        let mut riscv = vec![0; 0x40];
        riscv[0x38..0x3c].copy_from_slice(b"RSC\x05");
        let elf = |order: u8, machine: [u8; 2]| {
            let mut elf = vec![0; 0x40];
            elf[..4].copy_from_slice(b"\x7fELF");
            elf[5] = order;
            elf[0x12..0x14].copy_from_slice(&machine);
            elf
        };
        let mut narrow = bzimage("6.12.1 ");
        narrow[0x236] = 0;
        let images = [
            (riscv, "for RISC-V;"),
            (elf(1, [0xb7, 0]), "for arm64 (an ELF file);"),
            (elf(1, [0x3e, 0]), "for x86-64 (an ELF file);"),
            (elf(2, [0, 0x16]), "for s390 (an ELF file);"),
            (elf(1, [0x34, 0x12]), "for processor 4660 of ELF's list (an ELF file);"),
            (narrow, "for 32-bit PCs;"),
        ];
        for (bytes, whose) in images {
            let path = dir.path().join("image");
            fs::write(&path, &bytes).unwrap();
            let error = image_release(&path).unwrap_err().to_string();
            assert!(error.contains(&format!("a kernel {whose} a guest is a 64-bit PC (x86-64, a bzImage)")), "{error}");
        }
        let path = dir.path().join("Image.gz");
        fs::write(&path, [0x1f, 0x8b, 8, 0]).unwrap();
        let error = image_release(&path).unwrap_err().to_string();
        assert!(error.contains("Image.gz: compressed with gzip; unpack it: a guest is"), "{error}");
    }

    #[test]
    fn image_release_reads_the_boot_header_and_refuses_other_files() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("vmlinuz");
        fs::write(&path, bzimage("6.12.1+x (me@here)")).unwrap();
        assert_eq!(image_release(&path).unwrap(), (Arch::X86_64, "6.12.1+x".to_owned()));
        let mut arm64 = vec![0; 0x400];
        arm64[0x38..0x3c].copy_from_slice(b"ARM\x64");
        fs::write(&path, &arm64).unwrap();
        assert!(image_release(&path).unwrap_err().to_string().contains("names no release"));
        arm64[0x200..0x226].copy_from_slice(b"Linux version 6.12.1-full-16k (me@here");
        fs::write(&path, &arm64).unwrap();
        assert_eq!(image_release(&path).unwrap(), (Arch::Arm64, "6.12.1-full-16k".to_owned()));
        fs::write(&path, b"#!/bin/sh").unwrap();
        assert!(image_release(&path).unwrap_err().to_string().contains("bzImage"));
    }
}
