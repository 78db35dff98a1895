//! Marks in the kernel's trace, as slices, counters and instants that Perfetto, systrace and trace-cmd show beside the
//! scheduler's and the drivers' own events.
//!
//! Off, a mark costs one load and a branch. [`start_if_asked`] turns them on for this process where [`VARIABLE`] is set; it is
//! asked once, when a program or library starts. On Android [`follow`] turns them on and off with atrace's own switch. On, each
//! mark is one write(2) to tracefs' `trace_marker`, of one line:
//!
//! | line | is |
//! |---|---|
//! | `B\|PID\|NAME`, `E\|PID` | a slice of this thread begins; the innermost ends |
//! | `C\|PID\|NAME\|VALUE` | a counter's value from here on, 63 bits |
//! | `I\|PID\|NAME` | an instant of this thread |
//!
//! Readers end a counter's and an instant's name at the next `|` (google/perfetto, `systrace_parser.h`): one in a name is written `\x7c`.
//!
//! Source: linux v6.12, `Documentation/trace/ftrace.rst` (trace_marker); AOSP `system/core/libcutils/trace-dev.inc` (android-15)
//! for the lines.

// The tests have a libc with properties of their own.
#[cfg(any(target_os = "android", test))]
mod atrace;
#[cfg(any(target_os = "android", test))]
mod switch;

use std::fmt::{self, Display};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
#[cfg(any(target_os = "android", test))]
use std::sync::Once;
use std::sync::OnceLock;

/// The environment's variable that turns marks on: `1`.
pub const VARIABLE: &str = "GRALLOC_TRACE";

/// Where tracefs is mounted, and where debugfs mounts it by itself.
const MARKERS: [&str; 2] = ["/sys/kernel/tracing/trace_marker", "/sys/kernel/debug/tracing/trace_marker"];

/// Bytes of the longest line. libcutils has 1024; a buffer's name, all of it escaped, has 508.
const LINE_BYTES: usize = 1024;

static ON: AtomicBool = AtomicBool::new(false);
/// [`VARIABLE`] turned them on, for the process's whole life.
static STAY_ON: AtomicBool = AtomicBool::new(false);
static MARKER: OnceLock<File> = OnceLock::new();

/// Turns marks on where [`VARIABLE`] says so; true when they are on.
///
/// # Errors
/// As [`open`].
pub fn start_if_asked() -> Result<bool, (&'static str, io::Error)> {
    if !std::env::var_os(VARIABLE).is_some_and(|value| value == "1") {
        return Ok(is_on());
    }
    start(open()?);
    STAY_ON.store(true, Ordering::Relaxed);
    Ok(true)
}

/// Turns marks on or off where atrace's switch for graphics was turned since the last call; true when that turned them on. To be
/// called where a request begins: while nobody turns the switch, it costs one call of libc's, which loads a number. Nothing
/// on another system than Android, and nothing where [`VARIABLE`] has turned them on.
#[inline]
pub fn follow() -> bool {
    atrace::follow()
}

/// Nobody else has the switch.
#[cfg(not(any(target_os = "android", test)))]
mod atrace {
    #[inline]
    pub(super) fn follow() -> bool {
        false
    }
}

/// Does what the switch says; true when marks were off and are on. The file is opened the first time that it says on: a process that is
/// never traced has none open.
#[cfg(any(target_os = "android", test))]
fn turn(on: bool) -> bool {
    if STAY_ON.load(Ordering::Relaxed) {
        return false;
    }
    if on && MARKER.get().is_none() {
        match open() {
            Ok(marker) => {
                MARKER.get_or_init(|| marker);
            }
            Err((path, error)) => {
                static WARNED: Once = Once::new();
                WARNED.call_once(|| log::warn!("nothing is marked in the kernel's trace: {path}: {error}"));
            }
        }
    }
    let were_on = is_on();
    set_on(on);
    !were_on && is_on()
}

/// The kernel's file for marks.
///
/// # Errors
/// The path that could not be opened, and why: tracefs is root's unless it is mounted with another mode. On Android everybody
/// may write the file (AOSP android-15, `system/core/rootdir/init.rc`).
pub fn open() -> Result<File, (&'static str, io::Error)> {
    let [first, second] = MARKERS;
    let open = |path| OpenOptions::new().write(true).open(path).map_err(|error| (path, error));
    open(first).or_else(|why| open(second).map_err(|_| why))
}

/// Turns marks on, into this file. The first one stays.
pub fn start(marker: File) {
    MARKER.get_or_init(|| marker);
    ON.store(true, Ordering::Release);
}

/// Turns marks off, and on again after [`start`].
pub fn set_on(on: bool) {
    ON.store(on && MARKER.get().is_some(), Ordering::Release);
}

/// Whether marks are on.
#[inline]
pub fn is_on() -> bool {
    ON.load(Ordering::Relaxed)
}

/// A slice, from here to its drop on the same thread.
#[derive(Debug)]
#[must_use]
pub struct Slice {
    begun: bool,
}

/// Begins a slice.
#[inline]
pub fn slice(name: &'static str) -> Slice {
    let begun = is_on();
    if begun {
        mark(&format_args!("B|{}|{name}", std::process::id()));
    }
    Slice { begun }
}

impl Drop for Slice {
    #[inline]
    fn drop(&mut self) {
        if self.begun {
            mark(&format_args!("E|{}", std::process::id()));
        }
    }
}

/// A counter has this value.
#[inline]
pub fn counter(name: impl Display, value: u64) {
    if is_on() {
        let value = i64::try_from(value).unwrap_or(i64::MAX);
        mark(&format_args!("C|{}|{}|{value}", std::process::id(), Field(name)));
    }
}

/// Something happened.
#[inline]
pub fn instant(what: fmt::Arguments<'_>) {
    if is_on() {
        mark(&format_args!("I|{}|{}", std::process::id(), Field(what)));
    }
}

/// A name with no `|` in it.
struct Field<T>(T);

impl<T: Display> Display for Field<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::write(&mut WithoutBars(f), format_args!("{}", self.0))
    }
}

struct WithoutBars<'f, 'a>(&'f mut fmt::Formatter<'a>);

impl fmt::Write for WithoutBars<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for (at, part) in text.split('|').enumerate() {
            if at > 0 {
                self.0.write_str("\\x7c")?;
            }
            self.0.write_str(part)?;
        }
        Ok(())
    }
}

/// One write; what is longer than a line is cut. A kernel that takes no marks now loses them, and nobody fails for it.
#[cold]
fn mark(line: &fmt::Arguments<'_>) {
    let Some(mut marker) = MARKER.get() else { return };
    let mut bytes = [0; LINE_BYTES];
    let mut free: &mut [u8] = bytes.split_last_mut().map_or(&mut [], |(_, all)| all);
    let room = free.len();
    let _cut = free.write_fmt(*line);
    let used = room.saturating_sub(free.len());
    if let Some(end) = bytes.get_mut(used) {
        *end = b'\n';
    }
    let _lost = marker.write_all(bytes.get(..=used).unwrap_or(&[]));
}

#[cfg(test)]
mod tests {
    use super::atrace::bionic::set_property;
    use super::*;
    use std::io::{Read, Seek};

    /// One test: marks are the process's.
    #[test]
    fn marks_are_lines_that_nest_by_thread_and_off_nothing_is_written() {
        let file = std::env::temp_dir().join(format!("marks-{}", std::process::id()));
        let mut read = OpenOptions::new().read(true).append(true).create_new(true).open(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        drop(slice("before"));
        set_on(true);
        assert!(!is_on(), "there is no file yet");
        start(read.try_clone().unwrap());
        {
            let _outer = slice("outer");
            drop(slice("inner"));
            counter("live|bytes", u64::MAX);
            instant(format_args!("released id={:#x} name=a|b", 7));
            set_on(false);
            counter("live bytes", 1);
            // It was begun while marks were on, and ends.
        }
        // As atrace's switch is turned: there is none, there is one, graphics, graphics and more, all but graphics.
        assert_eq!((follow(), follow(), is_on()), (false, false, false));
        set_property("0x0");
        assert_eq!((follow(), is_on()), (false, false));
        set_property("0x2");
        assert_eq!((is_on(), follow(), follow(), is_on()), (false, true, false, true));
        set_property("0x402");
        assert_eq!((follow(), is_on()), (false, true));
        instant(format_args!("{}", "x".repeat(5000)));
        set_property("0x400");
        assert_eq!((follow(), is_on()), (false, false));
        // Where the environment has turned them on, the switch has no say.
        STAY_ON.store(true, Ordering::Relaxed);
        set_on(true);
        set_property("0");
        assert_eq!((follow(), is_on()), (false, true));
        set_on(false);
        drop(slice("after"));
        let mut text = String::new();
        read.rewind().unwrap();
        read.read_to_string(&mut text).unwrap();
        let pid = std::process::id();
        let lines: Vec<&str> = text.lines().collect();
        let marks = [
            "B|P|outer",
            "B|P|inner",
            "E|P",
            "C|P|live\\x7cbytes|9223372036854775807",
            "I|P|released id=0x7 name=a\\x7cb",
            "E|P",
        ];
        assert_eq!(lines[..6], marks.map(|mark| mark.replace('P', &pid.to_string())));
        assert_eq!((lines.len(), lines[6].len(), text.ends_with("x\n")), (7, LINE_BYTES - 1, true));
    }
}
