//! Requests that are laid out otherwise: what flexible formats become, and alignments.

use super::example::{By, TooIntricate};
use super::{example, rules, undecided, Cause, Difference, Example};
use crate::lint::region::{Region, Space};
use gralloc_buffer::{PixelFormat, Usage};
use heaps_config::policy::{Alignment, Compress, Condition, Policy, Resolution, Term, VendorFormat};
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
                let earlier = first.iter().take(i).chain(second.iter().take(j)).map(|(_, region)| region);
                let found = start.map_or(Err(TooIntricate), |start| {
                    let start = space.only_format(start, format);
                    example::within((before, after), space, &start, earlier, By::Layout)
                });
                let Ok(Some(example)) = found else {
                    if found.is_err() {
                        let what = format!("whether {} becomes the same is too intricate to decide", format.name());
                        differences.push(undecided(&what));
                    }
                    continue;
                };
                let path = |at: &Option<usize>| at.map(|at| KeyPath::item("resolve", at));
                let name = |policy: &Policy, at| {
                    layout(policy, at).map_or("nothing".to_owned(), |layout| policy.layout_name(layout).to_owned())
                };
                let (was, is) = (name(before, at), name(after, other_at));
                let what = format!("{} became {was} and becomes {is}", format.name());
                differences.push(Difference {
                    before_at: path(at),
                    after_at: path(other_at),
                    example: Some(example),
                    ..Difference::new(Cause::Resolution, what)
                });
            }
        }
    }
}

/// Alignments that only one policy has, and those whose order tells: all that apply are combined, but one may replace others.
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
    // Those that both have, in each one's order: it matters where one does not ask for multiples alone.
    for ((at, one), (other_at, other)) in kept(before, &gone).into_iter().zip(kept(after, &new)) {
        let moved = [Some(one), Some(other)];
        let example = if same(one, other) { Ok(None) } else { shown(space, &kinds, moved, before, after) };
        if !matches!(example, Ok(None)) {
            let what = format!("align \"{}\" stands where \"{}\" stood: the order tells", other.name, one.name);
            let [before_at, after_at] = [at, other_at].map(|at| Some(KeyPath::item("align", at)));
            let difference = Difference { before_at, after_at, ..Difference::new(Cause::Alignment, what) };
            differences.extend(told(difference, example));
            break;
        }
    }
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
        let before_at = Some(KeyPath::item("align", at));
        let after_at = twin.map(|twin| KeyPath::item("align", twin));
        let difference = Difference { before_at, after_at, ..Difference::new(Cause::Alignment, what) };
        differences.extend(told(difference, example));
    }
    for at in new.into_iter().filter(|at| !paired.contains(at)) {
        let Some(align) = after.alignments.get(at) else { continue };
        let example = shown(space, &kinds, [None, Some(align)], before, after);
        let what = format!("align \"{}\" is new", align.name);
        let after_at = Some(KeyPath::item("align", at));
        differences.extend(told(Difference { after_at, ..Difference::new(Cause::Alignment, what) }, example));
    }
}

/// A difference with its example; none where no request shows it, since another entry asks for more.
fn told(difference: Difference, example: Result<Option<Example>, TooIntricate>) -> Option<Difference> {
    match example {
        Ok(example) => Some(Difference { example: Some(example?), ..difference }),
        Err(TooIntricate) => {
            let what = format!("{}: whether a request shows it is too intricate to decide", difference.what);
            Some(Difference { cause: Cause::Undecided, what, ..difference })
        }
    }
}

/// The alignments but those of `out`, each with its place.
fn kept<'p>(policy: &'p Policy, out: &[usize]) -> Vec<(usize, &'p Alignment)> {
    policy.alignments.iter().enumerate().filter(|(at, _)| !out.contains(at)).collect()
}

/// A simple request that shows a change of an alignment: of those that only one of the two takes, then of those that either does;
/// first of what no other alignment takes, else of what others take too.
fn shown(
    space: &Space,
    kinds: &Region,
    changed: [Option<&Alignment>; 2],
    before: &Policy,
    after: &Policy,
) -> Result<Option<Example>, TooIntricate> {
    let others: Vec<Region> = [before, after]
        .into_iter()
        .flat_map(|policy| policy.alignments.iter().map(move |align| (policy, align)))
        .filter(|(_, align)| !changed.iter().flatten().any(|own| own.when == align.when))
        .map(|(policy, align)| space.taken(policy, &align.when).ok_or(TooIntricate))
        .collect::<Result<_, _>>()?;
    let own = |policy: &Policy, align: Option<&Alignment>| match align {
        None => Some(Region::new()),
        Some(align) => space.intersect(&space.taken(policy, &align.when)?, kinds),
    };
    let regions = || {
        let (one, other) = (own(before, changed[0])?, own(after, changed[1])?);
        Some([space.subtract(&one, &other)?, space.subtract(&other, &one)?, one, other])
    };
    let none: &[Region] = &[];
    for region in regions().ok_or(TooIntricate)? {
        for cuts in [others.as_slice(), none] {
            let found = example::within((before, after), space, &region, cuts.iter(), By::Figures)?;
            if found.is_some() {
                return Ok(found);
            }
        }
    }
    Ok(None)
}

/// Buffers that are compressed or tiled otherwise.
pub(super) fn compressions(space: &Space, before: &Policy, after: &Policy, differences: &mut Vec<Difference>) {
    let Some(kinds) = rules::common(space, before, after) else { return };
    let of = |policy: &Policy| -> Option<Vec<Region>> {
        let own = policy.compressions.iter().map(|entry| space.taken(policy, &entry.when));
        own.chain([Some(vec![space.all()])]).collect()
    };
    let (Some(first), Some(second)) = (of(before), of(after)) else {
        differences.push(undecided("the compressions tell too many kinds of requests apart to be compared"));
        return;
    };
    let name = |policy: &Policy, at: usize| {
        policy.compressions.get(at).map_or_else(|| "nothing".to_owned(), |entry| format!("\"{}\"", entry.name))
    };
    for (i, one) in first.iter().enumerate() {
        for (j, other) in second.iter().enumerate() {
            let (own, others) = (before.compressions.get(i), after.compressions.get(j));
            if blocks_of(own) == blocks_of(others) {
                continue;
            }
            let start = space.intersect(one, other).and_then(|both| space.intersect(&both, &kinds));
            let Some(start) = start else {
                differences.push(undecided("the compressions tell too many kinds of requests apart to be compared"));
                return;
            };
            let cuts = first.iter().take(i).chain(second.iter().take(j));
            let example = example::within((before, after), space, &start, cuts, By::Form);
            let (was, is) = (name(before, i), name(after, j));
            let initialise = own.and_then(|entry| entry.initialise);
            let same_but_headers = blocks_of(own) == blocks_of(others).map(|entry| Compress { initialise, ..entry });
            let what = match was == is {
                true if same_but_headers => format!("compression {was} has other headers written into new buffers"),
                true => format!("compression {was} lies otherwise"),
                false => format!("{was} compressed what {is} compresses now"),
            };
            let difference = Difference {
                before_at: own.map(|_| KeyPath::item("compress", i)),
                after_at: others.map(|_| KeyPath::item("compress", j)),
                ..Difference::new(Cause::Compression, what)
            };
            differences.extend(told(difference, example));
        }
    }
}

/// An entry without its name and its condition.
fn blocks_of(entry: Option<&Compress>) -> Option<Compress> {
    entry.map(|entry| Compress { name: String::new(), when: Condition::default(), ..entry.clone() })
}

/// Vendor's formats of one value that are otherwise. What only one policy names is its vocabulary.
pub(super) fn formats(space: &Space, before: &Policy, after: &Policy, differences: &mut Vec<Difference>) {
    let Some(kinds) = rules::common(space, before, after) else { return };
    for (at, format) in before.formats.iter().enumerate() {
        let Some(place) = after.formats.iter().position(|other| other.value == format.value) else { continue };
        let Some(other) = after.formats.get(place) else { continue };
        let named_alike = VendorFormat { name: format.name.clone(), ..other.clone() };
        if named_alike == *format {
            continue;
        }
        let only = space.only_format(kinds.clone(), PixelFormat::Vendor(format.value));
        let none = std::iter::empty();
        // With the CPU too: whether it may map the format is a part of it.
        let cpu = space.term(Term::Any(Usage::CPU_READ_MASK));
        let regions = [Some(only.clone()), space.intersect(&only, &cpu)];
        let shown = |by| {
            // What is too intricate is no example; the difference is told all the same.
            let within =
                |region: &Region| example::within((before, after), space, region, none.clone(), by).ok().flatten();
            regions.iter().flatten().find_map(within)
        };
        let example = shown(By::Form).or_else(|| shown(By::Fate));
        differences.push(Difference {
            before_at: Some(KeyPath::item("format", at)),
            after_at: Some(KeyPath::item("format", place)),
            example,
            ..Difference::new(Cause::Format, format!("format {:#x}, \"{}\", is otherwise", format.value, other.name))
        });
    }
}
