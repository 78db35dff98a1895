//! Several processes at once: this program starts itself as workers, tells all of them when to begin, and takes the time
//! from the first beginning to the last end.

use super::allocation::Allocations;
use super::{connect, connect_to, full_hd, Kind, Options, Subject};
use anyhow::{bail, ensure, Context as _, Result};
use nix::sys::time::TimeSpec;
use nix::time::{clock_gettime, clock_nanosleep, ClockId, ClockNanosleepFlags};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;
use vts_bench::rows::{PARALLEL_CALLS, PARALLEL_CLIENTS};

/// How far ahead a start is set: long enough that every worker sleeps when it comes.
const AHEAD: Duration = Duration::from_millis(5);

/// Processes that measure when they are told to.
pub(crate) struct Workers {
    workers: Vec<Worker>,
    kinds: &'static [Kind],
}

/// Whom workers ask.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Asked<'a> {
    /// The machine's service, and the bare one.
    Ours,
    /// Two of the benchmark's own, by name: with the pool, and without.
    Pooled { ours: &'a str, plain: &'a str },
}

struct Worker {
    process: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Workers {
    /// Starts them and waits until each has found the services.
    pub(crate) fn start(options: &Options, asked: Asked<'_>) -> Result<Workers> {
        let kinds: &[Kind] = match asked {
            Asked::Ours => &[Kind::Ours, Kind::Raw, Kind::Ping, Kind::Bare],
            Asked::Pooled { .. } => &[Kind::Ours, Kind::Raw, Kind::Ping, Kind::Plain],
        };
        let workers = (0..PARALLEL_CLIENTS).map(|_| Worker::start(options, asked)).collect::<Result<Vec<_>>>()?;
        let mut workers = Workers { workers, kinds };
        workers.each(|worker| worker.expect("ready"))?;
        Ok(workers)
    }

    fn each<T>(&mut self, run: impl FnMut(&mut Worker) -> Result<T>) -> Result<Vec<T>> {
        self.workers.iter_mut().map(run).collect()
    }
}

impl Subject for Workers {
    fn kinds(&self) -> &'static [Kind] {
        self.kinds
    }

    fn measure(&mut self, kind: Kind) -> Result<Duration> {
        let start = now()?.saturating_add(AHEAD);
        self.each(|worker| worker.tell(&format!("{} {}", word(kind), start.as_nanos())))?;
        let spans = self.each(Worker::span)?;
        let first = spans.iter().map(|(first, _)| *first).min().context("workers")?;
        let last = spans.iter().map(|(_, last)| *last).max().context("workers")?;
        last.checked_sub(first).context("a monotonic clock")
    }

    fn release(&mut self) -> Result<()> {
        self.each(|worker| worker.tell("release"))?;
        self.each(|worker| worker.expect("released"))?;
        Ok(())
    }
}

impl Worker {
    fn start(options: &Options, asked: Asked<'_>) -> Result<Worker> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--worker").arg("--heap").arg(&options.heap);
        if let Asked::Pooled { ours, plain } = asked {
            command.args(["--ours", ours, "--plain", plain]);
        }
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("a worker")?;
        let orders = process.stdin.take().context("the worker's input")?;
        let answers = BufReader::new(process.stdout.take().context("the worker's output")?);
        Ok(Worker { process, orders, answers })
    }

    fn tell(&mut self, order: &str) -> Result<()> {
        writeln!(self.orders, "{order}").context("a worker is gone")
    }

    fn answer(&mut self) -> Result<String> {
        let mut line = String::new();
        ensure!(self.answers.read_line(&mut line)? > 0, "a worker is gone");
        Ok(line.trim().to_owned())
    }

    fn expect(&mut self, word: &str) -> Result<()> {
        let answer = self.answer()?;
        ensure!(answer == word, "a worker answers {answer:?}, not {word:?}");
        Ok(())
    }

    /// When it began and ended, on the clock that all processes share.
    fn span(&mut self) -> Result<(Duration, Duration)> {
        let answer = self.answer()?;
        let (first, last) = answer.split_once(' ').with_context(|| format!("a worker answers {answer:?}"))?;
        Ok((Duration::from_nanos(first.parse()?), Duration::from_nanos(last.parse()?)))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It holds nothing that would not go with it.
        let _ended_already = self.process.kill();
        let _reaped = self.process.wait();
    }
}

/// A worker's life: orders on stdin, answers on stdout, until there are no more orders.
pub(crate) fn serve_as_worker(options: &Options, asked: Asked<'_>) -> Result<()> {
    let subject = |connection| Allocations::new(connection, &options.heap, full_hd(), 1, PARALLEL_CALLS);
    let mut subject = match asked {
        Asked::Ours => subject(connect()?)?.with_bare()?,
        Asked::Pooled { ours, plain } => subject(connect_to(ours)?)?.with_plain(connect_to(plain)?),
    };
    println!("ready");
    for order in std::io::stdin().lock().lines() {
        let order = order?;
        if order == "release" {
            subject.release()?;
            println!("released");
            continue;
        }
        let (kind, start) = order.split_once(' ').with_context(|| format!("order {order:?}"))?;
        let kind = kind_of(kind)?;
        let start = TimeSpec::from(Duration::from_nanos(start.parse()?));
        clock_nanosleep(ClockId::CLOCK_MONOTONIC, ClockNanosleepFlags::TIMER_ABSTIME, &start)?;
        let first = now()?;
        subject.measure(kind)?;
        let last = now()?;
        println!("{} {}", first.as_nanos(), last.as_nanos());
    }
    Ok(())
}

fn now() -> Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_MONOTONIC)?.into())
}

const fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Ours => "ours",
        Kind::Raw => "raw",
        Kind::Ping => "ping",
        Kind::Bare => "bare",
        Kind::Plain => "plain",
    }
}

fn kind_of(text: &str) -> Result<Kind> {
    match [Kind::Ours, Kind::Raw, Kind::Ping, Kind::Bare, Kind::Plain].into_iter().find(|kind| word(*kind) == text) {
        Some(kind) => Ok(kind),
        None => bail!("order {text:?}"),
    }
}
