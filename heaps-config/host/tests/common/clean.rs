//! The policy that tests of findings begin with.

/// A policy without a finding; tests break it in one place.
pub(crate) const CLEAN: &str = r#"
schema = 1
name = "test"

[limits]
request = "256MiB"
reserve = "64MiB"
buffers_per_request = 32

[metadata]
heap = "system"

[[heap]]
name = "system"

[[rule]]
name = "protected"
all_of = ["PROTECTED"]
deny = "no protected heap"

[[rule]]
name = "rest"
heaps = ["system"]

[[resolve]]
format = "YCBCR_420_888"
to = "NV12"

[[resolve]]
format = "IMPLEMENTATION_DEFINED"
to = "RGBA_8888"

[[resolve]]
format = "RAW_OPAQUE"
to = "RAW16"
"#;
