//! Where the allocator is to be found.

use allocator_aidl::{driver_node, DEFAULT_SOCKET};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// The environment variable that names a transport: `binder` or `unix:PATH`.
pub const TRANSPORT_VARIABLE: &str = "GRALLOC_ALLOCATOR";

/// One of the allocator's transports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transport {
    /// The kernel's binder and its service manager.
    Binder,
    /// A unix socket.
    Socket(PathBuf),
}

/// A text that names no transport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransportError {
    text: String,
}

impl Transport {
    /// The transport that `given` names; else the one in the environment ([`TRANSPORT_VARIABLE`]); else binder where the machine
    /// has it; else the socket at [`DEFAULT_SOCKET`].
    ///
    /// # Errors
    /// The environment names something else.
    pub fn choose(given: Option<Transport>) -> Result<Transport, TransportError> {
        if let Some(transport) = given {
            return Ok(transport);
        }
        match std::env::var_os(TRANSPORT_VARIABLE) {
            Some(text) if !text.is_empty() => text.to_string_lossy().parse(),
            _ if driver_node().exists() => Ok(Transport::Binder),
            _ => Ok(Transport::Socket(PathBuf::from(DEFAULT_SOCKET))),
        }
    }
}

impl FromStr for Transport {
    type Err = TransportError;

    fn from_str(text: &str) -> Result<Transport, TransportError> {
        match text.strip_prefix("unix:") {
            Some(path) if !path.is_empty() => Ok(Transport::Socket(PathBuf::from(path))),
            None if text == "binder" => Ok(Transport::Binder),
            _ => Err(TransportError { text: text.to_owned() }),
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Transport::Binder => f.write_str("binder"),
            Transport::Socket(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl std::error::Error for TransportError {}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" names no transport to the allocator; allowed: binder, unix:PATH", self.text.escape_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transport_reads_back_as_it_is_written() {
        for transport in [Transport::Binder, Transport::Socket("/run/x y.sock".into())] {
            assert_eq!(transport.to_string().parse(), Ok(transport));
        }
    }

    #[test]
    fn a_text_that_names_no_transport_is_refused_with_what_is_allowed() {
        for text in ["", "unix:", "/run/x.sock", "Binder"] {
            let error = text.parse::<Transport>().unwrap_err().to_string();
            assert!(error.contains(&format!("\"{text}\"")) && error.contains("binder, unix:PATH"), "{error}");
        }
    }

    #[test]
    fn a_given_transport_is_taken() {
        assert_eq!(Transport::choose(Some(Transport::Binder)), Ok(Transport::Binder));
    }
}
