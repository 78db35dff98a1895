//! What the plan's steps tell about themselves while they are taken.

use crate::plan::heaps::Verdict;
use crate::plan::shape::Resolved;
use crate::plan::size::Sizes;
use crate::request::Request;
use gralloc_buffer::layout::arrange::Measured;
use gralloc_buffer::layout::Needs;
use heaps_config::condition::Subject;
use heaps_config::policy::{Alignment, Compress, HeapId, Resolution, Rule};

/// Hears of each step. A method that is not overridden does nothing: with `()` nothing is left of the calls.
pub trait Tracer {
    /// The descriptor is valid.
    fn request(&mut self, _request: &Request) {}

    /// A resolution of the requested format does not apply.
    fn passed_over(&mut self, _request: &Request, _index: usize, _resolution: &Resolution) {}

    /// The format became a layout.
    fn resolved(&mut self, _resolved: &Resolved<'_>) {}

    /// A compression was considered, and applies or does not.
    fn compression(&mut self, _request: &Request, _subject: Subject, _entry: &Compress, _applies: bool) {}

    /// An alignment was considered; it applies if its condition holds. `needs` is what it and those before it add up to,
    /// `None` beyond 64 bits.
    fn alignment(
        &mut self,
        _request: &Request,
        _resolved: &Resolved<'_>,
        _alignment: &Alignment,
        _needs: Option<&Needs>,
    ) {
    }

    /// The buffer is measured; no limit was looked at yet.
    fn sizes(&mut self, _request: &Request, _resolved: &Resolved<'_>, _measured: &Measured<'_>, _sizes: &Sizes) {}

    /// A rule was considered; the last one takes the request, if any does.
    fn rule(&mut self, _request: &Request, _subject: Subject, _index: usize, _rule: &Rule) {}

    /// A heap of the rule that takes the request was judged.
    fn heap(&mut self, _heap: HeapId, _verdict: Verdict) {}
}

impl Tracer for () {}
