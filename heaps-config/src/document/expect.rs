//! `[[expect]]` as it is written.

use crate::finding::Finding;
use crate::reader::Table;

/// `[[expect]]`. Not part of the canonical JSON: the service has no use for it.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct ExpectDoc {
    /// The policy's name for it.
    pub name: String,
    /// The requested format.
    pub format: String,
    /// Pixels.
    pub width: u32,
    /// Lines.
    pub height: u32,
    /// Layers. Default: 1.
    pub layers: u32,
    /// Usage names.
    pub usage: Vec<String>,
    /// Bytes of the reserved region. Default: 0.
    pub reserved: u64,
    /// `NAME=NUMBER` each.
    pub options: Vec<String>,
    /// The heaps that are there, by name. Default: all of the policy.
    pub present: Option<Vec<String>>,
    /// The heaps that are tried, in order.
    pub heaps: Option<Vec<String>>,
    /// The heap that is tried first.
    pub heap: Option<String>,
    /// The rule that takes it.
    pub rule: Option<String>,
    /// It is refused, and why: the cause's word, or words of the message.
    pub refused: Option<String>,
    /// As the client is told.
    pub stride: Option<u32>,
    /// Of one buffer.
    pub bytes: Option<u64>,
    /// What the format becomes.
    pub layout: Option<String>,
    /// The `DRM_FORMAT_MOD_*` value of the buffer; 0 is linear.
    pub modifier: Option<u64>,
}

impl ExpectDoc {
    /// The same request on the same heaps.
    pub(crate) fn asks_the_same(&self, other: &ExpectDoc) -> bool {
        let request = |expect: &ExpectDoc| {
            let mut usage = expect.usage.clone();
            usage.sort_unstable();
            let sizes = (expect.width, expect.height, expect.layers, expect.reserved);
            (expect.format.clone(), sizes, usage, expect.options.clone(), expect.present.clone())
        };
        request(self) == request(other)
    }

    /// The keys that only a buffer can have, and whether each is there.
    pub(crate) fn figures(&self) -> [(&'static str, bool); 4] {
        [
            ("stride", self.stride.is_some()),
            ("bytes", self.bytes.is_some()),
            ("layout", self.layout.is_some()),
            ("modifier", self.modifier.is_some()),
        ]
    }

    /// Both cannot hold.
    pub(crate) fn contradicts(&self, other: &ExpectDoc) -> bool {
        fn differ<T: PartialEq>(one: &Option<T>, other: &Option<T>) -> bool {
            matches!((one, other), (Some(one), Some(other)) if one != other)
        }
        let first = |expect: &ExpectDoc| expect.heap.clone().or_else(|| expect.heaps.as_ref()?.first().cloned());
        let given = |expect: &ExpectDoc| first(expect).is_some() || expect.figures().iter().any(|(_, given)| *given);
        differ(&self.heaps, &other.heaps)
            || differ(&first(self), &first(other))
            || differ(&self.rule, &other.rule)
            || differ(&self.stride, &other.stride)
            || differ(&self.bytes, &other.bytes)
            || differ(&self.layout, &other.layout)
            || differ(&self.modifier, &other.modifier)
            || self.refused.is_some() && given(other)
            || other.refused.is_some() && given(self)
    }
}

pub(super) fn read(table: &mut Table<'_>, findings: &mut Vec<Finding>) -> ExpectDoc {
    let name = table.name("name", findings);
    let format = table.name("format", findings);
    let [width, height] = ["width", "height"].map(|key| table.required_number(key, findings));
    ExpectDoc {
        name,
        format,
        width,
        height,
        layers: table.number("layers", findings).unwrap_or(1),
        usage: table.texts("usage", findings).unwrap_or_default(),
        reserved: table.bytes("reserved", findings).unwrap_or(0),
        options: table.texts("options", findings).unwrap_or_default(),
        present: table.texts("present", findings),
        heaps: table.texts("heaps", findings),
        heap: table.text("heap", findings),
        rule: table.text("rule", findings),
        refused: table.text("refused", findings),
        stride: table.number("stride", findings),
        bytes: table.bytes("bytes", findings),
        layout: table.text("layout", findings),
        modifier: table.modifier("modifier", findings),
    }
}
