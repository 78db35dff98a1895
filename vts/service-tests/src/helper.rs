//! This program again, as another process: another user, a holder of buffers, a crowd, a service whose system calls fail
//! ([`Fault`]). Its role and what it needs travel in the environment.

mod fault;

pub use fault::Fault;

use crate::client::{rgba, Client, Failure, NO_RESOURCES};
use fastrand::Rng;
use gralloc_client::{Allocation, Transport};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// Says which helper this process is.
const ROLE: &str = "SERVICE_TESTS_HELPER";
/// The transport that a helper connects through.
const TRANSPORT: &str = "SERVICE_TESTS_TRANSPORT";
/// The control group to be pressed in.
const GROUP: &str = "SERVICE_TESTS_GROUP";
/// The harm that a mutant does.
const HARM: &str = "SERVICE_TESTS_HARM";
/// Where a mutant serves.
const SOCKET: &str = "SERVICE_TESTS_SOCKET";
/// What a client that acts at random draws from.
const SEED: &str = "SERVICE_TESTS_SEED";
/// A helper whose test has died ends by itself.
const LIFETIME: Duration = Duration::from_secs(600);

/// Runs as a helper when this process was started as one.
pub fn main_if_helper() -> Option<ExitCode> {
    match std::env::var(ROLE).ok()?.as_str() {
        "client" => obey(&connect()),
        "churn" => churn(&connect()),
        "random" => act_at_random(),
        "hold" => std::thread::sleep(LIFETIME),
        "press" => use_memory(),
        "mutant" => {
            let socket = PathBuf::from(std::env::var(SOCKET).unwrap());
            crate::harm::serve(&std::env::var(HARM).unwrap(), &transport(), &socket)
        }
        "fault" => {
            let error = fault::exec_with_fault();
            eprintln!("{error}");
            return Some(ExitCode::FAILURE);
        }
        other => panic!("no helper is called {other}"),
    }
    Some(ExitCode::SUCCESS)
}

fn transport() -> Transport {
    let transport = std::env::var(TRANSPORT).unwrap();
    if transport == "binder" {
        Transport::Binder
    } else {
        Transport::Socket(PathBuf::from(transport))
    }
}

fn connect() -> Client {
    Client::connect(&transport()).unwrap_or_else(|why| {
        println!("no connection: {why}");
        std::process::exit(0)
    })
}

/// A client in a process of its own.
pub struct RemoteClient {
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl RemoteClient {
    /// Starts one; `user` and `group` say who it is.
    pub fn start(transport: &Transport, identity: Option<(u32, u32)>) -> RemoteClient {
        let mut command = helper("client");
        for_transport(&mut command, transport);
        if let Some((user, group)) = identity {
            command.uid(user).gid(group);
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        RemoteClient { orders: child.stdin.take(), child, answers }
    }

    /// The first line: `connected`, or why not.
    pub fn greeting(&mut self) -> String {
        self.answer()
    }

    /// Has it allocate RGBA buffers and keep them; the answer is `ok ID…`, `refused ERROR WORDS` or `failed WORDS`.
    pub fn allocate(&mut self, name: &str, width: i32, height: i32, count: i32) -> String {
        self.ask(&format!("allocate {name} {width} {height} {count}"))
    }

    /// Has it ask for statistics, for the list of buffers and for the dump: `ok`, or the error in words, of each.
    pub fn watch(&mut self) -> [String; 3] {
        self.order("watch");
        [self.answer(), self.answer(), self.answer()]
    }

    /// Has it let go of all that it keeps.
    pub fn let_go(&mut self) {
        assert_eq!(self.ask("drop"), "dropped");
    }

    /// Its process id.
    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    /// Ends it without a chance to tidy up.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
    }

    /// Sends an order without waiting for its answer.
    pub fn order(&mut self, line: &str) {
        writeln!(self.orders.as_mut().unwrap(), "{line}").unwrap();
    }

    fn ask(&mut self, line: &str) -> String {
        self.order(line);
        self.answer()
    }

    /// The next answer.
    pub fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

impl Drop for RemoteClient {
    fn drop(&mut self) {
        // Its orders end; killed all the same, should it be stuck. Both fail when it is gone already.
        self.orders = None;
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn obey(client: &Client) {
    println!("connected");
    let mut kept: Vec<Allocation> = Vec::new();
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["allocate", name, width, height, count] => {
                let info = rgba(name, width.parse().unwrap(), height.parse().unwrap());
                match client.allocate(&info, count.parse().unwrap()) {
                    Ok(allocation) => {
                        let ids: Vec<String> =
                            allocation.buffers.iter().map(|buffer| buffer.info.id.to_string()).collect();
                        kept.push(allocation);
                        println!("ok {}", ids.join(" "));
                    }
                    Err(Failure::Refused { error, words }) => println!("refused {error} {words}"),
                    Err(Failure::Call(words)) => println!("failed {}", words.replace('\n', " ")),
                }
            }
            ["watch"] => client.watch().iter().for_each(|answer| println!("{}", answer.replace('\n', " "))),
            ["drop"] => {
                kept.clear();
                println!("dropped");
            }
            _ => panic!("no such order: {line}"),
        }
    }
}

/// A process that allocates and lets go without a pause, until it is killed.
pub struct Churner {
    child: Child,
    calls: BufReader<ChildStdout>,
}

impl Churner {
    /// Starts one.
    pub fn start(transport: &Transport) -> Churner {
        let mut command = helper("churn");
        for_transport(&mut command, transport);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let calls = BufReader::new(child.stdout.take().unwrap());
        Churner { child, calls }
    }

    /// Waits until so many more of its calls have been answered; the next one is under way then.
    pub fn wait_for_calls(&mut self, calls: u32) {
        for _ in 0..calls {
            let mut line = String::new();
            self.calls.read_line(&mut line).unwrap();
            assert_eq!(line, "answered\n");
        }
    }

    /// Kills it and waits for its end.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn churn(client: &Client) {
    loop {
        // A refusal is as good: the point is to be in the middle of a call at any time.
        let _ = client.allocate(&rgba("churn", 320, 240), 4);
        println!("answered");
    }
}

/// A process that allocates, holds and lets go at random, connects again when the service is gone, until it is killed.
pub struct RandomClient(Child);

impl RandomClient {
    /// Starts one that draws from this seed.
    pub fn start(transport: &Transport, seed: u64) -> RandomClient {
        let mut command = helper("random");
        for_transport(&mut command, transport);
        RandomClient(command.env(SEED, seed.to_string()).stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap())
    }

    /// Kills it and waits for its end; fails the test when it had ended by itself: an answer was wrong.
    pub fn kill(mut self) {
        assert_eq!(self.0.try_wait().unwrap(), None, "a client ended by itself");
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for RandomClient {
    fn drop(&mut self) {
        // Fails when it is gone already, as it should be.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn act_at_random() {
    let seed = std::env::var(SEED).unwrap();
    let mut random = Rng::with_seed(seed.parse().unwrap());
    let mut kept: VecDeque<Allocation> = VecDeque::new();
    // Its test kills it long before; should the test have died, it ends by itself.
    let start = Instant::now();
    while start.elapsed() < longest_life() {
        let Ok(client) = Client::connect(&transport()) else {
            std::thread::sleep(Duration::from_millis(20));
            continue;
        };
        loop {
            let side = |random: &mut Rng| random.i32(16..516);
            let info = rgba("random", side(&mut random), side(&mut random));
            match client.allocate(&info, random.i32(1..=4)) {
                Ok(allocation) => kept.push_back(allocation),
                Err(Failure::Refused { error: NO_RESOURCES, .. }) => kept.clear(),
                Err(Failure::Refused { error, words }) => panic!("refused with {error}: {words}"),
                Err(Failure::Call(_)) => break,
            }
            // Now and then all at once, as when a window closes.
            let most = if random.u64(..20) == 0 { 0 } else { 8 };
            while kept.len() > most {
                kept.pop_front();
            }
        }
    }
}

fn longest_life() -> Duration {
    LIFETIME + crate::chaos_time()
}

/// Starts a process that holds a reference to a buffer and does nothing else.
pub fn hold(buffer: OwnedFd) -> Child {
    helper("hold").stdin(buffer).spawn().unwrap()
}

/// Starts a process in this control group that takes 64 MiB and holds it.
pub fn press(group: &Path) -> Child {
    helper("press").env(GROUP, group).spawn().unwrap()
}

fn use_memory() {
    std::fs::write(PathBuf::from(std::env::var_os(GROUP).unwrap()).join("cgroup.procs"), "0").unwrap();
    let mut held = Vec::new();
    for _ in 0..64 {
        held.push(vec![1_u8; 1 << 20]);
    }
    std::thread::sleep(LIFETIME);
    drop(std::hint::black_box(held));
}

/// This program in a role.
fn helper(role: &str) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.env(ROLE, role);
    command
}

/// Tells it where the service is.
fn for_transport(command: &mut Command, transport: &Transport) {
    let transport = match transport {
        Transport::Socket(path) => path.display().to_string(),
        Transport::Binder => "binder".to_owned(),
    };
    command.env(TRANSPORT, transport);
}

/// What starts a process that stands before the service behind `transport` and does harm.
pub(crate) fn mutant_command(transport: &Transport, harm: &str, socket: &Path) -> Command {
    let mut command = helper("mutant");
    for_transport(&mut command, transport);
    command.env(HARM, harm).env(SOCKET, socket);
    command
}
