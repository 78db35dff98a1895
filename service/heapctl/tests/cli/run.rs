//! Runs the program.

use serde_json::Value;
use std::process::{Command, Stdio};

/// What it did.
pub(crate) struct Run {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs heapctl with these arguments and nothing from the environment that could change its answer.
pub(crate) fn run(arguments: &[&str]) -> Run {
    let output = Command::new(env!("CARGO_BIN_EXE_heapctl"))
        .args(arguments)
        .env_remove("GRALLOC_ALLOCATOR")
        .env_remove("NO_COLOR")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    Run {
        status: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The same with `--json` among the arguments: one value, whatever happens.
pub(crate) fn run_json(arguments: &[&str]) -> (i32, Value) {
    let Run { status, out, err } = run(arguments);
    match serde_json::from_str(&out) {
        Ok(value) => (status, value),
        Err(error) => panic!("{arguments:?}: {error}: {out}{err}"),
    }
}
