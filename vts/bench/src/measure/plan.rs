//! The plan, without a service: from a descriptor to heaps and bytes.

pub(crate) mod large;

use anyhow::{Context as _, Result};
use gralloc_allocator::plan;
use gralloc_buffer::{Descriptor, PixelFormat, Usage};
use gralloc_client::DescriptorBuilder;
use heaps_config::policy::{HeapSet, Policy};
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;
use vts_bench::samples::Sample;

/// Plans of one sample: enough that reading the clock is nothing.
const PLANS: u32 = 1000;

/// Nanoseconds of one plan, as the mean of a thousand, as often as rounds are asked for.
pub(crate) fn samples(policy: &Path, rounds: usize) -> Result<Vec<Sample>> {
    let text = std::fs::read_to_string(policy).with_context(|| format!("policy {}", policy.display()))?;
    let policy = heaps_config::from_json(&text).with_context(|| format!("policy {}", policy.display()))?;
    let usage = Usage::CAMERA_OUTPUT | Usage::CPU_READ_OFTEN;
    let descriptor = DescriptorBuilder::new("bench", 1920, 1080, PixelFormat::Ycbcr420_888, usage).descriptor();
    planned(&policy, &[descriptor], rounds)
}

/// The same of several requests in turn.
fn planned(policy: &Policy, requests: &[Descriptor], rounds: usize) -> Result<Vec<Sample>> {
    for request in requests {
        plan(request, policy, HeapSet::ALL).map_err(|refusal| anyhow::anyhow!("{refusal}"))?;
    }
    let sample = || {
        let start = Instant::now();
        for _ in 0..PLANS {
            for request in requests {
                let _ = black_box(plan(black_box(request), black_box(policy), black_box(HeapSet::ALL)));
            }
        }
        let plans = f64::from(PLANS) * f64::from(u32::try_from(requests.len()).unwrap_or(1));
        Sample::alone(start.elapsed().as_secs_f64() * 1e9 / plans)
    };
    // The first warms up.
    sample();
    Ok((0..rounds).map(|_| sample()).collect())
}
