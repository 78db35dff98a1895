//! A service with one defence taken out, in a process of its own: it passes calls on to a good one and does one harm on the way.
//! The tests of that defence have to fail here.

use crate::client::Client;
use crate::harm::Harm;
use crate::helper::mutant_command;
use crate::service::{Service, Subject};
use crate::{wait_for, SOON};
use gralloc_client::Transport;
use std::ops::Deref;
use std::process::{Child, Stdio};
use tempfile::TempDir;

/// A started one; ended when it goes out of scope.
pub struct Mutant {
    subject: Subject,
    child: Child,
    _folder: TempDir,
    _behind: Service,
}

impl Deref for Mutant {
    type Target = Subject;

    fn deref(&self) -> &Subject {
        &self.subject
    }
}

impl Mutant {
    /// Starts it before a good service.
    pub fn start(harm: Harm) -> Mutant {
        let behind = Service::plain();
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("socket");
        let mut command = mutant_command(behind.transport(), &format!("{harm:?}"), &socket);
        let child = command.stdin(Stdio::null()).spawn().unwrap();
        // Clients of other users come in here.
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let subject = Subject::at(Transport::Socket(socket), i32::try_from(child.id()).unwrap());
        let mutant = Mutant { subject, child, _folder: folder, _behind: behind };
        let answers = || Client::connect(mutant.transport()).ok()?.allocator().getIMapperLibrarySuffix().ok();
        wait_for(SOON, answers).expect("what stands before the service answers");
        mutant
    }
}

impl Drop for Mutant {
    fn drop(&mut self) {
        // Fails when it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
