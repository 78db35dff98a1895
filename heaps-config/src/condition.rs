//! Whether a condition takes a request, and if not, every reason why.
//!
//! There is one walk over a condition's parts ([`Condition::misses`]): matching stops at its first reason, explaining
//! collects all.

use crate::policy::{Condition, LayoutName, Term};
use gralloc_buffer::format::PixelFormat;
use gralloc_buffer::usage::Usage;

/// What is asked about: a request, as far as it is known when a condition is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The requested usage.
    pub usage: Usage,
    /// The requested format.
    pub format: PixelFormat,
    /// What the format became; `None` while that is what the condition decides.
    pub layout: Option<LayoutName>,
    /// Whether it is compressed or tiled; `None` while that is what the condition decides.
    pub compressed: Option<bool>,
    /// Bytes of one buffer; without them the bounds on size are left out, as for alignments and resolutions, which decide them.
    pub bytes: Option<u64>,
}

impl Subject {
    /// A request of which no more is known.
    pub const fn new(usage: Usage, format: PixelFormat) -> Subject {
        Subject { usage, format, layout: None, compressed: None, bytes: None }
    }
}

/// One part of a condition that does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Miss {
    /// A term of `all_of` that does not hold.
    AllOf(Term),
    /// No term of `any_of` holds.
    AnyOf,
    /// A term of `none_of` that holds.
    NoneOf(Term),
    /// `formats` does not list the format.
    Formats,
    /// `not_formats` lists the format.
    NotFormats,
    /// `layouts` does not list what the format became.
    Layouts,
    /// The buffer is compressed, or is not, and this is required.
    Compressed(bool),
    /// The buffer has fewer bytes than this.
    MinBytes(u64),
    /// The buffer has more bytes than this.
    MaxBytes(u64),
}

impl Condition {
    /// What keeps the condition from taking a request, in the order of its fields.
    pub fn misses(&self, subject: Subject) -> impl Iterator<Item = Miss> + '_ {
        let Subject { usage, format, layout, compressed, bytes } = subject;
        let all_of = self.all_of.iter().filter(move |term| !term.holds(usage)).map(|term| Miss::AllOf(*term));
        let any = self.any_of.is_empty() || self.any_of.iter().any(|term| term.holds(usage));
        let none_of = self.none_of.iter().filter(move |term| term.holds(usage)).map(|term| Miss::NoneOf(*term));
        let listed = self.formats.is_empty() || self.formats.contains(&format);
        let barred = self.not_formats.contains(&format);
        let laid = self.layouts.is_empty() || layout.map_or(true, |layout| self.layouts.contains(&layout));
        let asked = self.compressed.filter(|asked| compressed.is_some_and(|is| is != *asked));
        let least = self.min_bytes.filter(|least| bytes.is_some_and(|bytes| bytes < *least));
        let most = self.max_bytes.filter(|most| bytes.is_some_and(|bytes| bytes > *most));
        all_of
            .chain((!any).then_some(Miss::AnyOf))
            .chain(none_of)
            .chain((!listed).then_some(Miss::Formats))
            .chain(barred.then_some(Miss::NotFormats))
            .chain((!laid).then_some(Miss::Layouts))
            .chain(asked.map(Miss::Compressed))
            .chain(least.map(Miss::MinBytes))
            .chain(most.map(Miss::MaxBytes))
    }

    /// True when nothing keeps the condition from taking a request; see [`Condition::misses`].
    pub fn holds(&self, subject: Subject) -> bool {
        self.misses(subject).next().is_none()
    }
}
