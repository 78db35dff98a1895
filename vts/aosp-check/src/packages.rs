//! The project's Cargo packages, as far as an Android.bp has to agree with them.

use crate::report::Place;
use anyhow::{Context, Result};
use cargo_metadata::semver::VersionReq;
use cargo_metadata::{Dependency, DependencyKind, MetadataCommand, Package, TargetKind};
use cargo_platform::Cfg;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// One package.
#[derive(Clone, Debug)]
pub struct CargoPackage {
    /// Its name.
    pub name: String,
    /// Its folder, from the root.
    pub folder: PathBuf,
    /// `2021` and the like.
    pub edition: String,
    /// Its version.
    pub version: String,
    /// Has a library.
    pub library: bool,
    package: Package,
}

/// Where the code runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// On an Android device.
    Device,
    /// On the machine that builds.
    Host,
}

/// What a manifest asks of a crate that it links.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The crate.
    pub name: &'a str,
    /// Its versions that will do.
    pub versions: &'a VersionReq,
    /// The features; the default ones are not named.
    pub features: &'a [String],
}

/// Reads the workspace.
///
/// # Errors
/// What Cargo says.
pub fn read(root: &Path) -> Result<Vec<CargoPackage>> {
    let metadata = MetadataCommand::new()
        .manifest_path(root.join("Cargo.toml"))
        .no_deps()
        .other_options(vec!["--offline".to_owned()])
        .exec()
        .with_context(|| format!("cargo metadata of {}", root.display()))?;
    let base = metadata.workspace_root.clone();
    let own = |package: Package| {
        let folder = package.manifest_path.parent()?.strip_prefix(&base).ok()?.as_std_path().to_owned();
        let library = package.targets.iter().any(|target| {
            target.kind.iter().any(|kind| {
                matches!(kind, TargetKind::Lib | TargetKind::RLib | TargetKind::CDyLib | TargetKind::StaticLib)
            })
        });
        Some(CargoPackage {
            name: package.name.to_string(),
            folder,
            edition: package.edition.to_string(),
            version: package.version.to_string(),
            library,
            package,
        })
    };
    Ok(metadata.packages.into_iter().filter_map(own).collect())
}

impl CargoPackage {
    /// The packages that its code links on a side, with these features and no default ones.
    ///
    /// # Errors
    /// A platform condition that cannot be read.
    pub fn dependencies(&self, side: Side, features: &[&str]) -> Result<BTreeSet<String>> {
        let enabled = self.optional(features);
        let mut names = BTreeSet::new();
        for dependency in &self.package.dependencies {
            let wanted = !dependency.optional || enabled.contains(key(dependency));
            if dependency.kind == DependencyKind::Normal && wanted && applies(dependency, side)? {
                names.insert(dependency.name.clone());
            }
        }
        Ok(names)
    }

    /// What it asks of what its code links on a side.
    ///
    /// # Errors
    /// A platform condition that cannot be read.
    pub fn asked(&self, side: Side, features: &[&str]) -> Result<Vec<Asked<'_>>> {
        let linked = self.dependencies(side, features)?;
        let mut asked = Vec::new();
        for dependency in self.package.dependencies.iter().filter(|dependency| linked.contains(&dependency.name)) {
            if dependency.kind == DependencyKind::Normal && applies(dependency, side)? {
                asked.push(Asked { name: &dependency.name, versions: &dependency.req, features: &dependency.features });
            }
        }
        Ok(asked)
    }

    /// What it links on the host and not on the device, with the versions that its manifest admits.
    ///
    /// # Errors
    /// A platform condition that cannot be read.
    pub fn host_extras(&self) -> Result<Vec<(String, String)>> {
        let mut extras = Vec::new();
        for dependency in &self.package.dependencies {
            let plain = dependency.kind == DependencyKind::Normal && !dependency.optional;
            if plain && applies(dependency, Side::Host)? && !applies(dependency, Side::Device)? {
                extras.push((dependency.name.clone(), dependency.req.to_string()));
            }
        }
        Ok(extras)
    }

    /// The packages that only its tests link.
    pub fn test_dependencies(&self) -> BTreeSet<String> {
        let tests = |dependency: &&Dependency| dependency.kind == DependencyKind::Development;
        self.package.dependencies.iter().filter(tests).map(|dependency| dependency.name.clone()).collect()
    }

    /// The features that there are.
    pub fn features(&self) -> BTreeSet<&str> {
        self.package.features.keys().map(String::as_str).collect()
    }

    /// Its manifest, from the root.
    pub fn manifest(&self) -> PathBuf {
        self.folder.join("Cargo.toml")
    }

    /// Where its manifest has a word in what it says of a crate that its code links; or the workspace's, where its own has not.
    pub fn said(&self, root: &Path, name: &str, word: &str) -> Place {
        for manifest in [self.manifest(), PathBuf::from("Cargo.toml")] {
            let text = fs::read_to_string(root.join(&manifest)).unwrap_or_default();
            if let Some(line) = line_of(&text, name, word) {
                return Place::line(manifest, line);
            }
        }
        Place::file(self.manifest())
    }

    /// The optional dependencies that these features switch on.
    fn optional(&self, features: &[&str]) -> BTreeSet<String> {
        let mut open: Vec<String> = features.iter().map(|feature| (*feature).to_owned()).collect();
        let mut seen = BTreeSet::new();
        while let Some(feature) = open.pop() {
            if !seen.insert(feature.clone()) {
                continue;
            }
            for implied in self.package.features.get(&feature).into_iter().flatten() {
                let implied = implied.strip_prefix("dep:").unwrap_or(implied);
                open.push(implied.split_once('/').map_or(implied, |(package, _)| package).to_owned());
            }
        }
        seen
    }
}

/// The line with a word in it, from 1, of what a manifest says of a crate that code links. What goes on in further lines is indented.
fn line_of(manifest: &str, name: &str, word: &str) -> Option<usize> {
    let (mut of_the_code, mut of_the_crate) = (false, false);
    for (number, line) in (1..).zip(manifest.lines()) {
        if line.starts_with('[') {
            of_the_code = line.ends_with("dependencies]") && !line.ends_with("dev-dependencies]");
        }
        let begins = line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '=', '.']));
        of_the_crate = of_the_code && (begins || (of_the_crate && line.starts_with([' ', ']'])));
        if of_the_crate && line.contains(word) {
            return Some(number);
        }
    }
    None
}

/// The name under which features know a dependency.
fn key(dependency: &Dependency) -> &str {
    dependency.rename.as_deref().unwrap_or(&dependency.name)
}

fn applies(dependency: &Dependency, side: Side) -> Result<bool> {
    let Some(platform) = &dependency.target else { return Ok(true) };
    let platform = cargo_platform::Platform::from_str(&platform.to_string())
        .with_context(|| format!("the platform of the dependency {}", dependency.name))?;
    let (triple, os) = match side {
        Side::Device => ("aarch64-linux-android", "android"),
        Side::Host => ("x86_64-unknown-linux-gnu", "linux"),
    };
    let conditions = ["unix", "target_family=\"unix\"", "target_pointer_width=\"64\"", "target_endian=\"little\""];
    let mut cfgs: Vec<Cfg> = conditions.iter().filter_map(|text| Cfg::from_str(text).ok()).collect();
    cfgs.extend(Cfg::from_str(&format!("target_os=\"{os}\"")).ok());
    Ok(platform.matches(triple, &cfgs))
}
