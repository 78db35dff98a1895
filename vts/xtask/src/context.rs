//! Where things are: the workspace, Cargo's target folder, and the cache below it.

use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result};
use cargo_metadata::MetadataCommand;
use vm_harness::progress::Progress;

/// Whether `--verbose` was given.
pub(crate) static VERBOSE: AtomicBool = AtomicBool::new(false);

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
    /// Asks Cargo. What other programs say about their own work goes to a log of the command's, unless `--verbose` is given.
    pub(crate) fn new(quiet: bool) -> Result<Self> {
        let mut progress = Progress::new(quiet);
        let metadata = MetadataCommand::new().no_deps().exec().context("cargo metadata")?;
        let target = metadata.target_directory.into_std_path_buf();
        // A step's own name: its process has this log as its output, too.
        let command = std::env::args().skip(1).find(|word| word != "step").unwrap_or_default();
        let logs = target.join("logs");
        std::fs::create_dir_all(&logs).with_context(|| logs.display().to_string())?;
        if !VERBOSE.load(Ordering::Relaxed) {
            progress = progress.logged(logs.join(command).with_extension("log"))?;
        }
        Ok(Self { workspace: metadata.workspace_root.into_std_path_buf(), target, progress })
    }

    /// Held while something of this name is looked for and installed: steps that need the same take turns.
    pub(crate) fn turn(&self, name: &str) -> Result<File> {
        let path = self.target.join("logs").join(name).with_extension("lock");
        let file = File::create(&path).with_context(|| path.display().to_string())?;
        file.lock().with_context(|| path.display().to_string())?;
        Ok(file)
    }

    /// What is fetched or built once for guests.
    pub(crate) fn cache(&self) -> PathBuf {
        self.target.join("vm")
    }
}
