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
    /// What a guest lacks without it; empty for displays, of which one is enough, and for what most kernels build in without
    /// listing it as a module.
    pub what: &'static str,
    /// Its name, and what other kernel versions call it.
    pub names: &'static [&'static str],
    /// Parameters, as on insmod's command line.
    pub parameters: &'static str,
}

/// What the guest loads where the kernel does not have it built in.
pub const WANTED: [Wanted; 6] = [
    Wanted { what: "binder", names: &["binder_linux"], parameters: "devices=binder,hwbinder,vndbinder" },
    Wanted { what: "", names: &["udmabuf"], parameters: "" },
    // Device 0 takes scattered memory, device 1 only contiguous; each a capture node alone.
    Wanted { what: "a camera", names: &["vivid"], parameters: "n_devs=2 allocators=0,1 node_types=0x1,0x1" },
    // The machine has one of the two: Kernel::display.
    Wanted { what: "", names: &["bochs"], parameters: "" },
    Wanted { what: "", names: &["cirrus", "cirrus_qemu"], parameters: "" },
    Wanted { what: "fences", names: &["vgem"], parameters: "" },
];

/// What a kernel gave of the wanted ones.
#[derive(Debug, Clone, Default)]
pub struct Collected {
    /// In loading order.
    pub loaded: Vec<Loaded>,
    /// What it lacks, by what it is for and its module's name; none where the kernel does not say what is built in.
    pub missing: Vec<String>,
}

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

/// Reads the wanted modules and their dependencies, dependencies first. What the kernel has built in is left out, and
/// what it has not at all is named: whether the guest can do without is asked in the guest.
///
/// # Errors
/// A folder of no modules; a module file cannot be read or is no module.
pub fn collect(folder: &Path, wanted: &[Wanted]) -> Result<Collected> {
    let mut walk = Walk { files: HashMap::new(), seen: BTreeSet::new(), out: Vec::new() };
    let kernel = folder.join("kernel");
    if !kernel.is_dir() {
        return Err(Error::BadFile {
            path: folder.to_owned(),
            problem: "no folder `kernel` in it: give a kernel's lib/modules/RELEASE".to_owned(),
        });
    }
    index(&kernel, &mut walk.files)?;
    // `kernel/drivers/dma-buf/udmabuf.ko`, one a line.
    let builtin = fs::read_to_string(folder.join("modules.builtin")).ok();
    let builtin = builtin.as_deref().map(|text| text.lines().map(module_name).collect::<BTreeSet<_>>());
    let mut missing = Vec::new();
    for module in wanted {
        let lacks = |name: &&str| builtin.as_ref().is_some_and(|builtin| !builtin.contains(*name));
        if let Some(name) = module.names.iter().find(|name| walk.files.contains_key(**name)) {
            walk.visit(name, module.parameters)?;
        } else if module.names.iter().all(lacks) && !module.what.is_empty() {
            missing.push(format!("{} (module {})", module.what, module.names.join(" or ")));
        }
    }
    Ok(Collected { loaded: walk.out, missing })
}

/// `udmabuf` of `kernel/drivers/dma-buf/udmabuf.ko`.
fn module_name(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or_default();
    file.split(".ko").next().unwrap_or_default().replace('-', "_")
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
        } else if entry.file_name().to_string_lossy().contains(".ko") {
            files.insert(module_name(&entry.file_name().to_string_lossy()), path);
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

    #[test]
    fn module_that_is_neither_a_file_nor_built_in_is_named_and_a_folder_of_none_refused() {
        let root = tempfile::tempdir().unwrap();
        let error = collect(root.path(), &WANTED).unwrap_err().to_string();
        assert!(error.ends_with("give a kernel's lib/modules/RELEASE"), "{error}");
        fs::create_dir_all(root.path().join("kernel")).unwrap();
        assert_eq!(collect(root.path(), &WANTED).unwrap().missing, Vec::<String>::new(), "what is built in is unknown");
        let builtin = "kernel/drivers/dma-buf/udmabuf.ko\nkernel/drivers/gpu/drm/tiny/cirrus-qemu.ko\n";
        fs::write(root.path().join("modules.builtin"), builtin).unwrap();
        let expected = ["binder (module binder_linux)", "a camera (module vivid)", "fences (module vgem)"];
        assert_eq!(collect(root.path(), &WANTED).unwrap().missing, expected);
    }
}
