//! What has to hold: the clients' own checks, the service's books against theirs, and the screen against the camera.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;
use vm_harness::guest::Guest;

use super::clients::{Request, Told, CAMERA_UID};
use super::ledger::Sample;
use super::picture;

/// One thing that had to hold.
#[derive(Debug, Clone, Serialize)]
struct Check {
    who: String,
    name: String,
    ok: bool,
    detail: String,
}

/// All of them, in order.
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
pub(crate) struct Checks(Vec<Check>);

impl Checks {
    /// Adds one.
    pub(crate) fn note(&mut self, who: &str, name: &str, ok: bool, detail: impl fmt::Display) {
        self.0.push(Check { who: who.to_owned(), name: name.to_owned(), ok, detail: detail.to_string() });
    }

    /// Whether all held.
    pub(crate) fn all_ok(&self) -> bool {
        self.0.iter().all(|check| check.ok)
    }

    /// How many held.
    pub(crate) fn held(&self) -> usize {
        self.0.iter().filter(|check| check.ok).count()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The clients' own, and how they ended.
    pub(super) fn of_clients(told: &Told) -> Self {
        let mut checks = Self::default();
        let reports = told.cameras.iter().map(|(name, report)| (name.as_str(), report));
        for (who, report) in reports.chain([("display", &told.display)]) {
            for check in list(report, "checks") {
                let text = |key: &str| check.get(key).and_then(Value::as_str).unwrap_or_default();
                let ok = check.get("ok").and_then(Value::as_bool).unwrap_or(false);
                checks.note(who, text("name"), ok, text("detail"));
            }
        }
        for (who, end) in &told.ends {
            checks.note(who, "it exits with 0", end.success(), end);
        }
        checks
    }

    /// The service's account against what the clients hold, and against what its policy predicted.
    pub(super) fn of_service(&mut self, told: &Told, guest: &Guest) {
        const WHO: &str = "service";
        let lost = guest.lost();
        let ended = if lost.is_empty() { "neither ended".to_owned() } else { lost.join("; ") };
        self.note(WHO, "it and the service manager ran throughout", lost.is_empty(), ended);
        let clients = told.cameras.iter().map(|(_, report)| report).chain([&told.display]);
        let asked: u64 = clients.clone().map(|report| count(list(report, "buffers").len())).sum();
        let given = told.dump_after.pointer("/all/total_buffers").and_then(Value::as_u64).unwrap_or(0);
        self.note(WHO, "it counts every buffer that the clients got", given == asked, format!("{given} of {asked}"));
        let booked: BTreeSet<u64> =
            list(&told.dump_shown, "buffers").iter().filter_map(|b| b.get("id")?.as_u64()).collect();
        let held = held_now(told);
        let detail = format!("{} on the account, {} held", booked.len(), held.len());
        self.note(
            WHO,
            "while the last frame is shown, its live buffers are those that are held",
            booked == held,
            detail,
        );
        let live = told.dump_after.pointer("/all/live_buffers").and_then(Value::as_u64);
        let detail = live.map_or("no figure".to_owned(), |live| format!("{live} live"));
        self.note(WHO, "no buffer lives when its clients have gone", live == Some(0), detail);
        let refusals = told.dump_after.get("refusals").and_then(Value::as_object);
        let detail = refusals.map_or("no figures".to_owned(), |all| format!("{} causes {:?}", all.len(), all));
        self.note(WHO, "it refused nothing", refusals.is_some_and(serde_json::Map::is_empty), detail);
        for report in clients {
            for buffer in list(report, "buffers") {
                let request = Request::of(buffer);
                let predicted = told.predicted.iter().find(|(known, _)| *known == request).map(|(_, answer)| answer);
                let of = |pointer: &str| predicted.and_then(|answer| answer.pointer(pointer)?.as_u64());
                let is = |key: &str| buffer.get(key).and_then(Value::as_u64);
                let same = of("/picture/stride") == is("stride_pixels") && of("/picture/bytes") == is("bytes");
                if !same || of("/picture/bytes").is_none() {
                    let detail =
                        format!("{}: predicted {:?}, got {buffer}", request.usage, predicted.map(|a| a.get("picture")));
                    self.note(WHO, "`heapctl explain` predicted stride and bytes", false, detail);
                    return;
                }
            }
        }
        let requests = told.predicted.len();
        self.note(
            WHO,
            "`heapctl explain` predicted stride and bytes",
            requests > 0,
            format!("of {requests} descriptors"),
        );
    }

    /// What `heapctl top` says against the kernel's own list, each time that both were looked at.
    pub(super) fn of_ledger(&mut self, told: &Told) {
        const WHO: &str = "heapctl top";
        // While cameras stream, then two.
        let streaming = told.run.turns.iter().filter(|turn| turn.sampled).count();
        let samples = streaming.saturating_add(2);
        self.note(
            WHO,
            "it was seen in every act",
            told.samples.len() == samples,
            format!("{} of {samples}", told.samples.len()),
        );
        for sample in &told.samples {
            let outcome = sample.compare();
            self.note(WHO, &format!("it agrees with the kernel's list {}", sample.when), outcome.agree(), outcome);
        }
        for sample in told.samples.iter().take(streaming) {
            let camera = sample.live_buffers_of(CAMERA_UID.into());
            let all = sample.live_buffers().unwrap_or(0);
            let ok = camera > 0 && count(camera) < all;
            self.note(
                WHO,
                "camera and display both held buffers while one streamed",
                ok,
                format!("{camera} of {all} are the camera's"),
            );
        }
        let end = told.samples.last().and_then(Sample::live_buffers);
        let detail = end.map_or("no figure".to_owned(), |live| format!("{live} live"));
        let ok = end == Some(0) && told.samples.last().is_some_and(|sample| sample.compare().agree());
        self.note(WHO, "nothing is live at the end, for the service and for the kernel", ok, detail);
    }

    /// The screen's picture against the last frame that the camera wrote, with what the display says that it drew over it.
    pub(super) fn of_screen(&mut self, screen: &Path, frame: &Path, told: &Told) {
        const NAME: &str = "it shows exactly what the camera wrote and the display drew over it through the mapper";
        let overlay = serde_json::from_value(Value::Array(list(&told.display, "overlay").to_vec())).unwrap_or_default();
        match picture::compare(screen, frame, overlay) {
            Ok(outcome) => self.note("screen", NAME, outcome.same(), outcome),
            Err(error) => self.note("screen", NAME, false, error),
        }
    }
}

impl fmt::Display for Checks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for check in &self.0 {
            let mark = if check.ok { "ok    " } else { "FAILED" };
            writeln!(f, "{mark} {:>11}: {} ({})", check.who, check.name, check.detail)?;
        }
        Ok(())
    }
}

/// Ids of the buffers that are held while the last frame is shown: the display's own, and the one on the screen, of the
/// camera that has gone.
fn held_now(told: &Told) -> BTreeSet<u64> {
    let mut held: BTreeSet<u64> = list(&told.display, "buffers").iter().filter_map(id).collect();
    let shown = told.display.pointer("/held/slot").and_then(Value::as_u64);
    if let Some((_, camera)) = told.cameras.last() {
        let slots = list(camera, "buffers").iter();
        held.extend(slots.filter(|slot| slot.get("slot").and_then(Value::as_u64) == shown).filter_map(id));
    }
    held
}

fn id(buffer: &Value) -> Option<u64> {
    u64::from_str_radix(buffer.get("buffer_id")?.as_str()?.trim_start_matches("0x"), 16).ok()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
