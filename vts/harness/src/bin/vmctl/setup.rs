//! What the kernel needs before services start: modules, binder's device names, and ueventd's modes and owners.

use std::ffi::CString;
use std::fs::{self, File};
use std::os::unix::fs::{chown, symlink, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::fs::{mknodat, FileType, Mode, CWD};
use rustix::mount::{mount, MountFlags};
use rustix::system::finit_module;
use vm_harness::protocol::{GuestConfig, GuestFacts, Module};

/// How long a driver's node may take to appear after its module was loaded.
const NODE_WAIT: Duration = Duration::from_secs(30);

/// Prepares the kernel as `config` says; what fails becomes a warning in the facts.
pub(crate) fn prepare(config: &GuestConfig) -> GuestFacts {
    let mut warnings = Vec::new();
    for module in &config.modules {
        if let Err(error) = load(module) {
            warnings.push(format!("{}: {error:#}", module.path));
        }
    }
    if let Err(error) = binder_names() {
        warnings.push(format!("binder: {error:#}"));
    }
    if !busybox(&["--install", "-s", "/bin"]) {
        warnings.push("busybox made no links to its commands".to_owned());
    }
    // The loopback interface is down at boot, and nothing here depends on it but programs that somebody brings along. arm64's
    // kernel of our own has no IP.
    let has_ip = Path::new("/proc/sys/net/ipv4").exists();
    if has_ip && !busybox(&["ip", "link", "set", "lo", "up"]) {
        warnings.push("the loopback interface did not come up".to_owned());
    }
    for (name, node) in &config.twins {
        if let Err(error) = twin(Path::new(name), Path::new(node)) {
            warnings.push(format!("{name}, as {node}: {error:#}"));
        }
    }
    for (pattern, mode, uid, gid) in &config.nodes {
        for path in matching(pattern) {
            let done = chown(&path, Some(*uid), Some(*gid))
                .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(*mode)));
            if let Err(error) = done {
                warnings.push(format!("{}: {error}", path.display()));
            }
        }
    }
    GuestFacts {
        release: rustix::system::uname().release().to_string_lossy().into_owned(),
        machine: rustix::system::uname().machine().to_string_lossy().into_owned(),
        page_bytes: rustix::param::page_size(),
        binder: Path::new("/dev/binder").exists(),
        heaps: names("/dev/dma_heap", ""),
        selinux_problem: None,
        warnings,
    }
}

fn busybox(arguments: &[&str]) -> bool {
    Command::new("/bin/busybox").args(arguments).status().is_ok_and(|status| status.success())
}

/// Makes a second name of a device node, unless there is something of this name.
fn twin(name: &Path, node: &Path) -> Result<()> {
    if name.exists() {
        return Ok(());
    }
    let device = fs::metadata(node)?.rdev();
    mknodat(CWD, name, FileType::CharacterDevice, Mode::from_raw_mode(0o600), device)?;
    Ok(())
}

fn load(module: &Module) -> Result<()> {
    let file = File::open(&module.path)?;
    let parameters = CString::new(module.parameters.as_str())?;
    match finit_module(&file, &parameters, 0) {
        // Built in or loaded by another's dependency: as good.
        Ok(()) | Err(rustix::io::Errno::EXIST) => Ok(()),
        Err(error) => Err(error).context("the kernel refuses the module"),
    }
}

/// Makes both names of each binder device exist: a kernel with binderfs has them only there, one without only in
/// /dev, and `rsb_hub` opens /dev/binderfs/binder.
fn binder_names() -> Result<()> {
    let with_binderfs =
        fs::read_to_string("/proc/filesystems")?.lines().any(|line| line.trim_end().ends_with("\tbinder"));
    fs::create_dir_all("/dev/binderfs")?;
    if with_binderfs {
        mount("binder", "/dev/binderfs", "binder", MountFlags::empty(), None).context("mounting binderfs")?;
    } else {
        wait_for(Path::new("/dev/binder"));
    }
    for name in ["binder", "hwbinder", "vndbinder"] {
        let plain = PathBuf::from(format!("/dev/{name}"));
        let inside = PathBuf::from(format!("/dev/binderfs/{name}"));
        match (plain.exists(), inside.exists()) {
            (false, true) => symlink(&inside, &plain)?,
            (true, false) => symlink(&plain, &inside)?,
            _ => {}
        }
    }
    Ok(())
}

fn wait_for(path: &Path) {
    let start = Instant::now();
    // Without the module there is nothing to wait for.
    while Path::new("/sys/module/binder_linux").exists() && !path.exists() && start.elapsed() < NODE_WAIT {
        sleep(Duration::from_millis(10));
    }
}

/// The paths a pattern names: itself, or, when it ends in `*`, every entry of that folder with that prefix.
fn matching(pattern: &str) -> Vec<PathBuf> {
    let Some(prefix) = pattern.strip_suffix('*') else {
        return Some(PathBuf::from(pattern)).filter(|path| path.exists()).into_iter().collect();
    };
    let (folder, prefix) = prefix.rsplit_once('/').unwrap_or(("", prefix));
    names(folder, prefix).into_iter().map(|name| Path::new(folder).join(name)).collect()
}

fn names(folder: &str, prefix: &str) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .map(|entries| entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
        .unwrap_or_default();
    names.retain(|name| name.starts_with(prefix));
    names.sort();
    names
}
