//! The kinds of findings: a stable word, a severity, and an explanation for people.

use std::fmt;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// The policy is not accepted.
    Error,
    /// The policy works, and most likely not as meant.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        })
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $word:literal, $severity:ident, $text:literal;)*) => {
        /// What kind of finding it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code { $(#[doc = concat!("`", $word, "`; see [`Code::explanation`].")] $variant,)* }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Code] = &[$(Code::$variant,)*];

            /// The stable word, for scripts.
            pub const fn word(self) -> &'static str {
                match self { $(Code::$variant => $word,)* }
            }

            /// How bad it is.
            pub const fn severity(self) -> Severity {
                match self { $(Code::$variant => Severity::$severity,)* }
            }

            /// What it means and why it matters.
            pub const fn explanation(self) -> &'static str {
                match self { $(Code::$variant => $text,)* }
            }
        }
    };
}

codes! {
    Syntax = "syntax", Error, "The file is not well-formed TOML or JSON, or not UTF-8, or too long.";
    SchemaVersion = "schema-version", Error, "`schema` names a version of the policy format that this tool does not read.";
    UnknownKey = "unknown-key", Error, "The key means nothing here. A misspelt key that is ignored would be a rule that silently lacks a condition.";
    MissingKey = "missing-key", Error, "A key that has no default is absent.";
    WrongType = "wrong-type", Error, "The value is of another kind than the key takes.";
    BadValue = "bad-value", Error, "The value is of the right kind and out of range or malformed.";
    DuplicateName = "duplicate-name", Error, "Two entries of one section have the same name, so messages, dumps and references could mean either.";
    UnknownUsage = "unknown-usage", Error, "Neither BufferUsage nor [vendor_usage] has this name.";
    UnknownFormat = "unknown-format", Error, "Neither PixelFormat nor [[format]] nor [format_group] has this name.";
    UnknownLayout = "unknown-layout", Error, "No layout and no [[format]] has this name.";
    UnknownHeap = "unknown-heap", Error, "No [[heap]] has this name.";
    UnknownRule = "unknown-rule", Error, "No [[rule]] has this name.";
    TooManyHeaps = "too-many-heaps", Error, "A policy holds at most 64 heaps.";
    VendorBit = "vendor-bit", Error, "Vendors may define the bits 28 to 31 and 48 to 63 of BufferUsage, each once.";
    RuleAction = "rule-action", Error, "A rule needs either `heaps` or `deny`, not both and not neither.";
    InconsistentTwin = "inconsistent-twin", Error, "A cached heap's `uncached_twin` must be an uncached heap that is like it in every other respect.";
    ProtectedMixed = "protected-mixed", Error, "A rule that falls back from a protected heap to an ordinary one (or the other way) would put protected content where everybody can read it.";
    ProtectedNode = "protected-node", Error, "A protected heap whose nodes include one of ordinary memory: where its own node is absent, protected content would land in that memory, and the service, which knows nodes by name alone, could not tell.";
    OrdinaryNode = "ordinary-node", Warning, "A heap that is not called protected has a node that is known as protected: what ordinary requests get there, neither the CPU nor most devices can touch.";
    UncachedNode = "uncached-node", Warning, "What `cached` says and what is known of the heap's node differ. Clients flush caches by that word: where it is wrong they flush for nothing, or see stale pixels.";
    SystemMemory = "system-memory", Warning, "What `system_memory` says, or leaves unsaid, and what is known of the heap's nodes differ. Of system memory that is said to be no part of MemAvailable no reserve would be kept free; a carve-out that is taken for a part of it would be refused where the machine is short of memory, of which it takes none.";
    ProtectedLeak = "protected-leak", Error, "A PROTECTED request could be served from a heap that is not protected.";
    ProtectedUndecided = "protected-undecided", Error, "The policy has protected heaps and its rules are too intricate to decide whether protected content could reach an ordinary one.";
    MetadataHeap = "metadata-heap", Error, "Shared metadata is mapped by every client: its heap must be cached and not protected.";
    VendorFormat = "vendor-format", Error, "A vendor's pixel format has a value that AIDL does not name, once, that is no other format with a flag or-ed to it, and says what its planes are, its fourcc, and a modifier only with it.";
    Compression = "compression", Error, "A compression says where its blocks lie and what they are called: blocks that are none, areas that would lie in one another, a modifier that contradicts them or has no fourcc, a vendor's value without its type.";
    VendorMetadata = "vendor-metadata", Error, "A vendor's type of metadata says what its value is, once, within what a buffer's metadata hold.";
    MetadataUnused = "metadata-unused", Warning, "No buffer has the vendor's type: an earlier entry of the same type and value takes each that could, or none is compressed.";
    CompressUnmapped = "compress-unmapped", Error, "No CPU reads what is compressed: a compression, or a rule for compressed buffers, that asks for CPU access never applies, and a format without a linear form cannot be mapped. Nor can such a format be had that no compression takes.";
    AlignBreaksFormat = "align-breaks-format", Error, "The alignment would give a format a layout that its definition rules out.";
    ReplyFds = "reply-fds", Error, "A reply carries two fds a buffer, and a socket carries 64 fds.";
    MustAllocate = "must-allocate", Error, "A request that every Android device has to serve (the frameworks and VTS make it) is taken by no rule or refused.";
    UnresolvedFormat = "unresolved-format", Error, "A flexible format can reach a heap and no [[resolve]] says which layout it becomes.";
    UnresolvedRaw = "unresolved-raw", Warning, "RAW_OPAQUE can reach a heap and no [[resolve]] says what it becomes: every such request is refused, without a rule that says so.";
    Contradiction = "contradiction", Warning, "The conditions exclude one another: nothing can ever match.";
    Unreachable = "unreachable", Warning, "Earlier entries take everything that this one could.";
    TooIntricate = "too-intricate", Warning, "The rules tell too many kinds of requests apart to decide which of them can match: rules that never match are not looked for.";
    UnusedHeap = "unused-heap", Warning, "No rule, twin or [metadata] uses the heap.";
    UnusedGroup = "unused-group", Warning, "Nothing uses the format group.";
    UnusedTwins = "unused-twins", Warning, "`cached_when` is given and none of the rule's heaps has an uncached twin.";
    RepeatedItem = "repeated-item", Warning, "A list names the same thing twice.";
    ProtectedWaste = "protected-waste", Warning, "A request without PROTECTED could be served from a protected heap, where its user cannot reach it.";
    LimitsContradict = "limits-contradict", Warning, "Two limits contradict each other: one of them can never take effect.";
    AlignWidens = "align-widens", Warning, "The alignment makes lines of this format a multiple of more than it says.";
    ExpectNever = "expect-never", Warning, "An expectation that no answer can fulfil.";
    PoolUnused = "pool-unused", Warning, "What is to be kept ready never will be, or not all of it.";
    AlignUnused = "align-unused", Warning, "The alignment requires nothing.";
    IgnoredKey = "ignored-key", Warning, "The key says nothing here: another key, or the absence of one, takes its meaning away.";
    AlignSlipped = "align-slipped", Warning, "An alignment for a format by name; a flexible format that becomes the same layout, or a vendor's that is like it, slips past it.";
    AlignImpossible = "align-impossible", Error, "No number is all that the alignment asks for, alone or with others that apply to the same buffer, or none that 64 bits hold or a request may have.";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
