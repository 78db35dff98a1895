//! Work beside what is measured.

use anyhow::{Context as _, Result};
use std::process::{Child, Command, Stdio};

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
