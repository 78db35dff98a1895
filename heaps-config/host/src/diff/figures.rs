//! Requests that are laid out otherwise: what flexible formats become, and alignments.

use super::example::By;
use super::{example, rules, undecided, Cause, Difference, Example};
use crate::lint::region::{Left, Region, Space};
use gralloc_buffer::PixelFormat;
use heaps_config::policy::{Alignment, Policy, Resolution};
use heaps_config::KeyPath;

/// Flexible formats that become another layout.
pub(super) fn resolutions(space: &Space, before: &Policy, after: &Policy, differences: &mut Vec<Difference>) {
    let Some(kinds) = rules::common(space, before, after) else { return };
    for format in [PixelFormat::ImplementationDefined, PixelFormat::Ycbcr420_888, PixelFormat::RawOpaque] {
        let of = |policy: &Policy| -> Option<Vec<(Option<usize>, Region)>> {
            let own = policy.resolutions.iter().enumerate().filter(|(_, resolution)| resolution.format == format);
            let region = |(at, resolution): (usize, &Resolution)| Some((Some(at), space.condition(&resolution.when)?));
            let mut own: Vec<_> = own.map(region).collect::<Option<_>>()?;
            own.push((None, vec![space.all()]));
            Some(own)
        };
        let (Some(first), Some(second)) = (of(before), of(after)) else {
            differences.push(undecided("the resolutions tell too many kinds of requests apart to be compared"));
            continue;
        };
        for (i, (at, one)) in first.iter().enumerate() {
            for (j, (other_at, other)) in second.iter().enumerate() {
                let layout = |policy: &Policy, at: &Option<usize>| Some(policy.resolutions.get((*at)?)?.layout);
                if layout(before, at) == layout(after, other_at) {
                    continue;
                }
                let start = space.intersect(one, other).and_then(|both| space.intersect(&both, &kinds));
                let Some(start) = start.map(|start| space.only_format(start, format)) else { continue };
                let earlier = first.iter().take(i).chain(second.iter().take(j)).map(|(_, region)| region);
                let Left::Some(witness) = space.left(&start, earlier) else { continue };
                let Some(example) = example::of(before, after, &witness, By::Layout) else { continue };
                let path = |at: &Option<usize>| at.map(|at| KeyPath::item("resolve", at));
                let name = |policy: &Policy, at| {
                    layout(policy, at).map_or("nothing".to_owned(), |layout| policy.layout_name(layout).to_owned())
                };
                differences.push(Difference {
                    cause: Cause::Resolution,
                    what: format!(
                        "{} became {} and becomes {}",
                        format.name(),
                        name(before, at),
                        name(after, other_at)
                    ),
                    before_at: path(at),
                    after_at: path(other_at),
                    example: Some(example),
                });
            }
        }
    }
}

/// Alignments that only one policy has. One that is written at another place is the same: all that apply are combined.
pub(super) fn alignments(space: &Space, before: &Policy, after: &Policy, differences: &mut Vec<Difference>) {
    let Some(kinds) = rules::common(space, before, after) else { return };
    let same = |one: &Alignment, other: &Alignment| {
        one.when == other.when && one.combine == other.combine && one.asks == other.asks
    };
    let only_in = |one: &Policy, other: &Policy| -> Vec<usize> {
        let lacks = |align: &Alignment| !other.alignments.iter().any(|known| same(align, known));
        one.alignments.iter().enumerate().filter(|(_, align)| lacks(align)).map(|(at, _)| at).collect()
    };
    let (gone, new) = (only_in(before, after), only_in(after, before));
    let mut paired: Vec<usize> = Vec::new();
    for at in gone {
        let Some(align) = before.alignments.get(at) else { continue };
        // One of the same name is the same one, changed.
        let twin =
            new.iter().copied().find(|new| after.alignments.get(*new).is_some_and(|other| other.name == align.name));
        paired.extend(twin);
        let what = match twin {
            Some(_) => format!("align \"{}\" asks for another thing, or of others", align.name),
            None => format!("align \"{}\" is gone", align.name),
        };
        let other = twin.and_then(|twin| after.alignments.get(twin));
        let example = shown(space, &kinds, [Some(align), other], before, after);
        let at = KeyPath::item("align", at);
        let after_at = twin.map(|twin| KeyPath::item("align", twin));
        differences.push(Difference { cause: Cause::Alignment, what, before_at: Some(at), after_at, example });
    }
    for at in new.into_iter().filter(|at| !paired.contains(at)) {
        let Some(align) = after.alignments.get(at) else { continue };
        let example = shown(space, &kinds, [Some(align), None], before, after);
        let what = format!("align \"{}\" is new", align.name);
        let after_at = Some(KeyPath::item("align", at));
        differences.push(Difference { cause: Cause::Alignment, what, before_at: None, after_at, example });
    }
    // Where another alignment asks for more, the change shows in no request.
    differences.retain(|difference| difference.cause != Cause::Alignment || difference.example.is_some());
}

/// The simplest request that shows a change: what the alignment takes and no other does, else what others take too.
fn shown(
    space: &Space,
    kinds: &Region,
    changed: [Option<&Alignment>; 2],
    before: &Policy,
    after: &Policy,
) -> Option<Example> {
    let others: Vec<Region> = before
        .alignments
        .iter()
        .chain(&after.alignments)
        .filter(|align| !changed.iter().flatten().any(|own| own.when == align.when))
        .filter_map(|align| space.condition(&align.when))
        .collect();
    for align in changed.into_iter().flatten() {
        let Some(start) = space.condition(&align.when).and_then(|own| space.intersect(&own, kinds)) else { continue };
        let none: &[Region] = &[];
        for cuts in [others.as_slice(), none] {
            for format in space.formats() {
                let only = space.only_format(start.clone(), *format);
                let Left::Some(witness) = space.left(&only, cuts.iter()) else { continue };
                if let Some(example) = example::of(before, after, &witness, By::Figures) {
                    return Some(example);
                }
            }
        }
    }
    None
}
