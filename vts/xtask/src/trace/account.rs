//! What a trace says, held against the service's own account.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value;
use vm_harness::ftrace::{value, Slice, Trace};

/// Every slice that there is, by its path ([the list](../../../../docs/tracing.md)).
const KNOWN: [&str; 11] = [
    "allocate2",
    "allocate2/plan",
    "allocate2/admission",
    "allocate2/admission/wait for releases",
    "allocate2/ioctl",
    "allocate2/reply",
    "mapper import",
    "mapper lock",
    "mapper lock/fence wait",
    "mapper unlock",
    // Of a flush or a synchronisation.
    "fence wait",
];

/// A check's name, and what was seen, of which an error is a failure.
pub(super) type Held = (&'static str, Result<String, String>);

/// The slices of one path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Row {
    path: String,
    count: usize,
    p50_us: u64,
    longest_us: u64,
}

/// All slices by their paths.
pub(super) fn slices(trace: &Trace) -> Vec<Row> {
    let mut times: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for slice in trace.slices().unwrap_or_default() {
        times.entry(slice.path).or_default().push(slice.end_us.saturating_sub(slice.begin_us));
    }
    let row = |(path, mut times): (String, Vec<u64>)| {
        times.sort_unstable();
        let at = |index: usize| times.get(index).copied().unwrap_or(0);
        let (p50_us, longest_us) = (at(times.len() / 2), at(times.len().saturating_sub(1)));
        Row { path, count: times.len(), p50_us, longest_us }
    };
    times.into_iter().map(row).collect()
}

/// The same for people.
pub(super) fn table(rows: &[Row]) -> String {
    let width = rows.iter().map(|row| row.path.len()).max().unwrap_or(0).max("slice".len());
    let mut text = format!("{:<width$}  {:>6}  {:>8}  {:>10}\n", "slice", "n", "p50 µs", "longest µs");
    for Row { path, count, p50_us, longest_us } in rows {
        let _ = writeln!(text, "{path:<width$}  {count:>6}  {p50_us:>8}  {longest_us:>10}");
    }
    text
}

/// Names, nesting, counters and instants against a dump that was taken after the last request. The trace began before the first.
pub(super) fn compare(trace: &Trace, dump: &Value) -> Vec<Held> {
    let strange = trace.strange.as_ref();
    let mut held = vec![
        (
            "the kernel's buffer held all of it",
            if trace.lost { Err("entries were lost".into()) } else { Ok(marks(trace)) },
        ),
        (
            "every line is one that Perfetto's reader takes",
            strange.map_or(Ok("none is strange".into()), |line| Err(line.clone())),
        ),
    ];
    let slices = match trace.slices() {
        Ok(slices) => slices,
        Err(why) => {
            held.push(("slices nest", Err(why)));
            return held;
        }
    };
    held.push(("slices nest", inside(&slices)));
    let unknown = slices.iter().find(|slice| !KNOWN.contains(&slice.path.as_str()));
    let paths: BTreeSet<&str> = slices.iter().map(|slice| slice.path.as_str()).collect();
    held.push((
        "every slice has a name that is known",
        unknown.map_or(Ok(format!("{} names", paths.len())), |slice| Err(slice.path.clone())),
    ));
    let of = |path: &str| count(slices.iter().filter(|slice| slice.path == path).count());
    let number = |pointer: &str| dump.pointer(pointer).and_then(Value::as_u64);
    held.push(("a slice for each request that the service counts", same(of("allocate2"), number("/requests"))));
    let served: Vec<&str> = trace.instants("served").collect();
    let buffers = served.iter().filter_map(|served| value(served, "count")?.parse::<u64>().ok()).sum();
    held.push(("it gives as many buffers as the service counts", same(buffers, number("/all/total_buffers"))));
    let refused = dump.get("refusals").and_then(Value::as_object);
    let refused = refused.map(|all| all.values().filter_map(Value::as_u64).sum());
    held.push(("it refuses as often", same(count(trace.instants("refused").count()), refused)));
    let gone =
        number("/all/total_buffers").zip(number("/all/live_buffers")).map(|(all, live)| all.saturating_sub(live));
    held.push(("it releases as many as are no longer alive", same(count(trace.instants("released").count()), gone)));
    let counters = trace.counters();
    for heap in dump.get("heaps").and_then(Value::as_array).into_iter().flatten() {
        let name = heap.get("name").and_then(Value::as_str).unwrap_or_default();
        // A heap that nothing came from has no mark.
        if let Some(marked) = counters.get(format!("live bytes of {name}").as_str()) {
            let live = heap.get("live_bytes").and_then(Value::as_u64);
            held.push(("a heap's counter ends with its live bytes", same(*marked, live)));
        }
    }
    held.push(("mappers lock as often as they unlock, and import", {
        let (imports, locks, unlocks) = (of("mapper import"), of("mapper lock"), of("mapper unlock"));
        let seen = format!("{imports} imports, {locks} locks, {unlocks} unlocks");
        if imports > 0 && locks > 0 && locks == unlocks {
            Ok(seen)
        } else {
            Err(seen)
        }
    }));
    let event = |name: &str| trace.events.get(name).copied().unwrap_or(0);
    let (switches, wakings) = (event("sched_switch"), event("sched_waking"));
    let fences: usize =
        trace.events.iter().filter(|(name, _)| name.starts_with("dma_fence")).map(|(_, count)| count).sum();
    let seen = format!("{switches} switches, {wakings} wake-ups, {fences} events of fences");
    held.push((
        "the scheduler's events are beside them",
        if switches > 0 && wakings > 0 { Ok(seen) } else { Err(seen) },
    ));
    held
}

fn marks(trace: &Trace) -> String {
    format!("{} marks of {} threads", trace.marks.len(), trace.threads.len())
}

/// A part begins and ends inside what is around it, and what is inside a slice takes no longer than the slice.
fn inside(slices: &[Slice]) -> Result<String, String> {
    for part in slices {
        let Some((around, _)) = part.path.rsplit_once('/') else { continue };
        let around = slices.iter().find(|slice| {
            let same = slice.path == around && slice.thread == part.thread;
            same && slice.begin_us <= part.begin_us && part.end_us <= slice.end_us
        });
        if around.is_none() {
            return Err(format!("{part:?} is in nothing"));
        }
    }
    Ok(format!("{} slices", slices.len()))
}

fn same(marked: u64, counted: Option<u64>) -> Result<String, String> {
    match counted {
        Some(counted) if counted == marked => Ok(format!("{marked}")),
        Some(counted) => Err(format!("{marked} in the trace, {counted} in the account")),
        None => Err("the account has no such figure".to_owned()),
    }
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// As tracefs has it with `record-tgid`: a camera's two buffers, of which one goes, and a refusal.
    const TEXT: &str = "\
# tracer: nop
#
# entries-in-buffer/entries-written: 27/27   #P:2
#
           <idle>-0       (-------) [000] dN.2.    17.500010: sched_waking: comm=binder:102_1 pid=104 prio=120 target_cpu=000
           <idle>-0       (-------) [000] d..2.    17.500020: sched_switch: prev_comm=swapper/0 prev_pid=0 prev_prio=120 prev_state=R ==> next_comm=binder:102_1 next_pid=104 next_prio=120
     binder:102_1-104     (    102) [000] .....    17.500100: tracing_mark_write: B|102|allocate2
     binder:102_1-104     (    102) [000] .....    17.500110: tracing_mark_write: B|102|plan
     binder:102_1-104     (    102) [000] .....    17.500130: tracing_mark_write: E|102
     binder:102_1-104     (    102) [000] .....    17.500140: tracing_mark_write: B|102|admission
     binder:102_1-104     (    102) [000] .....    17.500190: tracing_mark_write: E|102
     binder:102_1-104     (    102) [000] .....    17.500200: tracing_mark_write: B|102|ioctl
     binder:102_1-104     (    102) [000] .....    17.505200: tracing_mark_write: E|102
     binder:102_1-104     (    102) [000] .....    17.505300: tracing_mark_write: B|102|reply
     binder:102_1-104     (    102) [000] .....    17.505350: tracing_mark_write: C|102|live bytes of system|16384
     binder:102_1-104     (    102) [000] .....    17.505400: tracing_mark_write: E|102
     binder:102_1-104     (    102) [000] .....    17.505410: tracing_mark_write: I|102|served heap=system bytes=4096 count=2 release_wait_us=0 pool_hits=0 took_us=5290 uid=1047 name=camera\\x7cxr24
     binder:102_1-104     (    102) [000] .....    17.505420: tracing_mark_write: E|102
           camera-131     (    131) [001] .....    17.600000: tracing_mark_write: B|131|mapper import
           camera-131     (    131) [001] .....    17.600080: tracing_mark_write: E|131
           camera-131     (    131) [001] .....    17.600100: tracing_mark_write: B|131|mapper lock
           camera-131     (    131) [001] .....    17.600110: tracing_mark_write: B|131|fence wait
           camera-131     (    131) [001] .....    17.600150: tracing_mark_write: E|131
           camera-131     (    131) [001] .....    17.600160: tracing_mark_write: E|131
           camera-131     (    131) [001] .....    17.600200: tracing_mark_write: B|131|mapper unlock
           camera-131     (    131) [001] .....    17.600230: tracing_mark_write: E|131
     binder:102_1-104     (    102) [000] .....    17.700000: tracing_mark_write: B|102|allocate2
     binder:102_1-104     (    102) [000] .....    17.700020: tracing_mark_write: I|102|refused cause=size count=1 uid=1047 name=camera
     binder:102_1-104     (    102) [000] .....    17.700030: tracing_mark_write: E|102
      maintenance-103     (    102) [001] .....    17.800000: tracing_mark_write: I|102|released id=0x1 heap=system bytes=8192 uid=1047 name=camera\\x7cxr24
      maintenance-103     (    102) [001] .....    17.800010: tracing_mark_write: C|102|live bytes of system|8192
";

    fn failed(text: &str) -> Vec<&'static str> {
        let dump = json!({
            "requests": 2,
            "all": { "total_buffers": 2, "live_buffers": 1 },
            "refusals": { "size": 1 },
            "heaps": [{ "name": "system", "live_bytes": 8192 }, { "name": "camera", "live_bytes": 0 }],
        });
        let held = compare(&Trace::read(text), &dump);
        held.into_iter().filter_map(|(name, held)| held.is_err().then_some(name)).collect()
    }

    #[test]
    fn trace_that_agrees_with_the_account_holds_and_every_other_fails_where_it_differs() {
        assert_eq!(failed(TEXT), [""; 0]);
        let faults = [
            ("27/27", "27/28", "the kernel's buffer held all of it"),
            ("[000] d..2. ", "[000] d..2... ", "every line is one that Perfetto's reader takes"),
            ("131|mapper import", "131|mapper imports", "every slice has a name that is known"),
            ("count=2", "count=3", "it gives as many buffers as the service counts"),
            ("refused cause", "refuses cause", "it refuses as often"),
            ("released id", "release id", "it releases as many as are no longer alive"),
            ("system|8192", "system|16384", "a heap's counter ends with its live bytes"),
            ("mapper lock", "mapper unlock", "mappers lock as often as they unlock, and import"),
            ("sched_waking", "sched_wakeup", "the scheduler's events are beside them"),
        ];
        for (before, after, name) in faults {
            assert!(failed(&TEXT.replacen(before, after, 1)).contains(&name), "{name}");
        }
        let without = |part: &str| {
            TEXT.lines().filter(|line| !line.contains(part)).map(|line| format!("{line}\n")).collect::<String>()
        };
        assert_eq!(failed(&without("17.505420")), ["slices nest"]);
        let one_less = without("17.700000");
        assert_eq!(failed(&one_less), ["slices nest"]);
        assert!(failed(&one_less.replace("17.700030: tracing_mark_write: E|102", "17.700030: sys_exit: NR 1"))
            .contains(&"a slice for each request that the service counts"));
    }

    #[test]
    fn table_has_each_path_with_its_times() {
        let rows = slices(&Trace::read(TEXT));
        let of = |path: &str| rows.iter().find(|row| row.path == path).cloned().unwrap();
        let ioctl = of("allocate2/ioctl");
        assert_eq!((ioctl.count, ioctl.p50_us, ioctl.longest_us), (1, 5000, 5000));
        assert_eq!((of("allocate2").count, of("allocate2").longest_us), (2, 5320));
        assert!(table(&rows).contains("mapper lock/fence wait       1        40          40"), "{}", table(&rows));
    }
}
