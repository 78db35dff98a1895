//! How a process of this program is started as a helper: its role and what it needs travel in the environment.

use gralloc_client::Transport;
use std::path::Path;
use std::process::Command;

/// Says which helper this process is.
pub(crate) const ROLE: &str = "SERVICE_TESTS_HELPER";
/// The transport that a helper connects through.
pub(crate) const TRANSPORT: &str = "SERVICE_TESTS_TRANSPORT";
/// The control group to be pressed in.
pub(crate) const GROUP: &str = "SERVICE_TESTS_GROUP";
/// The harm that a mutant does.
pub(crate) const HARM: &str = "SERVICE_TESTS_HARM";
/// Where a mutant serves.
pub(crate) const SOCKET: &str = "SERVICE_TESTS_SOCKET";
/// What a wanderer draws from.
pub(crate) const SEED: &str = "SERVICE_TESTS_SEED";

/// This program in a role.
pub(crate) fn helper(role: &str) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.env(ROLE, role);
    command
}

/// Tells it where the service is.
pub(crate) fn for_transport(command: &mut Command, transport: &Transport) {
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
