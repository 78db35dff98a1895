//! The README lists every key that a policy may have; what the guide quotes of boards' policies stands in them.
// A failed unwrap is a failed test.
#![allow(clippy::unwrap_used, clippy::string_slice, clippy::indexing_slicing)]

use heaps_config::Code;
use heaps_host::{lint, Format, Source};
use std::collections::BTreeMap;

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

/// Every example of the guide is a part of a board's policy, whose worked examples are tests: the same keys and values.
#[test]
fn every_example_of_the_guide_is_a_boards_own() {
    let boards = ["arm", "qualcomm", "rockchip"].map(|name| {
        let path = format!("{}/../vendors/{name}.toml", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(path).unwrap().parse::<toml::Table>().unwrap()
    });
    let guide = include_str!("../../../docs/vendor-gralloc.md");
    let blocks: Vec<&str> = guide.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(blocks.len() >= 5, "{}", blocks.len());
    for block in blocks {
        let example = block.parse::<toml::Table>().unwrap();
        assert!(boards.iter().any(|board| is_part(&example, board)), "{block}");
    }
}

/// The guide goes through all of Rockchip's names; the policy has each with this number, and no other.
#[test]
fn the_guides_tables_are_the_whole_of_rockchips() {
    let guide = include_str!("../../../docs/vendor-gralloc.md");
    let row = |line: &str, prefixes: &[&str]| {
        let mut cells = line.split('|').map(str::trim).skip(1);
        let name = cells.next()?.strip_prefix('`')?.strip_suffix('`')?;
        let name = prefixes.iter().find_map(|prefix| name.strip_prefix(prefix))?;
        let value = cells.next()?;
        let value = value.strip_prefix("0x").map_or(value.parse(), |hex| i64::from_str_radix(hex, 16)).ok()?;
        Some((name.to_owned(), value))
    };
    let named = |prefixes: &[&str]| guide.lines().filter_map(|line| row(line, prefixes)).collect::<BTreeMap<_, _>>();
    let linted = lint(Source::text("rockchip.toml", include_str!("../../vendors/rockchip.toml"), Format::Toml));
    let document = linted.document().unwrap();
    let formats = document.formats.iter().map(|format| (format.name.clone(), format.value)).collect();
    assert_eq!(named(&["HAL_PIXEL_FORMAT_"]), formats);
    assert_eq!(named(&["RK_GRALLOC_USAGE_", "MALI_GRALLOC_USAGE_"]), document.vendor_usage);
}

/// Keys of a table are in the other, entries of a list are among the other's.
fn is_part(part: &toml::Table, of: &toml::Table) -> bool {
    part.iter().all(|(key, value)| match (value, of.get(key)) {
        (toml::Value::Table(part), Some(toml::Value::Table(of))) => is_part(part, of),
        (toml::Value::Array(part), Some(toml::Value::Array(of))) if part.iter().all(toml::Value::is_table) => {
            part.iter().all(|entry| of.contains(entry))
        }
        (value, of) => of == Some(value),
    })
}
