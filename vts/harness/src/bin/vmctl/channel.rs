//! The byte channel to the host, and the one writer that all threads share.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::termios::{tcgetattr, tcsetattr, OptionalActions};
use vm_harness::protocol::{write_frame, ToHost, FALLBACK_TTY, PORT_NAME};

/// How long the virtio port may take to show up before the UART is used instead.
const PORT_WAIT: Duration = Duration::from_secs(10);

/// Writes whole frames, from any thread.
#[derive(Clone)]
pub(crate) struct Outbox(Arc<Mutex<File>>);

impl Outbox {
    /// Sends one message.
    pub(crate) fn send(&self, message: &ToHost, payload: &[u8]) -> io::Result<()> {
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        write_frame(&mut *file, message, payload)
    }
}

/// Opens the channel: the reader, and the shared writer.
pub(crate) fn open() -> Result<(File, Outbox)> {
    let file = match find_port() {
        Some(path) => OpenOptions::new().read(true).write(true).open(&path).with_context(|| path.clone())?,
        None => open_uart()?,
    };
    let writer = file.try_clone().context("the control channel")?;
    Ok((file, Outbox(Arc::new(Mutex::new(writer)))))
}

fn find_port() -> Option<String> {
    let deadline = Instant::now().checked_add(PORT_WAIT)?;
    while Instant::now() < deadline {
        for entry in fs::read_dir("/sys/class/virtio-ports").ok()?.flatten() {
            let name = fs::read_to_string(entry.path().join("name")).unwrap_or_default();
            let node = format!("/dev/{}", entry.file_name().to_string_lossy());
            if name.trim() == PORT_NAME && fs::exists(&node).unwrap_or(false) {
                return Some(node);
            }
        }
        sleep(Duration::from_millis(10));
    }
    None
}

fn open_uart() -> Result<File> {
    let file = OpenOptions::new().read(true).write(true).open(FALLBACK_TTY).context(FALLBACK_TTY)?;
    let mut attributes = tcgetattr(&file).context(FALLBACK_TTY)?;
    attributes.make_raw();
    tcsetattr(&file, OptionalActions::Now, &attributes).context(FALLBACK_TTY)?;
    Ok(file)
}
