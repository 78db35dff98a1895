//! A service that is started again when it ends, as init does.

use service_tests::place::Heaps;
use service_tests::service::program;
use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a start may take.
const START_LIMIT: Duration = Duration::from_secs(60);
/// Between two polls of the process.
const POLL: Duration = Duration::from_millis(10);

/// An allocator behind a socket.
pub(crate) struct Keeper {
    folder: TempDir,
    ends: Arc<AtomicBool>,
    child: Arc<Mutex<Child>>,
    watcher: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Starts what `command` makes, in a folder of its own; it has to serve `socket` there.
    pub(crate) fn start(command: impl FnOnce(&Path) -> Command) -> Keeper {
        let folder = tempfile::tempdir().unwrap();
        let mut command = command(folder.path());
        command.stdin(Stdio::null());
        let log = fs::File::create(folder.path().join("log")).unwrap();
        command.stdout(log.try_clone().unwrap()).stderr(log);
        let pid_file = folder.path().join("pid");
        let mut start = move || {
            // Never an old one's number while a new one serves: whoever restarts waits for the file.
            let _ = fs::remove_file(&pid_file);
            let child = command.spawn().expect("the service's program");
            let written = pid_file.with_extension("new");
            fs::write(&written, child.id().to_string()).unwrap();
            fs::rename(&written, &pid_file).unwrap();
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

    /// The same for `--allocator`.
    pub(crate) fn transport(&self) -> String {
        format!("unix:{}", self.socket().display())
    }

    /// What restarts it: the process dies, and the keeper does the rest.
    pub(crate) fn restart_command(&self) -> String {
        let pid_file = self.folder.path().join("pid");
        let pid_file = pid_file.display();
        format!("until test -e '{pid_file}'; do sleep 0.01; done; kill -9 $(cat '{pid_file}')")
    }
}

/// This project's service with the `generic` profile, but with the formats of common V7 and without the rule that denies some of
/// them to the CPU (no layout of those passes every snapshot of the VTS): what it would deny is tested here. On this machine's heaps or stand-ins.
pub(crate) fn own_service() -> Keeper {
    service_of(|policy| {
        policy["graphics_common"] = 7.into();
        let rules = policy["rule"].as_array_mut().expect("rules");
        let all = rules.len();
        rules.retain(|rule| rule["name"] != "no-layout-for-every-vts");
        assert_eq!(rules.len() + 1, all, "the rule has another name");
    })
}

/// The same with another change of the profile.
pub(crate) fn service_of(change: impl FnOnce(&mut serde_json::Value)) -> Keeper {
    let profile = include_str!("../../../../heaps-config/profiles/generic.toml");
    of_policy(service_tests::policy::compile_changed(profile, change), Heaps::of_this_machine())
}

/// This project's service with a policy.
pub(crate) fn of_policy(policy: String, heaps: Heaps) -> Keeper {
    Keeper::start(|folder| {
        fs::write(folder.join("policy.json"), policy).unwrap();
        let mut command = Command::new(program());
        command.arg("--policy").arg(folder.join("policy.json")).arg("--socket").arg(folder.join("socket"));
        command.args(["--heaps", heaps.word()]);
        command
    })
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
