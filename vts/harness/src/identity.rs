//! Who a process in the guest runs as, and how people write it.

use serde::{Deserialize, Serialize};

/// Who a process in the guest runs as.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Supplementary group ids.
    pub groups: Vec<u32>,
    /// Capabilities kept by a user other than 0, by `capabilities(7)` name without `CAP_`, for example `SYS_NICE`.
    pub capabilities: Vec<String>,
}

impl Identity {
    /// uid 0 with everything.
    pub fn root() -> Self {
        Self::default()
    }

    /// A plain user whose group has the same number.
    pub fn user(uid: u32) -> Self {
        Self { uid, gid: uid, ..Self::default() }
    }
}

impl std::fmt::Display for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let groups: Vec<String> = self.groups.iter().map(u32::to_string).collect();
        write!(f, "{}:{}:{}", self.uid, self.gid, groups.join(","))?;
        if !self.capabilities.is_empty() {
            write!(f, "+{}", self.capabilities.join(","))?;
        }
        Ok(())
    }
}

impl std::str::FromStr for Identity {
    type Err = String;

    /// Reads `UID[:GID[:GROUP,…]][+CAP,…]`, for example `1000:1000:1003,1026+SYS_NICE`; GID is UID when left out.
    fn from_str(text: &str) -> Result<Self, String> {
        let number = |part: &str| {
            part.parse::<u32>()
                .map_err(|_| format!("{part:?} in {text:?} is not a number; the form is UID[:GID[:GROUP,…]][+CAP,…]"))
        };
        let list = |part: &str| part.split(',').filter(|x| !x.is_empty()).map(str::to_owned).collect::<Vec<_>>();
        let (ids, capabilities) = text.split_once('+').map_or((text, Vec::new()), |(ids, caps)| (ids, list(caps)));
        let mut parts = ids.splitn(3, ':');
        let uid = number(parts.next().unwrap_or_default())?;
        let gid = parts.next().filter(|part| !part.is_empty()).map_or(Ok(uid), number)?;
        let groups =
            list(parts.next().unwrap_or_default()).iter().map(|part| number(part)).collect::<Result<_, _>>()?;
        Ok(Self { uid, gid, groups, capabilities })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_reads_what_it_writes() {
        let service: Identity = "1000:1000:1003,1026+SYS_NICE".parse().unwrap();
        assert_eq!(service.groups, [1003, 1026]);
        assert_eq!(service.capabilities, ["SYS_NICE"]);
        assert_eq!(service.to_string().parse::<Identity>().unwrap(), service);
        assert_eq!("1047".parse::<Identity>().unwrap(), Identity::user(1047));
        assert!("system".parse::<Identity>().unwrap_err().contains("UID[:GID"));
    }
}
