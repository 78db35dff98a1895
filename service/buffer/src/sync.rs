//! Atomics: the standard library's, or in a model (`cargo xtask loom`) those whose orders are all tried.

#[cfg(not(all(test, loom)))]
pub(crate) use std::sync::atomic::{fence, AtomicU32, Ordering};

#[cfg(all(test, loom))]
pub(crate) use model::{fence, AtomicU32, Ordering};

#[cfg(all(test, loom))]
pub(crate) mod model {
    use std::cell::Cell;

    pub(crate) use loom::sync::atomic::{AtomicU32, Ordering};

    thread_local! {
        /// The fences of this order are left out: a planted fault. A model runs all its threads on one.
        pub(crate) static WITHOUT: Cell<Option<Ordering>> = const { Cell::new(None) };
    }

    pub(crate) fn fence(order: Ordering) {
        if WITHOUT.get() != Some(order) {
            loom::sync::atomic::fence(order);
        }
    }
}
