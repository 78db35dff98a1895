//! The policy that a command works with: a file, a shipped profile, or the device's own.

use crate::args::PolicyArgs;
use anyhow::Result;
use heaps_config::Policy;
use std::path::Path;

/// Where a device's service finds its policy; the same as the service's own default.
pub(crate) const DEVICE_POLICY: &str = "/vendor/etc/gralloc/heaps.json";

/// A policy and what to call it.
pub(crate) struct Loaded {
    pub(crate) policy: Policy,
    /// The file, or the profile.
    pub(crate) source: String,
    /// Said to people once: that it is a default, that lint has findings.
    pub(crate) notes: Vec<String>,
}

/// Loads what is asked for, else the device's policy, else (on a host) the profile `generic`.
///
/// # Errors
/// The file's name, and what is wrong with it.
pub(crate) fn load(args: &PolicyArgs) -> Result<Loaded> {
    match &args.policy {
        Some(file) => read(file),
        None => {
            let device = Path::new(DEVICE_POLICY);
            if cfg!(not(feature = "host")) || device.exists() {
                return read(device);
            }
            let mut loaded = read(Path::new("generic"))?;
            loaded.notes.push("no --policy given: the shipped profile \"generic\" is used".to_owned());
            Ok(loaded)
        }
    }
}

/// Loads a file or a shipped profile. A policy that the service would load is good enough: what lint has against it
/// beyond that is a note, because explaining is how one finds out why.
#[cfg(feature = "host")]
pub(crate) fn read(file: &Path) -> Result<Loaded> {
    use heaps_config::Severity;
    let linted = heaps_host::lint(crate::command::lint::open(file)?);
    let source = linted.source.name.clone();
    let policy = loadable(&linted)?;
    let mut notes = Vec::new();
    if linted.count(Severity::Error) + linted.count(Severity::Warning) > 0 {
        notes.push(format!("heapctl lint {} has findings", file.display()));
    }
    Ok(Loaded { policy: policy.clone(), source, notes })
}

/// What a line to paste begins with: the policy as it was named, as one word of a shell.
#[cfg(feature = "host")]
pub(crate) fn explain_line(policy: &Path) -> String {
    let word = heaps_host::expect::shell_word(&policy.display().to_string());
    format!("heapctl explain --policy {word}")
}

/// A policy that the service would load; what keeps it from that, if it would not.
#[cfg(feature = "host")]
pub(crate) fn loadable(linted: &heaps_host::Linted) -> Result<&Policy> {
    use anyhow::Context;
    linted.loadable().with_context(|| format!("the policy has errors\n{}", linted.render(false).trim_end()))
}

/// Loads a compiled policy.
#[cfg(not(feature = "host"))]
pub(crate) fn read(file: &Path) -> Result<Loaded> {
    use anyhow::Context;
    use std::io::Read;
    let name = || file.display().to_string();
    let mut text = String::new();
    let most = u64::try_from(heaps_config::MAX_TEXT_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    let opened = std::fs::File::open(file).with_context(name)?;
    opened.take(most).read_to_string(&mut text).with_context(name)?;
    let policy = heaps_config::from_json(&text).with_context(name)?;
    Ok(Loaded { policy, source: name(), notes: Vec::new() })
}
