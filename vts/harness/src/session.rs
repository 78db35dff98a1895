//! The host's end of the protocol: a reader thread hands each message to whoever waits for it.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::error::{At, Error, Result};
use crate::progress::Progress;
use crate::protocol::{read_frame, write_frame, GuestFacts, Status, Stream, ToGuest, ToHost};
use crate::qmp::Qmp;
use crate::screen::Picture;

/// How far a boot has come.
pub(crate) enum BootEvent {
    Hello,
    Prepared(Box<GuestFacts>),
    Ready(Option<std::result::Result<(), String>>),
}

/// What a command does.
#[derive(Debug)]
pub(crate) enum JobEvent {
    Output(Stream, Vec<u8>),
    Exit(Status),
}

/// What a fetch brings.
pub(crate) enum FetchEvent {
    Part(String, Vec<u8>),
    End(Option<String>),
}

#[derive(Default)]
struct Routes {
    writer: Option<UnixStream>,
    boot: Option<Sender<BootEvent>>,
    jobs: HashMap<u32, Sender<JobEvent>>,
    next_job: u32,
    fetch: Option<Sender<FetchEvent>>,
    lost: Vec<String>,
    qmp: Option<UnixStream>,
}

/// The connection to one guest. When the guest goes down, every sender here is dropped, so that whoever waits wakes.
#[derive(Clone)]
pub(crate) struct Session {
    routes: Arc<Mutex<Routes>>,
    /// Screendumps: one at a time, connected at the first.
    screen: Arc<Mutex<Option<Qmp>>>,
    out: PathBuf,
    service_log: PathBuf,
    progress: Progress,
}

impl Session {
    pub(crate) fn new(
        qmp: UnixStream,
        out: PathBuf,
        service_log: PathBuf,
        boot: Sender<BootEvent>,
        progress: Progress,
    ) -> Self {
        let routes = Routes { boot: Some(boot), qmp: Some(qmp), ..Routes::default() };
        Self { routes: Arc::new(Mutex::new(routes)), screen: Arc::default(), out, service_log, progress }
    }

    /// Reads one channel until it ends. The channel that brings Hello is the one that is written to.
    pub(crate) fn read(&self, mut channel: UnixStream) {
        let session = self.clone();
        thread::spawn(move || {
            while let Ok((message, payload)) = read_frame::<ToHost>(&mut channel) {
                if message == ToHost::Hello {
                    session.routes().writer = channel.try_clone().ok();
                }
                session.handle(message, payload);
            }
            let mut routes = session.routes();
            *routes = Routes { lost: std::mem::take(&mut routes.lost), ..Routes::default() };
        });
    }

    fn routes(&self) -> MutexGuard<'_, Routes> {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn handle(&self, message: ToHost, payload: Vec<u8>) {
        match message {
            ToHost::Hello => self.boot(BootEvent::Hello),
            ToHost::Prepared { facts } => self.boot(BootEvent::Prepared(Box::new(facts))),
            ToHost::Ready { service } => self.boot(BootEvent::Ready(service)),
            ToHost::Output { id, stream } => self.job(id, JobEvent::Output(stream, payload)),
            ToHost::Exit { id, status } => {
                self.job(id, JobEvent::Exit(status));
                self.routes().jobs.remove(&id);
            }
            ToHost::Call { call, screendump } => {
                let session = self.clone();
                thread::spawn(move || {
                    let result = session.screendump(&screendump).map_err(|error| error.to_string());
                    let _guest_gone = session.send(&ToGuest::Answer { call, result }, &[]);
                });
            }
            ToHost::File { path } => self.fetched(FetchEvent::Part(path, payload)),
            ToHost::Fetched { error } => {
                self.fetched(FetchEvent::End(error));
                self.routes().fetch = None;
            }
            ToHost::Lost { what } => {
                self.progress.step(&what);
                self.routes().lost.push(what);
            }
            ToHost::ServiceLog => {
                let file = OpenOptions::new().create(true).append(true).open(&self.service_log);
                // A log that cannot be written must not stop the run it is about.
                let _best_effort = file.and_then(|mut file| file.write_all(&payload));
            }
        }
    }

    // Receivers that are gone have lost interest: nothing to do.
    fn boot(&self, event: BootEvent) {
        let _ = self.routes().boot.as_ref().map(|sender| sender.send(event));
    }

    fn job(&self, id: u32, event: JobEvent) {
        let _ = self.routes().jobs.get(&id).map(|sender| sender.send(event));
    }

    fn fetched(&self, event: FetchEvent) {
        let _ = self.routes().fetch.as_ref().map(|sender| sender.send(event));
    }

    /// Sends a message to the guest.
    pub(crate) fn send(&self, message: &ToGuest, payload: &[u8]) -> Result<()> {
        let mut routes = self.routes();
        let writer = routes.writer.as_mut().ok_or_else(|| Error::Protocol("the guest is gone".to_owned()))?;
        write_frame(writer, message, payload).at("the channel to the guest")
    }

    /// Reserves a number for a command whose events go to `sender`.
    pub(crate) fn new_job(&self, sender: Sender<JobEvent>) -> u32 {
        let mut routes = self.routes();
        routes.next_job = routes.next_job.wrapping_add(1);
        let id = routes.next_job;
        // After the guest went down the sender is dropped at once, which is how the waiter learns it.
        if routes.writer.is_some() {
            routes.jobs.insert(id, sender);
        }
        id
    }

    /// Where the next fetch's files go.
    pub(crate) fn expect_files(&self, sender: Sender<FetchEvent>) {
        let mut routes = self.routes();
        if routes.writer.is_some() {
            routes.fetch = Some(sender);
        }
    }

    /// What ended without being asked to, so far.
    pub(crate) fn lost(&self) -> Vec<String> {
        self.routes().lost.clone()
    }

    /// Writes the screen to NAME.png in the out folder.
    pub(crate) fn screendump(&self, name: &str) -> Result<()> {
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')) {
            return Err(Error::Protocol(format!("{name:?} is no name for a picture: use letters, digits, - and _")));
        }
        let mut screen = self.screen.lock().unwrap_or_else(PoisonError::into_inner);
        if screen.is_none() {
            let socket = self.routes().qmp.take();
            *screen = Some(Qmp::connect(socket.ok_or_else(|| Error::Protocol("QEMU is gone".to_owned()))?)?);
        }
        std::fs::create_dir_all(&self.out).at(self.out.display())?;
        let ppm = self.out.join(format!("{name}.ppm"));
        // QEMU has its own working directory in mind.
        let absolute = std::path::absolute(&ppm).at(ppm.display())?;
        if let Some(qmp) = screen.as_mut() {
            qmp.screendump(&absolute)?;
        }
        Picture::read_ppm(&ppm)?.write_png(&self.out.join(format!("{name}.png")))?;
        std::fs::remove_file(&ppm).at(ppm.display())
    }
}
