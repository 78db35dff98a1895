//! Who may see what others hold: in the dump and in the statistics alike.

use nix::unistd::geteuid;

/// AOSP `system/core/libcutils/include/private/android_filesystem_config.h`: AID_SYSTEM and AID_SHELL, the user of `adb
/// shell` and of bug reports.
const SYSTEM: u32 = 1000;
const SHELL: u32 = 2000;

/// Root, the system, the shell, and the service's own user. Buffers' names and owners say what other apps do.
pub fn may_see_all(uid: u32) -> bool {
    is_trusted(uid, geteuid().as_raw())
}

fn is_trusted(uid: u32, own: u32) -> bool {
    [0, SYSTEM, SHELL, own].contains(&uid)
}

#[cfg(test)]
mod tests {
    use super::{is_trusted, may_see_all};

    #[test]
    fn statistics_are_for_the_system_the_shell_and_the_services_own_user() {
        assert!([0, 1000, 2000, 1036].iter().all(|uid| is_trusted(*uid, 1036)));
        assert!([1047, 10_123, 99_001, u32::MAX].iter().all(|uid| !is_trusted(*uid, 1036)));
    }

    #[test]
    fn own_user_is_the_one_that_this_process_has() {
        let own = nix::unistd::geteuid().as_raw();
        assert!(may_see_all(own) && may_see_all(2000));
        assert!([99_001, 99_002].iter().filter(|uid| **uid != own).all(|uid| !may_see_all(*uid)));
    }
}
