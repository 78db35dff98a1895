//! What /proc says of this process: fds and mappings that something has left behind.

use std::collections::BTreeMap;
use std::fs;

/// Open fds by what they lead to, numbers of inodes left out, how many of each.
pub fn fds() -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir("/proc/self/fd").expect("/proc").flatten() {
        // The fd of this very listing is gone when it is read.
        let Ok(target) = fs::read_link(entry.path()) else { continue };
        let target = target.to_string_lossy();
        if !target.starts_with("/proc/") {
            *found.entry(target.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned()).or_default() += 1;
        }
    }
    found
}

/// Mappings of files, which buffers are, by what they map.
pub fn mappings() -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for line in fs::read_to_string("/proc/self/maps").expect("/proc").lines() {
        // address, permissions, offset, device, inode, path
        let mut words = line.split_ascii_whitespace();
        let inode = words.nth(4).unwrap_or("0");
        let path = words.collect::<Vec<_>>().join(" ");
        if inode != "0" {
            *found.entry(path).or_default() += 1;
        }
    }
    found
}

/// A number that is no open fd: far above those that are, below every limit on their number.
pub fn closed_number() -> i32 {
    let is_open = |number: &i32| fs::symlink_metadata(format!("/proc/self/fd/{number}")).is_ok();
    (900..).find(|number| !is_open(number)).unwrap_or(i32::MAX)
}

/// The size of a page, in bytes.
pub fn page_bytes() -> u64 {
    let size = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE);
    size.ok().flatten().and_then(|size| u64::try_from(size).ok()).unwrap_or(4096)
}

/// Which of its sleeps a thread of this process is in, as a number that no later sleep has; `None` while it runs or may run.
pub fn sleep_of(thread: nix::unistd::Pid) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/self/task/{thread}/status")).ok()?;
    let field = |key: &str| status.lines().find_map(|line| line.strip_prefix(key)?.split_ascii_whitespace().next());
    let sleeps = field("voluntary_ctxt_switches:")?.parse().ok()?;
    (field("State:")? == "S").then_some(sleeps)
}
