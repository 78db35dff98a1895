//! Each target with inputs that are mutated from good ones; the same ones every time. Of the rounds a run takes every so many-th
//! part, as `TESTS_SAMPLE` says; `cargo xtask test --whole` and the nightly run take all.

// A broken promise is a panic.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use fastrand::Rng;
use fuzz_targets::{calls, granted, handle, import, metadata, parcel, plan, policy, seeds};
use service_tests::sample;

fn below(random: &mut Rng, end: usize) -> usize {
    random.usize(..end.max(1))
}

/// Bytes changed, cut, repeated or set to what is often an edge.
fn mutate(random: &mut Rng, bytes: &mut Vec<u8>) {
    for _ in 0..below(random, 4) {
        let at = below(random, bytes.len());
        match below(random, 6) {
            0 => bytes.truncate(at),
            1 => bytes.extend_from_within(at..),
            2 => bytes.extend([0; 4]),
            choice => {
                let Some(byte) = bytes.get_mut(at) else { continue };
                *byte = match choice {
                    3 => [0, 1, 0x7f, 0x80, 0xff][below(random, 5)],
                    4 => *byte ^ 1 << below(random, 8),
                    _ => random.u8(..),
                };
            }
        }
    }
}

fn run(target: fn(&[u8]), rounds: usize) {
    let mut random = Rng::with_seed(1);
    let seeds = seeds();
    for seed in &seeds {
        target(seed);
    }
    for _ in 0..rounds / sample() {
        let mut bytes = seeds[below(&mut random, seeds.len())].clone();
        mutate(&mut random, &mut bytes);
        target(&bytes);
    }
}

#[test]
fn handles_mutated_are_refused_or_whole() {
    run(handle, 60_000);
}

#[test]
fn metadata_mutated_is_refused_or_comes_back() {
    run(metadata, 8_000);
}

#[test]
fn imports_mutated_are_refused_or_have_their_memory() {
    run(import, 40_000);
}

#[test]
fn descriptors_mutated_are_refused_or_planned_within_bounds() {
    run(plan, 60_000);
}

/// From a policy to what a client decodes, over policies of anybody's.
#[test]
fn policies_generated_plan_what_travels_in_a_handle_whole() {
    let mut random = Rng::with_seed(2);
    let (mut all, mut compressed, mut formats, mut metadata) = (0, 0, 0, 0);
    for _ in 0..3_000 / sample() {
        let mut bytes: Vec<u8> = (0..600).map(|_| random.u8(..)).collect();
        // A generated policy, all heaps.
        bytes[..2].copy_from_slice(&[0, 0xff]);
        let granted = granted(&bytes);
        all += granted.all;
        compressed += granted.compressed;
        formats += granted.vendor_format;
        metadata += granted.vendor_metadata;
    }
    println!(
        "{all} granted: {compressed} compressed, {formats} of a vendor's format, {metadata} with a vendor's types"
    );
    assert!([all, compressed, formats, metadata].iter().all(|granted| *granted > 20));
}

#[test]
fn policies_mutated_are_refused_or_come_back() {
    run(policy, 3_000);
}

#[test]
fn parcels_mutated_are_answered_and_leave_nothing() {
    run(parcel, 4_000);
}

#[test]
fn calls_mutated_do_what_a_model_says() {
    run(calls, 3_000);
}
