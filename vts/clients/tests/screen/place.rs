//! What the tests need of the machine.

use crate::program::Program;
use serde_json::Value;
use service_tests::{wait_for, SOON};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tempfile::TempDir;
use vts_clients::service::{Service, ServiceArgs};

/// There is one screen and one camera.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A machine with everything, and a folder.
pub(crate) struct Place {
    pub(crate) service: Service,
    folder: TempDir,
    _turn: MutexGuard<'static, ()>,
}

impl Place {
    /// This machine, or nothing and a word why.
    pub(crate) fn find() -> Option<Place> {
        let turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let missing = if !nix::unistd::geteuid().is_root() {
            Some("needs to run as root".to_owned())
        } else if !has_camera("vivid-000-vid-cap") {
            Some("needs a vivid camera".to_owned())
        } else if !Path::new("/dev/dri/card0").exists() {
            Some("needs a display".to_owned())
        } else {
            ["camera", "display"]
                .iter()
                .find(|name| Program::find(name).is_none())
                .map(|name| format!("no program {name}"))
        };
        if let Some(missing) = missing {
            println!("SKIP: {missing}");
            return None;
        }
        match Service::connect(&ServiceArgs { service: None }) {
            Ok(service) => Some(Place { service, folder: TempDir::new().unwrap(), _turn: turn }),
            Err(error) => {
                println!("SKIP: needs the allocator service: {error:#}");
                None
            }
        }
    }

    /// A folder of this test's own.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A file in it.
    pub(crate) fn path(&self, name: &str) -> String {
        self.folder().join(name).to_str().unwrap().to_owned()
    }

    /// Runs a camera to its end: exit code and report.
    pub(crate) fn camera(&self, args: &[&str]) -> (Option<i32>, Value) {
        Program::start("camera", args, self.folder()).end()
    }

    /// Starts a display and waits until it listens at `display.sock`.
    pub(crate) fn display(&self, args: &[&str]) -> Program {
        let socket = self.path("display.sock");
        let display = Program::start("display", &[&["--listen", &socket], args].concat(), self.folder());
        display.wait_for("listening");
        display
    }

    /// The service counts no buffer of the clients' any more: every reference is gone, the kernel's too.
    pub(crate) fn nothing_is_left(&self) {
        let mut left = Vec::new();
        let nothing = wait_for(SOON, || {
            let dump: Value = serde_json::from_str(&self.service.connection().dump(&["--json"]).unwrap()).unwrap();
            left = dump["buffers"].as_array().unwrap().iter().filter(|buffer| is_ours(buffer)).cloned().collect();
            left.is_empty().then_some(())
        });
        assert!(nothing.is_some(), "left behind: {left:?}");
    }
}

fn is_ours(buffer: &Value) -> bool {
    let name = buffer["name"].as_str().unwrap();
    name.starts_with("camera ") || name == "client target"
}

/// True when there is a capture device of this name.
pub(crate) fn has_camera(name: &str) -> bool {
    let nodes = std::fs::read_dir("/sys/class/video4linux").into_iter().flatten().flatten();
    nodes
        .map(|node| std::fs::read_to_string(node.path().join("name")))
        .any(|found| found.is_ok_and(|its| its.trim() == name))
}
