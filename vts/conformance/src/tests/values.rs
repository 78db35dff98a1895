//! Metadata in one process: getters to the byte, setters that refuse.

use crate::abi::{Error, Rect};
use crate::case::{Test, Verdict};
use crate::descriptor::Descriptor;
use crate::mapper::{Imported, STANDARD_NAME};
use crate::metadata::{encode, Standard};
use crate::subject::Subject;
use crate::tests;

pub(super) fn tests() -> Vec<Test> {
    tests!["values":
        every_type_decodes_to_the_last_byte = "the value of every supported standard type decodes, with nothing left over (libui aborts on less)",
        getters_tell_the_size_and_keep_to_it = "null, one byte short, exact and with room: the same size is answered, nothing is written behind it",
        by_name_is_the_same_as_by_number = "getMetadata and setMetadata with the standard name do what the standard calls do",
        every_settable_type_takes_two_values_in_turn = "each value that is set is got, to the byte, and no other type changes with it",
        absent_values_are_set_and_cleared = "an optional value is no bytes at first, can be set, and is cleared by none; others refuse no bytes",
        constant_types_cannot_be_set = "the seven constant types: BAD_VALUE or UNSUPPORTED, and their value stays",
        malformed_values_are_refused = "cut at every byte, another name, another type, one byte too many: BAD_VALUE or UNSUPPORTED, and the value stays",
        unknown_types_cannot_be_set = "a made-up name, INVALID and the first unknown number: UNSUPPORTED",
        layer_count_and_size_grow_with_layers = "LAYER_COUNT is the descriptor's for 1, 2 and 7, and ALLOCATION_SIZE holds as many images",
        crop_is_the_image_of_any_size = "the default crop is the image, not its padded memory",
        a_new_buffer_has_defaults_whatever_older_ones_were_set_to = "no value of a freed buffer is seen in the next one",
    ]
}

/// Standard types that can be got here, with their bytes.
fn gettable(imported: &Imported) -> Vec<(Standard, Vec<u8>)> {
    let get = |kind: Standard| match imported.get_bytes(kind) {
        Ok(bytes) => Some((kind, bytes)),
        Err(error) => {
            assert_eq!(error, Error::UNSUPPORTED, "{kind:?}");
            None
        }
    };
    Standard::ALL.iter().copied().filter_map(get).collect()
}

/// Of those that a client sets, the ones that can be set here, with two values each.
pub(super) fn settable(imported: &Imported) -> Vec<(Standard, [Vec<u8>; 2])> {
    let supported = |kind: &Standard| imported.get_bytes(*kind) != Err(Error::UNSUPPORTED);
    Standard::ALL.iter().filter(|kind| supported(kind)).filter_map(|kind| Some((*kind, kind.two_values()?))).collect()
}

fn every_type_decodes_to_the_last_byte(subject: &Subject) -> Verdict {
    let (_buffer, imported) = subject.generic();
    let check = |when: &str| {
        for (kind, bytes) in gettable(&imported) {
            assert_eq!(kind.check(&bytes), Ok(()), "{kind:?} {when}: {bytes:02x?}");
        }
    };
    check("at first");
    for (kind, [value, _]) in settable(&imported) {
        assert_eq!(imported.set_bytes(kind, &value), Error::NONE, "{kind:?}");
    }
    check("once set");
    Ok(())
}

fn getters_tell_the_size_and_keep_to_it(subject: &Subject) -> Verdict {
    let (_buffer, imported) = subject.generic();
    for (kind, [value, _]) in settable(&imported) {
        assert_eq!(imported.set_bytes(kind, &value), Error::NONE, "{kind:?}");
    }
    for (kind, bytes) in gettable(&imported) {
        let size = i32::try_from(bytes.len()).unwrap();
        // With nothing, with less than there is, with as much, and with more.
        for room in [0, 1, bytes.len() / 2, bytes.len().saturating_sub(1), bytes.len(), bytes.len() + 64] {
            let mut memory = vec![0xa5; room + 64];
            let answer = subject.mapper.get_standard(imported.handle(), kind.0, &mut memory[..room]);
            assert_eq!(answer, size, "{kind:?} into {room} bytes");
            let behind = room.min(bytes.len());
            assert!(memory[behind..].iter().all(|byte| *byte == 0xa5), "{kind:?} writes behind {behind} bytes");
            if room >= bytes.len() {
                assert_eq!(memory[..bytes.len()], bytes, "{kind:?} into {room} bytes");
            }
        }
    }
    Ok(())
}

fn by_name_is_the_same_as_by_number(subject: &Subject) -> Verdict {
    let (_buffer, imported) = subject.generic();
    let (mapper, handle) = (subject.mapper, imported.handle());
    let same = || {
        for (kind, bytes) in gettable(&imported) {
            let mut named = vec![0; bytes.len()];
            let answer = mapper.get_metadata(handle, STANDARD_NAME, kind.0, &mut named);
            assert_eq!((usize::try_from(answer), named), (Ok(bytes.len()), bytes), "{kind:?}");
        }
    };
    same();
    for (kind, [value, _]) in settable(&imported) {
        assert_eq!(mapper.set_metadata(handle, STANDARD_NAME, kind.0, &value), Error::NONE, "{kind:?}");
        assert_eq!(imported.get_bytes(kind), Ok(value), "{kind:?}");
    }
    same();
    Ok(())
}

fn every_settable_type_takes_two_values_in_turn(subject: &Subject) -> Verdict {
    let (_buffer, imported) = subject.generic();
    for (kind, values) in settable(&imported) {
        let others = || gettable(&imported).into_iter().filter(|(other, _)| *other != kind).collect::<Vec<_>>();
        let before = others();
        for value in values {
            assert_eq!(imported.set_bytes(kind, &value), Error::NONE, "{kind:?}");
            assert_eq!(imported.get_bytes(kind), Ok(value), "{kind:?}");
        }
        assert_eq!(others(), before, "setting {kind:?} has changed another");
    }
    Ok(())
}

fn absent_values_are_set_and_cleared(subject: &Subject) -> Verdict {
    let (_buffer, imported) = subject.generic();
    for (kind, [value, _]) in settable(&imported) {
        if Standard::OPTIONAL.contains(&kind) {
            assert_eq!(imported.get_bytes(kind), Ok(vec![]), "{kind:?} at first");
            assert_eq!(imported.set_bytes(kind, &value), Error::NONE, "{kind:?}");
            assert_eq!(imported.set_bytes(kind, &[]), Error::NONE, "{kind:?} is cleared");
            assert_eq!(imported.get_bytes(kind), Ok(vec![]), "{kind:?} once cleared");
        } else {
            refuses(&imported, kind, &[]);
        }
    }
    Ok(())
}

/// IMapper.h says UNSUPPORTED for what is malformed, AOSP's own helper (IMapperMetadataTypes.h) answers BAD_VALUE: both
/// are an answer. The value stays as it is.
fn refuses(imported: &Imported, kind: Standard, bytes: &[u8]) {
    let before = imported.get_bytes(kind);
    let error = imported.set_bytes(kind, bytes);
    assert!(matches!(error, Error::BAD_VALUE | Error::UNSUPPORTED), "{kind:?} takes {bytes:02x?}: {error:?}");
    assert_eq!(imported.get_bytes(kind), before, "{kind:?} has changed");
}

fn constant_types_cannot_be_set(subject: &Subject) -> Verdict {
    let (_buffer, imported) = subject.generic();
    let (_other, different) =
        subject.import(&Descriptor::of(crate::format::Format::RGB_565.value(), 32, 16).named("different"));
    for kind in Standard::CONSTANT {
        let value = different.get_bytes(kind).unwrap();
        refuses(&imported, kind, &value);
    }
    Ok(())
}

fn malformed_values_are_refused(subject: &Subject) -> Verdict {
    let (_buffer, imported) = subject.generic();
    for (kind, [value, _]) in settable(&imported) {
        for length in 1..value.len() {
            refuses(&imported, kind, &value[..length]);
        }
        let spoilt = |at: usize| {
            let mut bytes = value.clone();
            bytes[at] ^= 0x80;
            bytes
        };
        // The name's length, its highest byte (a negative length), the name, and the type.
        for at in [0, 7, 10, 8 + STANDARD_NAME.to_bytes().len()] {
            refuses(&imported, kind, &spoilt(at));
        }
        let other = if kind == Standard::DATASPACE { Standard::BLEND_MODE } else { Standard::DATASPACE };
        refuses(&imported, kind, &encode(other, &1i32));
    }
    Ok(())
}

fn unknown_types_cannot_be_set(subject: &Subject) -> Verdict {
    let (_buffer, imported) = subject.generic();
    let value = encode(Standard::DATASPACE, &1i32);
    let made_up = subject.mapper.set_metadata(imported.handle(), c"Fake", 17, &value);
    assert_eq!(made_up, Error::UNSUPPORTED, "a made-up name");
    for kind in [Standard::INVALID, Standard::unknown(subject.vts())] {
        assert_eq!(imported.set_bytes(kind, &value), Error::UNSUPPORTED, "{kind:?}");
    }
    Ok(())
}

fn layer_count_and_size_grow_with_layers(subject: &Subject) -> Verdict {
    for layers in [1, 2, 7] {
        let (buffer, imported) = subject.import(&Descriptor { layers, ..Descriptor::generic() });
        let layers = u64::try_from(layers).unwrap();
        assert_eq!(imported.get::<u64>(Standard::LAYER_COUNT), layers);
        let image = u64::try_from(buffer.stride).unwrap() * 64 * 4;
        let bytes = imported.get::<u64>(Standard::ALLOCATION_SIZE);
        assert!(bytes >= image * layers, "{bytes} bytes for {layers} layers of {image}");
    }
    Ok(())
}

fn crop_is_the_image_of_any_size(subject: &Subject) -> Verdict {
    for (width, height) in [(1, 1), (33, 17), (1920, 1080)] {
        let (_buffer, imported) = subject.import(&Descriptor { width, height, ..Descriptor::generic() });
        let whole = Rect { left: 0, top: 0, right: width, bottom: height };
        assert_eq!(imported.get::<Vec<Rect>>(Standard::CROP), [whole]);
    }
    Ok(())
}

fn a_new_buffer_has_defaults_whatever_older_ones_were_set_to(subject: &Subject) -> Verdict {
    let values = |imported: &Imported| {
        let settable = settable(imported);
        settable.into_iter().map(|(kind, _)| (kind, imported.get_bytes(kind))).collect::<Vec<_>>()
    };
    let (_first, imported) = subject.generic();
    let defaults = values(&imported);
    for _ in 0..4 {
        let (_buffer, imported) = subject.generic();
        assert_eq!(values(&imported), defaults);
        for (kind, [value, _]) in settable(&imported) {
            assert_eq!(imported.set_bytes(kind, &value), Error::NONE, "{kind:?}");
        }
    }
    Ok(())
}
