//! Whether anything grew.

use std::fmt;

use anyhow::{Context as _, Result};

use super::Second;

/// What the service's memory may grow by while its last instance serves: allocators keep some of what they once had.
const RSS_SLACK_KIB: u64 = 512;

/// One comparison.
pub(super) struct Check {
    what: &'static str,
    before: u64,
    after: u64,
    /// Whether it is as it should be.
    pub(super) holds: bool,
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.holds { "pass" } else { "FAIL" };
        write!(f, "{word}: {}: {} before, {} after", self.what, self.before, self.after)
    }
}

/// Compares the quiet seconds before and after, and the last instance's memory under load.
pub(super) fn checks(seconds: &[Second]) -> Result<Vec<Check>> {
    let last_of = |phase: &str| seconds.iter().rev().find(|second| second.phase == phase);
    let before = last_of("before").context("no quiet seconds before the load")?;
    let after = last_of("after").context("no quiet seconds after the load")?;
    // The last instance, its first quarter against its last: all of it under the same load.
    let rss: Vec<u64> = seconds
        .iter()
        .filter(|second| second.phase == "load" && second.pid == after.pid)
        .map(|second| second.rss_kib)
        .collect();
    let quarter = (rss.len() / 4).max(1);
    let first = median(rss.get(..quarter).context("the last instance served no second")?);
    let last = median(rss.get(rss.len() - quarter..).unwrap_or_default());
    let same = |what, before, after| Check { what, before, after, holds: before == after };
    let mut checks = vec![
        same("the service's file descriptors at rest", before.fds, after.fds),
        same("live bytes in its ledger at rest", before.live_bytes, after.live_bytes),
        Check {
            what: "memory of its last instance under load, KiB",
            before: first,
            after: last,
            holds: last <= first + RSS_SLACK_KIB,
        },
    ];
    if let (Some(before), Some(after)) = (before.dma_bufs, after.dma_bufs) {
        checks.push(same("the kernel's dma-bufs at rest", before, after));
    }
    Ok(checks)
}

/// The run in one line.
pub(super) fn summary(seconds: &[Second]) -> String {
    let sum = |of: fn(&Second) -> u64| seconds.iter().map(of).sum::<u64>();
    let most = |of: fn(&Second) -> u64| seconds.iter().map(of).max().unwrap_or(0);
    let p99: Vec<u64> = seconds.iter().filter_map(|second| second.p99_us).collect();
    let traced = seconds.iter().filter(|second| second.traced).count();
    format!(
        "{} s, {traced} of them traced: {} calls served, {} refused, {} lost with a service; {} clients and the service {} times killed; \
         each second's p99 {} us in the median, {} us at most; at most {} MiB live, {} KiB of memory, {} fds",
        seconds.last().map_or(0.0, |second| second.second).round(),
        sum(|second| second.calls),
        sum(|second| second.refused),
        sum(|second| second.lost),
        most(|second| second.clients_killed),
        most(|second| second.service_killed),
        median(&p99),
        p99.iter().max().unwrap_or(&0),
        most(|second| second.live_bytes) >> 20,
        most(|second| second.rss_kib),
        most(|second| second.fds),
    )
}

fn median(values: &[u64]) -> u64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(rss_a_second: u64, left: u64) -> Vec<bool> {
        let second = |phase: &str| Second { phase: phase.to_owned(), pid: 7, fds: 9, ..Second::default() };
        let mut seconds = vec![Second { pid: 6, ..second("before") }];
        seconds.extend((0..60).map(|number| Second {
            rss_kib: 2000 + rss_a_second * number,
            fds: 12,
            ..second("load")
        }));
        seconds.push(Second { fds: 9 + left, live_bytes: left, ..second("after") });
        checks(&seconds).unwrap().iter().map(|check| check.holds).collect()
    }

    #[test]
    fn service_that_stays_as_it_was_passes() {
        assert_eq!(run(0, 0), [true, true, true]);
    }

    #[test]
    fn fds_bytes_and_memory_that_grow_fail() {
        assert_eq!(run(40, 1), [false, false, false]);
    }

    #[test]
    fn run_without_quiet_seconds_is_an_error() {
        assert!(checks(&[Second::default()]).is_err());
    }
}
