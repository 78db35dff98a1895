//! Policies to start from, as people write them.

/// A policy in parts, so that a test can change one.
#[derive(Clone, Debug)]
pub struct PolicyText {
    /// Lines of `[limits]`.
    pub limits: String,
    /// Every `[[heap]]`.
    pub heaps: String,
    /// Every `[[rule]]`.
    pub rules: String,
    /// Anything else: `[[align]]`, `[[option]]`, `[vendor_usage]`.
    pub more: String,
    /// Where shared metadata lives.
    pub metadata_heap: String,
}

impl Default for PolicyText {
    /// One system heap without bounds that a test would meet by accident.
    fn default() -> PolicyText {
        PolicyText {
            limits: "request = \"256MiB\"\nreserve = \"16MiB\"\nbuffers_per_request = 32".to_owned(),
            heaps: heap("system", &["system"], ""),
            rules: rule("protected", "all_of = [\"PROTECTED\"]\ndeny = \"this device has no protected heap\"")
                + &rule("everything-else", "heaps = [\"system\"]"),
            more: String::new(),
            metadata_heap: "system".to_owned(),
        }
    }
}

impl PolicyText {
    /// The policy as TOML.
    pub fn toml(&self) -> String {
        let PolicyText { limits, heaps, rules, more, metadata_heap } = self;
        format!(
            "schema = 1\nname = \"test\"\n[limits]\n{limits}\n[metadata]\nheap = \"{metadata_heap}\"\n{heaps}{rules}{more}\n\
             [[resolve]]\nformat = \"YCBCR_420_888\"\nto = \"NV12\"\n\
             [[resolve]]\nformat = \"IMPLEMENTATION_DEFINED\"\nto = \"RGBA_8888\"\n\
             [[resolve]]\nformat = \"RAW_OPAQUE\"\nto = \"RAW16\"\n"
        )
    }

    /// The policy as the JSON that the service loads.
    pub fn json(&self) -> String {
        compile(&self.toml())
    }
}

/// A `[[heap]]`; `more` are further lines of it.
pub fn heap(name: &str, nodes: &[&str], more: &str) -> String {
    format!("[[heap]]\nname = \"{name}\"\nnodes = {nodes:?}\n{more}\n")
}

/// A `[[rule]]`; `body` are its lines.
pub fn rule(name: &str, body: &str) -> String {
    format!("[[rule]]\nname = \"{name}\"\n{body}\n")
}

/// The policy as the service reads it: the same keys, written as JSON. Not through the lint, which would refuse what many
/// a test needs: limits that no real device could live with.
pub fn compile(toml: &str) -> String {
    compile_changed(toml, |_| {})
}

/// The same with a change.
pub fn compile_changed(toml: &str, change: impl FnOnce(&mut serde_json::Value)) -> String {
    let mut value: serde_json::Value = toml::from_str(toml).unwrap_or_else(|error| panic!("{error}\n{toml}"));
    change(&mut value);
    serde_json::to_string_pretty(&value).unwrap()
}
