//! What the machine must have: looked for, and brought by `packages` when running as root.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::apt;
use crate::arch::{multiarch, Arch, Target, ARM64, I686};
use crate::error::{Error, Result};
use crate::packages;
use crate::progress::{on_path, Progress};

/// Something the machine must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// The emulator.
    Qemu,
    /// A C compiler, to link.
    Linker,
    /// A C compiler for 32-bit programs, to link them.
    Linker32,
    /// The C library that they are linked to.
    Libc32,
    /// The emulator of arm64 machines.
    QemuArm64,
    /// A C compiler for arm64 programs, to link them and to build their kernel.
    Arm64Linker,
    /// The C library that they are linked to.
    Arm64Libc,
    /// libclang, for bindgen's check of the kernel's headers.
    Libclang,
    /// `ldd`, `dpkg-deb` and `apt-get` style tools for unpacking packages.
    DpkgDeb,
    /// The keys that Debian's archive is signed with.
    DebianKeys,
    /// make, and the tools that the kernel's own build calls.
    Make,
    /// bc.
    Bc,
    /// flex.
    Flex,
    /// bison.
    Bison,
    /// libelf's headers, for the kernel's objtool.
    Libelf,
    /// lz4, which packs the image: it unpacks fastest under emulation.
    Lz4,
    /// xz, in which the source comes.
    Xz,
    /// checkpolicy, which compiles SELinux rules.
    Checkpolicy,
    /// secilc, the other compiler of them, which Android's build uses.
    Secilc,
    /// m4, which expands their macros.
    M4,
    /// selabel_lookup and sefcontext_compile, which read their labels.
    SelinuxUtils,
}

/// What the checks of the SELinux rules run.
pub const SELINUX: [Need; 4] = [Need::Checkpolicy, Need::Secilc, Need::M4, Need::SelinuxUtils];

impl Need {
    /// What it is for, and the package that has it.
    fn entry(self) -> (&'static str, &'static str) {
        match self {
            Self::Qemu => ("qemu-system-x86_64, the emulator that guests run in", "qemu-system-x86"),
            Self::Linker => ("cc, the linker", "gcc"),
            Self::Linker32 => ("i686-linux-gnu-gcc, which links 32-bit clients", "gcc-i686-linux-gnu"),
            Self::Libc32 => ("the C library of 32-bit clients", "libc6-dev-i386-cross"),
            Self::QemuArm64 => ("qemu-system-aarch64, the emulator that arm64 guests run in", "qemu-system-arm"),
            Self::Arm64Linker => ("aarch64-linux-gnu-gcc, which links arm64 programs", "gcc-aarch64-linux-gnu"),
            Self::Arm64Libc => ("the C library of arm64 programs", "libc6-dev-arm64-cross"),
            Self::Libclang => ("libclang.so, with which the kernel's headers are read", "libclang-dev"),
            Self::DpkgDeb => ("dpkg-deb, with which the kernel package is unpacked", "dpkg"),
            Self::DebianKeys => ("Debian's keys, by which its package lists are known", "debian-archive-keyring"),
            Self::Checkpolicy => ("checkpolicy, which compiles the SELinux rules", "checkpolicy"),
            Self::Secilc => ("secilc, which compiles the SELinux rules as Android's build does", "secilc"),
            Self::M4 => ("m4, which expands the SELinux rules", "m4"),
            Self::SelinuxUtils => ("selabel_lookup and sefcontext_compile, which read SELinux labels", "selinux-utils"),
            Self::Make => ("make, to build the second guest kernel", "make"),
            Self::Bc => ("bc, to build the second guest kernel", "bc"),
            Self::Flex => ("flex, to build the second guest kernel", "flex"),
            Self::Bison => ("bison, to build the second guest kernel", "bison"),
            Self::Libelf => ("libelf.h, to build the second guest kernel", "libelf-dev"),
            Self::Lz4 => ("lz4, to pack the second guest kernel", "lz4"),
            Self::Xz => ("xz, to unpack the kernel's source", "xz-utils"),
        }
    }

    fn why(self) -> &'static str {
        self.entry().0
    }

    fn package(self) -> &'static str {
        self.entry().1
    }

    fn present(self) -> bool {
        match self {
            Self::Qemu => on_path(Arch::X86_64.qemu()),
            Self::QemuArm64 => on_path(Arch::Arm64.qemu()),
            Self::Linker => on_path("cc"),
            Self::Linker32 => on_path(I686.linker),
            Self::Libc32 => finds_libc(&I686),
            Self::Arm64Linker => on_path(ARM64.linker),
            Self::Arm64Libc => finds_libc(&ARM64),
            Self::Libclang => libclang_present(),
            Self::DpkgDeb => on_path("dpkg-deb"),
            Self::DebianKeys => apt::keys().is_some(),
            Self::Checkpolicy => on_path("checkpolicy"),
            Self::Secilc => on_path("secilc"),
            Self::M4 => on_path("m4"),
            Self::SelinuxUtils => on_path("selabel_lookup") && on_path("sefcontext_compile"),
            Self::Make => on_path("make"),
            Self::Bc => on_path("bc"),
            Self::Flex => on_path("flex"),
            Self::Bison => on_path("bison"),
            Self::Libelf => compiles("#include <libelf.h>\n"),
            Self::Lz4 => on_path("lz4"),
            Self::Xz => on_path("xz"),
        }
    }
}

/// Makes sure that everything in `needs` is there. What cannot be installed without removing a package of the user's is
/// unpacked below `cache`, and its programs are put on this process' PATH.
///
/// # Errors
/// [`Error::Missing`] with the exact command when something is missing and this is not root on a Debian-like machine, or
/// when only removing a package would bring it; apt-get's failure otherwise.
pub fn ensure(needs: &[Need], cache: &Path, progress: &Progress) -> Result<()> {
    packages::use_unpacked(cache)?;
    let missing: Vec<Need> = needs.iter().copied().filter(|need| !need.present()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|need| need.package()).collect();
    let what: Vec<&str> = missing.iter().map(|need| need.why()).collect();
    let what = what.join("; ");
    if !rustix::process::geteuid().is_root() || !on_path("apt-get") {
        let remedy = format!("sudo apt-get install --no-remove {}", packages.join(" "));
        return Err(Error::Missing { what, remedy });
    }
    progress.step(format_args!("missing: {what}"));
    let way = packages::bring(&packages, cache, progress)?;
    match missing.iter().find(|need| !need.present()) {
        None => Ok(()),
        Some(need) => Err(Error::Missing {
            what: format!("{} ({way}, and it is still missing)", need.why()),
            remedy: format!("apt-get install {}   # decide yourself about what it removes", need.package()),
        }),
    }
}

/// Whether a cross compiler knows where what programs begin with is: one that it does not find it answers with the bare name.
fn finds_libc(target: &Target) -> bool {
    target.library("crt1.o").is_ok_and(|path| path.is_absolute())
}

/// Whether the C compiler finds the headers of this text.
fn compiles(text: &str) -> bool {
    let child = Command::new("cc")
        .args(["-x", "c", "-fsyntax-only", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = child else { return false };
    let written = child.stdin.take().is_some_and(|mut input| input.write_all(text.as_bytes()).is_ok());
    child.wait().is_ok_and(|status| status.success()) && written
}

/// `libclang.so`, with or without versions on either side of the dot. Not `libclang-cpp.so.14`, another library, which
/// comes with LLVM's tools and reads no header for bindgen.
fn is_libclang(file_name: &str) -> bool {
    let Some((name, _)) = file_name.split_once(".so") else { return false };
    let version = name.strip_prefix("libclang").map(|rest| rest.trim_start_matches('-'));
    version.is_some_and(|version| version.chars().all(|c| c.is_ascii_digit() || c == '.'))
}

/// Looks where clang-sys looks: `LIBCLANG_PATH`, then the distribution's folders.
fn libclang_present() -> bool {
    if std::env::var_os("LIBCLANG_PATH").is_some() {
        return true;
    }
    let has = |folder: &Path| {
        std::fs::read_dir(folder)
            .is_ok_and(|entries| entries.flatten().any(|entry| is_libclang(&entry.file_name().to_string_lossy())))
    };
    let llvm = std::fs::read_dir("/usr/lib").map(|entries| {
        entries
            .flatten()
            .filter(|e| e.file_name().to_string_lossy().starts_with("llvm"))
            .any(|e| has(&e.path().join("lib")))
    });
    llvm.unwrap_or(false) || has(&Path::new("/usr/lib").join(multiarch())) || has(Path::new("/usr/lib64"))
}

impl Arch {
    /// What its guests take beside what every guest takes.
    pub fn needs(self) -> &'static [Need] {
        match self {
            Self::X86_64 => &[Need::Qemu],
            Self::Arm64 => &[Need::QemuArm64, Need::Arm64Linker, Need::Arm64Libc, Need::DpkgDeb],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_libclang;

    #[test]
    fn libclang_is_told_from_libraries_of_like_names() {
        for name in ["libclang.so", "libclang-14.so", "libclang-14.so.1", "libclang.so.14.0.6", "libclang-14.0.6.so.1"]
        {
            assert!(is_libclang(name), "{name}");
        }
        for name in ["libclang-cpp.so.14", "libclang-cpp14.so", "libclang", "libclang-14.a", "libclangAST.so"] {
            assert!(!is_libclang(name), "{name}");
        }
    }
}
