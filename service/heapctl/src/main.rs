//! lint, test, diff, map, schema, draft, compile, explain, heaps, alloc, decode, dump, top, leaks, owners, report: one tool for the allocator and its policy.
//!
//! Exit status: 0 done, 1 findings or refused, 2 wrong usage, or what was asked could not be done.

#![forbid(unsafe_code)]

mod args;
mod command;
#[cfg(feature = "client")]
mod dumps;
mod input;
mod output;
mod policy;
#[cfg(feature = "client")]
mod process;
mod request;
#[cfg(any(feature = "client", feature = "host"))]
mod snapshot;
mod svg;

use args::{Args, Command};
use clap::Parser;
use output::Status;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return wrong_usage(&error),
    };
    let out = output::Output::new(args.json, args.color.wanted());
    let done = match &args.command {
        #[cfg(feature = "host")]
        Command::Lint(command) => command::lint::run(command, &out),
        #[cfg(feature = "host")]
        Command::Test(command) => command::test::run(command, &out),
        #[cfg(feature = "host")]
        Command::Diff(command) => command::diff::run(command, &out),
        #[cfg(feature = "host")]
        Command::Map(command) => command::map::run(command, &out),
        #[cfg(feature = "host")]
        Command::Schema(command) => command::schema::run(command, &out),
        #[cfg(feature = "host")]
        Command::Draft(command) => command::draft::run(command, &out),
        #[cfg(feature = "host")]
        Command::Compile(command) => command::compile::run(command, &out),
        Command::Explain(command) => command::explain::run(command, &out),
        Command::Heaps(command) => command::heaps::run(command, &out),
        #[cfg(feature = "client")]
        Command::Alloc(command) => command::alloc::run(command, &out),
        Command::Decode(command) => command::decode::run(command, &out),
        #[cfg(feature = "client")]
        Command::Dump(command) => command::dump::run(command, &out),
        #[cfg(feature = "client")]
        Command::Top(command) => command::top::run(command, &out),
        #[cfg(feature = "client")]
        Command::Leaks(command) => command::leaks::run(command, &out),
        #[cfg(feature = "client")]
        Command::Owners(command) => command::owners::run(command, &out),
        #[cfg(feature = "client")]
        Command::Report(command) => command::report::run(command, &out),
    };
    match done {
        Ok(_) if out.has_failed() => ExitCode::from(2),
        Ok(Status::Done) => ExitCode::SUCCESS,
        Ok(Status::Refused) => ExitCode::from(1),
        Err(error) => {
            out.error(&error);
            ExitCode::from(2)
        }
    }
}

/// Help and version as clap prints them; what is wrong with the arguments as any other error, for scripts in JSON.
fn wrong_usage(error: &clap::Error) -> ExitCode {
    let json = std::env::args_os().skip(1).take_while(|argument| argument != "--").any(|argument| argument == "--json");
    if json && error.use_stderr() {
        let message = error.render().to_string();
        let message = message.trim().trim_start_matches("error: ").to_owned();
        output::Output::new(json, false).error(&anyhow::Error::msg(message));
        return ExitCode::from(2);
    }
    if error.use_stderr() && std::env::args_os().any(|argument| argument.to_string_lossy().contains(char::is_control)) {
        // It quotes them. Without colours, as those would be taken out, too.
        eprint!("{}", output::plain(&error.render().to_string()));
        return ExitCode::from(2);
    }
    error.exit()
}
