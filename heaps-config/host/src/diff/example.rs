//! A class's witness as a request that both policies were asked for.

use super::Example;
use crate::expect::{explain_line, summary};
use crate::lint::region::{Left, Region, Space, Witness};
use gralloc_allocator::explain::admitted;
use gralloc_allocator::{plan, Plan, Refusal, Unsupported};
use gralloc_buffer::layout::{Planes, TypeName};
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
    /// The same, and what importers are told of it: fourcc, modifier, compression.
    Form,
}

impl By {
    fn differ(self, before: (&Policy, &Answer<'_>), after: (&Policy, &Answer<'_>)) -> bool {
        match (before.1, after.1) {
            (Ok(one), Ok(other)) => {
                let same_layout = one.resolved.name() == other.resolved.name();
                match self {
                    By::Fate => heaps(before.0, one) != heaps(after.0, other),
                    By::Layout => !same_layout,
                    By::Figures => same_layout && figures(one) != figures(other),
                    By::Form => same_layout && (figures(one) != figures(other) || told(one) != told(other)),
                }
            }
            (Err(one), Err(other)) => self == By::Fate && reason(one) != reason(other),
            // What could not be laid out is refused, and the other way round.
            _ => true,
        }
    }
}

fn figures(plan: &Plan<'_>) -> (u64, Planes) {
    (plan.bytes, plan.planes)
}

/// What importers are told.
fn told(plan: &Plan<'_>) -> (u32, u64, Option<(TypeName, i32)>) {
    (plan.fourcc(), plan.modifier(), plan.resolved.compress.map(|entry| (entry.type_name, entry.type_value)))
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
    requests(witness).find_map(|asked| tried(before, after, &asked, by))
}

/// Requests of a witness' usage and format, and of at least its size, small ones first.
pub(super) fn requests(witness: &Witness) -> impl Iterator<Item = Descriptor> {
    let Witness { format, usage, .. } = *witness;
    sizes(witness).into_iter().map(move |(width, height)| descriptor(format, usage, width, height))
}

/// The simplest request of a region by which the policies differ, of any format that is in it.
pub(super) fn within<'r>(
    (before, after): (&Policy, &Policy),
    space: &Space,
    region: &Region,
    cuts: impl Iterator<Item = &'r Region> + Clone,
    by: By,
) -> Option<Example> {
    space.formats().iter().find_map(|format| {
        let only = space.only_format(region.clone(), *format);
        match space.left(&only, cuts.clone()) {
            Left::Some(witness) => of(before, after, &witness, by),
            _ => None,
        }
    })
}

/// Both answers to a call for so many buffers, where they differ: an idle service's, with memory without end.
pub(super) fn counted(before: &Policy, after: &Policy, descriptor: &Descriptor, count: i32) -> Option<Example> {
    let answer = |policy| {
        let refusal = match plan(descriptor, policy, HeapSet::ALL) {
            Ok(plan) => admitted(&plan, descriptor, count, policy, HeapSet::ALL).err(),
            Err(refusal) => Some(refusal),
        };
        refusal.map_or_else(|| "allocated".to_owned(), |refusal| summary(policy, &Err(refusal)))
    };
    let (one, other) = (answer(before), answer(after));
    let explain = |policy| {
        let count = if count == 1 { String::new() } else { format!(" --count {count}") };
        explain_line(descriptor, policy, None) + &count
    };
    (one != other).then(|| Example {
        explain_before: explain(before),
        explain_after: explain(after),
        before: one,
        after: other,
    })
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
