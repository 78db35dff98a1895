//! Which requests each rule really takes, once the rules before it had their pick.
//!
//! The sets are exact ([`super::region`]). Comparing rules two by two would find a rule that one earlier rule takes whole,
//! and miss one that several take together: each of `CPU_READ_NEVER`, `CPU_READ_RARELY` up to a size and everything above that
//! size leaves something of "not read often", all three leave nothing. A rule so covered is silently dead, and one for
//! protected content that is half covered sends the rest to ordinary heaps, so neither is a matter for a guess. The test
//! `rule_that_several_earlier_rules_take_together` (`tests/findings.rs`) has that case, and one byte beside it.

use super::contradiction::{contradiction, cpu_key};
use super::region::{Cube, Left, Region, Space, Witness};
use heaps_config::policy::{Condition, Policy};
use heaps_config::show_bytes as show;
use heaps_config::Code;
use heaps_config::{Finding, KeyPath};

/// The regions of a policy's rules.
pub(crate) struct Reach {
    pub(super) space: Space,
    /// What each rule's own conditions take.
    own: Vec<Region>,
    /// What is left of it after the rules before.
    left: Vec<Left>,
}

impl Reach {
    /// `None` when the policy has too many different sizes, or a condition with too many cases.
    pub(crate) fn of(policy: &Policy) -> Option<Reach> {
        let space = Space::of(policy)?;
        let own: Option<Vec<Region>> = policy.rules.iter().map(|rule| space.taken(policy, &rule.when)).collect();
        let own = own?;
        let left = in_order(&space, &own);
        Some(Reach { space, own, left })
    }

    /// False when the rule surely takes no request at all.
    pub(crate) fn reaches(&self, rule: usize) -> bool {
        self.left.get(rule) != Some(&Left::Nothing)
    }

    /// Requests that the rule takes once the rules before it had their pick, simple ones first.
    pub(crate) fn examples(&self, rule: usize) -> Vec<Witness> {
        let own = self.own.get(rule).map_or(&[][..], Vec::as_slice);
        self.space.examples(own, self.own.iter().take(rule)).0
    }

    /// What the rule takes of `kind`, less what is in `also_cut`, once the rules before it had their pick.
    pub(super) fn taken(&self, rule: usize, kind: &[Cube], also_cut: &[Region]) -> Left {
        let Some(own) = self.own.get(rule) else { return Left::Undecided };
        let Some(start) = self.space.intersect(own, kind) else { return Left::Undecided };
        self.space.left(&start, self.own.iter().take(rule).chain(also_cut))
    }
}

/// What each region has left after those before it.
pub(super) fn in_order(space: &Space, own: &[Region]) -> Vec<Left> {
    own.iter().enumerate().map(|(at, region)| space.left(region, own.iter().take(at))).collect()
}

/// Reports rules that nothing can reach, and those of which that cannot be said.
pub(super) fn check(reach: &Reach, policy: &Policy, findings: &mut Vec<Finding>) {
    let entries = Entries {
        space: &reach.space,
        own: &reach.own,
        places: (0..policy.rules.len()).map(|at| KeyPath::item("rule", at)).collect(),
        names: policy.rules.iter().map(|rule| format!("\"{}\"", rule.name)).collect(),
        word: "rule",
    };
    for (at, (rule, left)) in policy.rules.iter().zip(&reach.left).enumerate() {
        let limit = policy.limits.request_bytes;
        if let Some(least) = rule.when.min_bytes.filter(|least| *least > limit) {
            let why = format!("no request may have {} (limits.request is {})", show(least), show(limit));
            let message = format!("rule \"{}\" can never match: {why}", rule.name);
            let finding = Finding::new(Code::Contradiction, KeyPath::item("rule", at).key("min_size"), message);
            findings.push(finding.related(KeyPath::ROOT.key("limits").key("request"), "the limit"));
            continue;
        }
        // Of a rule for compressed buffers that the CPU reads or writes, `compress.rs` speaks.
        let said = rule.when.compressed == Some(true) && cpu_key(&rule.when).is_some();
        match left {
            Left::Some(_) => {}
            Left::Nothing if said => {}
            Left::Nothing => findings.extend(entries.unreachable(at, &rule.when)),
            Left::Undecided => {
                let message = format!("whether rule \"{}\" can match is too intricate to decide", rule.name);
                findings.push(Finding::new(Code::TooIntricate, KeyPath::item("rule", at), message));
            }
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
        if contradiction(when).is_some() || self.own.get(at)?.is_empty() {
            let why = contradiction(when).unwrap_or_else(|| match when.compressed {
                Some(true) => "no [[compress]] makes a buffer that its other conditions take".to_owned(),
                _ => "its conditions exclude one another".to_owned(),
            });
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
        let suffice = |some: &[usize]| {
            let cuts = some.iter().filter_map(|index| self.own.get(*index));
            self.space.left(own, cuts) == Left::Nothing
        };
        if let Some(one) = (0..at).find(|one| suffice(&[*one])) {
            return Some(vec![one]);
        }
        let mut needed: Vec<usize> = (0..at).collect();
        for spared in (0..at).rev() {
            let rest: Vec<usize> = needed.iter().copied().filter(|index| *index != spared).collect();
            if suffice(&rest) {
                needed = rest;
            }
        }
        Some(needed)
    }
}
