//! Progress on stderr: what is being done, with the time since the start. What package managers and Cargo say about their
//! own work goes to a log file, whose end is shown when they fail.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::error::{At, Error, Result};

/// How many of a failed program's last lines are shown.
const SHOWN_LINES: usize = 40;

/// Prints steps. Quiet ones keep to themselves (`--quiet`, tests).
#[derive(Debug, Clone)]
pub struct Progress {
    start: Instant,
    quiet: bool,
    log: Option<PathBuf>,
}

impl Progress {
    /// Starts the clock.
    pub fn new(quiet: bool) -> Self {
        Self { start: Instant::now(), quiet, log: None }
    }

    /// The same, with a file for what [`Progress::run_logged`] runs; without one that is shown (`--verbose`).
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn logged(self, log: PathBuf) -> Result<Self> {
        if let Some(folder) = log.parent() {
            std::fs::create_dir_all(folder).at(folder.display())?;
        }
        File::create(&log).at(log.display())?;
        Ok(Self { log: Some(log), ..self })
    }

    /// A handle for what another program says: the log, or stderr.
    ///
    /// # Errors
    /// The log cannot be opened.
    pub fn chatter(&self) -> Result<Stdio> {
        let Some(log) = &self.log else { return Ok(std::io::stderr().into()) };
        Ok(File::options().append(true).open(log).at(log.display())?.into())
    }

    /// Runs a program that talks about its own work: into the log, and on the screen only when it fails.
    ///
    /// # Errors
    /// It cannot be started, or ends with another status than 0; then the end of what it said is in the error.
    pub fn run_logged(&self, command: &mut Command) -> Result<()> {
        let shown = shown(command);
        let from = self.log_length();
        let status =
            command.stdin(Stdio::null()).stdout(self.chatter()?).stderr(self.chatter()?).status().at(&shown)?;
        if status.success() {
            return Ok(());
        }
        Err(Error::Command { command: shown, status: status.to_string(), output: self.said_since(from, SHOWN_LINES) })
    }

    /// Where the next program's words begin in the log.
    pub fn log_length(&self) -> u64 {
        self.log.as_ref().and_then(|log| std::fs::metadata(log).ok()).map_or(0, |log| log.len())
    }

    /// The end of what stands in the log from there on, and the log's name.
    pub fn said_since(&self, from: u64, lines: usize) -> String {
        let Some(log) = &self.log else { return String::new() };
        let mut said = Vec::new();
        let read = File::open(log).and_then(|mut file| {
            file.seek(SeekFrom::Start(from))?;
            file.read_to_end(&mut said)
        });
        let end = read.map_or(String::new(), |_| tail(&String::from_utf8_lossy(&said), lines));
        format!("{end}\n  log: {}", log.display())
    }

    /// Says what is done next, or what has just come out.
    pub fn step(&self, text: impl std::fmt::Display) {
        if !self.quiet {
            eprintln!("[{:6.1} s] {text}", self.start.elapsed().as_secs_f64());
        }
    }

    /// Seconds since the start.
    pub fn seconds(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }
}

/// Runs a program whose own output is the progress.
///
/// # Errors
/// It cannot be started, or ends with another status than 0.
pub fn run_visible(command: &mut Command) -> Result<()> {
    let shown = shown(command);
    // Its stdout is not a result of ours: people see it where progress goes.
    let status = command.stdin(Stdio::null()).stdout(std::io::stderr()).status().at(&shown)?;
    if status.success() {
        return Ok(());
    }
    Err(Error::Command { command: shown, status: status.to_string(), output: String::new() })
}

/// Whether a program is on the PATH.
pub fn on_path(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(program).is_file()))
}

/// Runs a program and returns its standard output.
///
/// # Errors
/// It cannot be started, or ends with another status than 0; then its last lines on stderr are in the error.
pub fn run_captured(command: &mut Command) -> Result<Vec<u8>> {
    let shown = shown(command);
    let output = command.stdin(Stdio::null()).output().at(&shown)?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let words = tail(&String::from_utf8_lossy(&output.stderr), 8);
    Err(Error::Command { command: shown, status: output.status.to_string(), output: words })
}

fn shown(command: &Command) -> String {
    // The program's name alone: where it lies is noise.
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words: Vec<_> = std::iter::once(program).chain(command.get_args()).map(|word| word.to_string_lossy()).collect();
    format!("`{}`", words.join(" "))
}

/// The last lines of a text, each indented on a line of its own, with a leading newline; empty for an empty text.
pub fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let from = all.len().saturating_sub(lines);
    all.iter().skip(from).map(|line| format!("\n    {}", line.trim_end())).collect()
}

/// What a kernel says when it gives up.
const LAST_WORDS: [&str; 6] =
    ["Kernel panic", "BUG: ", "Oops: ", "general protection fault", "Out of memory", "Unable to handle"];

/// The lines of a console log that say what went wrong: from the first of a kernel's last words on, else the last ones.
pub fn last_words(log: &str, lines: usize) -> String {
    let all: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
    let Some(first) = all.iter().position(|line| LAST_WORDS.iter().any(|word| line.contains(word))) else {
        return tail(log, lines);
    };
    all.iter().skip(first).take(lines).map(|line| format!("\n    {}", line.trim_end())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chatter_goes_to_the_log_and_its_end_into_the_error() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("logs/x.log");
        let progress = Progress::new(true).logged(log.clone()).unwrap();
        progress.run_logged(Command::new("echo").arg("earlier")).unwrap();
        let error = progress.run_logged(Command::new("sh").args(["-c", "echo now; echo why >&2; exit 3"])).unwrap_err();
        let said = error.to_string();
        assert!(said.contains("now\n    why") && !said.contains("earlier"), "{said}");
        assert_eq!(std::fs::read_to_string(log).unwrap(), "earlier\nnow\nwhy\n");
    }

    #[test]
    fn last_words_begin_where_the_kernel_gives_up() {
        let log = "booting\n\nBUG: kernel NULL pointer\nRIP: f+0x1\nmore\nmore\n";
        assert_eq!(last_words(log, 2), "\n    BUG: kernel NULL pointer\n    RIP: f+0x1");
        assert_eq!(last_words("a\nb\nc\n", 2), "\n    b\n    c");
        assert_eq!(last_words("", 2), "");
    }
}
