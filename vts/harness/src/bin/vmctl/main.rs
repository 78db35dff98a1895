//! The guest's own program. As process 1 it is init; init starts it again as `agent`, which speaks with the host; and
//! commands in the guest call it for what they cannot do themselves.
//!
//! It does not decide anything: what to load, start and run comes from the host.

mod agent;
mod channel;
mod control;
mod identity;
mod init;
mod jobs;
mod selinux;
mod services;
mod setup;

use std::process::ExitCode;

use anyhow::{bail, Result};
use vm_harness::protocol::Control;

const HELP: &str = "\
vmctl: asks the host or the guest's agent for something, from inside the guest

Usage:
  vmctl screendump NAME        the host writes what the screen shows to NAME.png in its out folder; returns when done
  vmctl service start          start the allocator service; returns when it is registered
  vmctl service stop           stop it (SIGTERM); returns when it is gone
  vmctl service restart        both
  vmctl service kill           kill it (SIGKILL), as a crash would; returns when it is gone
  vmctl service pid            print its process id; exit code 1 when it does not run
  vmctl runas WHO [--] COMMAND…
                               run COMMAND as WHO = UID[:GID[:GROUP,…]][+CAP,…], e.g. 1000:1000:1003+SYS_NICE
  vmctl domain DOMAIN [--] COMMAND…
                               run COMMAND in this SELinux domain, e.g. surfaceflinger; where a policy is enforced
  vmctl policy FILE            hand the kernel another compiled SELinux policy
  vmctl may SOURCE TARGET CLASS PERMISSION
                               ask the kernel's policy, as a service manager does: prints yes or no; exit code 0 for both

Files that a command leaves in /out arrive in the host's out folder.";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match dispatch(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("vmctl: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(args: &[&str]) -> Result<()> {
    match args {
        _ if std::process::id() == 1 => init::run()?,
        ["agent"] => agent::run()?,
        ["screendump", name] => {
            control::ask(&Control::Screendump { name: (*name).to_owned() })?;
        }
        ["service", "start"] => print(&control::ask(&Control::ServiceStart)?),
        ["service", "stop"] => print(&control::ask(&Control::ServiceStop)?),
        ["service", "restart"] => {
            control::ask(&Control::ServiceStop)?;
            print(&control::ask(&Control::ServiceStart)?);
        }
        ["service", "kill"] => print(&control::ask(&Control::ServiceKill)?),
        ["service", "pid"] => print(&control::ask(&Control::ServicePid)?),
        ["runas", who, "--", command @ ..] | ["runas", who, command @ ..] => identity::run_as(who, None, command)?,
        ["domain", domain, "--", command @ ..] | ["domain", domain, command @ ..] => selinux::run_in(domain, command)?,
        ["policy", file] => selinux::load(file)?,
        ["may", source, target, class, permission] => {
            println!("{}", if selinux::allows(source, target, class, permission)? { "yes" } else { "no" });
        }
        ["enter", terminal, who, command @ ..] => identity::run_as(who, Some(terminal), command)?,
        ["help" | "--help" | "-h"] | [] => println!("{HELP}"),
        _ => bail!("no such command: {}\n{HELP}", args.join(" ")),
    }
    Ok(())
}

fn print(answer: &str) {
    if !answer.is_empty() {
        println!("{answer}");
    }
}
