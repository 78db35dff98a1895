//! The rules through m4, checkpolicy and secilc, over the base policy.

use super::generate::{Generated, Owner, DOMAIN, RULES};
use super::{Profile, HEAPS, VENDOR};
use crate::report::{Place, Report};
use anyhow::{bail, Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// Debian packages with the tools.
pub const PACKAGES: &[&str] = &["checkpolicy", "m4", "secilc", "selinux-utils"];

/// The programs that are run.
const TOOLS: &[&str] = &["checkpolicy", "m4", "secilc", "sefcontext_compile", "selabel_lookup"];

/// The programs that [`super::check`] runs and that are not on the PATH.
pub fn missing_tools() -> Vec<&'static str> {
    TOOLS.iter().copied().filter(|tool| !vm_harness::progress::on_path(tool)).collect()
}

/// The base policy, from the root.
pub(super) const BASE: &str = "vts/aosp-check/base-policy";
/// Its files before the project's rules, and after.
const BEFORE: &[&str] = &["1-classes.te", "2-macros.te", "3-types.te", "4-rules.te"];
const AFTER: &[&str] = &["5-neverallow.te", "6-contexts.te"];
/// What the guest has beside, from the root: its rules come after the base's, before the project's.
pub(super) const GUEST: &str = "vts/aosp-check/guest-policy";
/// The policy version that Android's kernels read (`POLICYVERS` of `system/sepolicy`).
const POLICY_VERSION: &str = "30";

/// Labels of file systems, in the vendor's folder.
pub(super) const FILE_SYSTEMS: &str = "genfs_contexts";

/// What the service and its clients have to be able to do: source, target, class, permissions.
const NEEDED: &[(&str, &str, &str, &str)] = &[
    (DOMAIN, "dmabuf_heap_device", "dir", "open"),
    (DOMAIN, "dmabuf_heap_device", "dir", "read"),
    (DOMAIN, "dmabuf_heap_device", "dir", "watch"),
    (DOMAIN, "dmabuf_system_heap_device", "chr_file", "open"),
    (DOMAIN, "dmabuf_system_heap_device", "chr_file", "ioctl"),
    (DOMAIN, "proc_meminfo", "file", "open"),
    (DOMAIN, "proc_meminfo", "file", "read"),
    (DOMAIN, "proc_pressure_mem", "file", "open"),
    (DOMAIN, "proc_pressure_mem", "file", "read"),
    (DOMAIN, "proc_pressure_mem", "file", "write"),
    (DOMAIN, "vendor_sysfs_dma_heap", "file", "open"),
    (DOMAIN, "vendor_sysfs_dma_heap", "file", "read"),
    (DOMAIN, "vendor_configs_file", "file", "read"),
    (DOMAIN, "hal_graphics_allocator_service", "service_manager", "add"),
    (DOMAIN, "self", "capability", "sys_nice"),
    ("surfaceflinger", DOMAIN, "fd", "use"),
    ("untrusted_app", DOMAIN, "fd", "use"),
    ("untrusted_app", "same_process_hal_file", "file", "execute"),
    ("untrusted_app", "hal_graphics_mapper_service", "service_manager", "find"),
    (DOMAIN, "vendor_dmabuf_fs", "filesystem", "getattr"),
    ("untrusted_app", "vendor_dmabuf_fs", "filesystem", "getattr"),
];

/// What nobody but the service may: checked one by one, whatever the base policy says in general.
const FORBIDDEN: &[(&str, &str, &str)] = &[
    ("untrusted_app", "chr_file", "open"),
    ("surfaceflinger", "chr_file", "open"),
    ("cameraserver", "chr_file", "open"),
    (DOMAIN, "chr_file", "write"),
];

/// Compiles the rules of a policy's device. Answers them for what needs the compiled policy; nothing when they do not
/// compile.
pub(super) fn check(
    root: &Path,
    profile: &Profile,
    generated: &Generated,
    report: &mut Report,
) -> Result<Option<Work>> {
    let work = Work::new(root, profile, &[])?;
    for compiler in [Compiler::Checkpolicy, Compiler::Secilc] {
        if let Err(words) = work.compile(compiler, "")? {
            work.refused(compiler, &words, report);
            return Ok(None);
        }
    }
    let mut needed: Vec<(String, String)> = Vec::new();
    for (source, target, class, permission) in NEEDED {
        needed.push((VENDOR.to_owned(), format!("{source} {target}:{class} {permission}")));
    }
    let rules = format!("{HEAPS}/{}/{RULES}", profile.name);
    for heap in &generated.heaps {
        for permission in ["open", "read", "ioctl"] {
            needed.push((rules.clone(), format!("{DOMAIN} {}:chr_file {permission}", heap.selinux_type)));
        }
    }
    // What a prohibition makes impossible to compile is allowed.
    let rules: String = needed.iter().map(|(_, rule)| format!("neverallow {rule};\n")).collect();
    let words = work.compile(Compiler::Checkpolicy, &rules)?.err().unwrap_or_default();
    let violated: Vec<usize> = words.lines().filter_map(|line| number(line, "neverallow on line ")).collect();
    let first = work.before.lines().count().saturating_add(1);
    for (line, (file, rule)) in (first..).zip(needed) {
        if !violated.contains(&line) {
            report.contradiction(Place::file(file), format!("does not allow {rule}"), Place::file(&profile.file));
        }
    }
    let forbidden: String = generated
        .heaps
        .iter()
        .filter(|heap| heap.owner == Owner::Project)
        .flat_map(|heap| {
            let rule = move |(source, class, permission): &(&str, &str, &str)| {
                format!("neverallow {source} {}:{class} {permission};\n", heap.selinux_type)
            };
            FORBIDDEN.iter().map(rule)
        })
        .collect();
    if let Err(words) = work.compile(Compiler::Checkpolicy, &forbidden)? {
        work.refused(Compiler::Checkpolicy, &words, report);
    }
    Ok(Some(work))
}

/// The first number after a text.
fn number(words: &str, before: &str) -> Option<usize> {
    let (_, rest) = words.split_once(before)?;
    rest.split(|c: char| !c.is_ascii_digit()).find(|part| !part.is_empty())?.parse().ok()
}

fn first_line(words: &str) -> String {
    let telling = words.lines().find(|line| line.contains("neverallow") || line.contains("ERROR"));
    telling.or_else(|| words.lines().find(|line| !line.trim().is_empty())).unwrap_or("without a word").trim().to_owned()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compiler {
    Checkpolicy,
    Secilc,
}

impl Compiler {
    fn name(self) -> &'static str {
        match self {
            Compiler::Checkpolicy => "checkpolicy",
            Compiler::Secilc => "secilc",
        }
    }
}

/// The texts of one policy's device, ready to be compiled.
pub(super) struct Work {
    folder: TempDir,
    before: String,
    after: String,
    /// Every file, and where it begins in the whole, from 1.
    files: Vec<(PathBuf, usize)>,
}

impl Work {
    /// With the rules of more folders.
    pub(super) fn new(root: &Path, profile: &Profile, more: &[&str]) -> Result<Work> {
        let read = |file: &Path| fs::read_to_string(root.join(file)).with_context(|| file.display().to_string());
        let mut files = Vec::new();
        let mut append = |text: &mut String, lines: usize, file: PathBuf| -> Result<()> {
            files.push((file.clone(), lines.saturating_add(text.lines().count()).saturating_add(1)));
            text.push_str(&read(&file)?);
            Ok(())
        };
        let mut before = String::new();
        for name in BEFORE {
            append(&mut before, 0, Path::new(BASE).join(name))?;
        }
        let more = more.iter().map(PathBuf::from);
        for folder in more.chain([PathBuf::from(VENDOR), PathBuf::from(HEAPS).join(&profile.name)]) {
            for file in rules(root, &folder)? {
                append(&mut before, 0, file)?;
            }
        }
        let mut after = String::new();
        for name in AFTER {
            append(&mut after, before.lines().count(), Path::new(BASE).join(name))?;
        }
        // The kernel's pseudo file systems are labelled by the policy itself.
        append(&mut after, before.lines().count(), Path::new(VENDOR).join(FILE_SYSTEMS))?;
        Ok(Work { folder: tempfile::tempdir()?, before, after, files })
    }

    /// The compiled policy, in the kernel's form.
    pub(super) fn binary(&self) -> Result<PathBuf> {
        if let Err(words) = self.compile(Compiler::Checkpolicy, "")? {
            bail!("checkpolicy refuses it: {words}");
        }
        Ok(self.folder.path().join("policy.bin"))
    }

    /// Leaves out every rule of the project that has this text in it. Answers how many.
    pub(super) fn leave_out(&mut self, text: &str) -> usize {
        let first = self.files.iter().find(|(file, _)| !file.starts_with(BASE) && !file.starts_with(GUEST));
        let first = first.map_or(usize::MAX, |(_, first)| *first);
        let mut left_out = 0_usize;
        let mut kept = String::new();
        for (number, line) in (1..).zip(self.before.lines()) {
            if number >= first && line.starts_with("allow ") && line.contains(text) {
                left_out = left_out.saturating_add(1);
            } else {
                kept.push_str(line);
            }
            kept.push('\n');
        }
        self.before = kept;
        left_out
    }

    /// Compiles with more rules added. The inner error is the compiler's words.
    fn compile(&self, compiler: Compiler, more: &str) -> Result<std::result::Result<(), String>> {
        let at = |name: &str| self.folder.path().join(name);
        // m4 -s keeps the places of the lines.
        fs::write(at("policy.te"), format!("{}{more}{}", self.before, self.after))?;
        let expanded = tool("m4", Command::new("m4").arg("-s").arg(at("policy.te")))?;
        if !expanded.status.success() {
            return Ok(Err(words(&expanded)));
        }
        fs::write(at("policy.conf"), &expanded.stdout)?;
        let mut command = Command::new("checkpolicy");
        command.args(["-M", "-c", POLICY_VERSION, "-o"]);
        if compiler == Compiler::Checkpolicy {
            let output = tool("checkpolicy", command.arg(at("policy.bin")).arg(at("policy.conf")))?;
            return Ok(if output.status.success() { Ok(()) } else { Err(words(&output)) });
        }
        let output = tool("checkpolicy", command.arg(at("policy.cil")).arg("-C").arg(at("policy.conf")))?;
        if !output.status.success() {
            return Ok(Err(words(&output)));
        }
        let mut command = Command::new("secilc");
        command.args(["-m", "-M", "true", "-G", "-c", POLICY_VERSION, "-f"]).arg(at("labels")).arg("-o");
        let output = tool("secilc", command.arg(at("cil.bin")).arg(at("policy.cil")))?;
        Ok(if output.status.success() { Ok(()) } else { Err(words(&output)) })
    }

    /// Says what a compiler does not like, and where it stands.
    fn refused(&self, compiler: Compiler, words: &str, report: &mut Report) {
        let name = compiler.name();
        let violation = words.split_once("violated by ").and_then(|(_, rest)| rest.lines().next());
        if let Some(rule) = violation {
            let rule = rule.trim().trim_end_matches(';');
            let place = self.rule(rule).unwrap_or_else(|| Place::file(VENDOR));
            let message = format!("{name} refuses it: what the platform forbids is allowed: {rule}");
            return report.contradiction(place, message, self.place(number(words, "neverallow on line ").unwrap_or(0)));
        }
        report.found(
            self.place(number(words, "policy.te").unwrap_or(0)),
            format!("{name} refuses it: {}", first_line(words)),
        );
    }

    /// The line of the project that allows what a compiler shows expanded: `allow source target:class { … }`.
    fn rule(&self, rule: &str) -> Option<Place> {
        let mut parts = rule.split_whitespace().skip(1);
        let (source, target) = (parts.next()?, parts.next()?);
        let (target, class) = target.split_once(':')?;
        let first = self.files.iter().find(|(file, _)| !file.starts_with(BASE) && !file.starts_with(GUEST))?.1;
        let says = |line: &str| {
            let names = |name: &str| line.contains(name);
            names("allow ") && names(&format!(":{class}")) && (names(target) || (source == target && names("self")))
        };
        let at = self.before.lines().skip(first.saturating_sub(1)).position(says)?;
        Some(self.place(first.saturating_add(at)))
    }

    /// The file and line of a line of the whole.
    fn place(&self, line: usize) -> Place {
        match self.files.iter().rev().find(|(_, first)| *first <= line) {
            Some((file, first)) => Place::line(file, line.saturating_sub(*first).saturating_add(1)),
            None => Place::file(VENDOR),
        }
    }
}

/// The rule files of a folder, which need not be there.
pub(super) fn rules(root: &Path, folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    if !root.join(folder).exists() {
        return Ok(files);
    }
    for entry in fs::read_dir(root.join(folder)).with_context(|| folder.display().to_string())? {
        let name = entry?.file_name();
        if name.to_string_lossy().ends_with(".te") {
            files.push(folder.join(name));
        }
    }
    files.sort();
    Ok(files)
}

/// Runs a tool; a missing one is told with its package.
pub(super) fn tool(name: &str, command: &mut Command) -> Result<Output> {
    match command.output() {
        Ok(output) => Ok(output),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            bail!("{name} is missing: apt-get install {}", PACKAGES.join(" "))
        }
        Err(error) => Err(error).with_context(|| name.to_owned()),
    }
}

pub(super) fn words(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forbidden_rule_is_refused_by_both_compilers() {
        if !missing_tools().is_empty() {
            return println!("SKIP: {} missing; apt-get install {}", missing_tools().join(", "), PACKAGES.join(" "));
        }
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let profile = super::super::read_policy(&root, Path::new("heaps-config/profiles/reference-soc.toml")).unwrap();
        let work = Work::new(&root, &profile, &[]).unwrap();
        let rule = "allow surfaceflinger dmabuf_camera_heap_device:chr_file open;\n";
        for compiler in [Compiler::Checkpolicy, Compiler::Secilc] {
            assert_eq!(work.compile(compiler, "").unwrap(), Ok(()));
            let words = work.compile(compiler, rule).unwrap().unwrap_err();
            assert!(words.contains("neverallow"), "{}: {words}", compiler.name());
        }
    }
}
