//! Documents of every shape, most of them no policies.

use heaps_config::Tree;
use proptest::prelude::*;

/// A tree with the policy's keys in any place.
pub(crate) fn any_tree() -> impl Strategy<Value = Tree> {
    let keys = [
        "schema",
        "name",
        "limits",
        "request",
        "reserve",
        "metadata",
        "heap",
        "rule",
        "align",
        "resolve",
        "option",
        "vendor_usage",
        "format_group",
        "format_flags",
        "flags",
        "nodes",
        "heaps",
        "deny",
        "cached_when",
        "all_of",
        "formats",
        "format",
        "to",
        "values",
        "uncached_twin",
        "max_buffer",
        "pool",
        "total",
        "stride_bytes",
        "x",
    ];
    let words = ["system", "NV12", "YV12", "PROTECTED", "4KiB", "99999999999GiB", "6%", "0%", "", "\u{0}", "ä"];
    let leaf = prop_oneof![
        any::<bool>().prop_map(Tree::Bool),
        any::<i64>().prop_map(Tree::Integer),
        prop::sample::select(words.to_vec()).prop_map(|word| Tree::Text(word.to_owned())),
        Just(Tree::Other("null")),
    ];
    leaf.prop_recursive(4, 64, 8, move |inner| {
        let key = prop::sample::select(keys.to_vec());
        let entry = (key, inner.clone()).prop_map(|(key, value)| (key.to_owned(), value));
        prop_oneof![
            prop::collection::vec(inner, 0..5).prop_map(Tree::List),
            prop::collection::vec(entry, 0..8).prop_map(Tree::Table),
        ]
    })
}
