//! The text: each choice with its reason beside it.

use super::classify::{Heaps, OpenKind, Twins};
use gralloc_buffer::layout::ComponentKind;
use gralloc_buffer::{Layout, PixelFormat};
use heaps_config::nodes::{Kind, Node, KNOWN};
use std::collections::BTreeMap;

/// What the draft begins with.
#[derive(Debug, Default)]
pub(super) struct Head {
    /// Files and what they are; none when there are only names.
    files: Vec<String>,
    /// What a person has to know or decide, a line each.
    notes: Vec<String>,
}

impl Head {
    /// Of names alone.
    pub(super) fn names() -> Head {
        Head::default()
    }

    /// Of a board's files; `assumed`: none of them names the system heap.
    #[cfg(feature = "board")]
    pub(super) fn board(board: &crate::board::Board, assumed: bool) -> Head {
        let files = board.files.iter().map(|(name, kind)| format!("{name}: {kind}")).collect();
        let mut notes: Vec<String> = board.notes.iter().map(ToString::to_string).collect();
        if assumed {
            notes.push(
                "no file lists the nodes, so \"system\" is assumed, which every kernel of Android's has".to_owned(),
            );
        }
        if !board.has_listing() {
            notes.push("no file lists the nodes: what has no line here may be there all the same; give `ls -lZ /dev/dma_heap` too".to_owned());
        }
        Head { files, notes }
    }
}

/// The whole policy.
pub(super) fn policy(name: &str, names: &[&str], heaps: &Heaps<'_>, head: &Head) -> String {
    let mut text = Text(String::new());
    text.head(name, names, head);
    text.heaps(heaps);
    text.protected_heaps(heaps);
    text.open(heaps);
    text.protected_rules(heaps);
    text.rules(heaps);
    text.0.push_str(ALIGNMENTS_AND_FORMATS);
    text.expectations(heaps);
    text.0
}

struct Text(String);

impl Text {
    fn line(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }

    /// A comment, a heap's table, and more keys of it. The empty line before it too.
    fn heap(&mut self, why: &str, name: &str, nodes: &[&str], keys: &[&str]) {
        self.line("");
        self.comment(why);
        self.line("[[heap]]");
        self.line(&format!("name = \"{name}\""));
        self.line(&format!("nodes = [{}]", list(nodes)));
        keys.iter().for_each(|key| self.line(key));
    }

    fn comment(&mut self, why: &str) {
        why.lines().for_each(|line| self.line(&format!("# {line}")));
    }

    fn head(&mut self, name: &str, names: &[&str], head: &Head) {
        if !head.files.is_empty() {
            self.comment("A draft, made from the files of a board:");
            head.files.iter().for_each(|file| self.line(&format!("#   {}", printable(file))));
        }
        if !head.notes.is_empty() {
            self.comment("To be seen to, each with its place:");
            head.notes.iter().for_each(|note| self.line(&format!("#   {}", printable(note))));
        }
        self.comment(if head.files.is_empty() {
            "A draft, made from the names of a device's heaps:"
        } else {
            "The heaps:"
        });
        names.iter().for_each(|name| self.line(&format!("#   {name}")));
        self.comment(
            "Names are guesses about what is behind them. Read every comment, answer the questions (\"?\"), then see what a\n\
             request gets: heapctl lint FILE; heapctl explain --policy FILE --format … --size … --usage …\n\
             reference-soc, the shipped profile, shows everything that a policy can say.",
        );
        self.line(&format!("\nschema = 1\nname = \"{name}\""));
        self.line("description = \"Drafted from the list of heaps; not yet reviewed\"");
        self.0.push_str(LIMITS);
        self.0.push_str(&rgb());
        self.0.push_str(HEAPS);
    }

    fn heaps(&mut self, heaps: &Heaps<'_>) {
        let budget = "# budget = \"…\"     # how much of the region may graphics have? The rest is for drivers. Unset: all of it";
        let why = "Ordinary memory: all that no rule sends elsewhere.";
        self.twins("system", &heaps.system, &heaps.system.cached, why, &[]);
        if !heaps.camera.cached.is_empty() {
            let why = "The camera's own contiguous region, by its name.";
            self.twins("camera", &heaps.camera, &heaps.camera.cached, why, &["contiguous = true", budget]);
        }
        if !heaps.cma.cached.is_empty() {
            let present = &heaps.cma.cached;
            let all = KNOWN.iter().filter(|known| known.kind == Kind::DefaultRegion).map(|known| known.name);
            let nodes: Vec<&str> = present.iter().copied().chain(all.filter(|name| !present.contains(name))).collect();
            let why = "The default contiguous region. Kernels have named it in four ways, and some show two of them at once: all are\n\
                       here, so that an update of the kernel does not lose it. The first that exists is taken.";
            self.twins("cma", &heaps.cma, &nodes, why, &["contiguous = true", budget]);
        }
        if !heaps.sensor.is_empty() {
            let why = "Readable by the sensor hub, which commonly sees this carve-out and no more.";
            self.heap(
                why,
                "sensor",
                &heaps.sensor,
                &[
                    "contiguous = true",
                    "system_memory = false   # a carve-out, no part of MemAvailable",
                    "max_buffer = \"1MiB\"",
                ],
            );
        }
    }

    /// A heap, and the same memory without caches where the list has it.
    fn twins(&mut self, name: &str, twins: &Twins<'_>, nodes: &[&str], why: &str, keys: &[&str]) {
        let twin = format!("{name}-uncached");
        let twin_key = format!("uncached_twin = \"{twin}\"   # the same memory, mapped without caches");
        let mut own: Vec<&str> = keys.to_vec();
        if twins.has_twin() {
            own.push(&twin_key);
        }
        self.heap(why, name, nodes, &own);
        if twins.has_twin() {
            let why = "The same memory for devices that do not snoop the CPU's caches: without them there is nothing to flush for\n\
                       every frame.";
            let own: Vec<&str> = ["cached = false"].iter().chain(keys).copied().collect();
            self.heap(why, &twin, &twins.uncached, &own);
        }
    }

    fn protected_heaps(&mut self, heaps: &Heaps<'_>) {
        let keys = ["protected = true"];
        if !heaps.protected_raw.is_empty() {
            self.heap("Protected: camera front end to image processor.", "protected-raw", &heaps.protected_raw, &keys);
        }
        if !heaps.protected_preview.is_empty() {
            let why = "Protected: image processor to display.";
            self.heap(why, "protected-preview", &heaps.protected_preview, &keys);
        }
        if !heaps.protected.is_empty() {
            let known = heaps.protected.first().and_then(|name| Node::of(name).known);
            let source = known.map_or("", |known| known.source);
            let why = format!(
                "Protected content in general: video decoder to display. That the name is protected, says\n{source}."
            );
            let uncached = heaps.protected.iter().any(|name| Node::of(name).is_uncached());
            let keys: &[&str] = if uncached { &["protected = true", "cached = false"] } else { &keys };
            self.heap(&why, "protected", &heaps.protected, keys);
        }
    }

    fn open(&mut self, heaps: &Heaps<'_>) {
        if heaps.open.is_empty() {
            return;
        }
        self.line("");
        self.comment("Heaps that the name alone does not place. Without a rule nothing is allocated from them.");
        let names = names(heaps);
        let name_of = |node: &str| names.get(node).cloned().unwrap_or_default();
        for open in &heaps.open {
            self.line("");
            self.comment(&open.question);
            self.comment(&format!("[[heap]]\nname = \"{}\"\nnodes = [\"{}\"]", name_of(open.node), open.node));
            if open.kind.is_protected() {
                self.comment("protected = true");
            }
            if open.uncached {
                self.comment("cached = false");
            }
            if let Some(twin) = open.twin {
                self.comment(&format!("uncached_twin = \"{}\"", name_of(twin)));
            }
        }
    }

    fn protected_rules(&mut self, heaps: &Heaps<'_>) {
        self.0.push_str(RULES);
        if !heaps.protected_raw.is_empty() {
            self.line("\n[[rule]]\nname = \"protected-raw\"");
            self.line("all_of = [\"PROTECTED\", \"CAMERA_OUTPUT\", \"CAMERA_INPUT\"]\nheaps = [\"protected-raw\"]");
        }
        if !heaps.protected_preview.is_empty() {
            self.line("\n[[rule]]\nname = \"protected-preview\"\nall_of = [\"PROTECTED\", \"CAMERA_OUTPUT\"]");
            self.line("any_of = [\"COMPOSER_OVERLAY\", \"GPU_TEXTURE\"]\nheaps = [\"protected-preview\"]");
        }
        self.line("");
        if heaps.protected.is_empty() {
            let unknown: Vec<&str> =
                heaps.open.iter().filter(|open| open.kind == OpenKind::Unknown).map(|open| open.node).collect();
            let why = if heaps.open.iter().any(|open| open.kind.is_protected()) {
                "Which of the protected heaps above is for video? Until that is answered, a refusal: a player that is refused shows\n\
                 a lower quality; one that gets the wrong heap shows nothing, or shows it to everybody."
                    .to_owned()
            } else if unknown.is_empty() {
                "None of these heaps is protected. A refusal, so that players choose what needs no protection."
                    .to_owned()
            } else {
                format!(
                    "Is one of these protected, of which nobody here knows what they are: {}? Until that is answered, a\n\
                     refusal, so that players choose what needs no protection.",
                    unknown.join(" ")
                )
            };
            self.comment(&why);
            self.line("[[rule]]\nname = \"protected\"\nall_of = [\"PROTECTED\"]");
            self.line("deny = \"this device has no protected heap for this use\"");
        } else {
            self.line("[[rule]]\nname = \"protected\"\nall_of = [\"PROTECTED\"]\nheaps = [\"protected\"]");
        }
    }

    fn rules(&mut self, heaps: &Heaps<'_>) {
        if !heaps.sensor.is_empty() {
            self.line("");
            self.comment("A sensor's ring buffer. Can the hub reach ordinary memory too? Then add \"system\" as the second heap.");
            self.line("[[rule]]\nname = \"sensor\"\nall_of = [\"SENSOR_DIRECT_DATA\"]\nheaps = [\"sensor\"]");
        }
        let twins = heaps.has_twins();
        let (camera, cma) = (!heaps.camera.cached.is_empty(), !heaps.cma.cached.is_empty());
        if twins || camera || cma {
            self.line("");
            if camera {
                self.comment("The camera's region first, then ordinary memory, for when the region is full.");
            }
            if cma {
                self.comment(
                    "Is the camera behind an IOMMU? Then take \"cma\" out: it needs no contiguous memory, and others do. If it is\n\
                     not, take \"system\" out: the camera could not use it. The same is to be asked of the display and the codecs.",
                );
            }
            self.line("[[rule]]\nname = \"camera\"\nany_of = [\"CAMERA_OUTPUT\", \"CAMERA_INPUT\"]");
            let names = [(camera, "camera"), (cma, "cma"), (true, "system")];
            let names: Vec<&str> = names.iter().filter(|(there, _)| *there).map(|(_, name)| *name).collect();
            self.line(&format!("heaps = [{}]", list(&names)));
            if twins {
                self.comment(
                    "Each heap's uncached twin is tried before the heap itself, unless the CPU comes along often.",
                );
                self.line("cached_when = [\"CPU_READ_OFTEN\", \"CPU_WRITE_OFTEN\"]");
            }
        }
        self.line("");
        self.0.push_str(CONTESTED);
        self.comment("All else, and all that apps draw: the CPU may come along at any time, so with caches.");
        self.line("[[rule]]\nname = \"everything-else\"\nheaps = [\"system\"]");
    }

    /// What the draft does with a screen, a viewfinder and protected video: a test of the policy from its first day on.
    fn expectations(&mut self, heaps: &Heaps<'_>) {
        let of_camera = [("camera", &heaps.camera), ("cma", &heaps.cma), ("system", &heaps.system)];
        let first = of_camera.iter().find(|(_, twins)| !twins.cached.is_empty());
        let viewfinder = first.map_or_else(String::new, |(name, twins)| {
            format!("heap = \"{name}{}\"", if twins.has_twin() { "-uncached" } else { "" })
        });
        let video = if heaps.protected.is_empty() { "refused = \"denied\"" } else { "heap = \"protected\"" };
        self.line("\n# ---- Expected: `heapctl test` tries these, and so does the build. What else does your product ask for? ----");
        let mut expect = |name: &str, format: &str, size: (u32, u32), usage: &[&str], answer: &str| {
            self.line(&format!("\n[[expect]]\nname = \"{name}\"\nformat = \"{format}\""));
            self.line(&format!("width = {}\nheight = {}\nusage = [{}]\n{answer}", size.0, size.1, list(usage)));
        };
        expect(
            "screen",
            "RGBA_8888",
            (1080, 2400),
            &["GPU_RENDER_TARGET", "COMPOSER_CLIENT_TARGET"],
            "heap = \"system\"",
        );
        expect("viewfinder", "IMPLEMENTATION_DEFINED", (1920, 1080), &["CAMERA_OUTPUT", "GPU_TEXTURE"], &viewfinder);
        let usage = ["PROTECTED", "VIDEO_DECODER", "COMPOSER_OVERLAY"];
        expect("protected-video", "IMPLEMENTATION_DEFINED", (1920, 1080), &usage, video);
    }
}

/// What came from elsewhere, on one line of a comment.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// `"one", "two"`
fn list(names: &[&str]) -> String {
    names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}

/// The names of the heaps that the draft itself may define.
const OWN_NAMES: &[&str] = &[
    "system",
    "system-uncached",
    "cma",
    "cma-uncached",
    "camera",
    "camera-uncached",
    "sensor",
    "protected",
    "protected-raw",
    "protected-preview",
];

/// Node → heap for those left out: plain characters, and no name twice.
fn names<'a>(heaps: &Heaps<'a>) -> BTreeMap<&'a str, String> {
    let mut names: BTreeMap<&str, String> = BTreeMap::new();
    for open in &heaps.open {
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' };
        let mut name: String = open.node.chars().map(plain).collect();
        while OWN_NAMES.contains(&name.as_str()) || names.values().any(|taken| *taken == name) {
            name.push_str("-too");
        }
        names.insert(open.node, name);
    }
    names
}

const LIMITS: &str = r#"
# The kernel has no upper bound: what passes these limits ends, at worst, in the OOM killer. For a device of 4 GiB;
# how much memory has yours? Scale `client` and `total` with it.
[limits]
request = "256MiB"          # one call, all its buffers together
client = "1GiB"             # all that one uid holds
total = "2GiB"              # all that everybody holds
reserve = "128MiB"          # of MemAvailable, stays free
buffers_per_request = 32    # two fds each, and a reply over a unix socket carries 64

# Buffers are filled ahead of streams, and given back when nobody asks or memory runs short. Of protected heaps none are, of a
# region of its own the same part of its `budget`, or of what the kernel tells of it.
[pool]
total = "6%"                # of the machine's memory, ready at once, at most

# Every client maps its buffers' metadata, apps too, and the system heap is the one that SELinux lets all of them use.
[metadata]
heap = "system"

[format_group]
"#;

/// Formats of one plane whose pixels a line of 64 bytes holds a whole number of, as the shipped profiles' group of this name.
fn rgb() -> String {
    let is_rgb = |format: &&PixelFormat| {
        let Some(layout) = Layout::of(**format) else { return false };
        let [plane] = layout.shapes() else { return false };
        plane.components.iter().any(|part| part.kind == ComponentKind::R) && layout.bits_per_pixel().is_power_of_two()
    };
    let names: Vec<&str> = PixelFormat::ALL.iter().filter(is_rgb).map(|format| format.name()).collect();
    let lines = names.chunks(6).map(|names| format!("    \"{}\",\n", names.join("\", \"")));
    format!("RGB = [\n{}]\n", lines.collect::<String>())
}

const HEAPS: &str = "\n# ---- Heaps: `nodes` are names under /dev/dma_heap, the first that exists is taken ----\n";

/// What the shipped profiles refuse for the same reason.
const CONTESTED: &str = r#"# No layout of these passes every snapshot of AOSP's VTS (docs/porting.md, step 6). A VTS skips a format that is refused.
[[rule]]
name = "no-layout-for-every-vts"
any_of = ["CPU_READ_MASK", "CPU_WRITE_MASK"]
formats = [
    "RGBA_10101010", "R_12_UINT", "R_14_UINT", "RG_1212_UINT", "RG_1414_UINT", "RGBA_12121212_UINT", "RGBA_14141414_UINT",
]
deny = "the VTS of 16 QPR2 and 17 and the newest contradict one another about this format in the CPU's hands"

"#;

const RULES: &str = r"
# ---- Rules: the first whose conditions hold takes the request; its heaps are tried in order ----

# Protected content ends in protected heaps or in a refusal, never in ordinary memory; lint refuses any other way.
";

const ALIGNMENTS_AND_FORMATS: &str = r#"
# ---- Alignments: those that apply are combined ----

# Common to GPUs and displays. What do your display, camera and codecs want? The gralloc that you replace knows.
[[align]]
name = "rgb-for-gpu-and-display"
any_of = [
    "GPU_TEXTURE", "GPU_RENDER_TARGET", "GPU_DATA_BUFFER", "GPU_CUBE_MAP",
    "COMPOSER_OVERLAY", "COMPOSER_CLIENT_TARGET", "COMPOSER_CURSOR",
]
layouts = ["RGB"]
stride_bytes = 64

# ---- Flexible formats: the first match decides. Cameras and codecs speak NV12; does yours speak NV21? ----

[[resolve]]
format = "YCBCR_420_888"
to = "NV12"

[[resolve]]
format = "IMPLEMENTATION_DEFINED"
any_of = ["CAMERA_OUTPUT", "CAMERA_INPUT", "VIDEO_ENCODER", "VIDEO_DECODER", "HW_IMAGE_ENCODER"]
to = "NV12"

[[resolve]]
format = "IMPLEMENTATION_DEFINED"
to = "RGBX_8888"

[[resolve]]
format = "RAW_OPAQUE"
to = "RAW16"
"#;
