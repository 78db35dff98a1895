//! Processes, as /proc shows them to whoever asks: proc(5).

use gralloc_allocator::ledger::short_inode;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Ticks of a second in /proc: USER_HZ, which is 100 on every architecture that Android and Debian have (linux v6.12,
/// `include/asm-generic/param.h`; another value is Alpha's alone).
const TICKS: u64 = 100;

/// No such process: linux v6.12, `include/uapi/asm-generic/errno-base.h`.
const ESRCH: i32 = 3;

/// A process that has a buffer open.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) pid: i32,
    pub(crate) uid: u32,
    pub(crate) command: String,
    /// Its fds that lead to the buffer.
    pub(crate) fds: Vec<i32>,
    /// How often it has the buffer mapped.
    pub(crate) maps: usize,
}

/// The command of a process that asked for a buffer so long ago; `None` when it has ended, though another may have its
/// number by now, or may not be looked at.
pub(crate) fn command_of(pid: i32, milliseconds_ago: u64) -> Option<String> {
    let stat = text_of(Path::new(&format!("/proc/{pid}/stat"))).ok()?;
    let uptime = fs::read_to_string("/proc/uptime").ok()?;
    let now_s: u64 = uptime.split('.').next()?.parse().ok()?;
    // A second for what both figures are cut by.
    let born_s = now_s.saturating_sub(milliseconds_ago / 1000).saturating_add(1);
    let (command, started) = parse_stat(&stat)?;
    (started / TICKS <= born_s).then_some(command)
}

/// The command, and when the process started, in ticks since boot: fields 2 and 22.
fn parse_stat(stat: &str) -> Option<(String, u64)> {
    let (before, after) = stat.rsplit_once(')')?;
    let (_, command) = before.split_once('(')?;
    let started = after.split_whitespace().nth(19)?.parse().ok()?;
    Some((command.replace(char::is_control, "?"), started))
}

/// What a buffer is made of. Dma-bufs and memfds are numbered apart, so a number alone names two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A heap's.
    DmaBuf,
    /// A stand-in's.
    Memfd,
}

impl Kind {
    /// What its path begins with. linux v6.12: `dmabuffs_dname` in `drivers/dma-buf/dma-buf.c`, `MFD_NAME_PREFIX` in `mm/memfd.c`.
    const fn prefix(self) -> &'static [u8] {
        match self {
            Kind::DmaBuf => b"/dmabuf:",
            Kind::Memfd => b"/memfd:",
        }
    }
}

/// Who has the buffer of this inode open or mapped, by pid; and how many processes this user may not look into, or that cannot be
/// looked into. Of the inode's number the lower 32 bits count.
///
/// # Errors
/// There is no /proc.
pub(crate) fn owners(kind: Kind, inode: u32) -> io::Result<(Vec<Owner>, usize)> {
    let mut owners = Vec::new();
    let mut closed: usize = 0;
    for entry in fs::read_dir("/proc")?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        match owner(pid, &entry.path(), kind, inode) {
            Ok(owner) => owners.extend(owner),
            Err(error) if has_ended(&error) => {}
            Err(_) => closed = closed.saturating_add(1),
        }
    }
    owners.sort_by_key(|owner| owner.pid);
    Ok((owners, closed))
}

/// The process was there when /proc was listed: its folder, or what a file of it is about, is gone (proc(5), ESRCH).
fn has_ended(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(ESRCH)
}

/// A file of /proc: names of files and of processes are any bytes.
fn text_of(file: &Path) -> io::Result<String> {
    Ok(String::from_utf8_lossy(&fs::read(file)?).into_owned())
}

fn owner(pid: i32, process: &Path, kind: Kind, inode: u32) -> io::Result<Option<Owner>> {
    let mut fds = Vec::new();
    for entry in fs::read_dir(process.join("fd"))?.flatten() {
        let path = entry.path();
        // It may be closed meanwhile.
        let (Ok(target), Ok(metadata)) = (fs::read_link(&path), fs::metadata(&path)) else { continue };
        if target.as_os_str().as_bytes().starts_with(kind.prefix()) && short_inode(metadata.ino()) == inode {
            fds.extend(entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()));
        }
    }
    fds.sort_unstable();
    let maps = text_of(&process.join("maps"))?;
    let maps = maps.lines().filter(|line| is_mapping_of(line, kind, inode)).count();
    if fds.is_empty() && maps == 0 {
        return Ok(None);
    }
    let command = text_of(&process.join("comm")).unwrap_or_default();
    let command = command.trim_end().replace(char::is_control, "?");
    Ok(Some(Owner { pid, uid: fs::metadata(process)?.uid(), command, fds, maps }))
}

/// `7f00-7f10 rw-s 00000000 00:0b 1234    /dmabuf:name`
fn is_mapping_of(line: &str, kind: Kind, inode: u32) -> bool {
    let mut words = line.split_whitespace();
    let number = words.nth(4).and_then(|word| word.parse::<u64>().ok());
    let is_of_kind = |path: &str| path.as_bytes().starts_with(kind.prefix());
    number.is_some_and(|number| short_inode(number) == inode) && words.next().is_some_and(is_of_kind)
}

#[cfg(test)]
mod tests {
    // A failed unwrap is a failed test.
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn command_may_hold_brackets_and_spaces() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 8765 9 10";
        assert_eq!(parse_stat(stat), Some(("a) b (c".to_owned(), 8765)));
        assert_eq!(parse_stat("7 (a"), None);
    }

    #[test]
    fn process_that_started_after_the_buffer_is_another() {
        let own = i32::try_from(std::process::id()).unwrap_or(0);
        assert!(command_of(own, 0).is_some());
        assert_eq!(command_of(own, 1 << 40), None);
    }

    #[test]
    fn mapping_is_known_by_inode_and_kind() {
        let line = "7f0000000000-7f0000010000 rw-s 00000000 00:0b 4294967303 /dmabuf:frame (deleted)";
        assert!(is_mapping_of(line, Kind::DmaBuf, 7) && !is_mapping_of(line, Kind::DmaBuf, 8));
        assert!(!is_mapping_of(line, Kind::Memfd, 7));
        assert!(!is_mapping_of("7f00-7f01 r--p 00000000 fe:01 7 /bin/sh", Kind::DmaBuf, 7));
        assert!(!is_mapping_of("", Kind::DmaBuf, 0));
    }

    /// Both may be any bytes, and whoever holds a buffer chooses them.
    #[test]
    fn owner_with_names_that_are_no_text_is_listed() {
        let folder = tempfile::tempdir().unwrap();
        let process = folder.path();
        fs::create_dir(process.join("fd")).unwrap();
        let maps = b"7f00-7f01 r--p 00000000 fe:01 9 /bad\xff\xfename\n7f02-7f03 rw-s 00000000 00:0b 7 /dmabuf:frame\n";
        fs::write(process.join("maps"), maps).unwrap();
        fs::write(process.join("comm"), b"a\xff\n").unwrap();
        let found = owner(5, process, Kind::DmaBuf, 7).unwrap().unwrap();
        assert_eq!((found.pid, found.maps, found.command.as_str()), (5, 1, "a\u{fffd}"));
        assert_eq!(owner(5, process, Kind::Memfd, 7).unwrap(), None);
    }

    #[test]
    fn process_that_has_ended_is_told_from_one_that_is_closed() {
        assert!(has_ended(&io::Error::from_raw_os_error(ESRCH)));
        assert!(has_ended(&io::Error::from_raw_os_error(2)));
        assert!(!has_ended(&io::Error::from_raw_os_error(13)));
        assert!(!has_ended(&io::Error::from_raw_os_error(5)));
    }
}
