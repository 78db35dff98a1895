//! What the lint does with documents that nobody should write: it never panics.

use heaps_host::{lint, lint_tree, profile, Format, Source};
use proptest::prelude::*;

#[path = "../../tests/common/mod.rs"]
mod trees;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn no_tree_makes_the_lint_panic(tree in trees::any_tree()) {
        let _ = lint_tree(&tree);
    }

    /// A character of any length at any place of a shipped profile: what is said of it is said of whole characters.
    #[test]
    fn a_strange_character_makes_no_panic(at in any::<prop::sample::Index>(), strange in any::<char>()) {
        let mut text = profile("reference-soc").map(|source| source.text).unwrap_or_default();
        let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        text.insert(*at.get(&places), strange);
        for (name, format) in [("p.toml", Format::Toml), ("p.json", Format::Json)] {
            let linted = lint(Source::text(name, text.clone(), format));
            let _ = (linted.render(true), linted.lines(), linted.to_json());
        }
    }

    /// One byte of a shipped profile changed.
    #[test]
    fn a_flipped_byte_makes_no_panic(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let good = profile("reference-soc").map(|source| source.text).unwrap_or_default();
        let mut bytes = good.into_bytes();
        let at = at.index(bytes.len());
        if let Some(changed) = bytes.get_mut(at) {
            *changed = byte;
        }
        if let Ok(text) = String::from_utf8(bytes) {
            let _ = lint(Source::text("flipped.toml", text, Format::Toml));
        }
    }
}
