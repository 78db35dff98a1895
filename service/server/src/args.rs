//! The command line.

use gralloc_heaps::heap::DMA_HEAP_DIRECTORY;
use gralloc_heaps::watch::Source;
use gralloc_heaps::BackendKind;
use std::path::PathBuf;

/// Where the compiled policy lies on a device.
pub const DEFAULT_POLICY: &str = "/vendor/etc/gralloc/heaps.json";

/// What `--help` prints.
pub const USAGE: &str = "\
The graphics memory allocator: android.hardware.graphics.allocator.IAllocator/default, version 2.

Usage: android.hardware.graphics.allocator-service.dmaheap [OPTIONS]

Options:
  --policy FILE      the compiled policy (JSON) [default: /vendor/etc/gralloc/heaps.json]
  --binder           serve over kernel binder, registered with the service manager [default]
  --socket PATH      serve libbinder RPC on a unix socket instead, for machines without binder
  --heaps KIND       kernel: the nodes under /dev/dma_heap [default]
                     udmabuf, memfd: stand-ins for machines without dma-heaps (no device can use their memory as a
                     heap's; protected heaps do not exist there)
  --heap-dir DIR     where the heap nodes are [default: /dev/dma_heap]
  --release-source S how to see that a buffer's last reference is dropped
                     auto: tried at start; inotify where its events come, epoll where they do not (Linux 6.14 and
                     later) and beyond half of the user's inotify watches [default]
                     inotify, epoll: that one alone, if it works
                     none: not at all; live bytes are unknown, and budgets of clients and heaps bound nothing
  --check            load the policy, look at the heaps, say what is found, and exit; 1 when the metadata heap is not open
  --verbose          log at debug level
  -h, --help         print this
  -V, --version      print the version
";

/// How clients reach the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Kernel binder.
    Binder,
    /// libbinder RPC on a unix socket.
    Socket(PathBuf),
}

/// A parsed command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Args {
    /// The policy's file.
    pub policy: PathBuf,
    /// The transport.
    pub transport: Transport,
    /// The heaps.
    pub heaps: BackendKind,
    /// Where the heap nodes are.
    pub heap_dir: PathBuf,
    /// How releases may be seen, the first choice first.
    pub release_sources: Vec<Source>,
    /// Look and exit.
    pub check: bool,
    /// Log more.
    pub verbose: bool,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Serve, or check.
    Run(Args),
    /// Print the usage.
    Help,
    /// Print the version.
    Version,
}

/// What holds without an argument.
impl Default for Args {
    fn default() -> Args {
        Args {
            policy: DEFAULT_POLICY.into(),
            transport: Transport::Binder,
            heaps: BackendKind::Kernel,
            heap_dir: DMA_HEAP_DIRECTORY.into(),
            release_sources: Source::ALL.to_vec(),
            check: false,
            verbose: false,
        }
    }
}

/// Parses the arguments after the program's name. By hand: nine options do not pay for a parser's pages in a service
/// that lives as long as the device.
///
/// # Errors
/// A sentence that names the argument and what is allowed.
pub fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Command, String> {
    let mut args = Args::default();
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let (flag, inline) = match argument.split_once('=') {
            Some((flag, value)) => (flag.to_owned(), Some(value.to_owned())),
            None => (argument, None),
        };
        let mut value = |what: &str| {
            let value = inline.clone().or_else(|| arguments.next()).filter(|value| !value.is_empty());
            value.ok_or_else(|| format!("{flag} needs {what}"))
        };
        match flag.as_str() {
            "--policy" => args.policy = value("a file")?.into(),
            "--socket" => args.transport = Transport::Socket(value("a path")?.into()),
            "--heap-dir" => args.heap_dir = value("a directory")?.into(),
            "--heaps" => {
                let kind = value("a kind: kernel, udmabuf or memfd")?;
                args.heaps = kind.parse().map_err(|unknown| format!("--heaps: {unknown}"))?;
            }
            "--release-source" => {
                let kind = value("a source: auto, inotify, epoll or none")?;
                args.release_sources =
                    release_sources(&kind).map_err(|unknown| format!("--release-source: {unknown}"))?;
            }
            "--binder" => args.transport = Transport::Binder,
            "--check" => args.check = true,
            "--verbose" => args.verbose = true,
            "-h" | "--help" => return Ok(Command::Help),
            "-V" | "--version" => return Ok(Command::Version),
            other => return Err(format!("unknown argument {other}; --help lists what there is")),
        }
    }
    Ok(Command::Run(args))
}

fn release_sources(kind: &str) -> Result<Vec<Source>, String> {
    match kind {
        "auto" => Ok(Source::ALL.to_vec()),
        "none" => Ok(Vec::new()),
        one => Source::ALL
            .into_iter()
            .find(|source| source.name() == one)
            .map(|source| vec![source])
            .ok_or_else(|| format!("\"{one}\" is no release source: auto, inotify, epoll or none")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(arguments: &[&str]) -> Result<Command, String> {
        parse(arguments.iter().map(|argument| (*argument).to_owned()))
    }

    #[test]
    fn defaults_are_a_device_s() {
        let Ok(Command::Run(args)) = run(&[]) else { panic!("no command line is a valid one") };
        assert_eq!(args.transport, Transport::Binder);
        assert_eq!(args.heaps, BackendKind::Kernel);
        assert_eq!(args.policy, PathBuf::from(DEFAULT_POLICY));
    }

    #[test]
    fn values_come_after_a_space_or_an_equals_sign() {
        for arguments in [["--socket", "/run/a.sock"].as_slice(), &["--socket=/run/a.sock"]] {
            let Ok(Command::Run(args)) = run(arguments) else { panic!("{arguments:?}") };
            assert_eq!(args.transport, Transport::Socket("/run/a.sock".into()));
        }
    }

    #[test]
    fn release_sources_are_all_unless_one_or_none_is_named() {
        for (arguments, wanted) in [
            ([].as_slice(), Source::ALL.as_slice()),
            (&["--release-source=auto"], &Source::ALL),
            (&["--release-source", "epoll"], &[Source::Epoll]),
            (&["--release-source=none"], &[]),
        ] {
            let Ok(Command::Run(args)) = run(arguments) else { panic!("{arguments:?}") };
            assert_eq!(args.release_sources, wanted, "{arguments:?}");
        }
    }

    #[test]
    fn bad_arguments_name_what_is_allowed() {
        assert_eq!(
            run(&["--heaps", "ion"]).unwrap_err(),
            "--heaps: \"ion\" is not a source of heaps: use kernel, udmabuf or memfd"
        );
        assert_eq!(
            run(&["--release-source", "guess"]).unwrap_err(),
            "--release-source: \"guess\" is no release source: auto, inotify, epoll or none"
        );
        assert_eq!(run(&["--policy"]).unwrap_err(), "--policy needs a file");
        assert_eq!(run(&["--socket="]).unwrap_err(), "--socket needs a path");
        assert!(run(&["--pool"]).unwrap_err().contains("--help"));
    }
}
