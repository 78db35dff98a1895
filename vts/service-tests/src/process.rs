//! What /proc says of a process.

use procfs::process::Process;
use rustix::process::{getrlimit, prlimit, Pid, Resource, Rlimit};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// The open fds of a process and where they lead, as /proc shows them.
pub fn fds(pid: i32) -> BTreeMap<i32, String> {
    fds_in(Path::new(&format!("/proc/{pid}"))).unwrap()
}

/// The same of a process's folder in /proc.
///
/// # Errors
/// It is none, or the process has ended.
pub fn fds_in(process: &Path) -> io::Result<BTreeMap<i32, String>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(process.join("fd"))?.flatten() {
        let number = entry.file_name().to_string_lossy().parse().unwrap();
        // One that is closed meanwhile is not open.
        let Ok(target) = std::fs::read_link(entry.path()) else { continue };
        found.insert(number, target.display().to_string());
    }
    Ok(found)
}

/// This process's open fds, without the one that listing them takes.
pub fn own_fds() -> BTreeMap<i32, String> {
    let mut fds = fds(own_pid());
    fds.retain(|_, target| !target.starts_with("/proc/"));
    fds
}

/// This process's id.
pub fn own_pid() -> i32 {
    i32::try_from(std::process::id()).unwrap()
}

/// A numeric field of /proc/PID/fdinfo/FD: `flags` is octal, the others are decimal. `None` when the fd has been closed
/// meanwhile, or has no such field.
pub fn fdinfo(pid: i32, fd: i32, field: &str) -> Option<String> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/fdinfo/{fd}")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.map(|value| value.trim().to_owned())
}

/// Names of the process's threads, the main thread first.
pub fn thread_names(pid: i32) -> Vec<String> {
    let tasks = Process::new(pid).unwrap().tasks().unwrap();
    // A thread that ends meanwhile is left out.
    let mut names: Vec<(i32, String)> =
        tasks.flatten().filter_map(|task| Some((task.tid, task.stat().ok()?.comm))).collect();
    names.sort();
    names.into_iter().map(|(_, name)| name).collect()
}

/// True while the process lives and is no zombie.
pub fn lives(pid: i32) -> bool {
    Process::new(pid).and_then(|process| process.stat()).is_ok_and(|stat| stat.state != 'Z')
}

/// Leaves another process so few fds that only `free` more can be opened; the answer gives it back what it had.
#[must_use]
pub fn leave_few_fds(pid: i32, free: usize) -> FewFds {
    let limit = limit_with(&fds(pid), free);
    FewFds { pid, old: set_limit(pid, limit) }
}

/// A process with few fds.
pub struct FewFds {
    pid: i32,
    old: Rlimit,
}

impl FewFds {
    /// Gives the fds back.
    pub fn end(self) {
        set_limit(self.pid, self.old.current);
    }
}

fn set_limit(pid: i32, soft: Option<u64>) -> Rlimit {
    let maximum = getrlimit(Resource::Nofile).maximum;
    prlimit(Pid::from_raw(pid), Resource::Nofile, Rlimit { current: soft, maximum }).unwrap()
}

/// Runs `body` with so few fds that only `free` more can be opened in this process.
pub fn with_few_fds<T>(free: usize, body: impl FnOnce() -> T) -> T {
    let few = FewFds { pid: own_pid(), old: set_limit(own_pid(), limit_with(&own_fds(), free)) };
    let result = body();
    few.end();
    result
}

/// The limit is on an fd's number: the one below which `free` numbers are unused.
fn limit_with(open: &BTreeMap<i32, String>, free: usize) -> Option<u64> {
    let mut unused = (0i32..).filter(|number| !open.contains_key(number)).skip(free);
    unused.next().and_then(|number| u64::try_from(number).ok())
}

/// Bytes of memory that are a process's own: neither a file's nor shared.
pub fn private_bytes(pid: i32) -> u64 {
    // Kernels before 4.5 do not say; those have no dma-heaps either.
    1024 * Process::new(pid).unwrap().status().unwrap().rssanon.unwrap()
}

/// How often the OOM killer has struck since boot.
pub fn oom_kills() -> i64 {
    procfs::vmstat().unwrap()["oom_kill"]
}

/// Bytes that can be had without swapping.
pub fn available_bytes() -> u64 {
    use procfs::Current;
    procfs::Meminfo::current().unwrap().mem_available.unwrap()
}

/// Bytes of memory in all.
pub fn total_bytes() -> u64 {
    use procfs::Current;
    procfs::Meminfo::current().unwrap().mem_total
}
