//! The machine's memory, `MemTotal` and `MemAvailable` of `/proc/meminfo`; and the size of its pages.
//!
//! The file stays open and is read into the stack; nothing allocates. Each read makes the kernel add up its counters (tens
//! of microseconds under emulation); the ledger asks only when it needs a new value. `MemTotal` is read once:
//! what is plugged in later is counted after the service's next start. Source: linux v6.12,
//! `fs/proc/meminfo.c` (the value is in KiB whatever the page size).

use crate::error::Error;
use gralloc_allocator::ports::MemoryGauge;
use nix::unistd::{sysconf, SysconfVar};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// More than the first lines of the file, `MemAvailable` is the third; the rest need not be copied.
const READ_BYTES: usize = 512;

/// Bytes of a page of this kernel.
pub fn page_bytes() -> u64 {
    let answer = sysconf(SysconfVar::PAGE_SIZE).ok().flatten();
    answer.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(4096)
}

/// The gauge.
#[derive(Debug)]
pub struct MemInfo {
    file: File,
    /// `MemTotal`.
    total: Option<u64>,
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
        let total = value(&file, b"MemTotal:");
        Ok(MemInfo { file, total })
    }
}

impl MemoryGauge for MemInfo {
    fn available_bytes(&self) -> Option<u64> {
        value(&self.file, b"MemAvailable:")
    }

    fn total_bytes(&self) -> Option<u64> {
        self.total
    }
}

fn value(file: &File, key: &[u8]) -> Option<u64> {
    let mut text = [0; READ_BYTES];
    // Signals do not interrupt a read of procfs; any error means that there is no value.
    let count = file.read_at(&mut text, 0).ok()?;
    text.get(..count).and_then(|text| find(text, key))
}

/// Finds a key's value in the file's text, in bytes.
fn find(text: &[u8], key: &[u8]) -> Option<u64> {
    let value = text.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(key))?;
    let value = std::str::from_utf8(value).ok()?.trim().strip_suffix("kB")?;
    value.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn values_found_among_others() {
        let text =
            b"MemTotal:       24683924 kB\nMemFree:        22349872 kB\nMemAvailable:   23826040 kB\nBuffers: 1 kB\n";
        assert_eq!(find(text, b"MemAvailable:"), Some(23_826_040 * 1024));
        assert_eq!(find(text, b"MemTotal:"), Some(24_683_924 * 1024));
    }

    #[test]
    fn mem_available_missing_or_broken_none() {
        for text in ["", "MemFree: 1 kB\n", "MemAvailable:\n", "MemAvailable: x kB\n", "MemAvailable: 5\n"] {
            assert_eq!(find(text.as_bytes(), b"MemAvailable:"), None, "{text:?}");
        }
        assert_eq!(find(b"MemAvailable: 18446744073709551615 kB\n", b"MemAvailable:"), None);
    }

    #[test]
    fn every_question_reads_the_file_again() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"MemAvailable:  100 kB\n").unwrap();
        let gauge = MemInfo::at(file.path()).unwrap();
        assert_eq!(gauge.available_bytes(), Some(102_400));
        std::fs::write(file.path(), b"MemAvailable:  200 kB\n").unwrap();
        assert_eq!(gauge.available_bytes(), Some(204_800));
        std::fs::write(file.path(), b"").unwrap();
        assert_eq!(gauge.available_bytes(), None);
    }

    #[test]
    fn this_machine_reports_a_value() {
        let bytes = MemInfo::new().unwrap().available_bytes().unwrap();
        assert!(bytes > 1 << 20, "{bytes}");
        assert_eq!(bytes % 1024, 0);
        let total = MemInfo::new().unwrap().total_bytes().unwrap();
        assert!(total >= bytes, "{total} < {bytes}");
    }
}
