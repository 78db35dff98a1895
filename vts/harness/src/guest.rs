//! One guest: boots it, runs commands in it, brings files out, and ends it.
//!
//! A guest that was lost, a time limit or [`Guest::keep_logs`] keeps the run's folder with the console log and the
//! services' log; a run that went well leaves nothing.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Component, Path, PathBuf};
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{channel, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use crate::error::{At, Error, Result};
use crate::kernel::Kernel;
use crate::machine::{self, Options};
use crate::progress::{last_words, Progress};
use crate::protocol::{GuestFacts, ToGuest};
use crate::rootfs::Rootfs;
use crate::session::{BootEvent, FetchEvent, Session};

/// Longest boot to the agent's first word.
const BOOT_LIMIT: Duration = Duration::from_secs(600);
/// Longest silence while files are fetched.
const FETCH_LIMIT: Duration = Duration::from_secs(300);
/// Longest power-off.
const POWER_OFF_LIMIT: Duration = Duration::from_secs(120);
const LOG_LINES: usize = 20;
/// Runs whose logs are kept, the newest.
const KEPT_RUNS: usize = 20;
const INITRAMFS: &str = "initramfs";
const CONSOLE: &str = "console.log";
const SERVICES: &str = "services.log";

/// The folder of one run: initramfs while booting, logs.
struct RunFolder {
    path: PathBuf,
    keep: AtomicBool,
}

impl RunFolder {
    /// Keeps the folder with its logs; returns the log of this name and its last lines.
    fn keep(&self, log: &str) -> (PathBuf, String) {
        self.keep.store(true, Ordering::Relaxed);
        let _gone_after_boot = fs::remove_file(self.path.join(INITRAMFS));
        let log = self.path.join(log);
        let lines =
            fs::read(&log).map(|bytes| last_words(&String::from_utf8_lossy(&bytes), LOG_LINES)).unwrap_or_default();
        (log, lines)
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        if !self.keep.load(Ordering::Relaxed) {
            let _only_space = fs::remove_dir_all(&self.path);
        }
    }
}

/// A guest that takes commands.
pub struct Guest {
    pub(crate) session: Session,
    process: Child,
    folder: RunFolder,
    facts: GuestFacts,
    progress: Progress,
}

impl Guest {
    /// Boots `rootfs` on `kernel`. `cache` takes the run's folder, `out` the pictures that commands ask for. A boot that
    /// goes down before any work began is repeated once: about one in 25 does, under emulation with two processors.
    ///
    /// # Errors
    /// QEMU does not start; the guest goes down or is silent; the kernel lacks binder or heaps; the service does not
    /// come up.
    pub fn boot(
        kernel: &Kernel,
        rootfs: &mut Rootfs,
        options: &Options,
        cache: &Path,
        out: &Path,
        progress: &Progress,
    ) -> Result<Self> {
        progress.step(format_args!("booting {}", kernel.release));
        match Self::try_boot(kernel, rootfs, options, cache, out, progress) {
            Err((Error::GuestDown { log, .. }, false)) => {
                progress.step(format_args!(
                    "the guest went down before any work began (console: {}); booting once more",
                    log.display()
                ));
                Self::try_boot(kernel, rootfs, options, cache, out, progress)
            }
            other => other,
        }
        .map_err(|(error, _)| error)
    }

    /// The error comes with whether any work had begun.
    fn try_boot(
        kernel: &Kernel,
        rootfs: &mut Rootfs,
        options: &Options,
        cache: &Path,
        out: &Path,
        progress: &Progress,
    ) -> std::result::Result<Self, (Error, bool)> {
        let before = |error| (error, false);
        let folder = run_folder(&cache.join("runs")).map_err(before)?;
        let initramfs = folder.path.join(INITRAMFS);
        rootfs.write(&initramfs).map_err(before)?;
        let machine = machine::start(kernel, &initramfs, &folder.path.join(CONSOLE), options).map_err(before)?;
        let (sender, events) = channel();
        let session = Session::new(machine.qmp, out.to_owned(), folder.path.join(SERVICES), sender, progress.clone());
        session.read(machine.port);
        if let Some(uart) = machine.uart {
            session.read(uart);
        }
        let mut guest = Self {
            session,
            process: machine.process,
            folder,
            facts: GuestFacts::default(),
            progress: progress.clone(),
        };
        let mut begun = false;
        loop {
            match guest.next(&events, Some(BOOT_LIMIT), "while booting").map_err(|error| (error, begun))? {
                BootEvent::Hello => {
                    // The kernel has unpacked it.
                    let _only_space = fs::remove_file(&initramfs);
                }
                BootEvent::Prepared(facts) => {
                    begun = true;
                    guest.facts = *facts;
                    guest.check(kernel).map_err(|error| (error, begun))?;
                }
                BootEvent::Ready(service) => {
                    if let Some(Err(problem)) = service {
                        return Err((guest.service_failed(problem), begun));
                    }
                    let service = if rootfs.has_service() { ", service registered" } else { "" };
                    progress.step(format_args!("guest is up{service}"));
                    return Ok(guest);
                }
            }
        }
    }

    fn check(&mut self, kernel: &Kernel) -> Result<()> {
        for warning in &self.facts.warnings {
            self.progress.step(format_args!("guest: {warning}"));
        }
        if let Some(problem) = &self.facts.selinux_problem {
            return Err(Error::Kernel { kernel: kernel.release.clone(), problem: format!("SELinux: {problem}") });
        }
        let mut missing = Vec::new();
        if !self.facts.binder {
            missing.push("binder (CONFIG_ANDROID_BINDER_IPC, as binder_linux.ko or built in)");
        }
        if self.facts.heaps.is_empty() {
            missing.push("dma-buf heaps (CONFIG_DMABUF_HEAPS and CONFIG_DMABUF_HEAPS_SYSTEM)");
        }
        if missing.is_empty() {
            return Ok(());
        }
        let modules = match &kernel.modules {
            Some(folder) => format!("modules were taken from {}", folder.display()),
            None => format!("no modules were found beside it; --modules DIR names lib/modules/{}", kernel.release),
        };
        let problem = format!("it booted, but has no {}; {modules}", missing.join(" and no "));
        Err(Error::Kernel { kernel: kernel.release.clone(), problem })
    }

    fn service_failed(&self, problem: String) -> Error {
        let (log, tail) = self.folder.keep(SERVICES);
        Error::Service { problem, log, tail }
    }

    /// What this kernel has.
    pub fn facts(&self) -> &GuestFacts {
        &self.facts
    }

    /// The service or service manager having ended unasked, so far.
    pub fn lost(&self) -> Vec<String> {
        self.session.lost()
    }

    /// Brings all files under a folder of the guest into `into`; returns their paths relative to it.
    ///
    /// # Errors
    /// The guest goes down, a file cannot be read there or written here, or a path tries to leave the folder.
    pub fn fetch(&self, from: &str, into: &Path) -> Result<Vec<String>> {
        let (sender, events) = channel();
        self.session.expect_files(sender);
        self.session.send(&ToGuest::Fetch { path: from.to_owned() }, &[])?;
        let mut names: Vec<String> = Vec::new();
        let mut open: Option<File> = None;
        let doing = format!("while fetching {from}");
        loop {
            match self.next(&events, Some(FETCH_LIMIT), &doing)? {
                FetchEvent::Part(name, bytes) => {
                    if names.last() != Some(&name) {
                        open = Some(create(into, &name)?);
                        names.push(name);
                    }
                    if let Some(file) = open.as_mut() {
                        file.write_all(&bytes).at(into.display())?;
                    }
                }
                FetchEvent::End(None) => return Ok(names),
                FetchEvent::End(Some(error)) => return Err(Error::Protocol(format!("fetching {from}: {error}"))),
            }
        }
    }

    /// Writes the screen to NAME.png in the out folder given at boot.
    ///
    /// # Errors
    /// QEMU refuses, or the file cannot be written.
    pub fn screendump(&self, name: &str) -> Result<()> {
        self.session.screendump(name)
    }

    /// Keeps the logs of this run, because a command of it failed; returns their folder.
    pub fn keep_logs(&self) -> &Path {
        self.folder.keep(CONSOLE);
        &self.folder.path
    }

    /// Powers the guest off and waits for its end.
    ///
    /// # Errors
    /// It does not end by itself; it is killed then.
    pub fn power_off(mut self) -> Result<()> {
        self.session.send(&ToGuest::PowerOff, &[])?;
        let start = Instant::now();
        while start.elapsed() < POWER_OFF_LIMIT {
            if self.process.try_wait().at("QEMU")?.is_some() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Err(self.silent("while powering off", POWER_OFF_LIMIT))
    }

    /// The next event, or why there is none.
    pub(crate) fn next<T>(&self, events: &Receiver<T>, limit: Option<Duration>, doing: &str) -> Result<T> {
        let Some(limit) = limit else { return events.recv().map_err(|_| self.down(doing)) };
        events.recv_timeout(limit).map_err(|error| match error {
            RecvTimeoutError::Disconnected => self.down(doing),
            RecvTimeoutError::Timeout => self.silent(doing, limit),
        })
    }

    fn down(&self, doing: &str) -> Error {
        let (log, tail) = self.folder.keep(CONSOLE);
        Error::GuestDown { doing: doing.to_owned(), log, tail }
    }

    fn silent(&self, doing: &str, limit: Duration) -> Error {
        let (log, tail) = self.folder.keep(CONSOLE);
        Error::TimeLimit { doing: doing.to_owned(), limit, log, tail }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let _ended_already = self.process.kill();
        let _reaped = self.process.wait();
    }
}

fn create(into: &Path, name: &str) -> Result<File> {
    let relative = Path::new(name);
    if !relative.components().all(|part| matches!(part, Component::Normal(_))) {
        return Err(Error::Protocol(format!("the guest names a file {name:?} outside of the folder")));
    }
    let path = into.join(relative);
    if let Some(above) = path.parent() {
        fs::create_dir_all(above).at(above.display())?;
    }
    File::create(&path).at(path.display())
}

fn run_folder(runs: &Path) -> Result<RunFolder> {
    fs::create_dir_all(runs).at(runs.display())?;
    forget_old(runs);
    let path = tempfile::Builder::new().prefix("run-").tempdir_in(runs).at(runs.display())?.keep();
    Ok(RunFolder { path, keep: AtomicBool::new(false) })
}

/// Removes all but the newest kept runs.
fn forget_old(runs: &Path) {
    let Ok(entries) = fs::read_dir(runs) else { return };
    let mut kept: Vec<_> =
        entries.flatten().filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path()))).collect();
    kept.sort();
    let old = kept.len().saturating_sub(KEPT_RUNS);
    for (_, path) in kept.into_iter().take(old) {
        let _only_space = fs::remove_dir_all(path);
    }
}
