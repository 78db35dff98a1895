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
        let taken = gralloc_allocator::explain::explain(&expect.descriptor, policy, expect.present);
        let taken = taken.rules.last().filter(|note| note.misses.is_empty()).map(|note| note.name.clone());
        if taken.as_ref() != Some(rule) {
            failures.push(format!(
                "rule: \"{rule}\" was expected, and it is {}",
                taken.unwrap_or_else(|| "none".to_owned())
            ));
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
        differ("rule", rule.clone(), rule_name(policy, plan).to_owned());
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
    failures
}

fn rule_name<'p>(policy: &'p Policy, plan: &Plan<'_>) -> &'p str {
    policy.rules.get(plan.rule).map_or("?", |rule| rule.name.as_str())
}

/// What a policy does with a request, on one line.
pub(crate) fn summary(policy: &Policy, answer: &Result<Plan<'_>, Refusal>) -> String {
    match answer {
        Ok(plan) => {
            let heaps: Vec<&str> = plan.candidates_in_order().map(|id| policy.heap_name(id)).collect();
            format!(
                "{} by rule \"{}\", {}, stride {}, {} bytes",
                heaps.join(", then "),
                rule_name(policy, plan),
                policy.layout_name(plan.resolved.name()),
                plan.stride,
                plan.bytes
            )
        }
        Err(refusal) => format!("refused ({}): {refusal}", refusal.cause()),
    }
}

/// The request as arguments of `heapctl explain`, ready for a shell.
pub(crate) fn explain_line(descriptor: &Descriptor, policy: &Policy, present: Option<HeapSet>) -> String {
    let format = gralloc_buffer::PixelFormat::from_wire(descriptor.format)
        .map_or_else(|| format!("{:#x}", descriptor.format), |format| format.name().to_owned());
    let usage = gralloc_buffer::Usage(u64::from_ne_bytes(descriptor.usage.to_ne_bytes()));
    let mut line = format!("--format {format} --size {}x{}", descriptor.width, descriptor.height);
    if !usage.is_empty() {
        let _ = write!(line, " --usage '{}'", gralloc_allocator::explain::words::usage(usage, policy));
    }
    if descriptor.layer_count != 1 {
        let _ = write!(line, " --layers {}", descriptor.layer_count);
    }
    if descriptor.reserved_size != 0 {
        let _ = write!(line, " --reserved {}", descriptor.reserved_size);
    }
    for option in &descriptor.options {
        let _ = write!(line, " --option '{}={}'", option.name, option.value);
    }
    let all = policy.heap_ids().fold(HeapSet::default(), |set, (id, _)| set.with(id));
    match present.filter(|present| *present != all) {
        None => line.push_str(" --all-heaps"),
        Some(present) => {
            let there = policy.heap_ids().filter(|(id, _)| present.contains(*id)).map(|(_, heap)| heap.name.as_str());
            let _ = write!(line, " --heaps '{}'", there.collect::<Vec<_>>().join(","));
        }
    }
    line
}

/// The outcomes for scripts.
pub fn to_json(file: &str, outcomes: &[Outcome]) -> Value {
    let one = |outcome: &Outcome| {
        json!({
            "name": outcome.name,
            "line": outcome.line,
            "holds": outcome.holds(),
            "failures": outcome.failures,
            "plan": outcome.plan,
            "explain": outcome.explain,
        })
    };
    json!({
        "file": file,
        "passed": outcomes.iter().filter(|outcome| outcome.holds()).count(),
        "failed": outcomes.iter().filter(|outcome| !outcome.holds()).count(),
        "expectations": outcomes.iter().map(one).collect::<Vec<_>>(),
    })
}

/// The outcomes as JUnit's XML, which CI systems read: a suite for each file.
pub fn to_junit<'o>(files: impl IntoIterator<Item = (&'o str, &'o [Outcome])>) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    // Writing to a String cannot fail.
    for (file, outcomes) in files {
        let failed = outcomes.iter().filter(|outcome| !outcome.holds()).count();
        let file = escaped(file);
        let _ = writeln!(text, "  <testsuite name=\"{file}\" tests=\"{}\" failures=\"{failed}\">", outcomes.len());
        for outcome in outcomes {
            let name = escaped(&outcome.name);
            let _ = write!(
                text,
                "    <testcase classname=\"{file}\" name=\"{name}\" file=\"{file}\" line=\"{}\"",
                outcome.line
            );
            if outcome.holds() {
                text.push_str("/>\n");
                continue;
            }
            let message = escaped(&outcome.failures.join("; "));
            let more = escaped(&format!("{}\nheapctl explain {}", outcome.plan, outcome.explain));
            let _ = writeln!(text, ">\n      <failure message=\"{message}\">{more}</failure>\n    </testcase>");
        }
        text.push_str("  </testsuite>\n");
    }
    text.push_str("</testsuites>\n");
    text
}

/// Text as XML takes it.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            // XML 1.0 has no other control characters.
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
