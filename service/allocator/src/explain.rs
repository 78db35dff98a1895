//! Why a plan is what it is, or why there is none: for people and tools.
//!
//! [`explain`] runs the plan's own pipeline with a tracer that writes down what each step sees. After a step that refuses
//! nothing more is filled in; what is too large still has its picture.

mod admitted;
mod areas;
mod steps;
pub mod words;

pub use admitted::admitted;
pub use areas::{Area, AreaKind};
pub use steps::StepNote;

use crate::error::Refusal;
use crate::plan::size::lay_out;
use crate::plan::{traced, Plan, Resolved, Sizes, Tracer, Verdict};
use crate::request::Request;
use gralloc_buffer::layout::arrange::Measured;
use gralloc_buffer::layout::compression::NO_MODIFIER;
use gralloc_buffer::layout::{self, Arrangement, Ask, ComponentKind, DrmFormat, Layout, Needs, Plane, Shapes, Step};
use gralloc_buffer::Descriptor;
use heaps_config::condition::Subject;
use heaps_config::policy::{Alignment, Compress, HeapId, HeapSet, Policy, Resolution, Rule};

/// What happened to one descriptor, step by step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation<'p> {
    /// The plan, or the refusal that a client would see.
    pub outcome: Result<Plan<'p>, Refusal>,
    /// The descriptor, if it is well formed.
    pub request: Option<Request>,
    /// What the format became, if anything.
    pub format: Option<FormatNote>,
    /// The compressions that were considered, in order; the last one applies if it has no misses.
    pub compressions: Vec<CompressionNote>,
    /// Every alignment of the policy, in its order.
    pub alignments: Vec<AlignmentNote>,
    /// How the planes were laid out, in the order in which it is done; empty beyond what can be counted.
    pub steps: Vec<StepNote>,
    /// Planes and sizes, if they can be counted.
    pub picture: Option<Picture>,
    /// The rules that were considered, in order; the last one takes the request if it has no misses.
    pub rules: Vec<RuleNote>,
    /// The heaps of the rule that takes it, in order.
    pub heaps: Vec<HeapNote>,
    /// Which of the rule's lists of heaps is used, and why; empty without a rule.
    pub heap_list: String,
}

impl Explanation<'_> {
    /// The rule that takes the request, also where it refuses or its heaps do not.
    pub fn taken_by(&self) -> Option<&RuleNote> {
        self.rules.last().filter(|note| note.misses.is_empty())
    }
}

/// What a format became.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormatNote {
    /// The layout.
    pub layout: Layout,
    /// What the policy calls it.
    pub name: String,
    /// Index in `Policy::resolutions`; `None` for a format that needs none.
    pub resolution: Option<usize>,
    /// Earlier resolutions of the same format, with what kept each from applying.
    pub passed_over: Vec<PassedOver>,
}

/// A resolution that did not apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedOver {
    /// Index in `Policy::resolutions`.
    pub resolution: usize,
    /// Why, in words.
    pub misses: Vec<String>,
}

/// A compression that was considered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompressionNote {
    /// The policy's name for it.
    pub name: String,
    /// What kept it from applying, in words; empty when it applies.
    pub misses: Vec<String>,
}

/// What an alignment did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlignmentNote {
    /// The policy's name for it.
    pub name: String,
    /// What kept it from applying, in words; empty when it applies.
    pub misses: Vec<String>,
    /// What it changed, the alignments before it being applied already. Empty when it requires nothing new.
    pub changes: Vec<Change>,
    /// Words that it settled otherwise than an alignment before it: of these the last counts.
    pub settled: Vec<String>,
    /// Why what it requires is not done, in words: the layout's contract does not allow it, or the planes are blocks.
    pub unheeded: Vec<&'static str>,
}

/// One figure that an alignment changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which figure.
    pub what: &'static str,
    /// Before.
    pub from: u64,
    /// After.
    pub to: u64,
}

/// The buffer's figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// The layout.
    pub layout: Layout,
    /// As `AllocationResult.stride` would give it.
    pub stride: u32,
    /// It counts bytes, not pixels.
    pub stride_is_bytes: bool,
    /// What an importer is told.
    pub drm: DrmFormat,
    /// Planes of the first layer.
    pub planes: Vec<PlaneNote>,
    /// The first layer from its first byte to its last: no gap, nothing twice.
    pub areas: Vec<Area>,
    /// Bytes behind the planes of each layer, before its minimum and its rounding.
    pub tail_bytes: u64,
    /// Bytes from one layer to the next.
    pub layer_bytes: u64,
    /// Bytes of all layers.
    pub bytes: u64,
    /// Bytes of shared metadata and reserved region.
    pub metadata_bytes: u64,
    /// Bytes of `bytes` that hold no sample.
    pub padding_bytes: u64,
}

/// One plane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaneNote {
    /// What a sample holds, in order; empty where the AIDL has no name for it.
    pub components: Vec<ComponentKind>,
    /// Bytes from the start of the layer.
    pub offset_bytes: u64,
    /// Bytes from line to line.
    pub stride_bytes: u32,
    /// Lines, padding included.
    pub lines: u32,
    /// Bytes of a line that hold samples.
    pub line_bytes: u64,
    /// Lines that hold samples.
    pub sample_lines: u32,
    /// Bytes, padding included.
    pub bytes: u64,
    /// Bytes of a compressed plane's header.
    pub header_bytes: u64,
    /// Bytes of its body; 0 of a plane of lines.
    pub body_bytes: u64,
}

impl PlaneNote {
    /// What a sample holds, in the AIDL's names; `samples` where it has none.
    pub fn holds(&self) -> String {
        let names: Vec<&str> = self.components.iter().map(|component| component.name()).collect();
        match names.is_empty() {
            true => "samples".to_owned(),
            false => names.join(" "),
        }
    }
}

/// A rule that was considered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleNote {
    /// Index in `Policy::rules`.
    pub index: usize,
    /// The policy's name for it.
    pub name: String,
    /// What kept it from taking the request, in words; empty for the one that takes it.
    pub misses: Vec<String>,
}

/// A heap of the rule that takes the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeapNote {
    /// Its index in `Policy::heaps`.
    pub id: HeapId,
    /// Its name.
    pub name: String,
    /// What it is to the request.
    pub part: HeapPart,
}

/// What a heap is to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeapPart {
    /// It is tried first.
    Chosen,
    /// It is tried when those before it give nothing.
    Fallback,
    /// It is not tried.
    Left(Verdict),
}

/// Explains one descriptor. `present` is the set of heaps that this kernel has.
pub fn explain<'p>(descriptor: &Descriptor, policy: &'p Policy, present: HeapSet) -> Explanation<'p> {
    let mut notes = Notes::new(policy);
    let outcome = traced(descriptor, policy, present, &mut notes);
    let Notes { request, format, compressions, alignments, steps, picture, rules, heaps, heap_list, .. } = notes;
    Explanation { outcome, request, format, compressions, alignments, steps, picture, rules, heaps, heap_list }
}

/// Writes down what the plan's steps see.
struct Notes<'p> {
    policy: &'p Policy,
    request: Option<Request>,
    passed_over: Vec<PassedOver>,
    format: Option<FormatNote>,
    compressions: Vec<CompressionNote>,
    /// The figures after the alignments so far.
    figures: Vec<(&'static str, u64)>,
    alignments: Vec<AlignmentNote>,
    /// The alignments that apply.
    applied: Vec<Alignment>,
    steps: Vec<StepNote>,
    picture: Option<Picture>,
    rules: Vec<RuleNote>,
    heap_list: String,
    chosen: bool,
    heaps: Vec<HeapNote>,
}

impl<'p> Notes<'p> {
    fn new(policy: &'p Policy) -> Notes<'p> {
        Notes {
            policy,
            request: None,
            passed_over: Vec::new(),
            format: None,
            compressions: Vec::new(),
            figures: Vec::new(),
            alignments: Vec::new(),
            applied: Vec::new(),
            steps: Vec::new(),
            picture: None,
            rules: Vec::new(),
            heap_list: String::new(),
            chosen: false,
            heaps: Vec::new(),
        }
    }
}

impl Tracer for Notes<'_> {
    fn request(&mut self, request: &Request) {
        self.request = Some(*request);
    }

    fn passed_over(&mut self, request: &Request, index: usize, resolution: &Resolution) {
        let misses = words::misses(&resolution.when, request.into(), self.policy);
        self.passed_over.push(PassedOver { resolution: index, misses });
    }

    fn resolved(&mut self, resolved: &Resolved<'_>) {
        let passed_over = std::mem::take(&mut self.passed_over);
        let name = self.policy.layout_name(resolved.name()).to_owned();
        let Resolved { layout, resolution, .. } = *resolved;
        self.format = Some(FormatNote { layout, name, resolution, passed_over });
    }

    fn compression(&mut self, request: &Request, subject: Subject, entry: &Compress, applies: bool) {
        let mut misses = words::misses(&entry.when, subject, self.policy);
        if !applies && misses.is_empty() {
            let why = match (request.usage.cpu(), request.usage.lines()) {
                (true, _) => "the usage has CPU access, which compression excludes",
                (_, true) => "the usage has GPU_DATA_BUFFER, whose shaders count in lines: compression excludes it",
                _ => "a BLOB has no pixels",
            };
            misses.push(why.to_owned());
        }
        self.compressions.push(CompressionNote { name: entry.name.clone(), misses });
    }

    fn alignment(&mut self, request: &Request, resolved: &Resolved<'_>, alignment: &Alignment, needs: Option<&Needs>) {
        if self.alignments.is_empty() {
            self.figures = figures(request, resolved, Some(&Needs::default()));
        }
        let misses = words::misses(&alignment.when, resolved.subject(request), self.policy);
        let name = alignment.name.clone();
        let mut note = AlignmentNote { name, misses, changes: vec![], settled: vec![], unheeded: vec![] };
        if note.misses.is_empty() {
            note.settled = settled(&self.applied, alignment);
            self.applied.push(alignment.clone());
            let after = figures(request, resolved, needs);
            let contract = resolved.form().contract;
            note.changes = changes(&self.figures, &after);
            let unheeded = |ask: &Ask| match resolved.compress {
                Some(_) if ask.step() < Step::Tail => Some("its planes are blocks, which the compression lays out"),
                _ => contract.forbids(*ask),
            };
            for why in alignment.asks.iter().filter_map(unheeded) {
                if !note.unheeded.contains(&why) {
                    note.unheeded.push(why);
                }
            }
            if after.is_empty() && !self.figures.is_empty() {
                note.unheeded.push("no number is what it and those before it ask for, or none that a buffer can have");
            }
            self.figures = after;
        }
        self.alignments.push(note);
    }

    fn sizes(&mut self, request: &Request, resolved: &Resolved<'_>, measured: &Measured<'_>, sizes: &Sizes) {
        self.steps = steps::of(request, resolved, &self.applied);
        self.picture = measured.narrow().map(|arranged| picture(request, resolved, measured, &arranged, sizes));
    }

    fn rule(&mut self, request: &Request, subject: Subject, index: usize, rule: &Rule) {
        let misses = words::misses(&rule.when, subject, self.policy);
        if misses.is_empty() {
            self.heap_list = words::heap_list(request, rule, self.policy);
        }
        self.rules.push(RuleNote { index, name: rule.name.clone(), misses });
    }

    fn heap(&mut self, id: HeapId, verdict: Verdict) {
        let part = match verdict {
            Verdict::Takes if self.chosen => HeapPart::Fallback,
            Verdict::Takes => HeapPart::Chosen,
            verdict => HeapPart::Left(verdict),
        };
        self.chosen |= part == HeapPart::Chosen;
        self.heaps.push(HeapNote { id, name: self.policy.heap_name(id).to_owned(), part });
    }
}

/// The figures that alignments change, by name; none beyond what can be counted.
fn figures(request: &Request, resolved: &Resolved<'_>, needs: Option<&Needs>) -> Vec<(&'static str, u64)> {
    let measured = needs.and_then(|needs| lay_out(request, resolved, needs));
    let Some((measured, arranged)) = measured.and_then(|measured| Some((measured, measured.narrow()?))) else {
        return Vec::new();
    };
    let mut figures = Vec::new();
    for (plane, (stride, lines, offset)) in arranged.planes.as_slice().iter().zip(PLANE_FIGURES) {
        figures.push((*stride, u64::from(plane.stride_bytes)));
        figures.push((*lines, u64::from(plane.lines)));
        figures.push((*offset, plane.offset_bytes));
    }
    figures.push(("tail bytes", measured.tail_bytes));
    figures.push(("layer bytes", measured.layer_bytes));
    figures
}

/// Each word of an alignment that another before it said otherwise.
fn settled(before: &[Alignment], alignment: &Alignment) -> Vec<String> {
    let word = |ask: &Ask| match ask {
        Ask::Chroma(chroma) => Some(chroma.word()),
        _ => None,
    };
    let said = before.iter().rev().flat_map(|alignment| &alignment.asks).find_map(word);
    let says = |ask: &Ask| Some((said?, word(ask)?));
    let other = alignment.asks.iter().filter_map(says).filter(|(said, says)| said != says);
    other.map(|(said, says)| format!("chroma_stride {said} -> {says}")).collect()
}

/// The figures that are others now.
fn changes(before: &[(&'static str, u64)], after: &[(&'static str, u64)]) -> Vec<Change> {
    let both = before.iter().zip(after).filter(|(from, to)| from != to);
    both.map(|((what, from), (_, to))| Change { what, from: *from, to: *to }).collect()
}

/// Names of a plane's figures, by plane.
const PLANE_FIGURES: &[(&str, &str, &str)] = &[
    ("stride bytes", "lines", "offset"),
    ("stride bytes of plane 1", "lines of plane 1", "offset of plane 1"),
    ("stride bytes of plane 2", "lines of plane 2", "offset of plane 2"),
    ("stride bytes of plane 3", "lines of plane 3", "offset of plane 3"),
];

fn picture(
    request: &Request,
    resolved: &Resolved<'_>,
    measured: &Measured<'_>,
    arranged: &Arrangement,
    sizes: &Sizes,
) -> Picture {
    let form = resolved.form();
    let merged = resolved.compress.filter(|entry| entry.blocks.merged).map(|entry| form.merged_shapes(&entry.blocks));
    let shapes = merged.as_ref().map(Shapes::as_slice).filter(|shapes| !shapes.is_empty()).unwrap_or(form.shapes);
    let note = |(index, (plane, area)): (usize, (&Plane, &layout::Area))| {
        let shape = shapes.get(index);
        let compressed = resolved.compress.is_some();
        let lines = |down: u32| if compressed { plane.lines } else { down };
        PlaneNote {
            components: shape.map_or(vec![ComponentKind::Meta], |shape| {
                shape.components.iter().map(|component| component.kind).collect()
            }),
            offset_bytes: plane.offset_bytes,
            stride_bytes: plane.stride_bytes,
            lines: plane.lines,
            line_bytes: match compressed {
                true => plane.stride_bytes.into(),
                false => form.line_bytes(index, request.width).unwrap_or(0),
            },
            sample_lines: lines(shape.map_or(0, |shape| shape.samples_down(request.height))),
            bytes: if compressed { area.bytes() } else { plane.bytes() },
            header_bytes: area.header_bytes.into(),
            body_bytes: area.body_bytes.into(),
        }
    };
    let planes: Vec<PlaneNote> = arranged.planes.as_slice().iter().zip(&arranged.areas).enumerate().map(note).collect();
    // Samples are a part of the planes, whose bytes were counted already.
    let samples: u64 = match resolved.compress {
        Some(_) => planes.iter().map(|plane| plane.bytes).sum(),
        None => planes.iter().map(|plane| plane.line_bytes * u64::from(plane.sample_lines)).sum(),
    };
    Picture {
        layout: resolved.layout,
        stride: arranged.stride,
        stride_is_bytes: resolved.compress.is_none() && form.stride_is_bytes(),
        drm: DrmFormat {
            fourcc: resolved.fourcc(),
            modifier: resolved.modifier(request.height).unwrap_or(NO_MODIFIER),
        },
        areas: areas::of(resolved, measured, arranged),
        planes,
        tail_bytes: measured.tail_bytes,
        layer_bytes: arranged.layer_bytes,
        bytes: sizes.bytes,
        metadata_bytes: sizes.metadata_bytes,
        padding_bytes: sizes.bytes.saturating_sub(samples.saturating_mul(u64::from(request.layers))),
    }
}
