//! Finds a kernel: the newest package of the archive that has binder and dma-buf heaps, a series of the archive, or a path.
//!
//! Which names the archive uses: Debian's `linux-image-6.12.117+deb12-amd64`, `linux-image-6.12.48+deb13-amd64`,
//! `linux-image-6.1.0-56-amd64`, and the same with `-unsigned`. Cloud and rt flavours are passed over: they lack the
//! camera and display drivers.

mod choice;

use std::fs;
use std::path::{Path, PathBuf};

use crate::apt::{self, Apt};
use crate::arch::Arch;
use crate::archive::{self, version, Found, NEWEST, PREFIX};
use crate::error::{At, Error, Result};
use crate::image::image_release;
use crate::progress::Progress;

use choice::{is_out_of_reach, Choice};

/// What a package's configuration must say `y` or `m` to.
const REQUIRED: [(&str, &str); 2] =
    [("CONFIG_ANDROID_BINDER_IPC", "binder"), ("CONFIG_DMABUF_HEAPS_SYSTEM", "dma-buf heaps")];
/// How many packages, newest first, are tried before giving up.
const TRIES: usize = 4;
/// Where packages have their modules: the second since the merged /usr.
const MODULES: [&str; 2] = ["lib/modules", "usr/lib/modules"];
/// From this release on cirrus shows no more than 800x600, and bochs takes dma-bufs of others.
const BOCHS_SINCE: [u64; 2] = [6, 17];
/// As arguments of QEMU, with 1280x720, which the camera has and bochs does not offer by itself.
const BOCHS: [&str; 2] = ["-device", "bochs-display,xres=1280,yres=720"];

/// A kernel to boot.
#[derive(Debug, Clone)]
pub struct Kernel {
    /// The bzImage, or arm64's Image.
    pub image: PathBuf,
    /// Whose it is, as the image itself says.
    pub arch: Arch,
    /// `lib/modules/RELEASE`, when there are modules.
    pub modules: Option<PathBuf>,
    /// `uname -r` to be.
    pub release: String,
    /// Words that it needs on its command line.
    pub words: &'static str,
}

impl Kernel {
    /// The newest suitable kernel that the machine's apt knows, from the cache when it has one. After a day what apt knows then is
    /// looked at, by lists that are only fetched the first time: where it has nothing newer, the cached one serves.
    ///
    /// # Errors
    /// No suitable package, no network at the first time, or the cache cannot be written.
    pub fn from_archive(cache: &Path, progress: &Progress) -> Result<Self> {
        let folder = cache.join("kernel");
        fs::create_dir_all(&folder).at(folder.display())?;
        let _one_at_a_time = apt::lock(&folder)?;
        let choice = Choice::of(&folder, None);
        if let Some(kernel) = choice.fresh() {
            progress.step(format_args!("kernel {} (cached)", kernel.release));
            return Ok(kernel.clone());
        }
        if choice.kept().is_none() {
            apt::refresh(progress);
        }
        let apt = Apt::default();
        let new = archive::newest_first(&apt).and_then(|found| {
            let newer = choice.newer(found);
            if let Some(kept) = choice.kept().filter(|_| newer.is_empty()) {
                return Ok(kept.clone());
            }
            let (found, kernel) =
                first_suitable(&newer, progress, |found| Self::fetched(&apt, found, &folder, progress))?;
            Ok((found.name.clone(), kernel))
        });
        let new = match (new, choice.kept()) {
            // What is newer and does not serve is passed over, as the first time.
            (Err(error), Some(kept)) if !is_out_of_reach(&error) => {
                progress.step(format_args!("no newer kernel than the cached one: {error}"));
                Ok(kept.clone())
            }
            (new, _) => new,
        };
        let kernel = choice.new_or_kept(new, progress)?;
        progress.step(format_args!("kernel {}", kernel.release));
        Ok(kernel)
    }

    /// The newest kernel of a series in Debian's archive (`6.18`, `newest`), from the cache when it has one of the series.
    /// The newest of all is looked for anew after a day; where the archive is out of reach the cached one serves.
    ///
    /// # Errors
    /// No such series, or its newest lacks what guests need; no network at the first time, or the cache cannot be written.
    pub fn from_series(series: &str, cache: &Path, progress: &Progress) -> Result<Self> {
        archive::check(series)?;
        let folder = cache.join("kernel");
        fs::create_dir_all(&folder).at(folder.display())?;
        let _one_at_a_time = apt::lock(&folder)?;
        let choice = Choice::of(&folder, Some(series));
        let kept = choice.kept().map(|(_, kernel)| kernel).filter(|_| series != NEWEST);
        if let Some(kernel) = kept.or_else(|| choice.fresh()) {
            progress.step(format_args!("kernel {} (cached)", kernel.release));
            return Ok(kernel.clone());
        }
        let new = archive::find(series, cache, progress).and_then(|(apt, found)| {
            if let Some(why) = apt.failed.clone().filter(|_| choice.kept().is_some()) {
                let names = format!("kernel {}{series}", archive::WORD);
                return Err(Error::Package { names, problem: format!("not all lists came: {why}") });
            }
            let kernel = Self::fetched(&apt, &found, &folder, progress)?;
            Ok((found.name, kernel))
        });
        let kernel = choice.new_or_kept(new, progress)?;
        progress.step(format_args!("kernel {}", kernel.release));
        Ok(kernel)
    }

    /// These packages' kernel, which has what guests need: unpacked before, or now.
    fn fetched(apt: &Apt, found: &Found, folder: &Path, progress: &Progress) -> Result<Self> {
        let unpacked = folder.join(&found.name);
        let unpack = |_| {
            apt.unpack(&found.packages, &unpacked, progress)?;
            Self::from_unpacked(&unpacked)
        };
        let kernel = Self::from_unpacked(&unpacked)
            .or_else(unpack)
            .and_then(|kernel| check_config(&unpacked, &kernel).map(|()| kernel));
        if kernel.is_err() {
            let _only_space = fs::remove_dir_all(&unpacked);
        }
        kernel
    }

    /// A kernel the user names: a bzImage, or the folder of an unpacked package, or its `lib/modules/RELEASE` where that
    /// has the image. Modules are looked for in `modules`, beside the image, and in `lib/modules/RELEASE` beside the
    /// image's folder.
    ///
    /// # Errors
    /// It is no kernel image that a guest can boot.
    pub fn from_path(path: &Path, modules: Option<&Path>) -> Result<Self> {
        let refused = |problem: String| Error::Kernel { kernel: path.display().to_string(), problem };
        if path.is_dir() {
            return match modules {
                None => Self::from_unpacked(path),
                Some(_) => Err(refused("a folder has its own modules; --modules goes with an image".to_owned())),
            };
        }
        let (arch, release) = image_release(path)?;
        let parent = path.parent().unwrap_or(Path::new("."));
        // Since 6.19 Debian's packages have the image there.
        let within = parent.join("kernel").is_dir().then(|| parent.to_owned());
        let beside = [
            parent.join("modules"),
            parent.join("../lib/modules").join(&release),
            parent.join("lib/modules").join(&release),
        ];
        if let Some(modules) = modules.filter(|modules| !modules.is_dir()) {
            return Err(refused(format!("{} is no folder", modules.display())));
        }
        let modules =
            modules.map(Path::to_owned).or(within).or_else(|| beside.into_iter().find(|folder| folder.is_dir()));
        Ok(Self { image: path.to_owned(), arch, modules, release, words: "" })
    }

    fn from_unpacked(root: &Path) -> Result<Self> {
        let image = image_in(root).ok_or_else(|| Error::Kernel {
            kernel: root.display().to_string(),
            problem: "no boot/vmlinuz-* and no lib/modules/*/vmlinuz in it".to_owned(),
        })?;
        let (arch, release) = image_release(&image)?;
        let folders = MODULES.map(|folder| root.join(folder).join(&release));
        let modules = folders.into_iter().chain([root.to_owned()]).find(|folder| folder.join("kernel").is_dir());
        Ok(Self { image, arch, modules, release, words: "" })
    }

    /// QEMU's display whose driver in this kernel takes foreign dma-bufs, in modes that the camera has too, as QEMU's
    /// arguments.
    pub(crate) fn display(&self) -> [&'static str; 2] {
        const TINY: &str = "kernel/drivers/gpu/drm/tiny";
        let has = |driver: &str| {
            let entries = self.modules.as_ref().and_then(|folder| fs::read_dir(folder.join(TINY)).ok());
            entries.into_iter().flatten().flatten().any(|entry| entry.file_name().to_string_lossy().starts_with(driver))
        };
        let new = version(&self.release).get(..2).is_some_and(|release| *release >= BOCHS_SINCE[..]);
        // Without modules both may be built in.
        match self.arch {
            _ if new && (has("bochs.ko") || !has("cirrus")) => BOCHS,
            Arch::X86_64 => ["-vga", "cirrus"],
            // `virt` has no -vga, and no firmware that would run a card's own.
            Arch::Arm64 => ["-device", "cirrus-vga,romfile="],
        }
    }
}

/// The first kernel that serves, of the newest few.
fn first_suitable<'f>(
    found: &'f [Found],
    progress: &Progress,
    mut fetched: impl FnMut(&Found) -> Result<Kernel>,
) -> Result<(&'f Found, Kernel)> {
    let mut refused = Vec::new();
    for found in found.iter().take(TRIES) {
        match fetched(found) {
            Ok(kernel) => return Ok((found, kernel)),
            Err(error) if is_out_of_reach(&error) => return Err(error),
            Err(error) => {
                progress.step(format_args!("not {}: {error}", found.name));
                refused.push(found.name.as_str());
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

/// The image in an unpacked package, or in a `lib/modules/RELEASE`.
fn image_in(root: &Path) -> Option<PathBuf> {
    let entries =
        |folder: &str| fs::read_dir(root.join(folder)).into_iter().flatten().flatten().map(|entry| entry.path());
    let named = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("vmlinuz-"));
    let split = MODULES.into_iter().flat_map(entries).map(|folder| folder.join("vmlinuz"));
    entries("boot").find(named).or_else(|| split.chain([root.join("vmlinuz")]).find(|path| path.is_file()))
}

fn check_config(root: &Path, kernel: &Kernel) -> Result<()> {
    let whole = root.join("boot").join(format!("config-{}", kernel.release));
    let split = MODULES.map(|folder| root.join(folder).join(&kernel.release).join("config"));
    let path = split.into_iter().find(|path| path.is_file()).unwrap_or(whole);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::tests::bzimage;

    fn write(root: &Path, files: &[(&str, &[u8])]) {
        for (name, bytes) in files {
            let path = root.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }

    #[test]
    fn one_piece_and_split_packages_are_both_found_with_their_modules_and_configuration() {
        let image = bzimage("7.3.4+x ");
        let config = b"CONFIG_ANDROID_BINDER_IPC=m\nCONFIG_DMABUF_HEAPS_SYSTEM=y\n";
        let modules = "usr/lib/modules/7.3.4+x";
        let layouts: [[(&str, &[u8]); 3]; 2] = [
            [
                ("boot/vmlinuz-7.3.4+x", &image),
                ("boot/config-7.3.4+x", config),
                ("usr/lib/modules/7.3.4+x/kernel/a.ko", b""),
            ],
            [
                ("usr/lib/modules/7.3.4+x/vmlinuz", &image),
                ("usr/lib/modules/7.3.4+x/config", config),
                ("usr/lib/modules/7.3.4+x/kernel/a.ko", b""),
            ],
        ];
        for files in layouts {
            let root = tempfile::tempdir().unwrap();
            write(root.path(), &files);
            let kernel = Kernel::from_path(root.path(), None).unwrap();
            let modules = root.path().join(modules);
            assert_eq!((kernel.release.as_str(), kernel.modules.as_ref()), ("7.3.4+x", Some(&modules)));
            check_config(root.path(), &kernel).unwrap();
            // The image alone finds its modules too.
            let image = root.path().join(files[0].0);
            assert!(Kernel::from_path(&image, Some(&modules)).is_ok());
        }
        // As a running system has it.
        let root = tempfile::tempdir().unwrap();
        write(root.path(), &[("vmlinuz", &image), ("kernel/a.ko", b"")]);
        for path in [root.path().to_owned(), root.path().join("vmlinuz")] {
            assert_eq!(Kernel::from_path(&path, None).unwrap().modules.as_deref(), Some(root.path()));
        }
    }

    #[test]
    fn kernel_without_what_guests_need_and_folder_without_a_kernel_are_named() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), &[("boot/vmlinuz-7.3.4+x", &bzimage("7.3.4+x ")), ("boot/config-7.3.4+x", b"CONFIG_X=y\n")]);
        let kernel = Kernel::from_path(root.path(), None).unwrap();
        let error = check_config(root.path(), &kernel).unwrap_err().to_string();
        assert_eq!(error, "kernel 7.3.4+x: it is built without binder and dma-buf heaps");
        let empty = tempfile::tempdir().unwrap();
        let error = Kernel::from_path(empty.path(), None).unwrap_err().to_string();
        assert!(error.ends_with("no boot/vmlinuz-* and no lib/modules/*/vmlinuz in it"), "{error}");
    }

    #[test]
    fn display_is_the_one_that_imports_in_this_kernel() {
        let kernel = |release: &str, modules: Option<&Path>| Kernel {
            image: PathBuf::new(),
            arch: Arch::X86_64,
            modules: modules.map(Path::to_owned),
            release: release.to_owned(),
            words: "",
        };
        let root = tempfile::tempdir().unwrap();
        write(root.path(), &[("kernel/drivers/gpu/drm/tiny/cirrus-qemu.ko.xz", b"")]);
        for release in ["6.12.117+deb12-amd64", "6.16.3", "6.1.0-56-amd64", "5"] {
            assert_eq!(kernel(release, None).display(), ["-vga", "cirrus"], "{release}");
        }
        for release in ["6.17.8", "6.18.15+deb13-amd64", "7.0"] {
            assert_eq!(kernel(release, None).display(), BOCHS, "{release}");
            assert_eq!(kernel(release, Some(root.path())).display(), ["-vga", "cirrus"], "{release} without bochs");
        }
        write(root.path(), &[("kernel/drivers/gpu/drm/tiny/bochs.ko", b"")]);
        assert_eq!(kernel("7.3.4", Some(root.path())).display(), BOCHS);
    }

    fn found(name: &str) -> Found {
        Found { name: name.to_owned(), packages: vec![name.to_owned()] }
    }

    #[test]
    fn unfit_kernels_are_passed_over_and_a_broken_download_ends_the_search() {
        let quiet = Progress::new(true);
        let all = ["linux-image-9", "linux-image-8", "linux-image-7"].map(found);
        let root = tempfile::tempdir().unwrap();
        write(root.path(), &[("vmlinuz", &bzimage("7.3.4+x "))]);
        let unfit = |kernel: &str| Error::Kernel { kernel: kernel.to_owned(), problem: "built without".to_owned() };
        let got = first_suitable(&all, &quiet, |found| match found.name.as_str() {
            "linux-image-9" => Err(unfit("9")),
            _ => Kernel::from_path(root.path(), None),
        });
        assert_eq!(got.unwrap().0.name, "linux-image-8");
        let mut asked = 0;
        let error = first_suitable(&all, &quiet, |found| {
            asked += 1;
            Err(Error::Package { names: found.name.clone(), problem: "the disk is full".to_owned() })
        });
        assert_eq!((error.unwrap_err().to_string().as_str(), asked), ("linux-image-9: the disk is full", 1));
        let error = first_suitable(&all, &quiet, |found| Err(unfit(&found.name))).unwrap_err().to_string();
        assert!(error.contains("none of linux-image-9, linux-image-8, linux-image-7 serves"), "{error}");
        let error = first_suitable(&[], &quiet, |found| Err(unfit(&found.name))).unwrap_err().to_string();
        assert!(error.contains("apt knows no such package"), "{error}");
    }

    #[test]
    fn what_was_chosen_before_is_taken_without_a_question() {
        let (quiet, cache) = (Progress::new(true), tempfile::tempdir().unwrap());
        let image = bzimage("7.3.4+x ");
        let mut files: Vec<(&str, &[u8])> = vec![("kernel/p/boot/vmlinuz-7.3.4+x", &image)];
        files.extend(["kernel/chosen", "kernel/chosen-7", "kernel/chosen-newest"].map(|choice| (choice, &b"p\n"[..])));
        write(cache.path(), &files);
        assert_eq!(Kernel::from_archive(cache.path(), &quiet).unwrap().release, "7.3.4+x");
        assert_eq!(Kernel::from_series(NEWEST, cache.path(), &quiet).unwrap().release, "7.3.4+x");
        // A series stays what it was.
        let old = fs::File::open(cache.path().join("kernel/chosen-7")).unwrap();
        old.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(Kernel::from_series("7", cache.path(), &quiet).unwrap().release, "7.3.4+x");
    }

    #[test]
    fn modules_are_not_given_with_a_folder() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), &[("vmlinuz", &bzimage("7.3.4+x ")), ("kernel/a.ko", b"")]);
        let error = Kernel::from_path(root.path(), Some(root.path())).unwrap_err().to_string();
        assert!(error.ends_with("a folder has its own modules; --modules goes with an image"), "{error}");
        assert!(Kernel::from_path(&root.path().join("vmlinuz"), Some(root.path())).is_ok());
    }
}
