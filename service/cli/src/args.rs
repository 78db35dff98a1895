//! The command line.

use clap::{Parser, Subcommand, ValueEnum};
use std::io::IsTerminal;
#[cfg(feature = "host")]
use std::path::PathBuf;

/// The graphics memory allocator's tool: checks and compiles heap policies, explains what a policy does with a buffer,
/// and asks a running allocator.
#[derive(Parser)]
#[command(name = "heapctl", version, propagate_version = true, arg_required_else_help = true)]
#[command(
    after_help = "Exit status: 0 done; 1 findings, or the answer is no; 2 wrong usage, or a file that cannot be read."
)]
pub(crate) struct Args {
    /// Print one JSON value for scripts instead of text
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// When to use colours
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub(crate) color: Color,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl Color {
    /// True when standard output takes colours.
    pub(crate) fn wanted(self) -> bool {
        match self {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
        }
    }
}

#[derive(Subcommand)]
pub(crate) enum Command {
    #[cfg(feature = "host")]
    Lint(LintArgs),
    #[cfg(feature = "host")]
    Compile(CompileArgs),
}

/// Say what is wrong with policies, with file, line and key
///
/// Errors are what the service refuses to load or what breaks Android's contracts; warnings are what most likely was not
/// meant, such as a rule that can never match.
#[cfg(feature = "host")]
#[derive(clap::Args)]
pub(crate) struct LintArgs {
    /// Policies in TOML, or compiled ones in JSON; or the name of a shipped profile
    #[arg(required_unless_present = "codes", value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,

    /// Treat warnings as errors: exit status 1
    #[arg(long)]
    pub(crate) deny_warnings: bool,

    /// List every kind of finding with its explanation
    #[arg(long, exclusive = true)]
    pub(crate) codes: bool,
}

/// Turn a policy in TOML into the JSON that the service loads
///
/// Refuses a policy with errors. The same policy always gives the same bytes.
#[cfg(feature = "host")]
#[derive(clap::Args)]
pub(crate) struct CompileArgs {
    /// The policy in TOML; or the name of a shipped profile
    pub(crate) file: PathBuf,

    /// Where the JSON goes; `-` for standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,

    /// Refuse a policy with warnings too
    #[arg(long)]
    pub(crate) deny_warnings: bool,
}
