//! Reads a policy in TOML, lints it with file and line, and compiles it to JSON (host only).
