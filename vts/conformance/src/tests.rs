//! What is demanded.
//!
//! `allocator` and `mapper` are AOSP's VTS, test for test and under the same names
//! (`VtsHalGraphicsAllocatorAidl_TargetTest`, `VtsHalGraphicsMapperStableC_TargetTest`, March 2025, 16 QPR2, 17 and later; `--vts` says
//! which one where they differ; `Lock_RGB_Format` is a test a format, and those of mapper 6 are not here), with one
//! difference: where the VTS lets a test pass because the allocator calls something unsupported, it fails here. Protected
//! content is the exception, because it needs hardware. The other groups are what the VTS leaves out.

mod allocator;
mod answers;
mod dumps;
mod fences;
mod formats;
mod handles;
mod hostile;
mod ids;
mod library;
mod locks;
mod mapper;
mod pages;
mod regions;
mod sharing;
mod values;

pub(crate) use dumps::of_a_buffer as dump_of_a_buffer;

use crate::case::Test;

/// Every test, in order.
pub fn all() -> Vec<Test> {
    [
        allocator::tests(),
        mapper::tests(),
        library::tests(),
        answers::tests(),
        ids::tests(),
        formats::tests(),
        pages::tests(),
        values::tests(),
        sharing::tests(),
        regions::tests(),
        locks::tests(),
        fences::tests(),
        handles::tests(),
        hostile::tests(),
        dumps::tests(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod list {
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_and_demands_fit_a_table() {
        let tests = super::all();
        let names: HashSet<_> = tests.iter().map(|test| test.name).collect();
        assert_eq!(names.len(), tests.len());
        for test in &tests {
            assert!(!test.demand.is_empty() && !test.demand.contains(['|', '\n']), "{}", test.name);
        }
    }

    #[test]
    fn the_vts_is_complete() {
        let count = |group: &str| super::all().iter().filter(|test| test.name.starts_with(group)).count();
        assert_eq!((count("allocator::"), count("mapper::")), (6, 80));
    }
}
