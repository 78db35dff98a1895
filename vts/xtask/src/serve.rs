//! `cargo xtask serve`: the service on this machine, on a unix socket.

use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result};
use clap::{Args as ClapArgs, ValueEnum};
use vm_harness::arch::word;
use vm_harness::binaries;

use crate::context::Context;
use crate::guest_options::PolicyArgs;
use crate::service;

/// Where buffers come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Heaps {
    /// The nodes under /dev/dma_heap.
    Kernel,
    /// Stand-in: /dev/udmabuf over sealed memfds.
    Udmabuf,
    /// Stand-in: sealed memfds; works everywhere, no device can import them.
    Memfd,
}

/// Start the service on this machine, on a unix socket, until Ctrl-C
///
/// For machines without binder. Ask it with `cargo run -p heapctl -- alloc --socket PATH …`. A stand-in for dma-heaps is
/// never chosen for you, and says so in the log and in every dump.
#[derive(ClapArgs)]
pub(crate) struct Args {
    /// Where buffers come from
    #[arg(long, value_enum)]
    heaps: Heaps,
    /// The socket [default: allocator.sock in Cargo's target folder]
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    #[command(flatten)]
    policy: PolicyArgs,
}

/// Runs it; comes back only when the service could not be started.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let context = Context::new(false)?;
    context.progress.step("building the service");
    let built = binaries::build(&context.workspace, &[service::SERVER, service::HEAPCTL], "dev", &context.progress)?;
    let policy = service::compile(&context, &built, &args.policy.policy)?;
    let socket = args.socket.clone().unwrap_or_else(|| context.target.join("allocator.sock"));
    let program = service::program(&built)?;
    context.progress.step(format_args!(
        "ask it with: cargo run -p heapctl -- alloc --socket {} --format RGBA_8888 --size 64x64",
        socket.display()
    ));
    let error = Command::new(program)
        .args(["--heaps", &word(&args.heaps)])
        .arg("--policy")
        .arg(policy)
        .arg("--socket")
        .arg(socket)
        .exec();
    Err(error).with_context(|| program.display().to_string())
}
