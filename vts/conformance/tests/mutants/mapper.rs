//! Faults of a mapper, and what each must at least fail: the tests that are about it.

use crate::Mutant;

pub(crate) const MUTANTS: &[Mutant] = &[
    Mutant::new("wrong-version", &["mapper::VersionChecks", "library::both_version_symbols_are_exported"]),
    Mutant::new("no-stablec-version", &["library::both_version_symbols_are_exported"]),
    Mutant::new("misaligned-table", &["library::table_is_aligned_and_one"]),
    Mutant::new("another-table-each-time", &["mapper::DualLoadIsIdentical", "library::table_is_aligned_and_one"]),
    Mutant::crashing(
        "second-instance-frees-nothing",
        &["mapper::DualLoadIsIdentical", "mapper::ImportFreeBufferSingleton"],
    ),
    Mutant::new(
        "no-dump-callbacks",
        &["mapper::AllV5CallbacksDefined", "dumps::dump_goes_on_while_others_import_and_free"],
    ),
    Mutant::new("says-6-without-callbacks", &["mapper::VersionChecks", "mapper::AllV6CallbacksDefined"]),
    Mutant::new("other-views-each-time", &["mapper::VersionChecks", "mapper::DualLoadV6IsIdentical"]),
    Mutant::new(
        "list-forgets-setters",
        &["mapper::CheckRequiredSettersIfHasGetters", "library::list_is_static_and_clean"],
    ),
    Mutant::new(
        "list-takes-what-it-does-not-give",
        &["mapper::SupportsRequiredGettersSetters", "mapper::ListSupportedWorks"],
    ),
    Mutant::new(
        "one-handle-per-buffer",
        &["mapper::ImportFreeBuffer", "locks::write_and_read_locks_of_two_imports_go_together"],
    ),
    Mutant::new(
        "frees-anything",
        &[
            "mapper::FreeBufferNegative",
            "handles::handle_that_was_not_imported_is_bad_buffer_everywhere",
            "handles::freed_handle_is_bad_buffer_everywhere",
            "handles::null_and_empty_handles_are_bad_buffer_everywhere",
            "hostile::memory_that_is_no_handle_is_bad_buffer",
        ],
    ),
    Mutant::new(
        "imports-anything",
        &[
            "mapper::ImportBufferNegative",
            "hostile::counts_that_lie_are_bad_buffer",
            "hostile::handle_that_is_cut_is_bad_buffer",
            "hostile::fd_that_is_closed_is_bad_buffer",
            "hostile::fd_that_is_no_buffer_does_no_harm",
        ],
    ),
    Mutant::new("twelve-imports-at-most", &["handles::handles_are_imported_and_freed_by_8_threads_at_once"]),
    Mutant::new("leaks-an-fd-an-import", &["handles::nothing_is_left_behind"]),
    Mutant::new("refuses-imported-handles", &["handles::imported_handle_imports_again"]),
    Mutant::new("uses-the-raw-handles-fds", &["handles::import_takes_a_copy"]),
    Mutant::new("transport-size-is-short", &["handles::transport_size_is_enough"]),
    Mutant::new(
        "bad-value-for-bad-buffer",
        &[
            "mapper::UnlockNotImported",
            "mapper::GetMetadataBadValue",
            "regions::region_of_a_bad_handle_is_bad_buffer",
            "handles::freed_handle_is_bad_buffer_everywhere",
        ],
    ),
    Mutant::new(
        "refuses-nested-locks",
        &[
            "mapper::LockUnlockNested",
            "locks::locks_nest_and_count",
            "locks::one_import_is_locked_by_8_threads_at_once",
        ],
    ),
    Mutant::new("one-lock-for-all-imports", &["locks::each_of_8_threads_imports_locks_and_frees"]),
    Mutant::crashing("dies-of-freeing-a-locked-buffer", &["locks::freeing_a_locked_buffer_leaves_the_others_alone"]),
    Mutant::new("locks-belong-to-threads", &["locks::one_thread_locks_and_another_unlocks"]),
    Mutant::new(
        "locks-a-copy",
        &["mapper::FlushRereadBasic", "locks::blob_is_locked_in_place", "handles::two_imports_live_and_die_apart"],
    ),
    Mutant::new(
        "locks-anything",
        &["mapper::LockBadAccessRegion", "locks::usage_must_have_a_cpu_part", "locks::region_must_be_inside"],
    ),
    Mutant::new("ignores-cpu-usage", &["mapper::LockUnlockNoCPUUsage", "locks::usage_must_have_a_cpu_part"]),
    Mutant::new("usage-beyond-the-cpus-is-unsupported", &["locks::usage_beyond_the_cpus_is_locked_or_bad_value"]),
    Mutant::new(
        "ignores-the-region",
        &[
            "mapper::LockBadAccessRegion",
            "locks::region_must_be_inside",
            "fences::acquire_fence_is_closed_when_the_lock_fails",
        ],
    ),
    Mutant::new("points-into-the-region", &["locks::data_is_the_top_left_corner_whatever_the_region"]),
    Mutant::new("maps-at-every-lock", &["locks::locking_again_and_again_keeps_what_was_written"]),
    Mutant::new(
        "keeps-acquire-fences",
        &["fences::acquire_fence_is_closed_when_the_lock_succeeds", "fences::signalled_sync_file_is_taken_at_once"],
    ),
    Mutant::crashing(
        "waits-for-what-is-no-fence",
        &["fences::what_is_no_fence_does_no_harm", "fences::no_fence_is_left_behind"],
    ),
    Mutant::new("ignores-acquire-fences", &["fences::pending_sync_file_is_waited_for"]),
    Mutant::new("flush-waits-for-fences", &["fences::flush_waits_for_no_device"]),
    Mutant::new("one-fence-holds-up-everybody", &["fences::pending_fence_of_one_buffer_does_not_hold_up_another"]),
    Mutant::new(
        "unlocks-anything",
        &[
            "mapper::UnlockNegative",
            "mapper::UnlockNotImported",
            "mapper::UnlockNotLocked",
            "locks::locks_nest_and_count",
        ],
    ),
    Mutant::new("release-fence-never-signals", &["mapper::LockUnlockBasic", "fences::release_fence_signals"]),
    Mutant::crashing("dies-in-unlock-of-p210", &["mapper::Lock_YCBCR_P210", "formats::YCBCR_P210"]),
    Mutant::new(
        "flushes-anything",
        &[
            "mapper::FlushLockedBufferBadBuffer",
            "mapper::RereadLockedBufferBadBuffer",
            "locks::flush_and_reread_need_a_lock",
        ],
    ),
    Mutant::new(
        "cuts-answers-short",
        &[
            "mapper::GetUsage",
            "values::every_type_decodes_to_the_last_byte",
            "values::getters_tell_the_size_and_keep_to_it",
        ],
    ),
    Mutant::new("writes-behind-a-short-buffer", &["values::getters_tell_the_size_and_keep_to_it"]),
    Mutant::new("unknown-types-are-empty", &["mapper::GetUnsupportedMetadata"]),
    Mutant::new("dumps-a-width-alone", &["dumps::dump_of_a_buffer_tells_what_the_getters_tell"]),
    Mutant::new("dumps-freed-buffers-too", &["dumps::dump_of_all_buffers_tells_each_import_once"]),
    Mutant::new(
        "ignores-sets",
        &[
            "mapper::GetSetDataspace",
            "values::every_settable_type_takes_two_values_in_turn",
            "sharing::types_are_not_torn_apart_by_neighbours",
        ],
    ),
    Mutant::new(
        "cannot-clear",
        &["mapper::GetSetSmpte2086", "mapper::GetCta861_3", "values::absent_values_are_set_and_cleared"],
    ),
    Mutant::new("tears-values", &["sharing::values_are_never_torn"]),
    Mutant::new("forgets-smpte2094-50", &["mapper::GetSetSmpte2094_50"]),
    Mutant::new("takes-constant-values", &["values::constant_types_cannot_be_set"]),
    Mutant::new(
        "takes-malformed-values",
        &[
            "values::absent_values_are_set_and_cleared",
            "values::malformed_values_are_refused",
            "values::unknown_types_cannot_be_set",
        ],
    ),
    Mutant::new("set-spoils-the-reserved-region", &["regions::region_and_metadata_leave_each_other_alone"]),
    Mutant::new(
        "keeps-values-to-an-import",
        &[
            "ids::buffers_outlive_the_allocator",
            "sharing::second_import_sees_what_the_first_sets",
            "sharing::other_process_sees_what_is_set_here_and_the_other_way_round",
            "sharing::value_outlives_the_import_that_set_it",
        ],
    ),
    Mutant::new("region-is-an-imports-own", &["regions::region_is_shared_among_imports_and_processes"]),
    Mutant::new(
        "region-is-a-whole-page",
        &[
            "pages::reserved_region_around_a_page_is_whole",
            "regions::region_has_the_size_that_was_asked_for_and_is_zero",
        ],
    ),
    Mutant::new(
        "lies-about-identity",
        &[
            "mapper::GetWidthHeight",
            "mapper::GetPixelFormatRequested",
            "mapper::GetStride",
            "answers::stride_holds_a_line_of_every_format",
        ],
    ),
    Mutant::new(
        "lies-about-memory",
        &[
            "mapper::GetPixelFormatFourCC",
            "mapper::GetPixelFormatModifier",
            "mapper::GetAllocationSize",
            "pages::allocation_size_is_fit_for_pages_of_16_kib",
            "hostile::every_int_is_spoilt_in_turn_and_nothing_outside_is_described",
        ],
    ),
    Mutant::new(
        "lies-about-content",
        &[
            "mapper::GetCompression",
            "mapper::GetInterlaced",
            "mapper::GetChromaSiting",
            "mapper::GetCrop",
            "values::crop_is_the_image_of_any_size",
        ],
    ),
    Mutant::new(
        "lies-about-defaults",
        &[
            "mapper::GetSetDataspace",
            "mapper::GetSetBlendMode",
            "mapper::GetSmpte2094_10",
            "mapper::GetSmpte2094_40",
            "values::absent_values_are_set_and_cleared",
        ],
    ),
    Mutant::new("every-buffer-has-one-id", &["mapper::GetBufferId", "ids::ids_of_200_buffers_differ"]),
    Mutant::new(
        "every-import-has-its-own-id",
        &["ids::id_is_the_same_for_every_import_of_a_buffer", "handles::clone_imports_as_the_same_buffer"],
    ),
    Mutant::new("layer-count-is-always-1", &["values::layer_count_and_size_grow_with_layers"]),
    Mutant::new("layers-count-from-0", &["mapper::GetLayerCount", "values::layer_count_and_size_grow_with_layers"]),
    Mutant::new(
        "allocation-size-of-a-page",
        &[
            "mapper::GetAllocationSize",
            "pages::buffers_around_a_page_are_whole",
            "values::layer_count_and_size_grow_with_layers",
        ],
    ),
    Mutant::new(
        "nv21-and-yv12-with-cb-and-cr-swapped",
        &["mapper::Lock_YCRCB_420_SP", "mapper::Lock_YV12", "formats::YCRCB_420_SP", "formats::YV12"],
    ),
    Mutant::new(
        "forgets-subsampling",
        &["mapper::YV12SubsampleMetadata", "mapper::Lock_YCBCR_420_888", "formats::YCBCR_422_I"],
    ),
    Mutant::new("strides-twice-as-long", &["mapper::Lock_RAW12", "pages::planes_lie_where_they_would_with_any_page"]),
    Mutant::new(
        "red-one-bit-further",
        &["mapper::Lock_RGB_Format_*", "formats::RGB_565", "formats::R_*", "formats::BGR*", "formats::RG*"],
    ),
    Mutant::new("rgba-as-bgra", &["mapper::GetPlaneLayouts", "formats::RGBA_8888"]),
    Mutant::new(
        "raw-as-whole-pixels",
        &[
            "mapper::Lock_RAW10",
            "mapper::Lock_RAW12",
            "mapper::Lock_RAW14",
            "formats::RAW10",
            "formats::RAW12",
            "formats::RAW14",
        ],
    ),
    Mutant::new("ten-bits-at-the-bottom", &["mapper::Lock_YCBCR_P010", "formats::YCBCR_P010"]),
    Mutant::new(
        "planes-begin-on-pages",
        &[
            "mapper::Lock_YV12",
            "formats::YCBCR_422_SP",
            "formats::YCBCR_420_888",
            "pages::planes_lie_where_they_would_with_any_page",
        ],
    ),
    Mutant::new(
        "dataspace-with-a-tail",
        &[
            "values::every_type_decodes_to_the_last_byte",
            "values::by_name_is_the_same_as_by_number",
            "values::every_settable_type_takes_two_values_in_turn",
        ],
    ),
];

/// Mappers that are no mutants: they do what IMapper.h says where this project's own does otherwise, and pass the tests that are
/// named.
pub(crate) const OBEDIENT: &[Mutant] =
    &[Mutant::new("refuses-usage-beyond-the-cpus", &["locks::usage_beyond_the_cpus_is_locked_or_bad_value"])];
