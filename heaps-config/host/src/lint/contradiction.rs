//! Why a condition takes nothing, in the words of the policy.

use gralloc_buffer::Usage;
use heaps_config::policy::{Condition, Term};
use heaps_config::show_bytes as show;

/// Why an `exactly` and the other usages of a condition exclude one another.
fn against_exactly(when: &Condition) -> Option<String> {
    let (own, usage) = when.all_of.iter().find_map(|term| match term {
        Term::Equals { mask: Usage(u64::MAX), value } => Some((term, *value)),
        _ => None,
    })?;
    let fails = |term: &&Term| *term != own && !term.holds(usage);
    if let Some(term) = when.all_of.iter().find(fails) {
        return Some(format!("`exactly` is {usage}, and `all_of` wants {}", term_name(*term)));
    }
    if let Some(term) = when.none_of.iter().find(|term| term.holds(usage)) {
        return Some(format!("`exactly` is {usage}, and `none_of` excludes {}", term_name(*term)));
    }
    let none = !when.any_of.is_empty() && !when.any_of.any_holds(usage);
    none.then(|| format!("`exactly` is {usage}, and none of `any_of` is in it"))
}

/// Why a condition takes nothing, in words; `None` when no two of its parts alone explain it.
pub(super) fn contradiction(when: &Condition) -> Option<String> {
    if let (Some(least), Some(most)) = (when.min_bytes, when.max_bytes) {
        if least > most {
            return Some(format!("min_size {} is more than max_size {}", show(least), show(most)));
        }
    }
    if when.max_bytes == Some(0) {
        return Some("max_size is 0: no buffer is that small".to_owned());
    }
    if !when.formats.is_empty() && when.formats.iter().all(|format| when.not_formats.contains(format)) {
        return Some("every format of `formats` is in `not_formats` too".to_owned());
    }
    if let Some(why) = against_exactly(when) {
        return Some(why);
    }
    for term in &when.all_of {
        if when.none_of.contains(term) {
            return Some(format!("{} is in `all_of` and in `none_of`", term_name(*term)));
        }
        let other = |other: &&Term| exclude(*term, **other);
        if let Some(other) = when.all_of.iter().find(other) {
            return Some(format!("{} and {} cannot both hold", term_name(*term), term_name(*other)));
        }
    }
    if !when.any_of.is_empty() && when.any_of.iter().all(|term| when.none_of.contains(term)) {
        return Some("every usage of `any_of` is in `none_of` too".to_owned());
    }
    None
}

/// The key that asks for CPU access: alone, or as one of those of which one has to hold.
pub(super) fn cpu_key(when: &Condition) -> Option<&'static str> {
    let cpu = |term: &Term| match term {
        Term::Equals { value, .. } => value.cpu(),
        Term::Any(mask) => (Usage::CPU_READ_MASK | Usage::CPU_WRITE_MASK).contains(*mask),
    };
    let exactly = |term: &&Term| matches!(term, Term::Equals { mask: Usage(u64::MAX), .. });
    match when.all_of.iter().find(|term| cpu(term)) {
        Some(term) if exactly(&term) => Some("exactly"),
        Some(_) => Some("all_of"),
        None => when.any_of.iter().any(cpu).then_some("any_of"),
    }
}

/// True for two different values of one field.
fn exclude(a: Term, b: Term) -> bool {
    match (a, b) {
        (Term::Equals { mask, value }, Term::Equals { mask: other, value: wanted }) => mask == other && value != wanted,
        (Term::Equals { mask, value }, Term::Any(any)) | (Term::Any(any), Term::Equals { mask, value }) => {
            mask.contains(any) && !value.intersects(any)
        }
        (Term::Any(_), Term::Any(_)) => false,
    }
}

/// A term as a policy writes it.
pub(super) fn term_name(term: Term) -> String {
    match term {
        Term::Equals { mask: Usage::CPU_READ_MASK, value: Usage::NONE } => "CPU_READ_NEVER".to_owned(),
        Term::Equals { mask: Usage::CPU_WRITE_MASK, value: Usage::NONE } => "CPU_WRITE_NEVER".to_owned(),
        Term::Equals { value, .. } => value.to_string(),
        Term::Any(Usage::CPU_READ_MASK) => "CPU_READ_MASK".to_owned(),
        Term::Any(Usage::CPU_WRITE_MASK) => "CPU_WRITE_MASK".to_owned(),
        Term::Any(usage) => usage.to_string(),
    }
}
