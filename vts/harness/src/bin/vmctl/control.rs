//! The socket by which commands in the guest ask the agent, and through it the host.

use std::collections::HashMap;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::mpsc::{channel, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{fs, thread};

use anyhow::{anyhow, Context, Result};
use vm_harness::protocol::{read_frame, write_frame, Control, ToHost, CONTROL_SOCKET};

use crate::channel::Outbox;
use crate::services::Services;

type Answer = Result<String, String>;

#[derive(Default)]
struct Waiting {
    next: u32,
    answers: HashMap<u32, Sender<Result<(), String>>>,
}

/// Calls to the host that wait for their answers.
#[derive(Clone)]
pub(crate) struct Calls {
    outbox: Outbox,
    waiting: Arc<Mutex<Waiting>>,
}

impl Calls {
    /// No call waits.
    pub(crate) fn new(outbox: Outbox) -> Self {
        Self { outbox, waiting: Arc::default() }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands the host's answer to whoever waits for it.
    pub(crate) fn answer(&self, call: u32, result: Result<(), String>) {
        if let Some(sender) = self.waiting().answers.remove(&call) {
            let _caller_gone = sender.send(result);
        }
    }

    fn screendump(&self, name: String) -> Answer {
        let (sender, receiver) = channel();
        let call = {
            let mut waiting = self.waiting();
            waiting.next = waiting.next.wrapping_add(1);
            let call = waiting.next;
            waiting.answers.insert(call, sender);
            call
        };
        self.outbox.send(&ToHost::Call { call, screendump: name }, &[]).map_err(|error| error.to_string())?;
        receiver.recv().unwrap_or_else(|_| Err("the host went away".to_owned())).map(|()| String::new())
    }
}

/// Serves the socket in threads.
pub(crate) fn serve(calls: Calls, services: Arc<Services>) -> Result<()> {
    let listener = UnixListener::bind(CONTROL_SOCKET).context(CONTROL_SOCKET)?;
    // Tests run as other users ask too.
    fs::set_permissions(CONTROL_SOCKET, fs::Permissions::from_mode(0o666)).context(CONTROL_SOCKET)?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (calls, services) = (calls.clone(), services.clone());
            thread::spawn(move || serve_one(stream, &calls, &services));
        }
    });
    Ok(())
}

fn serve_one(mut stream: UnixStream, calls: &Calls, services: &Services) {
    let Ok((request, _)) = read_frame::<Control>(&mut stream) else { return };
    let done = |result: Result<()>| result.map(|()| String::new()).map_err(|error| format!("{error:#}"));
    let answer: Answer = match request {
        Control::Screendump { name } => calls.screendump(name),
        Control::ServiceStart => done(services.start_service()),
        Control::ServiceStop => done(services.stop_service()),
        Control::ServiceKill => done(services.kill_service()),
        Control::ServicePid => services.service_pid().map(|pid| pid.to_string()).map_err(|error| error.to_string()),
    };
    let _caller_gone = write_frame(&mut stream, &answer, &[]);
}

/// The other end: asks and waits for the answer.
pub(crate) fn ask(request: &Control) -> Result<String> {
    let mut stream = UnixStream::connect(CONTROL_SOCKET).context(CONTROL_SOCKET)?;
    write_frame(&mut stream, request, &[])?;
    let (answer, _) = read_frame::<Answer>(&mut stream)?;
    answer.map_err(|message| anyhow!(message))
}
