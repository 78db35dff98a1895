//! Requests that another rule takes, or for which the same rule says another thing.

use super::example::{By, TooIntricate};
use super::{example, undecided, Cause, Difference};
use crate::lint::region::{Region, Space};
use gralloc_buffer::Usage;
use heaps_config::policy::{Action, HeapId, Policy, Rule, Term};
use heaps_config::KeyPath;

/// What one rule does, in names: the same words, the same fate.
#[derive(PartialEq, Eq)]
enum Does {
    Heaps {
        heaps: Vec<String>,
        uncached: Vec<String>,
        cached_when: Vec<Term>,
    },
    Deny(String),
    /// No rule takes it.
    Nothing,
}

fn does(policy: &Policy, rule: Option<&Rule>) -> Does {
    let names = |ids: &[HeapId]| ids.iter().map(|id| policy.heap_name(*id).to_owned()).collect::<Vec<_>>();
    match rule.map(|rule| &rule.action) {
        None => Does::Nothing,
        Some(Action::Deny(reason)) => Does::Deny(reason.clone()),
        Some(Action::Heaps { heaps, uncached, cached_when }) => {
            // Without another order for uncached memory it does not matter when it would be used.
            let cached_when = if uncached.is_empty() { Vec::new() } else { cached_when.clone() };
            Does::Heaps { heaps: names(heaps), uncached: names(uncached), cached_when }
        }
    }
}

/// The bits that both policies name: what only one of them names is refused by the other, whatever the rules say.
pub(super) fn common(space: &Space, before: &Policy, after: &Policy) -> Option<Region> {
    let one_sided = (before.vendor_bits() | after.vendor_bits()) & !(before.vendor_bits() & after.vendor_bits());
    let sensible = space.sensible()?;
    if one_sided.is_empty() {
        return Some(sensible);
    }
    space.subtract(&sensible, &space.term(Term::Any(Usage(one_sided.0))))
}

pub(super) fn compare(space: &Space, before: &Policy, after: &Policy, differences: &mut Vec<Difference>) {
    let own = |policy: &Policy| -> Option<Vec<Region>> {
        let mut own: Vec<Region> =
            policy.rules.iter().map(|rule| space.taken(policy, &rule.when)).collect::<Option<_>>()?;
        own.push(vec![space.all()]);
        Some(own)
    };
    let (Some(kinds), Some(first), Some(second)) = (common(space, before, after), own(before), own(after)) else {
        differences.push(undecided("the rules tell too many kinds of requests apart to be compared"));
        return;
    };
    // Of what a rule takes, the other policy's rules behind one of the same conditions get nothing: most pairs need no look.
    let place = |region: &Region, own: &[Region]| own.iter().position(|other| other == region).unwrap_or(own.len());
    let last_after: Vec<usize> = first.iter().map(|region| place(region, &second)).collect();
    let last_before: Vec<usize> = second.iter().map(|region| place(region, &first)).collect();
    let mut undecided_pairs = Vec::new();
    let fates =
        |policy: &Policy| (0..=policy.rules.len()).map(|at| does(policy, policy.rules.get(at))).collect::<Vec<_>>();
    let (fates_before, fates_after) = (fates(before), fates(after));
    for (i, (one, fate)) in first.iter().zip(&fates_before).enumerate() {
        for (j, (other, other_fate)) in second.iter().zip(&fates_after).enumerate() {
            let before_both = last_after.get(i) >= Some(&j) && last_before.get(j) >= Some(&i);
            if fate == other_fate || !before_both {
                continue;
            }
            let cells = space
                .intersect(one, other)
                .and_then(|both| space.intersect(&both, &kinds))
                .and_then(|start| by_caching(space, start, [fate, other_fate]));
            let cuts = || first.iter().take(i).chain(second.iter().take(j));
            let shown = |cell: &Region| example::within((before, after), space, cell, cuts(), By::Fate);
            let found = cells.map_or(Err(TooIntricate), |cells| {
                cells.iter().map(shown).find(|found| !matches!(found, Ok(None))).unwrap_or(Ok(None))
            });
            match found {
                Ok(Some(example)) => {
                    let example = Some(example);
                    differences.push(Difference { example, ..pair(before, after, (i, j), Cause::Rule) });
                }
                // No request is in the class, or none of it can be laid out: it changes for nobody.
                Ok(None) => {}
                Err(TooIntricate) => undecided_pairs.push(pair(before, after, (i, j), Cause::Undecided)),
            }
        }
    }
    // Thousands of them would be no answer.
    let more = undecided_pairs.len().saturating_sub(MOST_UNDECIDED);
    differences.extend(undecided_pairs.into_iter().take(MOST_UNDECIDED));
    if more > 0 {
        differences.push(undecided(&format!("so it is with {more} more pairs of rules")));
    }
}

/// Pairs of rules that are named of those that could not be decided.
const MOST_UNDECIDED: usize = 10;

/// The requests of a class by which of a rule's two orders they get, where a rule has two.
fn by_caching(space: &Space, class: Region, fates: [&Does; 2]) -> Option<Vec<Region>> {
    let mut cells = vec![class];
    for fate in fates {
        let Does::Heaps { uncached, cached_when, .. } = fate else { continue };
        if uncached.is_empty() {
            continue;
        }
        let cached: Region = cached_when.iter().flat_map(|term| space.term(*term)).collect();
        let split = |cell: &Region| Some([space.intersect(cell, &cached)?, space.subtract(cell, &cached)?]);
        cells = cells.iter().map(split).collect::<Option<Vec<_>>>()?.into_iter().flatten().collect();
    }
    cells.retain(|cell| !cell.is_empty());
    Some(cells)
}

fn pair(before: &Policy, after: &Policy, (i, j): (usize, usize), cause: Cause) -> Difference {
    let name = |policy: &Policy, at: usize| policy.rules.get(at).map(|rule| rule.name.clone());
    let at = |policy: &Policy, at: usize| policy.rules.get(at).map(|_| KeyPath::item("rule", at));
    let says = |name: Option<String>| name.map_or_else(|| "no rule".to_owned(), |name| format!("rule \"{name}\""));
    let (one, other) = (name(before, i), name(after, j));
    let what = if one == other && cause == Cause::Rule {
        format!("{} does another thing", says(one))
    } else if cause == Cause::Undecided {
        format!("whether {} and {} take the same requests is too intricate to decide", says(one), says(other))
    } else {
        format!("{} took what {} takes now", says(one), says(other))
    };
    Difference { before_at: at(before, i), after_at: at(after, j), ..Difference::new(cause, what) }
}
