//! The plan, without a service: from a descriptor to heaps and bytes.

use anyhow::{Context as _, Result};
use gralloc_allocator::plan;
use gralloc_buffer::{Descriptor, PixelFormat, Usage};
use heaps_config::policy::{HeapSet, Policy};
use serde_json::{json, Map, Value};
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;
use vts_bench::samples::Sample;

/// Plans of one sample: enough that reading the clock is nothing.
const PLANS: u32 = 1000;

const FORMATS: usize = 40;
const ALIGNMENTS: usize = 60;
const COMPRESSIONS: usize = 20;
/// The first of the vendor's values.
const FIRST: i32 = 0x7fa3_0c00;

const USAGES: [&str; 7] = [
    "GPU_TEXTURE",
    "GPU_RENDER_TARGET",
    "COMPOSER_OVERLAY",
    "VIDEO_ENCODER",
    "VIDEO_DECODER",
    "CAMERA_OUTPUT",
    "CAMERA_INPUT",
];

/// Nanoseconds of one plan, as the mean of a thousand, as often as rounds are asked for.
pub(crate) fn samples(policy: &Path, rounds: usize) -> Result<Vec<Sample>> {
    let text = std::fs::read_to_string(policy).with_context(|| format!("policy {}", policy.display()))?;
    let policy = heaps_config::from_json(&text).with_context(|| format!("policy {}", policy.display()))?;
    let usage = Usage::CAMERA_OUTPUT | Usage::CPU_READ_OFTEN;
    let descriptor = Descriptor::new("bench", 1920, 1080, PixelFormat::Ycbcr420_888, usage);
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

/// Nanoseconds of one plan with a policy as large as that of a SoC with formats of its own: 40 formats, 60 alignments, 20 compressions;
/// as the mean over the requests.
pub(crate) fn large_samples(rounds: usize) -> Result<Vec<Sample>> {
    let policy = heaps_config::from_json(&large_policy().to_string())?;
    planned(&policy, &requests(), rounds)
}

/// In lines and in blocks, the last of the vendor's formats and one of AIDL's, with and without the CPU.
fn requests() -> Vec<Descriptor> {
    let shown = Usage::VIDEO_DECODER | Usage::GPU_TEXTURE | Usage::COMPOSER_OVERLAY;
    let last = PixelFormat::Vendor(FIRST + 39);
    let asked = [
        (PixelFormat::Rgba8888, Usage::GPU_TEXTURE),
        (last, shown),
        (last, shown | Usage::CPU_READ_RARELY),
        (PixelFormat::ImplementationDefined, shown),
    ];
    asked.map(|(format, usage)| Descriptor::new("bench", 1920, 1080, format, usage)).to_vec()
}

/// So many formats' names from one on.
fn names(first: usize, count: usize) -> Vec<String> {
    (first..first + count).map(|at| format!("FORMAT_{}", at % FORMATS)).collect()
}

fn usage(at: usize) -> &'static str {
    USAGES.get(at % USAGES.len()).copied().unwrap_or("GPU_TEXTURE")
}

fn large_policy() -> Value {
    let formats = names(0, FORMATS).into_iter().zip(i64::from(FIRST)..);
    let formats =
        formats.map(|(name, value)| json!({ "name": name, "value": value, "fourcc": "NV12", "like": "NV12" }));
    json!({
        "schema": 1,
        "name": "large",
        "limits": { "request": 1 << 29, "reserve": 0, "buffers_per_request": 32 },
        "metadata": { "heap": "system" },
        "format": formats.collect::<Vec<_>>(),
        "heap": [{ "name": "system" }],
        "rule": [{ "name": "all", "heaps": ["system"] }],
        "align": (0..ALIGNMENTS).map(alignment).collect::<Vec<_>>(),
        "compress": (0..COMPRESSIONS).map(compression).collect::<Vec<_>>(),
        "resolve": [{ "format": "IMPLEMENTATION_DEFINED", "to": "FORMAT_39" }],
    })
}

/// Of six formats, every third of all; multiples, some of them by plane, and a tail here and there.
fn alignment(at: usize) -> Value {
    let by_plane = at.is_multiple_of(7);
    let entries = [
        Some(("name", json!(format!("align-{at}")))),
        Some(("any_of", json!([usage(at), usage(at + 3)]))),
        Some(("none_of", json!(["CPU_READ_OFTEN"]))),
        Some(("stride_bytes", if by_plane { json!([64, 32]) } else { json!(16 << (at % 4)) })),
        Some(("height_lines", json!(2 << (at % 4)))),
        (!at.is_multiple_of(3)).then(|| ("layouts", json!(names(at, 6)))),
        at.is_multiple_of(5).then(|| ("tail_bytes", json!(256))),
        by_plane.then(|| ("combine", json!("maximum"))),
    ];
    entries.into_iter().flatten().map(|(key, value)| (key.to_owned(), value)).collect::<Map<_, _>>().into()
}

fn compression(at: usize) -> Value {
    let grid = |block: [u32; 2]| {
        json!({
            "block": block, "stride_bytes": 128, "lines": 32, "body_align": 4096,
            "header_bytes": 1, "header_grid": [64, 16], "header_align": 4096,
        })
    };
    json!({
        "name": format!("compress-{at}"),
        "any_of": [usage(at)],
        "layouts": names(2 * at, 3),
        "fourcc": "NV12",
        "modifier": at + 1,
        "type_name": "vendor",
        "grid": [grid([32, 8]), grid([16, 8])],
    })
}
