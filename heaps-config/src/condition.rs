//! Whether a condition takes a request, and if not, every reason why.
//!
//! A condition's parts are asked in one order: [`Condition::holds`] stops at the first that does not hold, and
//! [`Condition::misses`] says each.

use gralloc_buffer::format::PixelFormat;
use gralloc_buffer::layout::Layout;
use gralloc_buffer::usage::Usage;

/// A layout of the table, or a vendor's format by its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LayoutName {
    /// One of the table.
    Table(Layout),
    /// A vendor's.
    Vendor(i32),
}

impl From<Layout> for LayoutName {
    fn from(layout: Layout) -> LayoutName {
        LayoutName::Table(layout)
    }
}

/// One test over usage. The CPU fields are values, not flags: `CPU_READ_RARELY` (2) is no subset of OFTEN (3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Term {
    /// The bits under `mask` have exactly this value.
    Equals {
        /// The field.
        mask: Usage,
        /// Its value.
        value: Usage,
    },
    /// Some bit under the mask is set.
    Any(Usage),
}

impl Term {
    /// True when the usage passes.
    pub fn holds(self, usage: Usage) -> bool {
        match self {
            Term::Equals { mask, value } => usage & mask == value,
            Term::Any(mask) => usage.intersects(mask),
        }
    }
}

/// Tests over usage. What most of them say is in masks, so that they are judged at once, however many there are: a policy has a
/// hundred conditions, and every request asks all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    list: Vec<Term>,
    /// All hold only where the bits under this mask…
    mask: Usage,
    /// … have this value.
    value: Usage,
    /// That is all that they say together.
    all_in_mask: bool,
    /// One holds where one of these bits is set.
    bits: Usage,
    /// No other can.
    any_in_bits: bool,
}

impl Terms {
    /// Every one holds; so it is where there are none.
    pub fn all_hold(&self, usage: Usage) -> bool {
        usage & self.mask == self.value && (self.all_in_mask || self.list.iter().all(|term| term.holds(usage)))
    }

    /// One of them holds.
    pub fn any_holds(&self, usage: Usage) -> bool {
        usage.intersects(self.bits) || (!self.any_in_bits && self.list.iter().any(|term| term.holds(usage)))
    }
}

impl Default for Terms {
    /// None: equal to what an empty list is read as.
    fn default() -> Terms {
        Vec::new().into()
    }
}

impl From<Vec<Term>> for Terms {
    fn from(list: Vec<Term>) -> Terms {
        let (mut mask, mut value, mut bits) = (Usage::NONE, Usage::NONE, Usage::NONE);
        let (mut all_in_mask, mut any_in_bits) = (true, true);
        for term in &list {
            let fixed = match *term {
                Term::Equals { mask, value } => Some((mask, value)),
                Term::Any(bit) if bit.0.is_power_of_two() => Some((bit, bit)),
                Term::Any(_) => None,
            };
            match fixed {
                // Of two values for one bit the first stays: the list says that both cannot be.
                Some((field, wanted)) if value & field == wanted & mask => {
                    (mask, value) = (mask | field, value | wanted);
                }
                _ => all_in_mask = false,
            }
            match *term {
                Term::Any(any) => bits = bits | any,
                Term::Equals { .. } => any_in_bits = false,
            }
        }
        Terms { list, mask, value, all_in_mask, bits, any_in_bits }
    }
}

impl<'t> IntoIterator for &'t Terms {
    type Item = &'t Term;
    type IntoIter = std::slice::Iter<'t, Term>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.iter()
    }
}

impl std::ops::Deref for Terms {
    type Target = [Term];

    fn deref(&self) -> &[Term] {
        &self.list
    }
}

/// When a rule, an alignment or a resolution applies. An empty list asks nothing.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Condition {
    /// All must hold.
    pub all_of: Terms,
    /// At least one must hold, when there are any.
    pub any_of: Terms,
    /// None may hold.
    pub none_of: Terms,
    /// The requested format is one of these, when there are any.
    pub formats: Vec<PixelFormat>,
    /// The requested format is none of these.
    pub not_formats: Vec<PixelFormat>,
    /// What the format became is one of these, when there are any.
    pub layouts: Vec<LayoutName>,
    /// The buffer is compressed or tiled, or is not, when that matters.
    pub compressed: Option<bool>,
    /// Bytes of one buffer, at least.
    pub min_bytes: Option<u64>,
    /// Bytes of one buffer, at most.
    pub max_bytes: Option<u64>,
}

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
        let none_of = self.none_of.iter().filter(move |term| term.holds(usage)).map(|term| Miss::NoneOf(*term));
        all_of
            .chain((!self.any_of_holds(usage)).then_some(Miss::AnyOf))
            .chain(none_of)
            .chain((!self.lists(format)).then_some(Miss::Formats))
            .chain(self.not_formats.contains(&format).then_some(Miss::NotFormats))
            .chain((!self.lists_layout(layout)).then_some(Miss::Layouts))
            .chain(self.unlike(compressed).map(Miss::Compressed))
            .chain(self.below(bytes).map(Miss::MinBytes))
            .chain(self.above(bytes).map(Miss::MaxBytes))
    }

    /// True when nothing keeps the condition from taking a request. It is on the path of every one, a hundred times.
    pub fn holds(&self, subject: Subject) -> bool {
        let Subject { usage, format, layout, compressed, bytes } = subject;
        self.all_of.all_hold(usage)
            && self.any_of_holds(usage)
            && !self.none_of.any_holds(usage)
            && self.lists(format)
            && !self.not_formats.contains(&format)
            && self.lists_layout(layout)
            && self.unlike(compressed).is_none()
            && self.below(bytes).is_none()
            && self.above(bytes).is_none()
    }

    fn any_of_holds(&self, usage: Usage) -> bool {
        self.any_of.is_empty() || self.any_of.any_holds(usage)
    }

    fn lists(&self, format: PixelFormat) -> bool {
        self.formats.is_empty() || self.formats.contains(&format)
    }

    fn lists_layout(&self, layout: Option<LayoutName>) -> bool {
        self.layouts.is_empty() || layout.map_or(true, |layout| self.layouts.contains(&layout))
    }

    fn unlike(&self, compressed: Option<bool>) -> Option<bool> {
        self.compressed.filter(|asked| compressed.is_some_and(|is| is != *asked))
    }

    fn below(&self, bytes: Option<u64>) -> Option<u64> {
        self.min_bytes.filter(|least| bytes.is_some_and(|bytes| bytes < *least))
    }

    fn above(&self, bytes: Option<u64>) -> Option<u64> {
        self.max_bytes.filter(|most| bytes.is_some_and(|bytes| bytes > *most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All terms about three bits.
    fn terms() -> impl Iterator<Item = Term> + Clone {
        let equals = (0..64).map(|bits| Term::Equals { mask: Usage(bits >> 3), value: Usage(bits & bits >> 3 & 7) });
        equals.chain((1..8).map(|bits| Term::Any(Usage(bits))))
    }

    fn says_what_its_terms_say(list: &[Term]) {
        let folded = Terms::from(list.to_vec());
        for usage in (0..8).map(Usage) {
            assert_eq!(folded.all_hold(usage), list.iter().all(|term| term.holds(usage)), "{list:?} of {usage:?}");
            assert_eq!(folded.any_holds(usage), list.iter().any(|term| term.holds(usage)), "{list:?} of {usage:?}");
        }
    }

    #[test]
    fn terms_that_are_folded_say_what_each_of_them_says() {
        says_what_its_terms_say(&[]);
        for one in terms() {
            says_what_its_terms_say(&[one]);
            for two in terms() {
                says_what_its_terms_say(&[one, two]);
                for three in
                    [Term::Equals { mask: Usage(2), value: Usage(0) }, Term::Any(Usage(3)), Term::Any(Usage(4))]
                {
                    says_what_its_terms_say(&[one, two, three]);
                }
            }
        }
    }

    /// Else every request would go through the list of every rule, for the same answers.
    #[test]
    fn single_bits_and_fields_are_all_in_the_masks() {
        let field = Term::Equals { mask: Usage(0b11000), value: Usage(0b01000) };
        let folded = Terms::from(vec![Term::Any(Usage(1)), Term::Any(Usage(4)), field]);
        assert_eq!((folded.mask, folded.value, folded.all_in_mask), (Usage(0b11101), Usage(0b01101), true));
        assert_eq!((folded.bits, folded.any_in_bits), (Usage(0b101), false));
        assert_eq!((&folded).into_iter().last(), Some(&field), "the list is kept for those who tell of it");
    }
}
