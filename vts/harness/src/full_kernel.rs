//! The second guest kernel, `--kernel full`: built once from Debian's kernel source with our own configuration.
//!
//! It has what Debian's kernel lacks: a contiguous heap, a display that writes back what it composed, binderfs, dma-buf
//! statistics in sysfs, and faults on purpose. The source package is unpacked into the cache, not installed. A finished
//! kernel lies in a folder named by the hash of all that went into it (source, compiler, fragment), so that a change of
//! any builds anew and nothing else does; the source tree goes after the build, its archive stays.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{kill_process, Pid, Signal};
use sha2::{Digest, Sha256};

use crate::apt;
use crate::error::{At, Error, Result};
use crate::kernel::Kernel;
use crate::prerequisites::{ensure, Need};
use crate::progress::{run_captured, tail, Progress};

/// The image, in the folder of a finished kernel.
const IMAGE: &str = "image";
/// The word that asks for this kernel where a path may stand.
pub const NAME: &str = "full";
/// The package with the source.
const PACKAGE: &str = "linux-source-6.12";
/// Where the package has it.
const ARCHIVE: &str = "usr/src/linux-source-6.12.tar.xz";
/// Our configuration, over tinyconfig: what all kernels have.
const COMMON: &str = include_str!("../kernels/full.config");
/// Words for its command line: the size of its contiguous region, and what its display needs. The camera's parameters
/// stand on every kernel's.
const WORDS: &str = "cma=64M vkms.enable_writeback=1";
/// How often progress is told.
const TELL: Duration = Duration::from_secs(20);
/// What must not reach make from a caller's environment.
const FOREIGN: [&str; 8] =
    ["ARCH", "CROSS_COMPILE", "KCONFIG_ALLCONFIG", "KCONFIG_CONFIG", "KBUILD_OUTPUT", "LLVM", "MAKEFLAGS", "MAKELEVEL"];

/// What building one takes.
const NEEDS: [Need; 5] = [Need::Make, Need::Bc, Need::Flex, Need::Bison, Need::Xz];

/// Which of the kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Build {
    /// For a PC.
    X86_64,
    /// For arm64 with pages of 4 KiB.
    Arm64With4k,
    /// For arm64 with pages of 16 KiB.
    Arm64With16k,
}

/// What one of them differs in.
struct Recipe {
    fragments: &'static [&'static str],
    /// make's words.
    words: &'static [&'static str],
    /// make's goal, and where it leaves the image.
    goal: &'static str,
    image: &'static str,
    compiler: &'static str,
    needs: &'static [Need],
    /// How many lines `make` prints for one build: what progress is measured by.
    lines: usize,
}

impl Build {
    fn recipe(self) -> Recipe {
        const ARM64: Recipe = Recipe {
            fragments: &[],
            words: &["ARCH=arm64", "CROSS_COMPILE=aarch64-linux-gnu-"],
            goal: "Image",
            image: "arch/arm64/boot/Image",
            compiler: "aarch64-linux-gnu-gcc",
            needs: &[Need::Arm64Linker],
            lines: 1414,
        };
        const MACHINE: &str = include_str!("../kernels/arm64.config");
        /// In three levels of tables as Android's common kernels have them.
        const PAGES_4K: &str = "CONFIG_LOCALVERSION=\"-full\"\nCONFIG_ARM64_4K_PAGES=y\nCONFIG_ARM64_VA_BITS_39=y\n";
        const PAGES_16K: &str =
            "CONFIG_LOCALVERSION=\"-full-16k\"\nCONFIG_ARM64_16K_PAGES=y\nCONFIG_ARM64_VA_BITS_47=y\n";
        match self {
            Self::X86_64 => Recipe {
                fragments: &[include_str!("../kernels/x86-64.config")],
                words: &[],
                goal: "bzImage",
                image: "arch/x86/boot/bzImage",
                compiler: "cc",
                needs: &[Need::Libelf, Need::Lz4],
                lines: 2330,
            },
            Self::Arm64With4k => Recipe { fragments: &[MACHINE, PAGES_4K], ..ARM64 },
            Self::Arm64With16k => Recipe { fragments: &[MACHINE, PAGES_16K], ..ARM64 },
        }
    }
}

impl Recipe {
    /// Our lines of the configuration.
    fn fragment(&self) -> String {
        std::iter::once(&COMMON).chain(self.fragments).copied().collect::<Vec<_>>().join("\n")
    }
}

/// The kernel from the cache, built first where the cache has none.
///
/// # Errors
/// No such package, no network at the first time, a tool that is missing, or a build that fails: then its log is named.
pub fn get(build: Build, cache: &Path, progress: &Progress) -> Result<Kernel> {
    let recipe = build.recipe();
    let folder = cache.join("kernel-full");
    fs::create_dir_all(&folder).at(folder.display())?;
    // Two runs at the same time build it once.
    let _lock = apt::lock(&folder)?;
    ensure(&[Need::Linker], cache, progress)?;
    ensure(recipe.needs, cache, progress)?;
    let source = folder.join("source");
    if !source.join(ARCHIVE).is_file() {
        apt::unpack(PACKAGE, &source, progress)?;
    }
    let inputs = inputs(&source, &recipe)?;
    let built = folder.join(key(&inputs));
    if built.join(IMAGE).is_file() {
        let kernel = as_kernel(&built)?;
        progress.step(format_args!("kernel {} (cached)", kernel.release));
        return Ok(kernel);
    }
    ensure(&NEEDS, cache, progress)?;
    let tree = folder.join("tree");
    let log = folder.join("build.log");
    let done = unpack_source(&source.join(ARCHIVE), &tree, progress)
        .and_then(|()| configure(&tree, &recipe, &log))
        .and_then(|()| make_image(&tree, &recipe, &log, progress))
        .and_then(|()| keep(&tree, &recipe, &built, &inputs));
    let _only_space = fs::remove_dir_all(&tree);
    done.map_err(|error| apt::broken(PACKAGE, &tree, error))?;
    as_kernel(&built)
}

fn as_kernel(built: &Path) -> Result<Kernel> {
    let kernel = Kernel::from_path(&built.join(IMAGE), None)?;
    Ok(Kernel { words: WORDS, ..kernel })
}

/// All that the image depends on, in words.
fn inputs(source: &Path, recipe: &Recipe) -> Result<String> {
    let source = apt::version(source)?;
    let compiler = run_captured(Command::new(recipe.compiler).arg("--version"))?;
    let compiler = String::from_utf8_lossy(&compiler);
    let compiler = compiler.lines().next().unwrap_or_default();
    Ok(format!("source {source}\ncompiler {compiler}\n{}", recipe.fragment()))
}

/// The first half of a SHA-256, in hexadecimal.
fn key(inputs: &str) -> String {
    Sha256::digest(inputs).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

fn unpack_source(archive: &Path, tree: &Path, progress: &Progress) -> Result<()> {
    progress.step("unpacking the kernel's source");
    let _nothing_left_over = fs::remove_dir_all(tree);
    fs::create_dir_all(tree).at(tree.display())?;
    let mut tar = Command::new("tar");
    tar.args(["-x", "-J", "--strip-components=1", "-C"]).arg(tree).arg("-f").arg(archive).env("LC_ALL", "C");
    run_captured(&mut tar).map(drop)
}

/// Lays the fragment over tinyconfig, and sees that all of it is still there afterwards: what depends on something that
/// is off is dropped without a word.
fn configure(tree: &Path, recipe: &Recipe, log: &Path) -> Result<()> {
    let _old = fs::remove_file(log);
    run_logged(&mut make(tree, recipe, &["tinyconfig"]), log, |_| {})?;
    let path = tree.join(".config");
    let config = fs::read_to_string(&path).at(path.display())?;
    fs::write(&path, format!("{config}\n{}", recipe.fragment())).at(path.display())?;
    run_logged(&mut make(tree, recipe, &["olddefconfig"]), log, |_| {})?;
    let config = fs::read_to_string(&path).at(path.display())?;
    let fragment = recipe.fragment();
    let lost = lost_lines(&fragment, &config);
    if lost.is_empty() {
        return Ok(());
    }
    Err(Error::BadFile {
        path: "vts/harness/kernels".into(),
        problem: format!("the kernel's configuration drops {}", lost.join(", ")),
    })
}

fn lost_lines<'f>(fragment: &'f str, config: &str) -> Vec<&'f str> {
    let wanted = fragment.lines().filter(|line| line.starts_with("CONFIG_"));
    wanted.filter(|wanted| !config.lines().any(|line| line == *wanted)).collect()
}

fn make_image(tree: &Path, recipe: &Recipe, log: &Path, progress: &Progress) -> Result<()> {
    let jobs = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    progress
        .step(format_args!("compiling the kernel: once, 5 to 15 minutes on two processors; log: {}", log.display()));
    let (mut lines, mut told) = (0_usize, Instant::now());
    run_logged(&mut make(tree, recipe, &[&format!("-j{jobs}"), recipe.goal]), log, |_| {
        lines = lines.saturating_add(1);
        if told.elapsed() > TELL {
            told = Instant::now();
            let percent = lines.saturating_mul(100).checked_div(recipe.lines).unwrap_or(0).min(99);
            progress.step(format_args!("compiling the kernel: about {percent} %"));
        }
    })
}

fn make(tree: &Path, recipe: &Recipe, arguments: &[&str]) -> Command {
    let mut command = Command::new("make");
    command.arg("-C").arg(tree).args(recipe.words).args(arguments);
    // The same image for everybody: no name, host and time of whoever built it.
    command.env("KBUILD_BUILD_USER", "guest").env("KBUILD_BUILD_HOST", "guest");
    command.env("KBUILD_BUILD_TIMESTAMP", "1970-01-01");
    // By its words a full disk is known. The kernel's Makefile takes LC_ALL from the compiler.
    command.env("LC_ALL", "C").env("LC_MESSAGES", "C");
    for name in FOREIGN {
        command.env_remove(name);
    }
    command
}

/// Runs a step of the build; its output goes to the log, and line by line to `line`.
fn run_logged(command: &mut Command, log: &Path, mut line: impl FnMut(&str)) -> Result<()> {
    use std::io::Write;
    let what = "make, for the kernel";
    let mut file = File::options().create(true).append(true).open(log).at(log.display())?;
    let errors = file.try_clone().at(log.display())?;
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors).spawn().at(what)?;
    let output = child.stdout.take().ok_or_else(|| Error::Protocol("make has no output".to_owned()))?;
    let told = BufReader::new(output).lines().try_for_each(|text| {
        let text = text.at(what)?;
        writeln!(file, "{text}").at(log.display())?;
        line(&text);
        Ok(())
    });
    if told.is_err() {
        // By TERM make ends what it has started, too; the tree is removed next.
        let _ended_already = kill_process(Pid::from_child(&child), Signal::TERM);
        let _reaped = child.wait();
    }
    told?;
    let status = child.wait().at(what)?;
    if status.success() {
        return Ok(());
    }
    let said = fs::read(log).unwrap_or_default();
    Err(Error::Command {
        command: format!("building the kernel (log: {})", log.display()),
        status: status.to_string(),
        output: tail(&String::from_utf8_lossy(&said), 12),
    })
}

/// Puts image and configuration where the next run finds them; the folder appears only when whole.
fn keep(tree: &Path, recipe: &Recipe, built: &Path, inputs: &str) -> Result<()> {
    apt::whole(built, |part| {
        fs::copy(tree.join(recipe.image), part.join(IMAGE)).at(part.display())?;
        fs::copy(tree.join(".config"), part.join("config")).at(part.display())?;
        fs::write(part.join("inputs"), inputs).at(part.display())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_differs_with_each_input_and_not_without() {
        assert_eq!(key("source 1\n"), key("source 1\n"));
        assert_ne!(key("source 1\n"), key("source 2\n"));
        assert_eq!(key("").len(), 32);
    }

    #[test]
    fn lost_lines_names_what_the_configuration_dropped() {
        let fragment = Build::X86_64.recipe().fragment();
        assert_eq!(lost_lines(&fragment, &fragment), Vec::<&str>::new());
        let without = fragment.replace("CONFIG_CMA=y", "# CONFIG_CMA is not set");
        assert_eq!(lost_lines(&fragment, &without), ["CONFIG_CMA=y"]);
    }

    #[test]
    fn no_kernel_has_an_option_twice_and_each_has_a_key_of_its_own() {
        let mut keys = Vec::new();
        for build in [Build::X86_64, Build::Arm64With4k, Build::Arm64With16k] {
            let fragment = build.recipe().fragment();
            let mut names: Vec<&str> = fragment
                .lines()
                .filter_map(|line| line.strip_prefix("# ").unwrap_or(line).split(['=', ' ']).next())
                .filter(|name| name.starts_with("CONFIG_"))
                .collect();
            names.sort_unstable();
            let all = names.len();
            names.dedup();
            assert_eq!(names.len(), all, "{build:?}");
            keys.push(key(&fragment));
        }
        keys.dedup();
        assert_eq!(keys.len(), 3);
    }

    #[test]
    fn build_whose_log_cannot_be_written_is_ended_and_a_half_kept_kernel_removed() {
        let root = tempfile::tempdir().unwrap();
        let pid = root.path().join("pid");
        let mut build = Command::new("sh");
        build.args(["-c", "echo $$ > \"$0\"; echo building; exec sleep 1000"]).arg(&pid);
        let error = run_logged(&mut build, Path::new("/dev/full"), |_| {}).unwrap_err().to_string();
        assert!(error.starts_with("/dev/full: No space left on device"), "{error}");
        let pid = fs::read_to_string(pid).unwrap();
        assert!(!Path::new("/proc").join(pid.trim()).exists(), "{pid} goes on");

        let built = root.path().join("built");
        let recipe = Build::X86_64.recipe();
        keep(root.path(), &recipe, &built, "").unwrap_err();
        assert!(!built.exists() && !root.path().join("built.part").exists());
    }

    #[test]
    fn make_and_its_compilers_say_in_english_that_the_disk_is_full() {
        let command = make(Path::new("t"), &Build::X86_64.recipe(), &[]);
        for name in ["LC_ALL", "LC_MESSAGES"] {
            assert!(command.get_envs().any(|(key, value)| key == name && value.is_some_and(|value| value == "C")));
        }
    }
}
