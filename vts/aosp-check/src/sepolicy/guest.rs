//! The rules and labels that a guest of `cargo xtask selinux` enforces: those of a device, and what the guest has instead of
//! Android.

use super::compile::{Work, BASE, GUEST};
use super::generate::LABELS;
use super::{labels, read_policy};
use anyhow::{ensure, Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// The compiled rules' file.
const BINARY: &str = "policy.bin";

/// Writes both for the device of one policy; without the project's rules that have a text in them, if one is given.
///
/// # Errors
/// A policy that lint refuses, rules that do not compile, labels that the rules do not know, a text that no rule has.
pub fn for_guest(root: &Path, policy: &Path, out: &Path, without: Option<&str>) -> Result<Vec<PathBuf>> {
    let profile = read_policy(root, policy)?;
    let mut work = Work::new(root, &profile, &[GUEST])?;
    if let Some(text) = without {
        ensure!(work.leave_out(text) > 0, "--without {text}: no rule in {} has it", super::VENDOR);
    }
    fs::create_dir_all(out).with_context(|| out.display().to_string())?;
    let (binary, merged) = (out.join(BINARY), out.join(LABELS));
    fs::copy(work.binary()?, &binary).with_context(|| binary.display().to_string())?;
    fs::write(&merged, labels::merge(root, &profile, &[BASE, GUEST])).with_context(|| merged.display().to_string())?;
    let valid = labels::valid(&merged, &binary)?;
    // The check leaves a compiled form beside it.
    let _only_space = fs::remove_file(merged.with_extension("bin"));
    if let Err(words) = valid {
        anyhow::bail!("sefcontext_compile refuses {}: {words}", merged.display());
    }
    Ok(vec![binary, merged])
}
