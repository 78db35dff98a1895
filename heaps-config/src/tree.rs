//! A parsed document before anybody has looked at it: what JSON and TOML have in common.
//!
//! A table keeps its keys in the order of the file, and a key that is written twice is an error here, not a silent
//! last-one-wins.

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// One value of a document.
#[derive(Clone, Debug, PartialEq)]
pub enum Tree {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Tree>),
    /// A table (JSON: an object), in the order of the file.
    Table(Vec<(String, Tree)>),
    /// What no key of the schema takes: a float, a date, null. The text says which.
    Other(&'static str),
}

impl Tree {
    /// The kind of value, in words for a message.
    pub fn kind(&self) -> &'static str {
        match self {
            Tree::Bool(_) => "true or false",
            Tree::Integer(_) => "a number",
            Tree::Text(_) => "a string",
            Tree::List(_) => "an array",
            Tree::Table(_) => "a table",
            Tree::Other(kind) => kind,
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Tree, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of a heap policy")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Integer(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Tree, E> {
        Ok(i64::try_from(value).map_or(Tree::Other("a number beyond 63 bits"), Tree::Integer))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Tree, E> {
        Ok(Tree::Other("a number with a fraction or exponent"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Text(value.to_owned()))
    }

    fn visit_unit<E: Error>(self) -> Result<Tree, E> {
        Ok(Tree::Other("null"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Tree::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Tree, A::Error> {
        let mut table: Vec<(String, Tree)> = Vec::new();
        while let Some(key) = entries.next_key::<String>()? {
            if table.iter().any(|(known, _)| *known == key) {
                return Err(A::Error::custom(format_args!("the key \"{}\" is written twice", key.escape_default())));
            }
            table.push((key, entries.next_value()?));
        }
        Ok(Tree::Table(table))
    }
}
