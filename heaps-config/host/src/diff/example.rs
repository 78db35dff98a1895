//! A class's witness as a request that both policies were asked for.

use super::Example;
use crate::expect::{explain_line, summary};
use crate::lint::region::{Cube, Region, Space, Witness};
use gralloc_allocator::explain::admitted;
use gralloc_allocator::plan::size::PAGE_BYTES;
use gralloc_allocator::{plan, Plan, Refusal, Unsupported};
use gralloc_buffer::handle::BufferInfo;
use gralloc_buffer::layout::Planes;
use gralloc_buffer::{BufferName, Descriptor, PixelFormat, Usage};
use heaps_config::policy::{HeapSet, Policy};

/// Widths and heights to try, small first: even ones, which every format takes, with lines that no alignment leaves as they are;
/// then odd ones.
const SIZES: [(i32, i32); 13] = [
    (2, 2),
    (34, 2),
    (66, 34),
    (130, 66),
    (642, 482),
    (1282, 722),
    (1922, 1082),
    (3842, 2162),
    (8002, 6002),
    (1, 1),
    (64, 63),
    (101, 99),
    (1921, 1081),
];
/// Sizes that are tried with two layers, too: what is between them shows nowhere else.
const LAYERED: [(i32, i32); 3] = [(2, 2), (66, 34), (1922, 1082)];

/// Whether there is an example could not be found out.
pub(super) struct TooIntricate;

/// What two answers are compared by.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// Heaps in order, or the refusal.
    Fate,
    /// The layout.
    Layout,
    /// Strides, planes and bytes of one layout.
    Figures,
    /// The same, and what its handle says of it beyond them, and what is written into it first.
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
                    By::Form => {
                        same_layout && (figures(one) != figures(other) || told(before.0, one) != told(after.0, other))
                    }
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

/// What the handle says of fourcc, modifier, compression, planes' own shapes and mapping, and what new headers hold, of a buffer from the
/// first heap.
fn told(policy: &Policy, plan: &Plan<'_>) -> Option<impl PartialEq> {
    let heap = policy.heap(plan.candidates_in_order().next()?)?;
    let info = plan.buffer_info(policy, heap, 0, BufferName::default());
    let BufferInfo { fourcc, modifier, compression, own, mappable, .. } = info;
    Some((fourcc, modifier, compression, own, mappable, plan.initial_headers(heap)))
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
fn of(before: &Policy, after: &Policy, witness: &Witness, by: By) -> Option<Example> {
    requests(witness).find_map(|asked| tried(before, after, &asked, by))
}

/// Requests of a witness' usage and format, and of at least its size, small ones first.
pub(super) fn requests(witness: &Witness) -> impl Iterator<Item = Descriptor> {
    let Witness { format, usage, .. } = *witness;
    let one_layer = sizes(witness).into_iter().map(move |(width, height)| descriptor(format, usage, width, height));
    let layered = LAYERED.into_iter().filter(move |_| format != PixelFormat::Blob);
    one_layer.chain(
        layered.map(move |(width, height)| Descriptor { layer_count: 2, ..descriptor(format, usage, width, height) }),
    )
}

/// A simple request of what a region has left after the cuts, by which the policies differ: of its simplest usages, and of every format
/// that is in it.
pub(super) fn within<'r>(
    (before, after): (&Policy, &Policy),
    space: &Space,
    region: &[Cube],
    cuts: impl Iterator<Item = &'r Region> + Clone,
    by: By,
) -> Result<Option<Example>, TooIntricate> {
    let shown = |region: &[Cube]| match space.examples(region, cuts.clone()) {
        (examples, false) if examples.is_empty() => Err(TooIntricate),
        (examples, whole) => {
            let differing = examples.iter().find_map(|witness| of(before, after, witness, by));
            Ok((differing, whole && examples.is_empty()))
        }
    };
    match shown(region)? {
        (Some(example), _) => return Ok(Some(example)),
        (None, true) => return Ok(None),
        // Its simplest requests may be refused by both.
        (None, false) => {}
    }
    for format in space.formats() {
        if let (Some(example), _) = shown(&space.only_format(region.to_vec(), *format))? {
            return Ok(Some(example));
        }
    }
    Ok(None)
}

/// Both answers to a call for so many buffers, where they differ: an idle service's, with memory without end.
pub(super) fn counted(before: &Policy, after: &Policy, descriptor: &Descriptor, count: i32) -> Option<Example> {
    let answer = |policy| {
        let refusal = match plan(descriptor, policy, HeapSet::ALL) {
            Ok(plan) => admitted(&plan, descriptor, count, policy, PAGE_BYTES).err(),
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
