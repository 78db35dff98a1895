//! Bytes in an order or an answer: hexadecimal digits.

pub(super) fn to_hex(bytes: &[u8]) -> String {
    // A dash, so that no bytes at all are a word, too.
    std::iter::once("-".to_owned()).chain(bytes.iter().map(|byte| format!("{byte:02x}"))).collect()
}

pub(super) fn from_hex(text: &str) -> Vec<u8> {
    let digits = text.strip_prefix('-').expect("bytes as hexadecimal digits");
    let pairs = digits.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(&String::from_utf8_lossy(pair), 16).expect("hexadecimal digits")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_from_their_digits() {
        for bytes in [vec![], vec![0], vec![0xff, 0x01, 0xa0]] {
            assert_eq!(from_hex(&to_hex(&bytes)), bytes);
        }
    }
}
