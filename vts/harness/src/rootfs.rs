//! What a guest's root file system holds, before a command's own files come in: busybox, `vmctl`, the kernel's modules,
//! the service manager with its policy, and the node modes that ueventd would set.

use std::path::{Path, PathBuf};

use crate::arch::Arch;
use crate::error::{At, Error, Result};
use crate::initramfs::Initramfs;
use crate::kernel::Kernel;
use crate::libraries;
use crate::modules::{self, WANTED};
use crate::prerequisites::{ensure, Need};
use crate::progress::Progress;
use crate::protocol::{GuestConfig, Identity, Module, SelinuxConfig, ServiceConfig, CONFIG_PATH, DATA_DIR, OUT_DIR};
use crate::toolchain::Cross;
use crate::{apt, binaries, hub};

/// Android's user and group numbers (AOSP, system/core libcutils android_filesystem_config.h).
const IDS: [(&str, u32); 7] = [
    ("system", 1000),
    ("graphics", 1003),
    ("camera", 1006),
    ("drmrpc", 1026),
    ("cameraserver", 1047),
    ("shell", 2000),
    ("nobody", 9999),
];

/// `(path, mode, uid, gid)`, as AOSP's system/core/rootdir/ueventd.rc has them; what that leaves to the vendor (other
/// heaps, cameras, udmabuf) belongs to the group that uses it.
const NODES: [(&str, u32, u32, u32); 13] = [
    ("/dev/dma_heap/*", 0o440, 1000, 1003),
    ("/dev/dma_heap/system", 0o444, 1000, 1000),
    ("/dev/dma_heap/system-uncached", 0o444, 1000, 1000),
    ("/dev/dma_heap/system-secure", 0o444, 1000, 1000),
    ("/dev/binder", 0o666, 0, 0),
    ("/dev/hwbinder", 0o666, 0, 0),
    ("/dev/vndbinder", 0o666, 0, 0),
    ("/dev/dri/*", 0o666, 0, 1003),
    ("/dev/video*", 0o660, 1000, 1006),
    ("/dev/media*", 0o660, 1000, 1006),
    ("/dev/udmabuf", 0o660, 1000, 1003),
    ("/dev/null", 0o666, 0, 0),
    ("/dev/ptmx", 0o666, 0, 0),
];

/// Where the service's program lies in the guest, as on a device.
pub const SERVICE_PATH: &str = "/vendor/bin/hw/android.hardware.graphics.allocator-service.dmaheap";
/// Where the mapper lies in the guest, as on a device.
pub const MAPPER_PATH: &str = "/vendor/lib64/hw/mapper.dmaheap.so";
/// And where the one for 32-bit clients does.
pub const MAPPER_32_PATH: &str = "/vendor/lib/hw/mapper.dmaheap.so";
/// Where the service's policy lies in the guest: where the service looks by itself.
pub const POLICY_PATH: &str = "/vendor/etc/gralloc/heaps.json";
/// Where the SELinux policy lies in the guest, when it enforces one.
pub const SELINUX_POLICY_PATH: &str = "/etc/selinux/policy.bin";
/// And its labels.
const SELINUX_LABELS_PATH: &str = "/etc/selinux/file_contexts";
/// What the agent is, which does init's work.
const SELINUX_DOMAIN: &str = "u:r:init:s0";
/// Longest wait for the service's registration, milliseconds.
const SERVICE_LIMIT_MS: u64 = 180_000;

/// What init's service entry gives the allocator: `user system`, `group graphics drmrpc`, `capabilities SYS_NICE`.
pub fn service_identity() -> Identity {
    Identity { uid: 1000, gid: 1000, groups: vec![1003, 1026], capabilities: vec!["SYS_NICE".to_owned()] }
}

/// A root file system in the making, and what the guest does with it at start.
pub struct Rootfs {
    files: Initramfs,
    config: GuestConfig,
}

impl Rootfs {
    /// The base: everything but the service and the command's files. `cache` holds what was fetched or built once.
    ///
    /// # Errors
    /// A part cannot be fetched, built or read.
    pub fn base(
        workspace: &Path,
        cache: &Path,
        kernel: &Kernel,
        cross: Option<&Cross>,
        progress: &Progress,
    ) -> Result<Self> {
        let mut files = Initramfs::new();
        files.folder(OUT_DIR, 0o1777).folder(DATA_DIR, 0o1777);
        for empty in ["/dev", "/proc", "/sys", "/run", "/tmp", "/root"] {
            files.folder(empty, 0o755);
        }
        add_busybox(&mut files, kernel.arch, cache, progress)?;
        let vmctl = binaries::build_vmctl(workspace, cross, progress)?;
        files.copy("/init", &vmctl)?.link("/bin/vmctl", "/init");
        let hub = hub::binaries(workspace, cache, cross, progress)?;
        let programs = ["rsb_hub", "rsb_service"].map(|name| (format!("/bin/{name}"), hub.join(name)));
        for (path, from) in &programs {
            files.copy(path, from)?;
        }
        files.file("/etc/rsbinder/hub.d/10-guest.toml", 0o644, hub::policy());
        files.file("/etc/passwd", 0o644, account_lines(|name, id| format!("{name}:x:{id}:{id}::/data:/bin/sh\n")));
        files.file("/etc/group", 0o644, account_lines(|name, id| format!("{name}:x:{id}:\n")));
        let mut config = GuestConfig {
            nodes: NODES.map(|(path, mode, uid, gid)| (path.to_owned(), mode, uid, gid)).to_vec(),
            hub: Some(vec!["/bin/rsb_hub".to_owned(), "--config".to_owned(), "/etc/rsbinder/hub.d".to_owned()]),
            ..GuestConfig::default()
        };
        if let Some(folder) = &kernel.modules {
            let modules = modules::collect(folder, &WANTED)?;
            if !modules.missing.is_empty() {
                progress.step(format_args!("kernel {} lacks {}", kernel.release, modules.missing.join(", ")));
            }
            for module in modules.loaded {
                let path = format!("/lib/modules/{}.ko", module.name);
                files.file(&path, 0o644, module.bytes);
                config.modules.push(Module { path, parameters: module.parameters });
            }
        }
        let mut rootfs = Self { files, config };
        programs.iter().map(|(_, from)| from).chain([&vmctl]).try_for_each(|program| rootfs.libraries(program))?;
        Ok(rootfs)
    }

    /// Puts the service with its libraries and its policy in, and has it started before any command.
    ///
    /// # Errors
    /// One of the two cannot be read.
    pub fn service(&mut self, program: &Path, policy: &Path, arguments: &[String]) -> Result<()> {
        self.file(SERVICE_PATH, program)?;
        self.files.copy(POLICY_PATH, policy)?;
        let mut argv = vec![SERVICE_PATH.to_owned()];
        argv.extend_from_slice(arguments);
        self.config.service = Some(ServiceConfig {
            argv,
            identity: service_identity(),
            instance: hub::ALLOCATOR.to_owned(),
            limit_ms: SERVICE_LIMIT_MS,
        });
        Ok(())
    }

    /// Has the guest enforce SELinux: a compiled policy and its `file_contexts`, from the host.
    ///
    /// # Errors
    /// One of the two cannot be read.
    pub fn selinux(&mut self, policy: &Path, labels: &Path) -> Result<()> {
        self.files.copy(SELINUX_POLICY_PATH, policy)?.copy(SELINUX_LABELS_PATH, labels)?;
        self.config.selinux = Some(SelinuxConfig {
            policy: SELINUX_POLICY_PATH.to_owned(),
            labels: SELINUX_LABELS_PATH.to_owned(),
            domain: SELINUX_DOMAIN.to_owned(),
        });
        Ok(())
    }

    /// Gives a device node a second name, where the guest has nothing of that name: for a heap that its kernel lacks.
    pub fn twin(&mut self, name: &str, node: &str) {
        self.config.twins.push((name.to_owned(), node.to_owned()));
    }

    /// Puts a program of ours at `/vendor/bin/NAME`, where commands find it, with the libraries that it is linked to.
    ///
    /// # Errors
    /// It cannot be read, or a library is missing on the host.
    pub fn program(&mut self, name: &str, from: &Path) -> Result<()> {
        self.files.copy(&format!("/vendor/bin/{name}"), from)?;
        self.libraries(from)
    }

    /// Puts a user's file or folder into [`DATA_DIR`] under its own name, with the libraries it is linked to.
    ///
    /// # Errors
    /// It cannot be read, or a library is missing on the host.
    pub fn user_file(&mut self, from: &Path) -> Result<()> {
        let name = from.canonicalize().at(from.display())?;
        let name = name.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        self.file(&format!("{DATA_DIR}/{name}"), from)
    }

    /// Takes the libraries of a program in, or of all programs in a folder.
    fn libraries(&mut self, from: &Path) -> Result<()> {
        if from.is_dir() {
            for entry in std::fs::read_dir(from).at(from.display())? {
                self.libraries(&entry.at(from.display())?.path())?;
            }
            return Ok(());
        }
        for (path, library) in libraries::closure(from)? {
            let path = path.display().to_string();
            if !self.files.contains(&path) {
                self.files.copy(&path, &library)?;
            }
        }
        Ok(())
    }

    /// Puts any other file or folder at an absolute path in the guest, with the libraries that programs in it need.
    ///
    /// # Errors
    /// It cannot be read, or a library is missing on the host.
    pub fn file(&mut self, path: &str, from: &Path) -> Result<()> {
        self.files.copy_tree(path, from)?;
        self.libraries(from)
    }

    /// Whether a service is in it.
    pub fn has_service(&self) -> bool {
        self.config.service.is_some()
    }

    /// Writes it as an initramfs.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&mut self, path: &Path) -> Result<()> {
        let config = serde_json::to_vec(&self.config).map_err(|error| Error::Protocol(error.to_string()))?;
        self.files.file(CONFIG_PATH, 0o644, config);
        self.files.write(path)
    }
}

fn account_lines(line: impl Fn(&str, u32) -> String) -> String {
    std::iter::once(("root", 0)).chain(IDS).map(|(name, id)| line(name, id)).collect()
}

/// The static busybox of the host, or Debian's package of it. The guest makes the links to its commands: it runs there.
fn add_busybox(files: &mut Initramfs, arch: Arch, cache: &Path, progress: &Progress) -> Result<()> {
    const PACKAGE: &str = "busybox-static";
    let unpacked = cache.join(format!("{PACKAGE}-{}", arch.debian()));
    let places =
        || ["usr/bin/busybox", "bin/busybox"].map(|place| unpacked.join(place)).into_iter().find(|p| p.is_file());
    let on_host = || if arch == Arch::X86_64 { static_on_host() } else { None };
    let busybox = match places().or_else(on_host) {
        Some(path) => path,
        None => {
            match arch {
                Arch::X86_64 => apt::unpack(PACKAGE, &unpacked, progress)?,
                // Of a processor that the machine's own apt need not know.
                Arch::Arm64 => {
                    ensure(&[Need::DebianKeys], cache, progress)?;
                    apt::unpack_foreign(PACKAGE, arch, &unpacked, progress)?;
                }
            }
            places().ok_or_else(|| Error::BadFile { path: unpacked.clone(), problem: "no busybox in it".to_owned() })?
        }
    };
    files.copy("/bin/busybox", &busybox)?;
    Ok(())
}

fn static_on_host() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&path).map(|folder| folder.join("busybox")).find(|path| path.is_file())?;
    libraries::closure(&found).is_ok_and(|libraries| libraries.is_empty()).then_some(found)
}
