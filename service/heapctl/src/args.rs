//! The command line.

mod request;
#[cfg(feature = "client")]
mod watch;

#[cfg(feature = "client")]
pub(crate) use request::TransportArgs;
pub(crate) use request::{PolicyArgs, RequestArgs, Size};
#[cfg(feature = "client")]
pub(crate) use watch::{LeaksArgs, OwnersArgs, ReportArgs, TopArgs};

use clap::{Parser, Subcommand, ValueEnum};
use std::io::IsTerminal;
use std::path::PathBuf;

/// The graphics memory allocator's tool: checks and compiles heap policies, explains what a policy does with a request,
/// and asks a running allocator.
#[derive(Parser)]
#[command(name = "heapctl", version, propagate_version = true, arg_required_else_help = true, max_term_width = 100)]
#[command(after_help = "\
Exit status: 0 done; 1 findings, or the answer is no; 2 wrong usage, or what was asked could not be done.")]
pub(crate) struct Args {
    /// Print one JSON value for scripts instead of text
    #[arg(long, global = true, display_order = 900)]
    pub(crate) json: bool,

    /// When to use colours
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN", display_order = 901)]
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
    Test(TestArgs),
    #[cfg(feature = "host")]
    Diff(DiffArgs),
    #[cfg(feature = "host")]
    Map(MapArgs),
    #[cfg(feature = "host")]
    Schema(SchemaArgs),
    #[cfg(feature = "host")]
    Draft(DraftArgs),
    #[cfg(feature = "host")]
    Compile(CompileArgs),
    Explain(Box<ExplainArgs>),
    Heaps(HeapsArgs),
    #[cfg(feature = "client")]
    Alloc(AllocArgs),
    Decode(DecodeArgs),
    #[cfg(feature = "client")]
    Dump(DumpArgs),
    #[cfg(feature = "client")]
    Top(TopArgs),
    #[cfg(feature = "client")]
    Leaks(LeaksArgs),
    #[cfg(feature = "client")]
    Owners(OwnersArgs),
    #[cfg(feature = "client")]
    Report(ReportArgs),
}

/// Say what is wrong with policies, with file, line and key
///
/// Errors are what the service refuses to load or what breaks Android's contracts; warnings are what most likely was not
/// meant, such as a rule that can never match.
#[cfg(feature = "host")]
#[derive(clap::Args)]
pub(crate) struct LintArgs {
    /// Policies in TOML, or compiled ones in JSON; or the names of shipped profiles
    #[arg(required_unless_present = "codes", value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,

    /// Treat warnings as errors: exit status 1
    #[arg(long)]
    pub(crate) deny_warnings: bool,

    /// List every kind of finding with its explanation
    #[arg(long, conflicts_with_all = ["files", "deny_warnings"])]
    pub(crate) codes: bool,
}

/// Run the expectations that policies have of themselves, in `[[expect]]`
///
/// Each is a request and what is to become of it: heaps, rule, stride, bytes, layout, modifier, or a refusal. The plan stands beside each.
/// Exit status 1 when one does not hold, or a policy has none. `heaps_compile` runs them too, so in an Android tree an
/// expectation that does not hold breaks the build.
#[cfg(feature = "host")]
#[derive(clap::Args)]
#[command(after_long_help = "\
Example:
  [[expect]]
  name = \"viewfinder\"
  format = \"YCBCR_420_888\"
  width = 1920
  height = 1080
  usage = [\"CAMERA_OUTPUT\", \"GPU_TEXTURE\"]
  heap = \"camera\"               # or heaps = [\"camera\", \"system\"], rule, refused, stride, bytes, layout, modifier
  present = [\"camera\", \"system\"] # without it all heaps are there")]
pub(crate) struct TestArgs {
    /// Policies in TOML; or the names of shipped profiles
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,

    /// Write the results as JUnit's XML too, for CI
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
}

/// Say what a change of a policy does to requests
///
/// Every class of requests (usage, format and size, with the conditions of both policies as its boundaries) that gets other
/// heaps, another layout, other sizes or another answer, by cause, with the simplest request that shows it and the arguments
/// that explain it. Exit status 0 unless --exit-code is given.
#[cfg(feature = "host")]
#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  heapctl diff old.toml new.toml
  heapctl diff HEAD~1:heaps.toml heaps.toml --exit-code
  heapctl diff generic my.toml --markdown > review.md")]
pub(crate) struct DiffArgs {
    /// The policy before: a file, a shipped profile's name, or REVISION:FILE of git (as wherever a policy is read)
    #[arg(value_name = "BEFORE")]
    pub(crate) before: PathBuf,

    /// The policy after
    #[arg(value_name = "AFTER")]
    pub(crate) after: PathBuf,

    /// Exit status 1 when something differs
    #[arg(long)]
    pub(crate) exit_code: bool,

    /// Markdown for a review
    #[arg(long)]
    pub(crate) markdown: bool,
}

/// Write a JSON Schema of policies, for the TOML language servers of editors
///
/// It has every key with the kind of its value and the names to complete. In a policy's first line, `#:schema heaps.schema.json`
/// names it to taplo and to editors that use it.
#[cfg(feature = "host")]
#[derive(clap::Args)]
pub(crate) struct SchemaArgs {
    /// Where it goes; `-` for standard output
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    pub(crate) output: PathBuf,
}

/// Draw a policy: every format in every use, with its heap, fallbacks, alignment or refusal
///
/// One page that needs nothing else, in light and dark; pointing at a cell shows its plan, a click keeps it. Or a picture for
/// documents: SVG, which follows the reader's light or dark, or PNG, which is light.
#[cfg(feature = "host")]
#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  heapctl map my.toml -o map.html
  heapctl map reference-soc -o map.svg; heapctl map reference-soc -o map.png
  adb shell dumpsys android.hardware.graphics.allocator.IAllocator/default --json > day.json
  heapctl map my.toml --dump day.json -o map.html")]
pub(crate) struct MapArgs {
    /// The policy: TOML, compiled JSON, or a shipped profile's name
    #[arg(value_name = "POLICY")]
    pub(crate) policy: PathBuf,

    /// A service's dump in JSON: cells show the buffers that live, how many, of which sizes and from which heap, and how often
    /// their rule took a request
    #[arg(long, value_name = "FILE")]
    pub(crate) dump: Option<PathBuf>,

    /// Where it goes: a page (.html) or a picture (.svg, .png)
    #[arg(short, long, value_name = "FILE", default_value = "map.html")]
    pub(crate) output: PathBuf,
}

/// Write a first policy from a board's files, or from the names of a device's heaps
///
/// FILE is any of: what `ls -1`, `ls -l` or `ls -lZ` says of /dev/dma_heap, a ueventd*.rc, a file_contexts, a VINTF manifest,
/// an init .rc, the service's dump in JSON. Each is recognised by what is in it, and they are put together. What they say
/// against one another, or against what is known of a name, stands at the head of the draft with both places.
///
/// Each choice has its reason beside it in a comment; heaps that are not placed are left commented out, with a question. The
/// policy passes `lint`. Protected requests get a heap that is known to be protected, or a refusal.
#[cfg(feature = "host")]
#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  adb shell ls -lZ /dev/dma_heap > heaps.txt; adb pull /vendor/etc/ueventd.rc
  adb pull /vendor/etc/selinux/vendor_file_contexts; adb pull /vendor/etc/vintf/manifest.xml
  heapctl draft heaps.txt ueventd.rc vendor_file_contexts manifest.xml -o board.toml
  adb shell ls -1 /dev/dma_heap | heapctl draft - -o board.toml
  heapctl draft --nodes system system-uncached linux,cma vframe-secure")]
pub(crate) struct DraftArgs {
    /// The board's files; `-` for standard input
    #[arg(value_name = "FILE", conflicts_with_all = ["nodes", "nodes_from", "heap_dir"])]
    pub(crate) files: Vec<PathBuf>,

    /// Names of files under /dev/dma_heap, one an argument: they may contain commas
    #[arg(long, value_name = "NAME", num_args = 1.., conflicts_with_all = ["nodes_from", "heap_dir"])]
    pub(crate) nodes: Option<Vec<String>>,

    /// A file with one name a line and nothing else; `-` for standard input
    #[arg(long, value_name = "FILE", conflicts_with = "heap_dir")]
    pub(crate) nodes_from: Option<PathBuf>,

    /// Look for the names here
    #[arg(long, value_name = "DIR", default_value = gralloc_heaps::heap::DMA_HEAP_DIRECTORY)]
    pub(crate) heap_dir: PathBuf,

    /// The policy's own name
    #[arg(long, default_value = "board")]
    pub(crate) name: String,

    /// Where the policy goes; `-` for standard output
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    pub(crate) output: PathBuf,

    /// Overwrite the file
    #[arg(long)]
    pub(crate) force: bool,
}

/// Turn a policy in TOML into the JSON that the service loads
///
/// Refuses a policy with errors, and one whose own expectations do not hold. The same policy always gives the same bytes.
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

/// Show what a policy does with a request: rule, heaps, planes, stride, bytes
///
/// Takes the very steps that allocate2 and isSupported take, and writes down what each of them saw: which rule takes the
/// request and why not the earlier ones, what a flexible format becomes, which alignment changed what. Allocates nothing.
#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  heapctl explain --policy reference-soc --format YCBCR_420_888 --size 1920x1080 \\
      --usage 'CAMERA_OUTPUT|CPU_READ_OFTEN'
  heapctl explain --policy my.toml --format RGBA_8888 --size 1080x2400 --count 3 \\
      --usage COMPOSER_OVERLAY,GPU_RENDER_TARGET --svg review.svg
  heapctl explain --policy my.toml --log 'Failed to allocate (1920 x 1080) layerCount 1 format 34 usage 20100: 3'
  adb shell dumpsys SurfaceFlinger | grep KiB > buffers.txt; heapctl explain --policy my.toml --all buffers.txt")]
pub(crate) struct ExplainArgs {
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,

    /// Take the request out of a line of logcat or dumpsys: a failed allocation of libui, a row of its tables, a refusal of
    /// minigbm or of this service. Arguments beside it count before it. Several lines are read as those of --all
    #[arg(long, value_name = "LINE", conflicts_with = "all")]
    pub(crate) log: Option<String>,

    /// Explain every request of a file, one a line: `FORMAT WIDTHxHEIGHT USAGE`, or a line as --log takes it; `-` for standard
    /// input. A dump's totals are passed over; of other lines it is said that they were not read, and the exit status is 1
    #[arg(long, value_name = "FILE", conflicts_with_all = ["format", "size", "usage", "svg"])]
    pub(crate) all: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) request: RequestArgs,

    /// Assume that the kernel has exactly these heaps of the policy, by name
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', conflicts_with_all = ["all_heaps", "heap_dir"])]
    pub(crate) heaps: Option<Vec<String>>,

    /// Assume that the kernel has every heap of the policy
    #[arg(long, conflicts_with = "heap_dir")]
    pub(crate) all_heaps: bool,

    /// Look for the kernel's heaps here [default: /dev/dma_heap; --all-heaps on a machine without it]
    #[arg(long, value_name = "DIR")]
    pub(crate) heap_dir: Option<PathBuf>,

    /// The size of the device's pages, bytes (`getconf PAGE_SIZE` there): what budgets are charged by [default: this machine's]
    #[arg(long, value_name = "BYTES", value_parser = page_size)]
    pub(crate) page_size: Option<u64>,

    /// Draw the planes and the padding to scale
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
}

/// Those that kernels for Android have, and the largest of arm64.
fn page_size(text: &str) -> Result<u64, String> {
    match text {
        "4096" | "4k" => Ok(4 << 10),
        "16384" | "16k" => Ok(16 << 10),
        "65536" | "64k" => Ok(64 << 10),
        _ => Err("a kernel's pages are of 4096 (4k), 16384 (16k) or 65536 (64k) bytes".to_owned()),
    }
}

/// Show which nodes this kernel has, whether they can be opened, and which heap of the policy each one serves
///
/// Exit status 1 when a heap's node exists and cannot be opened, or when the heap for shared metadata has no node.
#[derive(clap::Args)]
pub(crate) struct HeapsArgs {
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,

    /// Where the nodes are
    #[arg(long, value_name = "DIR", default_value = gralloc_heaps::heap::DMA_HEAP_DIRECTORY)]
    pub(crate) heap_dir: PathBuf,
}

/// Allocate buffers from the running service and print their decoded handles
///
/// The buffers are freed when the command ends. A refusal is exit status 1, with the service's reason.
#[cfg(feature = "client")]
#[derive(clap::Args)]
pub(crate) struct AllocArgs {
    #[command(flatten)]
    pub(crate) transport: TransportArgs,

    /// Where vendor usages get their names: a policy, as for `explain` [default: none, numbers work always]
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) request: RequestArgs,

    /// Print the handles int by int, undecoded ones too
    #[arg(long)]
    pub(crate) raw: bool,

    /// Keep the buffers for so many seconds before they are freed
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub(crate) hold: u64,
}

/// Print the running service's state: heaps, rules hit, buffers, clients, refusals by cause
#[cfg(feature = "client")]
#[derive(clap::Args)]
pub(crate) struct DumpArgs {
    #[command(flatten)]
    pub(crate) transport: TransportArgs,
}

/// Explain a buffer handle's ints in words, and say whether a mapper would take them
///
/// The ints are decimal or 0x-hexadecimal, with spaces, commas, brackets or line breaks between them, as debuggers and
/// `alloc --raw --json` print them. Exit status 1 when the handle is refused; its fields are shown all the same.
///
/// With --dump it is a buffer's metadata instead, as a mapper's dumpBuffer hands it out: a line for each value, its type by
/// name or number, then its bytes in hexadecimal; or a list in JSON of {"type": …, "bytes": "HEX"}. Exit status 1 when
/// bytes are no value of their standard type.
#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  heapctl --json alloc --raw --format RGBA_8888 --size 64x64 | jq -c .handles[0].ints | heapctl decode -
  gralloc-conformance --dump | heapctl decode --dump -")]
pub(crate) struct DecodeArgs {
    /// The file with the ints or the metadata; `-` for standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// The file has a buffer's metadata, not a handle's ints
    #[arg(long, conflicts_with = "fds")]
    pub(crate) dump: bool,

    /// How many fds came with them
    #[arg(long, value_name = "N", default_value_t = gralloc_buffer::handle::FDS)]
    pub(crate) fds: usize,
}
