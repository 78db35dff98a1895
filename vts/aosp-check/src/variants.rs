//! Whether what a module links is there in each variant that the module has. Soong builds a module once for the system, once for the
//! vendor and once for the host, as far as its properties say, and for a device in one width or in two; like is linked with
//! like, and a build stops where the like is missing.

use crate::bp::{Blueprints, Module};
use crate::platform::{self, Availability};
use crate::report::Report;

/// Who a module is built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum For {
    System,
    Vendor,
    Host,
}

const ALL: [(For, &str); 3] = [(For::System, "the system"), (For::Vendor, "the vendor"), (For::Host, "the host")];

/// Properties whose modules are linked in the module's own width, or packed in it.
const LINKED: &[&str] = &["native_shared_libs", "rlibs", "rustlibs", "shared_libs", "static_libs", "whole_static_libs"];

fn is_built(module: &Module, whom: For) -> bool {
    let host_alone = module.kind.ends_with("_host");
    match whom {
        For::System => !host_alone && !module.flag("vendor"),
        For::Vendor => !host_alone && (module.flag("vendor") || module.flag("vendor_available")),
        For::Host => host_alone || module.flag("host_supported"),
    }
}

/// Whether a device with processes of both widths has it in one. What says nothing is in both, but for programs and an APEX, which are
/// in the device's first.
pub(crate) fn has_width(module: &Module, bits: usize) -> bool {
    let program = module.kind.ends_with("_binary") || module.kind == "apex";
    match module.string("compile_multilib").unwrap_or(if program { "first" } else { "both" }) {
        "both" => true,
        "first" | "64" => bits == 64,
        "32" | "prefer32" => bits == 32,
        _ => false,
    }
}

/// Checks one module.
pub(crate) fn check(blueprints: &Blueprints, module: &Module, report: &mut Report) {
    // What it gives is the property of those that take it in.
    if module.kind.ends_with("_defaults") {
        return;
    }
    for library in LINKED.iter().flat_map(|key| module.strings(key)) {
        let without = |there: &dyn Fn(For) -> bool| {
            let missing = ALL.iter().filter(|(whom, _)| is_built(module, *whom) && !there(*whom));
            missing.map(|(_, name)| *name).collect::<Vec<_>>().join(" and ")
        };
        if let Some(entry) = platform::crate_of(library) {
            let missing = without(&|whom| match whom {
                For::System | For::Vendor => entry.availability != Availability::Host,
                For::Host => entry.availability != Availability::Device,
            });
            if !missing.is_empty() {
                let message = format!("{}: {library} is not available for {missing}", module.name);
                report.found(module.place(library), message);
            }
        }
        // An interface is a module of its own for each of its languages and versions.
        let interface = || library.rsplit_once("-V").and_then(|(interface, _)| blueprints.get(interface));
        let Some(linked) = blueprints.get(library).or_else(interface) else { continue };
        let missing = without(&|whom| is_built(linked, whom));
        if !missing.is_empty() {
            let message = format!("{}: links {library}, which is not built for {missing}", module.name);
            report.contradiction(module.place(library), message, linked.place("name:"));
        }
        if is_built(module, For::System) || is_built(module, For::Vendor) {
            for bits in [32, 64].into_iter().filter(|bits| has_width(module, *bits) && !has_width(linked, *bits)) {
                let message = format!("{}: links {library}, which is not built for {bits} bits", module.name);
                report.contradiction(module.place(library), message, linked.place("compile_multilib:"));
            }
        }
    }
}
