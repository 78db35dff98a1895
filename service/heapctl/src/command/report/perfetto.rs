//! A recording as a Perfetto trace: each heap and each client a track, live bytes as counters, buffers as slices.
//!
//! Buffers of one heap overlap, and slices of one track may not: below the heap's track there are as many as it takes. A buffer
//! begins when it was given out, and ends with the first sample that it is missing from; what is alive in the last sample has
//! no end. What lived between two samples is not in a recording. Times are the service's, since its start; where another
//! service began they go on, and there is an instant.

mod proto;

use super::recording::{Curve, Group, Life, Recording, MOST_DRAWN, OTHERS};
use prost::Message as _;
use proto::{
    debug_annotation, track_event, CounterDescriptor, DebugAnnotation, Trace, TracePacket, TrackDescriptor, TrackEvent,
};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::fmt::Display;
use std::io::{self, Write};

/// The only sequence of the trace.
const SEQUENCE: u32 = 1;
/// `SEQ_INCREMENTAL_STATE_CLEARED`: nothing refers to what was before.
const CLEARED: u32 = 1;
const NANOS: u64 = 1_000_000;
/// Tracks below that of a heap or a client.
const MOST_LANES: usize = 1024;

/// Writes the trace; what could not be drawn by itself comes back in words.
pub(super) fn write(recording: &Recording, to: &mut dyn Write) -> io::Result<Vec<String>> {
    let mut lives: Vec<&Life> = recording.lives.iter().collect();
    lives.sort_by_key(|life| order(life));
    let mut trace = Builder::default();
    trace.tracks_of("heap", &lives, |life| &*life.heap);
    trace.tracks_of("uid", &lives, |life| life.uid);
    trace.counters_of("heap", recording, &recording.heaps);
    trace.counters_of("uid", recording, &recording.clients);
    for (name, unit, curve) in [
        ("pool bytes", proto::UNIT_SIZE_BYTES, &recording.pool_bytes),
        ("refusals", proto::UNIT_COUNT, &recording.refusals),
    ] {
        if !curve.points().is_empty() {
            trace.curve(name.to_owned(), unit, recording, curve);
        }
    }
    if !recording.restarts.is_empty() {
        let service = trace.track(named("service".to_owned()));
        let restarts = recording.restarts.iter().map(|time| (time.saturating_mul(NANOS), service, What::Restart));
        trace.events.extend(restarts);
    }
    if recording.further_lives > 0 {
        trace.notes.push(format!("{} further buffers are not drawn", recording.further_lives));
    }
    trace.finish(to)
}

/// That in which buffers were given out.
fn order(life: &Life) -> (u64, u64) {
    (life.from_ms, life.id)
}

fn named(name: String) -> TrackDescriptor {
    TrackDescriptor { name: Some(name), ..TrackDescriptor::default() }
}

/// What happens on a track. The message is made when it is written: there may be millions.
enum What<'r> {
    End,
    Begin(&'r Life),
    Count(u64),
    Restart,
}

#[derive(Default)]
struct Builder<'r> {
    tracks: Vec<TrackDescriptor>,
    /// With their times, in nanoseconds, and tracks.
    events: Vec<(u64, u64, What<'r>)>,
    notes: Vec<String>,
}

impl<'r> Builder<'r> {
    fn track(&mut self, track: TrackDescriptor) -> u64 {
        let uuid = u64::try_from(self.tracks.len()).unwrap_or(u64::MAX).saturating_add(1);
        self.tracks.push(TrackDescriptor { uuid: Some(uuid), ..track });
        uuid
    }

    /// A track for each key, for those with the most bytes if there are many, and one for the others.
    fn tracks_of<K: Ord + Display>(&mut self, word: &str, lives: &[&'r Life], key: impl Fn(&'r Life) -> K) {
        let mut groups: BTreeMap<K, (u64, Vec<&'r Life>)> = BTreeMap::new();
        for life in lives {
            let (bytes, group) = groups.entry(key(life)).or_default();
            *bytes = bytes.saturating_add(life.bytes);
            group.push(life);
        }
        let mut drawn: Vec<_> = groups.into_iter().collect();
        drawn.sort_by_key(|(_, (bytes, _))| Reverse(*bytes));
        let others = drawn.split_off(MOST_DRAWN.min(drawn.len()));
        drawn.sort_by(|(a, _), (b, _)| a.cmp(b));
        for (key, (_, lives)) in drawn {
            self.buffers(&format!("{word} {key}"), &lives);
        }
        if !others.is_empty() {
            self.notes
                .push(format!("buffers of {} further {word}s are in the track \"{word} {OTHERS}\"", others.len()));
            let mut lives: Vec<&Life> = others.into_iter().flat_map(|(_, (_, lives))| lives).collect();
            lives.sort_by_key(|life| order(life));
            self.buffers(&format!("{word} {OTHERS}"), &lives);
        }
    }

    /// A track, and below it as many as its buffers take side by side; if those are too many, the bytes of the rest as a counter.
    fn buffers(&mut self, name: &str, lives: &[&'r Life]) {
        let parent_uuid = Some(self.track(named(name.to_owned())));
        // Of each track that is taken, when it is free.
        let mut taken: BinaryHeap<Reverse<(u64, u64)>> = BinaryHeap::new();
        let mut free: BTreeSet<u64> = BTreeSet::new();
        let mut lanes: usize = 0;
        // When bytes come and go.
        let mut others: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
        let mut further: u64 = 0;
        for life in lives {
            let begin = life.from_ms.saturating_mul(NANOS);
            // At least a moment: what ends as it begins would end before.
            let end = life.until_ms.map(|until_ms| until_ms.saturating_mul(NANOS).max(begin.saturating_add(1)));
            while let Some(Reverse((_, lane))) = taken.peek().filter(|Reverse((end, _))| *end <= begin) {
                free.insert(*lane);
                taken.pop();
            }
            let lane = match free.pop_first() {
                Some(lane) => lane,
                None if lanes < MOST_LANES => {
                    lanes = lanes.saturating_add(1);
                    self.track(TrackDescriptor { parent_uuid, ..named(format!("{name}, {lanes}")) })
                }
                None => {
                    further = further.saturating_add(1);
                    let (come, _) = others.entry(begin).or_default();
                    *come = come.saturating_add(life.bytes);
                    let (_, gone) = others.entry(end.unwrap_or(u64::MAX)).or_default();
                    *gone = gone.saturating_add(life.bytes);
                    continue;
                }
            };
            taken.push(Reverse((end.unwrap_or(u64::MAX), lane)));
            self.events.push((begin, lane, What::Begin(life)));
            self.events.extend(end.map(|end| (end, lane, What::End)));
        }
        if further > 0 {
            let name = format!("{name}, {OTHERS}");
            self.notes.push(format!(
                "{MOST_LANES} buffers are drawn side by side: the bytes of {further} more are the counter \"{name}\""
            ));
            let track = self.counter(name, proto::UNIT_SIZE_BYTES, parent_uuid);
            let mut live: u64 = 0;
            // What does not end has no time.
            for (at, (come, gone)) in others.into_iter().filter(|(at, _)| *at < u64::MAX) {
                live = live.saturating_add(come).saturating_sub(gone);
                self.events.push((at, track, What::Count(live)));
            }
        }
    }

    fn counters_of<K: Ord + Display>(&mut self, word: &str, recording: &Recording, group: &Group<K>) {
        for (key, curve) in group.lines(recording.samples()) {
            let key = key.map_or(OTHERS.to_owned(), K::to_string);
            self.curve(format!("live bytes of {word} {key}"), proto::UNIT_SIZE_BYTES, recording, &curve);
        }
    }

    /// Where it changes: in between a counter keeps its value.
    fn curve(&mut self, name: String, unit: i32, recording: &Recording, curve: &Curve) {
        let track = self.counter(name, unit, None);
        for (sample, value) in curve.points() {
            let time_ms = recording.times.get(*sample).copied().unwrap_or(0);
            self.events.push((time_ms.saturating_mul(NANOS), track, What::Count(*value)));
        }
    }

    fn counter(&mut self, name: String, unit: i32, parent_uuid: Option<u64>) -> u64 {
        let counter = Some(CounterDescriptor { unit: Some(unit) });
        self.track(TrackDescriptor { counter, parent_uuid, ..named(name) })
    }

    /// Packet by packet: messages that follow each other are one with all their packets.
    fn finish(mut self, to: &mut dyn Write) -> io::Result<Vec<String>> {
        // On one track an end comes before the begin of the same moment.
        self.events.sort_by_key(|(at, _, what)| (*at, matches!(what, What::Begin(_))));
        let mut put = |packet: TracePacket| {
            let packet = TracePacket { trusted_packet_sequence_id: Some(SEQUENCE), ..packet };
            to.write_all(&Trace { packet: vec![packet] }.encode_to_vec())
        };
        for (index, track) in self.tracks.into_iter().enumerate() {
            let sequence_flags = (index == 0).then_some(CLEARED);
            put(TracePacket { sequence_flags, track_descriptor: Some(track), ..TracePacket::default() })?;
        }
        for (at, track, what) in self.events {
            let track_event = Some(TrackEvent { track_uuid: Some(track), ..message(&what) });
            put(TracePacket { timestamp: Some(at), track_event, ..TracePacket::default() })?;
        }
        Ok(self.notes)
    }
}

fn message(what: &What<'_>) -> TrackEvent {
    use track_event::Type;
    let event = |kind: Type| TrackEvent { r#type: Some(kind.into()), ..TrackEvent::default() };
    match what {
        What::End => event(Type::SliceEnd),
        What::Begin(life) => TrackEvent {
            name: Some(life.name.to_string()),
            categories: vec!["buffer".to_owned()],
            debug_annotations: facts(life),
            ..event(Type::SliceBegin)
        },
        What::Count(value) => {
            TrackEvent { counter_value: Some(i64::try_from(*value).unwrap_or(i64::MAX)), ..event(Type::Counter) }
        }
        What::Restart => TrackEvent { name: Some("another service".to_owned()), ..event(Type::Instant) },
    }
}

fn facts(life: &Life) -> Vec<DebugAnnotation> {
    use debug_annotation::Value;
    let fact = |name: &str, value: Value| DebugAnnotation { name: Some(name.to_owned()), value: Some(value) };
    vec![
        fact("id", Value::Pointer(life.id)),
        fact("bytes", Value::Uint(life.bytes)),
        fact("heap", Value::Text(life.heap.to_string())),
        fact("usage", Value::Text(life.usage.to_string())),
        fact("uid", Value::Uint(life.uid.into())),
        fact("pid", Value::Int(life.pid.into())),
    ]
}

#[cfg(test)]
mod tests {
    // A failed unwrap is a failed test.
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use super::super::recording::tests::{recording, restarted, sample};
    use super::*;
    use crate::snapshot;
    use serde_json::json;

    fn written(recording: &Recording) -> (Trace, Vec<String>) {
        let mut bytes = Vec::new();
        let notes = write(recording, &mut bytes).unwrap();
        (Trace::decode(bytes.as_slice()).unwrap(), notes)
    }

    /// Time in milliseconds, track and what, of tracks whose names have this.
    fn shown(trace: &Trace, part: &str) -> Vec<String> {
        let names: BTreeMap<u64, String> = trace
            .packet
            .iter()
            .filter_map(|packet| packet.track_descriptor.clone())
            .map(|track| (track.uuid.unwrap(), track.name.unwrap()))
            .collect();
        trace
            .packet
            .iter()
            .filter_map(|packet| Some((packet.timestamp.unwrap_or(0) / NANOS, packet.track_event.clone()?)))
            .map(|(at, event)| {
                let track = &names[&event.track_uuid.unwrap()];
                let what =
                    event.counter_value.map_or(event.name.unwrap_or("end".to_owned()), |value| value.to_string());
                format!("{at} {track}: {what}")
            })
            .filter(|line| line.contains(part))
            .collect()
    }

    fn lanes(trace: &Trace) -> usize {
        trace.packet.iter().filter_map(|packet| packet.track_descriptor.as_ref()?.parent_uuid).count()
    }

    #[test]
    fn buffers_are_slices_that_do_not_overlap_on_a_track_and_what_lives_on_has_no_end() {
        let (trace, notes) = written(&recording([
            sample(1000, 8192, &[(1, "a", 400), (2, "b", 300)]),
            sample(2000, 8192, &[(2, "b", 1300), (3, "c", 500)]),
            sample(3000, 4096, &[(3, "c", 1500)]),
        ]));
        assert_eq!(notes, [""; 0]);
        assert_eq!(
            shown(&trace, "heap system"),
            [
                "600 heap system, 1: a",
                "700 heap system, 2: b",
                "1000 live bytes of heap system: 8192",
                "1500 heap system, 3: c",
                "2000 heap system, 1: end",
                "3000 heap system, 2: end",
                "3000 live bytes of heap system: 4096",
            ]
        );
    }

    #[test]
    fn another_service_ends_all_lives_and_is_an_instant() {
        let (trace, _) = written(&restarted());
        assert_eq!(shown(&trace, "service"), ["61000 service: another service"]);
        let kind = |packet: &TracePacket| packet.track_event.as_ref()?.r#type;
        assert_eq!(trace.packet.iter().filter_map(kind).filter(|kind| *kind == 3).count(), 1);
        assert_eq!(
            shown(&trace, "heap system,"),
            [
                "0 heap system, 1: a",
                "61000 heap system, 1: end",
                "61000 heap system, 1: c",
                "61000 heap system, 2: b",
                "61000 heap system, 2: end",
                "62500 heap system, 1: end",
            ]
        );
        let times: Vec<u64> = trace.packet.iter().filter_map(|packet| packet.timestamp).collect();
        assert!(times.is_sorted(), "{times:?}");
    }

    #[test]
    fn track_is_used_again_once_it_is_free() {
        let (trace, _) =
            written(&recording([sample(100, 0, &[(1, "a", 50)]), sample(200, 0, &[(2, "b", 0)]), sample(300, 0, &[])]));
        // One for the heap and one for the client.
        assert_eq!(lanes(&trace), 2);
    }

    #[test]
    fn lives_that_find_no_track_are_summed_in_a_counter() {
        let buffers: Vec<(u64, &str, u64)> = (0..60_000).map(|id| (id, "a", 0)).collect();
        let (trace, notes) = written(&recording([sample(1000, 0, &buffers), sample(2000, 0, &buffers[..1])]));
        // The heap's and the client's, with a counter each.
        assert_eq!(lanes(&trace), 2 * (MOST_LANES + 1));
        assert_eq!(
            shown(&trace, "heap system, others"),
            [format!("1000 heap system, others: {}", (60_000 - 1024) * 4096), "2000 heap system, others: 0".to_owned()]
        );
        assert_eq!(notes.len(), 2);
        assert_eq!(
            notes[0],
            "1024 buffers are drawn side by side: the bytes of 58976 more are the counter \"heap system, others\""
        );
    }

    #[test]
    fn many_clients_have_tracks_for_those_with_the_most_and_one_for_the_others() {
        let buffers = (0..100).map(|uid| json!({ "id": uid, "uid": uid, "bytes": 4096 + uid, "heap": "system" }));
        let clients = (0..100).map(|uid| json!({ "uid": uid, "live_bytes": 4096 + uid }));
        let dump = json!({ "clients": clients.collect::<Vec<_>>(), "buffers": buffers.collect::<Vec<_>>() });
        let (trace, notes) = written(&recording([snapshot::read(&dump).unwrap()]));
        let of = |part: &str| shown(&trace, part).len();
        assert_eq!((of(" uid 36, "), of(" uid 35, "), of(" uid others, ")), (1, 0, 36));
        let sum = (0..36).map(|uid| 4096 + uid).sum::<u64>();
        assert_eq!(shown(&trace, "of uid others"), [format!("0 live bytes of uid others: {sum}")]);
        assert_eq!(notes, ["buffers of 36 further uids are in the track \"uid others\""]);
    }
}
