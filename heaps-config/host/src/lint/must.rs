//! What every Android device has to serve: requests that VTS never skips, and those that the frameworks make of
//! themselves before any app or camera has been opened.
//!
//! Sources: the VTS of IAllocator and IMapper (`hardware/interfaces/graphics`), and for the usages
//! `frameworks/native` (SurfaceFlinger, BufferQueue producers), `frameworks/base/libs/hwui`, `frameworks/av`
//! (camera and codec) of android-15.

use gralloc_allocator::{Refusal, Unsupported};
use gralloc_buffer::Descriptor;
use gralloc_buffer::{Layout, PixelFormat, Usage};
use heaps_config::condition::Subject;
use heaps_config::policy::{Alignment, HeapSet, Policy};
use heaps_config::Code;
use heaps_config::{Finding, KeyPath};

/// Who asks, for what.
struct Must {
    who: &'static str,
    format: PixelFormat,
    usage: &'static [Usage],
    width: i32,
    height: i32,
}

const fn must(who: &'static str, format: PixelFormat, usage: &'static [Usage], size: (i32, i32)) -> Must {
    Must { who, format, usage, width: size.0, height: size.1 }
}

const CPU: &[Usage] = &[Usage::CPU_READ_OFTEN, Usage::CPU_WRITE_OFTEN];
const VTS: (i32, i32) = (64, 64);
const SCREEN: (i32, i32) = (1920, 1080);

const MUSTS: &[Must] = &[
    must("VTS", PixelFormat::Rgba8888, CPU, VTS),
    must("VTS", PixelFormat::Yv12, CPU, VTS),
    must("VTS", PixelFormat::Ycbcr420_888, CPU, VTS),
    must(
        "SurfaceFlinger's own target",
        PixelFormat::Rgba8888,
        &[Usage::GPU_RENDER_TARGET, Usage::GPU_TEXTURE, Usage::COMPOSER_CLIENT_TARGET],
        SCREEN,
    ),
    must(
        "an app's window",
        PixelFormat::Rgba8888,
        &[Usage::GPU_RENDER_TARGET, Usage::GPU_TEXTURE, Usage::COMPOSER_OVERLAY],
        SCREEN,
    ),
    must(
        "an app that draws with the CPU",
        PixelFormat::Rgba8888,
        &[Usage::CPU_READ_OFTEN, Usage::CPU_WRITE_OFTEN, Usage::GPU_TEXTURE, Usage::COMPOSER_OVERLAY],
        SCREEN,
    ),
    must(
        "a screenshot",
        PixelFormat::Rgba8888,
        &[Usage::CPU_READ_OFTEN, Usage::CPU_WRITE_OFTEN, Usage::GPU_RENDER_TARGET, Usage::GPU_TEXTURE],
        SCREEN,
    ),
    must(
        "the camera's preview",
        PixelFormat::ImplementationDefined,
        &[Usage::CAMERA_OUTPUT, Usage::GPU_TEXTURE, Usage::COMPOSER_OVERLAY],
        SCREEN,
    ),
    must(
        "the camera's frames for an app",
        PixelFormat::Ycbcr420_888,
        &[Usage::CAMERA_OUTPUT, Usage::CPU_READ_OFTEN],
        SCREEN,
    ),
    must("the camera's JPEG", PixelFormat::Blob, &[Usage::CAMERA_OUTPUT, Usage::CPU_READ_OFTEN], (8 << 20, 1)),
    must(
        "a video recording",
        PixelFormat::ImplementationDefined,
        &[Usage::CAMERA_OUTPUT, Usage::VIDEO_ENCODER],
        SCREEN,
    ),
    must(
        "a video decoder",
        PixelFormat::Ycbcr420_888,
        &[Usage::VIDEO_DECODER, Usage::GPU_TEXTURE, Usage::COMPOSER_OVERLAY],
        SCREEN,
    ),
    must(
        "a software video decoder",
        PixelFormat::Yv12,
        &[Usage::CPU_READ_OFTEN, Usage::CPU_WRITE_OFTEN, Usage::GPU_TEXTURE, Usage::COMPOSER_OVERLAY],
        SCREEN,
    ),
    must(
        "screen recording",
        PixelFormat::Rgba8888,
        &[Usage::GPU_RENDER_TARGET, Usage::GPU_TEXTURE, Usage::VIDEO_ENCODER],
        SCREEN,
    ),
];

impl Must {
    fn usage(&self) -> Usage {
        self.usage.iter().fold(Usage::NONE, |all, usage| all | *usage)
    }

    fn descriptor(&self) -> Descriptor {
        Descriptor::new(self.who, self.width, self.height, self.format, self.usage())
    }

    /// `RGBA_8888 64x64 with CPU_READ_OFTEN|CPU_WRITE_OFTEN (VTS)`
    fn describe(&self) -> String {
        format!("{} {}x{} with {} ({})", self.format.name(), self.width, self.height, self.usage(), self.who)
    }
}

/// Plans each with every heap present, and reports what is refused: one finding a cause, however many it hits.
/// `unresolved`: that a flexible format is not resolved has been said already.
pub(super) fn check(policy: &Policy, unresolved: bool, findings: &mut Vec<Finding>) {
    let mut refused: Vec<(KeyPath, Refusal, Vec<&Must>)> = Vec::new();
    for must in MUSTS {
        match gralloc_allocator::plan(&must.descriptor(), policy, HeapSet::ALL) {
            Ok(plan) => vts_size(must, &plan, policy, findings),
            Err(Refusal::Unsupported(Unsupported::Format { .. })) if unresolved => {}
            Err(refusal) => {
                let path = align_at_fault(must, &refusal, policy).unwrap_or_else(|| cause(&refusal, policy));
                let same = |(known, other, _): &&mut (KeyPath, Refusal, Vec<&Must>)| {
                    *known == path && other.cause() == refusal.cause()
                };
                match refused.iter_mut().find(same) {
                    Some((_, _, musts)) => musts.push(must),
                    None => refused.push((path, refusal, vec![must])),
                }
            }
        }
    }
    for (path, refusal, musts) in refused {
        let Some((first, others)) = musts.split_first() else { continue };
        let more = match others.len() {
            0 => String::new(),
            1 => " and one more such request".to_owned(),
            number => format!(" and {number} more such requests"),
        };
        let message = format!("every device must allocate {}{more}; here: {refusal}", first.describe());
        findings.push(Finding::new(Code::MustAllocate, path, message));
    }
}

/// The largest of what the alignments ask for, when without alignments the request would not be refused so.
fn align_at_fault(must: &Must, refusal: &Refusal, policy: &Policy) -> Option<KeyPath> {
    let bare = Policy { alignments: Vec::new(), ..policy.clone() };
    let same = |other: &Refusal| other.cause() == refusal.cause();
    if gralloc_allocator::plan(&must.descriptor(), &bare, HeapSet::ALL).as_ref().is_err_and(same) {
        return None;
    }
    let applies = |(_, align): &(usize, &Alignment)| align.when.holds(Subject::new(must.usage(), must.format));
    let asked = policy.alignments.iter().enumerate().filter(applies).flat_map(|(at, align)| {
        align.asks.iter().map(move |ask| (KeyPath::item("align", at).key(ask.key()), ask.number()))
    });
    asked.max_by_key(|(_, value)| *value).map(|(path, _)| path)
}

/// The entry that refuses.
fn cause(refusal: &Refusal, policy: &Policy) -> KeyPath {
    let rule_of = |name: &str| {
        let at = policy.rules.iter().position(|rule| rule.name == name);
        at.map_or(KeyPath::ROOT.key("rule"), |at| KeyPath::item("rule", at))
    };
    match refusal {
        Refusal::Unsupported(Unsupported::Denied { rule, .. }) => rule_of(rule).key("deny"),
        Refusal::Unsupported(Unsupported::NoRule) => KeyPath::item("rule", policy.rules.len().saturating_sub(1)),
        Refusal::Unsupported(Unsupported::Format { .. }) => KeyPath::ROOT.key("resolve"),
        Refusal::Unsupported(Unsupported::RequestTooLarge { .. }) => KeyPath::ROOT.key("limits").key("request"),
        _ => KeyPath::ROOT,
    }
}

/// VTS `GetAllocationSize`: an RGBA_8888 buffer has fewer than twice the bytes of its pixels.
fn vts_size(must: &Must, plan: &gralloc_allocator::Plan<'_>, policy: &Policy, findings: &mut Vec<Finding>) {
    if must.who != "VTS" || plan.resolved.layout != Layout::Rgba8888 {
        return;
    }
    let pixels = u64::from(plan.stride).saturating_mul(u64::from(plan.request.height)).saturating_mul(4);
    if plan.bytes < pixels.saturating_mul(2) {
        return;
    }
    let largest = policy
        .alignments
        .iter()
        .enumerate()
        .filter(|(_, align)| align.when.holds(Subject::from(&plan.request)))
        .max_by_key(|(_, align)| align.asks.iter().map(|ask| ask.number()).max());
    let path = largest.map_or(KeyPath::ROOT, |(at, _)| KeyPath::item("align", at));
    let message = format!(
        "{} becomes {} bytes, and VTS wants fewer than {}",
        must.describe(),
        plan.bytes,
        pixels.saturating_mul(2)
    );
    findings.push(Finding::new(Code::AlignBreaksFormat, path, message));
}
