//! What grows over a time: each sample is taken into a few figures and not kept, so that a long watch takes no more than a short one.

use super::sees_releases;
use crate::snapshot::Snapshot;
use anyhow::{ensure, Result};
use serde_json::{json, Value};
use std::collections::BTreeMap;
use std::time::Duration;

/// Fewest samples of a third of the time: the least of fewer says little.
pub(super) const FEWEST_OF_PART: u64 = 3;

/// Most names that are remembered while none of their buffers live, as many as there are buffers at most.
const MOST_NAMES: usize = 65_536;

/// What is judged together, the most specific first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Buffers of one name.
    Name,
    /// Of names that differ in their numbers alone: a layer has a new one each time that it is made.
    Names,
    /// All of a client.
    Client,
}

type Key = (u32, Kind, String);

/// Buffers and bytes at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Held {
    buffers: u64,
    bytes: u64,
}

/// What is remembered of a key's samples.
struct Series {
    /// The least bytes of each third.
    least: [u64; 3],
    first: Held,
    last: Held,
    /// Sums of bytes, and of bytes times seconds.
    y: f64,
    xy: f64,
}

/// A watch.
pub(super) struct Watch {
    /// How long it is.
    pub(super) total_ms: u64,
    /// In one of the samples at least.
    pub(super) scan_pending: bool,
    /// The most of a sample.
    pub(super) untracked_buffers: u64,
    /// When the first sample was taken and when the last, by the service's clock.
    times: Option<(u64, u64)>,
    /// Samples of each third.
    samples: [u64; 3],
    /// Sums of seconds since the first sample, and of their squares.
    x: f64,
    xx: f64,
    held: BTreeMap<Key, Series>,
}

/// What grows.
#[derive(Debug, PartialEq)]
pub(super) struct Growth {
    pub(super) uid: u32,
    pub(super) kind: Kind,
    pub(super) name: String,
    /// In the first sample and in the last.
    pub(super) buffers: (u64, u64),
    /// The same.
    pub(super) bytes: (u64, u64),
    /// Bytes a second.
    pub(super) slope: f64,
}

impl Growth {
    pub(super) fn json(&self) -> Value {
        let kind = match self.kind {
            Kind::Name => "name",
            Kind::Names => "names",
            Kind::Client => "client",
        };
        json!({
            "uid": self.uid,
            "of": kind,
            "name": self.name,
            "buffers_before": self.buffers.0,
            "buffers": self.buffers.1,
            "bytes_before": self.bytes.0,
            "bytes": self.bytes.1,
            "bytes_per_second": self.slope,
        })
    }
}

impl Watch {
    /// Over so long a time, from the first sample on.
    pub(super) fn over(total_ms: u64) -> Watch {
        Watch {
            total_ms,
            scan_pending: false,
            untracked_buffers: 0,
            times: None,
            samples: [0; 3],
            x: 0.0,
            xx: 0.0,
            held: BTreeMap::new(),
        }
    }

    /// How many were taken.
    pub(super) fn samples(&self) -> u64 {
        self.samples.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Takes a sample.
    pub(super) fn take(&mut self, dump: &Snapshot) -> Result<()> {
        let now = &dump.statistics;
        sees_releases(now)?;
        let (first_ms, last_ms) = self.times.unwrap_or((now.uptime_ms, now.uptime_ms));
        ensure!(
            now.uptime_ms >= last_ms,
            "the service was started anew during the watch: its uptime fell from {last_ms} ms to {} ms. It knows nothing of \
             the buffers from before, so nobody can tell what grew",
            now.uptime_ms
        );
        self.times = Some((first_ms, now.uptime_ms));
        self.scan_pending |= now.scan_pending;
        self.untracked_buffers = self.untracked_buffers.max(now.untracked_buffers);
        let since_ms = now.uptime_ms.saturating_sub(first_ms);
        let part = since_ms.saturating_mul(3).checked_div(self.total_ms).map_or(0, |part| part.min(2));
        self.add(usize::try_from(part)?, Duration::from_millis(since_ms).as_secs_f64(), held(dump));
        Ok(())
    }

    fn add(&mut self, part: usize, x: f64, mut now: BTreeMap<Key, Held>) {
        let before = self.samples();
        let Some(samples) = self.samples.get_mut(part) else { return };
        // What was not there before in a later third has 0 as its least there, and what is not there now has it from here on:
        // neither can grow any more.
        let may_begin = part == 0 || (part == 1 && *samples == 0);
        *samples = samples.saturating_add(1);
        self.x += x;
        self.xx += x * x;
        let room = self.held.len() <= MOST_NAMES;
        self.held.retain(|key, series| {
            let held = now.remove(key).unwrap_or_default();
            series.add(part, x, held);
            held.bytes > 0 || (part == 0 && room)
        });
        for (key, held) in now.into_iter().filter(|_| may_begin) {
            let mut series = match before {
                0 => Series { least: [u64::MAX; 3], first: held, last: held, y: 0.0, xy: 0.0 },
                _ => Series { least: [0, u64::MAX, u64::MAX], first: Held::default(), last: held, y: 0.0, xy: 0.0 },
            };
            series.add(part, x, held);
            self.held.insert(key, series);
        }
    }

    /// Steepest first. Of what is made of the same buffers the most specific: a name alone, then names together, then a client.
    pub(super) fn growing(&self) -> Result<Vec<Growth>> {
        let [one, two, three] = self.samples;
        ensure!(
            self.samples.iter().all(|samples| *samples >= FEWEST_OF_PART),
            "{} samples came, {one}, {two} and {three} of them in the three parts of the time, and each part takes \
             {FEWEST_OF_PART}: the least of fewer does not tell what grows from what comes and goes",
            self.samples()
        );
        let mut found: Vec<Growth> = Vec::new();
        for ((uid, kind, name), series) in &self.held {
            let grows = series.least.windows(2).all(|pair| matches!(pair, [before, after] if before < after));
            // The keys of a client follow one another, the most specific first.
            let mut others = found.iter().rev().take_while(|other| other.uid == *uid);
            let told = match kind {
                Kind::Name => false,
                Kind::Names => others.any(|other| folded(&other.name) == *name),
                Kind::Client => others.next().is_some(),
            };
            if grows && !told {
                let Series { first, last, .. } = series;
                let (buffers, bytes) = ((first.buffers, last.buffers), (first.bytes, last.bytes));
                let name = name.clone();
                found.push(Growth { uid: *uid, kind: *kind, name, buffers, bytes, slope: self.slope(series) });
            }
        }
        found.sort_by(|a, b| b.slope.total_cmp(&a.slope));
        Ok(found)
    }

    /// Of the line with the least squares.
    fn slope(&self, series: &Series) -> f64 {
        let samples = float(self.samples());
        let spread = samples * self.xx - self.x * self.x;
        if spread > 0.0 {
            (samples * series.xy - self.x * series.y) / spread
        } else {
            0.0
        }
    }
}

impl Series {
    fn add(&mut self, part: usize, x: f64, held: Held) {
        if let Some(least) = self.least.get_mut(part) {
            *least = held.bytes.min(*least);
        }
        self.last = held;
        self.y += float(held.bytes);
        self.xy += x * float(held.bytes);
    }
}

fn held(dump: &Snapshot) -> BTreeMap<Key, Held> {
    let mut held: BTreeMap<Key, Held> = BTreeMap::new();
    for buffer in &dump.buffers {
        let names = folded(&buffer.name);
        let names = (names != buffer.name).then_some((Kind::Names, names));
        let client = (Kind::Client, "all of this client".to_owned());
        for (kind, name) in [(Kind::Name, buffer.name.clone()), client].into_iter().chain(names) {
            let held = held.entry((buffer.uid, kind, name)).or_default();
            held.buffers = held.buffers.saturating_add(1);
            held.bytes = held.bytes.saturating_add(buffer.bytes);
        }
    }
    held
}

/// The name with a `*` for each run of digits.
fn folded(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        match letter {
            '0'..='9' if text.ends_with('*') => {}
            '0'..='9' => text.push('*'),
            letter => text.push(letter),
        }
    }
    text
}

/// Bytes fit 53 bits.
#[allow(clippy::as_conversions)] // There is no other way from u64 to f64.
fn float(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    // A failed unwrap is a failed test.
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use super::*;
    use gralloc_allocator::statistics::{BufferStatistics, Statistics};

    /// A dump with buffers of these names, of so many pages each; none of a buffer of no pages.
    fn dump(at_ms: u64, buffers: &[(&str, u64)]) -> Snapshot {
        let statistics =
            Statistics { uptime_ms: at_ms, releases_seen_through: Some("epoll".to_owned()), ..Statistics::default() };
        let buffer = |(name, pages): &(&str, u64)| BufferStatistics {
            uid: 7,
            name: (*name).to_owned(),
            bytes: pages * 4096,
            ..BufferStatistics::default()
        };
        let buffers = buffers.iter().filter(|(_, pages)| *pages > 0).map(buffer).collect();
        Snapshot { statistics, buffers, ..Snapshot::default() }
    }

    /// Of all these dumps, over the time between the first and the last.
    fn watched(dumps: &[Snapshot]) -> Watch {
        let at = |dump: Option<&Snapshot>| dump.unwrap().statistics.uptime_ms;
        let mut watch = Watch::over(at(dumps.last()) - at(dumps.first()));
        dumps.iter().for_each(|dump| watch.take(dump).unwrap());
        watch
    }

    /// Pages of each name in dumps that are a second apart.
    fn a_second_apart(series: &[(&str, &[u64])]) -> Watch {
        let of = |at: usize| {
            let held: Vec<(&str, u64)> = series.iter().map(|(name, pages)| (*name, pages[at])).collect();
            dump(1000 * u64::try_from(at).unwrap(), &held)
        };
        watched(&(0..series[0].1.len()).map(of).collect::<Vec<_>>())
    }

    fn names(watch: &Watch) -> Vec<String> {
        watch.growing().unwrap().into_iter().map(|growth| growth.name).collect()
    }

    #[test]
    fn what_falls_back_to_its_least_does_not_grow_and_what_leaks_slowly_below_a_stream_does() {
        let watch = a_second_apart(&[
            ("still", &[5, 5, 5, 5, 5, 5, 5, 5, 5]),
            ("stream", &[0, 8, 0, 8, 0, 8, 0, 8, 8]),
            ("start", &[0, 0, 0, 8, 8, 8, 8, 8, 8]),
            ("leak", &[1, 2, 3, 4, 5, 6, 7, 8, 9]),
            ("leaking stream", &[1, 9, 1, 2, 10, 2, 3, 11, 3]),
            ("from the second part on", &[0, 0, 0, 1, 1, 1, 2, 2, 2]),
            ("gone", &[1, 2, 3, 4, 5, 6, 7, 8, 0]),
        ]);
        assert_eq!(names(&watch), ["leak", "from the second part on", "leaking stream"]);
        let leak = &watch.growing().unwrap()[0];
        assert_eq!((leak.uid, leak.kind, leak.buffers, leak.bytes), (7, Kind::Name, (1, 1), (4096, 36_864)));
        assert!((leak.slope - 4096.0).abs() < 1e-6, "{}", leak.slope);
    }

    #[test]
    fn numbered_names_grow_together_and_a_name_that_grows_alone_stands_for_them() {
        let layers: Vec<String> = (1..=14).map(|number| format!("layer#{number}")).collect();
        // Each second one more, of 1172 KiB: 16 MiB in all.
        let held = layers.iter().map(|name| (name.as_str(), 293)).collect::<Vec<_>>();
        let dumps: Vec<Snapshot> = (1..=14).zip(0..).map(|(many, at)| dump(at * 1000, &held[..many])).collect();
        let growing = watched(&dumps).growing().unwrap();
        assert_eq!(growing.len(), 1, "{growing:?}");
        let found = &growing[0];
        assert_eq!((found.kind, found.name.as_str(), found.buffers), (Kind::Names, "layer#*", (1, 14)));

        let watch = a_second_apart(&[
            ("layer#1", &[1, 1, 1, 2, 2, 2, 3, 3, 3]),
            ("layer#2", &[1, 1, 1, 1, 1, 1, 1, 1, 1]),
            ("2 x 3", &[1, 1, 1, 0, 0, 0, 0, 0, 0]),
            ("10 x 30", &[0, 0, 0, 2, 2, 2, 0, 0, 0]),
            ("4 x 4", &[0, 0, 0, 0, 0, 0, 4, 4, 4]),
        ]);
        assert_eq!(names(&watch), ["* x *", "layer#1"]);
    }

    #[test]
    fn a_client_grows_where_nothing_else_of_it_does() {
        let watch = a_second_apart(&[
            ("a", &[1, 1, 1, 0, 0, 0, 0, 0, 0]),
            ("b", &[0, 0, 0, 2, 2, 2, 0, 0, 0]),
            ("c", &[0, 0, 0, 0, 0, 0, 3, 3, 3]),
        ]);
        let growing = watch.growing().unwrap();
        assert_eq!((growing.len(), growing[0].kind, growing[0].name.as_str()), (1, Kind::Client, "all of this client"));
        assert_eq!(growing[0].json()["of"], "client");
    }

    #[test]
    fn thirds_are_of_the_time_and_not_of_the_samples() {
        let few_then_many = |pages: [u64; 3]| {
            let times = [0, 10_000, 20_000, 31_000, 40_000, 50_000].into_iter().chain((61_000..=90_000).step_by(1000));
            let dumps: Vec<Snapshot> =
                times.map(|at| dump(at, &[("a", pages[usize::try_from(at / 30_001).unwrap()])])).collect();
            watched(&dumps)
        };
        assert_eq!(few_then_many([1, 2, 3]).samples, [3, 3, 30]);
        assert_eq!(names(&few_then_many([1, 2, 3])), ["a"]);
        assert_eq!(names(&few_then_many([1, 2, 2])), [""; 0]);
    }

    #[test]
    fn a_third_with_few_samples_tells_nothing_and_says_how_many_came() {
        let uneven = [0, 100, 200, 300, 400, 500, 600, 700, 800, 900, 5000, 9000].map(|at| dump(at, &[("a", 1)]));
        let error = watched(&uneven).growing().unwrap_err().to_string();
        assert!(error.contains("12 samples came, 10, 1 and 1 of them"), "{error}");
        assert!(Watch::over(0).growing().is_err() && watched(&[dump(5, &[])]).growing().is_err());
    }

    #[test]
    fn a_service_that_was_started_anew_or_sees_no_releases_is_an_error() {
        let mut watch = Watch::over(9000);
        watch.take(&dump(5000, &[])).unwrap();
        let error = watch.take(&dump(700, &[])).unwrap_err().to_string();
        assert!(error.contains("started anew") && error.contains("from 5000 ms to 700 ms"), "{error}");
        let mut blind = dump(6000, &[]);
        blind.statistics.releases_seen_through = None;
        let error = watch.take(&blind).unwrap_err().to_string();
        assert!(error.contains("does not see releases"), "{error}");
    }

    #[test]
    fn names_that_come_and_go_are_not_kept() {
        let name = |at: u64| format!("frame {}", char::from_u32(u32::try_from(0x4e00 + at).unwrap()).unwrap());
        let dumps: Vec<Snapshot> = (0..300).map(|at| dump(at * 1000, &[(name(at).as_str(), 1), ("kept", 1)])).collect();
        let watch = watched(&dumps);
        let kept: Vec<&str> = watch.held.keys().map(|key| key.2.as_str()).collect();
        assert_eq!(kept, ["kept", "all of this client"]);
    }
}
