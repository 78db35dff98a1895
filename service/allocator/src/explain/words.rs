//! A policy's terms in the words in which it is written.

use crate::plan::Verdict;
use crate::request::Request;
use gralloc_buffer::metadata::vendor::Encoding;
use gralloc_buffer::usage::Usage;
use heaps_config::condition::{Miss, Subject};
use heaps_config::policy::{Action, Condition, Policy, Rule, Term, VendorContent, VendorMetadata};

/// The names of a usage's bits, the policy's own names for vendor bits among them; `NONE` for none.
pub fn usage(usage: Usage, policy: &Policy) -> String {
    let mut names = Vec::new();
    let mut rest = usage;
    // The masks are not usages, but terms name them: any access of that kind.
    for (name, mask) in [("CPU_READ_MASK", Usage::CPU_READ_MASK), ("CPU_WRITE_MASK", Usage::CPU_WRITE_MASK)] {
        if rest.contains(mask) {
            names.push(name.to_owned());
            rest = rest & !mask;
        }
    }
    let mut vendor = Vec::new();
    for known in policy.vendor_usage.iter().filter(|known| !known.bit.is_empty()) {
        if rest.contains(known.bit) {
            vendor.push(known.name.clone());
            rest = rest & !known.bit;
        }
    }
    names.extend(rest.names());
    names.append(&mut vendor);
    match names.is_empty() {
        true => "NONE".to_owned(),
        false => names.join("|"),
    }
}

/// A term: `PROTECTED`, `CPU_READ_NEVER`, `any of CAMERA_INPUT|CAMERA_OUTPUT`.
pub fn term(term: Term, policy: &Policy) -> String {
    match term {
        Term::Any(mask) if mask.0.count_ones() == 1 => usage(mask, policy),
        Term::Any(mask) => format!("any of {}", usage(mask, policy)),
        Term::Equals { mask: Usage::CPU_READ_MASK, value: Usage::NONE } => "CPU_READ_NEVER".to_owned(),
        Term::Equals { mask: Usage::CPU_WRITE_MASK, value: Usage::NONE } => "CPU_WRITE_NEVER".to_owned(),
        Term::Equals { mask: Usage::CPU_READ_MASK | Usage::CPU_WRITE_MASK, value } => usage(value, policy),
        Term::Equals { mask: Usage(u64::MAX), value } => format!("exactly {}", usage(value, policy)),
        Term::Equals { mask, value } if mask == value => usage(value, policy),
        Term::Equals { mask, value } if value.is_empty() => format!("none of {}", usage(mask, policy)),
        Term::Equals { mask, value } => format!("{} out of {}", usage(value, policy), usage(mask, policy)),
    }
}

/// Everything that keeps a condition from taking a request.
pub fn misses(condition: &Condition, subject: Subject, policy: &Policy) -> Vec<String> {
    let one = |miss| match miss {
        Miss::AllOf(Term::Equals { mask: Usage(u64::MAX), value }) => {
            format!("exactly requires {}; the usage is {}", usage(value, policy), usage(subject.usage, policy))
        }
        Miss::AllOf(asked) => format!("all_of requires {}; not set", term(asked, policy)),
        Miss::AnyOf => {
            let asked: Vec<String> = condition.any_of.iter().map(|asked| term(*asked, policy)).collect();
            format!("any_of requires one of {}; none set", asked.join(", "))
        }
        Miss::NoneOf(barred) => format!("none_of excludes {}; set", term(barred, policy)),
        Miss::Formats => format!("formats does not list {}", policy.format_name(subject.format)),
        Miss::NotFormats => format!("not_formats lists {}", policy.format_name(subject.format)),
        Miss::Layouts => {
            format!("layouts does not list {}", subject.layout.map_or("it", |layout| policy.layout_name(layout)))
        }
        Miss::Compressed(true) => "compressed is required; it is linear".to_owned(),
        Miss::Compressed(false) => "compressed is excluded; it is compressed".to_owned(),
        Miss::MinBytes(least) => format!("min_size {} > {}", bytes(least), bytes(subject.bytes.unwrap_or(0))),
        Miss::MaxBytes(most) => format!("max_size {} < {}", bytes(most), bytes(subject.bytes.unwrap_or(0))),
    };
    condition.misses(subject).map(one).collect()
}

/// Which list of a rule's heaps a request gets, and why.
pub fn heap_list(request: &Request, rule: &Rule, policy: &Policy) -> String {
    match &rule.action {
        Action::Deny(reason) => format!("refused: {reason}"),
        Action::Heaps { uncached, .. } if uncached.is_empty() => "as written".to_owned(),
        Action::Heaps { cached_when, .. } => match cached_when.iter().find(|wanted| wanted.holds(request.usage)) {
            Some(wanted) => format!("cached, for {}", term(*wanted, policy)),
            None => "with uncached twins".to_owned(),
        },
    }
}

/// Why a heap is not tried.
pub fn verdict(verdict: Verdict) -> String {
    match verdict {
        Verdict::Takes => "can give it".to_owned(),
        Verdict::Unknown => "not a heap of this policy".to_owned(),
        Verdict::NotProtected => "not protected; the request is".to_owned(),
        Verdict::Protected => "protected; the request is not".to_owned(),
        Verdict::Absent => "absent on this kernel".to_owned(),
        Verdict::TooSmall { limit } => format!("gives at most {}", bytes(limit)),
    }
}

/// A number of bytes: `64 MiB` where it comes out even, `4100 bytes` where not.
pub fn bytes(bytes: u64) -> String {
    const UNITS: &[(&str, u64)] = &[("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    for (name, unit) in UNITS {
        if bytes != 0 && bytes % unit == 0 {
            return format!("{} {name}", bytes / unit);
        }
    }
    format!("{bytes} bytes")
}

/// Where a vendor's metadata come from.
pub fn vendor_metadata(entry: &VendorMetadata) -> String {
    let number = |bytes: &[u8]| {
        let sign = if bytes.last().is_some_and(|last| last & 0x80 != 0) { 0xff } else { 0 };
        let is_signed = matches!(entry.encoding, Encoding::I32 | Encoding::I64);
        let mut wide = [if is_signed { sign } else { 0 }; 16];
        wide.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        i128::from_le_bytes(wide).to_string()
    };
    match (&entry.content, entry.encoding.number_bytes()) {
        (VendorContent::Constant(bytes), Some(_)) => format!("always {}", number(bytes)),
        (VendorContent::Constant(bytes), None) => format!("always \"{}\"", bytes.escape_ascii()),
        (VendorContent::Computed(what), _) => format!("its {}", what.word()),
        (VendorContent::Stored(most), None) => format!("what clients set, at most {most} bytes"),
        (VendorContent::Stored(_), Some(_)) => format!("what clients set, {}", entry.encoding.word()),
        (VendorContent::HeapName, _) => "the name of its heap".to_owned(),
        (VendorContent::Format, _) => "the format that it became".to_owned(),
    }
}
