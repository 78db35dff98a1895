//! For any page, any bytes and any buffer: what comes out decodes, what goes in comes back.

// Tests: a failed unwrap is a failed test.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use gralloc_buffer::handle::BufferInfo;
use gralloc_buffer::layout::{Plane, Planes};
use gralloc_buffer::metadata::{
    encode_constant, encode_shared, explain, set, SharedPage, StandardMetadata, Writer, MAX_ENCODED_BYTES, PAGE_WORDS,
};
use gralloc_buffer::{BufferName, Layout, PixelFormat, Usage};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use std::sync::atomic::{AtomicU32, Ordering};

/// A buffer of any layout, of a size that suits all of them. The planes' numbers are any: nobody here checks them.
fn info(layout: Layout, width: u32, height: u32, name: [u8; 128]) -> BufferInfo {
    let plane = Plane { offset_bytes: u64::from(width), stride_bytes: u32::MAX, lines: height };
    let planes = vec![plane; layout.shapes().len()];
    BufferInfo {
        id: u64::MAX,
        name: BufferName::from_wire(&name),
        width,
        height,
        usage: Usage(u64::MAX),
        layout,
        fourcc: layout.fourcc(),
        stride: width,
        planes: Planes::from_slice(&planes).unwrap(),
        layer_bytes: u64::MAX,
        buffer_bytes: u64::MAX,
        metadata_bytes: u64::MAX,
        protected: true,
        contiguous: true,
        ..BufferInfo::linear(PixelFormat::ImplementationDefined, Layout::Rgba8888, 1, 1).unwrap()
    }
}

fn infos() -> impl Strategy<Value = BufferInfo> {
    (select(Layout::ALL), 1..=0x7fff_ffffu32, 1..=0x7fff_ffffu32, vec(any::<u8>(), 128))
        .prop_map(|(layout, width, height, name)| info(layout, width, height, name.try_into().unwrap()))
}

fn kinds() -> impl Strategy<Value = StandardMetadata> {
    select(StandardMetadata::ALL)
}

/// Words of a scribbled page; small numbers often, because they look like lengths and indices.
fn pages() -> impl Strategy<Value = Vec<u32>> {
    vec(prop_oneof![0..4u32, 0..600u32, any::<u32>()], PAGE_WORDS)
}

fn get(kind: StandardMetadata, info: &BufferInfo, page: &[AtomicU32]) -> Vec<u8> {
    let mut room = [0; MAX_ENCODED_BYTES];
    let mut out = Writer::new(&mut room);
    encode_constant(kind, info, u64::MAX, &mut out);
    encode_shared(kind, info, SharedPage::new(page), &mut out);
    let needed = out.needed();
    room[..needed].to_vec()
}

fn atomics(words: &[u32]) -> Vec<AtomicU32> {
    words.iter().map(|word| AtomicU32::new(*word)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 4 } else { 128 }, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn page_scribbled_output_still_decodes(words in pages(), info in infos()) {
        let page = atomics(&words);
        for kind in StandardMetadata::ALL {
            let bytes = get(*kind, &info, &page);
            prop_assert!(explain(*kind, &bytes).is_some(), "{kind:?}: {bytes:?}");
        }
    }

    #[test]
    fn page_scribbled_value_set_comes_back(words in pages(), number in any::<i32>()) {
        let (page, info) = (atomics(&words), info(Layout::Nv12, 64, 64, [0; 128]));
        let bytes = {
            // A dataspace's bytes with another number.
            let mut bytes = get(StandardMetadata::Dataspace, &info, &page);
            bytes.splice(69.., number.to_le_bytes());
            bytes
        };
        set(StandardMetadata::Dataspace, &info, SharedPage::new(&page), 1, &bytes).unwrap();
        prop_assert_eq!(get(StandardMetadata::Dataspace, &info, &page), bytes);
        let zeroed = atomics(&[0; PAGE_WORDS]);
        let crop = get(StandardMetadata::Crop, &info, &zeroed);
        set(StandardMetadata::Crop, &info, SharedPage::new(&page), 1, &crop).unwrap();
        prop_assert_eq!(get(StandardMetadata::Crop, &info, &page), crop);
    }

    #[test]
    fn bytes_of_anybody_are_set_or_refused_and_then_decode(
        kind in kinds(),
        info in infos(),
        tail in vec(any::<u8>(), 0..700),
        with_header in any::<bool>(),
    ) {
        let page = atomics(&[0; PAGE_WORDS]);
        let mut bytes = if with_header { get(kind, &info, &page) } else { Vec::new() };
        bytes.truncate(69);
        bytes.extend(tail);
        let answer = set(kind, &info, SharedPage::new(&page), 1, &bytes);
        let after = get(kind, &info, &page);
        prop_assert!(explain(kind, &after).is_some());
        if answer.is_err() {
            prop_assert!(page.iter().all(|word| word.load(Ordering::Relaxed) == 0));
        } else {
            // As much as is a value of the type came back; what stood behind it is ignored.
            prop_assert_eq!(&bytes[..after.len()], &after[..]);
        }
    }
}
