//! What a client finds behind the socket: the service, and a dump that works there.
//!
//! A binder dump carries a bare file descriptor, which a client of rsbinder cannot write for a socket (its only bare
//! writer is the kernel proxy's). So on the socket the same transaction code carries a `ParcelFileDescriptor` and the
//! arguments as a string list. All else goes straight to the service.

use crate::{into_fd, BnAllocator, ParcelFileDescriptor};
use rsbinder::{
    Binder, DeathRecipient, IBinder, Parcel, Remotable, Result, SIBinder, Stability, Transactable, TransactionCode,
    WIBinder, DUMP_TRANSACTION,
};
use std::any::Any;
use std::fs::File;
use std::mem::ManuallyDrop;
use std::sync::{Arc, Weak};

/// The service with its dump.
pub(crate) struct SocketRoot {
    binder: SIBinder,
    native: Binder<BnAllocator>,
}

impl SocketRoot {
    /// Wraps a service of this process.
    ///
    /// # Errors
    /// A remote service cannot be served on.
    pub(crate) fn wrap(service: &SIBinder) -> Result<SIBinder> {
        let native = Binder::<BnAllocator>::try_from(service.clone())?;
        SIBinder::new(Arc::new(SocketRoot { binder: service.clone(), native }))
    }

    fn dump(&self, request: &mut Parcel) -> Result<()> {
        let to: ParcelFileDescriptor = request.read()?;
        let args: Vec<String> = request.read()?;
        self.native.on_dump(&mut File::from(into_fd(to)), &args)
    }
}

impl IBinder for SocketRoot {
    fn rpc_transact(&self, code: TransactionCode, request: &mut Parcel, reply: &mut Parcel) -> Result<()> {
        if code == DUMP_TRANSACTION {
            return self.dump(request);
        }
        self.binder.rpc_transact(code, request, reply)
    }

    fn link_to_death(&self, recipient: Weak<dyn DeathRecipient>) -> Result<()> {
        self.binder.link_to_death(recipient)
    }

    fn unlink_to_death(&self, recipient: Weak<dyn DeathRecipient>) -> Result<()> {
        self.binder.unlink_to_death(recipient)
    }

    fn ping_binder(&self) -> Result<()> {
        self.binder.ping_binder()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_transactable(&self) -> Option<&dyn Transactable> {
        self.binder.as_transactable()
    }

    fn descriptor(&self) -> &str {
        self.binder.descriptor()
    }

    fn is_remote(&self) -> bool {
        false
    }

    fn stability(&self) -> Stability {
        self.binder.stability()
    }

    fn get_extension(&self) -> Result<Option<SIBinder>> {
        self.binder.get_extension()
    }

    // The counts are the kernel driver's, which never sees this object; `binder` keeps the service alive.
    fn inc_strong(&self, _strong: &SIBinder) -> Result<()> {
        Ok(())
    }

    fn attempt_inc_strong(&self) -> bool {
        true
    }

    fn dec_strong(&self, _strong: Option<ManuallyDrop<SIBinder>>) -> Result<()> {
        Ok(())
    }

    fn inc_weak(&self, _weak: &WIBinder) -> Result<()> {
        Ok(())
    }

    fn dec_weak(&self) -> Result<()> {
        Ok(())
    }
}
