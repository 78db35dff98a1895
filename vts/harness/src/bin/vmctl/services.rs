//! The service manager and the service: started in order, watched, and reported when they end unasked.

use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use anyhow::{anyhow, bail, Context, Result};
use rustix::process::{kill_process, Pid, Signal};
use vm_harness::protocol::{GuestConfig, Identity, ServiceConfig, ToHost};

use crate::channel::Outbox;

const NOTIFY_SOCKET: &str = "/run/hub-notify.sock";
/// Longest wait for the service manager to own binder's handle 0.
const HUB_LIMIT: Duration = Duration::from_secs(120);
/// Longest wait for the service to end after SIGTERM.
const STOP_LIMIT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);

#[derive(Default)]
struct State {
    pid: Option<Pid>,
    stopping: bool,
    /// How the last process ended.
    ended: Option<String>,
}

/// One process that should keep running.
#[derive(Clone)]
struct Watched(Arc<(Mutex<State>, Condvar)>);

impl Watched {
    fn new() -> Self {
        Self(Arc::new((Mutex::new(State::default()), Condvar::new())))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0 .0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts `argv` as `identity`; its output goes to the host, its unasked end too.
    fn start(
        &self,
        what: &str,
        argv: &[String],
        identity: &Identity,
        outbox: &Outbox,
        env: &[(&str, &str)],
    ) -> Result<()> {
        if self.state().pid.is_some() {
            bail!("{what} runs already");
        }
        let mut child = Command::new("/proc/self/exe")
            .args(["runas", &identity.to_string(), "--"])
            .args(argv)
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {what}"))?;
        forward(child.stdout.take(), outbox);
        forward(child.stderr.take(), outbox);
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or_else(|| anyhow!("no pid"))?;
        *self.state() = State { pid: Some(pid), ..State::default() };
        let (watched, what, outbox) = (self.clone(), what.to_owned(), outbox.clone());
        thread::spawn(move || watched.watch(&mut child, &what, &outbox));
        Ok(())
    }

    fn watch(&self, child: &mut Child, what: &str, outbox: &Outbox) {
        let how = child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
        let mut state = self.state();
        state.pid = None;
        state.ended = Some(how.clone());
        if !state.stopping {
            let _host_gone = outbox.send(&ToHost::Lost { what: format!("{what} ended: {how}") }, &[]);
        }
        self.0 .1.notify_all();
    }

    fn kill(&self, what: &str) -> Result<()> {
        let mut state = self.state();
        let Some(pid) = state.pid else { bail!("{what} does not run") };
        state.stopping = true;
        kill_process(pid, Signal::KILL)?;
        self.wait_for_end(state);
        Ok(())
    }

    fn wait_for_end(&self, mut state: MutexGuard<'_, State>) {
        while state.pid.is_some() {
            state = self.0 .1.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn stop(&self, what: &str) -> Result<()> {
        let mut state = self.state();
        let Some(pid) = state.pid else { bail!("{what} does not run") };
        state.stopping = true;
        kill_process(pid, Signal::TERM)?;
        let (state, waited) = self
            .0
             .1
            .wait_timeout_while(state, STOP_LIMIT, |state| state.pid.is_some())
            .unwrap_or_else(PoisonError::into_inner);
        if waited.timed_out() {
            kill_process(pid, Signal::KILL)?;
            self.wait_for_end(state);
        }
        Ok(())
    }
}

/// Both, and how to start the service again.
pub(crate) struct Services {
    hub: Watched,
    service: Watched,
    config: Option<ServiceConfig>,
    outbox: Outbox,
}

impl Services {
    /// Nothing started yet.
    pub(crate) fn new(config: Option<ServiceConfig>, outbox: Outbox) -> Self {
        Self { hub: Watched::new(), service: Watched::new(), config, outbox }
    }

    /// Starts what the configuration asks for; `None` when it asks for nothing.
    pub(crate) fn start_all(&self, config: &GuestConfig) -> Option<Result<(), String>> {
        let hub = config.hub.as_ref()?;
        let started = self.start_hub(hub).and_then(|()| match self.config {
            Some(_) => self.start_service(),
            None => Ok(()),
        });
        Some(started.map_err(|error| format!("{error:#}")))
    }

    fn start_hub(&self, argv: &[String]) -> Result<()> {
        // The hub says READY=1 as systemd's services do, once it is the context manager.
        let socket = UnixDatagram::bind(NOTIFY_SOCKET).context(NOTIFY_SOCKET)?;
        socket.set_read_timeout(Some(POLL))?;
        self.hub.start(
            "the service manager",
            argv,
            &Identity::root(),
            &self.outbox,
            &[("NOTIFY_SOCKET", NOTIFY_SOCKET)],
        )?;
        let start = Instant::now();
        let mut message = [0; 256];
        while start.elapsed() < HUB_LIMIT {
            let length = socket.recv(&mut message).unwrap_or(0);
            if message.get(..length).is_some_and(|m| m.windows(7).any(|w| w == b"READY=1")) {
                return Ok(());
            }
            if let Some(how) = &self.hub.state().ended {
                bail!("the service manager ended before it was ready: {how}");
            }
        }
        bail!("the service manager was not ready within {} s", HUB_LIMIT.as_secs())
    }

    /// Starts the service and waits until its name is registered.
    pub(crate) fn start_service(&self) -> Result<()> {
        let config = self.config.as_ref().ok_or_else(|| anyhow!("this guest was started without the service"))?;
        self.service.start("the service", &config.argv, &config.identity, &self.outbox, &[])?;
        let start = Instant::now();
        let limit = Duration::from_millis(config.limit_ms);
        while start.elapsed() < limit {
            if let Some(how) = &self.service.state().ended {
                bail!("the service ended before it was registered: {how}");
            }
            if registered(&config.instance)? {
                return Ok(());
            }
            sleep(POLL);
        }
        bail!("the service did not register {} within {} s", config.instance, limit.as_secs())
    }

    /// Stops the service and waits until it is gone.
    pub(crate) fn stop_service(&self) -> Result<()> {
        self.service.stop("the service")
    }

    /// Kills the service and waits until it is gone; asked for, so no loss.
    pub(crate) fn kill_service(&self) -> Result<()> {
        self.service.kill("the service")
    }

    /// The service's process id.
    pub(crate) fn service_pid(&self) -> Result<i32> {
        let pid = self.service.state().pid;
        pid.map(|pid| pid.as_raw_nonzero().get()).ok_or_else(|| anyhow!("the service does not run"))
    }
}

fn registered(instance: &str) -> Result<bool> {
    let status = Command::new("/bin/rsb_service")
        .args(["check", instance])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .context("rsb_service")?;
    Ok(status.success())
}

fn forward(source: Option<impl std::io::Read + Send + 'static>, outbox: &Outbox) {
    let (Some(source), outbox) = (source, outbox.clone()) else { return };
    thread::spawn(move || {
        let mut reader = BufReader::new(source);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
            if outbox.send(&ToHost::ServiceLog, &line).is_err() {
                return;
            }
            line.clear();
        }
    });
}
