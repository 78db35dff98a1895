//! Numbers that are multiples of two others.

/// The least common multiple. 0 requires nothing, as 1 does.
pub(in crate::layout) fn common_multiple(a: u64, b: u64) -> Option<u64> {
    if b <= 1 || a % b == 0 && a > 0 {
        return Some(a.max(1));
    }
    (a.max(1) / common_divisor(a.max(1), b)).checked_mul(b)
}

/// What numbers that are odd multiples of both are an odd multiple of; 0 for any. `None` where there are none: the two do not
/// have the same power of two in them.
pub(in crate::layout) fn common_odd(a: u64, b: u64) -> Option<u64> {
    match (a, b) {
        (0, other) | (other, 0) => Some(other),
        (a, b) if a.trailing_zeros() == b.trailing_zeros() => common_multiple(a, b),
        _ => None,
    }
}

/// The greatest common divisor of two numbers that are not zero.
pub(in crate::layout) fn common_divisor(a: u64, b: u64) -> u64 {
    let (mut divisor, mut rest) = (a, b);
    while rest != 0 {
        (divisor, rest) = (rest, divisor.checked_rem(rest).unwrap_or(0));
    }
    divisor.max(1)
}
