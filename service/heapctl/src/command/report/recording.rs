//! What is kept of the samples: figures where they change, and the lives of buffers. Pages and traces are drawn from it.
//!
//! Where `uptime_ms` falls another service began. Nobody knows how long there was none: its start is put to the moment of the
//! sample before, where all that lived ends, and times go on from there.

use crate::snapshot::{refused, Snapshot};
use anyhow::{ensure, Result};
use gralloc_allocator::statistics::{BufferStatistics, Statistics};
use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// Heaps and clients that are drawn by themselves: as many heaps as a policy may have.
pub(super) const MOST_DRAWN: usize = 64;
/// Those that figures are kept of, so that the largest can be drawn whenever they came.
const MOST_KEPT: usize = 1024;
/// Buffers whose lives are kept: some 100 MiB.
const MOST_LIVES: usize = 1_000_000;
/// 30 years, and still nanoseconds in 64 bits.
const MOST_MS: u64 = 1_000_000_000_000;

/// The name of what is drawn together.
pub(super) const OTHERS: &str = "others";

/// Samples in the order in which they were taken.
pub(super) struct Recording {
    /// Milliseconds since the first service started, by sample.
    pub(super) times: Vec<u64>,
    /// When another service began.
    pub(super) restarts: Vec<u64>,
    /// Live bytes.
    pub(super) heaps: Group<String>,
    /// Live bytes.
    pub(super) clients: Group<u32>,
    /// 99th percentiles, microseconds.
    pub(super) latency: Group<String>,
    pub(super) refusals: Curve,
    pub(super) pool_hits: Curve,
    pub(super) pool_misses: Curve,
    pub(super) pool_bytes: Curve,
    /// In the order in which they were first seen.
    pub(super) lives: Vec<Life>,
    /// Buffers for whose lives there was no room.
    pub(super) further_lives: u64,
    /// The last sample's.
    pub(super) last: Statistics,
    /// When the service of now started.
    offset_ms: u64,
    /// The last sample's ids, with their places in `lives`, if they have one.
    alive: BTreeMap<u64, Option<usize>>,
    /// When ids that were there before were first missing.
    missing: BTreeMap<u64, u64>,
    /// Each text once: clients give many buffers one name.
    texts: BTreeSet<Rc<str>>,
}

/// A buffer's life as the samples saw it.
pub(super) struct Life {
    pub(super) id: u64,
    pub(super) name: Rc<str>,
    pub(super) heap: Rc<str>,
    pub(super) usage: Rc<str>,
    pub(super) bytes: u64,
    pub(super) uid: u32,
    pub(super) pid: i32,
    /// Whether the first sample had it.
    pub(super) at_first: bool,
    pub(super) from_ms: u64,
    /// The first sample without it.
    pub(super) until_ms: Option<u64>,
}

impl Default for Recording {
    fn default() -> Recording {
        Recording {
            times: Vec::new(),
            restarts: Vec::new(),
            heaps: Group::new(u64::saturating_add),
            clients: Group::new(u64::saturating_add),
            latency: Group::new(u64::max),
            refusals: Curve::default(),
            pool_hits: Curve::default(),
            pool_misses: Curve::default(),
            pool_bytes: Curve::default(),
            lives: Vec::new(),
            further_lives: 0,
            last: Statistics::default(),
            offset_ms: 0,
            alive: BTreeMap::new(),
            missing: BTreeMap::new(),
            texts: BTreeSet::new(),
        }
    }
}

impl Recording {
    pub(super) fn samples(&self) -> usize {
        self.times.len()
    }

    /// Adds a sample.
    ///
    /// # Errors
    /// Its time is none that a service is up.
    pub(super) fn add(&mut self, sample: Snapshot) -> Result<()> {
        let (now, at) = (sample.statistics, self.samples());
        let before_ms = self.times.last().copied().unwrap_or(0);
        let restarted = at > 0 && now.uptime_ms < self.last.uptime_ms;
        let offset_ms = if restarted { before_ms } else { self.offset_ms };
        let time_ms = offset_ms.saturating_add(now.uptime_ms);
        ensure!(time_ms <= MOST_MS, "not a dump: uptime_ms: {} ms, allowed are at most {MOST_MS}", now.uptime_ms);
        if restarted {
            self.offset_ms = offset_ms;
            self.restarts.push(offset_ms);
            let ended = std::mem::take(&mut self.alive);
            self.end(ended, offset_ms);
            // Its ids are its own.
            self.missing.clear();
        }
        self.times.push(time_ms);
        self.heaps.add(at, now.heaps.iter().map(|heap| (heap.name.clone(), heap.account.live_bytes)));
        self.latency.add(at, now.heaps.iter().map(|heap| (heap.name.clone(), heap.latency.p99_us)));
        self.clients.add(at, now.clients.iter().map(|client| (client.uid, client.account.live_bytes)));
        self.refusals.set(at, refused(&now));
        if let Some(pool) = now.pool.as_ref().map(|report| report.pool) {
            self.pool_hits.set(at, pool.hits);
            self.pool_misses.set(at, pool.misses);
            self.pool_bytes.set(at, pool.ready_bytes);
        } else if self.last.pool.is_some() {
            for curve in [&mut self.pool_hits, &mut self.pool_misses, &mut self.pool_bytes] {
                curve.set(at, 0);
            }
        }
        let mut before = std::mem::take(&mut self.alive);
        for buffer in sample.buffers {
            if self.alive.contains_key(&buffer.id) {
                continue;
            }
            let id = buffer.id;
            let place = before.remove(&id).unwrap_or_else(|| self.begin(buffer, at == 0, time_ms));
            self.alive.insert(id, place);
        }
        self.end(before, time_ms);
        self.last = now;
        Ok(())
    }

    fn begin(&mut self, buffer: BufferStatistics, at_first: bool, now_ms: u64) -> Option<usize> {
        if self.lives.len() >= MOST_LIVES {
            self.further_lives = self.further_lives.saturating_add(1);
            return None;
        }
        // No service has given out a buffer before it began, and an id that comes back was not there meanwhile.
        let earliest_ms = self.missing.get(&buffer.id).copied().unwrap_or(self.offset_ms);
        let life = Life {
            id: buffer.id,
            name: self.text(buffer.name),
            heap: self.text(buffer.heap),
            usage: self.text(buffer.usage),
            bytes: buffer.bytes,
            uid: buffer.uid,
            pid: buffer.pid,
            at_first,
            from_ms: now_ms.saturating_sub(buffer.age_ms).max(earliest_ms),
            until_ms: None,
        };
        self.lives.push(life);
        self.lives.len().checked_sub(1)
    }

    fn end(&mut self, gone: BTreeMap<u64, Option<usize>>, now_ms: u64) {
        for (id, place) in gone {
            if let Some(life) = place.and_then(|place| self.lives.get_mut(place)) {
                life.until_ms = Some(now_ms);
                self.missing.insert(id, now_ms);
            }
        }
    }

    fn text(&mut self, text: String) -> Rc<str> {
        if let Some(known) = self.texts.get(text.as_str()) {
            return Rc::clone(known);
        }
        let text: Rc<str> = text.into();
        self.texts.insert(Rc::clone(&text));
        text
    }
}

/// A figure over the samples: where it changes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Curve {
    /// Sample and value. Before the first it is 0.
    points: Vec<(usize, u64)>,
    /// The highest value.
    pub(super) most: u64,
    /// The last sample that it was said of.
    said_at: usize,
}

impl Curve {
    fn set(&mut self, sample: usize, value: u64) {
        self.said_at = sample;
        self.most = self.most.max(value);
        if self.points.last().map(|(_, last)| *last) != Some(value) {
            self.points.push((sample, value));
        }
    }

    /// Sample and value, where it changes.
    pub(super) fn points(&self) -> &[(usize, u64)] {
        &self.points
    }

    /// Sample for sample, without an end.
    pub(super) fn values(&self) -> impl Iterator<Item = u64> + '_ {
        let mut points = self.points.iter().peekable();
        let mut now = 0;
        (0_usize..).map(move |sample| {
            while let Some((_, value)) = points.next_if(|(at, _)| *at <= sample) {
                now = *value;
            }
            now
        })
    }
}

/// A figure of many heaps or clients.
pub(super) struct Group<K> {
    curves: BTreeMap<K, Curve>,
    /// Of those that came when there was no room left.
    rest: Option<Curve>,
    /// Makes one figure of two.
    together: fn(u64, u64) -> u64,
}

impl<K: Ord> Group<K> {
    fn new(together: fn(u64, u64) -> u64) -> Group<K> {
        Group { curves: BTreeMap::new(), rest: None, together }
    }

    fn add(&mut self, sample: usize, values: impl Iterator<Item = (K, u64)>) {
        let mut rest = None;
        for (key, value) in values {
            if self.curves.len() < MOST_KEPT || self.curves.contains_key(&key) {
                self.curves.entry(key).or_default().set(sample, value);
            } else {
                rest = Some((self.together)(rest.unwrap_or(0), value));
            }
        }
        if rest.is_some() || self.rest.is_some() {
            self.rest.get_or_insert_with(Curve::default).set(sample, rest.unwrap_or(0));
        }
        for curve in self.curves.values_mut().filter(|curve| curve.said_at != sample) {
            curve.set(sample, 0);
        }
    }

    /// Those with the most by themselves, in the order of their keys; the others, if there are any, as one without a key.
    pub(super) fn lines(&self, samples: usize) -> Vec<(Option<&K>, Cow<'_, Curve>)> {
        let mut drawn: Vec<(&K, &Curve)> = self.curves.iter().collect();
        drawn.sort_by_key(|(_, curve)| Reverse(curve.most));
        let others = drawn.split_off(MOST_DRAWN.min(drawn.len()));
        drawn.sort_by_key(|(key, _)| *key);
        let mut lines: Vec<_> = drawn.into_iter().map(|(key, curve)| (Some(key), Cow::Borrowed(curve))).collect();
        if !others.is_empty() {
            let mut sums = vec![0; samples];
            for curve in others.into_iter().map(|(_, curve)| curve).chain(&self.rest) {
                for (sum, value) in sums.iter_mut().zip(curve.values()) {
                    *sum = (self.together)(*sum, value);
                }
            }
            let mut curve = Curve::default();
            sums.into_iter().enumerate().for_each(|(sample, sum)| curve.set(sample, sum));
            lines.push((None, Cow::Owned(curve)));
        }
        lines
    }
}

#[cfg(test)]
pub(super) mod tests {
    // A failed unwrap is a failed test.
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use super::*;
    use crate::snapshot;
    use serde_json::json;

    /// One heap; each buffer with its id, name and age.
    pub(in super::super) fn sample(uptime_ms: u64, live: u64, buffers: &[(u64, &str, u64)]) -> Snapshot {
        let buffers = buffers.iter().map(
            |(id, name, age_ms)| json!({ "id": id, "name": name, "heap": "system", "bytes": 4096, "uid": 7, "pid": 9, "age_ms": age_ms }),
        );
        snapshot::read(&json!({
            "uptime_ms": uptime_ms,
            "heaps": [{ "name": "system", "live_bytes": live }],
            "refusals": { "memory": 3 },
            "buffers": buffers.collect::<Vec<_>>(),
        }))
        .unwrap()
    }

    pub(in super::super) fn recording(samples: impl IntoIterator<Item = Snapshot>) -> Recording {
        let mut recording = Recording::default();
        samples.into_iter().for_each(|sample| recording.add(sample).unwrap());
        recording
    }

    /// The service of the first two ends with the second.
    pub(in super::super) fn restarted() -> Recording {
        recording([
            sample(60_000, 4096, &[(1, "a", 60_000)]),
            sample(61_000, 8192, &[(1, "a", 61_000), (2, "b", 0)]),
            sample(500, 4096, &[(1, "c", 900)]),
            sample(1500, 0, &[]),
        ])
    }

    fn lives(recording: &Recording) -> Vec<(&str, u64, Option<u64>)> {
        recording.lives.iter().map(|life| (&*life.name, life.from_ms, life.until_ms)).collect()
    }

    #[test]
    fn where_the_uptime_falls_times_go_on_and_all_lives_of_before_end() {
        let recording = restarted();
        assert_eq!(recording.times, [60_000, 61_000, 61_500, 62_500]);
        assert_eq!(recording.restarts, [61_000]);
        let expected = [("a", 0, Some(61_000)), ("b", 61_000, Some(61_000)), ("c", 61_000, Some(62_500))];
        assert_eq!(lives(&recording), expected);
    }

    #[test]
    fn id_that_comes_back_is_a_new_life_from_when_it_was_missing() {
        let recording =
            recording([sample(1000, 0, &[(1, "a", 400)]), sample(2000, 0, &[]), sample(3000, 0, &[(1, "a", 2400)])]);
        assert_eq!(lives(&recording), [("a", 600, Some(2000)), ("a", 2000, None)]);
    }

    #[test]
    fn figure_is_kept_where_it_changes_and_is_0_where_it_is_missing() {
        let none = snapshot::read(&json!({ "uptime_ms": 2500, "heaps": [] })).unwrap();
        let samples = [sample(1000, 5, &[]), sample(2000, 5, &[]), none, sample(3000, 5, &[])];
        let recording = recording(samples);
        let lines = recording.heaps.lines(4);
        assert_eq!(lines[0].1.points(), [(0, 5), (2, 0), (3, 5)]);
        assert_eq!(lines[0].1.values().take(4).collect::<Vec<_>>(), [5, 5, 0, 5]);
    }

    #[test]
    fn those_with_the_most_are_drawn_whenever_they_came_and_the_rest_is_summed() {
        let clients = |uids: std::ops::Range<u64>| {
            let clients = uids.map(|uid| json!({ "uid": uid, "live_bytes": if uid == 1999 { 50 } else { 1 } }));
            json!({ "clients": clients.collect::<Vec<_>>() })
        };
        // First all that are kept but one, then the largest and one that there is no room for.
        let (first, then) = (clients(1000..2000), clients(1000..2030));
        let recording = recording([snapshot::read(&first).unwrap(), snapshot::read(&then).unwrap()]);
        let lines = recording.clients.lines(2);
        assert_eq!(lines.len(), MOST_DRAWN + 1);
        assert!(lines.iter().any(|(uid, curve)| *uid == Some(&1999) && curve.most == 50));
        let (none, others) = lines.last().unwrap();
        assert!(none.is_none());
        assert_eq!(others.values().take(2).collect::<Vec<_>>(), [1000 - 64, 1030 - 64]);
    }

    #[test]
    fn time_that_no_trace_can_hold_is_refused() {
        let error = Recording::default().add(sample(u64::MAX, 0, &[])).unwrap_err().to_string();
        assert!(error.contains("uptime_ms: 18446744073709551615 ms, allowed are at most"), "{error}");
    }
}
