//! The service's dump of one moment, read back into the types that the service declares. It may be a stranger's: what is
//! missing is 0, and no text of it reaches a terminal with control characters.

#[cfg(feature = "client")]
use anyhow::ensure;
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

/// The service's dump of now, with its leak view of buffers that are older than so many milliseconds.
#[cfg(feature = "client")]
pub(crate) fn ask(connection: &Connection, older_than: Option<u64>) -> Result<Value> {
    let age = older_than.map(|age_ms| format!("{age_ms}ms"));
    let mut words = vec!["--json"];
    words.extend(age.iter().flat_map(|age| ["--older-than", age.as_str()]));
    let text = connection.dump(&words).map_err(|error| anyhow!("{error}"))?;
    let dump = serde_json::from_str(&text).map_err(|error| anyhow!("the service's dump is no JSON: {error}"))?;
    answered(&dump, age.as_deref())?;
    Ok(dump)
}

/// A view that was asked for and is not there does not say that nothing is old.
#[cfg(feature = "client")]
fn answered(dump: &Value, age: Option<&str>) -> Result<()> {
    let Some(age) = age else { return Ok(()) };
    let answered = dump.get("leaks").is_some_and(Value::is_object);
    ensure!(answered, "the service's dump has no \"leaks\": it did not understand --older-than {age}");
    Ok(())
}

/// Reads a dump.
pub(crate) fn read(dump: &Value) -> Result<Snapshot> {
    let mut clean = dump.clone();
    without_controls(&mut clean);
    serde_json::from_value(clean).map_err(|error| anyhow!("not a dump: {}", at_key(dump, error)))
}

/// A step from a value to a part of it.
enum Step<'v> {
    Key(&'v str),
    Index(usize),
}

/// What is wrong, behind the key that it is about. Every key may be missing, so a part is bad if nothing but it is there and
/// the dump is bad still.
fn at_key(dump: &Value, mut error: serde_json::Error) -> String {
    fn alone(path: &[Step<'_>], part: Value) -> Option<serde_json::Error> {
        let dump = path.iter().rev().fold(part, |part, step| match step {
            Step::Key(key) => Value::Object([((*key).to_owned(), part)].into_iter().collect()),
            Step::Index(_) => Value::Array(vec![part]),
        });
        serde_json::from_value::<Snapshot>(dump).err()
    }
    let (mut path, mut part) = (Vec::new(), dump);
    loop {
        let (empty, parts): (Value, Vec<(Step<'_>, &Value)>) = match part {
            Value::Object(parts) => {
                (Value::Object(Default::default()), parts.iter().map(|(key, part)| (Step::Key(key), part)).collect())
            }
            Value::Array(parts) => {
                let parts = parts.iter().enumerate().map(|(index, part)| (Step::Index(index), part));
                (Value::Array(Vec::new()), parts.collect())
            }
            _ => break,
        };
        if alone(&path, empty).is_some() {
            break;
        }
        let bad = parts.into_iter().find_map(|(step, part)| {
            path.push(step);
            let found = alone(&path, part.clone()).map(|error| (part, error));
            if found.is_none() {
                path.pop();
            }
            found
        });
        let Some(bad) = bad else { break };
        (part, error) = bad;
    }
    let mut key = String::new();
    for step in path {
        match step {
            Step::Key(name) if key.is_empty() => key.push_str(name),
            Step::Key(name) => key.extend([".", name]),
            Step::Index(index) => key.push_str(&format!("[{index}]")),
        }
    }
    if key.is_empty() {
        return error.to_string();
    }
    format!("{key}: {error}")
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
    fn a_leak_view_that_was_asked_for_and_is_not_there_is_an_error() {
        assert!(answered(&json!({ "leaks": { "groups": [] } }), Some("5ms")).is_ok());
        assert!(answered(&json!({}), None).is_ok());
        for dump in [json!({}), json!({ "leaks": null })] {
            let error = answered(&dump, Some("5ms")).unwrap_err().to_string();
            assert!(error.contains("--older-than 5ms"), "{error}");
        }
    }

    #[test]
    fn what_is_missing_is_zero_and_no_text_keeps_control_characters() {
        let heap = json!({ "name": "a\u{1b}[2J", "live_bytes": 5, "unheard_of": [] });
        let dump = read(&json!({ "heaps": [heap], "refusals": { "b\u{7}": 2 } })).unwrap();
        let heap = &dump.statistics.heaps[0];
        assert_eq!((heap.name.as_str(), heap.account.live_bytes, heap.account.live_buffers), ("a?[2J", 5, 0));
        assert_eq!((refused(&dump.statistics), dump.statistics.refusals.get("b?")), (2, Some(&2)));
        assert!(dump.buffers.is_empty() && dump.leaks.is_none() && dump.statistics.pool.is_none());
    }

    #[test]
    fn error_names_the_key() {
        for (dump, says) in [
            (json!({ "heaps": 5 }), "heaps: invalid type: integer `5`, expected a sequence"),
            (
                json!({ "heaps": [{}, { "live_bytes": -5 }] }),
                "heaps[1].live_bytes: invalid value: integer `-5`, expected u64",
            ),
            (json!({ "uptime_ms": { "a": 1 } }), "uptime_ms: invalid type: map, expected u64"),
            (json!({ "pool": { "hits": [] } }), "pool.hits: invalid type: sequence, expected u64"),
            (json!({ "refusals": { "budget": "x" } }), "refusals.budget: invalid type: string \"x\", expected u64"),
            (
                json!({ "clients": [{ "uid": 1, "total_buffers": 1.5 }] }),
                "clients[0].total_buffers: invalid type: floating point `1.5`, expected u64",
            ),
        ] {
            assert_eq!(read(&dump).unwrap_err().to_string(), format!("not a dump: {says}"));
        }
        let error = read(&json!([])).unwrap_err().to_string();
        assert!(error.starts_with("not a dump: invalid type: sequence"), "{error}");
    }
}
