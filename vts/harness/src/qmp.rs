//! QEMU's machine protocol, as far as it is needed: what the screen shows (QEMU, docs/interop/qmp-spec.rst).

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde_json::{json, Value};

use crate::error::{At, Error, Result};

/// Longest wait for an answer.
const LIMIT: Duration = Duration::from_secs(120);

/// A connection that has passed the greeting.
pub struct Qmp {
    reader: BufReader<UnixStream>,
}

impl Qmp {
    /// Greets QEMU.
    ///
    /// # Errors
    /// QEMU does not answer as the protocol says.
    pub fn connect(socket: UnixStream) -> Result<Self> {
        socket.set_read_timeout(Some(LIMIT)).at("QMP")?;
        let mut qmp = Self { reader: BufReader::new(socket) };
        let greeting = qmp.receive()?;
        if greeting.get("QMP").is_none() {
            return Err(Error::Protocol(format!("QEMU's greeting is {greeting}")));
        }
        qmp.execute("qmp_capabilities", &json!({}))?;
        Ok(qmp)
    }

    /// Writes what the screen shows to a PPM file.
    ///
    /// # Errors
    /// QEMU refuses, or does not answer within 30 s.
    pub fn screendump(&mut self, path: &Path) -> Result<()> {
        self.execute("screendump", &json!({ "filename": path }))
    }

    fn execute(&mut self, command: &str, arguments: &Value) -> Result<()> {
        let request = json!({ "execute": command, "arguments": arguments });
        self.reader.get_mut().write_all(format!("{request}\n").as_bytes()).at("QMP")?;
        loop {
            let answer = self.receive()?;
            if answer.get("return").is_some() {
                return Ok(());
            }
            if let Some(error) = answer.get("error") {
                let words = error.get("desc").and_then(Value::as_str).unwrap_or("no reason given");
                return Err(Error::Protocol(format!("QEMU refuses {command}: {words}")));
            }
            // An event: not for us.
        }
    }

    fn receive(&mut self) -> Result<Value> {
        let mut line = String::new();
        if self.reader.read_line(&mut line).at("QMP")? == 0 {
            return Err(Error::Protocol("QEMU closed its control connection".to_owned()));
        }
        serde_json::from_str(&line).map_err(|error| Error::Protocol(format!("QMP: {error} in {line:?}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn screendump_passes_over_events_and_reports_refusal() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let script = concat!(
            "{\"QMP\": {\"version\": {}}}\n",
            "{\"return\": {}}\n",
            "{\"event\": \"RESET\"}\n",
            "{\"return\": {}}\n",
            "{\"error\": {\"class\": \"GenericError\", \"desc\": \"no console\"}}\n",
        );
        theirs.write_all(script.as_bytes()).unwrap();
        let mut qmp = Qmp::connect(ours).unwrap();
        qmp.screendump(Path::new("/x.ppm")).unwrap();
        assert!(qmp.screendump(Path::new("/x.ppm")).unwrap_err().to_string().contains("no console"));
    }
}
