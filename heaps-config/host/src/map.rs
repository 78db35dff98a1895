//! A policy as a grid: what each format gets in each use, by the plan of `allocate2`.

use crate::expect::{explain_line, summary};
use crate::lint::reach::Reach;
use crate::lint::region::Witness;
use gralloc_allocator::explain::{explain, CompressionNote, PlaneNote};
use gralloc_buffer::{Descriptor, PixelFormat, Usage};
use heaps_config::policy::{HeapSet, Policy, Rule};

/// A column: who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// For people.
    pub name: String,
    /// What such a client asks for.
    pub usage: Usage,
}

/// A row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// AIDL's name of the format, or the policy's.
    pub name: String,
    /// Its value on the wire.
    pub value: i32,
}

/// What one format gets in one use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Names of the heaps that are tried, in order; empty for a refusal.
    pub heaps: Vec<String>,
    /// The rule that takes it.
    pub rule: Option<String>,
    /// What a flexible format becomes.
    pub becomes: Option<String>,
    /// The compression or tiling that applies.
    pub compressed: Option<String>,
    /// The alignments that apply, whether or not this size shows it.
    pub alignments: Vec<String>,
    /// The cause's word and the message.
    pub refused: Option<(String, String)>,
    /// Each plane in words.
    pub planes: Vec<String>,
    /// All of it on one line.
    pub summary: String,
    /// Arguments of `heapctl explain`.
    pub explain: String,
}

/// The whole picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Map {
    /// The columns.
    pub uses: Vec<Use>,
    /// The rows: AIDL's formats, then the policy's own.
    pub formats: Vec<Row>,
    /// A row after the other.
    pub cells: Vec<Vec<Cell>>,
}

/// The pixels of the requests; of a BLOB, its bytes and 1.
pub const SIZE: (i32, i32) = (1920, 1080);
const BLOB_SIZE: (i32, i32) = (1 << 20, 1);

fn uses(policy: &Policy) -> Vec<Use> {
    let make = |name: &str, usages: &[Usage]| Use {
        name: name.to_owned(),
        usage: usages.iter().fold(Usage::NONE, |all, usage| all | *usage),
    };
    let mut uses = vec![
        make("GPU", &[Usage::GPU_TEXTURE, Usage::GPU_RENDER_TARGET]),
        make("display", &[Usage::GPU_RENDER_TARGET, Usage::GPU_TEXTURE, Usage::COMPOSER_OVERLAY]),
        make("camera preview", &[Usage::CAMERA_OUTPUT, Usage::GPU_TEXTURE]),
        make("camera to CPU", &[Usage::CAMERA_OUTPUT, Usage::CPU_READ_OFTEN]),
        make("video decoder", &[Usage::VIDEO_DECODER, Usage::GPU_TEXTURE, Usage::COMPOSER_OVERLAY]),
        make("video encoder", &[Usage::VIDEO_ENCODER, Usage::CAMERA_OUTPUT]),
        make("CPU", &[Usage::CPU_READ_OFTEN, Usage::CPU_WRITE_OFTEN]),
        make("sensor", &[Usage::SENSOR_DIRECT_DATA, Usage::CPU_READ_OFTEN]),
        make("protected display", &[Usage::PROTECTED, Usage::GPU_RENDER_TARGET, Usage::COMPOSER_OVERLAY]),
        make("protected camera", &[Usage::PROTECTED, Usage::CAMERA_OUTPUT, Usage::GPU_TEXTURE]),
        make("protected video", &[Usage::PROTECTED, Usage::VIDEO_DECODER, Usage::COMPOSER_OVERLAY]),
    ];
    uses.extend(policy.vendor_usage.iter().map(|vendor| make(&vendor.name, &[vendor.bit])));
    uses
}

/// Columns that rules get which no other column reaches: more would be no picture.
const MOST_RULES: usize = 16;

/// Makes the picture of a policy, on a kernel with all of its heaps.
pub fn of(policy: &Policy) -> Map {
    let named = PixelFormat::ALL.iter().copied().filter(|format| *format != PixelFormat::Unspecified);
    let own = policy.formats.iter().map(|format| PixelFormat::Vendor(format.value));
    let formats: Vec<PixelFormat> = named.chain(own).collect();
    let row = |format: &PixelFormat| Row { name: policy.format_name(*format).to_owned(), value: format.to_wire() };
    let cells = vec![Vec::new(); formats.len()];
    let mut map = Map { uses: Vec::new(), formats: formats.iter().map(row).collect(), cells };
    let add = |map: &mut Map, uses: Vec<Use>| {
        for (row, format) in map.cells.iter_mut().zip(&formats) {
            row.extend(uses.iter().map(|used| cell(policy, *format, used.usage)));
        }
        map.uses.extend(uses);
    };
    add(&mut map, uses(policy));
    let more = unreached(policy, &map);
    add(&mut map, more);
    map
}

/// A use for each rule that takes nothing of the grid: the simplest request that it takes.
fn unreached(policy: &Policy, map: &Map) -> Vec<Use> {
    let Some(reach) = Reach::of(policy) else { return Vec::new() };
    let drawn = |rule: &Rule| map.cells.iter().flatten().any(|cell| cell.rule.as_ref() == Some(&rule.name));
    let taken = |(at, rule): (usize, &Rule)| {
        let takes = |witness: &Witness| cell(policy, witness.format, witness.usage).rule.as_ref() == Some(&rule.name);
        let usage = reach.examples(at).into_iter().find(takes)?.usage;
        Some(Use { name: format!("rule {}", rule.name), usage })
    };
    policy.rules.iter().enumerate().filter(|(_, rule)| !drawn(rule)).filter_map(taken).take(MOST_RULES).collect()
}

fn cell(policy: &Policy, format: PixelFormat, usage: Usage) -> Cell {
    let (width, height) = if format == PixelFormat::Blob { BLOB_SIZE } else { SIZE };
    let descriptor = Descriptor::new("map", width, height, format, usage);
    let told = explain(&descriptor, policy, HeapSet::ALL);
    let plane = |plane: &PlaneNote| {
        format!(
            "{}: at {}, {} bytes a line, {} lines",
            plane.holds(),
            plane.offset_bytes,
            plane.stride_bytes,
            plane.lines
        )
    };
    let heaps = told
        .outcome
        .as_ref()
        .map(|plan| plan.candidates_in_order().map(|id| policy.heap_name(id).to_owned()).collect());
    let applies = |note: &&CompressionNote| note.misses.is_empty();
    Cell {
        heaps: heaps.unwrap_or_default(),
        rule: told.taken_by().map(|note| note.name.clone()),
        becomes: told.format.as_ref().filter(|note| note.resolution.is_some()).map(|note| note.name.clone()),
        compressed: told.compressions.last().filter(applies).map(|note| note.name.clone()),
        alignments: told
            .alignments
            .iter()
            .filter(|note| note.misses.is_empty())
            .map(|note| note.name.clone())
            .collect(),
        refused: told.outcome.as_ref().err().map(|refusal| (refusal.cause().to_owned(), refusal.to_string())),
        planes: told.picture.iter().flat_map(|picture| &picture.planes).map(plane).collect(),
        summary: summary(policy, &told.outcome),
        explain: explain_line(&descriptor, policy, None),
    }
}

impl Map {
    /// The row and the column that a live buffer belongs to: its format, and of the uses of the same protection the one with
    /// most bits in common. `None` where it has nothing in common with any.
    pub fn place_of(&self, format: i32, usage: Usage) -> Option<(usize, usize)> {
        let row = self.formats.iter().position(|row| row.value == format)?;
        let protected = |usage: Usage| usage.contains(Usage::PROTECTED);
        let score = |used: &Use| {
            let common = (used.usage & usage & !Usage::PROTECTED).0.count_ones();
            let missing = (used.usage & !usage).0.count_ones();
            (common, std::cmp::Reverse(missing))
        };
        let fit = |(_, used): &(usize, &Use)| protected(used.usage) == protected(usage) && score(used).0 > 0;
        let column =
            self.uses.iter().enumerate().filter(fit).max_by_key(|(at, used)| (score(used), std::cmp::Reverse(*at)));
        Some((row, column?.0))
    }
}
