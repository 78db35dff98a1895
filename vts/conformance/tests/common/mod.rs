//! This project's own service and mapper, built by Cargo, so that they are never old ones, and started for a test.

pub(crate) mod keeper;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The file of the project's mapper.
pub(crate) fn mapper() -> PathBuf {
    named("libgralloc_mapper.so", &build(&[]))
}

/// That of these files which has this name.
pub(crate) fn named(name: &str, files: &[PathBuf]) -> PathBuf {
    let found = files.iter().find(|path| path.file_name().is_some_and(|file| file == name));
    found.cloned().ok_or_else(|| format!("Cargo built no {name}")).unwrap()
}

/// Builds the libraries and the examples, and returns every file that came of it. Of the whole workspace: its dependencies then
/// have the features that they have everywhere else, and are not built once more.
pub(crate) fn build(features: &[&str]) -> Vec<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.toml");
    let mut build = Command::new(cargo);
    build.args(["build", "--workspace", "--lib", "--examples", "--quiet", "--message-format", "json"]);
    build.args(features).arg("--manifest-path").arg(manifest);
    let output = build.stderr(Stdio::inherit()).output().expect("cargo");
    assert!(output.status.success(), "cargo build: {}", output.status);
    let text = String::from_utf8(output.stdout).unwrap();
    let messages = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let files = |message: serde_json::Value| -> Vec<PathBuf> {
        let files = message.get("filenames").and_then(serde_json::Value::as_array).cloned().unwrap_or_default();
        files.iter().filter_map(|file| file.as_str().map(PathBuf::from)).collect()
    };
    messages.flat_map(files).collect()
}
