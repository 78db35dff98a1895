//! Why a request was refused. One enum with values; `server/status` turns it into an `AllocationError`.
//!
//! The kinds answer one question: could the same request ever succeed, with this policy and these heaps? Never:
//! [`Unsupported`]. Perhaps later: [`Shortage`]. `isSupported` answers for one buffer, and is false where the plan, or the machine's
//! memory, makes it [`Malformed`] or [`Unsupported`]; what the kernel alone knows ([`Unsupported::BeyondAddresses`]) `allocate2` learns
//! when it asks it.

use gralloc_buffer::dataspace::DATASPACE_OPTION;
use gralloc_buffer::usage::Usage;
use heaps_config::policy::HeapId;
use std::borrow::Cow;
use std::fmt;

/// A refusal, by the `AllocationError` that the client will see, or by its exception.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// `BAD_DESCRIPTOR` (0): the descriptor contradicts itself or the AIDL contract.
    Malformed(Malformed),
    /// `UNSUPPORTED` (2): well formed, and it can never succeed on this device with this policy.
    Unsupported(Unsupported),
    /// `NO_RESOURCES` (1): the same request may succeed later.
    Shortage(Shortage),
    /// `EX_ILLEGAL_STATE`: the service broke an invariant of its own. `UNSUPPORTED` would be a promise about every later try,
    /// `BAD_DESCRIPTOR` would blame the client, `NO_RESOURCES` would have it wait for memory.
    Internal(Internal),
}

/// What is wrong with the descriptor itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// Width or height is zero or negative.
    Size {
        /// As it was asked, in pixels.
        width: i32,
        /// As it was asked, in pixels.
        height: i32,
    },
    /// The layer count is zero or negative.
    LayerCount(i32),
    /// The reserved region has a negative size.
    ReservedSize(i64),
    /// A BLOB has height 1; its width is its size in bytes.
    BlobHeight(u32),
    /// The format needs a width or height that is a multiple of something (chroma subsampling, RAW packing).
    SizeForFormat {
        /// The format's AIDL name.
        format: &'static str,
        /// What the format asks for, in words.
        needs: &'static str,
    },
    /// Two `additionalOptions` of one name, which the policy accepts.
    OptionTwice(String),
}

/// What this device and policy never do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unsupported {
    /// A negative count of buffers.
    Count(i32),
    /// Not a value of the AIDL enum, or one that the policy's device cannot lay out, with the reason.
    Format {
        /// The value in the descriptor.
        value: i32,
        /// Why not.
        reason: &'static str,
    },
    /// Bits that nobody defined.
    UsageBits(Usage),
    /// An `additionalOptions` name that the policy does not accept.
    Option {
        /// The option's name, escaped.
        name: String,
    },
    /// An accepted `additionalOptions` name with a value that the policy does not accept.
    OptionValue {
        /// The option's name.
        name: String,
        /// Its value.
        value: i64,
        /// What the policy's `[[option]]` accepts.
        allowed: Vec<i64>,
    },
    /// A value of the option `Dataspace` that is no dataspace.
    Dataspace(i64),
    /// No rule of the policy takes the request.
    NoRule,
    /// A rule says no; its reason.
    Denied {
        /// The rule's name.
        rule: String,
        /// The policy's own words.
        reason: String,
    },
    /// The rule's heaps are all absent on this kernel.
    HeapsAbsent {
        /// The rule's name.
        rule: String,
    },
    /// The heap that shared metadata lives in is absent on this kernel: no buffer can be handed out.
    MetadataHeapAbsent {
        /// The heap's name.
        heap: String,
    },
    /// The usage and the format do not go together, with the reason.
    Combination(Cow<'static, str>),
    /// More bytes than a limit that does not move: of a request, of a client, of all clients together.
    RequestTooLarge {
        /// Bytes requested in all; `None` when 64 bits do not hold them.
        bytes: Option<u64>,
        /// The least of the limits, in bytes.
        limit: u64,
    },
    /// More bytes of system memory than this machine has, less the policy's reserve: so many are never available.
    BeyondMachine {
        /// Bytes requested, less what heaps with memory of their own have room for.
        bytes: u64,
        /// The machine's memory less the reserve.
        limit: u64,
    },
    /// A buffer whose size this machine does not address.
    BeyondAddresses {
        /// Bytes of one buffer.
        bytes: u64,
    },
    /// No heap of the rule takes so large a buffer.
    BufferTooLarge {
        /// Bytes of one buffer.
        bytes: u64,
        /// The largest that any candidate heap takes.
        limit: u64,
    },
    /// More buffers than one request may have.
    TooManyBuffers {
        /// As requested.
        count: u32,
        /// The policy's limit.
        limit: u32,
    },
    /// More buffers than the budgets of the rule's heaps hold when the heaps are empty.
    BeyondHeapBudgets {
        /// As requested.
        count: u32,
    },
}

/// What there is too little of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shortage {
    /// The client's budget is used up.
    ClientBudget {
        /// The client.
        uid: u32,
        /// Bytes asked for.
        bytes: u64,
        /// Bytes that it holds already.
        held: u64,
        /// Its budget.
        limit: u64,
    },
    /// The budget of all clients together is used up.
    TotalBudget {
        /// Bytes asked for.
        bytes: u64,
        /// Bytes that all hold already.
        held: u64,
        /// The budget.
        limit: u64,
    },
    /// The heap's budget is used up, in every heap that the rule names.
    HeapBudget {
        /// The last heap tried.
        heap: String,
        /// Bytes asked for.
        bytes: u64,
        /// Bytes held already.
        held: u64,
        /// The budget.
        limit: u64,
    },
    /// The machine would be left with less than the policy's reserve.
    Memory {
        /// Bytes asked for.
        bytes: u64,
        /// MemAvailable, less what is being allocated right now.
        available: u64,
        /// What the policy wants left free.
        reserve: u64,
    },
    /// The kernel refused, in the last heap tried.
    Kernel {
        /// The heap.
        heap: String,
        /// The errno, as the kernel gave it.
        errno: i32,
        /// What that errno means here.
        cause: &'static str,
    },
    /// As many buffers live as the ledger remembers at once: of one client, or of all.
    Tracked {
        /// The client, when it is its own share that is used up.
        uid: Option<u32>,
        /// Buffers asked for.
        count: u32,
        /// Buffers that live already.
        held: u64,
        /// The most that may.
        limit: u64,
    },
    /// The service has no file descriptor left.
    FileDescriptors,
    /// The service cannot see when buffers are released, and the policy has it refuse until it can.
    NoReleaseWatch,
}

/// An invariant that the service broke: a fault of the service, not a lack of anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Internal {
    /// A plan's stride does not fit `AllocationResult.stride`.
    Stride(u32),
    /// A heap's index is not one of the policy's.
    UnknownHeap(HeapId),
    /// A plan has no heap to try.
    NoCandidate,
}

impl Refusal {
    /// Usage and format do not go together, for this reason.
    pub(crate) fn combination(reason: impl Into<Cow<'static, str>>) -> Refusal {
        Unsupported::Combination(reason.into()).into()
    }

    /// True when the machine has too little memory available.
    pub fn is_memory(&self) -> bool {
        matches!(self, Refusal::Shortage(Shortage::Memory { .. }))
    }

    /// True when a budget is used up: a release that happened but is not yet booked may make room.
    pub fn is_budget(&self) -> bool {
        matches!(
            self,
            Refusal::Shortage(
                Shortage::ClientBudget { .. }
                    | Shortage::TotalBudget { .. }
                    | Shortage::HeapBudget { .. }
                    | Shortage::Tracked { .. }
            )
        )
    }

    /// A short, stable word for statistics and JSON, one a variant.
    pub fn cause(&self) -> &'static str {
        match self {
            Refusal::Malformed(why) => match why {
                Malformed::Size { .. } => "size",
                Malformed::LayerCount(_) => "layer-count",
                Malformed::ReservedSize(_) => "reserved-size",
                Malformed::BlobHeight(_) => "blob-height",
                Malformed::OptionTwice(_) => "option-twice",
                Malformed::SizeForFormat { .. } => "size-for-format",
            },
            Refusal::Unsupported(why) => match why {
                Unsupported::Count(_) => "count",
                Unsupported::Format { .. } => "format",
                Unsupported::UsageBits(_) => "usage-bits",
                Unsupported::Option { .. } => "option",
                Unsupported::OptionValue { .. } => "option-value",
                Unsupported::Dataspace(_) => "dataspace",
                Unsupported::NoRule => "no-rule",
                Unsupported::Denied { .. } => "denied",
                Unsupported::HeapsAbsent { .. } => "heaps-absent",
                Unsupported::MetadataHeapAbsent { .. } => "metadata-heap-absent",
                Unsupported::Combination(_) => "combination",
                Unsupported::RequestTooLarge { .. } => "request-limit",
                Unsupported::BeyondMachine { .. } => "machine-memory",
                Unsupported::BeyondAddresses { .. } => "machine-addresses",
                Unsupported::BufferTooLarge { .. } => "buffer-limit",
                Unsupported::TooManyBuffers { .. } => "count-limit",
                Unsupported::BeyondHeapBudgets { .. } => "heap-budget-limit",
            },
            Refusal::Shortage(why) => match why {
                Shortage::ClientBudget { .. } => "client-budget",
                Shortage::TotalBudget { .. } => "total-budget",
                Shortage::HeapBudget { .. } => "heap-budget",
                Shortage::Memory { .. } => "memory",
                Shortage::Kernel { .. } => "kernel",
                Shortage::Tracked { .. } => "buffers-tracked",
                Shortage::FileDescriptors => "file-descriptors",
                Shortage::NoReleaseWatch => "no-release-watch",
            },
            Refusal::Internal(_) => "internal",
        }
    }
}

impl From<Malformed> for Refusal {
    fn from(why: Malformed) -> Refusal {
        Refusal::Malformed(why)
    }
}

impl From<Unsupported> for Refusal {
    fn from(why: Unsupported) -> Refusal {
        Refusal::Unsupported(why)
    }
}

impl From<Shortage> for Refusal {
    fn from(why: Shortage) -> Refusal {
        Refusal::Shortage(why)
    }
}

impl From<Internal> for Refusal {
    fn from(why: Internal) -> Refusal {
        Refusal::Internal(why)
    }
}

impl std::error::Error for Refusal {}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Malformed(why) => why.fmt(f),
            Refusal::Unsupported(why) => why.fmt(f),
            Refusal::Shortage(why) => why.fmt(f),
            Refusal::Internal(why) => why.fmt(f),
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Malformed::Size { width, height } => {
                write!(f, "size {width}x{height}: width and height must be at least 1")
            }
            Malformed::LayerCount(n) => write!(f, "layerCount {n}: must be at least 1"),
            Malformed::ReservedSize(n) => write!(f, "reservedSize {n}: must not be negative"),
            Malformed::BlobHeight(height) => {
                write!(f, "BLOB with height {height}: must be 1, the width is the size in bytes")
            }
            Malformed::SizeForFormat { format, needs } => write!(f, "{format} needs {needs}"),
            Malformed::OptionTwice(name) => write!(f, "additionalOptions: \"{name}\" is there twice"),
        }
    }
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unsupported::Count(n) => write!(f, "count {n}: must not be negative"),
            Unsupported::Format { value, reason } => write!(f, "format {value:#x}: {reason}"),
            Unsupported::UsageBits(bits) => write!(f, "usage bits {:#x} are not defined", bits.0),
            Unsupported::Option { name } => write!(f, "additionalOptions: \"{name}\" is not accepted"),
            Unsupported::OptionValue { name, value, allowed } => {
                let allowed: Vec<String> = allowed.iter().map(ToString::to_string).collect();
                let allowed = allowed.join(", ");
                write!(f, "additionalOptions: \"{name}\" has the value {value}, and the policy's [[option]] accepts {allowed}")
            }
            Unsupported::Dataspace(value) => write!(
                f,
                "additionalOptions: \"{DATASPACE_OPTION}\" has the value {value:#x}, which Dataspace.aidl does not define: \
                 allowed are its names, and STANDARD to 11, TRANSFER to 8 and RANGE to 3 together"
            ),
            Unsupported::NoRule => f.write_str("no rule of the policy takes this usage, format and size"),
            Unsupported::Denied { rule, reason } => write!(f, "refused by rule \"{rule}\": {reason}"),
            Unsupported::HeapsAbsent { rule } => {
                write!(f, "rule \"{rule}\": none of its heaps is on this kernel")
            }
            Unsupported::MetadataHeapAbsent { heap } => {
                write!(f, "heap \"{heap}\", where shared metadata lives, is not on this kernel")
            }
            Unsupported::Combination(reason) => f.write_str(reason),
            Unsupported::RequestTooLarge { bytes: Some(bytes), limit } => {
                write!(f, "{bytes} bytes in one request: the limit is {limit}")
            }
            Unsupported::RequestTooLarge { bytes: None, limit } => {
                write!(f, "more bytes than 64 bits can count: the limit of a request is {limit}")
            }
            Unsupported::BeyondMachine { bytes, limit } => {
                write!(f, "{bytes} bytes of system memory in one request: this machine has {limit} beside the reserve")
            }
            Unsupported::BeyondAddresses { bytes } => {
                write!(f, "{bytes} bytes in one buffer: the size does not fit this machine's addresses")
            }
            Unsupported::BufferTooLarge { bytes, limit } => {
                write!(f, "{bytes} bytes in one buffer: the largest that its heaps take is {limit}")
            }
            Unsupported::TooManyBuffers { count, limit } => {
                write!(f, "{count} buffers in one request: the limit is {limit}")
            }
            Unsupported::BeyondHeapBudgets { count } => {
                write!(f, "{count} buffers in one request: the budgets of its heaps do not hold them, even when empty")
            }
        }
    }
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shortage::ClientBudget { uid, bytes, held, limit } => {
                write!(f, "{bytes} bytes: uid {uid} holds {held} of its {limit}")
            }
            Shortage::TotalBudget { bytes, held, limit } => {
                write!(f, "{bytes} bytes: all clients together hold {held} of {limit}")
            }
            Shortage::HeapBudget { heap, bytes, held, limit } => {
                write!(f, "{bytes} bytes: heap \"{heap}\" has {held} of {limit} in use")
            }
            Shortage::Memory { bytes, available, reserve } => {
                write!(f, "{bytes} bytes: {available} are available and {reserve} stay in reserve")
            }
            Shortage::Tracked { uid: Some(uid), count, held, limit } => {
                write!(
                    f,
                    "{count} buffers: uid {uid} holds {held}, and the service keeps account of {limit} for a client"
                )
            }
            Shortage::Tracked { uid: None, count, held, limit } => {
                write!(f, "{count} buffers: all clients together hold {held}, and the service keeps account of {limit}")
            }
            Shortage::Kernel { heap, errno, cause } => write!(f, "heap \"{heap}\": errno {errno}: {cause}"),
            Shortage::FileDescriptors => f.write_str("the service has no file descriptor left"),
            Shortage::NoReleaseWatch => {
                f.write_str("the service cannot see releases, and its policy refuses until it can")
            }
        }
    }
}

impl fmt::Display for Internal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("internal error of the service: ")?;
        match self {
            Internal::Stride(stride) => write!(f, "stride {stride} does not fit AllocationResult.stride"),
            Internal::UnknownHeap(heap) => write!(f, "the policy has no heap {}", heap.0),
            Internal::NoCandidate => f.write_str("the plan has no heap to try"),
        }
    }
}
