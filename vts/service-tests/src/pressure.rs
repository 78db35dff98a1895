//! Memory pressure: made on purpose, without taking memory from anybody; and a kernel that does not tell of it.

use crate::helper;
use crate::place::root;
use crate::suite::Skip;
use rustix::mount::{mount_bind, unmount, UnmountFlags};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;

/// Where the kernel tells of pressure.
const PRESSURE: &str = "/proc/pressure";
/// Where the kernel's control groups are.
const GROUPS: &str = "/sys/fs/cgroup";
/// What the group may use before its tasks are held up.
const HIGH_BYTES: &str = "8388608";

/// A process in a control group of its own that uses more than the group's `memory.high`: the kernel holds it up at each
/// page, which is a stall for memory like any other (linux v6.12, `mem_cgroup_handle_over_high` of mm/memcontrol.c), and
/// kills nobody.
pub struct Presser {
    child: Child,
    group: PathBuf,
}

impl Presser {
    /// Starts one.
    ///
    /// # Errors
    /// A reason to skip.
    pub fn start() -> Result<Presser, Skip> {
        root()?;
        if fs::read(Path::new(PRESSURE).join("memory")).is_err() {
            return Err(Skip(format!("needs a kernel that tells of memory pressure ({PRESSURE})")));
        }
        let controllers = fs::read_to_string(Path::new(GROUPS).join("cgroup.controllers")).unwrap_or_default();
        if !controllers.split_ascii_whitespace().any(|name| name == "memory") {
            return Err(Skip(format!("needs control groups of version 2 that count memory, at {GROUPS}")));
        }
        fs::write(Path::new(GROUPS).join("cgroup.subtree_control"), "+memory").unwrap();
        let group = Path::new(GROUPS).join(format!("service-tests-{}", std::process::id()));
        fs::create_dir(&group).unwrap();
        fs::write(group.join("memory.high"), HIGH_BYTES).unwrap();
        Ok(Presser { child: helper::press(&group), group })
    }
}

impl Drop for Presser {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _reaped = self.child.wait();
        if let Err(error) = fs::remove_dir(&self.group) {
            eprintln!("{}: {error}", self.group.display());
        }
    }
}

/// Runs `body` on a machine whose kernel seems to have no PSI: something empty lies over its files meanwhile.
///
/// # Errors
/// A reason to skip.
pub fn without_pressure_events<T>(body: impl FnOnce() -> T) -> Result<T, Skip> {
    root()?;
    if !Path::new(PRESSURE).exists() {
        return Ok(body());
    }
    let empty = tempfile::tempdir().unwrap();
    mount_bind(empty.path(), PRESSURE).map_err(|error| Skip(format!("needs to mount over {PRESSURE}: {error}")))?;
    let result = body();
    unmount(PRESSURE, UnmountFlags::empty()).unwrap();
    Ok(result)
}
