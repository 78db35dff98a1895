//! Memory pressure events: a PSI trigger on `/proc/pressure/memory`.
//!
//! The kernel measures how long tasks stall for memory; a trigger written to the file makes it poll as POLLPRI when that
//! passes a bound within a window (linux v6.12, `Documentation/accounting/psi.rst`, `kernel/sched/psi.c`). Polling
//! consumes the event. A kernel without CONFIG_PSI has no such file, one started with psi=0 refuses to open
//! it.

use crate::error::Error;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// Where the kernel reports it.
const MEMORY_PRESSURE: &str = "/proc/pressure/memory";

/// Some task stalled for 70 ms, in microseconds, of a window of 2 s: the shortest window that needs no privilege. What
/// Android's lmkd calls "some" pressure is of this order.
const TRIGGER: &[u8] = b"some 70000 2000000\0";

/// The bound of [`TRIGGER`] in microseconds.
const STALL_US: u64 = 70_000;
/// More than the file's two lines.
const READ_BYTES: usize = 256;

/// A trigger, set for as long as the value lives.
#[derive(Debug)]
pub struct MemoryPressure {
    file: File,
    /// The kernel's sum of stalls, in microseconds, when the trigger was set or last fired.
    fired_at_us: AtomicU64,
}

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
        let fired_at_us = AtomicU64::new(stalled_us(&file).unwrap_or(0));
        Ok(MemoryPressure { file, fired_at_us })
    }

    /// True when tasks have stalled since the last event for as long as the trigger requires. A process without
    /// CAP_SYS_RESOURCE gets one event about all stalls since boot, two seconds after it set its trigger: the window
    /// begins with a sum that the kernel keeps for others (`psi_trigger_create`, `kernel/sched/psi.c`).
    pub fn is_real(&self) -> bool {
        let Some(now_us) = stalled_us(&self.file) else { return true };
        now_us.saturating_sub(self.fired_at_us.swap(now_us, Ordering::Relaxed)) >= STALL_US
    }

    /// Polls as POLLPRI, once, after each time that the bound was passed; as POLLERR when the kernel gave it up.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Microseconds that some task has stalled since boot.
fn stalled_us(file: &File) -> Option<u64> {
    let mut text = [0; READ_BYTES];
    let count = file.read_at(&mut text, 0).ok()?;
    total(std::str::from_utf8(text.get(..count)?).ok()?)
}

/// Finds the sum in the file's text.
fn total(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("some "))?;
    line.split_ascii_whitespace().find_map(|field| field.strip_prefix("total="))?.parse().ok()
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
    fn total_found_in_the_first_line() {
        let text = "some avg10=0.01 avg60=0.27 avg300=0.13 total=2025698\nfull avg10=0.00 avg60=0.08 total=1017457\n";
        assert_eq!(total(text), Some(2_025_698));
        assert_eq!(total("full total=1\n"), None);
        assert_eq!(total("some total=x\n"), None);
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
