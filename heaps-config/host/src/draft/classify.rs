//! What the names in the field stand for.

/// Names of ordinary memory, the kernel's own first.
const SYSTEM: &[&str] = &["system", "qcom,system"];
/// The default contiguous region: one region, four names over the kernels' versions.
pub(super) const DEFAULT_REGION: &[&str] = &["linux,cma", "reserved", "default_cma_region", "cma"];
/// Contiguous regions of a camera's own.
const CAMERA: &[&str] = &["gcma_camera", "camera"];
/// Protected heaps that are for protected content in general, the most particular first.
const GENERAL: &[&str] =
    &["vframe-secure", "qcom,display", "qcom,secure-pixel", "system-secure", "secure", "protected"];
/// What a protected heap's name says.
const PROTECTED_WORDS: &[&str] = &["secure", "protected", "restricted"];
/// What turns that into its opposite.
const OPPOSITE_WORDS: &[&str] =
    &["insecure", "unsecure", "unprotected", "unrestricted", "non", "not-", "not_", "no-", "no_"];
const UNCACHED: &str = "-uncached";

/// The names by what they are for. A list is one heap's nodes.
#[derive(Debug, Default)]
pub(super) struct Heaps<'a> {
    pub(super) system: Vec<&'a str>,
    pub(super) system_uncached: Vec<&'a str>,
    pub(super) cma: Vec<&'a str>,
    pub(super) camera: Vec<&'a str>,
    pub(super) camera_uncached: Vec<&'a str>,
    pub(super) sensor: Vec<&'a str>,
    /// Camera to image processor.
    pub(super) protected_raw: Vec<&'a str>,
    /// Image processor to display.
    pub(super) protected_preview: Vec<&'a str>,
    /// All other protected content.
    pub(super) protected: Vec<&'a str>,
    /// It is the only one there is, and its name is not a known one.
    pub(super) protected_guess: bool,
    /// What a name does not decide, with the question that does.
    pub(super) open: Vec<Open<'a>>,
}

/// A heap that the draft leaves commented out.
#[derive(Debug)]
pub(super) struct Open<'a> {
    pub(super) node: &'a str,
    pub(super) protected: bool,
    pub(super) question: &'static str,
}

impl<'a> Heaps<'a> {
    /// Sorts the names, which are sorted and different.
    pub(super) fn classify(names: &[&'a str]) -> Heaps<'a> {
        let known = |wanted: &[&str]| -> Vec<&'a str> {
            let find = |name: &&str| names.iter().find(|have| *have == name).copied();
            wanted.iter().filter_map(find).collect()
        };
        let uncached = |bases: &[&str]| -> Vec<&'a str> {
            let of = |base: &&str| names.iter().find(|have| have.strip_suffix(UNCACHED) == Some(base)).copied();
            bases.iter().filter_map(of).collect()
        };
        let mut heaps = Heaps {
            system: known(SYSTEM),
            system_uncached: uncached(SYSTEM),
            cma: known(DEFAULT_REGION),
            camera: known(CAMERA),
            sensor: known(&["sensor_direct_heap"]),
            protected_raw: known(&["farawimg-secure"]),
            protected_preview: known(&["faprev-secure"]),
            ..Heaps::default()
        };
        if !heaps.camera.is_empty() {
            heaps.camera_uncached = uncached(CAMERA);
        }
        heaps.choose_protected(names, known(GENERAL));
        let open = names.iter().filter(|name| !heaps.has(name)).map(|name| open(name)).collect();
        heaps.open = open;
        heaps
    }

    /// One heap for protected content in general: a known one, else the only one there is.
    fn choose_protected(&mut self, names: &[&'a str], known: Vec<&'a str>) {
        if let Some(first) = known.first() {
            self.protected = vec![first];
            return;
        }
        let others: Vec<&str> = names.iter().copied().filter(|name| is_protected(name) && !self.has(name)).collect();
        if let [only] = others.as_slice() {
            // A heap with one purpose, of which the name tells: not for everything.
            if purpose(only).is_none() {
                self.protected = vec![only];
                self.protected_guess = true;
            }
        }
    }

    fn has(&self, name: &str) -> bool {
        let lists = [
            &self.system,
            &self.system_uncached,
            &self.cma,
            &self.camera,
            &self.camera_uncached,
            &self.sensor,
            &self.protected_raw,
            &self.protected_preview,
            &self.protected,
        ];
        lists.iter().any(|list| list.contains(&name))
    }
}

/// Whether a name says that the CPU cannot read the memory.
fn is_protected(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| name.contains(word));
    says(PROTECTED_WORDS) && !says(OPPOSITE_WORDS)
}

/// The question for a protected heap whose name tells its one purpose.
fn purpose(name: &str) -> Option<&'static str> {
    let known: &[(&str, &str)] = &[
        (
            "faceauth",
            "Face authentication's processor. Who allocates from it by IAllocator, and with which vendor usage?",
        ),
        ("faimg", "Camera to face authentication. Which vendor usage (bits 28 to 31, 48 to 63) marks those requests?"),
        ("famodel", "Face authentication's model. Does anybody allocate it by IAllocator? Commonly nobody does."),
        ("vscaler", "The video scaler's. Which requests pass through it, and with which vendor usage?"),
        ("framebuffer", "The display controller's own. Are frame buffers allocated by IAllocator here?"),
        ("cdsp", "A signal processor's. Commonly allocated from directly: which graphics buffers would live in it?"),
        ("farawimg", "Camera to image processor. Which requests?"),
        ("faprev", "Image processor to display. Which requests?"),
    ];
    known.iter().find(|(word, _)| name.contains(word)).map(|(_, question)| *question)
}

/// What is asked about a name that decides nothing.
fn open(name: &str) -> Open<'_> {
    let protected = is_protected(name);
    let question = if protected {
        purpose(name)
            .unwrap_or("Protected, by its name. Which content is it for, and may the heap of another rule stand in?")
    } else if name.contains("dma32") {
        "Ordinary memory below 4 GiB. Which device has no IOMMU and cannot address more? Its usages need a rule."
    } else if name.ends_with(UNCACHED) {
        "The uncached twin of a heap that is not in this policy, by its name. Of which one?"
    } else if name.contains("cma") {
        "Physically contiguous, by its name. Which device needs it, and may others allocate from its region?"
    } else if name.contains("sensor") {
        "A sensor's, by its name. Which sensors write to it, in place of sensor_direct_heap?"
    } else {
        "The name says nothing: ordinary, contiguous or protected memory? Its driver or the device tree tells."
    };
    Open { node: name, protected, question }
}
