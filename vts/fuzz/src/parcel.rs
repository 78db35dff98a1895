//! Parcels into the service's own transaction entry, without a kernel between.

use allocator_aidl::{new_allocator, IAllocator, Strong};
use gralloc_heaps::wakeup::Wakeup;
use gralloc_heaps::watch::Source;
use gralloc_heaps::{Backend, BackendKind, MemInfo};
use gralloc_server::adapter::Allocator;
use gralloc_server::engine::{Engine, Setup};
use rsbinder::Parcel;
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// `FIRST_CALL_TRANSACTION` to beyond the last method, then the ones that every binder has.
const CODES: [u32; 14] = [
    1,
    2,
    3,
    4,
    5,
    0x00ff_fffe,
    0x00ff_ffff,
    u32::from_be_bytes(*b"_PNG"),
    u32::from_be_bytes(*b"_DMP"),
    u32::from_be_bytes(*b"_NTF"),
    u32::from_be_bytes(*b"_SPR"),
    u32::from_be_bytes(*b"_CMD"),
    u32::from_be_bytes(*b"_EXT"),
    0,
];

struct Service {
    engine: Arc<Engine>,
    binder: Strong<dyn IAllocator>,
}

fn service() -> &'static Service {
    static SERVICE: OnceLock<Service> = OnceLock::new();
    SERVICE.get_or_init(|| {
        let mut policy = crate::plan::policies()[0].clone();
        // A buffer is made in no time, and many stay small.
        policy.limits.request_bytes = 1 << 20;
        let policy = Arc::new(policy);
        let heaps = Backend::open(BackendKind::Memfd, &policy, Path::new("")).unwrap();
        let setup = Setup {
            wakeup: Arc::new(Wakeup::new().unwrap()),
            release_sources: Source::ALL.to_vec(),
            pressure_events: false,
            page_bytes: 4096,
            pool: None,
        };
        let engine = Arc::new(Engine::new(policy, heaps, MemInfo::new().unwrap(), setup));
        engine.start_release_watch();
        Service { binder: new_allocator(Allocator(Arc::clone(&engine))), engine }
    })
}

/// The first byte chooses the code, the rest is the parcel: an answer or an error, and the account is empty afterwards.
pub fn parcel(bytes: &[u8]) {
    let [code, rest @ ..] = bytes else { return };
    let service = service();
    let mut request = Parcel::new();
    for word in crate::ints(rest) {
        request.write(&word).unwrap();
    }
    request.set_data_position(0);
    {
        let mut reply = Parcel::new();
        let code = CODES[usize::from(*code) % CODES.len()];
        let _ = service.binder.as_binder().rpc_transact(code, &mut request, &mut reply);
        drop(reply);
    }
    service.engine.settle();
    let ledger = service.engine.ledger();
    assert_eq!(ledger.buffers().count(), 0, "a reply that is gone holds no buffer");
    assert!(ledger.statistics().clients.iter().all(|(_, client)| client.reserved_bytes == 0));
}

/// A good call of `allocate2`, as the interface writes it.
pub fn good_parcel() -> Vec<u8> {
    // A parcelable: present, its size, then name, sizes, format, usage, reserved, options; then the count.
    let body_words = 1 + 1 + 32 + 4 + 2 + 2 + 1;
    let mut words: Vec<i32> = vec![1, (body_words - 1) * 4, 128];
    words.extend([i32::from_le_bytes(*b"good"); 31]);
    words.push(0);
    words.extend([64, 16, 1, 1]);
    words.extend([0x33, 0, 0, 0, 0]);
    words.push(1);
    std::iter::once(1u8).chain(words.iter().flat_map(|word| word.to_le_bytes())).collect()
}
