//! One started service with a policy of the test's own, or the guest's behind binder.

use crate::client::Client;
use crate::dump::Dump;
use crate::place::Heaps;
use crate::policy::PolicyText;
use crate::process::{fds, lives};
use crate::suite::Skip;
use crate::{wait_for, SOON};
use gralloc_client::Transport;
use std::fs::{self, File, Permissions};
use std::ops::Deref;
use std::os::unix::fs::{chown, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::OnceLock;
use tempfile::TempDir;

/// The name of the service's program where it is installed.
const PROGRAM: &str = "android.hardware.graphics.allocator-service.dmaheap";

/// The program of V2 that Cargo builds.
const V2: &str = "gralloc_server";
/// The one that speaks what the tests are built for.
const OURS: &str = if cfg!(feature = "v3") { "allocator-service-v3" } else { V2 };

/// The service's program: what `ALLOCATOR_SERVICE` names, or what Cargo builds, so that it is never an old one.
pub fn program() -> &'static Path {
    static PROGRAM_PATH: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let found = PROGRAM_PATH.get_or_init(|| match std::env::var_os("ALLOCATOR_SERVICE") {
        Some(path) => Ok(path.into()),
        None => build(OURS),
    });
    found.as_ref().unwrap_or_else(|why| panic!("{why}; ALLOCATOR_SERVICE may name the service's program instead"))
}

/// The service of V2, whatever the tests are built for: what `ALLOCATOR_SERVICE_V2` names, or what Cargo builds.
pub fn program_of_v2() -> PathBuf {
    std::env::var_os("ALLOCATOR_SERVICE_V2").map_or_else(|| build(V2).unwrap(), PathBuf::from)
}

/// Of the whole workspace, and beside something that needs what tests need: its dependencies then have the features that they
/// have everywhere else, and are not built once more.
fn build(name: &str) -> Result<PathBuf, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.toml");
    let mut build = Command::new(cargo);
    build.args(["build", "--workspace", "--examples", "--quiet", "--message-format", "json", "--bin", name]);
    if name != V2 {
        build.args(["--features", "service_tests/v3,conformance/v3"]);
    }
    let output = build.arg("--manifest-path").arg(manifest).stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| format!("cargo: {error}"))?;
    if !output.status.success() {
        return Err("the service does not build".to_owned());
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    let artifacts = messages.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let mut programs = artifacts.filter_map(|artifact| Some(PathBuf::from(artifact.get("executable")?.as_str()?)));
    programs.find(|path| path.ends_with(name)).ok_or_else(|| format!("Cargo built no {name}"))
}

/// A service that answers: where, and which process it is.
pub struct Subject {
    transport: Transport,
    pid: i32,
}

impl Subject {
    /// The guest's service, registered with the service manager.
    ///
    /// # Errors
    /// A reason to skip: there is none here.
    pub fn running() -> Result<Subject, Skip> {
        let missing = |why: String| Skip(format!("needs an allocator behind binder: {why}"));
        if !["/dev/binder", "/dev/binderfs/binder"].iter().any(|node| Path::new(node).exists()) {
            return Err(missing("there is no /dev/binder".to_owned()));
        }
        Client::connect(&Transport::Binder).map_err(missing)?;
        let pid = pid_of_running().ok_or_else(|| missing("its process is not to be found".to_owned()))?;
        Ok(Subject { transport: Transport::Binder, pid })
    }

    /// One that is known.
    pub(crate) fn at(transport: Transport, pid: i32) -> Subject {
        Subject { transport, pid }
    }

    /// Its transport.
    pub fn transport(&self) -> &Transport {
        &self.transport
    }

    /// Its process.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// A new connection.
    pub fn connect(&self) -> Client {
        Client::connect(&self.transport).unwrap()
    }

    /// Its dump.
    pub fn dump(&self) -> Dump {
        Dump::of(&self.connect())
    }

    /// The first fd of the service that leads to this path.
    pub fn fd_of(&self, path: &Path) -> Option<i32> {
        let path = path.display().to_string();
        fds(self.pid).into_iter().find(|(_, target)| *target == path).map(|(fd, _)| fd)
    }
}

/// The process that runs the service's program and was not started here.
fn pid_of_running() -> Option<i32> {
    let own = std::process::id();
    let all = procfs::process::all_processes().ok()?.flatten();
    let mut services = all.filter(|process| {
        let is_service = process.cmdline().is_ok_and(|line| line.first().is_some_and(|first| first.ends_with(PROGRAM)));
        is_service && process.stat().is_ok_and(|stat| u32::try_from(stat.ppid) != Ok(own))
    });
    services.next().map(|process| process.pid())
}

/// How a service is started.
#[derive(Clone, Debug)]
pub struct Options {
    /// Another program than [`program`].
    pub program: Option<PathBuf>,
    /// `--heaps`.
    pub heaps: Heaps,
    /// `--heap-dir`.
    pub heap_dir: Option<PathBuf>,
    /// Further arguments.
    pub arguments: Vec<String>,
    /// Further environment.
    pub environment: Vec<(String, String)>,
    /// Run it as this user and group.
    pub user: Option<u32>,
    /// Start it through a helper with this environment, which executes it; empty for none.
    pub through: Vec<(String, String)>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            program: None,
            heaps: Heaps::of_this_machine(),
            heap_dir: None,
            arguments: Vec::new(),
            environment: Vec::new(),
            user: None,
            through: Vec::new(),
        }
    }
}

/// A service of the test's own behind a socket; killed when it goes out of scope.
pub struct Service {
    subject: Subject,
    child: Child,
    folder: TempDir,
}

impl Deref for Service {
    type Target = Subject;

    fn deref(&self) -> &Subject {
        &self.subject
    }
}

impl Service {
    /// A service with the plainest policy.
    pub fn plain() -> Service {
        Service::start(&PolicyText::default(), &Options::default())
    }

    /// Starts a service and waits until it takes connections.
    pub fn start(policy: &PolicyText, options: &Options) -> Service {
        Service::start_with_json(&policy.json(), options)
    }

    /// The same, with a policy as the service reads it.
    pub fn start_with_json(policy: &str, options: &Options) -> Service {
        let folder = Folder::new(policy, options.user);
        let socket = folder.socket();
        let transport = Transport::Socket(socket.clone());
        let mut command = command(&folder, options);
        let log = File::create(folder.log()).unwrap();
        let mut child = command.stdout(log.try_clone().unwrap()).stderr(log).spawn().expect("the service's program");
        let pid = i32::try_from(child.id()).unwrap();
        let up = wait_for(SOON, || {
            if let Some(status) = child.try_wait().unwrap() {
                panic!("the service ended before it served: {status}\n{}", read(&folder.log()));
            }
            // A whole call: what the service opens once, at its first client, is no leak of a later one.
            let answers = || Client::connect(&transport).ok()?.allocator().getIMapperLibrarySuffix().ok();
            UnixStream::connect(&socket).ok().and_then(|_| answers())
        });
        if up.is_none() {
            let _ = child.kill();
            panic!("the service does not serve:\n{}", read(&folder.log()));
        }
        Service { subject: Subject { transport, pid }, child, folder: folder.0 }
    }

    /// Runs a service that is expected to end by itself, and returns how it did and what it said.
    pub fn run(policy: Option<&str>, options: &Options) -> Output {
        let folder = Folder::new(policy.unwrap_or_default(), options.user);
        if policy.is_none() {
            fs::remove_file(folder.policy()).unwrap();
        }
        let mut command = command(&folder, options);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the service's program");
        if wait_for(SOON, || child.try_wait().unwrap()).is_none() {
            let _ = child.kill();
            panic!("the service runs on: {:?}", child.wait_with_output());
        }
        child.wait_with_output().unwrap()
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        read(&self.log_path())
    }

    /// The socket's path.
    pub fn socket(&self) -> &Path {
        match &self.subject.transport {
            Transport::Socket(path) => path,
            Transport::Binder => unreachable!("a service of the test's own is behind a socket"),
        }
    }

    /// True while its process lives.
    pub fn lives(&self) -> bool {
        lives(self.subject.pid)
    }

    /// Kills it and waits for its end.
    pub fn kill(&mut self) -> ExitStatus {
        // Fails when it has ended by itself; what `wait` says then is what counts.
        let _ = self.child.kill();
        self.child.wait().unwrap()
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("log")
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let from = lines.len().saturating_sub(30);
            eprintln!("the service's last words:\n{}", lines[from..].join("\n"));
        }
        self.kill();
    }
}

/// The folder that one service lives in: policy, socket, log.
struct Folder(TempDir);

impl Folder {
    fn new(policy: &str, user: Option<u32>) -> Folder {
        let folder = Folder(tempfile::tempdir().unwrap());
        fs::write(folder.policy(), policy).unwrap();
        fs::set_permissions(folder.policy(), Permissions::from_mode(0o644)).unwrap();
        // Other users' clients come in here; what they may do at the socket is the socket's own affair.
        fs::set_permissions(folder.0.path(), Permissions::from_mode(0o755)).unwrap();
        if let Some(user) = user {
            chown(folder.0.path(), Some(user), Some(user)).unwrap();
        }
        folder
    }

    fn policy(&self) -> PathBuf {
        self.0.path().join("policy.json")
    }

    fn socket(&self) -> PathBuf {
        self.0.path().join("socket")
    }

    fn log(&self) -> PathBuf {
        self.0.path().join("log")
    }
}

fn command(folder: &Folder, options: &Options) -> Command {
    let program = options.program.as_deref().unwrap_or_else(|| program());
    let mut command = if options.through.is_empty() {
        Command::new(program)
    } else {
        let mut helper = Command::new("/proc/self/exe");
        helper.envs(options.through.iter().cloned()).arg(program);
        helper
    };
    command.arg("--policy").arg(folder.policy()).arg("--socket").arg(folder.socket());
    command.args(["--heaps", options.heaps.word()]);
    if let Some(directory) = &options.heap_dir {
        command.arg("--heap-dir").arg(directory);
    }
    if let Some(user) = options.user {
        command.uid(user).gid(user);
    }
    command.args(&options.arguments).envs(options.environment.iter().cloned()).stdin(Stdio::null());
    command
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}
