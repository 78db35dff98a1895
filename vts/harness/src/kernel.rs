//! Finds a kernel: the newest package of the archive that has binder and dma-buf heaps, or one the user names.
//!
//! Which names the archive uses: Debian's `linux-image-6.12.117+deb12-amd64`, `linux-image-6.12.48+deb13-amd64`,
//! `linux-image-6.1.0-56-amd64`, and the same with `-unsigned`. Cloud and rt flavours are passed over: they lack the
//! camera and display drivers.

use std::fs;
use std::path::{Path, PathBuf};

use crate::apt;
use crate::error::{At, Error, Result};
use crate::progress::Progress;

const PREFIX: &str = "linux-image-";
/// What a package's configuration must say `y` or `m` to.
const REQUIRED: [(&str, &str); 2] =
    [("CONFIG_ANDROID_BINDER_IPC", "binder"), ("CONFIG_DMABUF_HEAPS_SYSTEM", "dma-buf heaps")];
/// How many packages, newest first, are tried before giving up.
const TRIES: usize = 4;

/// A kernel to boot.
#[derive(Debug, Clone)]
pub struct Kernel {
    /// The bzImage.
    pub image: PathBuf,
    /// `lib/modules/RELEASE`, when there are modules.
    pub modules: Option<PathBuf>,
    /// `uname -r` to be.
    pub release: String,
    /// Words that it needs on its command line.
    pub words: &'static str,
}

impl Kernel {
    /// The archive's newest suitable kernel, from the cache when it has one.
    ///
    /// # Errors
    /// No suitable package, no network at the first time, or the cache cannot be written.
    pub fn from_archive(cache: &Path, progress: &Progress) -> Result<Self> {
        let folder = cache.join("kernel");
        let choice = folder.join("chosen");
        if let Ok(name) = fs::read_to_string(&choice) {
            if let Ok(kernel) = Self::from_unpacked(&folder.join(name.trim())) {
                progress.step(format_args!("kernel {} (cached)", kernel.release));
                return Ok(kernel);
            }
        }
        fs::create_dir_all(&folder).at(folder.display())?;
        apt::refresh(progress);
        let mut refused = Vec::new();
        for package in candidates(apt::names(PREFIX)).into_iter().take(TRIES) {
            let unpacked = folder.join(&package);
            let kernel = apt::unpack(&package, &unpacked, progress)
                .and_then(|()| Self::from_unpacked(&unpacked))
                .and_then(|kernel| {
                    check_config(&unpacked, &kernel)?;
                    Ok(kernel)
                });
            match kernel {
                Ok(kernel) => {
                    fs::write(&choice, &package).at(choice.display())?;
                    progress.step(format_args!("kernel {}", kernel.release));
                    return Ok(kernel);
                }
                Err(error) => {
                    progress.step(format_args!("not {package}: {error}"));
                    let _nothing_unpacked = fs::remove_dir_all(&unpacked);
                    refused.push(package);
                }
            }
        }
        Err(Error::Kernel {
            kernel: format!("{PREFIX}*-amd64"),
            problem: if refused.is_empty() {
                "apt knows no such package; run `apt-get update`, or give a kernel with --kernel PATH".to_owned()
            } else {
                format!("none of {} serves; give a kernel with --kernel PATH", refused.join(", "))
            },
        })
    }

    /// A kernel the user names: a bzImage, or a folder with `boot/vmlinuz-*` as an unpacked package has it. Modules are
    /// looked for in `modules`, beside the image, and in `lib/modules/RELEASE` beside the image's folder.
    ///
    /// # Errors
    /// It is no x86 kernel image.
    pub fn from_path(path: &Path, modules: Option<&Path>) -> Result<Self> {
        if path.is_dir() {
            return Self::from_unpacked(path);
        }
        let release = image_release(path)?;
        let parent = path.parent().unwrap_or(Path::new("."));
        let beside = [
            parent.join("modules"),
            parent.join("../lib/modules").join(&release),
            parent.join("lib/modules").join(&release),
        ];
        if let Some(modules) = modules.filter(|modules| !modules.is_dir()) {
            return Err(Error::Kernel {
                kernel: path.display().to_string(),
                problem: format!("{} is no folder", modules.display()),
            });
        }
        let modules = modules.map(Path::to_owned).or_else(|| beside.into_iter().find(|folder| folder.is_dir()));
        Ok(Self { image: path.to_owned(), modules, release, words: "" })
    }

    fn from_unpacked(root: &Path) -> Result<Self> {
        let boot = root.join("boot");
        let image = fs::read_dir(&boot)
            .at(boot.display())?
            .flatten()
            .map(|entry| entry.path())
            .find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("vmlinuz-")))
            .ok_or_else(|| Error::Kernel {
                kernel: root.display().to_string(),
                problem: "no boot/vmlinuz-* in it".to_owned(),
            })?;
        let release = image_release(&image)?;
        // Since the merged /usr, packages carry their modules there.
        let modules = ["lib/modules", "usr/lib/modules"].map(|folder| root.join(folder).join(&release));
        Ok(Self { image, modules: modules.into_iter().find(|folder| folder.is_dir()), release, words: "" })
    }
}

/// Full-flavour packages, newest first; a signed one before its unsigned twin, which holds the same code.
fn candidates(mut names: Vec<String>) -> Vec<String> {
    let version = |name: &str| -> Vec<u64> {
        let digits = name.trim_start_matches(PREFIX).split(|c: char| !c.is_ascii_digit());
        digits.filter_map(|part| part.parse().ok()).collect()
    };
    names.retain(|name| {
        let core = name.trim_start_matches(PREFIX).trim_end_matches("-unsigned");
        let flavour = core.trim_start_matches(|c: char| c != '-');
        let major = version(name).first().copied().unwrap_or(0);
        let flavour = flavour.trim_start_matches(|c: char| c == '-' || c.is_ascii_digit());
        // `6.12-amd64` is a meta package: it holds no kernel.
        let dots = core.split('-').next().unwrap_or_default().matches('.').count();
        major >= 6 && dots >= 2 && flavour == "amd64"
    });
    names.sort_by(|a, b| version(b).cmp(&version(a)).then(a.len().cmp(&b.len())));
    let mut seen: Vec<String> = Vec::new();
    names.retain(|name| {
        let core = name.trim_end_matches("-unsigned").to_owned();
        let new = !seen.contains(&core);
        seen.push(core);
        new
    });
    names
}

fn check_config(root: &Path, kernel: &Kernel) -> Result<()> {
    let path = root.join("boot").join(format!("config-{}", kernel.release));
    let config = fs::read_to_string(&path).at(path.display())?;
    let missing: Vec<&str> = REQUIRED
        .iter()
        .filter(|(key, _)| !config.lines().any(|line| line == format!("{key}=y") || line == format!("{key}=m")))
        .map(|(_, what)| *what)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::Kernel {
        kernel: kernel.release.clone(),
        problem: format!("it is built without {}", missing.join(" and ")),
    })
}

/// The release in a bzImage's header. Linux, Documentation/arch/x86/boot.rst: magic `HdrS` at 0x202, and at 0x20e the
/// offset, less 0x200, of a text that begins with it.
fn image_release(path: &Path) -> Result<String> {
    let bytes = fs::read(path).at(path.display())?;
    let bad =
        || Error::BadFile { path: path.to_owned(), problem: "not an x86 Linux kernel image (bzImage)".to_owned() };
    if bytes.get(0x202..0x206) != Some(b"HdrS") {
        return Err(bad());
    }
    let offset = bytes.get(0x20e..0x210).and_then(|b| b.try_into().ok()).map(u16::from_le_bytes).ok_or_else(bad)?;
    let start = usize::from(offset).saturating_add(0x200);
    let text = bytes.get(start..).unwrap_or_default().iter().take(256).take_while(|b| !matches!(**b, 0 | b' '));
    let release = String::from_utf8_lossy(&text.copied().collect::<Vec<u8>>()).into_owned();
    if release.is_empty() || release.contains('/') {
        return Err(bad());
    }
    Ok(release)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_are_full_flavours_newest_first() {
        let names = [
            "linux-image-6.1.0-56-amd64",
            "linux-image-6.12-amd64",
            "linux-image-amd64",
            "linux-image-6.12.117+deb12-amd64-unsigned",
            "linux-image-6.12.117+deb12-amd64",
            "linux-image-6.12.117+deb12-cloud-amd64",
            "linux-image-6.12.117+deb12-rt-amd64",
            "linux-image-6.12.117+deb12-amd64-dbg",
            "linux-image-6.12.99+deb12-amd64",
            "linux-image-6.16.3+deb13-amd64-unsigned",
            "linux-image-5.10.0-9-amd64",
        ];
        let got = candidates(names.map(str::to_owned).to_vec());
        assert_eq!(
            got,
            [
                "linux-image-6.16.3+deb13-amd64-unsigned",
                "linux-image-6.12.117+deb12-amd64",
                "linux-image-6.12.99+deb12-amd64",
                "linux-image-6.1.0-56-amd64",
            ]
        );
    }

    #[test]
    fn image_release_reads_the_boot_header_and_refuses_other_files() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("vmlinuz");
        let mut image = vec![0; 0x400];
        image[0x202..0x206].copy_from_slice(b"HdrS");
        image[0x20e..0x210].copy_from_slice(&0x100_u16.to_le_bytes());
        image[0x300..0x312].copy_from_slice(b"6.12.1+x (me@here)");
        fs::write(&path, &image).unwrap();
        assert_eq!(image_release(&path).unwrap(), "6.12.1+x");
        fs::write(&path, b"#!/bin/sh").unwrap();
        assert!(image_release(&path).unwrap_err().to_string().contains("bzImage"));
    }
}
