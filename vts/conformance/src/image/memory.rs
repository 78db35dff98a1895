//! A locked buffer's memory: bytes that other processes write too, so never a slice.

use std::marker::PhantomData;

/// Bytes from a pointer that a lock gave.
pub struct Memory<'l> {
    data: *mut u8,
    bytes: u64,
    lock: PhantomData<&'l mut u8>,
}

impl<'l> Memory<'l> {
    /// The memory of a lock: `bytes` as the mapper says. Where that is too much, the process dies by SIGSEGV or SIGBUS,
    /// and the test with it.
    pub fn new(data: *mut u8, bytes: u64) -> Memory<'l> {
        Memory { data, bytes, lock: PhantomData }
    }

    /// Memory of this process.
    pub fn of_slice(bytes: &'l mut [u8]) -> Memory<'l> {
        Memory { data: bytes.as_mut_ptr(), bytes: u64::try_from(bytes.len()).unwrap_or(0), lock: PhantomData }
    }

    fn at(&self, byte: u64) -> *mut u8 {
        assert!(byte < self.bytes, "byte {byte} of a buffer of {}", self.bytes);
        self.data.wrapping_add(usize::try_from(byte).unwrap_or(0))
    }

    /// One byte.
    pub fn read(&self, byte: u64) -> u8 {
        // SAFETY: inside the memory that the lock gave; volatile, since others write it.
        unsafe { self.at(byte).read_volatile() }
    }

    /// Writes one byte.
    pub fn write(&self, byte: u64, value: u8) {
        // SAFETY: as above.
        unsafe { self.at(byte).write_volatile(value) }
    }

    /// Writes the same byte everywhere.
    pub fn fill(&self, value: u8) {
        (0..self.bytes).for_each(|byte| self.write(byte, value));
    }

    /// Whether every byte is this one; else the first that is not.
    pub fn all_are(&self, value: u8) -> Result<(), u64> {
        (0..self.bytes).find(|byte| self.read(*byte) != value).map_or(Ok(()), Err)
    }

    /// How much there is.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}
