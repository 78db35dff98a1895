//! Dumps while much is alive.

use super::{connect, service, wait_for_a_page, Kind, Subject};
use anyhow::{ensure, Context as _, Result};
use gralloc_client::{Allocation, Connection};
use std::io::{Read as _, Write as _};
use std::thread;
use std::time::{Duration, Instant};
use vts_bench::rows::DUMP_BUFFERS;
use vts_bench::samples::Sample;

/// Requests of a round at most.
const REQUESTS: usize = 100;

/// Written at once by the limit, as by the service: as much as a pipe holds.
const PIPE_BYTES: usize = 64 * 1024;

/// A dump in JSON, and as many bytes through a pipe.
pub(crate) struct Dumps {
    connection: Connection,
    text: String,
    /// Live as long as they are dumped.
    _held: Vec<Allocation>,
}

impl Dumps {
    pub(crate) fn new() -> Result<Dumps> {
        let connection = connect()?;
        let held = service::held(&connection, DUMP_BUFFERS)?;
        let text = dump(&connection)?;
        let listed = text.matches("\"age_ms\"").count();
        ensure!(listed >= held.len(), "{listed} of {} buffers are in the dump", held.len());
        Ok(Dumps { connection, text, _held: held })
    }
}

impl Subject for Dumps {
    fn kinds(&self) -> &'static [Kind] {
        &[Kind::Ours, Kind::Raw]
    }

    fn measure(&mut self, kind: Kind) -> Result<Duration> {
        let start = Instant::now();
        if kind == Kind::Ours {
            dump(&self.connection)?;
        } else {
            let (mut read, mut write) = std::io::pipe()?;
            let mut copy = Vec::with_capacity(self.text.len());
            thread::scope(|scope| {
                scope.spawn(|| {
                    let written = self.text.as_bytes().chunks(PIPE_BYTES).try_for_each(|chunk| write.write_all(chunk));
                    drop(write);
                    written
                });
                read.read_to_end(&mut copy)
            })?;
            ensure!(copy.len() == self.text.len(), "{} of {} bytes came through", copy.len(), self.text.len());
        }
        Ok(start.elapsed())
    }

    fn release(&mut self) -> Result<()> {
        Ok(())
    }
}

/// A page while a dump is being written, and as often while none is.
pub(crate) fn beside(rounds: usize) -> Result<Vec<Sample>> {
    let (asking, dumping) = (connect()?, Dumps::new()?);
    let mut samples = Vec::new();
    for _ in 0..rounds {
        let mut meanwhile = Vec::new();
        thread::scope(|scope| {
            let dumped = scope.spawn(|| dump(&dumping.connection).map(drop));
            while !dumped.is_finished() && meanwhile.len() < REQUESTS {
                meanwhile.push(wait_for_a_page(&asking)?);
            }
            dumped.join().ok().context("a dump")?
        })?;
        for ours in meanwhile {
            samples.push(Sample { plain: Some(wait_for_a_page(&asking)?), ..Sample::alone(ours) });
        }
    }
    Ok(samples)
}

fn dump(connection: &Connection) -> Result<String> {
    Ok(connection.dump(&["--json"])?)
}
