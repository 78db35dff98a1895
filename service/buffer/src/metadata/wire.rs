//! The byte streams of metadata: little-endian numbers, and texts and lists with their length in front.

use super::{StandardMetadata, STANDARD_NAME};
use std::mem::{size_of, MaybeUninit};

/// A byte of the room that is written into: a program's own, or a C client's, which may never have been written.
///
/// The compiler makes a writer of each: to ask at every value which one it is takes longer than to write it.
pub trait Byte: Copy {
    /// With this value.
    fn of(byte: u8) -> Self;
    /// As many at once.
    fn constant<const N: usize>(text: &Constant<N>) -> &[Self; N];
}

impl Byte for u8 {
    fn of(byte: u8) -> u8 {
        byte
    }

    fn constant<const N: usize>(text: &Constant<N>) -> &[u8; N] {
        &text.bytes
    }
}

impl Byte for MaybeUninit<u8> {
    fn of(byte: u8) -> MaybeUninit<u8> {
        MaybeUninit::new(byte)
    }

    fn constant<const N: usize>(text: &Constant<N>) -> &[MaybeUninit<u8>; N] {
        &text.uninit
    }
}

/// Writes as much as fits and counts all, so that a caller with too little room learns how much it needs.
///
/// Once something did not fit, nothing more is written: what stands in the room is a prefix. Nothing is read from the room.
#[derive(Debug)]
pub struct Writer<'a, B> {
    room: &'a mut [B],
    needed: usize,
}

impl<'a, B: Byte> Writer<'a, B> {
    /// Writes into `room`, which may be empty.
    pub fn new(room: &'a mut [B]) -> Writer<'a, B> {
        Writer { room, needed: 0 }
    }

    /// Bytes that were written, or would have been.
    pub fn needed(&self) -> usize {
        self.needed
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        let end = self.needed.saturating_add(bytes.len());
        let written = self.room.get_mut(self.needed..end).map(|room| copy(bytes, room));
        self.count_written(written, end);
    }

    /// The same for so few bytes that they are one store.
    fn array<const N: usize>(&mut self, bytes: [B; N]) {
        let end = self.needed.saturating_add(N);
        let room = self.room.get_mut(self.needed..).and_then(<[B]>::first_chunk_mut);
        let written = room.map(|room| *room = bytes);
        self.count_written(written, end);
    }

    fn count_written(&mut self, written: Option<()>, end: usize) {
        if written.is_none() {
            self.room = &mut [];
        }
        self.needed = end;
    }

    pub(super) fn i32(&mut self, value: i32) {
        self.array(value.to_le_bytes().map(B::of));
    }

    pub(super) fn u32(&mut self, value: u32) {
        self.array(value.to_le_bytes().map(B::of));
    }

    pub(super) fn i64(&mut self, value: i64) {
        self.array(value.to_le_bytes().map(B::of));
    }

    pub(super) fn u64(&mut self, value: u64) {
        self.array(value.to_le_bytes().map(B::of));
    }

    /// Several numbers, with one look at the room.
    pub(super) fn i64s<const N: usize>(&mut self, values: [i64; N]) {
        let end = self.needed.saturating_add(N * size_of::<i64>());
        // Of a length that the compiler knows: a few wide stores.
        let room = self.room.get_mut(self.needed..).and_then(|room| room.get_mut(..N * size_of::<i64>()));
        let written = room.map(|room| {
            let places = room.chunks_exact_mut(size_of::<i64>());
            places.zip(&values).for_each(|(to, value)| to.copy_from_slice(&value.to_le_bytes().map(B::of)));
        });
        self.count_written(written, end);
    }

    /// A length or a count: 64 bits, never negative. Nothing here has more than a few thousand.
    pub(super) fn count(&mut self, value: usize) {
        self.i64(i64::try_from(value).unwrap_or(0));
    }

    pub(super) fn text(&mut self, text: &[u8]) {
        self.count(text.len());
        self.bytes(text);
    }

    /// A text that is always the same, with its length in front.
    pub(super) fn constant<const N: usize>(&mut self, text: &Constant<N>) {
        let end = self.needed.saturating_add(N);
        // Not handed on by value: the compiler would copy it twice.
        let room = self.room.get_mut(self.needed..).and_then(<[B]>::first_chunk_mut);
        let written = room.map(|room| *room = *B::constant(text));
        self.count_written(written, end);
    }

    /// What stands before every value: which type it is of.
    pub(super) fn header(&mut self, kind: StandardMetadata) {
        const NAME: Constant<{ STANDARD_NAME.len() + LENGTH }> = Constant::new(STANDARD_NAME);
        self.constant(&NAME);
        self.i64(kind.number());
    }
}

/// Bytes of a length.
pub(super) const LENGTH: usize = 8;

/// A text with its length in front, ready for both kinds of room: of a size that the compiler knows, so that it is a few wide stores.
#[derive(Debug)]
pub struct Constant<const N: usize> {
    bytes: [u8; N],
    uninit: [MaybeUninit<u8>; N],
}

impl<const N: usize> Constant<N> {
    /// `N` is [`LENGTH`] more than the text has.
    #[allow(clippy::as_conversions, clippy::indexing_slicing, clippy::panic)] // Evaluated when it is compiled.
    pub(super) const fn new(text: &str) -> Constant<N> {
        assert!(N == LENGTH + text.len());
        let length = (text.len() as u64).to_le_bytes();
        let mut constant = Constant { bytes: [0; N], uninit: [MaybeUninit::uninit(); N] };
        let mut at = 0;
        while at < N {
            let byte = if at < LENGTH { length[at] } else { text.as_bytes()[at - LENGTH] };
            constant.bytes[at] = byte;
            constant.uninit[at] = MaybeUninit::new(byte);
            at += 1;
        }
        constant
    }
}

/// Copies bytes. A function of its own: only where its arguments are known to be apart does the compiler make one copy of the
/// loop, and a copy byte by byte takes longer than all else that a getter does.
#[inline(never)]
fn copy<B: Byte>(from: &[u8], to: &mut [B]) {
    to.iter_mut().zip(from).for_each(|(to, byte)| *to = B::of(*byte));
}

/// Takes values from the front of bytes that anybody may have written; `None` when there are not enough.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    pub(super) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let taken = self.rest.get(..count)?;
        self.rest = self.rest.get(count..)?;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.try_into().ok()
    }

    /// What nobody took.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_le_bytes)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    /// A byte that is 0 or 1.
    pub(super) fn flag(&mut self) -> Option<bool> {
        match self.u8()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    pub(super) fn i32(&mut self) -> Option<i32> {
        self.array().map(i32::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn f32(&mut self) -> Option<f32> {
        self.array().map(f32::from_le_bytes)
    }

    pub(super) fn count(&mut self) -> Option<usize> {
        usize::try_from(self.i64()?).ok()
    }

    pub(super) fn text(&mut self) -> Option<&'a [u8]> {
        let count = self.count()?;
        self.bytes(count)
    }

    /// The header, when it is of this type.
    pub(super) fn header(&mut self, kind: StandardMetadata) -> Option<()> {
        let named = self.text()? == STANDARD_NAME.as_bytes();
        let numbered = self.i64()? == kind.number();
        (named && numbered).then_some(())
    }
}
