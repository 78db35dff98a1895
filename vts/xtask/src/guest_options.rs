//! The options that every command with a guest has, and the guest they describe.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, ValueEnum};
use vm_harness::archive;
use vm_harness::binaries::{Built, GUEST_PROFILE};
use vm_harness::full_kernel;
use vm_harness::guest::Guest;
use vm_harness::kernel::Kernel;
use vm_harness::machine::{Accel, Options};
use vm_harness::prerequisites::{ensure, Need};
use vm_harness::rootfs::Rootfs;

use crate::context::Context;
use crate::service;

/// What makes the guest's processors run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AccelName {
    /// QEMU's own emulation: works everywhere.
    Tcg,
    /// The host's virtualisation, where it works.
    Kvm,
}

/// Options of the emulated machine.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Machine")]
pub(crate) struct MachineArgs {
    /// Another kernel: a bzImage, or the folder of an unpacked kernel package; or "archive:6.18", the newest of that
    /// series in Debian's archive, or "archive:newest"; or "full": our own build of Debian's source with a contiguous
    /// heap, writeback, binderfs, dma-buf statistics and fault injection, made once (5 to 15 minutes) [default: the
    /// newest package that the machine's apt knows and that has binder and dma-buf heaps]
    #[arg(long, value_name = "full|archive:SERIES|PATH")]
    kernel: Option<PathBuf>,
    /// The modules of --kernel (its lib/modules/RELEASE), where they are not found beside it
    #[arg(long, value_name = "DIR", requires = "kernel")]
    modules: Option<PathBuf>,
    /// Emulation or virtualisation
    #[arg(long, value_enum, default_value = "tcg")]
    accel: AccelName,
    /// Memory, MiB
    #[arg(long, value_name = "MIB", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(256..=65536))]
    memory: u32,
    /// Processors
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=64))]
    smp: u32,
    /// Further words for the kernel's command line, for example "cma=64M"
    #[arg(long, value_name = "WORDS", default_value = "", allow_hyphen_values = true)]
    append: String,
}

impl MachineArgs {
    /// Whether it is the second kernel already.
    pub(crate) fn is_on_full_kernel(&self) -> bool {
        self.kernel.as_deref() == Some(Path::new(full_kernel::NAME))
    }

    /// The same machine with the second kernel.
    pub(crate) fn on_full_kernel(&self) -> Self {
        Self { kernel: Some(full_kernel::NAME.into()), modules: None, ..self.clone() }
    }

    /// As arguments of another process of this program.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let path =
            |name: &str, path: &Option<PathBuf>| path.as_ref().map(|path| format!("--{name}={}", path.display()));
        let accel = match self.accel {
            AccelName::Tcg => "tcg",
            AccelName::Kvm => "kvm",
        };
        let always = [
            format!("--accel={accel}"),
            format!("--memory={}", self.memory),
            format!("--smp={}", self.smp),
            format!("--append={}", self.append),
        ];
        path("kernel", &self.kernel).into_iter().chain(path("modules", &self.modules)).chain(always).collect()
    }

    fn options(&self) -> Options {
        let accel = match self.accel {
            AccelName::Tcg => Accel::Tcg,
            AccelName::Kvm => Accel::Kvm,
        };
        Options { accel, memory_mib: self.memory, cpus: self.smp, append: self.append.clone() }
    }
}

/// The service's policy.
#[derive(Debug, Clone, Args)]
pub(crate) struct PolicyArgs {
    /// The service's policy: a shipped profile's name, or a file in TOML or compiled JSON
    #[arg(long, value_name = "PROFILE|FILE", default_value = "generic")]
    pub(crate) policy: String,
}

/// The options of a command that boots a guest with the service, runs something there and leaves files.
#[derive(Debug, Clone, Args)]
pub(crate) struct RunArgs {
    /// Where the files go that it leaves [default: the command's name in Cargo's target folder]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    machine: MachineArgs,
}

impl RunArgs {
    /// The policy's name or file.
    pub(crate) fn policy(&self) -> &str {
        &self.policy.policy
    }

    /// The folder of what this command leaves.
    pub(crate) fn out(&self, context: &Context, command: &str) -> PathBuf {
        self.out.clone().unwrap_or_else(|| context.target.join(command))
    }

    /// Boots a guest with the service and the programs of these packages.
    pub(crate) fn boot(&self, context: &Context, out: &Path, packages: &[&str]) -> Result<Guest> {
        let built = service::build(context, GUEST_PROFILE, packages)?;
        self.boot_with(self.policy(), &built, context, out, packages)
    }

    /// The same with a policy that was made of the one that was asked for, and with what was built before.
    pub(crate) fn boot_with(
        &self,
        policy: &str,
        built: &Built,
        context: &Context,
        out: &Path,
        packages: &[&str],
    ) -> Result<Guest> {
        let mut prepared = Prepared::new(context, &self.machine)?;
        service::add(context, &mut prepared.rootfs, built, policy, packages)?;
        prepared.boot(context, out)
    }
}

/// A kernel and a base root file system, ready to be filled and booted.
pub(crate) struct Prepared {
    /// The kernel.
    pub(crate) kernel: Kernel,
    /// The root file system so far.
    pub(crate) rootfs: Rootfs,
    options: Options,
}

impl Prepared {
    /// Makes sure that the machine has what guests need, and finds or builds the base.
    pub(crate) fn new(context: &Context, machine: &MachineArgs) -> Result<Self> {
        let progress = &context.progress;
        ensure(&[Need::Qemu, Need::Linker], &context.cache(), progress)?;
        let cache = context.cache();
        let kernel = match &machine.kernel {
            Some(path) if path == Path::new(full_kernel::NAME) => full_kernel::get(&cache, progress)?,
            Some(path) => match path.to_str().and_then(|text| text.strip_prefix(archive::WORD)) {
                Some(series) => Kernel::from_series(series, &cache, progress)?,
                None => Kernel::from_path(path, machine.modules.as_deref())?,
            },
            None => Kernel::from_archive(&cache, progress)?,
        };
        let rootfs = Rootfs::base(&context.workspace, &cache, &kernel, progress)?;
        Ok(Self { kernel, rootfs, options: machine.options() })
    }

    /// Boots; pictures that commands ask for go to `out`.
    pub(crate) fn boot(&mut self, context: &Context, out: &Path) -> Result<Guest> {
        Ok(Guest::boot(&self.kernel, &mut self.rootfs, &self.options, &context.cache(), out, &context.progress)?)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        machine: MachineArgs,
    }

    #[test]
    fn arguments_for_another_process_say_the_same() {
        let given =
            ["x", "--kernel", "a b", "--modules=m", "--accel=kvm", "--smp=1", "--memory=512", "--append", "-x y=1"];
        let given = Command::parse_from(given).machine;
        let read = Command::parse_from(std::iter::once("x".to_owned()).chain(given.arguments())).machine;
        assert_eq!(format!("{given:?}"), format!("{read:?}"));
    }
}
