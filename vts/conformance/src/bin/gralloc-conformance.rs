//! The suite as a program, for any allocator and any mapper.

use std::process::ExitCode;

fn main() -> ExitCode {
    conformance::main()
}
