//! That nothing is left behind: fds, dma-bufs and memory at a quiet moment, and again afterwards.

use crate::dmabufs::{census, Census, METADATA, READY};
use crate::process::{fds, own_fds, private_bytes};
use crate::service::Subject;
use crate::{wait_for, SOON};
use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::Duration;

/// By how much the service's own memory may have grown: the C library keeps what was freed, for each thread that it has
/// seen, and a table that has grown stays so. A leak in each of a test's calls is more.
pub const MEMORY_ALLOWANCE: u64 = 8 << 20;

/// What is open and what memory there is, at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Moment {
    service: Vec<String>,
    client: Vec<String>,
    buffers: Option<Census>,
}

/// A quiet moment to compare with.
pub struct Still<'s> {
    subject: &'s Subject,
    before: Moment,
    memory: u64,
}

impl<'s> Still<'s> {
    /// Waits until the service is at rest and remembers how things are. Connections that a test uses should be open
    /// already.
    pub fn of(subject: &'s Subject) -> Still<'s> {
        let mut last = Moment::now(subject);
        let before = wait_for(SOON, || {
            sleep(Duration::from_millis(30));
            let now = Moment::now(subject);
            let rests = now == last;
            last = now;
            rests.then(|| last.clone())
        });
        let before = before.expect("the service does not come to rest");
        Still { subject, before, memory: private_bytes(subject.pid()) }
    }

    /// Whether everything is as it was, at this moment.
    pub fn holds_now(&self) -> bool {
        Moment::now(self.subject) == self.before
    }

    /// Fails the test unless everything is as it was, soon: the service tidies up after its answers.
    pub fn assert_nothing_left(&self) {
        let mut now = Moment::now(self.subject);
        let same = wait_for(SOON, || {
            now = Moment::now(self.subject);
            (now == self.before).then_some(())
        });
        if same.is_none() {
            panic!("something is left behind.\nbefore: {:#?}\nnow: {:#?}", self.before, now);
        }
        let memory = private_bytes(self.subject.pid());
        assert!(
            memory <= self.memory + MEMORY_ALLOWANCE,
            "the service's memory has grown from {} to {} KiB, by more than {} KiB",
            self.memory >> 10,
            memory >> 10,
            MEMORY_ALLOWANCE >> 10
        );
    }

    /// By how many bytes the service's own memory has grown.
    pub fn growth(&self) -> u64 {
        private_bytes(self.subject.pid()).saturating_sub(self.memory)
    }
}

/// How many pages of metadata a service keeps for its next requests at most.
const METADATA_PAGES: usize = 32;

/// Takes a service's pages of metadata out of what it holds, as [`census`] does. More than it ever keeps are a left-over.
fn without_metadata(held: &mut BTreeMap<i32, String>) {
    let pages = held.iter().filter(|(_, target)| target.contains(METADATA)).map(|(fd, _)| *fd).take(METADATA_PAGES);
    let pages: Vec<i32> = pages.collect();
    held.retain(|fd, _| !pages.contains(fd));
}

impl Moment {
    fn now(subject: &Subject) -> Moment {
        let targets = |fds: BTreeMap<i32, String>| {
            let mut targets: Vec<String> = fds.into_values().map(|target| without_numbers(&target)).collect();
            targets.sort();
            targets
        };
        let mut held = fds(subject.pid());
        // What the pool keeps ready comes and goes by itself; it is nobody's left-over.
        held.retain(|_, target| !target.contains(READY));
        without_metadata(&mut held);
        let buffers = census();
        Moment { service: targets(held), client: targets(own_fds()), buffers }
    }
}

/// What an fd leads to, without what differs from one buffer or socket to the next.
fn without_numbers(target: &str) -> String {
    target.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned()
}
