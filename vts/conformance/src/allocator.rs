//! The allocator under test, and what comes back, taken as any allocator's.

use crate::descriptor::Descriptor;
use crate::format::Format;
use crate::handle::RawHandle;
use crate::mapper::{Imported, Mapper};
use allocator_aidl::{into_fd, AllocationResult, NativeHandle};
use gralloc_client::{ClientError, Connection};

/// Why there is no buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The allocator said no, with this `AllocationError`.
    Error(i32, String),
    /// The call itself broke.
    Call(String),
}

/// The allocator under test.
#[derive(Clone)]
pub struct Allocator {
    connection: Connection,
}

/// Buffers of one call.
pub struct Allocation {
    /// As the allocator says.
    pub stride: i32,
    /// The handles.
    pub buffers: Vec<RawHandle>,
}

/// One buffer and what was asked for.
pub struct Buffer {
    /// Its handle.
    pub raw: RawHandle,
    /// As the allocator says.
    pub stride: i32,
    /// As asked.
    pub descriptor: Descriptor,
}

impl Allocator {
    /// Takes a connection over.
    pub fn new(connection: Connection) -> Allocator {
        Allocator { connection }
    }

    /// The connection.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// `allocate2`.
    ///
    /// # Errors
    /// The refusal.
    pub fn allocate(&self, descriptor: &Descriptor, count: i32) -> Result<Allocation, Refusal> {
        let result = self.connection.allocate_raw(&descriptor.wire(), count).map_err(|error| match error {
            ClientError::Refused { code, message } => Refusal::Error(code, message),
            other => Refusal::Call(other.to_string()),
        })?;
        Ok(Allocation::from(result))
    }

    /// One buffer; fails the test when there is none.
    pub fn one(&self, descriptor: &Descriptor) -> Buffer {
        let Allocation { stride, mut buffers } = self
            .allocate(descriptor, 1)
            .unwrap_or_else(|refusal| panic!("allocate2 of {}: {refusal:?}", summary(descriptor)));
        assert_eq!(buffers.len(), 1, "allocate2 of one buffer gives another number");
        Buffer { raw: buffers.remove(0), stride, descriptor: descriptor.clone() }
    }

    /// What VTS calls `allocateGeneric`.
    pub fn generic(&self) -> Buffer {
        self.one(&Descriptor::generic())
    }

    /// `isSupported`; fails the test when the call does.
    pub fn supports(&self, descriptor: &Descriptor) -> bool {
        let supported = self.connection.is_supported(&descriptor.wire());
        supported.unwrap_or_else(|error| panic!("isSupported of {}: {error}", summary(descriptor)))
    }

    /// A buffer that need not exist: `None` when `isSupported` and `allocate2` agree that there is none. A disagreement
    /// fails the test, as does a refusal that is no `AllocationError`.
    pub fn optional(&self, descriptor: &Descriptor) -> Option<Buffer> {
        let supported = self.supports(descriptor);
        match self.allocate(descriptor, 1) {
            Ok(_) if !supported => {
                panic!("isSupported denies {} and allocate2 gives it", summary(descriptor))
            }
            Ok(Allocation { stride, mut buffers }) => {
                let raw = buffers.pop().expect("allocate2 succeeds with no buffer");
                Some(Buffer { raw, stride, descriptor: descriptor.clone() })
            }
            Err(refusal) if supported => {
                panic!("isSupported promises {} and allocate2 refuses: {refusal:?}", summary(descriptor))
            }
            Err(Refusal::Error(..)) => None,
            Err(refusal) => panic!("allocate2 of {} breaks: {refusal:?}", summary(descriptor)),
        }
    }
}

/// What V3 adds.
impl Allocator {
    /// `isMultiViewSupported`; `None` where this suite is built for V2.
    pub fn supports_views(&self, views: &[&Descriptor], base: i32) -> Option<bool> {
        let wire: Vec<_> = views.iter().map(|view| view.wire()).collect();
        let supported = allocator_aidl::is_multi_view_supported(self.connection.allocator(), &wire, base)?;
        Some(supported.unwrap_or_else(|status| panic!("isMultiViewSupported: {status}")))
    }

    /// `allocateMultiView`: the stride and the buffer; fails the test when there is none.
    pub fn views(&self, views: &[&Descriptor], base: i32) -> (i32, RawHandle) {
        let wire: Vec<_> = views.iter().map(|view| view.wire()).collect();
        let result = allocator_aidl::allocate_multi_view(self.connection.allocator(), &wire, base);
        let result =
            result.expect("an interface of version 3").unwrap_or_else(|status| panic!("allocateMultiView: {status}"));
        let Allocation { stride, mut buffers } = Allocation::from(result);
        assert_eq!(buffers.len(), 1, "allocateMultiView gives one buffer for all views");
        (stride, buffers.remove(0))
    }
}

impl From<AllocationResult> for Allocation {
    fn from(result: AllocationResult) -> Allocation {
        let handle = |NativeHandle { fds, ints }| RawHandle::new(fds.into_iter().map(into_fd).collect(), ints);
        Allocation { stride: result.stride, buffers: result.buffers.into_iter().map(handle).collect() }
    }
}

impl Buffer {
    /// Imports it.
    pub fn import(&self, mapper: Mapper) -> Imported {
        Imported::of(mapper, &self.raw)
    }

    /// The stride as a size.
    pub fn stride(&self) -> i64 {
        self.stride.into()
    }
}

/// A descriptor in few words.
pub fn summary(descriptor: &Descriptor) -> String {
    let Descriptor { width, height, layers, format, usage, reserved, .. } = descriptor;
    let format = Format::from_value(*format).map_or_else(|| format!("{format:#x}"), |format| format.name().to_owned());
    format!("{width} x {height} {format}, {layers} layers, usage {usage:#x}, {reserved} bytes reserved")
}
