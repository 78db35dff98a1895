//! What Cargo builds, so that it is never an old one.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The file of the project's mapper.
pub(crate) fn mapper() -> PathBuf {
    let files = build(&["-p", "gralloc_mapper", "--lib"]);
    let mut libraries = files.into_iter().filter(|file| file.extension().is_some_and(|extension| extension == "so"));
    libraries.next().expect("Cargo built no library; GRALLOC_MAPPER may name one instead")
}

/// Builds and returns every file that came of it.
pub(crate) fn build(what: &[&str]) -> Vec<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.toml");
    let mut build = Command::new(cargo);
    build.args(["build", "--quiet", "--message-format", "json"]).args(what).arg("--manifest-path").arg(manifest);
    let output = build.stderr(Stdio::inherit()).output().expect("cargo");
    assert!(output.status.success(), "cargo build {what:?}: {}", output.status);
    let text = String::from_utf8(output.stdout).unwrap();
    let messages = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let files = |message: serde_json::Value| -> Vec<PathBuf> {
        let files = message.get("filenames").and_then(serde_json::Value::as_array).cloned().unwrap_or_default();
        files.iter().filter_map(|file| file.as_str().map(PathBuf::from)).collect()
    };
    messages.flat_map(files).collect()
}
