//! rsbinder's service manager for the guest: `rsb_hub`, and `rsb_service` which asks it, from crates.io, kept in the cache;
//! and the policy it starts with.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::Result;
use crate::progress::Progress;
use crate::toolchain::{cargo, Cross};

/// The release that the workspace's rsbinder speaks with.
pub const VERSION: &str = "0.12.0";

/// The allocator's name: what `isDeclared` is true for.
pub const ALLOCATOR: &str = "android.hardware.graphics.allocator.IAllocator/default";

/// What the hub allows. Anybody may look anything up, as on a device without SELinux; the allocator's name is the
/// system user's (and root's, for tests); any other name is free, so that a user's own services can register.
pub fn policy() -> String {
    format!(
        "[global]\nlist = \"any\"\n\n\
         [[rule]]\nname = \"{ALLOCATOR}\"\nadd = {{ uid = [0, 1000] }}\nfind = \"any\"\n\n\
         [[rule]]\nname = \"*\"\nadd = \"any\"\nfind = \"any\"\n\n\
         [[service]]\nname = \"{ALLOCATOR}\"\n"
    )
}

/// The folder with `rsb_hub` and `rsb_service`, built at the first time.
///
/// # Errors
/// crates.io cannot be reached at the first time, or the build fails.
pub fn binaries(workspace: &Path, cache: &Path, cross: Option<&Cross>, progress: &Progress) -> Result<PathBuf> {
    let suffix = cross.map(|cross| format!("-{}", cross.target.triple)).unwrap_or_default();
    let root = cache.join(format!("rsbinder-tools-{VERSION}{suffix}"));
    let folder = root.join("bin");
    if ["rsb_hub", "rsb_service"].iter().all(|name| folder.join(name).is_file()) {
        return Ok(folder);
    }
    progress.step(format_args!("building rsbinder's service manager {VERSION} (once)"));
    let mut command = match cross {
        Some(cross) => cross.cargo(workspace, "install"),
        None => {
            let mut command = Command::new(cargo());
            command.args(["install", "--target-dir"]).arg(root.join("build"));
            command
        }
    };
    // It answers a few requests a run: what optimising it takes would not come back.
    command.args(["--debug", "rsbinder-tools", "--locked", "--version", VERSION, "--bin", "rsb_hub"]);
    command.args(["--bin", "rsb_service", "--root"]).arg(&root);
    command.env("CARGO_PROFILE_DEV_STRIP", "debuginfo").env("CARGO_PROFILE_DEV_DEBUG", "0");
    progress.run_logged(&mut command)?;
    let _only_space = std::fs::remove_dir_all(root.join("build"));
    Ok(folder)
}
