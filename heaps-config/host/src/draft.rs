//! A first policy from the list of heaps that a device has, and from what its files say of them.
//!
//! Names are no ABI, so this is a guess with its reasons written beside it. What a name does not tell stays a commented
//! heap with a question, and protected requests get a heap that says that it is protected, or a refusal: never ordinary
//! memory. What comes out passes [`crate::lint`].

mod classify;
mod evidence;
mod write;

use classify::Heaps;
use evidence::Evidence;
#[cfg(feature = "board")]
use heaps_config::nodes::{Kind, Node};
use std::fmt;

/// The longest name that a policy draft takes, in bytes: a file's name under `/dev/dma_heap`.
const MAX_NAME_BYTES: usize = 255;
/// The most names. Kernels in the field have about fifteen.
const MAX_NAMES: usize = 128;

/// Why there is no draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DraftError {
    /// No name at all.
    NoNames,
    /// More names than a kernel has.
    TooManyNames(usize),
    /// Not a name under `/dev/dma_heap`.
    BadName(String),
    /// None of them is ordinary memory, which every policy needs.
    NoSystemHeap(Vec<String>),
}

impl std::error::Error for DraftError {}

impl fmt::Display for DraftError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DraftError::NoNames => write!(f, "no names of heaps; a device lists them with `ls -1 /dev/dma_heap`"),
            DraftError::TooManyNames(count) => write!(f, "{count} names of heaps; {MAX_NAMES} are the most"),
            DraftError::BadName(name) => write!(
                f,
                "{name:?} is no name of a heap: visible ASCII without spaces, quotes and slashes, at most \
                 {MAX_NAME_BYTES} bytes, as `ls -1 /dev/dma_heap` prints it"
            ),
            DraftError::NoSystemHeap(names) => write!(
                f,
                "no heap of ordinary memory among {}: a policy needs `system` or `qcom,system` \
                 (CONFIG_DMABUF_HEAPS_SYSTEM), for buffers' metadata if for nothing else",
                names.join(" ")
            ),
        }
    }
}

/// Writes a policy in TOML for the heaps of these names (of files under `/dev/dma_heap`), in any order. The same names
/// give the same bytes. `policy` is the policy's own name.
///
/// # Errors
/// Names that are none, or none of ordinary memory.
pub fn draft<'a>(policy: &str, names: impl IntoIterator<Item = &'a str>) -> Result<String, DraftError> {
    write(policy, names.into_iter().map(|name| (name, Evidence::default())).collect(), &write::Head::names())
}

/// The same from a board's files. Without a listing among them the nodes are those that the files name, and `system`, which
/// the platform's own files name.
///
/// # Errors
/// As [`draft`].
#[cfg(feature = "board")]
pub fn draft_of_board(policy: &str, board: &crate::board::Board) -> Result<String, DraftError> {
    let mut nodes: Vec<(&str, Evidence)> =
        board.names().filter_map(|name| Some((name, Evidence::of(board.nodes.get(name)?)))).collect();
    let is_system = |name: &str| Node::of(name).kind() == Some(Kind::System);
    let assumed = !board.has_listing() && !nodes.iter().any(|(name, _)| is_system(name));
    if assumed {
        nodes.push(("system", Evidence::default()));
    }
    write(policy, nodes, &write::Head::board(board, assumed))
}

fn write(policy: &str, mut nodes: Vec<(&str, Evidence)>, head: &write::Head) -> Result<String, DraftError> {
    check(policy)?;
    nodes.sort_by_key(|(name, _)| *name);
    nodes.dedup_by_key(|(name, _)| *name);
    let names: Vec<&str> = nodes.iter().map(|(name, _)| *name).collect();
    if names.is_empty() {
        return Err(DraftError::NoNames);
    }
    if names.len() > MAX_NAMES {
        return Err(DraftError::TooManyNames(names.len()));
    }
    names.iter().try_for_each(|name| check(name))?;
    let heaps = Heaps::classify(&nodes);
    if heaps.system.cached.is_empty() {
        return Err(DraftError::NoSystemHeap(names.iter().map(|name| (*name).to_owned()).collect()));
    }
    Ok(write::policy(policy, &names, &heaps, head))
}

/// What is written into quotes and comments.
fn check(name: &str) -> Result<(), DraftError> {
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '/' | '"' | '\\' | '\'' | '`');
    let good =
        !name.is_empty() && name.len() <= MAX_NAME_BYTES && name.chars().all(plain) && name != "." && name != "..";
    if good {
        return Ok(());
    }
    Err(DraftError::BadName(name.chars().take(MAX_NAME_BYTES).collect()))
}
