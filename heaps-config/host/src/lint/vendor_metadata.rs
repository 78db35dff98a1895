//! Types of a vendor's metadata that no buffer has.

use super::contradiction::contradiction;
use heaps_config::condition::Condition;
use heaps_config::policy::{Policy, VendorContent};
use heaps_config::Code;
use heaps_config::{Finding, KeyPath};

/// Reports them.
pub(super) fn check(policy: &Policy, findings: &mut Vec<Finding>) {
    let types = &policy.vendor_metadata;
    for (at, entry) in types.iter().enumerate() {
        let path = KeyPath::item("vendor_metadata", at);
        if let Some(why) = contradiction(&entry.when) {
            let message = format!("no buffer has vendor_metadata \"{}\": {why}", entry.name);
            findings.push(Finding::new(Code::Contradiction, path.clone(), message));
        }
        let same = |(_, other): &(usize, &_)| {
            let other: &heaps_config::policy::VendorMetadata = other;
            // Of a type's conditions none speaks of sizes: an empty one holds for every buffer.
            let takes = other.when == Condition::default() || other.when == entry.when;
            (&other.type_name, other.value) == (&entry.type_name, entry.value) && takes
        };
        if let Some((first, other)) = types.iter().enumerate().take(at).find(same) {
            let message =
                format!("\"{}\" says {} {} of every such buffer already", other.name, entry.type_name, entry.value);
            let finding = Finding::new(Code::MetadataUnused, path.key("value"), message);
            findings.push(finding.related(KeyPath::item("vendor_metadata", first).key("value"), "the first one"));
        }
        let areas = matches!(&entry.content, VendorContent::Computed(what) if what.word() == "areas");
        if areas && (policy.compressions.is_empty() || entry.when.compressed == Some(false)) {
            let message = "only compressed buffers have areas, and none of these is";
            findings.push(Finding::new(Code::MetadataUnused, path.key("computed"), message));
        }
    }
}
