//! `cargo xtask trace`: a camera's frames on a screen, as Perfetto shows them.

mod account;
mod picture;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{ensure, Context as _, Result};
use clap::Args as ClapArgs;
use serde_json::json;
use vm_harness::ftrace::Trace;
use vm_harness::guest::Guest;
use vm_harness::job::GuestCommand;

use crate::context::Context;
use crate::demo::{self, Run, TRACE_VARIABLE};
use crate::guest_options::RunArgs;
use crate::service;

/// The trace, here and in the guest.
const TRACE: &str = "demo.ftrace";
const FOLDER: &str = "/tmp/traced";
const LIMIT: Duration = Duration::from_secs(300);

/// Recording begins. Threads with their processes, all of their names, and one clock for all processors; events of which the
/// kernel has no such group are left out (linux v6.12, Documentation/trace/ftrace.rst, events.rst).
const START: &str = "cd /sys/kernel/tracing
echo 0 > tracing_on
echo 32768 > buffer_size_kb
echo 8192 > saved_cmdlines_size
echo boot > trace_clock
echo 1 > options/record-tgid
for event in sched/sched_switch sched/sched_waking dma_fence; do
    test ! -e events/$event/enable || echo 1 > events/$event/enable || exit 1
done
echo > trace
echo 1 > tracing_on";
const STOP: &str = "cd /sys/kernel/tracing
echo 0 > tracing_on
mkdir -p /tmp/traced
cat trace > /tmp/traced/demo.ftrace";

/// Record a short demo as a trace that ui.perfetto.dev opens
///
/// Boots the demo's guest with marks on, records what service and mappers mark beside the scheduler's events and the kernel's
/// fences while a camera's frames are shown, reads it back, and holds slices, instants and counters against the service's own
/// account. Leaves in --out:
///
///   demo.ftrace   the trace, as tracefs has it
///
///   trace.svg     the processors, the service's slices and the mappers' around the camera's buffers
///
///   trace.json    all slices by their names, the counters, the events and the checks
///
/// The exit code is 1 when any check fails.
#[derive(ClapArgs)]
pub(crate) struct Args {
    /// Print what trace.json says in the place of the table
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    run: RunArgs,
}

/// Runs it.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let context = Context::new(false)?;
    let out = args.run.out(&context, "trace");
    demo::forget_last(&out)?;
    // With marks on in the service: what the kernel does not know of its command line is its first process's environment
    // (linux v6.12, Documentation/admin-guide/kernel-parameters.rst), and the service has it from there.
    let guest = args.run.with_word(&format!("{TRACE_VARIABLE}=1")).boot(&context, &out, &[service::CLIENTS])?;
    shell(&guest, START)?;
    let (told, mut checks) = demo::run_in(&context, &guest, &out, Run::MARKED)?;
    shell(&guest, STOP)?;
    context.progress.step("reading the trace");
    guest.fetch(FOLDER, &out)?;
    let path = out.join(TRACE);
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let trace = Trace::read(&text);
    for (name, held) in account::compare(&trace, &told.dump_after) {
        let (ok, detail) = held.map_or_else(|why| (false, why), |detail| (true, detail));
        checks.note("trace", name, ok, detail);
    }
    let slices = account::slices(&trace);
    let picture = out.join("trace.svg");
    std::fs::write(&picture, picture::svg(&trace)).with_context(|| picture.display().to_string())?;
    let report = json!({
        "ok": checks.all_ok(),
        "seconds": context.progress.seconds(),
        "kernel": guest.facts().release,
        "policy": args.run.policy(),
        "trace": path,
        "picture": picture,
        "slices": slices,
        "counters": trace.counters(),
        "events": trace.events,
        "checks": checks,
    });
    let file = out.join("trace.json");
    std::fs::write(&file, format!("{report:#}\n")).with_context(|| file.display().to_string())?;
    if args.json {
        println!("{report:#}");
    } else {
        println!("\n{}\n{checks}", account::table(&slices));
        println!("picture: {}", picture.display());
        println!("trace:   {}, {} KiB", path.display(), text.len() / 1024);
        println!("         Open https://ui.perfetto.dev and drop the file there: it is read in the browser and sent nowhere.");
    }
    if !checks.all_ok() {
        context.progress.step(format_args!("guest's logs: {}", guest.keep_logs().display()));
    }
    guest.power_off()?;
    Ok(if checks.all_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn shell(guest: &Guest, script: &str) -> Result<()> {
    let captured = guest.capture(&GuestCommand::new(["sh", "-ec", script]).limit(LIMIT))?;
    ensure!(captured.status.success(), "tracefs: {}", String::from_utf8_lossy(&captured.stderr));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folder_of_the_scripts_is_the_one_that_is_fetched() {
        assert!(STOP.ends_with(&format!("{FOLDER}/{TRACE}")));
    }
}
