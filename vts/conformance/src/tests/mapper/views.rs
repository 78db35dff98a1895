//! Buffers of several views, since 17: version 6 of the mapper and V3 of the allocator, which neither has to be (`VersionChecks`
//! of the same program wants the mapper to say 5). The skips and the demands are the VTS's
//! (`graphics/mapper/stable-c/vts`, the tree of 17); the last three have met no allocator but one of `examples`.

#![allow(non_snake_case)] // The VTS's names.

use crate::abi::{CALLBACKS_6, V6, VERSION_6};
use crate::case::{Skip, Test, Verdict};
use crate::descriptor::Descriptor;
use crate::mapper::{usage, Imported};
use crate::subject::Subject;
use crate::tests;

pub(super) fn tests() -> Vec<Test> {
    tests!["mapper":
        AllV6CallbacksDefined = "of a mapper of version 6 none of these callbacks is null either",
        DualLoadV6IsIdentical = "of a mapper of version 6 loading twice gives identical callbacks of these, too",
        GetBaseView = "where a buffer of two views can be had: its stride is at least 64, and its base view is the first",
        ImportViewBuffer = "where a buffer of two views can be had: its base view, the first, is imported and freed",
        GetMultiViewInfo = "where a buffer of two views can be had: its views are the two, the first one first, asked twice",
    ]
}

/// `VIEW_LEFT` and `VIEW_RIGHT` (frameworks/native, libs/ui BufferView.h).
const VIEWS: [u32; 2] = [1, 2];

fn six(subject: &Subject) -> Result<V6, Skip> {
    let version = subject.mapper.table_version();
    subject.mapper.v6().ok_or_else(|| Skip(format!("the mapper's version is {version}: it takes {VERSION_6}")))
}

/// The callbacks' addresses.
fn addresses(v6: &V6) -> [usize; CALLBACKS_6.len()] {
    // SAFETY: as many words of the same size, and every pointer is a valid usize (the layout is asserted in `abi`).
    unsafe { std::mem::transmute_copy(v6) }
}

fn AllV6CallbacksDefined(subject: &Subject) -> Verdict {
    let addresses = addresses(&six(subject)?);
    let null: Vec<_> = CALLBACKS_6.iter().zip(addresses).filter(|(_, address)| *address == 0).collect();
    assert!(null.is_empty(), "null: {null:?}");
    Ok(())
}

fn DualLoadV6IsIdentical(subject: &Subject) -> Verdict {
    let first = six(subject)?;
    let second = subject.mapper.load_again().expect("AIMapper_loadIMapper");
    let second = six_of(subject.mapper.with_table(second).v6());
    assert_eq!(addresses(&second), addresses(&first));
    Ok(())
}

fn six_of(v6: Option<V6>) -> V6 {
    v6.expect("the second table is of another version")
}

/// A buffer of both views, where there are such; the reason where there are none.
fn multi_view(subject: &Subject) -> Result<Imported, Skip> {
    six(subject)?;
    let version = subject.allocator.connection().interface_version().unwrap();
    if version < 3 {
        return Err(Skip(format!("the allocator's version is {version}: it takes 3")));
    }
    let info = Descriptor { width: 2121, height: 1212, ..Descriptor::generic() }.usage(usage::CPU_WRITE_OFTEN);
    match subject.allocator.supports_views(&[&info], 1) {
        None => Err(Skip("this suite is built for version 2 of the allocator's interface".to_owned())),
        Some(false) => Err(Skip("isMultiViewSupported is false".to_owned())),
        Some(true) => {
            let (stride, raw) = subject.allocator.views(&[&info], 0);
            assert!(stride >= 64, "a stride of {stride}");
            Ok(Imported::of(subject.mapper, &raw))
        }
    }
}

fn GetBaseView(subject: &Subject) -> Verdict {
    let buffer = multi_view(subject)?;
    assert_eq!(subject.mapper.base_view(buffer.handle()), Ok(VIEWS[0]));
    Ok(())
}

fn ImportViewBuffer(subject: &Subject) -> Verdict {
    let buffer = multi_view(subject)?;
    let base = subject.mapper.base_view(buffer.handle());
    assert_eq!(base, Ok(VIEWS[0]));
    let view = subject.mapper.import_view(buffer.handle(), VIEWS[0]).expect("importViewBuffer");
    assert!(!view.is_null(), "importViewBuffer succeeds and gives null");
    drop(Imported::adopt(subject.mapper, view));
    Ok(())
}

fn GetMultiViewInfo(subject: &Subject) -> Verdict {
    let buffer = multi_view(subject)?;
    for _ in 0..2 {
        assert_eq!(subject.mapper.multi_view_info(buffer.handle()), Ok(VIEWS.to_vec()));
    }
    Ok(())
}
