//! Several processes at once: this program starts itself as workers, tells all of them when to begin, and takes the time
//! from the first beginning to the last end.

use super::allocation::Allocations;
use super::{connect, connect_to, full_hd, micros, order, place, Kind, Options, Subject, WARM_UP};
use anyhow::{bail, ensure, Context as _, Result};
use nix::sys::time::TimeSpec;
use nix::time::{clock_gettime, clock_nanosleep, ClockId, ClockNanosleepFlags};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;
use vts_bench::rows::{PARALLEL_CALLS, PARALLEL_CLIENTS};
use vts_bench::samples::Sample;

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

/// How many workers, and what each does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crowd {
    pub(crate) workers: u32,
    /// One after the other.
    pub(crate) calls: u32,
    /// In SCHED_FIFO.
    pub(crate) fifo: bool,
}

impl Crowd {
    /// Of [`vts_bench::rows::PARALLEL`].
    pub(crate) const PARALLEL: Crowd = Crowd { workers: PARALLEL_CLIENTS, calls: PARALLEL_CALLS, fifo: false };
}

/// The rank of a worker in SCHED_FIFO: above the service's main thread.
const FIFO_PRIORITY: i32 = 10;

struct Worker {
    process: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Workers {
    /// Starts them and waits until each has found the services.
    pub(crate) fn start(options: &Options, asked: Asked<'_>, crowd: Crowd) -> Result<Workers> {
        let kinds: &[Kind] = match asked {
            Asked::Ours => &[Kind::Ours, Kind::Raw, Kind::Ping, Kind::Bare],
            Asked::Pooled { .. } => &[Kind::Ours, Kind::Raw, Kind::Ping, Kind::Plain],
        };
        let workers = (0..crowd.workers).map(|_| Worker::start(options, asked, crowd)).collect::<Result<Vec<_>>>()?;
        let mut workers = Workers { workers, kinds };
        workers.each(|worker| worker.expect("ready"))?;
        Ok(workers)
    }

    /// Each worker's own wait as a sample, as often as there are rounds.
    pub(crate) fn waits(&mut self, kinds: &[Kind], rounds: usize) -> Result<Vec<Sample>> {
        let mut all = Vec::new();
        for round in 0..rounds.saturating_add(WARM_UP) {
            let mut samples = vec![Sample::default(); self.workers.len()];
            for kind in order(kinds, round) {
                for (sample, (first, last)) in samples.iter_mut().zip(self.spans(kind)?) {
                    place(sample, kind, micros(last.checked_sub(first).context("a monotonic clock")?));
                }
            }
            self.release()?;
            if round >= WARM_UP {
                all.extend(samples);
            }
        }
        Ok(all)
    }

    /// Has all of them begin at once; when each began and ended.
    fn spans(&mut self, kind: Kind) -> Result<Vec<(Duration, Duration)>> {
        let start = now()?.saturating_add(AHEAD);
        self.each(|worker| worker.tell(&format!("{} {}", word(kind), start.as_nanos())))?;
        self.each(Worker::span)
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
        let spans = self.spans(kind)?;
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
    fn start(options: &Options, asked: Asked<'_>, crowd: Crowd) -> Result<Worker> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--worker").arg("--heap").arg(&options.heap).args(["--calls", &crowd.calls.to_string()]);
        if crowd.fifo {
            command.arg("--fifo");
        }
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
pub(crate) fn serve_as_worker(options: &Options, asked: Asked<'_>, calls: u32, fifo: bool) -> Result<()> {
    let subject = |connection| Allocations::new(connection, &options.heap, full_hd(), 1, calls);
    let mut subject = match asked {
        Asked::Ours => subject(connect()?)?.with_bare()?,
        Asked::Pooled { ours, plain } => subject(connect_to(ours)?)?.with_plain(connect_to(plain)?),
    };
    if fifo {
        gralloc_heaps::sched::set_fifo(FIFO_PRIORITY)?;
    }
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

/// A loop that runs until it is let go of.
pub(crate) struct Busy(Child);

impl Busy {
    pub(crate) fn start() -> Result<Busy> {
        let mut command = Command::new("sh");
        Ok(Busy(command.args(["-c", "while :; do :; done"]).stdin(Stdio::null()).spawn().context("sh")?))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        // It holds nothing that would not go with it.
        let _ended_already = self.0.kill();
        let _reaped = self.0.wait();
    }
}
