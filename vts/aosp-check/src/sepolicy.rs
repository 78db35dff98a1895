//! `sepolicy/` against the heap policies, and compiled over a small base policy with AOSP's names and prohibitions.
//!
//! - [`generate`]: what a policy's heaps need: a type and a rule each, labels, ueventd lines.
//! - [`check`]: that the files in the tree are that; that all of it compiles with Android's own compilers, which refuse what
//!   the platform forbids; that the labels resolve to what the service and its clients need; that the service may do what
//!   it does.

mod compile;
pub mod generate;
mod labels;

use crate::files::put_all;
use crate::report::{Place, Report};
use anyhow::{bail, ensure, Context, Result};
use compile::{Work, BASE, GUEST};
use generate::{Generated, Labels, Owner, LABELS};
use heaps_config::nodes::{Kind, Node};
use heaps_config::Document;
use heaps_host::board::{platform_type, Board, Facts, FileKind, LabelKind, SYSTEM};
use heaps_host::{Format, Source};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

pub use compile::{missing_tools, PACKAGES};

/// The rules of every device.
pub const VENDOR: &str = "sepolicy/vendor";
/// The rules of each policy's heaps, a folder a policy.
pub const HEAPS: &str = "sepolicy/heaps";
/// The policies.
pub const PROFILES: &str = "heaps-config/profiles";

/// A policy of the project.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Its file's name without `.toml`.
    pub name: String,
    /// Its file, from the root.
    pub file: PathBuf,
    /// Its text.
    pub text: String,
    /// As it was read.
    pub document: Document,
}

/// Reads one policy, in TOML.
///
/// # Errors
/// A file that cannot be read, or that lint refuses.
pub fn read_policy(root: &Path, file: &Path) -> Result<Profile> {
    let shown = file.display().to_string();
    let text = Source::read(&root.join(file))?.text;
    let linted = heaps_host::lint(Source::text(&shown, &text, Format::Toml));
    let document = linted.document().with_context(|| format!("{shown}: lint refuses it\n{}", linted.render(false)))?;
    let name = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(Profile { name, file: file.to_owned(), document: document.clone(), text })
}

/// Reads all policies of the project.
///
/// # Errors
/// As [`read_policy`].
pub fn profiles(root: &Path) -> Result<Vec<Profile>> {
    let folder = root.join(PROFILES);
    let mut files = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            files.push(Path::new(PROFILES).join(path.file_name().context("a file has a name")?));
        }
    }
    files.sort();
    files.iter().map(|file| read_policy(root, file)).collect()
}

/// Checks everything.
///
/// # Errors
/// A policy that cannot be read, a tool that is missing.
pub fn check(root: &Path) -> Result<Report> {
    let root = &root.canonicalize().with_context(|| root.display().to_string())?;
    let mut report = Report::default();
    let profiles = profiles(root)?;
    let mut heaps = 0_usize;
    for profile in &profiles {
        let generated = match generate::of(&profile.document, &Labels::new()) {
            Ok(generated) => generated,
            Err(words) => {
                report.found(Place::file(&profile.file), words);
                continue;
            }
        };
        heaps = heaps.saturating_add(generated.heaps.len());
        same(root, profile, &generated, &mut report)?;
        if let Some(work) = compile::check(root, profile, &generated, &mut report)? {
            labels::check(root, profile, &generated, &work.binary()?, &mut report)?;
        }
    }
    // What is wrong on every device is found with every policy.
    report.findings.sort();
    report.findings.dedup_by(|one, other| one.place == other.place && one.message == other.message);
    strangers(root, &profiles, &mut report)?;
    report.note(format!("{} policies with {heaps} heaps of their own", profiles.len()));
    report.note("compiled by checkpolicy and secilc, labels by selabel_lookup");
    Ok(report)
}

/// Checks a board's own policy: that its heaps' rules compile over the platform's types with the project's own, grant what the
/// service needs and nothing else, and that every node gets its label, beside those that the board's own file_contexts has;
/// and that what the board's own files say of the nodes is right. Nothing is written.
///
/// # Errors
/// A policy that lint refuses, heaps that share a node, a file that cannot be read, a tool that is missing.
pub fn check_board(root: &Path, here: &Path, policy: &Path, own: &BoardFiles<'_>) -> Result<Report> {
    let root = &root.canonicalize().with_context(|| root.display().to_string())?;
    let profile = read_policy(here, policy)?;
    let board = read_board(here, &profile, own)?;
    let labels = labels_in(&board, &profile, own);
    let generated = generate::of(&profile.document, &labels).map_err(anyhow::Error::msg)?;
    // The project as it would be with this policy in it.
    let folder = tempfile::tempdir()?;
    for part in [BASE, VENDOR] {
        let to = folder.path().join(part);
        fs::create_dir_all(to.parent().context("a folder's parent")?)?;
        std::os::unix::fs::symlink(root.join(part), &to).with_context(|| to.display().to_string())?;
    }
    let heaps = Path::new(HEAPS).join(&profile.name);
    write_to(folder.path(), &heaps, &generated)?;
    // What the board's own policy declares.
    let boards: BTreeSet<&str> = generated
        .heaps
        .iter()
        .filter(|heap| heap.owner == Owner::Board)
        .map(|heap| heap.selinux_type.as_str())
        .collect();
    if !boards.is_empty() {
        let types: String =
            boards.iter().map(|name| format!("type {name}, dmabuf_heap_device_type, dev_type;\n")).collect();
        fs::write(folder.path().join(&heaps).join("board.te"), types)?;
    }
    let mut report = Report::default();
    board_findings(&board, &profile, own, &mut report);
    if let Some(work) = compile::check(folder.path(), &profile, &generated, &mut report)? {
        labels::check(folder.path(), &profile, &generated, &work.binary()?, &mut report)?;
    }
    let nodes = generated.nodes().count();
    report.note(format!("{}: {} heaps and {nodes} nodes of its own", policy.display(), generated.heaps.len()));
    report.note("compiled by checkpolicy and secilc, labels by selabel_lookup");
    Ok(report)
}

/// A board's own files.
#[derive(Clone, Copy, Debug, Default)]
pub struct BoardFiles<'f> {
    /// Its file_contexts.
    pub labels: &'f [PathBuf],
    /// Its ueventd*.rc.
    pub ueventd: &'f [PathBuf],
}

impl BoardFiles<'_> {
    /// Each file with the kind that it has to be of.
    fn all(&self) -> impl Iterator<Item = (&PathBuf, FileKind)> {
        let labels = self.labels.iter().map(|file| (file, FileKind::FileContexts));
        labels.chain(self.ueventd.iter().map(|file| (file, FileKind::Ueventd)))
    }
}

/// What the files say of the policy's nodes.
fn read_board(here: &Path, profile: &Profile, files: &BoardFiles<'_>) -> Result<Board> {
    let mut read = Vec::new();
    for (file, _) in files.all() {
        let shown = file.display().to_string();
        read.push((shown.clone(), fs::read(here.join(file)).context(shown)?));
    }
    // A pattern is tried with the nodes that the policy has.
    let names: String = nodes(profile).map(|node| format!("{node}\n")).collect();
    read.push((profile.file.display().to_string(), names.into_bytes()));
    Ok(Board::read(read.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())))?)
}

fn nodes(profile: &Profile) -> impl Iterator<Item = &String> {
    profile.document.heaps.iter().flat_map(|heap| &heap.nodes)
}

/// The files that are of another kind than they were given as, with the sentence.
fn of_another_kind(board: &Board, files: &BoardFiles<'_>) -> Vec<(Place, String)> {
    let given = files.all().zip(&board.files);
    let wrong = given.filter(|((_, wanted), (_, kind))| wanted != kind);
    wrong
        .map(|((file, wanted), (_, kind))| (Place::line(file, 1), format!("it has {kind} in it, not {wanted}")))
        .collect()
}

/// What is wrong with a board's own files.
fn board_findings(board: &Board, profile: &Profile, files: &BoardFiles<'_>, report: &mut Report) {
    for (place, words) in of_another_kind(board, files) {
        report.found(place, words);
    }
    let place = |place: &heaps_host::board::Place| Place::line(&place.file, place.line);
    for note in board.notes.iter().filter(|note| note.is_wrong) {
        match &note.other {
            Some(other) => report.contradiction(place(&note.place), &note.message, place(other)),
            None => report.found(place(&note.place), &note.message),
        }
    }
    // What the policy alone calls protected; of the names that are known, the board's notes have it.
    for node in profile.document.heaps.iter().filter(|heap| heap.protected).flat_map(|heap| &heap.nodes) {
        let Some(label) = board.nodes.get(node).and_then(Facts::label) else { continue };
        let place = place(&label.place);
        let is_said = Node::of(node).kind().is_some_and(Kind::is_protected);
        if label.kind() == LabelKind::OpenToApps && !is_said {
            let message =
                format!("{node} is protected by the policy, and its label {} lets apps open it", label.selinux_type);
            report.contradiction(place, message, Place::find(&profile.file, &profile.text, &format!("\"{node}\"")));
        }
    }
}

/// The types of the policy's nodes by a board's own files of labels.
///
/// # Errors
/// A file that cannot be read, or of another kind.
pub fn labels_of(here: &Path, profile: &Profile, files: &[PathBuf]) -> Result<Labels> {
    let files = BoardFiles { labels: files, ..BoardFiles::default() };
    let board = read_board(here, profile, &files)?;
    if let Some((place, words)) = of_another_kind(&board, &files).first() {
        bail!("{place}: {words}");
    }
    Ok(labels_in(&board, profile, &files))
}

fn labels_in(board: &Board, profile: &Profile, files: &BoardFiles<'_>) -> Labels {
    let own = |node: &String| {
        let label = board.nodes.get(node)?.label()?;
        let is_own = files.labels.iter().any(|file| file.display().to_string() == label.place.file);
        // A second label of a node that the platform labels is a finding, and no type to grant.
        let is_platform_s = platform_type(node).is_some_and(|wanted| wanted == SYSTEM && label.selinux_type != wanted);
        (is_own && label.kind() != LabelKind::None && !is_platform_s)
            .then(|| (node.clone(), label.selinux_type.clone()))
    };
    nodes(profile).filter_map(own).collect()
}

/// Writes what is generated for every policy of the project into the tree. Answers the files that changed.
///
/// # Errors
/// A policy that cannot be read, a file that cannot be written.
pub fn write(root: &Path) -> Result<Vec<PathBuf>> {
    let mut written = Vec::new();
    for profile in profiles(root)? {
        let folder = Path::new(HEAPS).join(&profile.name);
        let generated = generate::of(&profile.document, &Labels::new()).map_err(anyhow::Error::msg)?;
        written.extend(write_to(root, &folder, &generated)?);
    }
    Ok(written)
}

/// Writes what one policy needs into a folder below a root. Answers the files that changed.
///
/// # Errors
/// A file that cannot be written.
pub fn write_to(root: &Path, folder: &Path, generated: &Generated) -> Result<Vec<PathBuf>> {
    put_all(root, generated.files().into_iter().map(|(name, text)| (folder.join(name), text)))
}

/// The files in the tree are what is generated; what is missing is said by heap.
fn same(root: &Path, profile: &Profile, generated: &Generated, report: &mut Report) -> Result<()> {
    let folder = Path::new(HEAPS).join(&profile.name);
    let mut missing = false;
    let rules = fs::read_to_string(root.join(&folder).join(generate::RULES)).unwrap_or_default();
    for heap in generated.heaps.iter().filter(|heap| heap.owner == Owner::Project) {
        let words = format!("type {},", heap.selinux_type);
        if !rules.contains(&words) {
            missing = true;
            let message = format!(
                "the heap {} has no SELinux type {}; `cargo run -p aosp_check -- sepolicy --write` adds it",
                heap.name, heap.selinux_type
            );
            let place = Place::find(&profile.file, &profile.text, &format!("name = \"{}\"", heap.name));
            report.contradiction(place, message, Place::file(folder.join(generate::RULES)));
        }
    }
    for (name, text) in generated.files() {
        let file = folder.join(name);
        let have = fs::read_to_string(root.join(&file)).unwrap_or_default();
        if have != text && !missing {
            let same = have.lines().zip(text.lines()).take_while(|(one, other)| one == other).count();
            let message =
                "is not what its policy asks for; `cargo run -p aosp_check -- sepolicy --write` writes it anew";
            let place = Place::line(&file, same.saturating_add(1));
            report.contradiction(place, message, Place::file(&profile.file));
        }
    }
    Ok(())
}

/// A folder of rules without a policy.
fn strangers(root: &Path, profiles: &[Profile], report: &mut Report) -> Result<()> {
    let folder = root.join(HEAPS);
    if !folder.exists() {
        return Ok(());
    }
    for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let policy = profiles.iter().find(|profile| profile.name == name);
        let wanted = policy.is_some_and(|profile| {
            generate::of(&profile.document, &Labels::new()).is_ok_and(|generated| !generated.heaps.is_empty())
        });
        if !wanted {
            let other = Place::file(Path::new(PROFILES).join(format!("{name}.toml")));
            let place = Place::file(Path::new(HEAPS).join(name));
            report.contradiction(place, "no policy has heaps that need it", other);
        }
    }
    Ok(())
}

/// The compiled rules' file for a guest.
const BINARY: &str = "policy.bin";

/// The rules and labels that a guest of `cargo xtask selinux` enforces: those of a device, and what the guest has instead of Android.
///
/// Writes both for the device of one policy; without the project's rules that have a text in them, if one is given.
///
/// # Errors
/// A policy that lint refuses, rules that do not compile, labels that the rules do not know, a text that no rule has.
pub fn for_guest(root: &Path, policy: &Path, out: &Path, without: Option<&str>) -> Result<Vec<PathBuf>> {
    let profile = read_policy(root, policy)?;
    let mut work = Work::new(root, &profile, &[GUEST])?;
    if let Some(text) = without {
        ensure!(work.leave_out(text) > 0, "--without {text}: no rule in {} has it", VENDOR);
    }
    fs::create_dir_all(out).with_context(|| out.display().to_string())?;
    let (binary, merged) = (out.join(BINARY), out.join(LABELS));
    fs::copy(work.binary()?, &binary).with_context(|| binary.display().to_string())?;
    fs::write(&merged, labels::merge(root, &profile, &[BASE, GUEST])).with_context(|| merged.display().to_string())?;
    let valid = labels::valid(&merged, &binary)?;
    // The check leaves a compiled form beside it.
    let _only_space = fs::remove_file(merged.with_extension("bin"));
    if let Err(words) = valid {
        bail!("sefcontext_compile refuses {}: {words}", merged.display());
    }
    Ok(vec![binary, merged])
}
