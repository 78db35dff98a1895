//! The shipped profiles, built in, so that `--policy generic` works anywhere.

use crate::source::{Format, Source};

/// Name and text of every shipped profile.
pub const PROFILES: &[(&str, &str)] = &[
    ("generic", include_str!("../../profiles/generic.toml")),
    ("cuttlefish", include_str!("../../profiles/cuttlefish.toml")),
    ("reference-soc", include_str!("../../profiles/reference-soc.toml")),
];

/// A shipped profile by name.
pub fn profile(name: &str) -> Option<Source> {
    let (name, text) = PROFILES.iter().find(|(known, _)| *known == name)?;
    Some(Source::text(format!("{name}.toml (shipped)"), *text, Format::Toml))
}
