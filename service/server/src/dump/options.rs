//! What a dump is asked to show: the arguments of `dumpsys` and `heapctl dump`.

use gralloc_allocator::statistics::milliseconds;

/// The leak view's argument.
pub(super) const OLDER_THAN: &str = "--older-than";

/// What a dump is asked to show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DumpOptions<'a> {
    /// As JSON, with all buffers.
    pub json: bool,
    /// All buffers, also in text.
    pub buffers: bool,
    /// The leak view: buffers at least so old, in milliseconds.
    pub older_than_ms: Option<u64>,
    /// What `--older-than` has for a time and is none: empty where nothing follows it.
    pub not_understood: Option<&'a str>,
}

impl DumpOptions<'_> {
    /// What is not known is ignored: dumpsys passes on what other tools say to every service, such as `-a`. An age that is
    /// none is kept for the dump to say: a reader would take the view's absence for the absence of leaks.
    pub fn parse(args: &[String]) -> DumpOptions<'_> {
        let mut options = DumpOptions::default();
        let mut args = args.iter().map(String::as_str);
        while let Some(argument) = args.next() {
            match argument {
                "--json" => options.json = true,
                "--buffers" => options.buffers = true,
                _ => {
                    let age = match argument.strip_prefix(OLDER_THAN) {
                        Some("") => args.next().unwrap_or_default(),
                        Some(rest) if rest.starts_with('=') => rest.get(1..).unwrap_or_default(),
                        _ => continue,
                    };
                    options.older_than_ms = milliseconds(age);
                    options.not_understood = options.older_than_ms.is_none().then_some(age);
                }
            }
        }
        options
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_that_is_none_is_kept_and_what_is_not_known_is_ignored() {
        let cases: [(&[&str], Option<u64>, Option<&str>); 7] = [
            (&["-a", "--older-than", "2m", "soon"], Some(120_000), None),
            (&["--older-than", "+0s", "--json"], None, Some("+0s")),
            (&["--json", "--older-than"], None, Some("")),
            (&["--older-than", "x", "--older-than", "1s"], Some(1000), None),
            (&["--older-than=5ms"], Some(5), None),
            (&["--older-than=x"], None, Some("x")),
            (&["-a", "--proto", "--older-thanks"], None, None),
        ];
        for (args, older_than_ms, not_understood) in cases {
            let words: Vec<String> = args.iter().map(|word| (*word).to_owned()).collect();
            let json = args.contains(&"--json");
            let wanted = DumpOptions { json, buffers: false, older_than_ms, not_understood };
            assert_eq!(DumpOptions::parse(&words), wanted, "{args:?}");
        }
    }
}
