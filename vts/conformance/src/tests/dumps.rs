//! Dumps: what dumpsys shows of a process's buffers.

use crate::abi::{Error, MetadataType, STANDARD_NAME};
use crate::case::{Test, Verdict};
use crate::mapper::Imported;
use crate::metadata::{decode, Standard};
use crate::subject::Subject;
use crate::tests;
use std::collections::HashMap;
use std::ffi::{c_void, CStr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

pub(super) fn tests() -> Vec<Test> {
    tests!["dumps":
        dump_of_a_buffer_tells_what_the_getters_tell = "dumpBuffer calls back once for each gettable standard type, with the getter's bytes",
        dump_of_all_buffers_tells_each_import_once = "dumpAllBuffers begins once for each import, with its id, and for none that was freed",
        dump_goes_on_while_others_import_and_free = "50 dumps of all buffers while two threads import and free: no crash, no deadlock, every value decodes",
    ]
}

/// What the callbacks have told: a map for each buffer.
#[derive(Default)]
struct Told(Vec<HashMap<Standard, Vec<u8>>>);

impl Told {
    fn context(&mut self) -> *mut c_void {
        std::ptr::from_mut(self).cast()
    }

    /// Buffers by their ids.
    fn ids(&self) -> Vec<u64> {
        let id =
            |buffer: &HashMap<Standard, Vec<u8>>| decode::<u64>(Standard::BUFFER_ID, &buffer[&Standard::BUFFER_ID]);
        self.0.iter().map(|buffer| id(buffer).unwrap()).collect()
    }
}

extern "C" fn begin(context: *mut c_void) {
    // SAFETY: the context is the `Told` of the call's own stack.
    let told = unsafe { &mut *context.cast::<Told>() };
    told.0.push(HashMap::new());
}

extern "C" fn tell(context: *mut c_void, kind: MetadataType, value: *const c_void, size: usize) {
    // SAFETY: the context is the `Told` of the call's own stack.
    let told = unsafe { &mut *context.cast::<Told>() };
    // SAFETY: a terminated text (IMapper.h, AIMapper_MetadataType).
    let name = unsafe { CStr::from_ptr(kind.name) };
    let bytes = if size == 0 {
        Vec::new()
    } else {
        // SAFETY: so many bytes for the duration of the call (IMapper.h, AIMapper_DumpBufferCallback).
        unsafe { std::slice::from_raw_parts(value.cast::<u8>(), size) }.to_vec()
    };
    if name.to_bytes() == STANDARD_NAME.as_bytes() {
        let buffer = told.0.last_mut();
        let before = buffer.and_then(|buffer| buffer.insert(Standard(kind.value), bytes));
        // A panic must not leave a callback of C.
        if before.is_some() {
            eprintln!("{:?} is dumped twice", Standard(kind.value));
            std::process::abort();
        }
    }
}

fn dump_of_a_buffer_tells_what_the_getters_tell(subject: &Subject) -> Verdict {
    let (_buffer, imported) = subject.generic();
    for (kind, [a, _]) in super::values::settable(&imported) {
        assert_eq!(imported.set_bytes(kind, &a), Error::NONE, "{kind:?}");
    }
    // dumpBuffer calls no begin.
    let mut told = Told(vec![HashMap::new()]);
    assert_eq!(subject.mapper.dump_buffer(imported.handle(), tell, told.context()), Error::NONE);
    let gettable = Standard::ALL.iter().filter_map(|kind| Some((*kind, imported.get_bytes(*kind).ok()?)));
    assert_eq!(told.0[0], gettable.collect::<HashMap<_, _>>());
    Ok(())
}

/// What dumpBuffer says of a buffer, a line for each standard type: its name and its bytes in hexadecimal.
pub(crate) fn of_a_buffer(subject: &Subject) -> Result<String, String> {
    let (_buffer, imported) = subject.generic();
    let mut told = Told(vec![HashMap::new()]);
    match subject.mapper.dump_buffer(imported.handle(), tell, told.context()) {
        Error::NONE => {}
        error => return Err(format!("dumpBuffer: {error:?}")),
    }
    let mut values: Vec<_> = told.0.into_iter().flatten().collect();
    values.sort();
    let hexadecimal = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    Ok(values.iter().map(|(kind, bytes)| format!("{kind:?} {}\n", hexadecimal(bytes))).collect::<Vec<_>>().concat())
}

fn dump_all(subject: &Subject) -> Told {
    let mut told = Told::default();
    assert_eq!(subject.mapper.dump_all(begin, tell, told.context()), Error::NONE);
    told
}

fn dump_of_all_buffers_tells_each_import_once(subject: &Subject) -> Verdict {
    // Other tests of this process may have left some, when all run in one.
    let before = dump_all(subject).0.len();
    let ((a, first), (_b, second)) = (subject.generic(), subject.generic());
    let third = a.import(subject.mapper);
    let id = |imported: &Imported| imported.get::<u64>(Standard::BUFFER_ID);
    let ids = dump_all(subject).ids();
    let count = |wanted: u64| ids.iter().filter(|id| **id == wanted).count();
    assert_eq!((count(id(&first)), count(id(&second)), ids.len()), (2, 1, before + 3));
    let freed = id(&second);
    assert_eq!((second.free(), third.free()), (Error::NONE, Error::NONE));
    let ids = dump_all(subject).ids();
    assert!(!ids.contains(&freed) && ids.contains(&id(&first)), "{ids:x?}");
    Ok(())
}

fn dump_goes_on_while_others_import_and_free(subject: &Subject) -> Verdict {
    let (buffer, _kept) = subject.generic();
    let mapper = subject.mapper;
    let end = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            let raw = buffer.raw.clone_handle().unwrap();
            let end = &end;
            scope.spawn(move || {
                while !end.load(Ordering::SeqCst) {
                    assert_eq!(Imported::of(mapper, &raw).free(), Error::NONE);
                }
            });
        }
        // Also when the dump panics, or the threads would go on for ever.
        let _ends = Ends(&end);
        for _ in 0..50 {
            for dumped in dump_all(subject).0 {
                for (kind, bytes) in dumped {
                    assert_eq!(kind.check(&bytes), Ok(()), "{kind:?}");
                }
            }
        }
    });
    Ok(())
}

/// Says that it is over when it is dropped.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
