//! `heapctl explain`

mod all;
mod json;
mod text;

use crate::args::{ExplainArgs, RequestArgs, Size};
use crate::output::{replace, Output, Status};
use crate::policy::{self, Loaded};
use crate::request;
use crate::svg::{self, Caption};
use anyhow::{anyhow, bail, Result};
use gralloc_allocator::explain::{admitted, explain, words, Explanation};
use gralloc_allocator::ledger::Sizes;
use gralloc_allocator::Refusal;
use gralloc_buffer::Descriptor;
use gralloc_heaps::heap::DMA_HEAP_DIRECTORY;
use gralloc_heaps::KernelHeaps;
use heaps_config::policy::{HeapId, HeapSet};
use heaps_config::Policy;
use std::path::Path;

/// An explanation with everything around it that the reader needs.
struct Case<'p> {
    loaded: &'p Loaded,
    descriptor: Descriptor,
    count: i32,
    /// The size of the device's pages.
    page_bytes: u64,
    present: HeapSet,
    /// Where `present` comes from, in words.
    present_from: String,
    /// How the arguments were read.
    notes: Vec<String>,
    explanation: Explanation<'p>,
    /// What allocate2 would say: the explanation's outcome, then what the count adds.
    answer: Result<(), Refusal>,
}

impl Case<'_> {
    fn policy(&self) -> &Policy {
        &self.loaded.policy
    }

    /// What the budgets are charged for all of its buffers: pixels, metadata, and both.
    fn charged(&self) -> Option<(u64, u64, u64)> {
        let plan = self.explanation.outcome.as_ref().ok()?;
        let count = u32::try_from(self.count).ok()?;
        Sizes { bytes: plan.bytes, metadata_bytes: plan.metadata_bytes, count }.charged(self.page_bytes)
    }

    fn heap_names(&self, set: HeapSet) -> Vec<&str> {
        self.policy().heap_ids().filter(|(id, _)| set.contains(*id)).map(|(_, heap)| heap.name.as_str()).collect()
    }
}

pub(crate) fn run(args: &ExplainArgs, out: &Output) -> Result<Status> {
    let loaded = policy::load(&args.policy)?;
    out.notes(&loaded.notes);
    if let Some(file) = &args.all {
        return all::run(file, args, &loaded, out);
    }
    let (asked, mut notes) = match &args.log {
        Some(lines) if all::several(lines) => return all::of_lines(lines, args, &loaded, out),
        Some(line) => logged(line, &args.request)?,
        None => (args.request.clone(), Vec::new()),
    };
    let (asked, more) = request::in_aidl_words(&asked, &loaded.policy.vendor_usage, &loaded.policy.formats)?;
    notes.extend(more);
    out.notes(&notes);
    let case = explained(&asked, args, present(args, &loaded.policy)?, &loaded, notes)?;
    if let Some(file) = &args.svg {
        draw(&case, file, out)?;
    }
    if out.json {
        out.json(&json::of(&case));
    } else {
        out.text(&text::of(&case, out));
    }
    Ok(if case.answer.is_ok() { Status::Done } else { Status::Refused })
}

/// Everything about one request, which is in AIDL's words.
fn explained<'p>(
    asked: &RequestArgs,
    args: &ExplainArgs,
    (present, present_from): (HeapSet, String),
    loaded: &'p Loaded,
    notes: Vec<String>,
) -> Result<Case<'p>> {
    let descriptor = request::descriptor(asked, &loaded.policy.vendor_usage, &loaded.policy.formats)?;
    let explanation = explain(&descriptor, &loaded.policy, present);
    let count = asked.count();
    let page_bytes = args.page_size.unwrap_or_else(gralloc_heaps::memory::page_bytes);
    let answer = Ok(());
    let mut case = Case { loaded, descriptor, count, page_bytes, present, present_from, notes, explanation, answer };
    case.answer = counted(&case);
    Ok(case)
}

/// The request of a line, and what there is to say. What is given as an argument counts before it.
fn logged(line: &str, given: &RequestArgs) -> Result<(RequestArgs, Vec<String>)> {
    let logged = request::log::parse(line).map_err(|why| anyhow!("--log: {why}"))?;
    let from = logged.from;
    let size = logged.width.zip(logged.height).map(|(width, height)| Size { width, height });
    let given = given.clone();
    let asked = RequestArgs {
        format: given.format.or(logged.format),
        usage: given.usage.or(logged.usage),
        size: given.size.or(size),
        layers: given.layers.or(logged.layers),
        reserved: given.reserved.or(logged.reserved),
        options: given.options,
        count: given.count.or(logged.count),
        name: given.name.or(logged.name),
    };
    if asked.size.is_none() {
        bail!("--log: {from} has no size; give it with --size WIDTHxHEIGHT");
    }
    Ok((asked, vec![format!("the request is that of {from}")]))
}

/// The heaps that are there, or that the arguments say are.
fn present(args: &ExplainArgs, policy: &Policy) -> Result<(HeapSet, String)> {
    if let Some(names) = &args.heaps {
        let mut set = HeapSet::default();
        let mut rest: &[String] = names;
        // A heap's name may have commas, as `linux,cma` has: the longest that the policy knows is meant.
        while let Some(first) = rest.first() {
            let known = (1..=rest.len())
                .rev()
                .find_map(|count| Some((heap_of(&rest.get(..count)?.join(","), policy)?, rest.get(count..)?)));
            (set, rest) = match known {
                Some((id, rest)) => (set.with(id), rest),
                None if first.is_empty() => (set, rest.get(1..).unwrap_or_default()),
                None => return Err(no_heap(first, policy)),
            };
        }
        return Ok((set, "as --heaps says".to_owned()));
    }
    let all = policy.heap_ids().fold(HeapSet::default(), |set, (id, _)| set.with(id));
    let directory = args.heap_dir.as_deref().unwrap_or(Path::new(DMA_HEAP_DIRECTORY));
    if args.all_heaps {
        return Ok((all, "all of the policy, assumed".to_owned()));
    }
    if args.heap_dir.is_none() && !directory.exists() {
        return Ok((all, format!("all of the policy, assumed: this machine has no {}", directory.display())));
    }
    Ok((KernelHeaps::open_in(policy, directory).present(), format!("found in {}", directory.display())))
}

fn heap_of(name: &str, policy: &Policy) -> Option<HeapId> {
    policy.heap_ids().find(|(_, heap)| heap.name == name).map(|(id, _)| id)
}

fn no_heap(name: &str, policy: &Policy) -> anyhow::Error {
    let known: Vec<&str> = policy.heap_ids().map(|(_, heap)| heap.name.as_str()).collect();
    anyhow!("--heaps: the policy has no heap \"{name}\"; it has {}", known.join(", "))
}

/// The plan's refusal, or what admission says of the count.
fn counted(case: &Case<'_>) -> Result<(), Refusal> {
    let plan = case.explanation.outcome.as_ref().map_err(Clone::clone)?;
    admitted(plan, &case.descriptor, case.count, case.policy(), case.page_bytes)
}

fn draw(case: &Case<'_>, file: &Path, out: &Output) -> Result<()> {
    let (Some(request), Some(picture)) = (&case.explanation.request, &case.explanation.picture) else {
        out.notes(&[format!("{} is not written: there is no layout to draw", file.display())]);
        return Ok(());
    };
    let layout = case.explanation.format.as_ref().map_or(picture.layout.name(), |note| note.name.as_str());
    let format = case.policy().format_name(request.format);
    let format = if format == layout { format.to_owned() } else { format!("{format} as {layout}") };
    let mut lines = vec![format!("usage {}", words::usage(request.usage, case.policy()))];
    match &case.explanation.outcome {
        Ok(plan) => {
            let heaps: Vec<&str> = plan.candidates_in_order().map(|id| case.policy().heap_name(id)).collect();
            let rule = case.policy().rule_name(plan.rule);
            lines.push(format!("policy {}, rule \"{rule}\", from {}", case.policy().name, heaps.join(", then ")));
        }
        Err(refusal) => lines.push(format!("refused: {refusal}")),
    }
    let caption =
        Caption { title: format!("{format}, {} x {}", request.width, request.height), lines, layers: request.layers };
    let drawing = svg::draw(&caption, picture);
    replace(file, |to| to.write_all(drawing.as_bytes()))
}
