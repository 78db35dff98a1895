//! Runs a policy's own expectations through the plan that `allocate2` uses.

use crate::Linted;
use gralloc_allocator::{plan, Plan, Refusal};
use gralloc_buffer::Descriptor;
use heaps_config::policy::{HeapId, HeapSet, Policy};
use heaps_config::{Expectation, KeyPath};
use serde_json::{json, Value};
use std::fmt::Write;

/// What became of one expectation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The policy's name for it.
    pub name: String,
    /// Its line in the file, from 1; 0 where it is not known.
    pub line: usize,
    /// What is otherwise than expected, a sentence each. Empty: it holds.
    pub failures: Vec<String>,
    /// What the policy does, on one line.
    pub plan: String,
    /// The request, as arguments of `heapctl explain`.
    pub explain: String,
}

impl Outcome {
    /// True when all is as expected.
    pub fn holds(&self) -> bool {
        self.failures.is_empty()
    }
}

/// Runs all expectations of a policy, in the order of the file. `None` when the policy has errors.
pub fn run(linted: &Linted) -> Option<Vec<Outcome>> {
    let policy = linted.policy()?;
    let outcome = |(at, expect): (usize, &Expectation)| {
        let line = linted.line_of(&KeyPath::item("expect", at));
        let (failures, plan) = judge(policy, expect);
        let explain = explain_line(&expect.descriptor, policy, Some(expect.present));
        Outcome { name: expect.name.clone(), line, failures, plan, explain }
    };
    Some(linted.expectations().iter().enumerate().map(outcome).collect())
}

fn judge(policy: &Policy, expect: &Expectation) -> (Vec<String>, String) {
    let answer = plan(&expect.descriptor, policy, expect.present);
    let shown = summary(policy, &answer);
    let failures = match (&answer, &expect.refused) {
        (Ok(plan), None) => differences(policy, expect, plan),
        (Ok(_), Some(why)) => vec![format!("it is allocated, and a refusal was expected ({why})")],
        (Err(refusal), None) => vec![format!("it is refused ({}): {refusal}", refusal.cause())],
        (Err(refusal), Some(why)) => refused_otherwise(policy, expect, refusal, why),
    };
    (failures, shown)
}

fn refused_otherwise(policy: &Policy, expect: &Expectation, refusal: &Refusal, why: &str) -> Vec<String> {
    let mut failures = Vec::new();
    let message = refusal.to_string();
    if refusal.cause() != why && !message.contains(why) {
        failures.push(format!("refused: \"{why}\" was expected, and it is {} ({message})", refusal.cause()));
    }
    if let Some(rule) = &expect.rule {
        let told = gralloc_allocator::explain::explain(&expect.descriptor, policy, expect.present);
        let taken = told.taken_by().map_or("none", |note| note.name.as_str());
        if taken != rule {
            failures.push(format!("rule: \"{rule}\" was expected, and it is {taken}"));
        }
    }
    failures
}

fn differences(policy: &Policy, expect: &Expectation, plan: &Plan<'_>) -> Vec<String> {
    let mut failures = Vec::new();
    let mut differ = |what: &str, wanted: String, got: String| {
        if wanted != got {
            failures.push(format!("{what}: {wanted} was expected, and it is {got}"));
        }
    };
    let names = |ids: &[HeapId]| ids.iter().map(|id| policy.heap_name(*id)).collect::<Vec<_>>().join(", ");
    let tried: Vec<HeapId> = plan.candidates_in_order().collect();
    if let Some(heaps) = &expect.heaps {
        differ("heaps", names(heaps), names(&tried));
    }
    if let Some(heap) = expect.heap {
        differ("heap", names(&[heap]), names(tried.get(..1).unwrap_or_default()));
    }
    if let Some(rule) = &expect.rule {
        differ("rule", rule.clone(), policy.rule_name(plan.rule).to_owned());
    }
    if let Some(stride) = expect.stride {
        differ("stride", stride.to_string(), plan.stride.to_string());
    }
    if let Some(bytes) = expect.bytes {
        differ("bytes", bytes.to_string(), plan.bytes.to_string());
    }
    if let Some(layout) = &expect.layout {
        differ("layout", layout.clone(), policy.layout_name(plan.resolved.name()).to_owned());
    }
    if let Some(modifier) = expect.modifier {
        differ("modifier", format!("{modifier:#x}"), format!("{:#x}", plan.modifier()));
    }
    failures
}

/// What a policy does with a request, on one line.
pub(crate) fn summary(policy: &Policy, answer: &Result<Plan<'_>, Refusal>) -> String {
    match answer {
        Ok(plan) => {
            let heaps: Vec<&str> = plan.candidates_in_order().map(|id| policy.heap_name(id)).collect();
            let compressed =
                plan.resolved.compress.map_or_else(String::new, |entry| format!(" compressed by \"{}\"", entry.name));
            let modifier = match plan.modifier() {
                0 => String::new(),
                modifier => format!(", modifier {modifier:#x}"),
            };
            format!(
                "{} by rule \"{}\", {}{compressed}, stride {}, {} bytes{modifier}",
                heaps.join(", then "),
                policy.rule_name(plan.rule),
                policy.layout_name(plan.resolved.name()),
                plan.stride,
                plan.bytes
            )
        }
        Err(refusal) => format!("refused ({}): {refusal}", refusal.cause()),
    }
}

/// A text as one word of a shell.
pub fn shell_word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@,=".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

/// The request as arguments of `heapctl explain`, ready for a shell.
pub(crate) fn explain_line(descriptor: &Descriptor, policy: &Policy, present: Option<HeapSet>) -> String {
    let format = policy.format_of_value(descriptor.format);
    let format = format.map_or_else(|| format!("{:#x}", descriptor.format), str::to_owned);
    let usage = gralloc_buffer::Usage(u64::from_ne_bytes(descriptor.usage.to_ne_bytes()));
    let mut line = format!("--format {} --size {}x{}", shell_word(&format), descriptor.width, descriptor.height);
    if !usage.is_empty() {
        let _ = write!(line, " --usage {}", shell_word(&gralloc_allocator::explain::words::usage(usage, policy)));
    }
    if descriptor.layer_count != 1 {
        let _ = write!(line, " --layers {}", descriptor.layer_count);
    }
    if descriptor.reserved_size != 0 {
        let _ = write!(line, " --reserved {}", descriptor.reserved_size);
    }
    for option in &descriptor.options {
        let _ = write!(line, " --option {}", shell_word(&format!("{}={}", option.name, option.value)));
    }
    let all = policy.heap_ids().fold(HeapSet::default(), |set, (id, _)| set.with(id));
    match present.filter(|present| *present != all) {
        None => line.push_str(" --all-heaps"),
        Some(present) => {
            let there = policy.heap_ids().filter(|(id, _)| present.contains(*id)).map(|(_, heap)| heap.name.as_str());
            let _ = write!(line, " --heaps {}", shell_word(&there.collect::<Vec<_>>().join(",")));
        }
    }
    line
}

/// Why a build takes no policy with these outcomes: a line for each that does not hold, and how many they are; `None` when all
/// hold. `file`: as the lines name it.
pub fn unmet(file: &str, outcomes: &[Outcome]) -> Option<String> {
    let failed = || outcomes.iter().filter(|outcome| !outcome.holds());
    let line = |outcome: &Outcome| {
        format!("{file}:{}: error: expect \"{}\": {}\n", outcome.line, outcome.name, outcome.failures.join("; "))
    };
    let (count, all) = (failed().count(), outcomes.len());
    let lines: String = failed().map(line).collect();
    (count > 0).then(|| format!("{lines}{file}: not compiled: {count} of {all} expectations do not hold"))
}

/// The outcomes for scripts. `explain`: what a line to paste begins with, the policy's name in it.
pub fn to_json(file: &str, explain: &str, outcomes: &[Outcome]) -> Value {
    let one = |outcome: &Outcome| {
        json!({
            "name": outcome.name,
            "line": outcome.line,
            "holds": outcome.holds(),
            "failures": outcome.failures,
            "plan": outcome.plan,
            "explain": format!("{explain} {}", outcome.explain),
        })
    };
    json!({
        "file": file,
        "passed": outcomes.iter().filter(|outcome| outcome.holds()).count(),
        "failed": outcomes.iter().filter(|outcome| !outcome.holds()).count(),
        "expectations": outcomes.iter().map(one).collect::<Vec<_>>(),
    })
}
