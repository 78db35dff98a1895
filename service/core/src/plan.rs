//! One pure function from a descriptor and a policy to heaps, planes, stride and size.
//!
//! `allocate2`, `isSupported`, the command line and the tests all come through [`plan()`]: what they say agrees because
//! it is said once.

use crate::error::Refusal;
use crate::layout::{Layout, Planes};
use crate::policy::{HeapId, HeapSet, Policy};
use crate::request::{Descriptor, Request};

/// What will be allocated, and where: a plain value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan<'p> {
    /// The validated request.
    pub request: Request,
    /// Index of the rule that took it, in `Policy::rules`.
    pub rule: usize,
    /// The rule's heaps in order; all of them, absent ones included.
    pub heaps: &'p [HeapId],
    /// Those of `heaps` that exist, take a buffer of this size, and are left to try. Never empty.
    pub candidates: HeapSet,
    /// The layout that the format became.
    pub layout: Layout,
    /// Pixels from one line to the next, as `AllocationResult.stride` gives it. (RAW10 and RAW12: bytes. BLOB: the width.)
    pub stride: u32,
    /// Planes of the first layer.
    pub planes: Planes,
    /// Bytes from one layer to the next.
    pub layer_bytes: u64,
    /// Bytes of the whole buffer, all layers; what the heap is asked for.
    pub bytes: u64,
    /// Bytes of the second, small buffer: shared metadata, then the reserved region.
    pub metadata_bytes: u64,
}

/// Bytes of the shared metadata before the reserved region.
pub const METADATA_BYTES: u64 = 4096;

impl<'p> Plan<'p> {
    /// The heaps to try, in order.
    pub fn candidates_in_order(&self) -> impl Iterator<Item = HeapId> + 'p {
        let candidates = self.candidates;
        self.heaps.iter().copied().filter(move |heap| candidates.contains(*heap))
    }
}

/// Plans one descriptor. `present` is the set of heaps that this kernel has.
///
/// # Errors
/// A refusal that will be the same at every try with this policy and these heaps: `isSupported` is exactly
/// `plan(..).is_ok()`.
pub fn plan<'p>(descriptor: &Descriptor, policy: &'p Policy, present: HeapSet) -> Result<Plan<'p>, Refusal> {
    let _ = (descriptor, policy, present);
    todo!()
}
