//! Sizes as people write them: `4096`, `"64 KiB"`, `"256MiB"`, `"2GiB"`; and parts of the memory that there is, `"6%"`.

use serde::{Serialize, Serializer};
use std::fmt;

/// A bound as a policy says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// So many bytes.
    Bytes(u64),
    /// So many hundredths of the memory that there is, 1 to 100.
    Percent(u8),
}

impl Bound {
    /// True for no bytes at all, whatever the memory.
    pub const fn is_nothing(self) -> bool {
        matches!(self, Bound::Bytes(0))
    }
}

/// For people: `64 MiB`, `6%`.
impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bound::Bytes(bytes) => f.write_str(&show(*bytes)),
            Bound::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

/// As a policy has it: a number, or `"6%"`.
impl Serialize for Bound {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Bound::Bytes(bytes) => serializer.serialize_u64(*bytes),
            Bound::Percent(_) => serializer.collect_str(self),
        }
    }
}

/// What a size may be, for messages.
pub(crate) const ALLOWED: &str = "allowed: bytes as a number, or a string such as \"64KiB\", \"256MiB\", \"2GiB\"";

/// What a size or a part may be, for messages.
pub(crate) const BOUND_ALLOWED: &str =
    "allowed: bytes as a number, or a string such as \"64KiB\", \"256MiB\", \"2GiB\", or \"1%\" to \"100%\" of the memory";

/// Units are powers of 1024 only: `MB` is refused rather than guessed at.
const UNITS: [(&str, u64); 4] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("", 1)];

/// Bytes of a text.
///
/// # Errors
/// What is wrong with it, in words.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let trimmed = text.trim();
    let refused = || format!("\"{}\" is not a size", text.escape_default());
    for (unit, scale) in UNITS {
        let Some(digits) = trimmed.strip_suffix(unit) else { continue };
        let digits = digits.trim_end();
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(refused());
        }
        let bytes = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(scale));
        // TOML and JSON numbers are 63 bits wide here, so that compiled and written policies have one range.
        return bytes
            .filter(|bytes| i64::try_from(*bytes).is_ok())
            .ok_or_else(|| format!("\"{}\" does not fit 63 bits", text.escape_default()));
    }
    Err(refused())
}

/// Bytes, or hundredths of the memory that there is: whole ones from 1 to 100, without a blank.
///
/// # Errors
/// What is wrong with it, in words.
pub(crate) fn parse_bound(text: &str) -> Result<Bound, String> {
    let Some(digits) = text.strip_suffix('%') else { return parse(text).map(Bound::Bytes) };
    // `parse` alone would take a sign.
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    let percent = digits.parse::<u8>().ok().filter(|percent| plain && (1..=100).contains(percent));
    percent.map(Bound::Percent).ok_or_else(|| format!("\"{}\" is no part of the memory", text.escape_default()))
}

/// A size for people: exact, in the largest unit that divides it.
pub fn show(bytes: u64) -> String {
    for (unit, scale) in [("GiB", 1u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)] {
        if bytes >= scale && bytes % scale == 0 {
            return format!("{} {unit}", bytes / scale);
        }
    }
    format!("{bytes} B")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_units_are_powers_of_1024() {
        assert_eq!(parse("4096"), Ok(4096));
        assert_eq!(parse("64KiB"), Ok(65536));
        assert_eq!(parse("256 MiB"), Ok(256 << 20));
        assert_eq!(parse("2GiB"), Ok(2 << 30));
    }

    #[test]
    fn parse_refuses_what_it_would_have_to_guess() {
        for text in ["", "MiB", "-1", "1.5GiB", "256MB", "0x10", "1 000", "17179869184GiB", "9223372036854775808"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn bound_is_a_size_or_whole_hundredths() {
        assert_eq!(parse_bound("64MiB"), Ok(Bound::Bytes(64 << 20)));
        for (text, percent) in [("1%", 1), ("6%", 6), ("100%", 100)] {
            assert_eq!(parse_bound(text), Ok(Bound::Percent(percent)));
            assert_eq!(Bound::Percent(percent).to_string(), text);
        }
    }

    #[test]
    fn bound_refuses_what_is_no_part() {
        let huge = "18446744073709551616%";
        for text in
            ["0%", "101%", "5 %", " 5%", "-5%", "+5%", "2.5%", "NaN%", "inf%", "%", "5%%", "5MiB%", "256%", huge]
        {
            assert!(parse_bound(text).unwrap_err().contains("no part of the memory"), "{text}");
        }
        for text in ["5", "4096"] {
            assert!(matches!(parse_bound(text), Ok(Bound::Bytes(_))), "{text}");
        }
        for text in ["5 percent", "5% "] {
            assert!(parse_bound(text).unwrap_err().contains("not a size"), "{text}");
        }
    }

    #[test]
    fn show_is_exact() {
        assert_eq!(show(256 << 20), "256 MiB");
        assert_eq!(show(1000), "1000 B");
        assert_eq!(show(0), "0 B");
    }
}
