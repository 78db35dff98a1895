//! Becomes another user, keeping named capabilities, and executes a command. What Android's init does for a service's
//! `user`, `group` and `capabilities` lines; busybox cannot.

use std::fs::OpenOptions;
use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{anyhow, bail, Context, Result};
use rustix::process::{ioctl_tiocsctty, setsid, Gid, Uid};
use rustix::thread::{
    configure_capability_in_ambient_set, remove_capability_from_bounding_set, set_capabilities, set_keep_capabilities,
    set_thread_groups, set_thread_res_gid, set_thread_res_uid, CapabilitySet, CapabilitySets,
};
use vm_harness::protocol::Identity;

/// Replaces this process by `command`, run as `who`, on `terminal` if one is given. This process has one thread, so
/// the calls that change a thread change the process.
pub(crate) fn run_as(who: &str, terminal: Option<&str>, command: &[&str]) -> Result<()> {
    let identity: Identity = who.parse().map_err(|message: String| anyhow!(message))?;
    let [program, arguments @ ..] = command else { bail!("runas: no command given") };
    let mut command = Command::new(program);
    command.args(arguments);
    if let Some(path) = terminal.filter(|path| *path != "-") {
        setsid().context("setsid")?;
        let tty = OpenOptions::new().read(true).write(true).open(path).with_context(|| path.to_owned())?;
        ioctl_tiocsctty(&tty).with_context(|| path.to_owned())?;
        command.stdin(tty.try_clone()?).stdout(tty.try_clone()?).stderr(tty);
    }
    become_user(&identity).with_context(|| format!("becoming {identity}"))?;
    Err(command.exec()).with_context(|| format!("cannot run {program}"))
}

fn become_user(identity: &Identity) -> Result<()> {
    let kept = parse_capabilities(&identity.capabilities)?;
    let groups: Vec<Gid> = identity.groups.iter().map(|gid| Gid::from_raw(*gid)).collect();
    let (uid, gid) = (Uid::from_raw(identity.uid), Gid::from_raw(identity.gid));
    if identity.uid == 0 {
        set_thread_groups(&groups)?;
        set_thread_res_gid(gid, gid, gid)?;
        return Ok(());
    }
    for number in 0..u64::BITS {
        let capability = CapabilitySet::from_bits_retain(1 << number);
        // A number that this kernel does not know is refused with EINVAL: nothing to drop there.
        if !kept.contains(capability) && remove_capability_from_bounding_set(capability).is_err() {
            break;
        }
    }
    set_keep_capabilities(true)?;
    set_thread_groups(&groups)?;
    set_thread_res_gid(gid, gid, gid)?;
    set_thread_res_uid(uid, uid, uid)?;
    set_capabilities(None, CapabilitySets { effective: kept, permitted: kept, inheritable: kept })?;
    for capability in kept {
        configure_capability_in_ambient_set(capability, true)?;
    }
    Ok(())
}

fn parse_capabilities(names: &[String]) -> Result<CapabilitySet> {
    names.iter().try_fold(CapabilitySet::empty(), |set, name| {
        let capability = CapabilitySet::from_name(name).with_context(|| format!("no such capability: {name}"))?;
        Ok(set.union(capability))
    })
}
