//! Which kernels were chosen: a file beside the unpacked packages for the machine's own newest (`chosen`) and for each series that was asked for
//! (`chosen-6.18`), with the package's name. What none of them names any more is removed.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{version, Kernel, PREFIX};
use crate::archive::Found;
use crate::error::{At, Error, Result};
use crate::progress::Progress;

/// How long what was the newest serves before a newer one is looked for.
const FRESH: Duration = Duration::from_secs(24 * 60 * 60);
/// What each file's name begins with.
const NAME: &str = "chosen";

/// What was chosen once.
pub(super) struct Choice {
    file: PathBuf,
    /// The package and its kernel, where it is there.
    kept: Option<(String, Kernel)>,
}

impl Choice {
    /// What was chosen in the folder for a series, or for none.
    pub(super) fn of(folder: &Path, series: Option<&str>) -> Self {
        let file = folder.join(series.map_or_else(|| NAME.to_owned(), |series| format!("{NAME}-{series}")));
        let kept = name_in(&file).ok().and_then(|name| {
            let kernel = Kernel::from_unpacked(&folder.join(&name)).ok()?;
            Some((name, kernel))
        });
        Self { file, kept }
    }

    /// The package and its kernel.
    pub(super) fn kept(&self) -> Option<&(String, Kernel)> {
        self.kept.as_ref()
    }

    /// Its kernel, where it was chosen, or was looked at again, within the last day.
    pub(super) fn fresh(&self) -> Option<&Kernel> {
        let written = fs::metadata(&self.file).and_then(|file| file.modified());
        let fresh = written.is_ok_and(|written| written.elapsed().is_ok_and(|age| age < FRESH));
        self.kept().filter(|_| fresh).map(|(_, kernel)| kernel)
    }

    /// Those of them that are newer; all, where none was chosen.
    pub(super) fn newer(&self, mut found: Vec<Found>) -> Vec<Found> {
        if let Some((kept, _)) = &self.kept {
            let kept = version(kept);
            found.retain(|found| version(&found.name) > kept);
        }
        found
    }

    /// The new kernel, which is chosen by that; or where the archive is out of reach the one that was kept, and the next run looks again.
    ///
    /// # Errors
    /// There is none, or the cache cannot be written.
    pub(super) fn new_or_kept(self, new: Result<(String, Kernel)>, progress: &Progress) -> Result<Kernel> {
        match (new, &self.kept) {
            (Err(error), Some((_, kept))) if is_out_of_reach(&error) => {
                progress.step(format_args!("no newer kernel than the cached one was to be had: {error}"));
                Ok(kept.clone())
            }
            (new, _) => {
                let (name, kernel) = new?;
                self.take(&name)?;
                Ok(kernel)
            }
        }
    }

    /// Writes down a package's name, and removes the packages that no choice names any more; none where one cannot be read.
    fn take(&self, name: &str) -> Result<()> {
        fs::write(&self.file, name).at(self.file.display())?;
        let folder = self.file.parent().unwrap_or(Path::new("."));
        let mut packages = Vec::new();
        let mut chosen = Vec::new();
        for entry in fs::read_dir(folder).at(folder.display())?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with(PREFIX) {
                packages.push((name, entry.path()));
            } else if name.starts_with(NAME) {
                chosen.push(name_in(&entry.path())?);
            }
        }
        for (_, path) in packages.iter().filter(|(name, _)| !chosen.contains(name)) {
            let _only_space = fs::remove_dir_all(path);
        }
        Ok(())
    }
}

fn name_in(file: &Path) -> Result<String> {
    Ok(fs::read_to_string(file).at(file.display())?.trim().to_owned())
}

/// A failure of network, disk or machine: another kernel would meet it too.
pub(super) fn is_out_of_reach(error: &Error) -> bool {
    matches!(error, Error::Package { .. } | Error::Missing { .. })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::NEWEST;
    use crate::image::tests::bzimage;
    use std::time::SystemTime;

    const OLD: &str = "linux-image-6.12.99+deb12-amd64";
    const NEW: &str = "linux-image-6.12.117+deb12-amd64";

    /// A cache's folder with these packages unpacked.
    fn folder(packages: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for package in packages {
            let boot = root.path().join(package).join("boot");
            fs::create_dir_all(&boot).unwrap();
            let release = package.trim_start_matches(PREFIX);
            fs::write(boot.join(format!("vmlinuz-{release}")), bzimage(&format!("{release} "))).unwrap();
        }
        root
    }

    fn new(folder: &Path, name: &str) -> Result<(String, Kernel)> {
        Ok((name.to_owned(), Kernel::from_unpacked(&folder.join(name)).unwrap()))
    }

    fn age(folder: &Path, file: &str) {
        fs::File::open(folder.join(file)).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
    }

    #[test]
    fn choice_is_kept_for_a_day_and_longer_where_the_archive_is_out_of_reach() {
        let (root, quiet) = (folder(&[OLD]), Progress::new(true));
        let path = root.path();
        let choice = || Choice::of(path, Some(NEWEST));
        assert!(choice().kept().is_none() && choice().fresh().is_none());
        choice().new_or_kept(new(path, OLD), &quiet).unwrap();
        assert_eq!(choice().fresh().unwrap().release, "6.12.99+deb12-amd64");
        age(path, "chosen-newest");
        assert!(choice().fresh().is_none() && choice().kept().is_some());

        let broken = || Err(Error::Package { names: "p".to_owned(), problem: "no network".to_owned() });
        assert_eq!(choice().new_or_kept(broken(), &quiet).unwrap().release, "6.12.99+deb12-amd64");
        assert!(choice().fresh().is_none(), "the next run looks again");
        assert!(Choice::of(path, Some("7")).new_or_kept(broken(), &quiet).is_err());
        let unfit = Error::Kernel { kernel: "8".to_owned(), problem: "built without".to_owned() };
        assert!(choice().new_or_kept(Err(unfit), &quiet).is_err());
    }

    #[test]
    fn superseded_package_goes_unless_another_choice_names_it() {
        let other = "linux-image-6.18.15+deb13-amd64";
        let (root, quiet) = (folder(&[OLD, NEW, other]), Progress::new(true));
        let path = root.path();
        fs::create_dir(path.join("apt")).unwrap();
        fs::write(path.join("chosen-6.18"), format!("{other}\n")).unwrap();
        fs::write(path.join("chosen-6.12"), OLD).unwrap();
        let there = || [OLD, NEW, other, "apt"].map(|name| path.join(name).is_dir());
        Choice::of(path, None).new_or_kept(new(path, NEW), &quiet).unwrap();
        assert_eq!(there(), [true; 4]);
        Choice::of(path, Some("6.12")).new_or_kept(new(path, NEW), &quiet).unwrap();
        assert_eq!(there(), [false, true, true, true]);
    }

    #[test]
    fn only_what_is_newer_than_the_kept_one_is_looked_at() {
        let found = |names: &[&str]| -> Vec<Found> {
            names.iter().map(|name| Found { name: (*name).to_owned(), packages: Vec::new() }).collect()
        };
        let root = folder(&[OLD]);
        let choice = Choice::of(root.path(), None);
        assert_eq!(choice.newer(found(&[NEW, OLD])), found(&[NEW, OLD]));
        fs::write(root.path().join("chosen"), OLD).unwrap();
        let choice = Choice::of(root.path(), None);
        let unsigned = "linux-image-6.12.99+deb12-amd64-unsigned";
        assert_eq!(choice.newer(found(&[NEW, OLD, unsigned, "linux-image-6.1.0-56-amd64"])), found(&[NEW]));
    }
}
