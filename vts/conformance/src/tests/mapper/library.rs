//! The library itself, and what it lists.

#![allow(non_snake_case)] // The VTS's names.

use crate::abi::{Error, MetadataTypeDescription, CALLBACKS, STANDARD_NAME, V5, VERSION_5};
use crate::case::{Test, Verdict};
use crate::mapper::Mapper;
use crate::metadata::Standard;
use crate::subject::Subject;
use crate::tests;
use std::ffi::CStr;

pub(super) fn tests() -> Vec<Test> {
    tests!["mapper":
        VersionChecks = "ANDROID_HAL_MAPPER_VERSION is exported and 5, and so is AIMapper.version",
        AllV5CallbacksDefined = "no callback is null",
        DualLoadIsIdentical = "loading twice gives identical callbacks",
        SupportsRequiredGettersSetters = "the list has the getters 1 to 20 and 23, the setters 17 to 20, no unknown standard type, and words for every other",
        CheckRequiredSettersIfHasGetters = "SMPTE2094_10, SMPTE2094_40 and SMPTE2094_50 are settable where they are gettable",
        ListSupportedWorks = "every listed getter tells its size and gives exactly that; every listed setter takes it back, 0 bytes included",
    ]
}

/// The callbacks' addresses.
fn addresses(v5: &V5) -> [usize; CALLBACKS.len()] {
    // The table is nothing but nullable function pointers of one size; its layout is asserted in `abi`.
    // SAFETY: as many words of the same size, and every pointer is a valid usize.
    unsafe { std::mem::transmute_copy(v5) }
}

fn VersionChecks(subject: &Subject) -> Verdict {
    let symbol = subject.mapper.version_symbol();
    assert_eq!(symbol, Some(VERSION_5), "ANDROID_HAL_MAPPER_VERSION");
    assert_eq!(subject.mapper.table_version(), VERSION_5, "AIMapper.version");
    Ok(())
}

fn AllV5CallbacksDefined(subject: &Subject) -> Verdict {
    assert!(subject.mapper.table_version() >= VERSION_5);
    let addresses = addresses(&subject.mapper.v5());
    let null: Vec<_> = CALLBACKS.iter().zip(addresses).filter(|(_, address)| *address == 0).collect();
    assert!(null.is_empty(), "null: {null:?}");
    Ok(())
}

fn DualLoadIsIdentical(subject: &Subject) -> Verdict {
    assert!(subject.mapper.table_version() >= VERSION_5);
    let second = subject.mapper.load_again().expect("AIMapper_loadIMapper");
    assert!(!second.is_null());
    let second = subject.mapper.with_table(second);
    assert_eq!(addresses(&second.v5()), addresses(&subject.mapper.v5()));
    Ok(())
}

/// The list, and which standard type each entry is.
fn listed(mapper: Mapper) -> Vec<(&'static MetadataTypeDescription, Option<Standard>)> {
    let list = mapper.list_supported().unwrap_or_else(|error| panic!("listSupportedMetadataTypes: {error:?}"));
    let standard = |entry: &MetadataTypeDescription| {
        assert!(!entry.metadata_type.name.is_null(), "a type without a name");
        // SAFETY: a terminated text that lives as long as the process (IMapper.h, AIMapper_MetadataTypeDescription).
        let name = unsafe { CStr::from_ptr(entry.metadata_type.name) };
        (name.to_bytes() == STANDARD_NAME.as_bytes()).then_some(Standard(entry.metadata_type.value))
    };
    list.iter().map(|entry| (entry, standard(entry))).collect()
}

fn SupportsRequiredGettersSetters(subject: &Subject) -> Verdict {
    let list = listed(subject.mapper);
    let is_known = |kind: Standard| kind > Standard::INVALID && kind < Standard::unknown(subject.vts());
    for (entry, kind) in &list {
        match kind {
            Some(kind) => assert!(is_known(*kind), "{kind:?} is no standard type"),
            None => assert!(!entry.description.is_null(), "a vendor's type has no description"),
        }
    }
    let has = |wanted: Standard, setter: bool| {
        list.iter().any(|(entry, kind)| {
            *kind == Some(wanted) && (if setter { entry.is_settable } else { entry.is_gettable }) != 0
        })
    };
    let getters: Vec<_> = Standard::required_getters().filter(|kind| !has(*kind, false)).collect();
    let setters: Vec<_> = Standard::REQUIRED_SETTERS.into_iter().filter(|kind| !has(*kind, true)).collect();
    assert!(getters.is_empty() && setters.is_empty(), "missing getters {getters:?}, missing setters {setters:?}");
    Ok(())
}

fn CheckRequiredSettersIfHasGetters(subject: &Subject) -> Verdict {
    for (entry, kind) in listed(subject.mapper) {
        let dynamic = [Standard::SMPTE2094_10, Standard::SMPTE2094_40, Standard::SMPTE2094_50];
        if kind.is_some_and(|kind| dynamic.contains(&kind)) && entry.is_gettable != 0 {
            assert_ne!(entry.is_settable, 0, "{kind:?} is gettable and not settable");
        }
    }
    Ok(())
}

fn ListSupportedWorks(subject: &Subject) -> Verdict {
    let (_buffer, imported) = subject.generic();
    let (mapper, handle) = (subject.mapper, imported.handle());
    for (entry, kind) in listed(mapper) {
        let Some(kind) = kind else { continue };
        if entry.is_gettable == 0 {
            assert_eq!(entry.is_settable, 0, "{kind:?} is settable and not gettable");
            continue;
        }
        let name = crate::mapper::STANDARD_NAME;
        let size = mapper.get_metadata(handle, name, kind.0, &mut []);
        let length = usize::try_from(size).unwrap_or_else(|_| panic!("{kind:?}: {:?}", Error(-size)));
        let mut value = vec![0; length];
        assert_eq!(mapper.get_metadata(handle, name, kind.0, &mut value), size, "{kind:?}");
        if entry.is_settable != 0 {
            assert_eq!(mapper.set_metadata(handle, name, kind.0, &value), Error::NONE, "{kind:?} is set back");
        }
    }
    Ok(())
}
