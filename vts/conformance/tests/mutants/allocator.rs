//! Faults of an allocator, and what each must at least fail: the tests that are about it.

use crate::Mutant;

pub(crate) const MUTANTS: &[Mutant] = &[
    Mutant::new(
        "one-buffer-too-few",
        &["answers::as_many_buffers_come_as_were_asked_for", "sharing::buffers_do_not_share_values"],
    ),
    Mutant::new("one-buffer-too-many", &["answers::as_many_buffers_come_as_were_asked_for"]),
    Mutant::new("one-memory-for-all-buffers-of-a-call", &["answers::each_buffer_of_a_call_has_memory_of_its_own"]),
    Mutant::new("accepts-unknown-usage", &["allocator::RejectsUnknownUsages"]),
    Mutant::new("accepts-unknown-options", &["allocator::RejectsUnknownOptions"]),
    Mutant::new("accepts-unknown-formats", &["answers::formats_that_do_not_exist_are_refused"]),
    Mutant::new(
        "takes-impossible-sizes",
        &[
            "allocator::RejectsZeroLayerCount",
            "answers::sizes_that_cannot_be_are_refused",
            "pages::buffers_around_a_page_are_whole",
        ],
    ),
    Mutant::new(
        "promises-everything",
        &["mapper::GetProtectedContent", "answers::support_and_allocation_agree", "formats::BLOB"],
    ),
    Mutant::new(
        "calls-formats-unsupported",
        &["mapper::Lock_RAW10", "answers::support_and_allocation_agree", "formats::YCBCR_P010"],
    ),
    Mutant::new(
        "promises-front-buffers",
        &[
            "allocator::FrontBufferGpuToCpu",
            "allocator::FrontBufferGpuToGpu",
            "mapper::GetUsage64",
            "answers::front_buffer_is_written_and_read_by_the_cpu",
        ],
    ),
    Mutant::new(
        "stride-too-small",
        &[
            "allocator::CanAllocate",
            "mapper::CanAllocate",
            "mapper::GetStride",
            "answers::stride_holds_a_line_of_every_format",
        ],
    ),
    Mutant::new("repeats-ids", &["mapper::GetBufferId", "ids::ids_of_200_buffers_differ"]),
    Mutant::new("repeats-ids-after-a-restart", &["ids::ids_differ_after_a_restart"]),
    Mutant::new("gives-old-memory", &["allocator::FrontBufferGpuToCpu", "answers::new_memory_is_zero"]),
    Mutant::new("gives-old-metadata", &["values::a_new_buffer_has_defaults_whatever_older_ones_were_set_to"]),
    Mutant::new("refuses-with-code-0", &["mapper::GetProtectedContent"]),
    Mutant::new("refuses-with-code-3", &["allocator::RejectsUnknownUsages", "allocator::RejectsUnknownOptions"]),
    Mutant::new(
        "refuses-with-an-empty-success",
        &[
            "mapper::GetProtectedContent",
            "answers::counts_below_zero_are_refused_and_the_allocator_lives",
            "answers::formats_that_do_not_exist_are_refused",
        ],
    ),
    Mutant::new("calls-the-impossible-a-shortage", &["answers::what_can_never_succeed_is_no_shortage"]),
    Mutant::crashing("dies-of-a-negative-count", &["answers::counts_below_zero_are_refused_and_the_allocator_lives"]),
    Mutant::new("suffix-is-a-path", &["answers::version_is_at_least_2_and_the_suffix_names_a_library"]),
    Mutant::new("deprecated-allocate-succeeds", &["answers::deprecated_allocate_fails_and_the_allocator_lives"]),
    Mutant::new(
        "forgets-the-reserved-region",
        &[
            "regions::region_has_the_size_that_was_asked_for_and_is_zero",
            "regions::region_is_shared_among_imports_and_processes",
        ],
    ),
    Mutant::new(
        "forgets-layers",
        &["answers::sizes_that_cannot_be_are_refused", "values::layer_count_and_size_grow_with_layers", "formats::*"],
    ),
    Mutant::new(
        "forgets-names",
        &["mapper::GetName", "answers::names_of_any_bytes_are_taken_or_refused_and_nothing_breaks"],
    ),
    Mutant::new("forgets-the-dataspace", &["sharing::dataspace_that_was_asked_for_is_there_from_the_first_import"]),
    Mutant::new("usage-of-32-bits", &["mapper::GetUsage64"]),
];

/// Allocators that are no mutants: they lack what nobody has to have, and the tests that are named are skipped, with these words.
pub(crate) const WITHOUT: &[(Mutant, &str)] = &[(
    Mutant::new(
        "calls-front-buffers-unsupported",
        &[
            "allocator::FrontBufferGpuToCpu",
            "allocator::FrontBufferGpuToGpu",
            "mapper::GetUsage64",
            "answers::front_buffer_is_written_and_read_by_the_cpu",
        ],
    ),
    "FRONT_BUFFER: isSupported and allocate2 both say no",
)];

/// The same where what they do is one of the choices that the contract leaves: the tests that are named pass.
pub(crate) const OBEDIENT: &[Mutant] = &[Mutant::new(
    "refuses-with-code-0",
    &["allocator::RejectsUnknownUsages", "allocator::RejectsUnknownOptions", "allocator::RejectsZeroLayerCount"],
)];
