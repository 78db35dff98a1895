//! The shipped profiles: clean, and the same policy whether read as TOML or as the JSON compiled from it.
// A failed unwrap is a failed test.
#![allow(clippy::unwrap_used)]

use heaps_lint::{lint, profile, PROFILES};

#[test]
fn every_profile_lints_without_a_finding() {
    for (name, _) in PROFILES {
        let linted = lint(profile(name).unwrap());
        assert!(linted.findings.is_empty(), "{name}:\n{}", linted.render(false));
    }
}

#[test]
fn every_profile_compiles_to_json_that_gives_the_same_policy_and_the_same_bytes() {
    for (name, _) in PROFILES {
        let linted = lint(profile(name).unwrap());
        let json = linted.compile().unwrap();
        assert_eq!(heaps_config::from_json(&json).unwrap(), *linted.policy().unwrap(), "{name}");
        let again = lint(heaps_lint::Source::text("again.json", json.clone(), heaps_lint::Format::Json));
        assert_eq!(again.compile().unwrap(), json, "{name}");
    }
}
