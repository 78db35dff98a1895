//! Where buffers come from: the kernel's dma-heaps, or one of two stand-ins.

use std::fmt;
use std::str::FromStr;

/// The kinds of backend, by the names that a command line uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum BackendKind {
    /// `/dev/dma_heap`.
    #[default]
    Kernel,
    /// Stand-in: udmabufs.
    Udmabuf,
    /// Stand-in: memfds.
    Memfd,
}

impl BackendKind {
    /// Every kind.
    pub const ALL: &'static [BackendKind] = &[BackendKind::Kernel, BackendKind::Udmabuf, BackendKind::Memfd];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            BackendKind::Kernel => "kernel",
            BackendKind::Udmabuf => "udmabuf",
            BackendKind::Memfd => "memfd",
        }
    }
}

impl fmt::Display for BackendKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is not one of [`BackendKind::ALL`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownBackend(String);

impl std::error::Error for UnknownBackend {}

impl fmt::Display for UnknownBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" is not a source of heaps: use kernel, udmabuf or memfd", self.0.escape_default())
    }
}

impl FromStr for BackendKind {
    type Err = UnknownBackend;

    fn from_str(text: &str) -> Result<BackendKind, UnknownBackend> {
        let found = BackendKind::ALL.iter().find(|kind| kind.name() == text);
        found.copied().ok_or_else(|| UnknownBackend(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backend_kind_names_parse_back() {
        for kind in BackendKind::ALL {
            assert_eq!(kind.name().parse(), Ok(*kind));
        }
    }

    #[test]
    fn backend_kind_unknown_names_the_allowed() {
        let error = "ion\n".parse::<BackendKind>().unwrap_err().to_string();
        assert_eq!(error, "\"ion\\n\" is not a source of heaps: use kernel, udmabuf or memfd");
    }
}
