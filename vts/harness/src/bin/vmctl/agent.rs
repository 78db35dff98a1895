//! Speaks with the host: says hello, prepares the guest, then does what the host sends until it is told to power off.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use vm_harness::protocol::{read_frame, GuestConfig, ToGuest, ToHost, CONFIG_PATH};

use crate::channel::{self, Outbox};
use crate::control::{self, Calls};
use crate::jobs::Jobs;
use crate::services::Services;
use crate::{selinux, setup};

/// Part of a file that goes into one frame, bytes.
const CHUNK: usize = 256 * 1024;

/// Runs until the host says to power off or goes away.
pub(crate) fn run() -> Result<()> {
    let (mut reader, outbox) = channel::open()?;
    outbox.send(&ToHost::Hello, &[])?;
    let config = fs::read(CONFIG_PATH).context(CONFIG_PATH)?;
    let config: GuestConfig = serde_json::from_slice(&config).context(CONFIG_PATH)?;
    let mut facts = setup::prepare(&config);
    // Before there is a second thread.
    if let Some(Err(error)) = config.selinux.as_ref().map(selinux::enforce) {
        facts.selinux_problem = Some(format!("{error:#}"));
    }
    let services = Arc::new(Services::new(config.service.clone(), outbox.clone()));
    let calls = Calls::new(outbox.clone());
    control::serve(calls.clone(), services.clone())?;
    let binder = facts.binder;
    outbox.send(&ToHost::Prepared { facts }, &[])?;
    let service = if binder { services.start_all(&config) } else { None };
    outbox.send(&ToHost::Ready { service }, &[])?;
    let jobs = Jobs::new(outbox.clone());
    loop {
        let (message, payload) = read_frame(&mut reader).context("the host went away")?;
        match message {
            ToGuest::Run(run) => jobs.start(run),
            ToGuest::Input { id } => jobs.input(id, &payload),
            ToGuest::Resize { id, size } => jobs.resize(id, size),
            ToGuest::Answer { call, result } => calls.answer(call, result),
            ToGuest::Fetch { path } => {
                let error = send_files(&outbox, Path::new(&path), "").err().map(|error| format!("{error:#}"));
                outbox.send(&ToHost::Fetched { error }, &[])?;
            }
            ToGuest::PowerOff => return Ok(()),
        }
    }
}

fn send_files(outbox: &Outbox, folder: &Path, relative: &str) -> Result<()> {
    let mut entries: Vec<_> = fs::read_dir(folder).with_context(|| folder.display().to_string())?.flatten().collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name();
        let name = name.to_str().context("a file name that is not UTF-8")?;
        let relative = if relative.is_empty() { name.to_owned() } else { format!("{relative}/{name}") };
        if entry.file_type()?.is_dir() {
            send_files(outbox, &entry.path(), &relative)?;
        } else if entry.file_type()?.is_file() {
            send_file(outbox, &entry.path(), relative)?;
        }
    }
    Ok(())
}

fn send_file(outbox: &Outbox, path: &Path, relative: String) -> Result<()> {
    let mut file = File::open(path).with_context(|| path.display().to_string())?;
    let message = ToHost::File { path: relative };
    let mut buffer = vec![0; CHUNK];
    let mut first = true;
    loop {
        let length = file.read(&mut buffer)?;
        // An empty file is one empty part.
        if length == 0 && !first {
            return Ok(());
        }
        outbox.send(&message, buffer.get(..length).unwrap_or_default())?;
        first = false;
    }
}
