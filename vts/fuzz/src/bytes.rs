//! Numbers and choices off the front of hostile bytes.

/// What is left of the bytes; zero where there are none.
pub(crate) struct Bytes<'b>(pub(crate) &'b [u8]);

impl Bytes<'_> {
    pub(crate) fn take<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        let length = self.0.len().min(N);
        let (front, rest) = self.0.split_at(length);
        out[..length].copy_from_slice(front);
        self.0 = rest;
        out
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let [byte] = self.take();
        byte
    }

    /// True once in `of` times.
    pub(crate) fn once_in(&mut self, of: u8) -> bool {
        self.byte() % of == of - 1
    }

    pub(crate) fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[usize::from(self.byte()) % of.len()]
    }

    /// Less than `end`.
    pub(crate) fn below(&mut self, end: u8) -> u8 {
        self.byte() % end
    }

    /// Any number; small ones and extremes more often than chance would have them.
    pub(crate) fn number(&mut self) -> i64 {
        let [kind, low, high] = self.take();
        let small = i64::from(u16::from_le_bytes([low, high]));
        match kind % 8 {
            0..=3 => small,
            4 => i32::MAX.into(),
            5 => i32::MIN.into(),
            6 => [i64::MAX, i64::MIN, -1, 1 << 32][usize::from(low % 4)],
            _ => i64::from_le_bytes(self.take()),
        }
    }

    pub(crate) fn int(&mut self) -> i32 {
        let number = self.number();
        i32::try_from(number).unwrap_or(if number < 0 { i32::MIN } else { i32::MAX })
    }

    /// Pixels or lines: mostly as many as a picture has.
    pub(crate) fn dimension(&mut self) -> i32 {
        match self.byte() {
            0..=223 => i32::from(u16::from_le_bytes(self.take()) & 0x1fff) + 1,
            _ => self.int(),
        }
    }

    /// A figure of a policy: mostly one that boards have, sometimes none that anything could have.
    pub(crate) fn figure(&mut self) -> u32 {
        const USUAL: [u32; 16] = [1, 2, 3, 4, 8, 12, 16, 32, 48, 64, 100, 128, 192, 256, 1024, 4096];
        match self.byte() {
            0..=239 => *self.pick(&USUAL),
            240..=247 => u16::from_le_bytes(self.take()).into(),
            248..=251 => 0,
            _ => u32::from_le_bytes(self.take()),
        }
    }
}
