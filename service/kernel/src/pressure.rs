//! Tells when the machine runs short of memory: a trigger on `/proc/pressure/memory`.
//!
//! The kernel measures how long tasks stall for memory; a trigger written to the file makes it poll as POLLPRI when that
//! passes a bound within a window (linux v6.12, `Documentation/accounting/psi.rst`, `kernel/sched/psi.c`). Polling takes
//! the event back: it is told once. A kernel without CONFIG_PSI has no such file, one started with psi=0 refuses to open
//! it.

use crate::error::Error;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

/// Where the kernel tells.
const MEMORY_PRESSURE: &str = "/proc/pressure/memory";

/// Some task stalled for 70 ms, in microseconds, of a window of 2 s: the shortest window that needs no privilege. What
/// Android's lmkd calls "some" pressure is of this order.
const TRIGGER: &[u8] = b"some 70000 2000000\0";

/// A trigger, set for as long as the value lives.
#[derive(Debug)]
pub struct MemoryPressure(File);

impl MemoryPressure {
    /// Sets the trigger.
    ///
    /// # Errors
    /// `File` when the kernel has no such file or takes no trigger.
    pub fn new() -> Result<MemoryPressure, Error> {
        MemoryPressure::at(Path::new(MEMORY_PRESSURE))
    }

    fn at(path: &Path) -> Result<MemoryPressure, Error> {
        let mut file = OpenOptions::new().read(true).write(true).open(path).map_err(Error::file(path))?;
        // The terminator belongs to it; one write sets one trigger.
        file.write_all(TRIGGER).map_err(Error::file(path))?;
        Ok(MemoryPressure(file))
    }

    /// Polls as POLLPRI, once, after each time that the bound was passed; as POLLERR when the kernel gave it up.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::errno::Errno;
    use nix::poll::{poll, PollFd, PollFlags, PollTimeout};

    #[test]
    fn absent_file_says_so() {
        let error = MemoryPressure::at(Path::new("/nonexistent/pressure/memory")).unwrap_err();
        assert_eq!(error.errno(), Errno::ENOENT);
        assert!(error.to_string().contains("/nonexistent/pressure/memory"), "{error}");
    }

    #[test]
    fn trigger_of_this_kernel_taken_and_quiet() {
        let pressure = match MemoryPressure::new() {
            Ok(pressure) => pressure,
            Err(error) => return println!("SKIP: no pressure events here: {error}"),
        };
        let mut fds = [PollFd::new(pressure.fd(), PollFlags::POLLPRI)];
        poll(&mut fds, PollTimeout::ZERO).unwrap();
        let events = fds[0].revents().unwrap();
        assert!(!events.contains(PollFlags::POLLERR), "{events:?}");
    }
}
