//! That the Nth attempt of a thread at the kernel's memory fails: slab, pages, copies from and to user space.
//!
//! Linux, Documentation/fault-injection/fault-injection.rst: `/proc/PID/task/TID/fail-nth` counts the points at which
//! something may fail, and fails the one at which it arrives at 0. Written by root, for any process.
//!
//! Copies count below the heap's ioctl alone, or everywhere. Where binder's own copies to or from a thread fail, calls and
//! answers are lost that nobody can have again: the thread or the process has to end, and another to take its place.

use crate::suite::Skip;
use crate::SOON;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;

/// What the kernel leaves out unless it is told: allocations that may wait, pages above, single pages.
const SETTINGS: [(&str, &str); 5] = [
    ("failslab/ignore-gfp-wait", "N"),
    ("failslab/cache-filter", "N"),
    ("fail_page_alloc/ignore-gfp-wait", "N"),
    ("fail_page_alloc/ignore-gfp-highmem", "N"),
    ("fail_page_alloc/min-order", "0"),
];

/// Which copies from and to user space fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copies {
    /// Those of a heap's ioctl.
    OfTheHeap,
    /// Binder's as well.
    All,
}

/// Threads of the service that serve nobody, the pool's where the policy has one.
pub const SERVE_NOBODY: &[&str] = &["maintenance", "pool-fill"];

/// One process whose threads fail.
pub struct Faults {
    tasks: PathBuf,
    spared: &'static [&'static str],
}

impl Faults {
    /// Faults in a process, but not in its threads of these names.
    ///
    /// # Errors
    /// A reason to skip: the kernel cannot fail on purpose, or this is not root.
    pub fn in_process(pid: i32, spared: &'static [&'static str], copies: Copies) -> Result<Faults, Skip> {
        if !Path::new("/proc/self/fail-nth").exists() {
            return Err(Skip("needs a kernel with fault injection (--kernel full)".to_owned()));
        }
        crate::place::root()?;
        for (file, value) in SETTINGS {
            let path = Path::new("/sys/kernel/debug").join(file);
            fs::write(&path, value).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
        // Nothing fails but what fail-nth says.
        for kind in ["failslab", "fail_page_alloc", "fail_usercopy"] {
            fs::write(format!("/sys/kernel/debug/{kind}/probability"), "0").unwrap();
            fs::write(format!("/sys/kernel/debug/{kind}/task-filter"), "Y").unwrap();
            fs::write(format!("/sys/kernel/debug/{kind}/verbose"), "0").unwrap();
        }
        let (start, end) = match copies {
            Copies::OfTheHeap => heap_ioctl(),
            // What these are at boot: no limit (lib/fault-inject.c, FAULT_ATTR_INITIALIZER).
            Copies::All => ("0".to_owned(), u64::MAX.to_string()),
        };
        for (file, value) in [("require-start", start), ("require-end", end), ("stacktrace-depth", "32".to_owned())] {
            fs::write(format!("/sys/kernel/debug/fail_usercopy/{file}"), value).unwrap();
        }
        Ok(Faults { tasks: PathBuf::from(format!("/proc/{pid}/task")), spared })
    }

    /// Runs `body` while each thread's `nth` attempt fails; answers with what became of that.
    pub fn at<T>(&self, nth: u32, body: impl FnOnce() -> T) -> (T, Fate) {
        let threads = self.threads();
        for thread in &threads {
            // A thread that has ended fails no more.
            let _ = fs::write(thread, nth.to_string());
        }
        let result = body();
        let mut fate = Fate { struck: false, ended: false };
        for thread in &threads {
            match fs::read_to_string(thread) {
                Ok(left) => fate.struck |= left.trim() == "0",
                Err(_) => fate.ended = true,
            }
            let _ = fs::write(thread, "0");
        }
        (result, fate)
    }

    fn threads(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.tasks).unwrap().flatten().map(|entry| entry.path());
        let name = |task: &Path| fs::read_to_string(task.join("comm")).unwrap_or_default().trim_end().to_owned();
        let chosen = entries.filter(|task| !self.spared.contains(&name(task).as_str()));
        chosen.map(|task| task.join("fail-nth")).collect()
    }
}

/// Runs what may never come back, and waits for it long enough that it surely does not; `None` then. Its thread stays.
pub fn in_time<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (done, answer) = mpsc::channel();
    thread::spawn(move || done.send(body()));
    answer.recv_timeout(6 * SOON).ok()
}

/// Whether this kernel's binder may forget a caller: where there is no memory for a reply's own record, it gives up before it
/// knows whose call the reply is to, and caller and server wait for ever (linux v7.3, drivers/android/binder.c,
/// `binder_transaction`; 6.18 looks first). Which release between the two began with it is not known.
pub fn forgets_callers() -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    may_forget(&release)
}

fn may_forget(release: &str) -> bool {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map_while(|part| part.parse::<u32>().ok());
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) > (6, 18)
}

/// What became of a fault.
#[derive(Clone, Copy, Debug)]
pub struct Fate {
    /// A thread's attempt failed.
    pub struck: bool,
    /// A thread has ended, and how far it was is not known.
    pub ended: bool,
}

/// Where the kernel's function is that a heap's ioctl ends in: first address, and the next function's; hexadecimal.
fn heap_ioctl() -> (String, String) {
    let symbols = fs::read_to_string("/proc/kallsyms").unwrap();
    let mut functions: Vec<(u64, &str)> = symbols
        .lines()
        .filter_map(|line| {
            let mut words = line.split_ascii_whitespace();
            let address = u64::from_str_radix(words.next()?, 16).ok()?;
            words.next().filter(|kind| kind.eq_ignore_ascii_case("t"))?;
            Some((address, words.next()?))
        })
        .collect();
    functions.sort_unstable();
    let at = functions.iter().position(|(_, name)| *name == "dma_heap_ioctl").expect("dma_heap_ioctl in kallsyms");
    let (start, _) = functions[at];
    let end = functions[at..].iter().find(|(address, _)| *address > start).unwrap().0;
    (format!("0x{start:x}"), format!("0x{end:x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_that_may_forget_are_told_by_their_release() {
        for (release, may) in [
            ("6.12.117+deb12-amd64\n", false),
            ("6.18.15", false),
            ("6.19.6+deb13", true),
            ("7.3.4\n", true),
            ("", false),
        ] {
            assert_eq!(may_forget(release), may, "{release}");
        }
    }
}
