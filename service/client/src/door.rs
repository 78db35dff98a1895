//! Where the allocator is to be found.

use allocator_aidl::{driver_node, DEFAULT_SOCKET};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// The environment variable that names a door: `binder` or `unix:PATH`.
pub const DOOR_VARIABLE: &str = "GRALLOC_ALLOCATOR";

/// One of the allocator's front doors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Door {
    /// The kernel's binder and its service manager.
    Binder,
    /// A unix socket.
    Socket(PathBuf),
}

/// A text that names no door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoorError {
    text: String,
}

impl Door {
    /// The door that `given` names; else the one in the environment ([`DOOR_VARIABLE`]); else binder where the machine
    /// has it; else the socket at [`DEFAULT_SOCKET`].
    ///
    /// # Errors
    /// The environment names something else.
    pub fn choose(given: Option<Door>) -> Result<Door, DoorError> {
        if let Some(door) = given {
            return Ok(door);
        }
        match std::env::var_os(DOOR_VARIABLE) {
            Some(text) if !text.is_empty() => text.to_string_lossy().parse(),
            _ if driver_node().exists() => Ok(Door::Binder),
            _ => Ok(Door::Socket(PathBuf::from(DEFAULT_SOCKET))),
        }
    }
}

impl FromStr for Door {
    type Err = DoorError;

    fn from_str(text: &str) -> Result<Door, DoorError> {
        match text.strip_prefix("unix:") {
            Some(path) if !path.is_empty() => Ok(Door::Socket(PathBuf::from(path))),
            None if text == "binder" => Ok(Door::Binder),
            _ => Err(DoorError { text: text.to_owned() }),
        }
    }
}

impl fmt::Display for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Door::Binder => f.write_str("binder"),
            Door::Socket(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl std::error::Error for DoorError {}

impl fmt::Display for DoorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" names no door to the allocator; allowed: binder, unix:PATH", self.text.escape_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_door_reads_back_as_it_is_written() {
        for door in [Door::Binder, Door::Socket("/run/x y.sock".into())] {
            assert_eq!(door.to_string().parse(), Ok(door));
        }
    }

    #[test]
    fn a_text_that_names_no_door_is_refused_with_what_is_allowed() {
        for text in ["", "unix:", "/run/x.sock", "Binder"] {
            let error = text.parse::<Door>().unwrap_err().to_string();
            assert!(error.contains(&format!("\"{text}\"")) && error.contains("binder, unix:PATH"), "{error}");
        }
    }

    #[test]
    fn a_given_door_is_taken() {
        assert_eq!(Door::choose(Some(Door::Binder)), Ok(Door::Binder));
    }
}
