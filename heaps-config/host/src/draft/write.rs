//! The text: each choice with its reason beside it.

use super::classify::{Heaps, DEFAULT_REGION};

/// The whole policy.
pub(super) fn policy(name: &str, names: &[&str], heaps: &Heaps<'_>) -> String {
    let mut text = Text(String::new());
    text.head(name, names);
    text.heaps(heaps);
    text.protected_heaps(heaps);
    text.open(heaps);
    text.protected_rules(heaps);
    text.rules(heaps);
    text.0.push_str(ALIGNMENTS_AND_FORMATS);
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

    fn head(&mut self, name: &str, names: &[&str]) {
        self.comment("A draft, made from the names of a device's heaps:");
        names.iter().for_each(|name| self.line(&format!("#   {name}")));
        self.comment(
            "Names are guesses about what is behind them. Read every comment, answer the questions (\"?\"), then see what a\n\
             request gets: heapctl lint FILE; heapctl explain --policy FILE --format … --size … --usage …\n\
             reference-soc, the shipped profile, shows everything that a policy can say.",
        );
        self.line(&format!("\nschema = 1\nname = \"{name}\""));
        self.line("description = \"Drafted from the list of heaps; not yet reviewed\"");
        self.0.push_str(LIMITS);
    }

    fn heaps(&mut self, heaps: &Heaps<'_>) {
        let twin: &[&str] = if heaps.system_uncached.is_empty() {
            &[]
        } else {
            &["uncached_twin = \"system-uncached\"   # the same memory, mapped without caches"]
        };
        self.heap("Ordinary memory: all that no rule sends elsewhere.", "system", &heaps.system, twin);
        if !heaps.system_uncached.is_empty() {
            let why = "For devices that do not snoop the CPU's caches: without them there is nothing to flush for every frame.";
            self.heap(why, "system-uncached", &heaps.system_uncached, &["cached = false"]);
        }
        let budget = "# budget = \"…\"     # how much of the region may graphics have? The rest is for drivers. Unset: all of it";
        if !heaps.camera.is_empty() {
            let mut keys = vec!["contiguous = true", budget];
            if !heaps.camera_uncached.is_empty() {
                keys.push("uncached_twin = \"camera-uncached\"");
            }
            self.heap("The camera's own contiguous region, by its name.", "camera", &heaps.camera, &keys);
        }
        if !heaps.camera_uncached.is_empty() {
            let keys = ["cached = false", "contiguous = true", budget];
            self.heap("The same region, mapped without caches.", "camera-uncached", &heaps.camera_uncached, &keys);
        }
        if !heaps.cma.is_empty() {
            let others = DEFAULT_REGION.iter().filter(|name| !heaps.cma.contains(name));
            let nodes: Vec<&str> = heaps.cma.iter().chain(others).copied().collect();
            let why = "The default contiguous region. Kernels have named it in four ways, and some show two of them at once: all are\n\
                       here, so that an update of the kernel does not lose it. The first that exists is taken.";
            self.heap(why, "cma", &nodes, &["contiguous = true", budget]);
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
            let why = if heaps.protected_guess {
                "The only heap whose name says that it is protected, so it gets protected content. Is it for that: can the video\n\
                 decoder write it and the display read it? If not, comment it out, and deny in the rule \"protected\"."
            } else {
                "Protected content in general: video decoder to display."
            };
            self.heap(why, "protected", &heaps.protected, &keys);
        }
    }

    fn open(&mut self, heaps: &Heaps<'_>) {
        if heaps.open.is_empty() {
            return;
        }
        self.line("");
        self.comment("Heaps that the name alone does not place. Without a rule nothing is allocated from them.");
        for open in &heaps.open {
            self.line("");
            self.comment(open.question);
            self.comment(&format!("[[heap]]\nname = \"{}\"\nnodes = [\"{}\"]", plain(open.node), open.node));
            if open.protected {
                self.comment("protected = true");
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
            let why = if heaps.open.iter().any(|open| open.protected) {
                "Which of the protected heaps above is for video? Until that is answered, a refusal: a player that is refused shows\n\
                 a lower quality; one that gets the wrong heap shows nothing, or shows it to everybody."
            } else {
                "No heap is protected for this. A refusal, so that players choose what needs no protection."
            };
            self.comment(why);
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
        let twins = !heaps.system_uncached.is_empty() || !heaps.camera_uncached.is_empty();
        let (camera, cma) = (!heaps.camera.is_empty(), !heaps.cma.is_empty());
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
        self.comment("All else, and all that apps draw: the CPU may come along at any time, so with caches.");
        self.line("[[rule]]\nname = \"everything-else\"\nheaps = [\"system\"]");
    }
}

/// `"one", "two"`
fn list(names: &[&str]) -> String {
    names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}

/// A node's name as a heap's.
fn plain(node: &str) -> String {
    node.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' }).collect()
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

# Every client maps its buffers' metadata, apps too, and the system heap is the one that SELinux lets all of them use.
[metadata]
heap = "system"

[format_group]
RGB = [
    "RGBA_8888", "RGBX_8888", "BGRA_8888", "RGB_565", "RGBA_1010102", "RGBA_FP16", "RGBA_10101010",
    "R_8", "R_16_UINT", "RG_1616_UINT",
]

# ---- Heaps: `nodes` are names under /dev/dma_heap, the first that exists is taken ----
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
formats = ["RGB"]
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
to = "RGBA_8888"

[[resolve]]
format = "RAW_OPAQUE"
to = "RAW16"
"#;
