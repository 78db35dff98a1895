//! Accounting serialises no allocation: while one client's ioctl takes its time, others allocate, let go and look.

// A failed unwrap is a failed test.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use gralloc_allocator::allocate::{allocate, Batch, Resources};
use gralloc_allocator::ledger::{About, Client, Ledger};
use gralloc_allocator::ports::{HeapBackend, HeapFailure, MemoryGauge};
use gralloc_buffer::{BufferName, PixelFormat, Usage};
use heaps_config::policy::HeapId;
use std::sync::mpsc::{channel, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// Never reached by a test that passes.
const STUCK: Duration = Duration::from_secs(20);

/// A heap and a memory figure that, asked on behalf of `slow`, answer only when somebody else has been served.
struct Slow {
    entered: Mutex<Sender<&'static str>>,
    go_on: Mutex<Receiver<()>>,
}

impl Slow {
    fn wait(&self, place: &'static str) {
        if thread::current().name() == Some("slow") {
            self.entered.lock().unwrap().send(place).unwrap();
            self.go_on.lock().unwrap().recv_timeout(STUCK).expect("nobody is served while an allocation is under way");
        }
    }
}

impl HeapBackend for Slow {
    type Buffer = ();

    fn allocate(&self, _heap: HeapId, _bytes: u64, _name: &BufferName) -> Result<(), HeapFailure> {
        self.wait("heap");
        Ok(())
    }
}

impl MemoryGauge for Slow {
    fn available_bytes(&self) -> Option<u64> {
        self.wait("gauge");
        // Little enough that every request asks again.
        Some(common::MIB)
    }
}

fn serve(slow: &Slow, ledger: &Ledger, uid: u32) {
    let policy = common::policy();
    let plan = common::planned(&common::vts(PixelFormat::Rgba8888), &policy).unwrap();
    let (settle, make_room) = (&|| slow.wait("settle"), &|| false);
    let resources = Resources { policy: &policy, ledger, heaps: slow, gauge: slow, settle, make_room, now_ms: 0 };
    let (name, client) = (BufferName::from_text("side by side"), Client { uid, pid: 1 });
    let Batch { reservation, .. } = allocate(&plan, 2, &name, client, &resources).unwrap();
    let about = About { name, usage: Usage::NONE, born_ms: 0, watched_fds: 1, ..About::default() };
    let tickets = reservation.commit(&about, [1, 2].into_iter());
    assert_eq!(tickets.len(), 2);
    if uid != SLOW {
        tickets.into_iter().for_each(|ticket| drop(ledger.release(ticket)));
        assert_eq!(ledger.buffers().count(), 0);
    }
}

const SLOW: u32 = 1;

#[test]
fn client_is_served_from_beginning_to_end_while_another_waits_for_the_kernel() {
    let ((entered, entries), (go, go_on)) = (channel(), channel());
    let slow = Slow { entered: Mutex::new(entered), go_on: Mutex::new(go_on) };
    let ledger = Ledger::new(Arc::new(common::policy()), 4096);
    let mut places = Vec::new();
    thread::scope(|scope| {
        let waiting = thread::Builder::new().name("slow".to_owned());
        let waiting = waiting.spawn_scoped(scope, || serve(&slow, &ledger, SLOW)).unwrap();
        // The figure once, then pixels and metadata of two buffers.
        for _ in 0..5 {
            places.push(entries.recv_timeout(STUCK).unwrap());
            serve(&slow, &ledger, SLOW + 1);
            go.send(()).unwrap();
        }
        waiting.join().unwrap();
    });
    assert_eq!(places, ["gauge", "heap", "heap", "heap", "heap"]);
    assert_eq!(ledger.statistics().all.account.live_buffers, 2);
}
