//! Where things are: the workspace, Cargo's target folder, and the cache below it.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use cargo_metadata::MetadataCommand;
use vm_harness::progress::Progress;

/// The folders a command works in.
pub(crate) struct Context {
    /// The workspace's root.
    pub(crate) workspace: PathBuf,
    /// Cargo's target folder, wherever configuration or environment put it.
    pub(crate) target: PathBuf,
    /// Progress on stderr.
    pub(crate) progress: Progress,
}

impl Context {
    /// Asks Cargo.
    pub(crate) fn new(quiet: bool) -> Result<Self> {
        let progress = Progress::new(quiet);
        let metadata = MetadataCommand::new().no_deps().exec().context("cargo metadata")?;
        Ok(Self {
            workspace: metadata.workspace_root.into_std_path_buf(),
            target: metadata.target_directory.into_std_path_buf(),
            progress,
        })
    }

    /// What is fetched or built once for guests.
    pub(crate) fn cache(&self) -> PathBuf {
        self.target.join("vm")
    }
}
