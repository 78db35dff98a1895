//! A service that is started again when it ends, as init does.

use service_tests::place::Heaps;
use service_tests::service::program;
use std::fs;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a start may take.
const START_LIMIT: Duration = Duration::from_secs(20);
/// Between two looks at the process.
const POLL: Duration = Duration::from_millis(10);

/// The service, behind a socket, with a policy as people write it.
pub(crate) struct Keeper {
    folder: TempDir,
    ends: Arc<AtomicBool>,
    child: Arc<Mutex<Child>>,
    watcher: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Starts it with a policy in TOML.
    pub(crate) fn start(policy: &str) -> Keeper {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("policy.json"), service_tests::policy::compile(policy)).unwrap();
        let mut command = Command::new(program());
        command.arg("--policy").arg(folder.path().join("policy.json"));
        command.arg("--socket").arg(folder.path().join("socket"));
        command.args(["--heaps", Heaps::of_this_machine().word()]).stdin(Stdio::null());
        let log = fs::File::create(folder.path().join("log")).unwrap();
        command.stdout(log.try_clone().unwrap()).stderr(log);
        let pid_file = folder.path().join("pid");
        let mut start = move || {
            let child = command.spawn().expect("the service's program");
            fs::write(&pid_file, child.id().to_string()).unwrap();
            child
        };
        let child = Arc::new(Mutex::new(start()));
        let ends = Arc::new(AtomicBool::new(false));
        let watcher = thread::spawn({
            let (child, ends) = (child.clone(), ends.clone());
            move || {
                while !ends.load(Ordering::SeqCst) {
                    let mut child = child.lock().unwrap();
                    if child.try_wait().unwrap().is_some() {
                        *child = start();
                    }
                    drop(child);
                    thread::sleep(POLL);
                }
            }
        });
        let keeper = Keeper { folder, ends, child, watcher: Some(watcher) };
        let begin = Instant::now();
        while UnixStream::connect(keeper.socket()).is_err() {
            let log = || fs::read_to_string(keeper.folder.path().join("log")).unwrap_or_default();
            assert!(begin.elapsed() < START_LIMIT, "the service does not serve:\n{}", log());
            thread::sleep(POLL);
        }
        keeper
    }

    /// Its socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    /// What restarts it: the process dies, and the keeper does the rest.
    pub(crate) fn restart_command(&self) -> String {
        format!("kill -9 $(cat '{}')", self.folder.path().join("pid").display())
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::SeqCst);
        if let Some(watcher) = self.watcher.take() {
            watcher.join().expect("the keeper's own thread");
        }
        let mut child = self.child.lock().expect("nobody else has it any more");
        // Fails when it has just ended by itself.
        let _ = child.kill();
        let _ = child.wait();
    }
}
