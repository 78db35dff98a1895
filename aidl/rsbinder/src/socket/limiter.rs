//! How many connections there are at once, in all and by uid.

use super::SocketOptions;
use rsbinder::rpc::PeerIdentity;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Counts connections.
pub(super) struct Limiter {
    connections: usize,
    connections_per_uid: usize,
    by_uid: Mutex<HashMap<u32, usize>>,
}

/// A counted connection; given back when dropped.
struct Permit {
    limiter: Arc<Limiter>,
    uid: u32,
}

thread_local! {
    /// The permit of the connection that this thread serves. The thread ends with its connection.
    static PERMIT: RefCell<Option<Permit>> = const { RefCell::new(None) };
}

impl Limiter {
    pub(super) fn new(options: SocketOptions) -> Arc<Limiter> {
        let SocketOptions { connections, connections_per_uid, .. } = options;
        Arc::new(Limiter { connections, connections_per_uid, by_uid: Mutex::default() })
    }

    /// Whether the connection that this thread has been given may stay. If so, it is counted until the thread ends.
    pub(super) fn admit(self: &Arc<Limiter>, peer: &PeerIdentity) -> bool {
        let PeerIdentity::Local { uid, pid } = *peer else {
            log::warn!("a client that the kernel does not name is refused");
            return false;
        };
        let Some(permit) = self.permit(uid) else {
            log::warn!("uid {uid} pid {pid} is refused: too many connections");
            return false;
        };
        PERMIT.with(|slot| slot.replace(Some(permit)));
        true
    }

    fn permit(self: &Arc<Limiter>, uid: u32) -> Option<Permit> {
        let mut by_uid = self.by_uid.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = by_uid.values().sum();
        let own = by_uid.get(&uid).copied().unwrap_or(0);
        if all >= self.connections || own >= self.connections_per_uid {
            return None;
        }
        by_uid.insert(uid, own.saturating_add(1));
        Some(Permit { limiter: Arc::clone(self), uid })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut by_uid = self.limiter.by_uid.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = by_uid.get_mut(&self.uid) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                by_uid.remove(&self.uid);
            }
        }
    }
}
