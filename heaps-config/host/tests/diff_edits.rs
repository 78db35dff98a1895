//! Small edits of the shipped profiles, as colleagues make them: where `diff` finds nothing, no request may be answered otherwise.
// A failed unwrap is a failed test.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use gralloc_allocator::plan;
use gralloc_buffer::{Descriptor, PixelFormat, Usage};
use heaps_config::policy::HeapSet;
use heaps_config::Policy;
use heaps_host::diff::diff;
use heaps_host::{lint, profile, Format, Source, PROFILES};

fn policy(text: &str) -> Option<Policy> {
    lint(Source::text("p.toml", text, Format::Toml)).loadable().cloned()
}

/// The text with one line otherwise: without it, without the first or the last value of its list, with another number.
fn edits(text: &str) -> Vec<(usize, String)> {
    let lines: Vec<&str> = text.lines().take_while(|line| *line != "[[expect]]").collect();
    let mut edits = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let code = line.split('#').next().unwrap();
        let Some((key, value)) = code.split_once('=') else { continue };
        let mut put = |instead: String| {
            let line = |(other, line): (usize, &&str)| if other == at { instead.clone() } else { (*line).to_owned() };
            edits.push((at + 1, lines.iter().enumerate().map(line).collect::<Vec<_>>().join("\n")));
        };
        put(String::new());
        let list = value.trim().strip_prefix('[').and_then(|value| value.strip_suffix(']'));
        if let Some((first, rest)) = list.and_then(|list| list.split_once(", ")) {
            put(format!("{key}= [{rest}]"));
            put(format!("{key}= [{first}]"));
        }
        if let Ok(number) = value.trim().parse::<u64>() {
            put(format!("{key}= {}", number * 2));
        }
    }
    edits
}

/// Numbers that look random, and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }
}

/// Requests of one to three usages.
fn requests(policy: &Policy, count: usize) -> Vec<Descriptor> {
    let mut numbers = Numbers(1);
    let mut flags: Vec<Usage> = Usage::FLAGS.iter().map(|(_, flag)| *flag).collect();
    flags.extend(policy.vendor_usage.iter().map(|vendor| vendor.bit));
    flags.extend([Usage::CPU_READ_RARELY, Usage::CPU_READ_OFTEN, Usage::CPU_WRITE_RARELY, Usage::CPU_WRITE_OFTEN]);
    let sizes = [(100, 100), (64, 63), (1920, 1080), (66, 34), (1, 1)];
    let one = |_| {
        let usage = (0..=numbers.below(3)).fold(Usage::NONE, |all, _| all | flags[numbers.below(flags.len())]);
        let format = PixelFormat::ALL[numbers.below(PixelFormat::ALL.len())];
        let (width, height) = sizes[numbers.below(sizes.len())];
        let layer_count = if numbers.below(4) == 0 && format != PixelFormat::Blob { 2 } else { 1 };
        Descriptor { layer_count, ..Descriptor::new("it", width, height, format, usage) }
    };
    (0..count).map(one).collect()
}

/// All that a client can tell of an answer.
fn answer(policy: &Policy, asked: &Descriptor) -> String {
    match plan(asked, policy, HeapSet::ALL) {
        Ok(plan) => {
            let heaps: Vec<&str> = plan.candidates_in_order().map(|id| policy.heap_name(id)).collect();
            format!("{heaps:?} {:?} {} {} {:#x}", plan.planes, plan.bytes, plan.fourcc(), plan.modifier())
        }
        Err(refusal) => refusal.cause().to_owned(),
    }
}

#[test]
fn what_diff_calls_alike_is_alike() {
    let (mut tried, mut alike) = (0, 0);
    let mut missed = Vec::new();
    for (name, _) in PROFILES {
        let text = profile(name).unwrap().text;
        let before = policy(&text).unwrap();
        let asked = requests(&before, 2000);
        for (line, text) in edits(&text) {
            let Some(after) = policy(&text) else { continue };
            tried += 1;
            if !diff(&before, &after).is_empty() {
                continue;
            }
            alike += 1;
            let differs = asked.iter().find(|asked| answer(&before, asked) != answer(&after, asked));
            missed.extend(differs.map(|asked| {
                let answers = (answer(&before, asked), answer(&after, asked));
                format!("{name}.toml:{line}: {asked:?}: {} → {}", answers.0, answers.1)
            }));
        }
    }
    println!("{tried} edits, {alike} of them without a difference");
    assert!(missed.is_empty(), "{}", missed.join("\n"));
    assert!(tried > 100 && alike > 0 && alike < tried / 2, "{alike} of {tried}");
}
