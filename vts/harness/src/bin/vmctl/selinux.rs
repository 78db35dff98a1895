//! SELinux in the guest: what Android's init does between the kernel's start and the first service, and the domains of
//! commands.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use anyhow::{anyhow, bail, Context, Result};
use rustix::fs::{lsetxattr, XattrFlags};
use vm_harness::labels::Labels;
use vm_harness::protocol::SelinuxConfig;

/// The kernel's interface (selinuxfs, security/selinux/selinuxfs.c).
const SELINUX: &str = "/sys/fs/selinux";
/// The attribute that holds a label (include/uapi/linux/xattr.h, XATTR_NAME_SELINUX).
const ATTRIBUTE: &str = "security.selinux";
/// The kernel labels what lies there by itself, by the policy's genfscon and fs_use entries.
const LABELLED_BY_THE_KERNEL: [&str; 3] = ["/proc", "/sys", "/dev/pts"];

/// Loads the policy, takes this process into its domain, labels every file, and enforces. This process must have one
/// thread: the kernel lets no other change its domain.
pub(crate) fn enforce(config: &SelinuxConfig) -> Result<()> {
    if !Path::new(SELINUX).join("load").exists() {
        bail!("the kernel has no SELinux (CONFIG_SECURITY_SELINUX, and security=selinux on its command line)");
    }
    // Denials go to the kernel's log where no auditd runs: none must get lost, and each is to be in the console's log too.
    write("/proc/sys/kernel/printk_ratelimit", "0")?;
    write("/proc/sys/kernel/printk", "6")?;
    load(&config.policy)?;
    write("/proc/self/attr/current", &config.domain)?;
    let text = fs::read_to_string(&config.labels).with_context(|| config.labels.clone())?;
    let labels = Labels::read(&text).map_err(|error| anyhow!("{}: {error}", config.labels))?;
    label(&labels, Path::new("/"))?;
    write("/sys/fs/selinux/enforce", "1")
}

/// Hands a compiled policy to the kernel, in one write.
pub(crate) fn load(policy: &str) -> Result<()> {
    let bytes = fs::read(policy).with_context(|| policy.to_owned())?;
    fs::write(Path::new(SELINUX).join("load"), bytes).with_context(|| format!("the kernel refuses the policy {policy}"))
}

/// Replaces this process by a command in a domain.
pub(crate) fn run_in(domain: &str, command: &[&str]) -> Result<()> {
    let [program, arguments @ ..] = command else { bail!("domain: no command given") };
    write("/proc/self/attr/exec", &context_of(domain))?;
    Err(Command::new(program).args(arguments).exec()).with_context(|| format!("cannot run {program} in {domain}"))
}

/// Whether the kernel's policy allows something, as a service manager asks (selinuxfs `access`; libselinux,
/// `selinux_check_access`). Class and permission are looked up by name, as they have numbers of the policy's own.
pub(crate) fn allows(source: &str, target: &str, class: &str, permission: &str) -> Result<bool> {
    let class_folder = Path::new(SELINUX).join("class").join(class);
    let number = |path: &Path| -> Result<u32> {
        let text =
            fs::read_to_string(path).with_context(|| format!("{}: the policy has no such name", path.display()))?;
        text.trim().parse().with_context(|| path.display().to_string())
    };
    let (index, bit) = (number(&class_folder.join("index"))?, number(&class_folder.join("perms").join(permission))?);
    let target = if target.contains(':') { target.to_owned() } else { format!("u:object_r:{target}:s0") };
    let query = format!("{} {target} {index}", context_of(source));
    let answer = ask("access", &query)?;
    // "allowed decided auditallow auditdeny seqno flags", in hexadecimal but for the number.
    let allowed = answer.split_whitespace().next().and_then(|word| u32::from_str_radix(word, 16).ok());
    let allowed = allowed.with_context(|| format!("access answers {answer:?}"))?;
    Ok(bit.checked_sub(1).and_then(|bit| allowed.checked_shr(bit)).is_some_and(|bits| bits & 1 == 1))
}

/// One write and one read of a file of selinuxfs, which answers on the same descriptor.
fn ask(file: &str, query: &str) -> Result<String> {
    use std::io::{Read, Write};
    let path = Path::new(SELINUX).join(file);
    let mut file =
        fs::File::options().read(true).write(true).open(&path).with_context(|| path.display().to_string())?;
    file.write_all(query.as_bytes()).with_context(|| format!("{}: {query}", path.display()))?;
    let mut answer = [0; 256];
    let length = file.read(&mut answer).with_context(|| path.display().to_string())?;
    Ok(String::from_utf8_lossy(answer.get(..length).unwrap_or_default()).into_owned())
}

fn context_of(domain: &str) -> String {
    if domain.contains(':') {
        domain.to_owned()
    } else {
        format!("u:r:{domain}:s0")
    }
}

fn label(labels: &Labels, path: &Path) -> Result<()> {
    let name = path.to_str().context("a file name that is not UTF-8")?;
    if LABELLED_BY_THE_KERNEL.contains(&name) {
        return Ok(());
    }
    if let Some(label) = labels.of(name) {
        // With its final zero, as libselinux writes it. binderfs takes no labels from outside.
        match lsetxattr(path, ATTRIBUTE, format!("{label}\0").as_bytes(), XattrFlags::empty()) {
            Ok(()) | Err(rustix::io::Errno::OPNOTSUPP) => {}
            Err(error) => return Err(error).with_context(|| format!("{name}: the label {label}")),
        }
    }
    if path.symlink_metadata().with_context(|| name.to_owned())?.is_dir() {
        for entry in fs::read_dir(path).with_context(|| name.to_owned())? {
            label(labels, &entry.with_context(|| name.to_owned())?.path())?;
        }
    }
    Ok(())
}

/// Writes without a newline, in one write.
fn write(path: &str, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("{path}: {text}"))
}
