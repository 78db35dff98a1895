//! `cargo xtask vm`: a shell in a guest, or one command of the user's.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{bail, Result};
use clap::Args as ClapArgs;
use vm_harness::binaries::GUEST_PROFILE;
use vm_harness::guest::Guest;
use vm_harness::job::GuestCommand;
use vm_harness::protocol::{Identity, Status, OUT_DIR};

use crate::context::Context;
use crate::guest_options::{MachineArgs, PolicyArgs, Prepared};
use crate::service;

/// Open a shell in a guest with the service up, or run a command there
///
/// Without a command it is a shell (`exit` powers off). With one, the command's output comes out here as it is
/// written, its exit status becomes ours (128 + N after signal N, 124 at the time limit, 127 when it cannot be
/// started), and the files it leaves in /out arrive in --out.
///
/// In the guest: real kernel binder with a service manager, the allocator registered as
/// android.hardware.graphics.allocator.IAllocator/default and run as uid 1000, /dev/dma_heap, a vivid camera
/// (/dev/video*), a display (/dev/dri/card0: cirrus, from Linux 6.17 bochs), busybox, and `vmctl` (`vmctl --help`:
/// pictures of the screen, stopping and starting the service, running as another user).
#[derive(ClapArgs)]
#[command(after_help = "Examples:\n  cargo xtask vm\n  cargo xtask vm --add ./my_client -- my_client --frames 10\n  \
                        cargo xtask vm --user 1047:1047:1006 -- sh -c 'id; ls -l /dev/dma_heap'\n  \
                        cargo xtask vm --out shots -- vmctl screendump now")]
pub(crate) struct Args {
    /// A file or folder to take into the guest's /data, which is on the PATH and the working directory; libraries of
    /// a dynamically linked program come with it
    #[arg(long, value_name = "FILE", num_args = 1..)]
    add: Vec<PathBuf>,
    #[command(flatten)]
    policy: PolicyArgs,
    /// Leave the service out: a guest with binder, service manager, heaps, camera and display
    #[arg(long, conflicts_with = "policy")]
    no_service: bool,
    /// Who the command runs as: UID[:GID[:GROUP,…]][+CAPABILITY,…]
    #[arg(long, value_name = "WHO", default_value = "0")]
    user: Identity,
    /// Kill the command after this many seconds [default: 600 for a command, none for a shell]
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,
    /// Where the files of /out and pictures go [default: vm/out in Cargo's target folder]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Say nothing but what the command says
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    machine: MachineArgs,
    /// The command and its arguments
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// Runs it.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    if args.command.is_empty() && !(std::io::stdin().is_terminal() && std::io::stdout().is_terminal()) {
        bail!("a shell needs a terminal; give a command after --");
    }
    // Before anything is built for them.
    for file in &args.add {
        anyhow::ensure!(file.exists(), "--add {}: no such file or folder", file.display());
    }
    let context = Context::new(args.quiet)?;
    let mut prepared = Prepared::new(&context, &args.machine)?;
    if !args.no_service {
        let built = service::build(&context, prepared.cross.as_ref(), GUEST_PROFILE, &[])?;
        service::add(&context, &mut prepared.rootfs, &built, &args.policy.policy, &[])?;
    }
    for file in &args.add {
        prepared.rootfs.user_file(file)?;
    }
    let out = args.out.clone().unwrap_or_else(|| context.cache().join("out"));
    let guest = prepared.boot(&context, &out)?;
    let status = command(&context, &guest, args)?;
    let files = guest.fetch(OUT_DIR, &out)?;
    if !files.is_empty() {
        context.progress.step(format_args!("{} in {}", files.join(", "), out.display()));
    }
    if let Status::NotStarted(why) = &status {
        eprintln!("error: {why}");
    }
    if !status.success() {
        context.progress.step(format_args!("{status}; guest's logs: {}", guest.keep_logs().display()));
    }
    guest.power_off()?;
    Ok(ExitCode::from(u8::try_from(status.code()).unwrap_or(1)))
}

fn command(context: &Context, guest: &Guest, args: &Args) -> Result<Status> {
    let shell = args.command.is_empty();
    let argv = if shell { vec!["sh".to_owned(), "-l".to_owned()] } else { args.command.clone() };
    let limit = args.timeout.or(if shell { None } else { Some(600) });
    let command = GuestCommand { argv, limit: limit.map(Duration::from_secs), ..GuestCommand::default() };
    let command = command.user(args.user.clone());
    if shell {
        context.progress.step("a shell; `exit` powers the guest off");
    }
    Ok(guest.run(&command, shell)?)
}
