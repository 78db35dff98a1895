//! `cargo xtask selinux`: the demo with SELinux enforcing, and what an app's domain may not do.

mod attempts;
mod denials;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{ensure, Result};
use clap::Args as ClapArgs;
use vm_harness::binaries;
use vm_harness::guest::Guest;
use vm_harness::job::GuestCommand;
use vm_harness::prerequisites::{self, SELINUX};
use vm_harness::progress::run_captured;
use vm_harness::rootfs::SERVICE_PATH;
use vm_harness::toolchain::cargo;

use crate::context::Context;
use crate::demo::checks::Checks;
use crate::demo::{self, Run};
use crate::guest_options::{MachineArgs, Prepared};
use crate::service;
use denials::{summary, Denial, Log};

/// Run the demo with SELinux enforcing, and see what an app's domain is refused
///
/// Boots a guest that enforces sepolicy/ over the project's base policy with Android's names: the service runs as uid 1000 in
/// hal_graphics_allocator_default, the display in surfaceflinger, the cameras in cameraserver. The demo has to
/// work without one denial. Then an app's domain tries what it must not: to open a vendor's heap, to start the service's
/// program, to register an allocator. At last a fault is planted: without our rule for the camera's heap, the service has to be
/// refused, and this command has to see it.
#[derive(ClapArgs)]
pub(crate) struct Args {
    /// Where the picture and the clients' reports go [default: selinux in Cargo's target folder]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    machine: MachineArgs,
}

/// The policy with vendor heaps, whose rules are tried.
const POLICY: &str = "reference-soc";
/// One of its vendor heaps' nodes: where the kernel has none of them, the system heap under that name.
const HEAP: &str = "/dev/dma_heap/camera";
/// What our rule for it gives.
const HEAP_RULE: &str = "dmabuf_camera_heap_device:chr_file";
/// The rules without that one, in the guest.
const PLANTED: &str = "/etc/selinux/planted.bin";
/// Longest run of one command in the guest.
const LIMIT: Duration = Duration::from_secs(60);

/// Runs it.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let context = Context::new(false)?;
    let out = args.out.clone().unwrap_or_else(|| context.target.join("selinux"));
    Ok(if all(&context, &args.machine, &out)? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The step of `ci`.
pub(crate) fn step(context: &Context, machine: &MachineArgs) -> Result<()> {
    ensure!(all(context, machine, &context.target.join("selinux"))?, "what is marked FAILED above");
    Ok(())
}

fn all(context: &Context, machine: &MachineArgs, out: &Path) -> Result<bool> {
    prerequisites::ensure(&SELINUX, &context.cache(), &context.progress)?;
    let rules = compile(context, "rules", None)?;
    let planted = compile(context, "planted", Some(HEAP_RULE))?;
    let mut prepared = Prepared::new(context, machine)?;
    let rootfs = &mut prepared.rootfs;
    // As the tests have them: what the rules allow is asked of these programs, not how fast they are.
    context.progress.step("building the service and its clients");
    let built = binaries::build_tests(&context.workspace, &[], &context.progress)?;
    service::add(context, rootfs, &built, POLICY, &[service::CLIENTS, service::CONFORMANCE])?;
    // The service's program once more, as an app would bring it along.
    rootfs.program(attempts::OWN_ALLOCATOR, service::program(&built)?)?;
    rootfs.file(attempts::OWN_POLICY, &service::compile(context, &built, "generic")?)?;
    rootfs.selinux(&rules.join("policy.bin"), &rules.join("file_contexts"))?;
    rootfs.file(PLANTED, &planted.join("policy.bin"))?;
    rootfs.twin(HEAP, "/dev/dma_heap/system");
    demo::forget_last(out)?;
    let guest = prepared.boot(context, out)?;
    let good = acts(context, &guest, out)?;
    if !good {
        println!("guest's logs: {}", guest.keep_logs().display());
    }
    guest.power_off()?;
    Ok(good)
}

/// Everything that happens in the guest. Every act's denials are judged by themselves.
fn acts(context: &Context, guest: &Guest, out: &Path) -> Result<bool> {
    let mut log = Log::default();
    let mut checks = Checks::default();
    domains(guest, &mut checks)?;
    let (_, ran) = demo::run_in(context, guest, out, Run::IN_DOMAINS)?;
    if !ran.all_ok() {
        println!("{ran}");
    }
    let detail = format!("{} of {} of the demo's checks", ran.held(), ran.len());
    checks.note("demo", "cameras, buffers and display work", ran.all_ok(), detail);
    let of_demo = log.new_denials(guest)?;
    judge(&mut checks, "demo", &of_demo);
    context.progress.step("an app's attempts");
    attempts::an_app_may(guest, &mut checks)?;
    judge(&mut checks, "app", &log.new_denials(guest)?);
    attempts::an_app_may_not(guest, &mut checks)?;
    let of_app = log.new_denials(guest)?;
    attempts::only_those(&of_app, &mut checks);
    context.progress.step(format_args!("a planted fault: no rule for {HEAP_RULE}"));
    let of_fault = plant(guest, &mut log, &mut checks)?;
    println!();
    for (when, denials) in [("the demo", &of_demo), ("the app's attempts", &of_app), ("the planted fault", &of_fault)] {
        println!("denials of {when}: {}", denials.len());
        denials.iter().for_each(|denial| println!("    {denial}"));
    }
    println!("\n{checks}");
    println!("{} of {} checks held", checks.held(), checks.len());
    Ok(checks.all_ok())
}

/// An act that has to go without a denial.
fn judge(checks: &mut Checks, who: &str, denials: &[Denial]) {
    checks.note(who, "not one denial", denials.is_empty(), summary(denials));
}

/// Who runs where, and that it is enforced.
fn domains(guest: &Guest, checks: &mut Checks) -> Result<()> {
    let enforce = output(guest, &["cat", "/sys/fs/selinux/enforce"])?;
    checks.note("kernel", "SELinux is enforced", enforce == "1", format!("enforce is {enforce}"));
    let pid = output(guest, &["vmctl", "service", "pid"])?;
    let context = output(guest, &["cat", &format!("/proc/{pid}/attr/current")])?;
    let status = output(guest, &["cat", &format!("/proc/{pid}/status")])?;
    let uid = status.lines().find_map(|line| line.strip_prefix("Uid:")).and_then(|ids| ids.split_whitespace().next());
    let ok = context == "u:r:hal_graphics_allocator_default:s0" && uid == Some("1000");
    checks.note("service", "it runs in its domain as uid 1000", ok, format!("{context}, uid {}", uid.unwrap_or("?")));
    let hub = output(guest, &["pidof", "rsb_hub"])?;
    let context = output(guest, &["cat", &format!("/proc/{hub}/attr/current")])?;
    checks.note("service manager", "it runs in its domain", context == "u:r:servicemanager:s0", context);
    Ok(())
}

/// Takes our rule away and has the service start anew: it must be refused, and the judgement must see it.
fn plant(guest: &Guest, log: &mut Log, checks: &mut Checks) -> Result<Vec<Denial>> {
    output(guest, &["vmctl", "policy", PLANTED])?;
    output(guest, &["vmctl", "service", "restart"])?;
    let denials = log.new_denials(guest)?;
    let mut fault = Checks::default();
    judge(&mut fault, "demo", &denials);
    let of_rule =
        |denial: &Denial| denial.rule().starts_with("hal_graphics_allocator_default dmabuf_camera_heap_device:");
    let ok = !fault.all_ok() && denials.iter().all(of_rule);
    checks.note("planted fault", "without our rule for the heap its denial is seen", ok, summary(&denials));
    Ok(denials)
}

/// The rules for a guest, with or without the one that has this text in it.
fn compile(context: &Context, name: &str, without: Option<&str>) -> Result<PathBuf> {
    let folder = context.cache().join("selinux").join(name);
    context.progress.step(format_args!("compiling the SELinux rules{}", without.map_or("", |_| ", and with a fault")));
    let mut command = Command::new(cargo());
    command.current_dir(&context.workspace).args(["run", "--quiet", "-p", "aosp_check", "--", "sepolicy", "--guest"]);
    command.args(["--policy", &format!("heaps-config/profiles/{POLICY}.toml"), "--out"]).arg(&folder);
    command.args(without.iter().flat_map(|text| ["--without", text]));
    run_captured(&mut command)?;
    Ok(folder)
}

/// A command's output, which has to end well.
fn output(guest: &Guest, argv: &[&str]) -> Result<String> {
    let captured = guest.capture(&GuestCommand::new(argv.iter().copied()).limit(LIMIT))?;
    let (stdout, stderr) = (String::from_utf8_lossy(&captured.stdout), String::from_utf8_lossy(&captured.stderr));
    ensure!(captured.status.success(), "{}: {} {stdout}{stderr}", argv.join(" "), captured.status);
    Ok(stdout.trim_end_matches(['\n', '\0']).to_owned())
}
