//! Reads a section's condition: the keys that say when it applies.

use super::ConditionDoc;
use crate::finding::Finding;
use crate::reader::Table;

/// What a section's conditions may test.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Scope {
    Everything,
    Shape,
    Usage,
}

pub(super) fn read_condition(table: &mut Table<'_>, scope: Scope, findings: &mut Vec<Finding>) -> ConditionDoc {
    let mut when = ConditionDoc {
        all_of: table.texts("all_of", findings).unwrap_or_default(),
        any_of: table.texts("any_of", findings).unwrap_or_default(),
        none_of: table.texts("none_of", findings).unwrap_or_default(),
        exactly: table.texts("exactly", findings),
        ..ConditionDoc::default()
    };
    if scope != Scope::Usage {
        when.formats = table.texts("formats", findings).unwrap_or_default();
        when.not_formats = table.texts("not_formats", findings).unwrap_or_default();
        when.layouts = table.texts("layouts", findings).unwrap_or_default();
        when.compressed = table.flag("compressed", findings);
    }
    if scope == Scope::Everything {
        when.min_size = table.bytes("min_size", findings);
        when.max_size = table.bytes("max_size", findings);
    }
    when
}
