//! What SELinux refused, as the kernel logs it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use anyhow::{ensure, Result};
use vm_harness::guest::Guest;
use vm_harness::job::GuestCommand;

/// Longest answer.
const LIMIT: Duration = Duration::from_secs(120);
/// The kernel's audit thread prints a little after the refusal.
const SETTLE: &str = "0.3";

/// One refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Denial {
    /// The domain that was refused.
    pub(super) source: String,
    /// The type of what it wanted.
    pub(super) target: String,
    /// What kind of thing that is.
    pub(super) class: String,
    /// What it wanted to do.
    pub(super) permissions: String,
    /// The kernel's line.
    line: String,
}

impl Denial {
    /// Reads a line of the kernel's log; nothing when it is about something else.
    fn read(line: &str) -> Option<Self> {
        let (_, rest) = line.split_once("avc:  denied  { ")?;
        let (permissions, rest) = rest.split_once(" } ")?;
        let value = |key: &str| rest.split_whitespace().find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
        let kind = |key: &str| value(key)?.split(':').nth(2).map(str::to_owned);
        Some(Self {
            source: kind("scontext")?,
            target: kind("tcontext")?,
            class: value("tclass")?.to_owned(),
            permissions: permissions.to_owned(),
            line: line.split_once("avc:").map_or(line, |(_, rest)| rest).trim().to_owned(),
        })
    }

    /// `source target:class { permissions }`, as a rule would have it.
    pub(super) fn rule(&self) -> String {
        format!("{} {}:{} {{ {} }}", self.source, self.target, self.class, self.permissions)
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "avc:  {}", self.line)
    }
}

/// The kernel's log, read bit by bit.
#[derive(Debug, Default)]
pub(super) struct Log {
    seen: usize,
}

impl Log {
    /// What was refused since the last call, from the moment on when SELinux began to enforce.
    pub(super) fn new_denials(&mut self, guest: &Guest) -> Result<Vec<Denial>> {
        let command = format!("sleep {SETTLE}; dmesg");
        let captured = guest.capture(&GuestCommand::new(["sh", "-c", &command]).limit(LIMIT))?;
        ensure!(captured.status.success(), "dmesg: {}", String::from_utf8_lossy(&captured.stderr));
        let all = read(&String::from_utf8_lossy(&captured.stdout))?;
        let new = all.get(self.seen..).unwrap_or_default().to_vec();
        self.seen = all.len();
        Ok(new)
    }
}

/// All refusals in the kernel's log.
fn read(log: &str) -> Result<Vec<Denial>> {
    let begins = log.lines().position(|line| line.contains("enforcing=1 old_enforcing=0"));
    ensure!(begins.is_some(), "the kernel does not say that it began to enforce");
    let lines = || log.lines().skip(begins.unwrap_or_default());
    // Else none of them would be proof of anything.
    let lost = lines().find(|line| line.contains("audit_lost=") || line.contains("audit: backlog limit exceeded"));
    ensure!(lost.is_none(), "the kernel lost some of its refusals: {}", lost.unwrap_or_default());
    Ok(lines().filter_map(Denial::read).collect())
}

/// Refusals by rule, with how often: for one line.
pub(super) fn summary(denials: &[Denial]) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for denial in denials {
        *counts.entry(denial.rule()).or_default() += 1;
    }
    let times = |(rule, count): (String, usize)| if count == 1 { rule } else { format!("{rule} × {count}") };
    match counts.is_empty() {
        true => "no denial".to_owned(),
        false => counts.into_iter().map(times).collect::<Vec<_>>().join("; "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: &str = "[ 1.0] audit: type=1404 audit(1.0:2): enforcing=1 old_enforcing=0 auid=4294967295 ses=1\n";
    const LINE: &str = "[ 2.0] audit: type=1400 audit(2.0:3): avc:  denied  { read } for  pid=99 comm=\"sh\" \
                        name=\"camera\" dev=\"devtmpfs\" ino=5 scontext=u:r:untrusted_app:s0 \
                        tcontext=u:object_r:dmabuf_camera_heap_device:s0 tclass=chr_file permissive=0\n";

    #[test]
    fn denials_are_read_from_enforcement_on() {
        let denials = read(&format!("{LINE}{BEGIN}[ 1.5] other words\n{LINE}{LINE}")).unwrap();
        let rule = "untrusted_app dmabuf_camera_heap_device:chr_file { read }";
        assert_eq!(summary(&denials), format!("{rule} × 2"));
        assert!(denials[0].to_string().starts_with("avc:  denied  { read } for  pid=99 comm=\"sh\""), "{}", denials[0]);
        assert_eq!(summary(&[]), "no denial");
    }

    #[test]
    fn log_without_enforcement_or_with_losses_is_no_proof() {
        assert!(read(LINE).unwrap_err().to_string().contains("began to enforce"));
        let lost = format!("{BEGIN}audit: audit_lost=3 audit_rate_limit=0 audit_backlog_limit=64\n");
        assert!(read(&lost).unwrap_err().to_string().contains("lost some"));
    }
}
