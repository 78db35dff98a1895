//! `heapctl decode --dump`: a buffer's metadata as a mapper's `dumpBuffer` hands it out, in words.

use anyhow::{bail, ensure, Context, Result};
use gralloc_buffer::metadata::{explain, StandardMetadata};
use serde_json::{json, Value};

/// One call of the dump's callback.
#[derive(Debug, PartialEq)]
pub(super) struct Told {
    kind: Kind,
    bytes: Vec<u8>,
}

/// Which type the bytes are of.
#[derive(Debug, PartialEq)]
enum Kind {
    Standard(StandardMetadata),
    /// A number that AIDL does not define, or a vendor's type.
    Other(String),
}

impl Told {
    /// The value, or what is wrong with it.
    fn value(&self) -> Result<String, String> {
        match &self.kind {
            Kind::Standard(kind) => explain(*kind, &self.bytes)
                .ok_or_else(|| format!("these {} bytes are no {}", self.bytes.len(), kind.name())),
            Kind::Other(_) => Err(format!("no standard type; {} bytes", self.bytes.len())),
        }
    }

    /// Whether the bytes break the contract. What a vendor's type has in it is the vendor's own.
    pub(super) fn is_wrong(&self) -> bool {
        matches!(self.kind, Kind::Standard(_)) && self.value().is_err()
    }

    fn name(&self) -> &str {
        match &self.kind {
            Kind::Standard(kind) => kind.name(),
            Kind::Other(name) => name,
        }
    }
}

/// Reads a dump: JSON, or a line for each value.
pub(super) fn parse(text: &str) -> Result<Vec<Told>> {
    if text.trim_start().starts_with('[') {
        let values: Vec<Value> = serde_json::from_str(text).context("a list in JSON")?;
        return values.iter().map(entry).collect();
    }
    let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    lines.map(|(number, line): (usize, &str)| told(line).with_context(|| format!("line {number}"))).collect()
}

/// `TYPE`, then the bytes in hexadecimal, which may stand in groups; none for a value that is unset.
fn told(line: &str) -> Result<Told> {
    let mut words = line.split_whitespace();
    let name = words.next().context("empty")?;
    Ok(Told { kind: kind(name), bytes: hexadecimal(&words.collect::<String>())? })
}

/// `{"type": NAME or NUMBER, "bytes": "HEX"}`.
fn entry(value: &Value) -> Result<Told> {
    let kind = match value.get("type") {
        Some(Value::String(name)) => kind(name),
        Some(Value::Number(number)) => kind(&number.to_string()),
        _ => bail!("{value}: \"type\" is missing; allowed are a name and a number"),
    };
    let bytes = value.get("bytes").and_then(Value::as_str);
    let bytes = bytes.with_context(|| format!("{value}: \"bytes\" is missing; allowed is a text in hexadecimal"))?;
    Ok(Told { kind, bytes: hexadecimal(bytes)? })
}

fn kind(name: &str) -> Kind {
    let named = StandardMetadata::ALL.iter().copied().find(|kind| kind.name().eq_ignore_ascii_case(name));
    let numbered = || name.parse().ok().and_then(StandardMetadata::from_number);
    named.or_else(numbered).map_or_else(|| Kind::Other(name.to_owned()), Kind::Standard)
}

fn hexadecimal(text: &str) -> Result<Vec<u8>> {
    let digit = |letter: u8| char::from(letter).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let wrong = || format!("\"{}\": allowed are bytes in hexadecimal, two digits each", text.escape_default());
    let digits: Option<Vec<u8>> = text.bytes().map(digit).collect();
    let digits = digits.with_context(wrong)?;
    ensure!(digits.len() % 2 == 0, wrong());
    Ok(digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect())
}

/// For people: a line for each value.
pub(super) fn text(dump: &[Told]) -> String {
    let line = |told: &Told| {
        let said = told.value().unwrap_or_else(|why| format!("({why})"));
        format!("  {:<22} {said}\n", told.name().escape_debug().to_string())
    };
    dump.iter().map(line).collect()
}

/// The same for scripts.
pub(super) fn json(dump: &[Told]) -> Value {
    let value = |told: &Told| {
        let number = match told.kind {
            Kind::Standard(kind) => json!(kind.number()),
            Kind::Other(_) => Value::Null,
        };
        let (value, problem) = match told.value() {
            Ok(value) => (json!(value), Value::Null),
            Err(problem) => (Value::Null, json!(problem)),
        };
        json!({ "type": told.name(), "number": number, "bytes": told.bytes.len(), "value": value, "problem": problem })
    };
    dump.iter().map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_json_say_the_same() {
        let lines = parse("NAME 0a 0b0C\n\n17\nblend_mode ff\n com.example 00\n").unwrap();
        let json = r#"[{"type": "NAME", "bytes": "0a0b0c"}, {"type": 17, "bytes": ""},
            {"type": "BLEND_MODE", "bytes": "FF"}, {"type": "com.example", "bytes": "00"}]"#;
        assert_eq!(lines, parse(json).unwrap());
        assert_eq!(lines.first().map(|told| told.bytes.clone()), Some(vec![10, 11, 12]));
        assert_eq!(lines.get(1).map(Told::name), Some("DATASPACE"));
    }

    #[test]
    fn what_is_no_dump_is_named() {
        for (bad, named) in [
            ("NAME 0a\nWIDTH 0g", "line 2"),
            ("NAME 0a1", "two digits"),
            ("NAME +1", "hexadecimal"),
            ("[1]", "\"type\" is missing"),
            (r#"[{"type": "NAME"}]"#, "\"bytes\" is missing"),
            ("[", "JSON"),
        ] {
            let message = format!("{:#}", parse(bad).unwrap_err());
            assert!(message.contains(named), "{bad}: {message}");
        }
    }
}
