//! A dump of this project's service: which nodes it found.

use super::{at, error, Board, BoardError};
use serde_json::Value;

pub(super) fn read(file: &str, text: &str, board: &mut Board) -> Result<(), BoardError> {
    let value: Value = serde_json::from_str(text)
        .map_err(|bad| error(file, bad.line(), format!("no well-formed JSON; is the file cut off? {bad}")))?;
    let (Some(heaps), Some(_)) = (value.get("heaps").and_then(Value::as_array), value.get("policy")) else {
        return Err(error(file, 1, "JSON of another kind: the service's dump has \"policy\" and \"heaps\""));
    };
    let place = at(file, 1);
    let nodes = heaps.iter().filter_map(|heap| heap.get("node").and_then(Value::as_str));
    let unclaimed =
        value.get("unclaimed_nodes").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    for name in nodes.chain(unclaimed) {
        if !super::is_name(name) {
            return Err(error(file, 1, format!("\"{}\" is no name of a heap", name.escape_default())));
        }
        board.node(name).listed = Some(place.clone());
    }
    for heap in heaps {
        let text = |key: &str| heap.get(key).and_then(Value::as_str);
        if let (Some(node), Some("open"), Some(true)) =
            (text("node"), text("state"), heap.get("protected").and_then(Value::as_bool))
        {
            board.note(&place, None, format!("the policy of this dump calls {node} protected"));
        }
    }
    if let Some(stand_in) = value.get("stand_in").and_then(Value::as_str) {
        board.note(&place, None, format!("the dump is of stand-ins, not of a device's heaps: {stand_in}"));
    }
    Ok(())
}
