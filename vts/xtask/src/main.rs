//! demo, test, ci, vm, bench: the project's commands.

fn main() {}
