//! What a product sets with `soong_config_set`: the values that a variable has, the cases that modules have for them, and the
//! values that makefiles and guides name.

use crate::bp::{Blueprints, Module, SKIPPED};
use crate::report::{Place, Report};
use android_bp::Value;
use anyhow::{Context as _, Result};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use walkdir::WalkDir;

/// Ends of names of files that say what to set.
const TELL: [&str; 3] = ["bp", "md", "mk"];
/// How they say it: `soong_config_set,NAMESPACE,VARIABLE,VALUE)`.
const SET: &str = "soong_config_set,";
/// The case of all values that have none.
const OTHERS: &str = "conditions_default";

/// The string variables with their values, each where it is declared.
type Variables<'a> = BTreeMap<&'a str, (Vec<&'a str>, &'a Module)>;

/// Checks all of them.
///
/// # Errors
/// A file that cannot be read.
pub(crate) fn check(root: &Path, blueprints: &Blueprints, report: &mut Report) -> Result<()> {
    let modules = &blueprints.modules;
    let declared = modules.iter().filter(|module| module.kind == "soong_config_string_variable");
    let variables: Variables<'_> =
        declared.map(|module| (module.name.as_str(), (module.strings("values"), module))).collect();
    for module in modules {
        cases(module, &variables, report);
    }
    for entry in
        WalkDir::new(root).into_iter().filter_entry(|entry| !SKIPPED.iter().any(|name| entry.file_name() == *name))
    {
        let entry = entry?;
        if entry.path().extension().is_some_and(|ending| TELL.iter().any(|tell| ending == *tell)) {
            let text = fs::read_to_string(entry.path()).with_context(|| entry.path().display().to_string())?;
            told(entry.path().strip_prefix(root)?, &text, &variables, report);
        }
    }
    Ok(())
}

/// A case is a property that is named after its value, and Blueprint lowers the first letter of a property's name: a value with a
/// capital there matches no case, and no Soong accepts the file.
fn cases(module: &Module, variables: &Variables<'_>, report: &mut Report) {
    let Some(Value::Map(cased)) = module.properties.get("soong_config_variables") else { return };
    for (variable, cases) in cased.iter() {
        let (Some((values, declared)), Value::Map(cases)) = (variables.get(variable.as_str()), cases) else { continue };
        let place = |value: &str| module.place(&format!("{value}: {{"));
        for value in cases.keys().filter(|value| *value != OTHERS) {
            let message = if begins_with_a_capital(value) {
                format!("{}: the value {value} begins with a capital, and Soong would match no case", module.name)
            } else if !values.contains(&value.as_str()) {
                format!("{}: the variable {variable} has no value {value}", module.name)
            } else {
                continue;
            };
            report.contradiction(place(value), message, declared.place("values:"));
        }
        for value in values.iter().filter(|value| begins_with_a_capital(value)) {
            let message = format!("{variable}: the value {value} begins with a capital, and Soong would match no case");
            report.contradiction(declared.place(value), message, module.place(variable));
        }
    }
}

fn begins_with_a_capital(value: &str) -> bool {
    value.starts_with(|first: char| first.is_uppercase())
}

/// What a makefile sets, or a guide says to set.
fn told(file: &Path, text: &str, variables: &Variables<'_>, report: &mut Report) {
    for (number, line) in (1..).zip(text.lines()) {
        for set in line.split(SET).skip(1) {
            let words: Vec<&str> = set.split(')').next().unwrap_or_default().split(',').map(str::trim).collect();
            let [_, variable, value] = words[..] else { continue };
            let Some((values, declared)) = variables.get(variable) else { continue };
            if !values.contains(&value) {
                let message = format!("sets {variable} to {value}, and it has {}", values.join(", "));
                report.contradiction(Place::line(file, number), message, declared.place("values:"));
            }
        }
    }
}
