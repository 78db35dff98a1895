//! A pair that has buffers of two views, and its faults: the allocator `makes-views`, with the mapper of version 6 that is named.
//! `promises-views` is an allocator that has none.

use crate::Mutant;

const VIEWS: &[&str] = &["mapper::GetBaseView", "mapper::ImportViewBuffer", "mapper::GetMultiViewInfo"];

pub(crate) const MUTANTS: &[Mutant] = &[
    Mutant::new("promises-views", VIEWS),
    Mutant::new("views-backwards", &["mapper::GetMultiViewInfo"]),
    Mutant::new("base-view-is-the-second", &["mapper::GetBaseView", "mapper::ImportViewBuffer"]),
    Mutant::new("imports-no-view", &["mapper::ImportViewBuffer"]),
];

/// No fault: the tests pass.
pub(crate) const OBEDIENT: &[Mutant] = &[Mutant::new("has-views", VIEWS)];

/// Over this project's own service of V3, which makes no such buffers.
pub(crate) const WITHOUT: &[(Mutant, &str)] = &[(Mutant::new("has-views", VIEWS), "isMultiViewSupported is false")];
