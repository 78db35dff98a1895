//! An AIDL file as words and signs, with the documentation that stands before each.

use anyhow::{bail, Context as _, Result};

/// A word, a number, a string, an annotation's name or a sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) text: String,
    /// From 1.
    pub(super) line: usize,
    /// The block comment right before it, without its stars at both ends.
    pub(super) doc: Option<String>,
}

/// The comments at the head, before `package`, and everything that is no comment.
///
/// # Errors
/// A comment or a string that does not end, a sign that AIDL has not.
pub(super) fn tokens(source: &str) -> Result<(String, Vec<Token>)> {
    let (mut head, mut found) = (String::new(), Vec::new());
    let (mut rest, mut line, mut doc) = (source, 1_usize, None);
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            let length = rest.find('\n').unwrap_or(rest.len());
            comment(rest, length, &found, &mut head);
            length
        } else if rest.starts_with("/*") {
            let inner = rest.find("*/").with_context(|| format!("line {line}: a comment that does not end"))?;
            let length = inner.saturating_add(2);
            comment(rest, length, &found, &mut head);
            doc = rest.get(2..inner).map(str::to_owned);
            length
        } else if first.is_whitespace() {
            first.len_utf8()
        } else {
            let length = token(rest, first).with_context(|| format!("line {line}: \"{first}\" is not understood"))?;
            let text = rest.get(..length).unwrap_or_default().to_owned();
            found.push(Token { text, line, doc: doc.take() });
            length
        };
        let Some((passed, next)) = rest.split_at_checked(length) else { bail!("line {line}: not text") };
        line = line.saturating_add(passed.matches('\n').count());
        rest = next;
    }
    Ok((head, found))
}

fn comment(rest: &str, length: usize, found: &[Token], head: &mut String) {
    if found.is_empty() {
        head.push_str(rest.get(..length).unwrap_or_default());
        head.push('\n');
    }
}

/// How long the token is that begins here.
fn token(rest: &str, first: char) -> Option<usize> {
    let of_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    match first {
        '@' => rest.get(1..)?.find(|c| !of_word(c)).map(|end| end.saturating_add(1)),
        '"' => rest.get(1..)?.find('"').map(|end| end.saturating_add(2)),
        '{' | '}' | '(' | ')' | '[' | ']' | ';' | ',' | '=' | '-' => Some(1),
        _ if of_word(first) => Some(rest.find(|c| !of_word(c)).unwrap_or(rest.len())),
        _ => None,
    }
}
