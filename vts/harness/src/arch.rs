//! The processors of guests and of the programs in them, and what QEMU, Debian and the compilers call each.

use std::fmt;
use std::path::PathBuf;
use std::process::Command;

use clap::ValueEnum;

use crate::error::Result;
use crate::progress::run_captured;

/// What a guest's processor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Arch {
    /// A 64-bit PC, as the host: its programs are the host's own.
    #[value(name = "x86-64")]
    X86_64,
    /// QEMU's machine `virt` with 64-bit ARM processors: its programs are cross-built.
    Arm64,
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&word(self))
    }
}

/// A value as the command line takes it.
pub fn word(value: &impl ValueEnum) -> String {
    value.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

impl Arch {
    /// QEMU's program.
    pub(crate) fn qemu(self) -> &'static str {
        match self {
            Self::X86_64 => "qemu-system-x86_64",
            Self::Arm64 => "qemu-system-aarch64",
        }
    }

    /// Debian's word for it.
    pub(crate) fn debian(self) -> &'static str {
        match self {
            Self::X86_64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }
}

/// The name under which Debian has this machine's own libraries: `x86_64-linux-gnu`.
pub(crate) fn multiarch() -> String {
    format!("{}-linux-gnu", std::env::consts::ARCH)
}

/// What programs are built for, where that is not the host.
#[derive(Debug, PartialEq, Eq)]
pub struct Target {
    /// Rust's name for it.
    pub triple: &'static str,
    /// The variable that tells Cargo its linker.
    pub(crate) linker_variable: &'static str,
    /// The C compiler that links, by Debian's name.
    pub(crate) linker: &'static str,
    /// `strip` for its files.
    pub(crate) strip: &'static str,
}

/// 32-bit programs: a PC's 64-bit kernel runs them, as an arm64 one runs a phone's.
pub const I686: Target = Target {
    triple: "i686-unknown-linux-gnu",
    linker_variable: "CARGO_TARGET_I686_UNKNOWN_LINUX_GNU_LINKER",
    linker: "i686-linux-gnu-gcc",
    strip: "strip",
};

/// Programs of an arm64 guest.
pub const ARM64: Target = Target {
    triple: "aarch64-unknown-linux-gnu",
    linker_variable: "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER",
    linker: "aarch64-linux-gnu-gcc",
    strip: "aarch64-linux-gnu-strip",
};

impl Target {
    /// Where its C library has this file; the bare name where it has none.
    pub(crate) fn library(&self, name: &str) -> Result<PathBuf> {
        let path = run_captured(Command::new(self.linker).arg(format!("-print-file-name={name}")))?;
        Ok(PathBuf::from(String::from_utf8_lossy(&path).trim()))
    }
}
