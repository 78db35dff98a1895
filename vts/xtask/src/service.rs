//! Puts the allocator, its compiled policy and the command-line tool into a guest.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{ensure, Context as _, Result};
use vm_harness::binaries::{self, Built};
use vm_harness::rootfs::{Rootfs, MAPPER_PATH};
use vm_harness::toolchain::Cross;

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

/// Where tests learn of the service's program.
pub(crate) const PROGRAM_VARIABLE: &str = "ALLOCATOR_SERVICE";

/// What a guest's service is put together from.
pub(crate) const PARTS: [&str; 3] = [SERVER, MAPPER, HEAPCTL];

/// Builds the service, the mapper, the tool and the programs of `more` packages in a profile of Cargo's; for an arm64 guest
/// in the profile of its tests, for which the standard library is there.
pub(crate) fn build(context: &Context, cross: Option<&Cross>, profile: &str, more: &[&str]) -> Result<Built> {
    context.progress.step("building the service for the guest");
    let packages = [&PARTS, more].concat();
    Ok(match cross {
        None => binaries::build(&context.workspace, &packages, profile, &context.progress)?,
        Some(cross) => cross.build_programs(&context.workspace, &packages, &[], &context.progress)?,
    })
}

/// Puts in what was built: the service and the mapper where a device has them, the tool and the programs of `more` packages; and
/// has the service started with `policy`: a shipped profile's name, or a file in TOML or compiled JSON.
pub(crate) fn add(context: &Context, rootfs: &mut Rootfs, built: &Built, policy: &str, more: &[&str]) -> Result<()> {
    rootfs.file(MAPPER_PATH, &slim(context, mapper(built)?)?)?;
    rootfs.service(&slim(context, program(built)?)?, &compile(context, built, policy)?, &[])?;
    for program in built.programs.iter().filter(|it| it.package == HEAPCTL || more.contains(&it.package.as_str())) {
        rootfs.program(&program.name, &slim(context, &program.path)?)?;
    }
    Ok(())
}

/// A file without what only debuggers read, as it goes into a guest.
pub(crate) fn slim(context: &Context, path: &Path) -> Result<PathBuf> {
    Ok(binaries::stripped(path, &context.cache().join("stripped"))?)
}

/// The mapper's library.
pub(crate) fn mapper(built: &Built) -> Result<&Path> {
    Ok(built.library(MAPPER_LIBRARY)?)
}

/// The service's program.
pub(crate) fn program(built: &Built) -> Result<&Path> {
    Ok(built.program(SERVER, SERVER)?)
}

/// The JSON of a policy. A JSON file is taken as it is, so that a broken one can be tried.
pub(crate) fn compile(context: &Context, built: &Built, policy: &str) -> Result<PathBuf> {
    if Path::new(policy).extension().is_some_and(|extension| extension == "json") {
        ensure!(Path::new(policy).is_file(), "--policy {policy}: no such file");
        return Ok(policy.into());
    }
    let folder = context.cache().join("policies");
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let stem = Path::new(policy).file_stem().unwrap_or_default();
    let output = folder.join(stem).with_extension("json");
    context.progress.step(format_args!("compiling policy {policy}"));
    let built_here;
    let tool = match built.is_for_host {
        true => built.program(HEAPCTL, HEAPCTL)?,
        false => {
            built_here = binaries::build_as_tests_do(&context.workspace, HEAPCTL, &context.progress)?;
            built_here.program(HEAPCTL, HEAPCTL)?
        }
    };
    let mut command = Command::new(tool);
    command.args(["compile", policy, "-o"]).arg(&output);
    context.progress.run_logged(&mut command)?;
    Ok(output)
}
