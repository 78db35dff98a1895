//! One of the two programs, running.

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{channel, Receiver};
use std::time::Duration;

/// Longest wait for a program's next word.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A running program whose JSON lines are read as they come.
pub(crate) struct Program {
    child: Child,
    lines: Receiver<Value>,
}

impl Program {
    /// Where the program is.
    pub(crate) fn find(name: &str) -> Option<PathBuf> {
        let built = match name {
            "camera" => option_env!("CARGO_BIN_EXE_camera"),
            _ => option_env!("CARGO_BIN_EXE_display"),
        };
        let on_path = std::env::var_os("PATH").unwrap_or_default();
        let on_path = std::env::split_paths(&on_path).map(|folder| folder.join(name)).collect::<Vec<_>>();
        built.map(PathBuf::from).into_iter().chain(on_path).find(|path| path.is_file())
    }

    /// Starts it with `--json`.
    pub(crate) fn start(name: &str, args: &[&str], folder: &Path) -> Program {
        let mut command = Command::new(Program::find(name).unwrap());
        command.args(args).arg("--json").current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let line = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error} in {line}"));
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Program { child, lines }
    }

    /// Waits for a line with this event.
    pub(crate) fn wait_for(&self, event: &str) -> Value {
        loop {
            let line = self.lines.recv_timeout(TIMEOUT).unwrap_or_else(|error| panic!("no \"{event}\": {error}"));
            assert!(line["event"] != "report" || event == "report", "it ended before \"{event}\": {line:#}");
            if line["event"] == event {
                return line;
            }
        }
    }

    /// Waits for the end: exit code and report.
    pub(crate) fn end(mut self) -> (Option<i32>, Value) {
        let report = self.wait_for("report");
        (self.child.wait().unwrap().code(), report)
    }

    /// SIGTERM.
    pub(crate) fn terminate(&self) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // After a failed test it may still run, and it may have gone.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
