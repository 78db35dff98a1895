//! The outcomes as JUnit's XML, which CI systems read.

use super::Tried;
use crate::output::markup;
use std::fmt::Write;

/// A suite for each file; and for one in which nothing could be tried, its name and why.
pub(super) fn of(files: &[Tried], error: Option<(&str, String)>) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    // Writing to a String cannot fail.
    for Tried { name, explain: begin, outcomes } in files {
        let failed = outcomes.iter().filter(|outcome| !outcome.holds()).count();
        let file = markup(name);
        let _ = writeln!(text, "  <testsuite name=\"{file}\" tests=\"{}\" failures=\"{failed}\">", outcomes.len());
        for outcome in outcomes {
            let name = markup(&outcome.name);
            let _ = write!(
                text,
                "    <testcase classname=\"{file}\" name=\"{name}\" file=\"{file}\" line=\"{}\"",
                outcome.line
            );
            if outcome.holds() {
                text.push_str("/>\n");
                continue;
            }
            let message = markup(&outcome.failures.join("; "));
            let (plan, explain) = (markup(&outcome.plan), markup(&format!("{begin} {}", outcome.explain)));
            let _ =
                writeln!(text, ">\n      <failure message=\"{message}\">{plan}\n{explain}</failure>\n    </testcase>");
        }
        text.push_str("  </testsuite>\n");
    }
    if let Some((file, why)) = error {
        let (file, first) = (markup(file), markup(why.lines().next().unwrap_or_default()));
        let why = why.lines().map(markup).collect::<Vec<_>>().join("\n");
        let _ = writeln!(
            text,
            "  <testsuite name=\"{file}\" tests=\"1\" failures=\"0\" errors=\"1\">\n    <testcase classname=\"{file}\" \
             name=\"the policy\" file=\"{file}\">\n      <error message=\"{first}\">{why}</error>\n    </testcase>\n  </testsuite>"
        );
    }
    text.push_str("</testsuites>\n");
    text
}

#[cfg(test)]
// A failed unwrap is a failed test.
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use heaps_host::expect::Outcome;

    #[test]
    fn junit_is_well_formed_whatever_the_names_are() {
        let outcome = Outcome {
            name: "a<b> & \u{1}c".to_owned(),
            line: 7,
            failures: vec!["bytes: 1 was expected".to_owned(), "\"x\" & y".to_owned()],
            plan: "system\u{7}".to_owned(),
            explain: "--usage '<>'".to_owned(),
        };
        let tried = Tried {
            name: "p \"q\".toml".to_owned(),
            explain: "heapctl explain --policy p".to_owned(),
            outcomes: vec![outcome],
        };
        let xml = of(&[tried], Some(("<x>", "errors:\n<y>".to_owned())));
        let document = roxmltree::Document::parse(&xml).unwrap();
        let suite = document.root_element().first_element_child().unwrap();
        assert_eq!((suite.attribute("tests"), suite.attribute("failures")), (Some("1"), Some("1")));
        assert_eq!(suite.attribute("name"), Some("p \"q\".toml"));
        let case = suite.first_element_child().unwrap();
        assert_eq!((case.attribute("name"), case.attribute("line")), (Some("a<b> & \u{fffd}c"), Some("7")));
        let failure = case.first_element_child().unwrap();
        assert_eq!(failure.attribute("message"), Some("bytes: 1 was expected; \"x\" & y"));
        assert_eq!(failure.text(), Some("system\u{fffd}\nheapctl explain --policy p --usage '<>'"));
        let suite = document.root_element().last_element_child().unwrap();
        assert_eq!((suite.attribute("name"), suite.attribute("errors")), (Some("<x>"), Some("1")));
        let error = suite.first_element_child().and_then(|case| case.first_element_child()).unwrap();
        assert_eq!((error.attribute("message"), error.text()), (Some("errors:"), Some("errors:\n<y>")));
    }
}
