//! Where log lines go: logcat on Android, standard error elsewhere. Within bounds: a client that is refused again and again
//! (or whose parcels the binder library finds broken) would fill the log that others need.

use log::{Level, LevelFilter, Log, Metadata, Record};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long lines are counted together.
const WINDOW: Duration = Duration::from_secs(10);
/// Lines of one source in one window. Far more than a day's, far fewer than a flood's.
const LINES_PER_WINDOW: u32 = 100;

/// The target of a line about a refused request.
const REFUSALS: &str = "gralloc_server::refusals";

/// Logs that a request was refused: counted apart from all else, because clients cause it.
pub fn refused(level: Level, line: fmt::Arguments<'_>) {
    log::log!(target: REFUSALS, level, "{line}");
}

/// Starts logging, at info level or at debug.
pub fn start(verbose: bool) {
    let level = if verbose { LevelFilter::Debug } else { LevelFilter::Info };
    // Fails when a logger is in place already: it stays.
    if log::set_boxed_logger(Box::new(Limited::new(sink(level), LINES_PER_WINDOW))).is_ok() {
        log::set_max_level(level);
    }
}

#[cfg(target_os = "android")]
fn sink(level: LevelFilter) -> android_logger::AndroidLogger {
    android_logger::AndroidLogger::new(
        android_logger::Config::default().with_tag("gralloc-dmaheap").with_max_level(level),
    )
}

#[cfg(not(target_os = "android"))]
fn sink(level: LevelFilter) -> env_logger::Logger {
    // An init system adds the time.
    env_logger::Builder::new().filter_level(level).format_timestamp(None).build()
}

/// Whose lines are counted together, so that what clients cause never keeps back what the service says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// Refusals: one line a request.
    Requests,
    /// The binder library and the transports: one line a broken parcel or connection.
    Transport,
    /// Everything else.
    Service,
}

impl Source {
    fn of(target: &str) -> Source {
        if target == REFUSALS {
            Source::Requests
        } else if target.starts_with("rsbinder") || target.starts_with("allocator_aidl") {
            Source::Transport
        } else {
            Source::Service
        }
    }

    fn words(self) -> &'static str {
        match self {
            Source::Requests => "refusals",
            Source::Transport => "lines of the transport",
            Source::Service => "lines",
        }
    }
}

/// One source's lines since a moment.
#[derive(Debug, Default)]
struct Window {
    since: Option<Instant>,
    lines: u32,
    left_out: u64,
}

/// What becomes of a line.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// It is written, after a word about those that were left out before.
    Write {
        left_out: u64,
    },
    /// It is written, and the ones after it are not.
    WriteLast,
    LeaveOut,
}

impl Window {
    fn next(&mut self, now: Instant, most: u32) -> Verdict {
        let over = self.since.map_or(true, |since| now.saturating_duration_since(since) >= WINDOW);
        if over {
            let left_out = self.left_out;
            *self = Window { since: Some(now), lines: 1, left_out: 0 };
            return Verdict::Write { left_out };
        }
        if self.lines >= most {
            self.left_out = self.left_out.saturating_add(1);
            return Verdict::LeaveOut;
        }
        self.lines = self.lines.saturating_add(1);
        if self.lines == most {
            Verdict::WriteLast
        } else {
            Verdict::Write { left_out: 0 }
        }
    }
}

/// A logger with so many lines a window before it.
struct Limited<L> {
    sink: L,
    most: u32,
    windows: [Mutex<Window>; 3],
}

impl<L: Log> Limited<L> {
    fn new(sink: L, most: u32) -> Limited<L> {
        Limited { sink, most, windows: Default::default() }
    }

    fn window(&self, source: Source) -> MutexGuard<'_, Window> {
        let [requests, transport, service] = &self.windows;
        let window = match source {
            Source::Requests => requests,
            Source::Transport => transport,
            Source::Service => service,
        };
        window.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, about: &Record<'_>, words: fmt::Arguments<'_>) {
        let note = Record::builder().level(Level::Warn).target(about.target()).args(words).build();
        self.sink.log(&note);
    }
}

impl<L: Log> Log for Limited<L> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.sink.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let source = Source::of(record.target());
        // The lock is given back before the line is written.
        let verdict = self.window(source).next(Instant::now(), self.most);
        let (what, most, seconds) = (source.words(), self.most, WINDOW.as_secs());
        match verdict {
            Verdict::LeaveOut => {}
            Verdict::Write { left_out: 0 } => self.sink.log(record),
            Verdict::Write { left_out } => {
                self.note(record, format_args!("{left_out} further {what} were left out"));
                self.sink.log(record);
            }
            Verdict::WriteLast => {
                self.sink.log(record);
                self.note(record, format_args!("{most} {what} within {seconds} s: the next are counted only"));
            }
        }
    }

    fn flush(&self) {
        self.sink.flush();
    }
}

#[cfg(test)]
mod tests {
    // A failed unwrap is a failed test.
    #![allow(clippy::unwrap_used)]

    use super::*;
    use std::sync::Arc;

    /// Takes no lines for debugging, and keeps the others. A flush is a line, too.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<String>>>);

    impl Log for Kept {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            metadata.level() <= Level::Info
        }
        fn log(&self, record: &Record<'_>) {
            self.0.lock().unwrap().push(record.args().to_string());
        }
        fn flush(&self) {
            self.0.lock().unwrap().push("flushed".to_owned());
        }
    }

    fn line(logger: &impl Log, target: &str, text: &str) {
        logger.log(&Record::builder().target(target).args(format_args!("{text}")).build());
    }

    fn flood_is_cut(most: u32) {
        let kept = Kept::default();
        let logger = Limited::new(kept.clone(), most);
        (0..5000).for_each(|_| line(&logger, REFUSALS, "refused"));
        (0..5000).for_each(|_| line(&logger, "rsbinder::parcel", "broken"));
        line(&logger, "gralloc_server::engine", "heap camera removed");
        let lines = kept.0.lock().unwrap().clone();
        assert_eq!(lines.iter().filter(|line| *line == "refused").count(), 100, "refusals");
        assert_eq!(lines.iter().filter(|line| *line == "broken").count(), 100);
        assert_eq!(lines.last().unwrap(), "heap camera removed");
        assert!(lines.iter().any(|line| line == "100 refusals within 10 s: the next are counted only"), "{lines:?}");
    }

    #[test]
    fn flood_of_refusals_is_cut_and_counted_and_hides_nothing_else() {
        flood_is_cut(LINES_PER_WINDOW);
    }

    #[test]
    #[should_panic(expected = "refusals")]
    fn log_without_a_bound_is_seen() {
        flood_is_cut(u32::MAX);
    }

    #[test]
    fn lines_that_are_not_asked_for_use_up_nothing() {
        let kept = Kept::default();
        let logger = Limited::new(kept.clone(), LINES_PER_WINDOW);
        let debug = Record::builder().level(Level::Debug).target("rsbinder").args(format_args!("detail")).build();
        assert!(!logger.enabled(debug.metadata()));
        (0..200).for_each(|_| logger.log(&debug));
        line(&logger, "rsbinder", "broken");
        logger.flush();
        assert_eq!(*kept.0.lock().unwrap(), ["broken", "flushed"]);
    }

    #[test]
    fn next_window_tells_how_many_were_left_out() {
        let mut window = Window::default();
        let start = Instant::now();
        assert_eq!((0..150).filter(|_| window.next(start, LINES_PER_WINDOW) == Verdict::LeaveOut).count(), 50);
        assert_eq!(window.next(start, LINES_PER_WINDOW), Verdict::LeaveOut);
        assert_eq!(window.next(start + WINDOW, LINES_PER_WINDOW), Verdict::Write { left_out: 51 });
        assert_eq!(window.next(start + WINDOW, LINES_PER_WINDOW), Verdict::Write { left_out: 0 });
    }
}
