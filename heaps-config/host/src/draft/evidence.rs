//! What a board's files say of one node, as far as a draft goes by it.

/// What is beside the name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Evidence {
    /// What its label says of the memory.
    pub(super) label: Option<Says>,
    /// Who may open it, where the service may not.
    pub(super) closed: Option<String>,
    /// Sentences to show beside the heap.
    pub(super) shown: Vec<String>,
}

/// What a label says.
// Without boards there are names alone.
#[cfg_attr(not(feature = "board"), allow(dead_code))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Says {
    /// Apps may open it.
    Ordinary,
    /// Protected.
    Protected,
    /// A trusted environment's: not ordinary, and not content's either.
    Trusted,
}

#[cfg(feature = "board")]
impl Evidence {
    /// From a node's facts.
    pub(super) fn of(facts: &crate::board::Facts) -> Evidence {
        use crate::board::LabelKind;
        let mut shown = Vec::new();
        if let Some(label) = facts.label() {
            shown.push(format!("Its label is {} ({}).", label.selinux_type, label.place));
        }
        let closed = facts.access().filter(|access| !access.is_open_to_service());
        let closed = closed.map(|access| format!("Closed to the service: {access} ({}).", access.place));
        let label = match facts.label_kind() {
            LabelKind::OpenToApps => Some(Says::Ordinary),
            LabelKind::Protected => Some(Says::Protected),
            LabelKind::Trusted => Some(Says::Trusted),
            LabelKind::None | LabelKind::Other => None,
        };
        Evidence { label, closed, shown }
    }
}
