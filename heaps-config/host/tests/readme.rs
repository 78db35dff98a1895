//! The README lists every key that a policy may have.
// A failed unwrap is a failed test.
#![allow(clippy::unwrap_used, clippy::string_slice, clippy::indexing_slicing)]

use heaps_config::Code;
use heaps_host::{lint, Format, Source};

/// A key that nobody knows, in every section: the findings say what would be allowed.
const EVERY_SECTION: &str = r#"
x = 1
[limits]
x = 1
[metadata]
x = 1
[pool]
x = 1
[[format]]
x = 1
[[option]]
x = 1
[[heap]]
x = 1
[[rule]]
x = 1
[[compress]]
x = 1
[[align]]
x = 1
[[vendor_metadata]]
x = 1
[[resolve]]
x = 1
[[ready]]
x = 1
[[expect]]
x = 1
"#;

#[test]
fn every_key_is_in_the_readme() {
    let readme = include_str!("../../README.md");
    let linted = lint(Source::text("x.toml", EVERY_SECTION, Format::Toml));
    let unknown = linted.findings.iter().filter(|located| located.finding.code == Code::UnknownKey);
    let allowed: Vec<&Vec<String>> = unknown.map(|located| &located.finding.allowed).collect();
    assert_eq!(allowed.len(), 14);
    for key in allowed.into_iter().flatten() {
        let named = [format!("`{key}`"), format!("`[{key}]`"), format!("`[[{key}]]`")];
        assert!(named.iter().any(|name| readme.contains(name)), "{key}");
    }
}

/// The order is written in one place; what the README says of it are the same words.
#[test]
fn the_order_of_the_steps_is_in_the_readme() {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let readme = words(include_str!("../../README.md"));
    let mut from = 0;
    for (number, step) in (1..).zip(gralloc_buffer::layout::Step::ALL) {
        let line = words(&format!("{number}. {}", step.words()));
        let at = readme[from..].find(&line);
        assert!(at.is_some(), "{line}");
        from += at.unwrap() + line.len();
    }
}

#[test]
fn every_layout_that_is_no_format_is_in_the_readme() {
    let readme = include_str!("../../README.md");
    for layout in gralloc_buffer::Layout::ALL {
        let known = gralloc_buffer::PixelFormat::from_name(layout.name()).is_some();
        assert!(known || readme.contains(layout.name()), "{layout}");
    }
}
