//! What a product sets with `soong_config_set`: the names and the values that there are, the cases that modules have for them,
//! and what makefiles and guides name.

use crate::bp::{Blueprints, Module, OwnType, SKIPPED};
use crate::report::{Finding, Place, Report};
use android_bp::Value;
use anyhow::{Context as _, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use walkdir::WalkDir;

/// Ends of names of files that say what to set.
const TELL: [&str; 3] = ["bp", "md", "mk"];
/// How they say it: `soong_config_set,NAMESPACE,VARIABLE,VALUE)`.
const SET: &str = "soong_config_set,";
/// The case of all values that have none.
const OTHERS: &str = "conditions_default";

/// What there is to be set.
struct Known<'a> {
    /// The string variables with their values, each where it is declared.
    variables: BTreeMap<&'a str, (Vec<&'a str>, &'a Module)>,
    /// The types that take them, each where it is declared.
    types: Vec<(OwnType, &'a Module)>,
}

/// Checks all of them.
///
/// # Errors
/// A file that cannot be read.
pub fn check(root: &Path, blueprints: &Blueprints, report: &mut Report) -> Result<()> {
    let modules = &blueprints.modules;
    let declared = modules.iter().filter(|module| module.kind == "soong_config_string_variable");
    let known = Known {
        variables: declared.map(|module| (module.name.as_str(), (module.strings("values"), module))).collect(),
        types: modules.iter().filter_map(|module| Some((OwnType::of(module)?, module))).collect(),
    };
    for (own, module) in &known.types {
        for variable in own.variables.iter().filter(|name| !known.variables.contains_key(name.as_str())) {
            let names: Vec<&str> = known.variables.keys().copied().collect();
            let message =
                format!("{}: nobody declares the variable {variable}; there are {}", own.name, names.join(", "));
            report.found(module.place(&format!("\"{variable}\"")), message);
        }
    }
    for module in modules {
        cases(module, &known, report);
    }
    for entry in
        WalkDir::new(root).into_iter().filter_entry(|entry| !SKIPPED.iter().any(|name| entry.file_name() == *name))
    {
        let entry = entry?;
        if entry.path().extension().is_some_and(|ending| TELL.iter().any(|tell| ending == *tell)) {
            let text = fs::read_to_string(entry.path()).with_context(|| entry.path().display().to_string())?;
            told(entry.path().strip_prefix(root)?, &text, &known, report);
        }
    }
    Ok(())
}

/// A case is a property that is named after its value, and Blueprint lowers the first letter of a property's name: a value with a
/// capital there matches no case, and no Soong accepts the file. Nor does it where the type does not name what the module has.
fn cases(module: &Module, known: &Known<'_>, report: &mut Report) {
    let Some(Value::Map(cased)) = module.properties.get("soong_config_variables") else { return };
    let of_type = known.types.iter().find(|(own, _)| module.own.as_ref().is_some_and(|have| have.name == own.name));
    let Some((own, of_type)) = of_type else {
        let message = format!("{}: its type {} takes no soong_config_variables", module.name, module.kind);
        return report.found(module.place("soong_config_variables"), message);
    };
    for (variable, cases) in cased.iter() {
        if !own.variables.contains(variable) {
            let message = format!(
                "{}: {} has no variable {variable}; it has {}",
                module.name,
                own.name,
                own.variables.join(", ")
            );
            report.contradiction(module.place(&format!("{variable}: {{")), message, of_type.place("variables:"));
        }
        let Value::Map(cases) = cases else { continue };
        for (value, case) in cases.iter() {
            let Value::Map(case) = case else { continue };
            for key in case.keys().filter(|key| !own.properties.contains(*key)) {
                let allowed = own.properties.join(", ");
                let message =
                    format!("{}: {} has no property {key} in a case; it has {allowed}", module.name, own.name);
                report.contradiction(module.place(&format!("{value}: {{")), message, of_type.place("properties:"));
            }
        }
        let Some((values, declared)) = known.variables.get(variable.as_str()) else { continue };
        let place = |value: &str| module.place(&format!("{value}: {{"));
        for value in cases.keys().filter(|value| *value != OTHERS) {
            let message = if begins_with_a_capital(value) {
                format!("{}: the value {value} begins with a capital, and Soong would match no case", module.name)
            } else if !values.contains(&value.as_str()) {
                let allowed = values.join(", ");
                format!("{}: the variable {variable} has no value {value}; it has {allowed}", module.name)
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

/// What a makefile sets, or a guide says to set. Make takes any name, and a variable that nobody reads says nothing.
fn told(file: &Path, text: &str, known: &Known<'_>, report: &mut Report) {
    for (number, line) in (1..).zip(text.lines()) {
        for set in line.split(SET).skip(1) {
            let place = Place::line(file, number);
            let words: Vec<&str> = set.split(')').next().unwrap_or_default().split(',').map(str::trim).collect();
            let [namespace, variable, value] = words[..] else {
                report.found(place, format!("{SET}{}: it takes a namespace, a variable and a value", words.join(",")));
                continue;
            };
            let (there, elsewhere): (Vec<_>, Vec<_>) =
                known.types.iter().partition(|(own, _)| own.namespace == namespace);
            let Some((_, of_type)) = there.first() else {
                let allowed: BTreeSet<&str> = elsewhere.iter().map(|(own, _)| own.namespace.as_str()).collect();
                let allowed = Vec::from_iter(allowed).join(", ");
                let message = format!("sets {variable} of the namespace {namespace}, and there is {allowed}");
                let other = elsewhere.first().map(|(_, module)| module.place("config_namespace:"));
                report.findings.push(Finding { place, message, other });
                continue;
            };
            let allowed: BTreeSet<&str> =
                there.iter().flat_map(|(own, _)| own.variables.iter().map(String::as_str)).collect();
            if !allowed.contains(variable) {
                let allowed = Vec::from_iter(allowed).join(", ");
                let message = format!("sets {variable}, and {namespace} has {allowed}");
                report.contradiction(place, message, of_type.place("variables:"));
                continue;
            }
            let Some((values, declared)) = known.variables.get(variable) else { continue };
            if !values.contains(&value) {
                let message = format!("sets {variable} to {value}, and it has {}", values.join(", "));
                report.contradiction(place, message, declared.place("values:"));
            }
        }
    }
}
