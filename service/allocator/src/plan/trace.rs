//! What the plan's steps find, and whom they tell of it while they are taken.

use crate::request::Request;
use gralloc_buffer::layout::arrange::Measured;
use gralloc_buffer::layout::{Form, Layout, Needs};
use heaps_config::condition::Subject;
use heaps_config::policy::{Alignment, Compress, HeapId, LayoutName, Resolution, Rule, VendorFormat};

/// What a format became.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resolved<'p> {
    /// The layout.
    pub layout: Layout,
    /// The vendor's format that it is, of which the layout is a part.
    pub vendor: Option<&'p VendorFormat>,
    /// Index in `Policy::resolutions`, for a flexible format.
    pub resolution: Option<usize>,
    /// How it is compressed or tiled; `None` for lines one after the other.
    pub compress: Option<&'p Compress>,
}

/// From this bit on a modifier holds its vendor (`fourcc_mod_code` of `drm_fourcc.h`).
const VENDOR_BIT: u32 = 56;

impl<'p> Resolved<'p> {
    /// What conditions call it.
    pub fn name(&self) -> LayoutName {
        LayoutName::of(self.layout, self.vendor)
    }

    /// The `DRM_FORMAT_*` code: of the compression, the vendor's format, or the layout.
    pub fn fourcc(&self) -> u32 {
        let own = || self.vendor.map_or(self.layout.fourcc(), |format| format.fourcc);
        self.compress.map_or_else(own, |entry| entry.fourcc)
    }

    /// The `DRM_FORMAT_MOD_*` value, likewise; `None` where it has to hold the lines of a column and they are too many.
    pub fn modifier(&self, height: u32) -> Option<u64> {
        let Some(entry) = self.compress else { return Some(self.vendor.map_or(0, |format| format.modifier)) };
        let Some(bit) = entry.modifier_lines_at else { return Some(entry.modifier) };
        let lines = self.form().column_lines(&entry.blocks, height)?;
        let place = lines.checked_shl(bit).filter(|place| place.checked_shr(bit) == Some(lines));
        place.filter(|place| place >> VENDOR_BIT == 0).map(|place| entry.modifier | place)
    }

    /// As the layout arithmetic takes it.
    pub fn form(&self) -> Form<'p> {
        self.vendor.map_or_else(|| self.layout.form(), VendorFormat::form)
    }

    /// What conditions are asked about a request that became this.
    pub fn subject(&self, request: &Request) -> Subject {
        Subject { layout: Some(self.name()), compressed: Some(self.compress.is_some()), ..request.into() }
    }
}

/// Bytes of one buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// The pixels, all layers.
    pub bytes: u64,
    /// Shared metadata and reserved region.
    pub metadata_bytes: u64,
}

/// What a rule's heap is to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It can give the buffer.
    Takes,
    /// The policy has no heap of this index.
    Unknown,
    /// The request is protected and the heap is not.
    NotProtected,
    /// The heap is protected and the request is not.
    Protected,
    /// This kernel does not have it.
    Absent,
    /// It gives no buffer of this size, ever.
    TooSmall {
        /// The largest that it gives, in bytes.
        limit: u64,
    },
}

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
