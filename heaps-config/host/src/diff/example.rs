//! A class's witness as a request that both policies were asked for.

use super::Example;
use crate::expect::{explain_line, summary};
use crate::lint::region::Witness;
use gralloc_allocator::{plan, Plan, Refusal, Unsupported};
use gralloc_buffer::{Descriptor, PixelFormat, Usage};
use heaps_config::policy::{HeapSet, Policy};

/// Widths and heights to try, small first: even ones, which every format takes, with lines that no alignment leaves as they are.
const SIZES: [(i32, i32); 9] =
    [(2, 2), (34, 2), (66, 34), (130, 66), (642, 482), (1282, 722), (1922, 1082), (3842, 2162), (8002, 6002)];

/// What two answers are compared by.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// Heaps in order, or the refusal.
    Fate,
    /// The layout.
    Layout,
    /// Strides, planes and bytes of one layout.
    Figures,
}

impl By {
    fn differ(self, before: (&Policy, &Answer<'_>), after: (&Policy, &Answer<'_>)) -> bool {
        match (before.1, after.1) {
            (Ok(one), Ok(other)) => {
                let same_layout = one.resolved.name() == other.resolved.name();
                match self {
                    By::Fate => heaps(before.0, one) != heaps(after.0, other),
                    By::Layout => !same_layout,
                    By::Figures => same_layout && (one.bytes, one.planes) != (other.bytes, other.planes),
                }
            }
            (Err(one), Err(other)) => self == By::Fate && reason(one) != reason(other),
            // What could not be laid out is refused, and the other way round.
            _ => true,
        }
    }
}

type Answer<'p> = Result<Plan<'p>, Refusal>;

fn heaps<'p>(policy: &'p Policy, plan: &Plan<'_>) -> Vec<&'p str> {
    plan.candidates_in_order().map(|id| policy.heap_name(id)).collect()
}

/// Why, without the rule's name.
fn reason(refusal: &Refusal) -> (&'static str, &str) {
    match refusal {
        Refusal::Unsupported(Unsupported::Denied { reason, .. }) => (refusal.cause(), reason),
        _ => (refusal.cause(), ""),
    }
}

/// The simplest request of this usage and format that the policies answer otherwise; at least `bytes` long.
pub(super) fn of(before: &Policy, after: &Policy, witness: &Witness, by: By) -> Option<Example> {
    sizes(witness)
        .into_iter()
        .find_map(|(width, height)| tried(before, after, &descriptor(witness.format, witness.usage, width, height), by))
}

/// Both answers where they differ.
pub(super) fn tried(before: &Policy, after: &Policy, descriptor: &Descriptor, by: By) -> Option<Example> {
    let one = plan(descriptor, before, HeapSet::ALL);
    let other = plan(descriptor, after, HeapSet::ALL);
    if !by.differ((before, &one), (after, &other)) {
        return None;
    }
    Some(Example {
        explain_before: explain_line(descriptor, before, None),
        explain_after: explain_line(descriptor, after, None),
        before: summary(before, &one),
        after: summary(after, &other),
    })
}

fn sizes(witness: &Witness) -> Vec<(i32, i32)> {
    let least = i32::try_from(witness.bytes).unwrap_or(i32::MAX);
    if witness.format == PixelFormat::Blob {
        return vec![(least.max(1), 1)];
    }
    let mut sizes = SIZES.to_vec();
    // Lines of 64 pixels of 4 bytes, or of 2, or of 1.5: as many as the least size needs.
    for line in [256, 128, 96, 512, 320] {
        let lines = witness.bytes.div_ceil(line).max(2);
        let lines = i32::try_from(lines.saturating_add(lines & 1)).unwrap_or(i32::MAX);
        sizes.push((64, lines));
    }
    sizes
}

/// A request.
pub(super) fn descriptor(format: PixelFormat, usage: Usage, width: i32, height: i32) -> Descriptor {
    Descriptor::new("diff", width, height, format, usage)
}
