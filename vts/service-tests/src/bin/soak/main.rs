//! `soak`: loads the guest's service as a phone's programs would, kills them and the service, and writes the service's
//! statistics each second. `cargo xtask soak` starts it and judges what it wrote.

mod client;
mod statistics;

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};
use std::{io, thread};

use anyhow::{ensure, Context as _, Result};
use clap::Parser;
use fastrand::Rng;

use client::Kind;
use statistics::{Counts, Sampler};

/// Load the guest's allocator, and write its statistics each second as lines of JSON
#[derive(Parser)]
#[command(name = "soak", version)]
struct Args {
    /// How long the load runs
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// What the load is drawn from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where the lines go
    #[arg(long, default_value = "/out/soak.jsonl")]
    out: PathBuf,
    /// Have the kernel's trace on and off by turns, a minute each
    #[arg(long)]
    trace: bool,
    /// Be one of the clients (started by the program itself)
    #[arg(long, hide = true)]
    client: Option<Kind>,
}

/// Two windows' programs, a camera, a player, screenshots, and one that requests too much.
const CLIENTS: [Kind; 6] = [Kind::Windows, Kind::Windows, Kind::Camera, Kind::Video, Kind::Screenshots, Kind::Greedy];
/// Seconds without load before and after.
const QUIET: u32 = 5;
/// Seconds that the trace is on, then off.
const TURN: u64 = 60;
/// Whether the kernel's trace records: while it does not, it takes no mark.
const RECORDS: &str = "/sys/kernel/tracing/tracing_on";

fn main() -> ExitCode {
    let args = Args::parse();
    let done = match args.client {
        Some(kind) => client::run(kind, args.seed),
        None => run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<()> {
    let mut random = Rng::with_seed(args.seed);
    let mut out = File::create(&args.out).with_context(|| args.out.display().to_string())?;
    let (sender, events) = std::sync::mpsc::channel();
    let sampler = Sampler::new(events);
    let mut counts = Counts::default();
    record(false)?;
    restart_service()?;
    sampler.first_call()?;
    for _ in 0..QUIET {
        thread::sleep(Duration::from_secs(1));
        writeln!(out, "{}", sampler.second("before", &counts)?)?;
    }
    let mut clients: Vec<(Kind, Child)> =
        CLIENTS.iter().map(|kind| Ok((*kind, start(*kind, random.u64(..), &sender)?))).collect::<Result<_>>()?;
    let begin = Instant::now();
    let mut due = begin;
    while begin.elapsed().as_secs() < args.seconds {
        due += Duration::from_secs(1);
        thread::sleep(due.saturating_duration_since(Instant::now()));
        writeln!(out, "{}", sampler.second("load", &counts)?)?;
        let recorded = args.trace && (begin.elapsed().as_secs() / TURN).is_multiple_of(2);
        if counts.traced != recorded {
            record(recorded)?;
            counts.traced = recorded;
        }
        // The service is restarted in the middle third alone: before and after it one instance has time to grow.
        let third = args.seconds / 3;
        if (third..2 * third).contains(&begin.elapsed().as_secs()) && random.u64(..12) == 0 {
            restart_service()?;
            counts.service_killed += 1;
        }
        if random.u64(..4) == 0 {
            let victim = random.usize(..CLIENTS.len());
            let (kind, child) = clients.get_mut(victim).context("no such client")?;
            end(child)?;
            *child = start(*kind, random.u64(..), &sender)?;
            counts.clients_killed += 1;
        }
        // A slow second is not caught up with.
        due = due.max(Instant::now() - Duration::from_secs(1));
        progress(begin.elapsed().as_secs(), args.seconds);
    }
    clients.iter_mut().try_for_each(|(_, child)| end(child))?;
    record(false)?;
    counts.traced = false;
    // At rest is who has nothing ready for streams that have ended.
    sampler.wait_until_nothing_is_ready()?;
    for _ in 0..QUIET {
        thread::sleep(Duration::from_secs(1));
        writeln!(out, "{}", sampler.second("after", &counts)?)?;
    }
    Ok(())
}

fn progress(second: u64, of: u64) {
    if second.is_multiple_of(30) {
        eprintln!("soak: {second} of {of} s");
    }
}

/// Turns the kernel's trace on or off; a kernel without one has none to turn off.
fn record(on: bool) -> Result<()> {
    if !on && !Path::new(RECORDS).exists() {
        return Ok(());
    }
    fs::write(RECORDS, if on { "1" } else { "0" }).with_context(|| RECORDS.to_owned())
}

fn restart_service() -> Result<()> {
    for verb in ["kill", "start"] {
        let status = Command::new("vmctl").args(["service", verb]).status().context("vmctl")?;
        ensure!(status.success(), "vmctl service {verb}: {status}");
    }
    Ok(())
}

/// Starts a client; what it prints are its calls.
fn start(kind: Kind, seed: u64, calls: &Sender<String>) -> Result<Child> {
    let mut command = Command::new("/proc/self/exe");
    command.args(["--client", &kind.name(), "--seed", &seed.to_string()]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("a client")?;
    let (output, calls) = (child.stdout.take().context("no output")?, calls.clone());
    thread::spawn(move || {
        for line in io::BufRead::lines(io::BufReader::new(output)).map_while(Result::ok) {
            if calls.send(line).is_err() {
                return;
            }
        }
    });
    Ok(child)
}

/// Kills a client; one that ended by itself is an error.
fn end(child: &mut Child) -> Result<()> {
    if let Some(status) = child.try_wait()? {
        anyhow::bail!("a client ended by itself: {status}");
    }
    child.kill()?;
    child.wait()?;
    Ok(())
}
