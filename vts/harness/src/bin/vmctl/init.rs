//! Process 1: mounts the kernel's file systems, starts the agent, reaps orphans, and powers off when the agent ends.
//! The agent is another process so that its own waits never race with the reaping of orphans.

use std::fs;
use std::os::unix::fs::{symlink, FileExt as _, PermissionsExt};
use std::process::Command;

use anyhow::{Context, Result};
use rustix::mount::{mount, MountFlags};
use rustix::process::{wait, WaitOptions};
use rustix::system::{reboot, RebootCommand};

/// Runs the guest until it powers off; returns only when even that failed.
pub(crate) fn run() -> Result<()> {
    prepare();
    match Command::new("/proc/self/exe").arg("agent").spawn() {
        Ok(agent) => reap_until(agent.id()),
        Err(error) => eprintln!("init: cannot start the agent: {error}"),
    }
    rustix::fs::sync();
    reboot(RebootCommand::PowerOff).context("power off")
}

fn prepare() {
    let plain = MountFlags::empty();
    let mounts = [
        ("proc", "/proc", "proc"),
        ("sysfs", "/sys", "sysfs"),
        ("devtmpfs", "/dev", "devtmpfs"),
        ("devpts", "/dev/pts", "devpts"),
        ("tmpfs", "/dev/shm", "tmpfs"),
        ("tmpfs", "/run", "tmpfs"),
        ("tmpfs", "/tmp", "tmpfs"),
        ("debugfs", "/sys/kernel/debug", "debugfs"),
        ("tracefs", "/sys/kernel/tracing", "tracefs"),
        ("cgroup2", "/sys/fs/cgroup", "cgroup2"),
        ("selinuxfs", "/sys/fs/selinux", "selinuxfs"),
    ];
    for (source, target, kind) in mounts {
        // Folders below /sys exist where the kernel has the file system, and cannot be made where it has not.
        if fs::create_dir_all(target).is_err() {
            continue;
        }
        if let Err(error) = mount(source, target, kind, plain, None) {
            // A kernel with CONFIG_DEVTMPFS_MOUNT has it already, and the optional ones may be missing.
            if !matches!(error, rustix::io::Errno::BUSY | rustix::io::Errno::NODEV | rustix::io::Errno::NOENT) {
                eprintln!("init: cannot mount {kind} on {target}: {error}");
            }
        }
    }
    for target in ["/tmp", "/dev/shm"] {
        let _sticky_best_effort = fs::set_permissions(target, fs::Permissions::from_mode(0o1777));
    }
    // As Android's init has it: everybody may mark, and root may read (AOSP android-15, system/core/rootdir/init.rc and
    // frameworks/native/cmds/atrace/atrace.rc). Some kernels have no tracefs.
    for (path, mode) in [("/sys/kernel/tracing", 0o755), ("/sys/kernel/tracing/trace_marker", 0o666)] {
        let _where_there_is_one = fs::set_permissions(path, fs::Permissions::from_mode(mode));
    }
    for (target, link) in [
        ("/proc/self/fd", "/dev/fd"),
        ("/proc/self/fd/0", "/dev/stdin"),
        ("/proc/self/fd/1", "/dev/stdout"),
        ("/proc/self/fd/2", "/dev/stderr"),
    ] {
        let _already_there = symlink(target, link);
    }
    if cfg!(target_arch = "aarch64") {
        if let Err(error) = colour_registers() {
            eprintln!("init: no picture of the screen can be taken: {error:#}");
        }
    }
}

/// Moves the VGA card's CRTC registers to where the kernel's driver writes them: 0x3d4, a colour card's. A PC's firmware
/// does it at boot; `virt` runs none, and the card would show no mode that is set (include/video/vga.h: VGA_MIS_W,
/// VGA_MIS_COLOR).
fn colour_registers() -> Result<()> {
    const MISCELLANEOUS: u64 = 0x3c2;
    const COLOUR: u8 = 0x01;
    let ports = fs::File::options().write(true).open("/dev/port").context("/dev/port")?;
    ports.write_all_at(&[COLOUR], MISCELLANEOUS).context("/dev/port")
}

fn reap_until(agent: u32) {
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if u32::try_from(pid.as_raw_nonzero().get()) == Ok(agent) => {
                if status.exit_status() != Some(0) {
                    eprintln!("init: the agent ended: {status:?}");
                }
                return;
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => {
                eprintln!("init: wait: {error}");
                return;
            }
        }
    }
}
