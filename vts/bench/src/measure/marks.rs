//! Marks in the kernel's trace while they are off.

use gralloc_dmabuf::trace;
use std::hint::black_box;
use std::time::Instant;
use vts_bench::samples::Sample;

/// Requests of one sample: enough that reading the clock is nothing.
const REQUESTS: u32 = 10_000;

/// Nanoseconds of one request's marks, as often as rounds are asked for.
pub(crate) fn off(rounds: usize) -> Vec<Sample> {
    let sample = || {
        let start = Instant::now();
        for _ in 0..REQUESTS {
            marks();
        }
        Sample::alone(start.elapsed().as_secs_f64() * 1e9 / f64::from(REQUESTS))
    };
    // The first warms up.
    sample();
    (0..rounds).map(|_| sample()).collect()
}

/// Those of `gralloc_server`'s engine for one buffer, at the same places of its way.
fn marks() {
    let _request = trace::slice("allocate2");
    for part in ["plan", "admission", "ioctl", "ioctl", "reply"] {
        let _part = trace::slice(part);
        black_box(part);
    }
    trace::counter("live bytes", black_box(0));
    if trace::is_on() {
        trace::instant(format_args!("served"));
    }
}
