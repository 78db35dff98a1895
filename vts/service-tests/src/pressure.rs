//! Memory pressure: made on purpose, without taking memory from anybody; a kernel that does not tell of it; and a process
//! that may have only so much.

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
/// Whether the kernel charges what the system heap gives to whoever asks it (linux v7.3, drivers/dma-buf/dma-heap.c).
const CHARGES: &str = "/sys/module/dma_heap/parameters/mem_accounting";
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
        let group = new_group("pressed")?;
        fs::write(group.join("memory.high"), HIGH_BYTES).unwrap();
        Ok(Presser { child: helper::press(&group), group })
    }
}

/// An empty control group that counts memory.
fn new_group(name: &str) -> Result<PathBuf, Skip> {
    let controllers = fs::read_to_string(Path::new(GROUPS).join("cgroup.controllers")).unwrap_or_default();
    if !controllers.split_ascii_whitespace().any(|name| name == "memory") {
        return Err(Skip(format!("needs control groups of version 2 that count memory, at {GROUPS}")));
    }
    fs::write(Path::new(GROUPS).join("cgroup.subtree_control"), "+memory").unwrap();
    let group = Path::new(GROUPS).join(format!("service-tests-{}-{name}", std::process::id()));
    fs::create_dir(&group).unwrap();
    Ok(group)
}

/// A control group with a `memory.max`, on a kernel that charges what the system heap gives to the service.
pub struct Bounded(PathBuf);

impl Bounded {
    /// One for so many bytes.
    ///
    /// # Errors
    /// A reason to skip.
    pub fn of(bytes: u64) -> Result<Bounded, Skip> {
        root()?;
        if !fs::read_to_string(CHARGES).is_ok_and(|text| text.trim() == "Y") {
            let how = "--kernel archive:newest --append dma_heap.mem_accounting=Y";
            return Err(Skip(format!("needs a kernel that charges heap memory to the service ({how})")));
        }
        let group = new_group("bounded")?;
        fs::write(group.join("memory.max"), bytes.to_string()).unwrap();
        // Once the bound is met nothing of the group goes elsewhere.
        let _without_swap = fs::write(group.join("memory.swap.max"), "0");
        Ok(Bounded(group))
    }

    /// Takes a process in: what it is charged from now on.
    pub fn take(&self, pid: i32) {
        fs::write(self.0.join("cgroup.procs"), pid.to_string()).unwrap();
    }

    /// What is charged now, bytes.
    pub fn bytes(&self) -> u64 {
        fs::read_to_string(self.0.join("memory.current")).unwrap().trim().parse().unwrap()
    }

    /// How many of its processes the kernel has killed for memory.
    pub fn kills(&self) -> u64 {
        let events = fs::read_to_string(self.0.join("memory.events")).unwrap();
        let mut kills = events.lines().filter_map(|line| line.strip_prefix("oom_kill "));
        kills.next().unwrap().parse().unwrap()
    }
}

impl Drop for Bounded {
    fn drop(&mut self) {
        // Its processes have ended or will: the kernel removes no group that has one.
        if let Err(error) = fs::remove_dir(&self.0) {
            eprintln!("{}: {error}", self.0.display());
        }
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
