//! Files that are written of the code.

use anyhow::{Context as _, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// Writes a file unless it is there already, so that nothing is rebuilt for a new date; whether it did.
pub(crate) fn put(file: &Path, text: &str) -> Result<bool> {
    if fs::read_to_string(file).is_ok_and(|old| old == text) {
        return Ok(false);
    }
    let folder = file.parent().context("a file in a folder")?;
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    fs::write(file, text).with_context(|| file.display().to_string())?;
    Ok(true)
}

/// The same of files below a root; answers those that it wrote.
pub(crate) fn put_all(root: &Path, files: impl IntoIterator<Item = (PathBuf, String)>) -> Result<Vec<PathBuf>> {
    let mut written = Vec::new();
    for (file, text) in files {
        if put(&root.join(&file), &text)? {
            written.push(file);
        }
    }
    Ok(written)
}
