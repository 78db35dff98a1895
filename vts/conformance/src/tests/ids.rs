//! Ids, and the allocator's restarts.

use crate::allocator::Allocator;
use crate::case::{Test, Verdict};
use crate::descriptor::Descriptor;
use crate::format::Format;
use crate::image::{Image, Memory};
use crate::mapper::{usage, Imported};
use crate::metadata::{encode, Standard, DATASPACE_DISPLAY_P3};
use crate::peer::Peer;
use crate::subject::Subject;
use crate::tests;
use std::collections::HashSet;

pub(super) fn tests() -> Vec<Test> {
    tests!["ids":
        ids_of_200_buffers_differ = "200 buffers, some of one call and most freed at once, have 200 ids",
        id_is_the_same_for_every_import_of_a_buffer = "two imports and another process see one id",
        ids_differ_after_a_restart = "no id of before a restart comes again (one peer's mapper takes two such buffers for one)",
        buffers_outlive_the_allocator = "a handle from before a restart imports after it, with its pixels and its metadata",
    ]
}

fn ids(subject: &Subject, allocator: &Allocator, calls: usize) -> Vec<u64> {
    let mut ids = Vec::new();
    for _ in 0..calls {
        let allocation = allocator.allocate(&Descriptor::of(Format::RGBA_8888.value(), 16, 16), 8).unwrap();
        ids.extend(
            allocation.buffers.iter().map(|raw| Imported::of(subject.mapper, raw).get::<u64>(Standard::BUFFER_ID)),
        );
    }
    ids
}

fn assert_distinct(ids: &[u64]) {
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len(), "ids repeat: {ids:x?}");
}

fn ids_of_200_buffers_differ(subject: &Subject) -> Verdict {
    assert_distinct(&ids(subject, &subject.allocator, 25));
    Ok(())
}

fn id_is_the_same_for_every_import_of_a_buffer(subject: &Subject) -> Verdict {
    let (buffer, first) = subject.generic();
    let second = buffer.import(subject.mapper);
    let peer = Peer::start(subject);
    let third = peer.import(&buffer.raw).unwrap();
    let ids = [
        first.get_bytes(Standard::BUFFER_ID),
        second.get_bytes(Standard::BUFFER_ID),
        peer.get(third, Standard::BUFFER_ID),
    ];
    assert!(ids.iter().all(|id| id.is_ok() && *id == ids[0]), "{ids:x?}");
    Ok(())
}

fn ids_differ_after_a_restart(subject: &Subject) -> Verdict {
    let mut all = ids(subject, &subject.allocator, 2);
    // Twice: an allocator that counts from 1 may have counted far before the first one.
    let second = subject.restart(&subject.allocator)?;
    all.extend(ids(subject, &second, 2));
    let third = subject.restart(&second)?;
    all.extend(ids(subject, &third, 2));
    assert_distinct(&all);
    Ok(())
}

fn buffers_outlive_the_allocator(subject: &Subject) -> Verdict {
    let (buffer, imported) = subject.generic();
    let image = Image::of(&imported, Format::RGBA_8888);
    image.fill(&Memory::new(imported.lock(usage::CPU_WRITE_OFTEN).data(), image.bytes), 4);
    let value = encode(Standard::DATASPACE, &DATASPACE_DISPLAY_P3);
    assert_eq!(imported.set_bytes(Standard::DATASPACE, &value), crate::abi::Error::NONE);
    let id = imported.get::<u64>(Standard::BUFFER_ID);
    subject.restart(&subject.allocator)?;
    let later = buffer.import(subject.mapper);
    let lock = later.lock(usage::CPU_READ_OFTEN);
    image.verify(&Memory::new(lock.data(), image.bytes), 4).unwrap();
    assert_eq!(later.get_bytes(Standard::DATASPACE), Ok(value));
    assert_eq!(later.get::<u64>(Standard::BUFFER_ID), id);
    Ok(())
}
