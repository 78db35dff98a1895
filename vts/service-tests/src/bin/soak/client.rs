//! One client: allocates as a program of its kind does, keeps the buffers as long, and prints each call's outcome: its
//! microseconds, `refused`, or `lost` when the service went away under it.

use std::collections::VecDeque;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::ValueEnum;
use fastrand::Rng;
use gralloc_buffer::{Descriptor, PixelFormat, Usage};
use gralloc_client::{to_wire, Allocation, ClientError, Connection, Transport};

/// What a client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// SurfaceFlinger for windows that open and close: three buffers each.
    Windows,
    /// A camera that starts and stops: four buffers at once.
    Camera,
    /// A player: six buffers for some seconds.
    Video,
    /// One buffer for a moment.
    Screenshots,
    /// More than one request may have, and sizes that do not exist: refused each time.
    Greedy,
}

/// What it allocates, how many sets of it are kept, and how long it waits between two calls, in milliseconds.
struct Habit {
    count: i32,
    format: PixelFormat,
    usage: Usage,
    kept: usize,
    wait_ms: (u64, u64),
}

impl Kind {
    /// As on the command line.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    fn habit(self) -> Habit {
        let (rgba, video) = (PixelFormat::Rgba8888, PixelFormat::Ycbcr420_888);
        let screen = Usage::GPU_RENDER_TARGET | Usage::GPU_TEXTURE | Usage::COMPOSER_OVERLAY;
        let camera = Usage::CAMERA_OUTPUT | Usage::GPU_TEXTURE;
        let player = Usage::VIDEO_DECODER | Usage::GPU_TEXTURE;
        let shot = Usage::GPU_RENDER_TARGET | Usage::CPU_READ_OFTEN;
        let habit = |count, format, usage, kept, wait_ms| Habit { count, format, usage, kept, wait_ms };
        match self {
            Kind::Windows => habit(3, rgba, screen, 3, (50, 800)),
            Kind::Camera => habit(4, video, camera, 1, (300, 2500)),
            Kind::Video => habit(6, video, player, 1, (1500, 6000)),
            Kind::Screenshots => habit(1, rgba, shot, 1, (100, 1200)),
            Kind::Greedy => habit(8, rgba, screen, 1, (200, 2000)),
        }
    }
}

const SIZES: [(i32, i32); 4] = [(320, 240), (640, 480), (1280, 720), (720, 1280)];
/// 256 MiB of each eight, twice; no width; more than any.
const GREEDY_SIZES: [(i32, i32); 4] = [(8192, 8192), (8192, 8192), (0, 480), (i32::MAX, i32::MAX)];

/// Goes on until it is killed.
pub(crate) fn run(kind: Kind, seed: u64) -> Result<()> {
    let mut random = Rng::with_seed(seed);
    let mut kept: VecDeque<Allocation> = VecDeque::new();
    let habit = kind.habit();
    loop {
        let Ok(connection) = Connection::open(&Transport::Binder) else {
            thread::sleep(Duration::from_millis(20));
            continue;
        };
        while one(&connection, kind, &habit, &mut random, &mut kept)? {
            // Now and then everything closes.
            let most = if random.u64(..6) == 0 { 0 } else { habit.kept };
            thread::sleep(Duration::from_millis(habit.wait_ms.0 + random.u64(..habit.wait_ms.1 - habit.wait_ms.0)));
            while kept.len() > most {
                kept.pop_front();
            }
        }
    }
}

/// One call; false when the service is gone.
fn one(
    connection: &Connection,
    kind: Kind,
    habit: &Habit,
    random: &mut Rng,
    kept: &mut VecDeque<Allocation>,
) -> Result<bool> {
    let sizes = if kind == Kind::Greedy { GREEDY_SIZES } else { SIZES };
    let (width, height) = random.choice(sizes.iter().copied()).unwrap_or((64, 64));
    let descriptor = to_wire(&Descriptor::new(&kind.name(), width, height, habit.format, habit.usage));
    let begin = Instant::now();
    match connection.allocate(&descriptor, habit.count) {
        Ok(allocation) => {
            println!("{}", begin.elapsed().as_micros());
            kept.push_back(allocation);
        }
        Err(ClientError::Refused { .. }) => {
            println!("refused");
            kept.clear();
        }
        Err(ClientError::Call { .. }) => {
            println!("lost");
            return Ok(false);
        }
        Err(error) => return Err(error.into()),
    }
    Ok(true)
}
