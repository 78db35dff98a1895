//! What a dump is asked to show: the arguments of `dumpsys` and `heapctl dump`.

/// What a dump is asked to show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DumpOptions {
    /// As JSON, with all buffers.
    pub json: bool,
    /// All buffers, also in text.
    pub buffers: bool,
    /// The leak view: buffers at least so old, in milliseconds.
    pub older_than_ms: Option<u64>,
}

impl DumpOptions {
    /// What is not understood is ignored: dumpsys passes on what other tools say to every service, such as `-a`.
    pub fn parse(args: &[String]) -> DumpOptions {
        let mut options = DumpOptions::default();
        let mut args = args.iter().map(String::as_str);
        while let Some(argument) = args.next() {
            match argument {
                "--json" => options.json = true,
                "--buffers" => options.buffers = true,
                "--older-than" => options.older_than_ms = args.next().and_then(milliseconds),
                _ => {}
            }
        }
        options
    }
}

/// A time such as `500ms`, `60s`, `5m`, `1h`, in milliseconds; a bare number is seconds.
fn milliseconds(text: &str) -> Option<u64> {
    let split = text.find(|digit: char| !digit.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let factor = match unit {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_their_units() {
        let cases =
            [("60", Some(60_000)), ("5ms", Some(5)), ("2m", Some(120_000)), ("1h", Some(3_600_000)), ("s", None)];
        for (text, wanted) in cases {
            assert_eq!(milliseconds(text), wanted, "{text}");
        }
        assert_eq!(milliseconds("18446744073709551615h"), None);
    }
}
