//! What the service's own dump says, as JSON.

use crate::client::Client;
use crate::{wait_for, SOON};
use serde_json::Value;

/// One dump.
#[derive(Clone, Debug)]
pub struct Dump(pub Value);

impl Dump {
    /// Takes one in which all releases are booked: on a busy machine one may come before its scan, and says so.
    pub fn of(client: &Client) -> Dump {
        let taken = || {
            let text = client.dump(&["--json"]);
            let dump: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"));
            (dump["scan_pending"] == false).then_some(Dump(dump))
        };
        wait_for(SOON, taken).expect("a dump that is no older than a scan")
    }

    /// A number at a path of keys such as `/all/live_bytes`; 0 when the last key is absent.
    pub fn number(&self, pointer: &str) -> u64 {
        match self.0.pointer(pointer) {
            Some(value) => value.as_u64().unwrap_or_else(|| panic!("{pointer} is {value}")),
            None => 0,
        }
    }

    /// Refusals of a cause so far.
    pub fn refusals(&self, cause: &str) -> u64 {
        self.number(&format!("/refusals/{cause}"))
    }

    /// The line of a heap.
    pub fn heap(&self, name: &str) -> &Value {
        self.line("heaps", "name", name)
    }

    /// Requests that a rule has taken.
    pub fn hits(&self, rule: &str) -> u64 {
        self.line("rules", "name", rule)["hits"].as_u64().unwrap()
    }

    /// The line of a client; `None` for one that the service does not remember.
    pub fn client(&self, uid: u32) -> Option<&Value> {
        self.0["clients"].as_array().unwrap().iter().find(|line| line["uid"] == uid)
    }

    /// Lines of live buffers with this name.
    pub fn buffers(&self, name: &str) -> Vec<&Value> {
        self.0["buffers"].as_array().unwrap().iter().filter(|line| line["name"] == name).collect()
    }

    fn line(&self, list: &str, key: &str, value: &str) -> &Value {
        let lines = self.0[list].as_array().unwrap();
        let line = lines.iter().find(|line| line[key] == value);
        line.unwrap_or_else(|| panic!("no {value} among the {list} of the dump"))
    }
}
