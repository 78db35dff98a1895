//! Whether the kernel charges what the system heap gives to the memory cgroup of the process that asks: this service, for
//! every client. Off by default; `dma_heap.mem_accounting=Y` on the kernel's command line. Source: linux v7.3,
//! `drivers/dma-buf/dma-heap.c` (`mem_accounting`, 0444) and `heaps/system_heap.c` (`__GFP_ACCOUNT`); CMA heaps charge nobody.

use std::fmt;
use std::io;
use std::path::Path;

/// The module's parameter: `Y` or `N`.
const PARAMETER: &str = "/sys/module/dma_heap/parameters/mem_accounting";

/// What the kernel does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accounting {
    /// It charges this service.
    Charged,
    /// It charges nobody, as all kernels until 6.18 do.
    NotCharged,
    /// The parameter is there and cannot be read, or says neither yes nor no.
    Unknown,
}

impl Accounting {
    /// What this kernel does. A kernel without the parameter does not.
    pub fn of_kernel() -> Accounting {
        Accounting::at(Path::new(PARAMETER))
    }

    fn at(parameter: &Path) -> Accounting {
        match std::fs::read_to_string(parameter) {
            Ok(text) => match text.trim() {
                "Y" | "1" => Accounting::Charged,
                "N" | "0" => Accounting::NotCharged,
                _ => Accounting::Unknown,
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Accounting::NotCharged,
            // SELinux, on a device without this project's rules: no reason to say anything in a log.
            Err(_) => Accounting::Unknown,
        }
    }

    /// A short, stable word for JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Accounting::Charged => "charged",
            Accounting::NotCharged => "not-charged",
            Accounting::Unknown => "unknown",
        }
    }
}

/// What it means for `memory.max` of the service's cgroup, as a sentence.
impl fmt::Display for Accounting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Accounting::Charged => {
                "the system heap's memory is charged to this service (dma_heap.mem_accounting=Y): memory.max of its cgroup \
                 bounds the buffers of all clients together, and who reaches it has this service killed"
            }
            Accounting::NotCharged => {
                "heap memory is charged to no cgroup: memory.max of this service bounds none of it, the policy's limits do"
            }
            Accounting::Unknown => {
                "whether the system heap's memory is charged to this service cannot be read (dma_heap.mem_accounting): leave \
                 memory.max of its cgroup unset"
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameter_decides_and_its_absence_is_not_charged() {
        let folder = tempfile::tempdir().unwrap();
        let parameter = folder.path().join("mem_accounting");
        assert_eq!(Accounting::at(&parameter), Accounting::NotCharged);
        for (text, accounting) in [
            ("Y\n", Accounting::Charged),
            ("1\n", Accounting::Charged),
            ("N\n", Accounting::NotCharged),
            ("", Accounting::Unknown),
            ("maybe\n", Accounting::Unknown),
        ] {
            std::fs::write(&parameter, text).unwrap();
            assert_eq!(Accounting::at(&parameter), accounting, "{text:?}");
        }
        // A folder cannot be read, as a file that is forbidden cannot: root may read those.
        assert_eq!(Accounting::at(folder.path()), Accounting::Unknown);
    }

    #[test]
    fn each_says_what_it_means_for_memory_max() {
        for accounting in [Accounting::Charged, Accounting::NotCharged, Accounting::Unknown] {
            assert!(accounting.to_string().contains("memory.max"), "{accounting:?}");
        }
    }
}
