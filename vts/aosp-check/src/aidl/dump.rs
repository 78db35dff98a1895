//! What `aidl --dumpapi` makes of a file (`system/tools/aidl`, `aidl_dumpapi.cpp`): the comment at its head, AOSP's notice,
//! then the type with every name in full and no word of documentation but what is deprecated.
//!
//! It knows what this project's interfaces and AOSP's allocator use: an interface, a parcelable or an enum, no types inside
//! types, values that are one number or one enumerator. Anything else is an error that says so, never a guess.

use anyhow::{bail, Context as _, Result};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What stands above every dump, in AOSP's words: part of what is hashed.
const NOTICE: &str = include_str!("notice.txt");

/// Types that have no package.
const BUILT_IN: &[&str] =
    &["boolean", "byte", "char", "double", "float", "IBinder", "int", "long", "ParcelFileDescriptor", "String", "void"];

/// A file that was dumped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dump {
    /// Below the folder of a version: the package as folders, then the type.
    pub path: PathBuf,
    /// Every line, and the line of the source that it came from.
    pub lines: Vec<(String, usize)>,
}

impl Dump {
    /// The file's text.
    pub fn text(&self) -> String {
        self.lines.iter().flat_map(|(line, _)| [line.as_str(), "\n"]).collect()
    }
}

/// Dumps one file. `siblings` are the names of the other types of its package.
///
/// # Errors
/// The line that is not understood.
pub fn of(source: &str, siblings: &[&str]) -> Result<Dump> {
    let (head, tokens) = tokens(source)?;
    let mut reader = Reader { tokens, at: 0, names: BTreeMap::new() };
    reader.expect("package")?;
    let package = reader.word()?.text;
    reader.expect(";")?;
    for sibling in siblings {
        reader.names.insert((*sibling).to_owned(), format!("{package}.{sibling}"));
    }
    while reader.take("import") {
        let full = reader.word()?.text;
        let short = full.rsplit('.').next().unwrap_or(&full).to_owned();
        reader.names.insert(short, full);
        reader.expect(";")?;
    }
    let mut lines: Vec<(String, usize)> = head.lines().map(|line| (line.to_owned(), 1)).collect();
    lines.extend(NOTICE.lines().map(|line| (line.to_owned(), 1)));
    lines.push((format!("package {package};"), 1));
    let (annotations, line) = (reader.annotations()?, reader.line());
    if !annotations.is_empty() {
        lines.push((annotations.join(" "), line));
    }
    let kind = reader.word()?.text;
    let name = reader.word()?.text;
    reader.names.insert(name.clone(), format!("{package}.{name}"));
    lines.push((format!("{kind} {name} {{"), line));
    reader.expect("{")?;
    while !reader.take("}") {
        match kind.as_str() {
            "interface" => reader.method(&mut lines)?,
            "parcelable" => reader.field(&mut lines)?,
            "enum" => reader.enumerator(&mut lines)?,
            _ => bail!("line {line}: a {kind} is not known here; what is: enum, interface, parcelable"),
        }
    }
    lines.push(("}".to_owned(), reader.line()));
    if let Some(token) = reader.tokens.get(reader.at) {
        bail!("line {}: {} behind the type; a file has one here", token.line, token.text);
    }
    Ok(Dump { path: package.split('.').collect::<PathBuf>().join(format!("{name}.aidl")), lines })
}

struct Reader {
    tokens: Vec<Token>,
    at: usize,
    /// Short names and what they are in full.
    names: BTreeMap<String, String>,
}

impl Reader {
    fn line(&self) -> usize {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(1, |token| token.line)
    }

    fn peek(&self) -> &str {
        self.tokens.get(self.at).map_or("", |token| token.text.as_str())
    }

    fn take(&mut self, text: &str) -> bool {
        let found = self.peek() == text;
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, text: &str) -> Result<()> {
        if self.take(text) {
            return Ok(());
        }
        bail!("line {}: \"{}\" where \"{text}\" is expected", self.line(), self.peek())
    }

    fn word(&mut self) -> Result<Token> {
        let token = self.tokens.get(self.at).cloned().context("the file ends early")?;
        if !token.text.starts_with(|c: char| c.is_alphanumeric() || c == '_') {
            bail!("line {}: \"{}\" where a name is expected", token.line, token.text);
        }
        self.at += 1;
        Ok(token)
    }

    /// In the order in which they are written out, which is not that of the source.
    fn annotations(&mut self) -> Result<Vec<String>> {
        let mut found = Vec::new();
        while self.peek().starts_with('@') {
            let mut annotation = self.peek().to_owned();
            self.at += 1;
            if self.take("(") {
                annotation.push('(');
                while !self.take(")") {
                    let token = self.tokens.get(self.at).context("an annotation that does not end")?;
                    annotation.push_str(&token.text);
                    self.at += 1;
                }
                annotation.push(')');
            }
            found.push(annotation);
        }
        found.sort();
        Ok(found)
    }

    fn full(&self, name: &Token) -> Result<String> {
        let (text, line) = (&name.text, name.line);
        if BUILT_IN.contains(&text.as_str()) || text.contains('.') {
            return Ok(text.clone());
        }
        self.names.get(text).cloned().with_context(|| format!("line {line}: no type {text} here or imported"))
    }

    /// Annotations, name and brackets.
    fn a_type(&mut self) -> Result<String> {
        let annotations = self.annotations()?;
        let name = self.word()?;
        let mut text: String = annotations.iter().flat_map(|one| [one.as_str(), " "]).collect();
        text.push_str(&self.full(&name)?);
        while self.take("[") {
            text.push('[');
            if self.peek() != "]" {
                text.push_str(&self.word()?.text);
            }
            self.expect("]")?;
            text.push(']');
        }
        Ok(text)
    }

    /// What follows `=`: a number, or an enumerator with its type in full.
    fn value(&mut self) -> Result<String> {
        if self.take("-") {
            let number = self.word()?.text;
            return Ok(format!("(-{number}) /* -{number} */"));
        }
        let token = self.word()?;
        match token.text.rsplit_once('.') {
            Some((name, enumerator)) => {
                let name = Token { text: name.to_owned(), ..token.clone() };
                Ok(format!("{}.{enumerator}", self.full(&name)?))
            }
            None => Ok(token.text),
        }
    }

    /// ` = value`, or nothing.
    fn initial(&mut self) -> Result<String> {
        Ok(if self.take("=") { format!(" = {}", self.value()?) } else { String::new() })
    }

    /// What the documentation of the next token says is deprecated.
    fn deprecated(&self, lines: &mut Vec<(String, usize)>) {
        let Some(Token { doc: Some(doc), line, .. }) = self.tokens.get(self.at) else { return };
        let Some((_, note)) = doc.split_once("@deprecated") else { return };
        let words: Vec<&str> = note.split_whitespace().filter(|word| *word != "*").collect();
        for text in ["  /**", &format!("   * @deprecated {}", words.join(" ")), "   */"] {
            lines.push((text.to_owned(), *line));
        }
    }

    fn field(&mut self, lines: &mut Vec<(String, usize)>) -> Result<()> {
        self.deprecated(lines);
        let line = self.line();
        let (kind, name) = (self.a_type()?, self.word()?.text);
        let initial = self.initial()?;
        self.expect(";")?;
        lines.push((format!("  {kind} {name}{initial};"), line));
        Ok(())
    }

    fn enumerator(&mut self, lines: &mut Vec<(String, usize)>) -> Result<()> {
        self.deprecated(lines);
        let line = self.line();
        let name = self.word()?.text;
        let initial = self.initial()?;
        if self.peek() != "}" {
            self.expect(",")?;
        }
        lines.push((format!("  {name}{initial},"), line));
        Ok(())
    }

    fn method(&mut self, lines: &mut Vec<(String, usize)>) -> Result<()> {
        self.deprecated(lines);
        let line = self.line();
        let oneway = if self.take("oneway") { "oneway " } else { "" };
        let (answer, name) = (self.a_type()?, self.word()?.text);
        self.expect("(")?;
        let mut arguments = Vec::new();
        while !self.take(")") {
            let direction = ["in", "out", "inout"].into_iter().find(|word| self.take(word));
            let direction = direction.map_or_else(String::new, |word| format!("{word} "));
            let argument = self.a_type()?;
            arguments.push(format!("{direction}{argument} {}", self.word()?.text));
            if self.peek() != ")" {
                self.expect(",")?;
            }
        }
        self.expect(";")?;
        lines.push((format!("  {oneway}{answer} {name}({});", arguments.join(", ")), line));
        Ok(())
    }
}

/// A word of an AIDL file: a name, a number, a string, an annotation's name or a sign.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Token {
    text: String,
    /// From 1.
    line: usize,
    /// The block comment right before it, without its stars at both ends.
    doc: Option<String>,
}

/// The comments at the head, before `package`, and everything that is no comment.
///
/// # Errors
/// A comment or a string that does not end, a sign that AIDL has not.
fn tokens(source: &str) -> Result<(String, Vec<Token>)> {
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
