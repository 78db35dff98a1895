//! What memory the machine has left: `MemAvailable` of `/proc/meminfo`.
//!
//! The file stays open and is read into the stack; nothing allocates. A fresh read makes the kernel add up its counters
//! (tens of microseconds under emulation), so [`MemInfo::recent`] answers from a figure of a moment ago, with a clock
//! that costs no system call. Source: linux v6.12, `fs/proc/meminfo.c` (the figure is in KiB whatever the page size).

use crate::error::Error;
use gralloc_allocator::ports::MemoryGauge;
use nix::time::{clock_gettime, ClockId};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// More than the first lines of the file, `MemAvailable` is the third; the rest need not be copied.
const READ_BYTES: usize = 512;

/// "There is no figure": no machine has so many bytes.
const NONE: u64 = u64::MAX;

/// The gauge.
#[derive(Debug)]
pub struct MemInfo {
    file: File,
    /// The last figure in bytes, or `NONE`.
    bytes: AtomicU64,
    /// When it was read, in nanoseconds of the coarse monotonic clock; 0 for never.
    taken_ns: AtomicU64,
}

impl MemInfo {
    /// Opens `/proc/meminfo`.
    ///
    /// # Errors
    /// `File` when it cannot be opened.
    pub fn new() -> Result<MemInfo, Error> {
        MemInfo::at(Path::new("/proc/meminfo"))
    }

    /// Opens a file of the same form.
    ///
    /// # Errors
    /// `File` when it cannot be opened.
    pub fn at(path: &Path) -> Result<MemInfo, Error> {
        let file = File::open(path).map_err(Error::file(path))?;
        Ok(MemInfo { file, bytes: AtomicU64::new(NONE), taken_ns: AtomicU64::new(0) })
    }

    /// Bytes available, as of now. `None` when the file does not say.
    pub fn fresh(&self) -> Option<u64> {
        let mut text = [0; READ_BYTES];
        // Signals do not interrupt a read of procfs; any error means that there is no figure.
        let count = self.file.read_at(&mut text, 0).ok()?;
        let bytes = text.get(..count).and_then(mem_available);
        // The figure before its time: a reader that sees the new time sees a figure at least as new.
        self.bytes.store(bytes.unwrap_or(NONE), Ordering::Release);
        self.taken_ns.store(now_ns(), Ordering::Release);
        bytes
    }

    /// Bytes available, as of at most `max_age` ago (and a tick of the coarse clock, 1 to 10 ms). Reads only when the
    /// last figure is older. The clock call makes no system call, so this costs well below a microsecond as a rule.
    pub fn recent(&self, max_age: Duration) -> Option<u64> {
        let taken = self.taken_ns.load(Ordering::Acquire);
        let age = now_ns().saturating_sub(taken);
        if taken == 0 || u128::from(age) > max_age.as_nanos() {
            return self.fresh();
        }
        match self.bytes.load(Ordering::Acquire) {
            NONE => None,
            bytes => Some(bytes),
        }
    }
}

/// Always fresh; who can live with an older figure asks [`MemInfo::recent`].
impl MemoryGauge for MemInfo {
    fn available_bytes(&self) -> Option<u64> {
        self.fresh()
    }
}

/// Nanoseconds of CLOCK_MONOTONIC_COARSE; `u64::MAX`, which makes any figure too old, if there is no such clock.
fn now_ns() -> u64 {
    let Ok(now) = clock_gettime(ClockId::CLOCK_MONOTONIC_COARSE) else { return u64::MAX };
    u64::try_from(Duration::from(now).as_nanos()).unwrap_or(u64::MAX)
}

/// Finds the figure in the file's text and makes bytes of it.
fn mem_available(text: &[u8]) -> Option<u64> {
    let value = text.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"MemAvailable:"))?;
    let value = std::str::from_utf8(value).ok()?.trim().strip_suffix("kB")?;
    value.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn mem_available_found_among_others() {
        let text =
            b"MemTotal:       24683924 kB\nMemFree:        22349872 kB\nMemAvailable:   23826040 kB\nBuffers: 1 kB\n";
        assert_eq!(mem_available(text), Some(23_826_040 * 1024));
    }

    #[test]
    fn mem_available_missing_or_broken_none() {
        for text in ["", "MemFree: 1 kB\n", "MemAvailable:\n", "MemAvailable: x kB\n", "MemAvailable: 5\n"] {
            assert_eq!(mem_available(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(mem_available(b"MemAvailable: 18446744073709551615 kB\n"), None);
    }

    #[test]
    fn recent_keeps_a_figure_until_it_is_too_old() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"MemAvailable:  100 kB\n").unwrap();
        let gauge = MemInfo::at(file.path()).unwrap();
        let hour = Duration::from_secs(3600);
        assert_eq!(gauge.recent(hour), Some(102_400), "the first call reads");
        std::fs::write(file.path(), b"MemAvailable:  200 kB\n").unwrap();
        assert_eq!(gauge.recent(hour), Some(102_400), "not read again");
        assert_eq!(gauge.available_bytes(), Some(204_800), "the port reads");
        assert_eq!(gauge.recent(hour), Some(204_800), "and leaves its figure");
        std::fs::write(file.path(), b"MemAvailable:  300 kB\n").unwrap();
        std::thread::sleep(Duration::from_millis(30));
        assert_eq!(gauge.recent(Duration::from_millis(1)), Some(307_200), "too old");
    }

    #[test]
    fn recent_without_a_figure_none() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let gauge = MemInfo::at(file.path()).unwrap();
        assert_eq!(gauge.recent(Duration::from_secs(1)), None);
        assert_eq!(gauge.recent(Duration::from_secs(1)), None);
    }

    #[test]
    fn this_machine_has_a_figure() {
        let bytes = MemInfo::new().unwrap().available_bytes().unwrap();
        assert!(bytes > 1 << 20, "{bytes}");
        assert_eq!(bytes % 1024, 0);
    }
}
