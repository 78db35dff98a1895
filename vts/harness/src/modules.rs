//! Picks kernel modules with all they depend on, in loading order, and reads them uncompressed.
//!
//! A package that was only unpacked has no `modules.dep`, so dependencies are read from the modules themselves: the
//! `.modinfo` section's `depends=` and `softdep=pre:` (Linux, include/linux/module.h).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use object::{Object, ObjectSection};

use crate::error::{At, Error, Result};

/// A module that is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// What a guest lacks without it. Of those with the same words one is enough.
    pub what: &'static str,
    /// Its name, and what other kernel versions call it.
    pub names: &'static [&'static str],
    /// Parameters, as on insmod's command line.
    pub parameters: &'static str,
}

/// What the guest loads where the kernel does not have it built in.
pub const WANTED: [Wanted; 6] = [
    Wanted { what: "binder", names: &["binder_linux"], parameters: "devices=binder,hwbinder,vndbinder" },
    Wanted { what: "dma-bufs of a process's own memory", names: &["udmabuf"], parameters: "" },
    // Device 0 takes scattered memory, device 1 only contiguous; each a capture node alone.
    Wanted { what: "a camera", names: &["vivid"], parameters: "n_devs=2 allocators=0,1 node_types=0x1,0x1" },
    // The machine has one of the two: Kernel::display.
    Wanted { what: "a display", names: &["bochs"], parameters: "" },
    Wanted { what: "a display", names: &["cirrus", "cirrus_qemu"], parameters: "" },
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
    let mut walk = Walk { files: HashMap::new(), seen: BTreeSet::new(), out: Vec::new(), lost: BTreeMap::new() };
    let kernel = folder.join("kernel");
    if !kernel.is_dir() {
        return Err(Error::BadFile {
            path: folder.to_owned(),
            problem: "no folder `kernel` in it: give a kernel's lib/modules/RELEASE".to_owned(),
        });
    }
    index(&kernel, &mut walk.files)?;
    for module in wanted {
        if let Some(name) = module.names.iter().find(|name| walk.files.contains_key(**name)) {
            walk.visit(name, module.parameters)?;
        }
    }
    let mut missing = Vec::new();
    if let Some(builtin) = builtin(folder) {
        for alike in wanted.chunk_by(|a, b| a.what == b.what) {
            let names: Vec<&str> = alike.iter().flat_map(|module| module.names).copied().collect();
            if !names.iter().any(|name| walk.files.contains_key(*name) || builtin.contains(*name)) {
                let what = alike.first().map_or("", |module| module.what);
                missing.push(format!("{what} (module {})", names.join(" or ")));
            }
        }
        let lost = walk.lost.iter().filter(|(dependency, _)| !builtin.contains(*dependency));
        missing.extend(lost.map(|(dependency, module)| format!("what {module} needs (module {dependency})")));
    }
    Ok(Collected { loaded: walk.out, missing })
}

/// The names of what is built in, where the folder says it. `modules.builtin` has what could be a module, as
/// `kernel/drivers/gpu/drm/drm.ko`; udmabuf cannot, and stands in `modules.builtin.modinfo` alone, as `udmabuf.author=...`.
fn builtin(folder: &Path) -> Option<BTreeSet<String>> {
    let files = fs::read_to_string(folder.join("modules.builtin")).ok()?;
    let info = fs::read(folder.join("modules.builtin.modinfo")).ok()?;
    let names = info.split(|byte| *byte == 0).map(String::from_utf8_lossy);
    let names = names.filter_map(|field| Some(field.split_once('.')?.0.replace('-', "_")));
    Some(files.lines().map(module_name).chain(names).collect())
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
    /// Dependencies without a file, each with the module that needs it.
    lost: BTreeMap<String, String>,
}

impl Walk {
    fn visit(&mut self, name: &str, parameters: &str) -> Result<()> {
        let Some(path) = self.files.get(name).cloned() else { return Ok(()) };
        if !self.seen.insert(name.to_owned()) {
            return Ok(());
        }
        let bytes = read_module(&path)?;
        let dependencies = dependencies(&bytes, &path)?;
        for dependency in &dependencies.needed {
            if !self.files.contains_key(dependency) {
                self.lost.entry(dependency.clone()).or_insert_with(|| name.to_owned());
            }
        }
        for dependency in dependencies.needed.iter().chain(&dependencies.before) {
            self.visit(dependency, "")?;
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

/// What a module says of others.
#[derive(Debug, Default, PartialEq, Eq)]
struct Dependencies {
    /// It does not load without them.
    needed: Vec<String>,
    /// They are to be loaded before it, where they are there.
    before: Vec<String>,
}

fn dependencies(bytes: &[u8], path: &Path) -> Result<Dependencies> {
    let bad = |problem: String| Error::BadFile { path: path.to_owned(), problem };
    let file = object::File::parse(bytes).map_err(|error| bad(error.to_string()))?;
    let section = file.section_by_name(".modinfo").ok_or_else(|| bad("no .modinfo section".to_owned()))?;
    let info = section.data().map_err(|error| bad(error.to_string()))?;
    Ok(parse_dependencies(info))
}

fn parse_dependencies(info: &[u8]) -> Dependencies {
    let mut all = Dependencies::default();
    for field in info.split(|byte| *byte == 0).map(String::from_utf8_lossy) {
        if let Some(list) = field.strip_prefix("depends=") {
            all.needed.extend(list.split(',').filter(|name| !name.is_empty()).map(|name| name.replace('-', "_")));
        } else if let Some(list) = field.strip_prefix("softdep=pre:") {
            let before = list.split("post:").next().unwrap_or_default();
            all.before.extend(before.split_whitespace().map(|name| name.replace('-', "_")));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_are_read_from_modinfo() {
        let info = b"license=GPL\0depends=videobuf2-v4l2,mc\0softdep=pre: a-b c post: d\0softdep=post: e\0depends=\0";
        let names = |names: [&str; 2]| names.map(str::to_owned).to_vec();
        let expected = Dependencies { needed: names(["videobuf2_v4l2", "mc"]), before: names(["a_b", "c"]) };
        assert_eq!(parse_dependencies(info), expected);
    }

    #[test]
    fn module_that_is_neither_a_file_nor_built_in_is_named_and_a_folder_of_none_refused() {
        let root = tempfile::tempdir().unwrap();
        let error = collect(root.path(), &WANTED).unwrap_err().to_string();
        assert!(error.ends_with("give a kernel's lib/modules/RELEASE"), "{error}");
        fs::create_dir_all(root.path().join("kernel")).unwrap();
        assert_eq!(collect(root.path(), &WANTED).unwrap().missing, Vec::<String>::new(), "what is built in is unknown");
        let builtin = "kernel/drivers/gpu/drm/tiny/cirrus-qemu.ko\n";
        fs::write(root.path().join("modules.builtin"), builtin).unwrap();
        assert_eq!(collect(root.path(), &WANTED).unwrap().missing, Vec::<String>::new(), "of udmabuf it is unknown");
        let info = root.path().join("modules.builtin.modinfo");
        fs::write(&info, b"udmabuf.author=Gerd Hoffmann\0").unwrap();
        let expected = ["binder (module binder_linux)", "a camera (module vivid)", "fences (module vgem)"];
        assert_eq!(collect(root.path(), &WANTED).unwrap().missing, expected);
        fs::write(&info, b"").unwrap();
        fs::write(root.path().join("modules.builtin"), "").unwrap();
        let missing = collect(root.path(), &WANTED).unwrap().missing;
        assert!(missing.contains(&"dma-bufs of a process's own memory (module udmabuf)".to_owned()), "{missing:?}");
        assert!(missing.contains(&"a display (module bochs or cirrus or cirrus_qemu)".to_owned()), "{missing:?}");
    }

    /// An object file with nothing but `.modinfo`.
    fn module(info: &[u8]) -> Vec<u8> {
        let names = b"\0.modinfo\0.shstrtab\0";
        let (info_at, names_at) = (64_u64, 64 + u64::try_from(info.len()).unwrap());
        let sections_at = names_at + u64::try_from(names.len()).unwrap();
        let mut file = b"\x7fELF\x02\x01\x01".to_vec();
        file.resize(16, 0);
        for half in [1_u16, 0x3e] {
            file.extend(half.to_le_bytes());
        }
        file.extend(1_u32.to_le_bytes());
        for word in [0, 0, sections_at] {
            file.extend(word.to_le_bytes());
        }
        file.extend(0_u32.to_le_bytes());
        for half in [64_u16, 0, 0, 64, 3, 2] {
            file.extend(half.to_le_bytes());
        }
        file.extend(info);
        file.extend(names);
        let name_bytes = u64::try_from(names.len()).unwrap();
        let info_bytes = u64::try_from(info.len()).unwrap();
        for (name, kind, at, bytes) in
            [(0_u32, 0_u32, 0, 0), (1, 1, info_at, info_bytes), (10, 3, names_at, name_bytes)]
        {
            file.extend([name, kind].map(u32::to_le_bytes).concat());
            file.extend([0, 0, at, bytes, 0, 1, 0].map(u64::to_le_bytes).concat());
        }
        file
    }

    #[test]
    fn dependency_that_is_neither_a_file_nor_built_in_is_named() {
        let root = tempfile::tempdir().unwrap();
        let kernel = root.path().join("kernel");
        fs::create_dir_all(&kernel).unwrap();
        fs::write(kernel.join("vivid.ko"), module(b"depends=mc,v4l2-tpg,drm\0softdep=pre: crc\0")).unwrap();
        fs::write(kernel.join("mc.ko"), module(b"depends=\0")).unwrap();
        fs::write(root.path().join("modules.builtin"), "kernel/drivers/gpu/drm/drm.ko\n").unwrap();
        fs::write(root.path().join("modules.builtin.modinfo"), b"").unwrap();
        let wanted = [Wanted { what: "a camera", names: &["vivid"], parameters: "n_devs=2" }];
        let collected = collect(root.path(), &wanted).unwrap();
        assert_eq!(collected.missing, ["what vivid needs (module v4l2_tpg)"]);
        assert_eq!(collected.loaded.iter().map(|module| module.name.as_str()).collect::<Vec<_>>(), ["mc", "vivid"]);
    }
}
