//! Picks kernel modules with all they depend on, in loading order, and reads them uncompressed.
//!
//! A package that was only unpacked has no `modules.dep`, so dependencies are read from the modules themselves: the
//! `.modinfo` section's `depends=` and `softdep=pre:` (Linux, include/linux/module.h).

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use object::{Object, ObjectSection};

use crate::error::{At, Error, Result};

/// A module that is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// Its name, and what other kernel versions call it.
    pub names: &'static [&'static str],
    /// Parameters, as on insmod's command line.
    pub parameters: &'static str,
}

/// What the guest loads where the kernel does not have it built in.
pub const WANTED: [Wanted; 5] = [
    Wanted { names: &["binder_linux"], parameters: "devices=binder,hwbinder,vndbinder" },
    Wanted { names: &["udmabuf"], parameters: "" },
    // Device 0 takes scattered memory, device 1 only contiguous; each a capture node alone.
    Wanted { names: &["vivid"], parameters: "n_devs=2 allocators=0,1 node_types=0x1,0x1" },
    Wanted { names: &["cirrus", "cirrus_qemu"], parameters: "" },
    Wanted { names: &["vgem"], parameters: "" },
];

/// A module read and ready to go into the guest.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// Its name, with underscores.
    pub name: String,
    /// The ELF file, uncompressed.
    pub bytes: Vec<u8>,
    /// Parameters, as on insmod's command line.
    pub parameters: String,
}

/// Reads the wanted modules and their dependencies, dependencies first. What the kernel has built in or has not at all
/// is left out: whether the guest has what it needs is asked in the guest.
///
/// # Errors
/// A module file cannot be read or is no module.
pub fn collect(folder: &Path, wanted: &[Wanted]) -> Result<Vec<Loaded>> {
    let mut walk = Walk { files: HashMap::new(), seen: BTreeSet::new(), out: Vec::new() };
    index(&folder.join("kernel"), &mut walk.files)?;
    for module in wanted {
        if let Some(name) = module.names.iter().find(|name| walk.files.contains_key(**name)) {
            walk.visit(name, module.parameters)?;
        }
    }
    Ok(walk.out)
}

struct Walk {
    files: HashMap<String, PathBuf>,
    seen: BTreeSet<String>,
    out: Vec<Loaded>,
}

impl Walk {
    fn visit(&mut self, name: &str, parameters: &str) -> Result<()> {
        // A dependency without a file is built in.
        let Some(path) = self.files.get(name).cloned() else { return Ok(()) };
        if !self.seen.insert(name.to_owned()) {
            return Ok(());
        }
        let bytes = read_module(&path)?;
        for dependency in dependencies(&bytes, &path)? {
            self.visit(&dependency, "")?;
        }
        self.out.push(Loaded { name: name.to_owned(), bytes, parameters: parameters.to_owned() });
        Ok(())
    }
}

fn index(folder: &Path, files: &mut HashMap<String, PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).at(folder.display())? {
        let entry = entry.at(folder.display())?;
        let path = entry.path();
        if path.is_dir() {
            index(&path, files)?;
        } else if let Some((stem, _)) = entry.file_name().to_string_lossy().split_once(".ko") {
            files.insert(stem.replace('-', "_"), path);
        }
    }
    Ok(())
}

fn read_module(path: &Path) -> Result<Vec<u8>> {
    let bytes = fs::read(path).at(path.display())?;
    let bad = |problem: String| Error::BadFile { path: path.to_owned(), problem };
    let mut out = Vec::new();
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("xz") => lzma_rs::xz_decompress(&mut bytes.as_slice(), &mut out).map_err(|e| bad(format!("{e:?}")))?,
        Some("zst") => {
            let mut decoder =
                ruzstd::decoding::StreamingDecoder::new(bytes.as_slice()).map_err(|e| bad(e.to_string()))?;
            decoder.read_to_end(&mut out).at(path.display())?;
        }
        Some("gz") => {
            flate2::read::GzDecoder::new(bytes.as_slice()).read_to_end(&mut out).at(path.display())?;
        }
        _ => out = bytes,
    }
    Ok(out)
}

fn dependencies(bytes: &[u8], path: &Path) -> Result<Vec<String>> {
    let bad = |problem: String| Error::BadFile { path: path.to_owned(), problem };
    let file = object::File::parse(bytes).map_err(|error| bad(error.to_string()))?;
    let section = file.section_by_name(".modinfo").ok_or_else(|| bad("no .modinfo section".to_owned()))?;
    let info = section.data().map_err(|error| bad(error.to_string()))?;
    Ok(parse_dependencies(info))
}

fn parse_dependencies(info: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    for field in info.split(|byte| *byte == 0).map(String::from_utf8_lossy) {
        if let Some(list) = field.strip_prefix("depends=") {
            names.extend(list.split(',').filter(|name| !name.is_empty()).map(|name| name.replace('-', "_")));
        } else if let Some(list) = field.strip_prefix("softdep=pre:") {
            let before = list.split("post:").next().unwrap_or_default();
            names.extend(before.split_whitespace().map(|name| name.replace('-', "_")));
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_are_read_from_modinfo() {
        let info = b"license=GPL\0depends=videobuf2-v4l2,mc\0softdep=pre: a-b c post: d\0softdep=post: e\0depends=\0";
        assert_eq!(parse_dependencies(info), ["videobuf2_v4l2", "mc", "a_b", "c"]);
    }
}
