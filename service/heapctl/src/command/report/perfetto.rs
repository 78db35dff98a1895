//! A recording as a Perfetto trace: each heap and each client a track, live bytes as counters, buffers as slices.
//!
//! Buffers of one heap overlap, and slices of one track may not: below the heap's track there are as many as it takes. A buffer
//! begins when it was given out, and ends with the first sample that it is missing from; what is alive in the last sample has
//! no end. What lived between two samples is not in a recording. Times are the service's, since its start.

mod proto;

use crate::snapshot::{refused, Snapshot};
use gralloc_allocator::statistics::{BufferStatistics, ClientStatistics, HeapStatistics};
use prost::Message as _;
use proto::{
    debug_annotation, track_event, CounterDescriptor, DebugAnnotation, Trace, TracePacket, TrackDescriptor, TrackEvent,
};
use std::collections::{BTreeMap, BTreeSet};

/// The only sequence of the trace.
const SEQUENCE: u32 = 1;
/// `SEQ_INCREMENTAL_STATE_CLEARED`: nothing refers to what was before.
const CLEARED: u32 = 1;
const NANOS: u64 = 1_000_000;

/// A buffer's life as the samples saw it, milliseconds.
struct Life<'s> {
    buffer: &'s BufferStatistics,
    from_ms: u64,
    until_ms: Option<u64>,
}

/// The trace in bytes.
pub(super) fn of(samples: &[Snapshot]) -> Vec<u8> {
    let lives = lives(samples);
    let mut trace = Builder::default();
    let heaps: BTreeSet<&str> = lives.iter().map(|life| life.buffer.heap.as_str()).collect();
    for heap in heaps {
        trace.buffers(&format!("heap {heap}"), lives.iter().filter(|life| life.buffer.heap == heap));
    }
    let clients: BTreeSet<u32> = lives.iter().map(|life| life.buffer.uid).collect();
    for uid in clients {
        trace.buffers(&format!("uid {uid}"), lives.iter().filter(|life| life.buffer.uid == uid));
    }
    for sample in samples {
        let now = &sample.statistics;
        let mut count = |name: String, bytes: bool, value: u64| trace.count(name, bytes, now.uptime_ms, value);
        for HeapStatistics { name, account, .. } in &now.heaps {
            count(format!("live bytes of heap {name}"), true, account.live_bytes);
        }
        for ClientStatistics { uid, account, .. } in &now.clients {
            count(format!("live bytes of uid {uid}"), true, account.live_bytes);
        }
        if let Some(pool) = &now.pool {
            count("pool bytes".to_owned(), true, pool.pool.ready_bytes);
        }
        count("refusals".to_owned(), false, refused(now));
    }
    trace.finish()
}

/// In the order in which they were given out.
fn lives(samples: &[Snapshot]) -> Vec<Life<'_>> {
    let mut lives: BTreeMap<u64, Life<'_>> = BTreeMap::new();
    let mut alive: BTreeSet<u64> = BTreeSet::new();
    for sample in samples {
        let now_ms = sample.statistics.uptime_ms;
        let seen: BTreeSet<u64> = sample.buffers.iter().map(|buffer| buffer.id).collect();
        for gone in alive.difference(&seen) {
            if let Some(life) = lives.get_mut(gone) {
                life.until_ms = Some(now_ms);
            }
        }
        for buffer in &sample.buffers {
            let from_ms = now_ms.saturating_sub(buffer.age_ms);
            lives.entry(buffer.id).or_insert(Life { buffer, from_ms, until_ms: None });
        }
        alive = seen;
    }
    let mut lives: Vec<Life<'_>> = lives.into_values().collect();
    lives.sort_by_key(|life| (life.from_ms, life.buffer.id));
    lives
}

#[derive(Default)]
struct Builder {
    tracks: Vec<TrackDescriptor>,
    /// With their times, in nanoseconds.
    events: Vec<(u64, TrackEvent)>,
    counters: BTreeMap<String, u64>,
}

impl Builder {
    fn track(&mut self, track: TrackDescriptor) -> u64 {
        let uuid = u64::try_from(self.tracks.len()).unwrap_or(u64::MAX).saturating_add(1);
        self.tracks.push(TrackDescriptor { uuid: Some(uuid), ..track });
        uuid
    }

    /// A track, and below it as many as its buffers take side by side.
    fn buffers<'l>(&mut self, name: &str, lives: impl Iterator<Item = &'l Life<'l>>) {
        let parent = self.track(TrackDescriptor { name: Some(name.to_owned()), ..TrackDescriptor::default() });
        // Of each track its uuid and when it is free.
        let mut lanes: Vec<(u64, u64)> = Vec::new();
        for Life { buffer, from_ms, until_ms } in lives {
            let free = lanes.iter().position(|(_, free_ms)| free_ms <= from_ms);
            let lane = free.unwrap_or(lanes.len());
            if free.is_none() {
                let parent_uuid = Some(parent);
                let name = Some(format!("{name}, {}", lane.saturating_add(1)));
                lanes.push((self.track(TrackDescriptor { name, parent_uuid, ..TrackDescriptor::default() }), 0));
            }
            let Some((uuid, free_ms)) = lanes.get_mut(lane) else { continue };
            *free_ms = until_ms.unwrap_or(u64::MAX);
            let track_uuid = Some(*uuid);
            let begin = TrackEvent {
                r#type: Some(track_event::Type::SliceBegin.into()),
                track_uuid,
                name: Some(buffer.name.clone()),
                categories: vec!["buffer".to_owned()],
                debug_annotations: facts(buffer),
                counter_value: None,
            };
            self.events.push((from_ms.saturating_mul(NANOS), begin));
            if let Some(until_ms) = until_ms {
                let end = track_event::Type::SliceEnd.into();
                let end = TrackEvent { r#type: Some(end), track_uuid, ..TrackEvent::default() };
                self.events.push((until_ms.saturating_mul(NANOS), end));
            }
        }
    }

    fn count(&mut self, name: String, bytes: bool, at_ms: u64, value: u64) {
        let known = self.counters.get(&name).copied();
        let uuid = known.unwrap_or_else(|| {
            let unit = if bytes { proto::UNIT_SIZE_BYTES } else { proto::UNIT_COUNT };
            let counter = Some(CounterDescriptor { unit: Some(unit) });
            let uuid = self.track(TrackDescriptor { name: Some(name.clone()), counter, ..TrackDescriptor::default() });
            self.counters.insert(name, uuid);
            uuid
        });
        let event = TrackEvent {
            r#type: Some(track_event::Type::Counter.into()),
            track_uuid: Some(uuid),
            counter_value: Some(i64::try_from(value).unwrap_or(i64::MAX)),
            ..TrackEvent::default()
        };
        self.events.push((at_ms.saturating_mul(NANOS), event));
    }

    fn finish(mut self) -> Vec<u8> {
        // Stable: on one track an end comes before the begin of the same moment, as it was put in before it.
        self.events.sort_by_key(|(at, event)| (*at, event.is_begin()));
        let packet = || TracePacket { trusted_packet_sequence_id: Some(SEQUENCE), ..TracePacket::default() };
        let tracks = self.tracks.into_iter().enumerate().map(|(index, track)| TracePacket {
            sequence_flags: (index == 0).then_some(CLEARED),
            track_descriptor: Some(track),
            ..packet()
        });
        let events = self.events.into_iter().map(|(at, event)| TracePacket {
            timestamp: Some(at),
            track_event: Some(event),
            ..packet()
        });
        Trace { packet: tracks.chain(events).collect() }.encode_to_vec()
    }
}

fn facts(buffer: &BufferStatistics) -> Vec<DebugAnnotation> {
    use debug_annotation::Value;
    let fact = |name: &str, value: Value| DebugAnnotation { name: Some(name.to_owned()), value: Some(value) };
    vec![
        fact("id", Value::Pointer(buffer.id)),
        fact("bytes", Value::Uint(buffer.bytes)),
        fact("heap", Value::Text(buffer.heap.clone())),
        fact("usage", Value::Text(buffer.usage.clone())),
        fact("uid", Value::Uint(buffer.uid.into())),
        fact("pid", Value::Int(buffer.pid.into())),
    ]
}

#[cfg(test)]
mod tests {
    // A failed unwrap is a failed test.
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use super::*;
    use crate::snapshot;
    use serde_json::json;

    fn sample(uptime_ms: u64, live: u64, buffers: &[(u64, &str, u64)]) -> Snapshot {
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

    #[test]
    fn buffers_are_slices_that_do_not_overlap_on_a_track_and_what_lives_on_has_no_end() {
        let samples = [
            sample(1000, 8192, &[(1, "a", 400), (2, "b", 300)]),
            sample(2000, 8192, &[(2, "b", 1300), (3, "c", 500)]),
            sample(3000, 4096, &[(3, "c", 1500)]),
        ];
        let trace = Trace::decode(of(&samples).as_slice()).unwrap();
        let names: BTreeMap<u64, String> = trace
            .packet
            .iter()
            .filter_map(|packet| packet.track_descriptor.clone())
            .map(|track| (track.uuid.unwrap(), track.name.unwrap()))
            .collect();
        let shown: Vec<String> = trace
            .packet
            .iter()
            .filter_map(|packet| Some((packet.timestamp.unwrap_or(0) / NANOS, packet.track_event.clone()?)))
            .map(|(at, event)| {
                let track = &names[&event.track_uuid.unwrap()];
                let what =
                    event.counter_value.map_or(event.name.unwrap_or("end".to_owned()), |value| value.to_string());
                format!("{at} {track}: {what}")
            })
            .filter(|line| line.contains("heap system"))
            .collect();
        assert_eq!(
            shown,
            [
                "600 heap system, 1: a",
                "700 heap system, 2: b",
                "1000 live bytes of heap system: 8192",
                "1500 heap system, 3: c",
                "2000 heap system, 1: end",
                "2000 live bytes of heap system: 8192",
                "3000 heap system, 2: end",
                "3000 live bytes of heap system: 4096",
            ]
        );
    }

    #[test]
    fn track_is_used_again_once_it_is_free() {
        let samples = [sample(100, 0, &[(1, "a", 50)]), sample(200, 0, &[(2, "b", 0)]), sample(300, 0, &[])];
        let trace = Trace::decode(of(&samples).as_slice()).unwrap();
        let lanes = trace.packet.iter().filter_map(|packet| packet.track_descriptor.as_ref()?.parent_uuid);
        // One for the heap and one for the client.
        assert_eq!(lanes.count(), 2);
    }
}
