//! The service's figures against the kernel's own list of dma-bufs: `heapctl top` beside debugfs.

use std::fmt;
use std::time::Duration;

use anyhow::{bail, ensure, Context as _, Result};
use serde::Serialize;
use serde_json::Value;
use vm_harness::guest::Guest;
use vm_harness::job::GuestCommand;

/// Longest answer.
const LIMIT: Duration = Duration::from_secs(60);
/// drivers/dma-buf/dma-buf.c, dma_buf_init_debugfs; the guest has debugfs mounted.
const BUFINFO: &str = "/sys/kernel/debug/dma_buf/bufinfo";
/// Times that a sample is taken again because buffers came or went meanwhile.
const TRIES: usize = 5;
/// Names of what the service keeps itself: metadata for buffers to come, buffers made ready, the one it tries releases with.
const OWN: &str = "gralloc-";
/// Of which those that may be given out as they are.
const READY: &str = "gralloc-ready";
/// What a name has room for in the kernel: DMA_BUF_NAME_LEN of include/uapi/linux/dma-buf.h, without the final zero.
const NAME_BYTES: usize = 31;

/// Both accounts of one moment.
#[derive(Debug, Serialize)]
pub(super) struct Sample {
    /// What went on.
    pub(super) when: String,
    /// What `heapctl top --once` showed.
    pub(super) table: String,
    /// What `heapctl top --once --json` said.
    pub(super) top: Value,
    /// The kernel's list.
    kernel: Vec<DmaBuf>,
}

/// A line of the kernel's list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct DmaBuf {
    bytes: u64,
    exporter: String,
    inode: u64,
    /// As the service set it; the kernel's word for none is `<none>`.
    name: String,
}

impl Sample {
    /// Takes one; again when buffers came or went between the service's answer and the kernel's.
    pub(super) fn take(guest: &Guest, when: impl Into<String>) -> Result<Sample> {
        let when = when.into();
        for _ in 0..TRIES {
            let before = top(guest)?;
            let table = output(guest, &["heapctl", "top", "--once"])?;
            let kernel = list(&output(guest, &["cat", BUFINFO])?)?;
            let top = top(guest)?;
            if ids(&before) == ids(&top) {
                return Ok(Sample { when, table, top, kernel });
            }
        }
        bail!("{when}: buffers came and went each of the {TRIES} times that the kernel's list was read")
    }

    /// How many buffers the service counts as live.
    pub(super) fn live_buffers(&self) -> Option<u64> {
        self.top.pointer("/all/live_buffers").and_then(Value::as_u64)
    }

    /// How many of them are this uid's.
    pub(super) fn live_buffers_of(&self, uid: u64) -> usize {
        buffers(&self.top).filter(|buffer| number(buffer, "uid") == uid).count()
    }

    /// The two accounts beside each other. Metadata travels beside each buffer, so the service counts its bytes with the
    /// buffer's, and the kernel lists it as an object of its own.
    pub(super) fn compare(&self) -> Comparison {
        let nodes: Vec<&str> = heaps(&self.top).filter_map(|heap| heap.get("node")?.as_str()).collect();
        // Names of nodes are paths on some machines.
        let of_a_heap = |buffer: &&DmaBuf| nodes.iter().any(|node| node.rsplit('/').next() == Some(&buffer.exporter));
        let mut rest: Vec<&DmaBuf> = self.kernel.iter().filter(of_a_heap).collect();
        let mut found = Comparison {
            live_buffers: self.live_buffers().unwrap_or(u64::MAX),
            live_bytes: self.top.pointer("/all/live_bytes").and_then(Value::as_u64).unwrap_or(u64::MAX),
            ..Comparison::default()
        };
        let metadata_bytes = self.metadata_bytes();
        for buffer in buffers(&self.top) {
            let name = in_kernel(buffer.get("name").and_then(Value::as_str).unwrap_or_default());
            let bytes = number(buffer, "bytes").saturating_sub(metadata_bytes);
            let named = rest.iter().position(|known| known.name == name && known.bytes == bytes);
            // One that was made ready before anybody asked may keep the name that it was made with.
            let ready = || rest.iter().position(|known| known.name == READY && known.bytes == bytes);
            match named.or_else(ready) {
                Some(place) => {
                    found.kernel_buffers += 1;
                    found.kernel_bytes += rest.remove(place).bytes;
                }
                None => found.missing.push(format!("{name} of {bytes} bytes")),
            }
        }
        // One metadata object a buffer; those beyond are the service's own, for buffers to come.
        let (own, strange): (Vec<&DmaBuf>, Vec<&DmaBuf>) =
            rest.into_iter().partition(|known| known.name.starts_with(OWN));
        let mut spare = own.len();
        for known in own.iter().filter(|known| known.bytes == metadata_bytes) {
            if found.kernel_metadata < found.kernel_buffers {
                found.kernel_metadata += 1;
                found.kernel_bytes += known.bytes;
                spare -= 1;
            }
        }
        found.own_objects = spare;
        found.strange.extend(strange.iter().map(|known| format!("{} of {} bytes", known.name, known.bytes)));
        found
    }

    /// What the smallest metadata object of the kernel's list has: one page. None is there while no buffer lives.
    fn metadata_bytes(&self) -> u64 {
        self.kernel
            .iter()
            .filter(|known| known.name == "gralloc-metadata")
            .map(|known| known.bytes)
            .min()
            .unwrap_or_default()
    }
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    /// What the service counts.
    live_buffers: u64,
    live_bytes: u64,
    /// What of it the kernel lists, by name and size.
    kernel_buffers: u64,
    kernel_metadata: u64,
    kernel_bytes: u64,
    /// What the service holds for buffers to come.
    own_objects: usize,
    /// Live to the service, unknown to the kernel.
    missing: Vec<String>,
    /// In the kernel's list, and nobody's.
    strange: Vec<String>,
}

impl Comparison {
    /// Whether every live buffer is in the kernel's list, its metadata beside it, with the same bytes, and nothing else is.
    pub(super) fn agree(&self) -> bool {
        self.missing.is_empty()
            && self.strange.is_empty()
            && self.live_buffers == self.kernel_buffers
            && self.kernel_metadata == self.kernel_buffers
            && self.live_bytes == self.kernel_bytes
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "heapctl top: {} live, {} bytes; kernel: {} and {} of metadata, {} bytes, and {} that the service holds itself",
            self.live_buffers,
            self.live_bytes,
            self.kernel_buffers,
            self.kernel_metadata,
            self.kernel_bytes,
            self.own_objects
        )?;
        if !self.missing.is_empty() {
            write!(f, "; not in the kernel's list: {}", self.missing.join(", "))?;
        }
        if !self.strange.is_empty() {
            write!(f, "; nobody's: {}", self.strange.join(", "))?;
        }
        Ok(())
    }
}

fn top(guest: &Guest) -> Result<Value> {
    let text = output(guest, &["heapctl", "--json", "top", "--once"])?;
    serde_json::from_str(&text).with_context(|| format!("heapctl top: {text}"))
}

fn output(guest: &Guest, argv: &[&str]) -> Result<String> {
    let captured = guest.capture(&GuestCommand::new(argv.iter().copied()).limit(LIMIT))?;
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    ensure!(captured.status.success(), "{}: {}", argv.join(" "), said(&captured.stderr));
    Ok(said(&captured.stdout))
}

/// The lines of dma_buf_debug_show: size, flags, mode, count, exporter, inode and name, tabs between them; other lines tell of
/// fences and of attached devices.
fn list(text: &str) -> Result<Vec<DmaBuf>> {
    let buffers: Vec<DmaBuf> = text.lines().filter_map(line).collect();
    let total = text.lines().rev().find_map(|line| line.strip_prefix("Total ")?.split_once(" objects"));
    let (total, _) = total.with_context(|| format!("{BUFINFO}: no line says how many there are"))?;
    ensure!(total == buffers.len().to_string(), "{BUFINFO}: {} lines were understood of {total}", buffers.len());
    Ok(buffers)
}

fn line(text: &str) -> Option<DmaBuf> {
    let mut fields = text.split('\t');
    let bytes = fields.next()?.trim().parse().ok()?;
    let exporter = fields.nth(3)?.to_owned();
    let inode = fields.next()?.trim().parse().ok()?;
    Some(DmaBuf { bytes, exporter, inode, name: fields.next()?.to_owned() })
}

/// A name as the kernel has it.
fn in_kernel(name: &str) -> String {
    match name {
        "" => "<none>".to_owned(),
        _ => name.chars().take(NAME_BYTES).collect(),
    }
}

fn ids(top: &Value) -> Vec<u64> {
    let mut ids: Vec<u64> = buffers(top).map(|buffer| number(buffer, "id")).collect();
    ids.sort_unstable();
    ids
}

fn buffers(top: &Value) -> impl Iterator<Item = &Value> {
    top.get("buffers").and_then(Value::as_array).into_iter().flatten()
}

fn heaps(top: &Value) -> impl Iterator<Item = &Value> {
    top.get("heaps").and_then(Value::as_array).into_iter().flatten()
}

fn number(value: &Value, key: &str) -> u64 {
    value.get(key).and_then(Value::as_u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const LIST: &str = "\nDma-buf Objects:\nsize    \tflags   \tmode    \tcount   \texp_name\tino     \tname\n\
        00008192\t00000002\t00080007\t00000003\tsystem\t00000021\tcamera\n\tAttached Devices:\nTotal 0 devices attached\n\n\
        00004096\t00000002\t00080007\t00000002\tsystem\t00000022\tgralloc-metadata\n\tAttached Devices:\nTotal 0 devices attached\n\n\
        00004096\t00000002\t00080007\t00000001\tsystem\t00000023\tgralloc-metadata\n\tAttached Devices:\nTotal 0 devices attached\n\n\
        \nTotal 3 objects, 16384 bytes\n";

    fn sample(live: u64, bytes: u64, buffers: &Value) -> Sample {
        let all = json!({ "live_buffers": live, "live_bytes": bytes });
        let top = json!({ "all": all, "heaps": [{ "node": "system" }], "buffers": buffers });
        Sample { when: String::new(), table: String::new(), top, kernel: list(LIST).unwrap() }
    }

    #[test]
    fn live_buffer_with_its_metadata_agrees_and_stock_is_the_services_own() {
        let outcome = sample(1, 12288, &json!([{ "id": 1, "name": "camera", "bytes": 12288 }])).compare();
        assert!(outcome.agree(), "{outcome}");
        assert_eq!(outcome.own_objects, 1);
    }

    #[test]
    fn buffer_that_only_one_of_both_has_is_no_agreement() {
        let none = sample(0, 0, &json!([])).compare();
        assert!(!none.agree() && none.strange == ["camera of 8192 bytes"], "{none}");
        let other = sample(1, 8192, &json!([{ "id": 1, "name": "camera", "bytes": 8192 }])).compare();
        assert!(!other.agree() && other.missing == ["camera of 4096 bytes"], "{other}");
    }

    #[test]
    fn buffer_that_was_made_ready_before_counts_under_its_old_name() {
        let mut sample = sample(1, 12288, &json!([{ "id": 1, "name": "camera", "bytes": 12288 }]));
        sample.kernel.iter_mut().filter(|known| known.bytes == 8192).for_each(|known| known.name = READY.to_owned());
        assert!(sample.compare().agree(), "{}", sample.compare());
    }

    #[test]
    fn list_with_a_line_that_is_not_understood_is_an_error() {
        let broken = LIST.replace("00000022", "a lot");
        assert_eq!(list(&broken).unwrap_err().to_string(), format!("{BUFINFO}: 2 lines were understood of 3"));
    }
}
