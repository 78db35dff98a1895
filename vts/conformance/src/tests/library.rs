//! The library, beyond the VTS.

use crate::abi::VERSION_5;
use crate::case::{Test, Verdict};
use crate::subject::Subject;
use crate::tests;
use std::mem::size_of;

pub(super) fn tests() -> Vec<Test> {
    tests!["library":
        both_version_symbols_are_exported = "ANDROID_HAL_STABLEC_VERSION, which the interface's README names, is 5 as well",
        table_is_aligned_and_one = "AIMapper lies at a multiple of max_align_t's 16 bytes, and loading again gives the same one",
        list_is_static_and_clean = "listSupportedMetadataTypes gives the same array twice; booleans are 0 or 1, reserved bytes 0, no type is there twice",
    ]
}

fn both_version_symbols_are_exported(subject: &Subject) -> Verdict {
    assert_eq!(subject.mapper.stablec_version_symbol(), Some(VERSION_5), "ANDROID_HAL_STABLEC_VERSION");
    assert_eq!(subject.mapper.version_symbol(), Some(VERSION_5), "ANDROID_HAL_MAPPER_VERSION");
    Ok(())
}

fn table_is_aligned_and_one(subject: &Subject) -> Verdict {
    let table = subject.mapper.table();
    // 16 on every 64-bit ABI that Android has, 8 on its 32-bit ones.
    let align = 2 * size_of::<*const ()>();
    assert_eq!(table.cast::<u8>().align_offset(align), 0, "{table:?}");
    assert_eq!(subject.mapper.load_again(), Ok(table));
    Ok(())
}

fn list_is_static_and_clean(subject: &Subject) -> Verdict {
    let lists = [subject.mapper.list_supported().unwrap(), subject.mapper.list_supported().unwrap()];
    assert_eq!((lists[0].as_ptr(), lists[0].len()), (lists[1].as_ptr(), lists[1].len()));
    let mut seen = std::collections::HashSet::new();
    for entry in lists[0] {
        // SAFETY: a terminated text that lives as long as the process (IMapper.h, AIMapper_MetadataTypeDescription).
        let name = unsafe { std::ffi::CStr::from_ptr(entry.metadata_type.name) };
        let kind = (name, entry.metadata_type.value);
        assert!(seen.insert(kind), "{kind:?} is there twice");
        assert!(entry.is_gettable <= 1 && entry.is_settable <= 1, "{entry:?}");
        assert_eq!(entry.reserved, [0; 32], "{kind:?}");
    }
    Ok(())
}
