//! How large the buffer is, and whether any limit could ever let it through.
//!
//! What a single buffer charges is compared here with every limit that does not move, so that `isSupported` says no to
//! what admission would always refuse. Admission rounds up to the kernel's pages; here it is
//! [`PAGE_BYTES`], the largest, so that what passes here passes there on an idle device.

use crate::error::{Refusal, Unsupported};
use crate::plan::trace::{Resolved, Sizes, Tracer};
use crate::request::Request;
use gralloc_buffer::layout::arrange::Measured;
use gralloc_buffer::layout::{Arrangement, Ask, Needs};
use heaps_config::policy::{Alignment, Limits, Policy};

/// The largest page that Android runs with (4 KiB and, from 15 on, 16 KiB).
pub const PAGE_BYTES: u64 = 16 * 1024;

/// Lays out one layer with every alignment that applies.
///
/// # Errors
/// `Unsupported::Combination` where multiples exclude one another, `Unsupported::RequestTooLarge` beyond 64 bits.
pub fn measure<'p>(
    request: &Request,
    resolved: &Resolved<'p>,
    policy: &'p Policy,
    tracer: &mut impl Tracer,
) -> Result<Measured<'p>, Refusal> {
    let subject = resolved.subject(request);
    let mut needs = Needs::NONE;
    let mut fits = true;
    for alignment in &policy.alignments {
        if alignment.when.holds(subject) {
            fits = fits && alignment.apply(&mut needs).is_some();
        }
        tracer.alignment(request, resolved, alignment, fits.then_some(&needs));
    }
    let measured = if fits { lay_out(request, resolved, &needs) } else { None };
    measured.ok_or_else(|| match without_odd(request, resolved, policy) {
        Some(_) => excluded(request, resolved, policy),
        None => too_large(None, &policy.limits),
    })
}

/// Names the alignments that exclude one another: whoever reads the log has no explanation.
#[cold]
fn excluded(request: &Request, resolved: &Resolved<'_>, policy: &Policy) -> Refusal {
    let subject = resolved.subject(request);
    let applied: Vec<&Alignment> = policy.alignments.iter().filter(|align| align.when.holds(subject)).collect();
    let exclusive = exclusive(&applied, |needs| lay_out(request, resolved, needs).is_some());
    let names: Vec<String> = exclusive.iter().map(|align| format!("\"{}\"", align.name)).collect();
    let names = names.join(" and ");
    let why = format!("no stride is every multiple of [[align]] {names}: an odd one excludes another");
    Refusal::combination(why)
}

/// The fewest of these alignments with which no layer `fits`, in their order; none where all fit together.
pub fn exclusive<'p>(all: &[&'p Alignment], fits: impl Fn(&Needs) -> bool) -> Vec<&'p Alignment> {
    let fit = |some: &[&Alignment]| {
        let mut needs = Needs::NONE;
        some.iter().try_for_each(|align| align.apply(&mut needs)).is_some() && fits(&needs)
    };
    let count = (1..=all.len()).find(|count| all.get(..*count).is_some_and(|some| !fit(some)));
    let mut needed = count.and_then(|count| all.get(..count)).unwrap_or(&[]).to_vec();
    for spared in needed.clone() {
        let rest: Vec<&Alignment> = needed.iter().copied().filter(|align| !std::ptr::eq(*align, spared)).collect();
        if !fit(&rest) {
            needed = rest;
        }
    }
    needed
}

/// What the layer were without odd multiples: where that is one, they are what excludes each other, or an even one.
#[cold]
fn without_odd<'p>(request: &Request, resolved: &Resolved<'p>, policy: &'p Policy) -> Option<Measured<'p>> {
    let subject = resolved.subject(request);
    let mut needs = Needs::NONE;
    for alignment in policy.alignments.iter().filter(|alignment| alignment.when.holds(subject)) {
        let asks: Vec<Ask> = alignment.asks.iter().copied().filter(|ask| !ask.is_odd()).collect();
        needs.apply(&asks, alignment.combine)?;
    }
    lay_out(request, resolved, &needs)
}

/// One layer, in lines or in blocks.
pub(crate) fn lay_out<'p>(request: &Request, resolved: &Resolved<'p>, needs: &Needs) -> Option<Measured<'p>> {
    let (form, Request { width, height, layers, .. }) = (resolved.form(), *request);
    match resolved.compress {
        Some(entry) => form.measure_blocks(&entry.blocks, width, height, layers, needs),
        None => form.measure(width, height, layers, needs),
    }
}

/// The sizes of one buffer.
///
/// # Errors
/// `Unsupported::RequestTooLarge` beyond 64 bits.
pub fn of(request: &Request, measured: &Measured<'_>, policy: &Policy) -> Result<Sizes, Refusal> {
    let bytes = measured.layer_bytes.checked_mul(u64::from(request.layers));
    let metadata_bytes = policy.metadata_bytes().checked_add(request.reserved_bytes);
    match (bytes, metadata_bytes) {
        (Some(bytes), Some(metadata_bytes)) => Ok(Sizes { bytes, metadata_bytes }),
        _ => Err(too_large(None, &policy.limits)),
    }
}

/// Checks that the limits of a request, of a client and of all clients together hold one such buffer.
///
/// # Errors
/// `Unsupported::RequestTooLarge` with the least of these limits.
pub fn limit(sizes: &Sizes, policy: &Policy) -> Result<(), Refusal> {
    let charged = match (pages(sizes.bytes), pages(sizes.metadata_bytes)) {
        (Some(pixels), Some(metadata)) => pixels.checked_add(metadata),
        _ => None,
    };
    match charged {
        Some(charged) if charged <= least(&policy.limits) => Ok(()),
        charged => Err(too_large(charged, &policy.limits)),
    }
}

/// The planes in the types of the wire.
///
/// # Errors
/// `Unsupported::Combination` for a line or a plane that 31 bits cannot count.
pub fn narrow(measured: &Measured<'_>) -> Result<Arrangement, Refusal> {
    let reason = "a stride beyond 2147483647 bytes: AllocationResult.stride is a 32-bit int";
    measured.narrow().ok_or_else(|| Refusal::combination(reason))
}

/// `bytes` rounded up to the largest page; `None` beyond 64 bits.
pub(super) fn pages(bytes: u64) -> Option<u64> {
    bytes.checked_next_multiple_of(PAGE_BYTES)
}

/// The least of the limits that bound a request whatever others hold.
pub(crate) fn least(limits: &Limits) -> u64 {
    let no_bound = u64::MAX;
    limits.request_bytes.min(limits.client_bytes.unwrap_or(no_bound)).min(limits.total_bytes.unwrap_or(no_bound))
}

fn too_large(bytes: Option<u64>, limits: &Limits) -> Refusal {
    Unsupported::RequestTooLarge { bytes, limit: least(limits) }.into()
}
