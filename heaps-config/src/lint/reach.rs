//! Which requests each rule really takes, once the rules before it had their pick.

use super::contradiction::contradiction;
use super::region::{Region, Space};
use crate::bytes::show;
use crate::code::Code;
use crate::finding::{Finding, KeyPath};
use gralloc_core::policy::{Condition, Policy};

/// The regions of a policy's rules.
pub(crate) struct Reach {
    pub(super) space: Space,
    /// What each rule's own conditions take.
    own: Vec<Region>,
    /// What is left of it after the rules before.
    pub(super) taken: Vec<Region>,
}

impl Reach {
    /// `None` when the policy is too intricate to decide; then nothing is said, rather than something wrong.
    pub(crate) fn of(policy: &Policy) -> Option<Reach> {
        let space = Space::of(policy)?;
        let conditions: Vec<&Condition> = policy.rules.iter().map(|rule| &rule.when).collect();
        let (own, taken) = in_order(&space, &conditions)?;
        Some(Reach { space, own, taken })
    }

    /// True when the rule takes some request.
    pub(crate) fn reaches(&self, rule: usize) -> bool {
        self.taken.get(rule).map_or(true, |region| !region.is_empty())
    }
}

/// Own and remaining regions of conditions of which the first match wins.
pub(super) fn in_order(space: &Space, conditions: &[&Condition]) -> Option<(Vec<Region>, Vec<Region>)> {
    let mut own: Vec<Region> = Vec::new();
    let mut taken = Vec::new();
    for condition in conditions {
        let region = space.condition(condition)?;
        let mut left = region.clone();
        for earlier in &own {
            left = space.subtract(&left, earlier)?;
        }
        own.push(region);
        taken.push(left);
    }
    Some((own, taken))
}

/// Reports rules that nothing can reach.
pub(super) fn check(reach: &Reach, policy: &Policy, findings: &mut Vec<Finding>) {
    let entries = Entries {
        space: &reach.space,
        own: &reach.own,
        places: (0..policy.rules.len()).map(|at| KeyPath::item("rule", at)).collect(),
        names: policy.rules.iter().map(|rule| format!("\"{}\"", rule.name)).collect(),
        word: "rule",
    };
    for (at, rule) in policy.rules.iter().enumerate() {
        let limit = policy.limits.request_bytes;
        if let Some(least) = rule.when.min_bytes.filter(|least| *least > limit) {
            let why = format!("no request may have {} (limits.request is {})", show(least), show(limit));
            let message = format!("rule \"{}\" can never match: {why}", rule.name);
            let finding = Finding::new(Code::Contradiction, KeyPath::item("rule", at).key("min_size"), message);
            findings.push(finding.related(KeyPath::ROOT.key("limits").key("request"), "the limit"));
        } else if !reach.reaches(at) {
            findings.extend(entries.unreachable(at, &rule.when));
        }
    }
}

/// Entries of which the first match wins, with what messages call them.
pub(super) struct Entries<'r> {
    pub(super) space: &'r Space,
    /// What each one's own conditions take.
    pub(super) own: &'r [Region],
    pub(super) places: Vec<KeyPath>,
    pub(super) names: Vec<String>,
    pub(super) word: &'static str,
}

impl Entries<'_> {
    /// The finding for an entry that nothing reaches.
    pub(super) fn unreachable(&self, at: usize, when: &Condition) -> Option<Finding> {
        let path = self.places.get(at)?.clone();
        let (word, name) = (self.word, self.names.get(at)?);
        if self.own.get(at)?.is_empty() {
            let why = contradiction(when).unwrap_or_else(|| "its conditions exclude one another".to_owned());
            return Some(Finding::new(Code::Contradiction, path, format!("{word} {name} can never match: {why}")));
        }
        let cover = self.cover(at)?;
        let names: Vec<&str> = cover.iter().filter_map(|index| self.names.get(*index)).map(String::as_str).collect();
        let takers = match names.as_slice() {
            [one] => format!("{word} {one} before it takes everything that it could"),
            many => format!("the {word}s {} before it together take everything that it could", many.join(", ")),
        };
        let mut finding = Finding::new(Code::Unreachable, path, format!("{word} {name} can never match: {takers}"));
        for place in cover.iter().filter_map(|index| self.places.get(*index)) {
            finding = finding.related(place.clone(), "this comes first");
        }
        Some(finding.help(format!("move it up, or take it out: the first {word} that matches wins")))
    }

    /// The fewest earlier entries that leave nothing: one alone if there is one, else those that cannot be spared.
    fn cover(&self, at: usize) -> Option<Vec<usize>> {
        let own = self.own.get(at)?;
        let earlier: Vec<(usize, &Region)> = self.own.iter().enumerate().take(at).collect();
        let left = |without: Option<usize>, among: &[(usize, &Region)]| -> Option<Region> {
            let mut left = own.clone();
            for (_, region) in among.iter().filter(|(index, _)| Some(*index) != without) {
                left = self.space.subtract(&left, region)?;
            }
            Some(left)
        };
        for one in &earlier {
            if left(None, std::slice::from_ref(one))?.is_empty() {
                return Some(vec![one.0]);
            }
        }
        let mut needed = earlier.clone();
        for (index, _) in earlier.iter().rev() {
            if left(Some(*index), &needed)?.is_empty() {
                needed.retain(|(kept, _)| kept != index);
            }
        }
        Some(needed.into_iter().map(|(index, _)| index).collect())
    }
}
