//! The options that every command with a guest has, and the guest they describe.

use std::path::{Path, PathBuf};

use anyhow::{ensure, Result};
use clap::{Args, ValueEnum};
use vm_harness::arch::{word, Arch, ARM64};
use vm_harness::archive;
use vm_harness::binaries::{Built, GUEST_PROFILE};
use vm_harness::full_kernel::{self, Build};
use vm_harness::guest::Guest;
use vm_harness::kernel::Kernel;
use vm_harness::machine::{Accel, Options};
use vm_harness::prerequisites::{self, Need};
use vm_harness::protocol::GuestFacts;
use vm_harness::rootfs::Rootfs;
use vm_harness::toolchain::Cross;

use crate::aosp;
use crate::context::Context;
use crate::service;

/// The size of an arm64 kernel's pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Pages {
    /// 4 KiB.
    #[value(name = "4k")]
    Small,
    /// 16 KiB.
    #[value(name = "16k")]
    Large,
}

impl Pages {
    /// Refuses a kernel that turned out to have others.
    fn check(self, kernel: &GuestFacts) -> Result<()> {
        let asked = match self {
            Self::Small => 4 << 10,
            Self::Large => 16 << 10,
        };
        ensure!(kernel.page_bytes == asked, "--pages {}: the kernel is {}", word(&self), kernel.kernel());
        Ok(())
    }
}

/// A machine that the gate runs beside the one that it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Other {
    /// A PC with a kernel of our own.
    Full,
    /// A PC with a newer kernel, of this series of Debian's archive.
    Newer(&'static str),
    /// arm64.
    Arm64(Pages),
}

/// Options of the emulated machine.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Machine")]
pub(crate) struct MachineArgs {
    /// The guest's processor; programs for another than the host's are cross-built
    #[arg(long, value_enum, default_value = "x86-64")]
    arch: Arch,
    /// How large the pages of the arm64 kernel are; one of --kernel PATH is refused where its own are others [default: 4k]
    #[arg(long, value_enum)]
    pages: Option<Pages>,
    /// Another kernel: a bzImage, or the folder of an unpacked kernel package; or "archive:6.18", the newest of that
    /// series in Debian's archive, or "archive:newest"; or "full": our own build of Debian's source with a contiguous
    /// heap, writeback, binderfs, dma-buf statistics and fault injection, made once (5 to 15 minutes) [default: the
    /// newest package that the machine's apt knows and that has binder and dma-buf heaps; for arm64, whose packages have
    /// no heaps, "full"]
    #[arg(long, value_name = "full|archive:SERIES|PATH")]
    kernel: Option<PathBuf>,
    /// The modules of --kernel IMAGE (its lib/modules/RELEASE), where they are not found beside it
    #[arg(long, value_name = "DIR", requires = "kernel")]
    modules: Option<PathBuf>,
    /// Emulation or virtualisation
    #[arg(long, value_enum, default_value = "tcg")]
    accel: Accel,
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
    /// Whether it runs 32-bit programs.
    pub(crate) fn runs_i686(&self) -> bool {
        self.arch == Arch::X86_64 && self.kernel.as_deref() != Some(Path::new(full_kernel::NAME))
    }

    /// What the host has to have for it.
    pub(crate) fn needs(&self) -> &'static [Need] {
        self.arch.needs()
    }

    /// The same with another word on the kernel's command line.
    pub(crate) fn with_word(&self, word: &str) -> Self {
        Self { append: format!("{} {word}", self.append), ..self.clone() }
    }

    /// Another machine of the same size.
    pub(crate) fn on(&self, other: Other) -> Self {
        let (arch, pages, kernel) = match other {
            Other::Full => (Arch::X86_64, None, Some(full_kernel::NAME.to_owned())),
            Other::Newer(series) => (Arch::X86_64, None, Some(format!("{}{series}", archive::WORD))),
            Other::Arm64(pages) => (Arch::Arm64, Some(pages), None),
        };
        Self { arch, pages, kernel: kernel.map(Into::into), modules: None, ..self.clone() }
    }

    /// As arguments of another process of this program.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let path =
            |name: &str, path: &Option<PathBuf>| path.as_ref().map(|path| format!("--{name}={}", path.display()));
        let always = [
            format!("--arch={}", self.arch),
            format!("--accel={}", word(&self.accel)),
            format!("--memory={}", self.memory),
            format!("--smp={}", self.smp),
            format!("--append={}", self.append),
        ];
        let pages = self.pages.map(|pages| format!("--pages={}", word(&pages)));
        let paths = path("kernel", &self.kernel).into_iter().chain(path("modules", &self.modules));
        paths.chain(pages).chain(always).collect()
    }

    /// Refuses options that say nothing of this kernel.
    fn check(&self) -> Result<()> {
        let arm64 = self.arch == Arch::Arm64;
        ensure!(arm64 || self.pages.is_none(), "--pages: a PC's are 4 KiB; give --arch arm64 with it");
        let Some(kernel) = self.kernel.as_deref().and_then(Path::to_str) else { return Ok(()) };
        let series = kernel.starts_with(archive::WORD);
        ensure!(!(series && arm64), "--kernel {kernel}: Debian's arm64 kernels have no dma-buf heaps");
        let own = series || kernel == full_kernel::NAME;
        ensure!(!own || self.modules.is_none(), "--modules goes with --kernel IMAGE; {kernel} has its own");
        Ok(())
    }

    /// The kernel, found or built.
    fn kernel(&self, context: &Context) -> Result<Kernel> {
        self.check()?;
        let (cache, progress) = (context.cache(), &context.progress);
        let full = |path: &Path| path == Path::new(full_kernel::NAME);
        let Some(path) = self.kernel.as_deref().filter(|path| !full(path)) else {
            let build = match (self.arch, self.pages) {
                (Arch::X86_64, _) if self.kernel.is_none() => return Ok(Kernel::from_archive(&cache, progress)?),
                (Arch::X86_64, _) => Build::X86_64,
                (Arch::Arm64, Some(Pages::Large)) => Build::Arm64With16k,
                (Arch::Arm64, _) => Build::Arm64With4k,
            };
            return Ok(full_kernel::get(build, &cache, progress)?);
        };
        Ok(match path.to_str().and_then(|text| text.strip_prefix(archive::WORD)) {
            Some(series) => Kernel::from_series(series, &cache, progress)?,
            None => Kernel::from_path(path, self.modules.as_deref())?,
        })
    }

    fn options(&self) -> Options {
        Options { accel: self.accel, memory_mib: self.memory, cpus: self.smp, append: self.append.clone() }
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

    /// The guest's processor.
    pub(crate) fn arch(&self) -> Arch {
        self.machine.arch
    }

    /// The same with another word on the kernel's command line.
    pub(crate) fn with_word(&self, word: &str) -> Self {
        Self { machine: self.machine.with_word(word), ..self.clone() }
    }

    /// The folder of what this command leaves.
    pub(crate) fn out(&self, context: &Context, command: &str) -> PathBuf {
        self.out.clone().unwrap_or_else(|| context.target.join(command))
    }

    /// Boots a guest with the service and the programs of these packages.
    pub(crate) fn boot(&self, context: &Context, out: &Path, packages: &[&str]) -> Result<Guest> {
        let mut prepared = Prepared::new(context, &self.machine)?;
        let built = service::build(context, prepared.cross.as_ref(), GUEST_PROFILE, packages)?;
        service::add(context, &mut prepared.rootfs, &built, self.policy(), packages)?;
        prepared.boot(context, out)
    }

    /// The same with a policy that was made of the one that was asked for, with what was built before, and with further files by
    /// their paths in the guest.
    pub(crate) fn boot_with(
        &self,
        policy: &str,
        built: &Built,
        context: &Context,
        out: &Path,
        packages: &[&str],
        files: &[(&str, &Path)],
    ) -> Result<Guest> {
        let mut prepared = Prepared::new(context, &self.machine)?;
        service::add(context, &mut prepared.rootfs, built, policy, packages)?;
        files.iter().try_for_each(|(path, from)| prepared.rootfs.file(path, from).map(drop))?;
        prepared.boot(context, out)
    }
}

/// A kernel and a base root file system, ready to be filled and booted.
pub(crate) struct Prepared {
    /// The kernel.
    pub(crate) kernel: Kernel,
    /// The root file system so far.
    pub(crate) rootfs: Rootfs,
    /// How programs for it are built, where it is not as the host.
    pub(crate) cross: Option<Cross>,
    options: Options,
    pages: Option<Pages>,
}

impl Prepared {
    /// Makes sure that the machine has what guests need, and finds or builds the base.
    pub(crate) fn new(context: &Context, machine: &MachineArgs) -> Result<Self> {
        let (cache, progress) = (context.cache(), &context.progress);
        let arch = machine.arch;
        prerequisites::ensure(&[Need::Linker], &cache, progress)?;
        prerequisites::ensure(machine.needs(), &cache, progress)?;
        let kernel = machine.kernel(context)?;
        let image = kernel.arch;
        ensure!(image == arch, "{}: an image for {image}; that goes with --arch {image}", kernel.image.display());
        let cross = match arch {
            Arch::X86_64 => None,
            Arch::Arm64 => Some(Cross::get(&ARM64, &aosp::android_toolchain(context), &context.target, progress)?),
        };
        let rootfs = Rootfs::base(&context.workspace, &cache, &kernel, cross.as_ref(), progress)?;
        Ok(Self { kernel, rootfs, cross, options: machine.options(), pages: machine.pages })
    }

    /// Boots; pictures that commands ask for go to `out`.
    pub(crate) fn boot(&mut self, context: &Context, out: &Path) -> Result<Guest> {
        let (cache, progress) = (context.cache(), &context.progress);
        let guest = Guest::boot(&self.kernel, &mut self.rootfs, &self.options, &cache, out, progress)?;
        if let Some(pages) = self.pages {
            pages.check(guest.facts())?;
        }
        Ok(guest)
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

    #[derive(Parser)]
    struct Run {
        #[command(flatten)]
        run: RunArgs,
    }

    #[test]
    fn machine_with_another_word_keeps_those_of_its_kernel() {
        let given = Run::parse_from(["trace", "--append", "cma=64M", "--smp=1"]).run;
        let words = given.with_word("GRALLOC_TRACE=1").machine.arguments();
        for word in ["--memory=1024", "--smp=1", "--append=cma=64M GRALLOC_TRACE=1"] {
            assert!(words.contains(&word.to_owned()), "{words:?}");
        }
    }

    #[test]
    fn arguments_for_another_process_say_the_same() {
        let given =
            ["x", "--kernel", "a b", "--modules=m", "--accel=kvm", "--smp=1", "--memory=512", "--append", "-x y=1"];
        let given = Command::parse_from(given).machine;
        let read = Command::parse_from(std::iter::once("x".to_owned()).chain(given.arguments())).machine;
        assert_eq!(format!("{given:?}"), format!("{read:?}"));
    }

    #[test]
    fn option_that_says_nothing_of_the_kernel_is_refused() {
        let refused = |arguments: &[&str]| {
            let machine = Command::parse_from(["x"].iter().chain(arguments)).machine;
            machine.check().err().map(|error| error.to_string()).unwrap_or_default()
        };
        for kernel in ["archive:6.18", "full"] {
            let said = refused(&["--kernel", kernel, "--modules", "m"]);
            assert_eq!(said, format!("--modules goes with --kernel IMAGE; {kernel} has its own"));
            assert_eq!(refused(&["--kernel", kernel]), "");
        }
        assert_eq!(refused(&["--kernel", "bzImage", "--modules", "m"]), "");
        assert!(refused(&["--pages", "16k"]).ends_with("give --arch arm64 with it"));
        assert!(refused(&["--arch", "arm64", "--kernel", "archive:newest"]).ends_with("have no dma-buf heaps"));
    }

    #[test]
    fn kernel_with_other_pages_than_asked_for_is_refused() {
        let kernel = |page_bytes| GuestFacts {
            release: "6.12.1".to_owned(),
            machine: "aarch64".to_owned(),
            page_bytes,
            ..GuestFacts::default()
        };
        assert!(Pages::Small.check(&kernel(4 << 10)).is_ok() && Pages::Large.check(&kernel(16 << 10)).is_ok());
        let error = Pages::Large.check(&kernel(4 << 10)).unwrap_err().to_string();
        assert_eq!(error, "--pages 16k: the kernel is 6.12.1 (aarch64, pages of 4 KiB)");
    }
}
