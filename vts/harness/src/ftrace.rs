//! The text of tracefs' `trace`, read back: the marks that programs wrote to `trace_marker`, and who ran when.
//!
//! A line is `COMM-PID (TGID) [CPU] FLAGS TIME: tracing_mark_write: MARK` (linux v6.12, `kernel/trace/trace_output.c`; the
//! function's name where a version writes another: `print`; the group where `record-tgid` is on). Marks are what systrace and
//! Perfetto read: `B|PID|NAME`, `E|PID`, `C|PID|NAME|VALUE`, `I|PID|NAME`. A line is taken here where Perfetto's reader takes it
//! (google/perfetto, `systrace_line_tokenizer.cc`), which has no room for more than five flags, and a mark is read as its
//! `systrace_parser.h` reads it: a counter's and an instant's name end at the next `|`.

use std::collections::BTreeMap;

use regex_lite::{Captures, Regex};

/// A mark of a thread.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// The thread.
    pub thread: u32,
    /// Microseconds of the trace's clock.
    pub at_us: u64,
    /// What it says.
    pub kind: Kind,
}

/// What a mark says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A slice begins.
    Begin(String),
    /// The innermost slice of the thread ends.
    End,
    /// A counter has this value.
    Counter(String, u64),
    /// Something happened.
    Instant(String),
}

/// A slice that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slice {
    /// The thread.
    pub thread: u32,
    /// Its name, after those of the slices around it: `allocate2/plan`.
    pub path: String,
    /// Microseconds.
    pub begin_us: u64,
    /// Microseconds.
    pub end_us: u64,
    /// Instants of the thread while it was the innermost.
    pub instants: Vec<String>,
}

/// A thread that wrote a line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Thread {
    /// As the last of its lines has it.
    pub name: String,
    /// Its process, where the trace says it.
    pub process: Option<u32>,
}

/// A processor goes on with another thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Switch {
    /// The processor.
    pub cpu: u32,
    /// Microseconds of the trace's clock.
    pub at_us: u64,
    /// The thread, 0 for none.
    pub to: u32,
}

/// A trace's marks in the order of the file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Trace {
    /// All marks.
    pub marks: Vec<Mark>,
    /// Threads by their ids.
    pub threads: BTreeMap<u32, Thread>,
    /// From thread to thread.
    pub switches: Vec<Switch>,
    /// Events of the kernel, by name.
    pub events: BTreeMap<String, usize>,
    /// The first line that is neither a comment nor understood.
    pub strange: Option<String>,
    /// Entries that the kernel's buffer had no room for: a trace with such is not whole.
    pub lost: bool,
}

impl Trace {
    /// Reads a text; lines of no known kind are the kernel's events, by their names.
    pub fn read(text: &str) -> Trace {
        let mut trace = Trace { lost: lost(text), ..Trace::default() };
        let line = Regex::new(
            r"^\s*(.+)-(\d+)\s+(?:\(\s*(\d+|-+)\)\s+)?\[(\d+)\]\s+[a-zA-Z0-9.]{0,5}\s+(\d+)\.(\d{6}): ([^:\s]+): ?(.*)$",
        );
        // Fixed: it compiles or no test passes.
        let Ok(line) = line else { return trace };
        for text in text.lines().filter(|text| !text.starts_with('#')) {
            let read = line.captures(text).and_then(|words| trace.line(&words));
            if read.is_none() && trace.strange.is_none() {
                trace.strange = Some(text.to_owned());
            }
        }
        trace
    }

    fn line(&mut self, words: &Captures<'_>) -> Option<()> {
        let text = |at| words.get(at).map_or("", |word| word.as_str());
        let number = |at| text(at).parse::<u64>().ok();
        let small = |at| text(at).parse::<u32>().ok();
        let (thread, cpu) = (small(2)?, small(4)?);
        let at_us = number(5)?.checked_mul(1_000_000)?.checked_add(number(6)?)?;
        let known = self.threads.entry(thread).or_default();
        // The kernel's word for a name that it has forgotten.
        if known.name.is_empty() || text(1) != "<...>" {
            known.name = text(1).to_owned();
        }
        known.process = small(3).or(known.process);
        match (text(7), kind(text(8))) {
            ("tracing_mark_write" | "print", Some(kind)) => self.marks.push(Mark { thread, at_us, kind }),
            (event, _) => {
                if event == "sched_switch" {
                    let to = value(text(8), "next_pid")?.parse().ok()?;
                    self.switches.push(Switch { cpu, at_us, to });
                }
                let count = self.events.entry(event.to_owned()).or_default();
                *count = count.saturating_add(1);
            }
        }
        Some(())
    }

    /// The slices in the order of their ends.
    ///
    /// # Errors
    /// What does not nest: an end without a begin, a begin without an end.
    pub fn slices(&self) -> Result<Vec<Slice>, String> {
        let mut open: BTreeMap<u32, Vec<Slice>> = BTreeMap::new();
        let mut ended = Vec::new();
        for mark in &self.marks {
            let stack = open.entry(mark.thread).or_default();
            match &mark.kind {
                Kind::Begin(name) => {
                    let path = stack.last().map_or(name.clone(), |around| format!("{}/{name}", around.path));
                    let (thread, begin_us) = (mark.thread, mark.at_us);
                    stack.push(Slice { thread, path, begin_us, end_us: 0, instants: Vec::new() });
                }
                Kind::End => {
                    let slice = stack.pop().ok_or_else(|| format!("{mark:?}: nothing has begun"))?;
                    ended.push(Slice { end_us: mark.at_us, ..slice });
                }
                Kind::Instant(what) => {
                    if let Some(slice) = stack.last_mut() {
                        slice.instants.push(what.clone());
                    }
                }
                Kind::Counter(..) => {}
            }
        }
        match open.into_values().flatten().next() {
            Some(slice) => Err(format!("{slice:?} has no end")),
            None => Ok(ended),
        }
    }

    /// Each counter's last value.
    pub fn counters(&self) -> BTreeMap<&str, u64> {
        let counted = self.marks.iter().filter_map(|mark| match &mark.kind {
            Kind::Counter(name, value) => Some((name.as_str(), *value)),
            _ => None,
        });
        counted.collect()
    }

    /// Instants that begin with a word, whatever slice they are in.
    pub fn instants<'t>(&'t self, word: &'t str) -> impl Iterator<Item = &'t str> {
        self.marks.iter().filter_map(move |mark| match &mark.kind {
            Kind::Instant(what) if what.split(' ').next() == Some(word) => Some(what.as_str()),
            _ => None,
        })
    }
}

/// The value of a word `KEY=VALUE` of an instant or event.
pub fn value<'t>(instant: &'t str, key: &str) -> Option<&'t str> {
    instant.split(' ').find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
}

/// `# entries-in-buffer/entries-written: 10/20`, or a line about events that were lost.
fn lost(text: &str) -> bool {
    let counts = text.lines().find_map(|line| line.strip_prefix("# entries-in-buffer/entries-written: "));
    let counts = counts.and_then(|counts| counts.split_whitespace().next()?.split_once('/'));
    counts.is_some_and(|(kept, written)| kept != written) || text.contains("LOST")
}

fn kind(mark: &str) -> Option<Kind> {
    let (letter, rest) = mark.split_once('|')?;
    let after_pid = rest.split_once('|').map(|(_, rest)| rest);
    match (letter, after_pid) {
        ("B", Some(name)) => Some(Kind::Begin(name.to_owned())),
        ("E", _) => Some(Kind::End),
        ("C", Some(counted)) => {
            let (name, value) = counted.split_once('|')?;
            Some(Kind::Counter(name.to_owned(), value.trim().parse().ok()?))
        }
        ("I", Some(what)) => Some(Kind::Instant(what.split('|').next().unwrap_or_default().to_owned())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# tracer: nop
#
# entries-in-buffer/entries-written: 9/9   #P:2
#
 binder:212_1-214     [001] .....    12.000100: tracing_mark_write: B|212|allocate2
 binder:212_1-214     [001] .....    12.000120: tracing_mark_write: B|212|plan
          <idle>-0       [000] d..2.    12.000125: sched_switch: prev_comm=swapper/0 prev_pid=0 prev_prio=120 prev_state=R ==> next_comm=sh next_pid=300 next_prio=120
 binder:212_1-214     [001] .....    12.000130: tracing_mark_write: E|212
     a b-c-300   (    300) [001] .....    12.000131: tracing_mark_write: C|300|live bytes of system|4096
 binder:212_1-214     [001] .....    12.000140: tracing_mark_write: I|212|served heap=system name=a|b
 binder:212_1-214     [001] .....    12.000150: tracing_mark_write: E|212
     a b-c-300   (    300) [001] .....    12.000160: tracing_mark_write: C|300|live bytes of system|0
";

    #[test]
    fn marks_are_read_with_their_threads_and_slices_nest() {
        let trace = Trace::read(TEXT);
        assert!(!trace.lost);
        let slices = trace.slices().unwrap();
        let paths: Vec<(&str, u64)> =
            slices.iter().map(|slice| (slice.path.as_str(), slice.end_us - slice.begin_us)).collect();
        assert_eq!(paths, [("allocate2/plan", 10), ("allocate2", 50)]);
        assert_eq!(slices[1].instants, ["served heap=system name=a"]);
        assert_eq!(value(&slices[1].instants[0], "heap"), Some("system"));
        assert_eq!(trace.counters(), BTreeMap::from([("live bytes of system", 0)]));
        assert_eq!(trace.instants("served").count(), 1);
        assert_eq!(trace.events, BTreeMap::from([("sched_switch".to_owned(), 1)]));
        assert_eq!(trace.switches, [Switch { cpu: 0, at_us: 12_000_125, to: 300 }]);
        let thread = |name: &str, process| Thread { name: name.to_owned(), process };
        let (binder, client, idle) = (thread("binder:212_1", None), thread("a b-c", Some(300)), thread("<idle>", None));
        assert_eq!(trace.threads, BTreeMap::from([(0, idle), (214, binder), (300, client)]));
        assert_eq!(trace.strange, None);
    }

    #[test]
    fn line_that_perfetto_would_not_take_is_shown() {
        let six_flags = TEXT.replace("d..2.", "d..2..");
        assert!(Trace::read(&six_flags).strange.unwrap().contains("sched_switch"));
    }

    #[test]
    fn what_does_not_nest_is_said() {
        let without = |part: &str| {
            let lines: Vec<&str> = TEXT.lines().filter(|line| !line.contains(part)).collect();
            Trace::read(&lines.join("\n")).slices().unwrap_err()
        };
        assert!(without("B|212|allocate2").contains("nothing has begun"));
        assert!(without("12.000150").contains("has no end"));
    }

    #[test]
    fn trace_that_overflowed_is_not_whole() {
        assert!(Trace::read(&TEXT.replace("9/9", "9/10")).lost);
        assert!(Trace::read("CPU:0 [LOST 3 EVENTS]\n").lost);
    }
}
