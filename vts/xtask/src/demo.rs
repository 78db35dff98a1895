//! `cargo xtask demo`: a camera's frames on a screen, through buffers that the service allocated.

pub(crate) mod checks;
mod clients;
mod ledger;
mod picture;
mod table;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Args as ClapArgs;
use serde_json::json;
use vm_harness::guest::Guest;
use vm_harness::protocol::OUT_DIR;

use crate::context::Context;
use crate::guest_options::RunArgs;
use crate::service;
use checks::Checks;
pub(crate) use clients::{Run, Told, TRACE_VARIABLE};

/// Show a camera's frames on a screen, through buffers that the service allocated
///
/// Boots a real kernel in QEMU, starts the allocator as a system service over binder, and two clients of it, as other
/// users: cameras (vivid, V4L2) that capture into its buffers, first NV12, then XR24; and a display (cirrus or bochs, DRM) that
/// shows the NV12 frames after conversion and scans the XR24 ones out where they lie, once it has drawn each frame's number
/// over it through the mapper. Ends with a table of all buffers,
/// what `heapctl top` showed while they ran, the checks, and in --out:
///
///   screen.png    what QEMU's screen shows: the camera's test bars under the display's overlay, compared pixel by pixel with what the
///                 camera wrote and the display drew over it
///
///   report.json   everything: checks, buffers, the clients' own reports, the service's dump,
///                 and what `heapctl top` said beside the kernel's own list of dma-bufs
///
/// The exit code is 1 when any check fails.
#[derive(ClapArgs)]
pub(crate) struct Args {
    #[command(flatten)]
    run: RunArgs,
}

/// Runs it.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let context = Context::new(false)?;
    let out = args.run.out(&context, "demo");
    forget_last(&out)?;
    let guest = args.run.boot(&context, &out, &[service::CLIENTS])?;
    let (told, checks) = run_in(&context, &guest, &out, Run::WHOLE)?;
    let buffers = table::rows(&told);
    let good = finish(&context, &guest, args, &told, &checks, &buffers, &out)?;
    guest.power_off()?;
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The run and what has to hold of it, in a guest with the service up and the clients in it.
pub(crate) fn run_in(context: &Context, guest: &Guest, out: &Path, run: Run) -> Result<(Told, Checks)> {
    let told = clients::run(context, guest, run)?;
    guest.fetch(OUT_DIR, out)?;
    let mut checks = Checks::of_clients(&told);
    checks.of_service(&told, guest);
    checks.of_ledger(&told);
    checks.of_screen(&out.join("screen.png"), &out.join(clients::LAST_FRAME), &told);
    Ok((told, checks))
}

/// A picture of an earlier run must not pass for this one's.
pub(crate) fn forget_last(out: &Path) -> Result<()> {
    for name in ["screen.png", "report.json"] {
        let path = out.join(name);
        if path.exists() {
            std::fs::remove_file(&path).with_context(|| path.display().to_string())?;
        }
    }
    Ok(())
}

fn finish(
    context: &Context,
    guest: &Guest,
    args: &Args,
    told: &Told,
    checks: &Checks,
    buffers: &[table::Row],
    out: &Path,
) -> Result<bool> {
    println!("\n{}", table::print(buffers));
    if let Some(sample) = told.samples.first() {
        println!("heapctl top --once, {}:\n\n{}", sample.when, sample.table);
    }
    println!("{checks}");
    let good = checks.all_ok();
    let report = json!({
        "ok": good,
        "seconds": context.progress.seconds(),
        "kernel": guest.facts().release,
        "policy": args.run.policy(),
        "checks": checks,
        "buffers": buffers,
        "display": told.display,
        "cameras": told.cameras,
        "service": told.dump_shown,
        "ledger_and_kernel": told.samples,
    });
    let path = out.join("report.json");
    std::fs::write(&path, format!("{report:#}\n")).with_context(|| path.display().to_string())?;
    println!("picture: {}", out.join("screen.png").display());
    println!("report:  {}", path.display());
    println!("{} of {} checks held, in {:.0} s", checks.held(), checks.len(), context.progress.seconds());
    if !good {
        println!("guest's logs: {}", guest.keep_logs().display());
    }
    Ok(good)
}
