//! The corpora that are kept: `corpora/TARGET.tar.gz`, one archive a target. The same inputs give the same archive.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use flate2::Compression;

/// An input: the name of its file, and its bytes.
pub type Input = (String, Vec<u8>);

/// The archive of this target.
pub fn archive(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpora").join(target).with_extension("tar.gz")
}

/// The inputs of an archive, in its order.
///
/// # Errors
/// It is absent, or not an archive.
pub fn unpack(archive: &Path) -> io::Result<Vec<Input>> {
    let mut inputs = Vec::new();
    for entry in tar::Archive::new(GzDecoder::new(File::open(archive)?)).entries()? {
        let mut entry = entry?;
        let name = entry.path()?.to_string_lossy().into_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes)?;
        inputs.push((name, bytes));
    }
    Ok(inputs)
}

/// Replaces an archive.
///
/// # Errors
/// It cannot be written.
pub fn pack(archive: &Path, inputs: &[Input]) -> io::Result<()> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::best()));
    for (name, bytes) in inputs {
        let mut header = tar::Header::new_ustar();
        header.set_size(u64::try_from(bytes.len()).map_err(io::Error::other)?);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, bytes.as_slice())?;
    }
    let bytes = tar.into_inner()?.finish()?;
    File::create(archive)?.write_all(&bytes)
}

/// The files of a folder, by name; none where there is no folder.
///
/// # Errors
/// One cannot be read.
pub fn files(folder: &Path) -> io::Result<Vec<Input>> {
    let mut inputs = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let entry = entry?;
        inputs.push((entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path())?));
    }
    inputs.sort();
    Ok(inputs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_packed_come_back_and_pack_to_the_same_archive() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (folder.path().join("first"), folder.path().join("second"));
        let inputs = vec![("a".to_owned(), vec![0; 700]), ("b".to_owned(), Vec::new()), ("c".to_owned(), vec![7])];
        pack(&first, &inputs).unwrap();
        assert_eq!(unpack(&first).unwrap(), inputs);
        pack(&second, &unpack(&first).unwrap()).unwrap();
        assert_eq!(fs::read(first).unwrap(), fs::read(second).unwrap());
    }
}
