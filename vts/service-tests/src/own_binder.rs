//! A service over binder that a test may kill: a child of this process, beside the guest's own.

use crate::client::{rgba, Client};
use crate::service::Subject;
use crate::suite::Skip;
use crate::{wait_for, SOON};
use gralloc_client::Transport;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use tempfile::TempDir;

/// The guest's program that starts and kills the service; nobody else may be asked to.
const VMCTL: &str = "/bin/vmctl";

/// Needs the guest's way to kill and start its service.
///
/// # Errors
/// A reason to skip.
pub fn needs_vmctl() -> Result<(), Skip> {
    match Path::new(VMCTL).exists() {
        true => Ok(()),
        false => Err(Skip(format!("needs {VMCTL}, which kills and starts the guest's service"))),
    }
}

/// Has the guest's service started or killed.
pub fn vmctl(verb: &str) {
    let status = Command::new(VMCTL).args(["service", verb]).status().unwrap();
    assert!(status.success(), "vmctl service {verb}: {status}");
}

/// The place of the guest's service, taken for as long as this lives.
pub struct OwnBinder {
    command: Vec<String>,
    folder: TempDir,
    child: Option<Child>,
}

impl OwnBinder {
    /// Ends the guest's service and starts the same here.
    ///
    /// # Errors
    /// A reason to skip: no such service, or no way to end it.
    pub fn instead() -> Result<OwnBinder, Skip> {
        needs_vmctl()?;
        let subject = Subject::running()?;
        let process = procfs::process::Process::new(subject.pid()).unwrap();
        let command = process.cmdline().unwrap();
        vmctl("kill");
        let mut own = OwnBinder { command, folder: tempfile::tempdir().unwrap(), child: None };
        own.start();
        Ok(own)
    }

    /// Starts the next one and waits until it has served.
    pub fn start(&mut self) {
        let log = File::create(self.log_path()).unwrap();
        let mut command = Command::new(&self.command[0]);
        command.args(&self.command[1..]).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.child = Some(command.spawn().unwrap());
        let served = || {
            let client = Client::connect(&Transport::Binder).ok()?;
            client.allocate(&rgba("first", 16, 16), 1).ok()
        };
        assert!(wait_for(SOON, served).is_some(), "the next service does not serve:\n{}", self.log());
    }

    /// As a subject.
    pub fn subject(&self) -> Subject {
        Subject::at(Transport::Binder, i32::try_from(self.child.as_ref().unwrap().id()).unwrap())
    }

    /// How it ended; `None` while it lives.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.as_mut().unwrap().try_wait().unwrap()
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.log_path()).unwrap_or_default()).into_owned()
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn end(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Fails when it is gone already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for OwnBinder {
    fn drop(&mut self) {
        self.end();
        vmctl("start");
    }
}
