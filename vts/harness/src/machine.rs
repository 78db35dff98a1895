//! The emulated machine: QEMU's command line, its process, and the byte channels to it.
//!
//! Channels are socket pairs that QEMU inherits, so nothing lies in the file system and each side sees the other's end.

use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use clap::ValueEnum;
use rustix::io::{fcntl_setfd, FdFlags};

use crate::arch::Arch;
use crate::error::{At, Error, Result};
use crate::kernel::Kernel;
use crate::progress::{run_captured, tail};
use crate::protocol::PORT_NAME;

/// What makes the guest's processors run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Accel {
    /// QEMU's own emulation: slow, the same everywhere.
    Tcg,
    /// The host's virtualisation, where it works.
    Kvm,
}

/// The machine's size and extras.
#[derive(Debug, Clone)]
pub struct Options {
    /// Emulation or virtualisation.
    pub accel: Accel,
    /// Memory, MiB.
    pub memory_mib: u32,
    /// Processors.
    pub cpus: u32,
    /// Further words for the kernel's command line.
    pub append: String,
}

/// A running QEMU and our ends of its channels.
pub struct Machine {
    /// The process.
    pub process: Child,
    /// The virtio-serial port.
    pub port: UnixStream,
    /// The second UART, for a kernel without virtio console; `virt` has but one.
    pub uart: Option<UnixStream>,
    /// QMP.
    pub qmp: UnixStream,
}

/// The kernel's command line.
///
/// An oops ends the guest at once (panic=-1 with -no-reboot makes QEMU exit), so that it is seen and not waited for.
/// SELinux instead of AppArmor because binder's security contexts fail under the latter; no policy is loaded. The
/// module parameters are for kernels that have these drivers built in; with modules they are passed at loading.
fn command_line(kernel: &Kernel, options: &Options) -> String {
    let console = match kernel.arch {
        Arch::X86_64 => "console=ttyS0",
        Arch::Arm64 => "console=ttyAMA0",
    };
    let line = "loglevel=5 panic=-1 oops=panic security=selinux selinux=1 enforcing=0 \
                vivid.n_devs=2 vivid.allocators=0,1 vivid.node_types=0x1,0x1";
    let words = [console, line, kernel.words, &options.append];
    words.into_iter().filter(|words| !words.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Starts QEMU on a kernel and an initramfs; the guest's console goes to `console`.
///
/// # Errors
/// QEMU cannot be started, or KVM was asked for and does not work.
pub fn start(kernel: &Kernel, initramfs: &Path, console: &Path, options: &Options) -> Result<Machine> {
    if options.accel == Accel::Kvm {
        check_kvm(kernel.arch)?;
    }
    let (port, port_theirs) = UnixStream::pair().at("socket pair")?;
    let (uart, uart_theirs) = UnixStream::pair().at("socket pair")?;
    let (qmp, qmp_theirs) = UnixStream::pair().at("socket pair")?;
    // QEMU's own words go to the same file; both append.
    let log = File::options().create(true).append(true).open(console).at(console.display())?;
    let log_path = console.display().to_string().replace(',', ",,");
    let theirs = [&port_theirs, &uart_theirs, &qmp_theirs].map(inheritable);
    let [port_fd, uart_fd, qmp_fd] = theirs;
    let (port_fd, uart_fd, qmp_fd) = (port_fd?, uart_fd?, qmp_fd?);
    let has_uart = kernel.arch == Arch::X86_64;
    let qemu = kernel.arch.qemu();
    let mut command = Command::new(qemu);
    command
        .args(["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-machine"])
        .arg(match kernel.arch {
            Arch::X86_64 => "pc",
            Arch::Arm64 => "virt,gic-version=3",
        })
        .args(accel_arguments(options.accel, kernel.arch))
        .args(["-smp", &options.cpus.to_string(), "-m", &options.memory_mib.to_string()])
        .arg("-kernel")
        .arg(&kernel.image)
        .arg("-initrd")
        .arg(initramfs)
        .args(["-append", &command_line(kernel, options)])
        .args(kernel.display())
        .args(["-chardev", &format!("file,id=console,append=on,path={log_path}"), "-serial", "chardev:console"])
        .args(["-device", "virtio-serial-pci"])
        .args(["-chardev", &format!("socket,id=port,fd={port_fd}")])
        .args(["-device", &format!("virtserialport,chardev=port,name={PORT_NAME}")])
        .args(["-chardev", &format!("socket,id=qmp,fd={qmp_fd}"), "-mon", "chardev=qmp,mode=control"])
        .stdin(Stdio::null())
        .stdout(log.try_clone().at(console.display())?)
        .stderr(log);
    if has_uart {
        command.args(["-chardev", &format!("socket,id=uart,fd={uart_fd}"), "-serial", "chardev:uart"]);
    }
    let process = command.spawn().at(qemu)?;
    Ok(Machine { process, port, uart: has_uart.then_some(uart), qmp })
}

fn accel_arguments(accel: Accel, arch: Arch) -> [&'static str; 4] {
    match (accel, arch) {
        (Accel::Tcg, Arch::X86_64) => ["-accel", "tcg,thread=multi", "-cpu", "max"],
        // Pointer authentication by its own rules costs an emulator half of its speed.
        (Accel::Tcg, Arch::Arm64) => ["-accel", "tcg,thread=multi", "-cpu", "max,pauth-impdef=on"],
        (Accel::Kvm, _) => ["-accel", "kvm", "-cpu", "host"],
    }
}

/// Lets a child inherit the socket. Ours is closed when the pair's other half drops at the end of [`start`].
fn inheritable(socket: &UnixStream) -> Result<i32> {
    fcntl_setfd(socket, FdFlags::empty()).map_err(std::io::Error::from).at("socket pair")?;
    Ok(socket.as_raw_fd())
}

/// Asks QEMU itself: the node may be there and not work.
fn check_kvm(arch: Arch) -> Result<()> {
    if arch != Arch::X86_64 {
        return Err(Error::Kvm(format!("the host is a PC, and the guest {arch}")));
    }
    if let Err(error) = File::options().read(true).write(true).open("/dev/kvm").map(OwnedFd::from) {
        return Err(Error::Kvm(format!("/dev/kvm: {error}")));
    }
    // Paused and without a kernel, it ends at once on the monitor's word.
    let mut probe = Command::new(arch.qemu());
    probe.args(["-accel", "kvm", "-cpu", "host", "-nodefaults", "-display", "none", "-S", "-monitor", "stdio"]);
    match run_captured(&mut probe) {
        Ok(_) => Ok(()),
        Err(Error::Command { output, .. }) => Err(Error::Kvm(tail(&output, 3))),
        Err(other) => Err(other),
    }
}
