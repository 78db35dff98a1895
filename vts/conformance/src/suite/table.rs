//! The tests as a table for people.

use crate::case::Test;
use std::fmt::Write;

/// One line of a table.
pub fn row(cells: &[&str]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

/// All of them.
pub(super) fn markdown(tests: &[Test]) -> String {
    let mut text = row(&["test", "demand"]) + &row(&["---", "---"]);
    for test in tests {
        let _ = write!(text, "{}", row(&[&format!("`{}`", test.name), test.demand]));
    }
    text
}
