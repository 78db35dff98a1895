//! The vendor's types of metadata that a planned buffer has, as the table that its metadata begin with.

use super::Plan;
use gralloc_buffer::metadata::vendor::{table_bytes, Encoding};
use gralloc_buffer::{Layout, PixelFormat};
use heaps_config::policy::{Heap, LayoutName, Policy, VendorMetadata};

impl Plan<'_> {
    /// The types that the buffer has, in the policy's order.
    pub fn vendor_metadata<'q>(&self, policy: &'q Policy) -> impl Iterator<Item = &'q VendorMetadata> + Clone + 'q {
        let subject = self.subject();
        let types = &policy.vendor_metadata;
        let is = move |entry: &VendorMetadata| entry.when.holds(subject);
        types.iter().enumerate().filter_map(move |(index, entry)| {
            let same = |other: &&VendorMetadata| (&other.type_name, other.value) == (&entry.type_name, entry.value);
            let earlier = types.iter().take(index).filter(same).any(is);
            (is(entry) && !earlier).then_some(entry)
        })
    }

    /// The table of a buffer from `heap`; `None` where the policy has no types at all.
    pub(super) fn vendor_table(&self, policy: &Policy, heap: &Heap) -> Option<Vec<u8>> {
        if policy.vendor_metadata_bytes == 0 {
            return None;
        }
        let format = i64::from(self.allocated_format());
        let (long, short) = (format.to_le_bytes(), self.allocated_format().to_le_bytes());
        let entries = self.vendor_metadata(policy).map(|entry| {
            let format: &[u8] = if matches!(entry.encoding, Encoding::I32 | Encoding::U32) { &short } else { &long };
            entry.entry(heap.name.as_bytes(), format)
        });
        Some(table_bytes(entries))
    }

    /// The value of the format that the requested one became: a vendor's, or AIDL's first of the layout; NV12 and I420, which
    /// AIDL has no value for, keep the requested one.
    pub fn allocated_format(&self) -> i32 {
        match self.resolved.name() {
            LayoutName::Vendor(value) => value,
            LayoutName::Table(layout) => {
                let named = PixelFormat::ALL.iter().find(|format| Layout::of(**format) == Some(layout));
                named.unwrap_or(&self.request.format).to_wire()
            }
        }
    }
}
