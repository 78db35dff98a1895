//! What is left of a stream when nobody asks any more.

use super::{pool, Service, POOLED};
use crate::measure::{camera_frame, Options};
use anyhow::{ensure, Result};
use std::time::{Duration, Instant};
use vts_bench::samples::Sample;

/// How long nobody asks.
const IDLE: Duration = Duration::from_secs(60);
/// How long the first fill may take.
const FILL_WAIT: Duration = Duration::from_secs(10);

/// A stream of three, then a minute without a request: KiB that are ready.
pub(super) fn samples(options: &Options, rounds: usize) -> Result<Vec<Sample>> {
    let service = Service::start(options, &POOLED)?;
    let connection = service.connect()?;
    let mut samples = Vec::new();
    for _ in 0..rounds {
        for _ in 0..3 {
            drop(connection.allocate(&camera_frame(1920, 1080), 1)?);
        }
        let start = Instant::now();
        while pool(&connection)?.readyBytes == 0 {
            ensure!(start.elapsed() < FILL_WAIT, "nothing is filled");
            std::thread::sleep(Duration::from_millis(20));
        }
        std::thread::sleep(IDLE);
        let left = u32::try_from(pool(&connection)?.readyBytes / 1024)?;
        samples.push(Sample::alone(f64::from(left)));
    }
    Ok(samples)
}
