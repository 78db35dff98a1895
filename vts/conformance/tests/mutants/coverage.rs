//! That the faults reach every test, and that the README tells it.

use crate::run::expected;
use crate::{allocator, mapper, views, Mutant};
use conformance::suite::row;
use libtest_mimic::Failed;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

fn all() -> impl Iterator<Item = &'static Mutant> {
    mapper::MUTANTS.iter().chain(allocator::MUTANTS).chain(views::MUTANTS)
}

/// Which mutants each test is failed by.
fn by_test() -> BTreeMap<String, Vec<&'static str>> {
    let mut found: BTreeMap<String, Vec<&'static str>> = BTreeMap::new();
    for mutant in all() {
        for test in expected(mutant) {
            found.entry(test).or_default().push(mutant.name);
        }
    }
    found
}

pub(crate) fn every_test_is_failed() -> Result<(), Failed> {
    let found = by_test();
    let tests = conformance::tests::all();
    let missed: Vec<_> = tests.iter().map(|test| test.name).filter(|name| !found.contains_key(*name)).collect();
    if missed.is_empty() {
        return Ok(());
    }
    Err(format!("no mutant fails: {missed:#?}").into())
}

/// The table's beginning and end in the README.
const MARKS: [&str; 2] = ["<!-- table: begin -->\n", "<!-- table: end -->\n"];

/// Every test with its demand and the fault that fails it and few others; `CONFORMANCE_README=write` puts it there.
pub(crate) fn readme_has_the_table() -> Result<(), Failed> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = fs::read_to_string(&path).unwrap();
    let parts: Vec<_> = text.split(MARKS[0]).flat_map(|part| part.split(MARKS[1])).collect();
    let [before, table, after] = parts[..] else { return Err("the README has no place for the table".into()) };
    let right = table_text();
    if table == right {
        return Ok(());
    }
    if std::env::var("CONFORMANCE_README").is_ok_and(|value| value == "write") {
        fs::write(&path, [before, MARKS[0], &right, MARKS[1], after].concat()).unwrap();
        return Ok(());
    }
    Err("the README's table is not that of the tests; CONFORMANCE_README=write writes it".into())
}

fn table_text() -> String {
    let found = by_test();
    let sizes: BTreeMap<&str, usize> = all().map(|mutant| (mutant.name, expected(mutant).len())).collect();
    let mut text = row(&["test", "demand", "failed by, among others"]) + &row(&["---", "---", "---"]);
    for test in conformance::tests::all() {
        // The faults that fail the fewest tests say most about this one.
        let mut mutants = found.get(test.name).cloned().unwrap_or_default();
        mutants.sort_by_key(|name| (sizes[name], *name));
        mutants.truncate(2);
        text += &row(&[&format!("`{}`", test.name), test.demand, &mutants.join(", ")]);
    }
    text
}
