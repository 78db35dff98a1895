//! Marks in the kernel's trace while they are off.
//!
//! Half a per cent of a request is less than two builds of the service differ by from run to run. So the request is taken as
//! it is, and what its marks take is taken off: they are made once more, right after the reply, as cold as they are in a service
//! that has slept, and the clock is read once more for them. Both make the row higher than it is, not lower.

use super::{connect, micros, page};
use anyhow::Result;
use gralloc_dmabuf::trace;
use std::hint::black_box;
use std::time::Instant;
use vts_bench::samples::Sample;

/// A page's request, and the same less its marks, as often as rounds are asked for.
pub(crate) fn off(rounds: usize) -> Result<Vec<Sample>> {
    let connection = connect()?;
    let sample = || -> Result<Sample> {
        let start = Instant::now();
        let allocation = connection.allocate(&page(), 1)?;
        let answered = Instant::now();
        marks();
        let marked = answered.elapsed();
        let request = answered.saturating_duration_since(start);
        drop(allocation);
        Ok(Sample { plain: Some(micros(request.saturating_sub(marked))), ..Sample::alone(micros(request)) })
    };
    // The first warms up.
    sample()?;
    (0..rounds).map(|_| sample()).collect()
}

/// Those of `gralloc_server`'s engine for one buffer, at the same places of its way.
#[inline(never)]
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
