//! The command line, and the environment behind it.

use clap::{Parser, ValueEnum};
use gralloc_client::Transport;
use std::path::PathBuf;

/// Names the mapper when `--mapper` does not.
pub const MAPPER_VARIABLE: &str = "GRALLOC_MAPPER";
/// Says how to restart the allocator when `--restart` does not.
pub const RESTART_VARIABLE: &str = "GRALLOC_RESTART";
/// `1`: a skip is a failure.
pub const NO_SKIP_VARIABLE: &str = "GRALLOC_NO_SKIP";

/// A snapshot of AOSP's VTS, where they differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Vts {
    /// Of December 2025: allocator 2 alone.
    #[value(name = "16-qpr2")]
    SixteenQpr2,
    /// Of Android 17: allocator 2 or 3.
    #[value(name = "17")]
    Seventeen,
    /// What came after: components where their values truly are.
    #[default]
    Newest,
}

impl Vts {
    /// As the command line names it.
    pub fn word(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

/// Hold an allocator and a mapper to their contract
///
/// One test for each test of AOSP's VTS for the two, under the same name, and tests for what the VTS leaves out. Every
/// test runs in a process of its own. The exit status is 0 when nothing failed.
#[derive(Parser, Clone, Debug, Default)]
#[command(
    name = "gralloc-conformance",
    max_term_width = 110,
    after_help = "Examples:\n  gralloc-conformance\n  gralloc-conformance --allocator unix:/run/gralloc/allocator.sock \
                  --mapper ./libgralloc_mapper.so mapper::Lock\n  gralloc-conformance --restart 'stop gralloc; start gralloc'\n  \
                  gralloc-conformance --in-process --exact mapper::Lock_YV12   (for a debugger)"
)]
pub struct Options {
    /// The allocator: binder, or unix:PATH [default: $GRALLOC_ALLOCATOR, else binder where the machine has it]
    #[arg(long, value_name = "TRANSPORT", help_heading = "What is under test")]
    pub allocator: Option<Transport>,
    /// The mapper library [default: $GRALLOC_MAPPER, else mapper.SUFFIX.so in /vendor/lib64/hw, for a 32-bit suite in
    /// /vendor/lib/hw, with the suffix that the allocator says]
    #[arg(long, value_name = "FILE", help_heading = "What is under test")]
    pub mapper: Option<PathBuf>,
    /// The other process of the tests with two: another build of this program, of the other width for example [default: this
    /// program]
    #[arg(long, value_name = "PROGRAM", requires = "peer_mapper", help_heading = "What is under test")]
    pub peer: Option<PathBuf>,
    /// The mapper library that the other process loads [default: --mapper]
    #[arg(long, value_name = "FILE", help_heading = "What is under test")]
    pub peer_mapper: Option<PathBuf>,
    /// A shell command that restarts the allocator; tests that need that are skipped without it [default:
    /// $GRALLOC_RESTART]
    #[arg(long, value_name = "COMMAND", help_heading = "What is under test")]
    pub restart: Option<String>,
    /// The snapshot of the VTS whose demands count where they differ
    #[arg(long, value_enum, default_value_t, help_heading = "What is under test")]
    pub vts: Vts,
    /// Only the test of this whole name; may be given again
    #[arg(long, value_name = "TEST")]
    pub only: Vec<String>,
    /// Run all tests in this process, and let a crash end it
    #[arg(long)]
    pub in_process: bool,
    /// Longest time for one test
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    pub time_limit: u64,
    /// A skip is a failure, with its reason [default: $GRALLOC_NO_SKIP is 1]
    #[arg(long)]
    pub no_skip: bool,
    /// Print the tests and what they demand as a table, and run nothing
    #[arg(long)]
    pub table: bool,
    /// Print what the mapper's dumpBuffer says of a new buffer, and run nothing: a line for each value, its standard type
    /// and its bytes in hexadecimal (`heapctl decode --dump -` puts them in words)
    #[arg(long, conflicts_with = "table")]
    pub dump: bool,
    /// One test, in this process; how the program starts itself
    #[arg(long, value_name = "TEST", hide = true)]
    pub run_one: Option<String>,
    /// What libtest understands.
    #[command(flatten)]
    pub run: conformance_trials::Arguments,
}

impl Options {
    /// The mapper that is named by an argument or the environment.
    pub fn named_mapper(&self) -> Option<PathBuf> {
        let variable = || std::env::var_os(MAPPER_VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from);
        self.mapper.clone().or_else(variable)
    }

    /// The command that restarts the allocator.
    pub fn restart_command(&self) -> Option<String> {
        let variable = || std::env::var(RESTART_VARIABLE).ok().filter(|command| !command.is_empty());
        self.restart.clone().or_else(variable)
    }

    /// Whether tests may be skipped.
    pub fn may_skip(&self) -> bool {
        let forbidden = std::env::var_os(NO_SKIP_VARIABLE).is_some_and(|value| value == "1");
        !(self.no_skip || forbidden)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Options::command().debug_assert();
    }

    #[test]
    fn snapshot_is_the_newest_unless_another_is_named() {
        assert_eq!(Options::try_parse_from(["x"]).unwrap().vts, Vts::Newest);
        for vts in [Vts::SixteenQpr2, Vts::Seventeen, Vts::Newest] {
            assert_eq!(Options::try_parse_from(["x", "--vts", &vts.word()]).unwrap().vts, vts);
        }
        assert!(Options::try_parse_from(["x", "--vts", "16"]).is_err());
    }

    #[test]
    fn our_options_and_libtests_go_together() {
        let words = ["x", "--allocator", "unix:/a", "--mapper", "/m.so", "--show-output", "mapper::Lock", "--exact"];
        let options = Options::try_parse_from(words).unwrap();
        assert_eq!(options.allocator, Some(Transport::Socket("/a".into())));
        assert_eq!(options.named_mapper(), Some("/m.so".into()));
        assert_eq!((options.run.filter.as_deref(), options.run.exact), (Some("mapper::Lock"), true));
        assert!(Options::try_parse_from(["x", "--allocator", "tcp:1"]).is_err());
    }
}
