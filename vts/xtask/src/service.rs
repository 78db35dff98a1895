//! Puts the allocator, its compiled policy and the command-line tool into a guest.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{ensure, Context as _, Result};
use vm_harness::binaries::{self, cargo, GUEST_PROFILE, SHIPPED_PROFILE};
use vm_harness::rootfs::{Rootfs, MAPPER_PATH};

use crate::context::Context;

/// The package of the service.
pub(crate) const SERVER: &str = "gralloc_server";
/// The package of the mapper.
pub(crate) const MAPPER: &str = "gralloc_mapper";
/// Its library's file.
const MAPPER_LIBRARY: &str = "libgralloc_mapper.so";
/// The package of the camera and the display.
pub(crate) const CLIENTS: &str = "vts_clients";
/// The package of the suite that holds allocator and mapper to their contract.
pub(crate) const CONFORMANCE: &str = "conformance";
/// The package of the command-line tool.
pub(crate) const HEAPCTL: &str = "heapctl";

/// Builds the service, the mapper, the tool and the programs of `more` packages, puts them in, and has the service started with
/// `policy`: a shipped profile's name, or a file in TOML or compiled JSON. Answers the service's program.
pub(crate) fn add(context: &Context, rootfs: &mut Rootfs, policy: &str, more: &[&str]) -> Result<PathBuf> {
    add_built_in(GUEST_PROFILE, context, rootfs, policy, more)
}

/// The same, built in a profile of Cargo's. With the one of what ships the tool stays at home, since nobody measures it.
pub(crate) fn add_built_in(
    profile: &str,
    context: &Context,
    rootfs: &mut Rootfs,
    policy: &str,
    more: &[&str],
) -> Result<PathBuf> {
    context.progress.step("building the service for the guest");
    let own: &[&str] = if profile == SHIPPED_PROFILE { &[SERVER, MAPPER] } else { &[SERVER, MAPPER, HEAPCTL] };
    let built = binaries::build(&context.workspace, &[own, more].concat(), profile, &context.progress)?;
    let mapper = built.libraries.iter().find(|path| path.ends_with(MAPPER_LIBRARY));
    rootfs.file(MAPPER_PATH, mapper.with_context(|| format!("package {MAPPER} has no shared library"))?)?;
    let compiled = compile(context, policy)?;
    let mut service = None;
    for program in built.programs {
        if program.package == SERVER {
            rootfs.service(&program.path, &compiled, &[])?;
            service = Some(program.path);
        } else {
            rootfs.program(&program.name, &program.path)?;
        }
    }
    service.with_context(|| format!("package {SERVER} has no program"))
}

/// The JSON of a policy. A JSON file is taken as it is, so that a broken one can be tried.
pub(crate) fn compile(context: &Context, policy: &str) -> Result<PathBuf> {
    if Path::new(policy).extension().is_some_and(|extension| extension == "json") {
        ensure!(Path::new(policy).is_file(), "--policy {policy}: no such file");
        return Ok(policy.into());
    }
    let folder = context.cache().join("policies");
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let stem = Path::new(policy).file_stem().unwrap_or_default();
    let output = folder.join(stem).with_extension("json");
    context.progress.step(format_args!("compiling policy {policy}"));
    let mut command = Command::new(cargo());
    command
        .args(["run", "--quiet", "--manifest-path"])
        .arg(context.workspace.join("Cargo.toml"))
        .args(["-p", HEAPCTL, "--", "compile", policy, "-o"])
        .arg(&output);
    context.progress.run_logged(&mut command)?;
    Ok(output)
}
