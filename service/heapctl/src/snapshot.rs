//! The service's dump of one moment, read back into the types that the service declares. It may be a stranger's: what is
//! missing is 0, and no text of it reaches a terminal with control characters.

use anyhow::{anyhow, Result};
#[cfg(feature = "client")]
use gralloc_allocator::statistics::Statistics;
use gralloc_allocator::statistics::{BufferStatistics, Dump};
#[cfg(feature = "client")]
use gralloc_client::{Connection, Transport};
use serde_json::Value;

/// A dump with all its buffers.
pub(crate) type Snapshot = Dump<Vec<BufferStatistics>>;

/// Finds the service.
#[cfg(feature = "client")]
pub(crate) fn connect(transport: Option<Transport>) -> Result<Connection> {
    Connection::from_env_or(transport).map_err(|error| anyhow!("the allocator service was not found: {error}"))
}

/// The service's dump of now.
#[cfg(feature = "client")]
pub(crate) fn ask(connection: &Connection, older_than: Option<&str>) -> Result<Value> {
    let mut words = vec!["--json"];
    words.extend(older_than.into_iter().flat_map(|age| ["--older-than", age]));
    let text = connection.dump(&words).map_err(|error| anyhow!("{error}"))?;
    serde_json::from_str(&text).map_err(|error| anyhow!("the service's dump is no JSON: {error}"))
}

/// Reads a dump.
pub(crate) fn read(dump: &Value) -> Result<Snapshot> {
    let mut dump = dump.clone();
    without_controls(&mut dump);
    serde_json::from_value(dump).map_err(|error| anyhow!("not a dump: {error}"))
}

/// Requests refused, whatever the cause.
#[cfg(feature = "client")]
pub(crate) fn refused(statistics: &Statistics) -> u64 {
    statistics.refusals.values().fold(0, |sum, count| sum.saturating_add(*count))
}

/// The service escapes what clients say, and a recording may be anybody's.
fn without_controls(value: &mut Value) {
    let clean = |text: &str| text.replace(char::is_control, "?");
    match value {
        Value::String(text) => *text = clean(text),
        Value::Array(values) => values.iter_mut().for_each(without_controls),
        Value::Object(object) => {
            object.values_mut().for_each(without_controls);
            *object = std::mem::take(object).into_iter().map(|(key, value)| (clean(&key), value)).collect();
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    // A failed unwrap is a failed test.
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_missing_is_zero_and_no_text_keeps_control_characters() {
        let heap = json!({ "name": "a\u{1b}[2J", "live_bytes": 5, "unheard_of": [] });
        let dump = read(&json!({ "heaps": [heap], "refusals": { "b\u{7}": 2 } })).unwrap();
        let heap = &dump.statistics.heaps[0];
        assert_eq!((heap.name.as_str(), heap.account.live_bytes, heap.account.live_buffers), ("a?[2J", 5, 0));
        assert_eq!((refused(&dump.statistics), dump.statistics.refusals.get("b?")), (2, Some(&2)));
        assert!(dump.buffers.is_empty() && dump.leaks.is_none() && dump.statistics.pool.is_none());
    }
}
