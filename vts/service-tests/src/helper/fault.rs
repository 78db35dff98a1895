//! A service whose system calls fail: a seccomp filter that answers with an errno, put on before the service is executed.

use super::ROLE;
use seccompiler::{
    apply_filter, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// The system call that is to fail.
const FAULT: &str = "SERVICE_TESTS_FAULT";

/// A system call that fails, always, with an errno.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// Its number (`libc::SYS_*`).
    pub call: i64,
    /// Its first argument, when only that is to fail.
    pub first: Option<u64>,
    /// Its second argument, when only that is to fail.
    pub second: Option<u64>,
    /// The errno.
    pub errno: i32,
}

impl Fault {
    /// What a service's options need to run with this fault in place: the helper that puts the filter on and executes it.
    pub fn environment(&self) -> Vec<(String, String)> {
        let number = |value: Option<u64>| value.map_or("-".to_owned(), |value| value.to_string());
        let fault = format!("{} {} {} {}", self.call, number(self.first), number(self.second), self.errno);
        vec![(ROLE.to_owned(), "fault".to_owned()), (FAULT.to_owned(), fault)]
    }

    fn read() -> Fault {
        let text = std::env::var(FAULT).unwrap();
        let words: Vec<&str> = text.split(' ').collect();
        let number = |word: &str| word.parse::<u64>().ok();
        Fault {
            call: words[0].parse().unwrap(),
            first: number(words[1]),
            second: number(words[2]),
            errno: words[3].parse().unwrap(),
        }
    }

    fn filter(&self) -> BpfProgram {
        let equal = |argument, value| {
            SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value).unwrap()
        };
        let conditions: Vec<SeccompCondition> =
            [(0, self.first), (1, self.second)].into_iter().filter_map(|(at, value)| Some(equal(at, value?))).collect();
        // No condition: every such call.
        let rules = if conditions.is_empty() { vec![] } else { vec![SeccompRule::new(conditions).unwrap()] };
        let answer = SeccompAction::Errno(u32::try_from(self.errno).unwrap());
        let architecture = std::env::consts::ARCH.try_into().unwrap();
        let filter =
            SeccompFilter::new([(self.call, rules)].into(), SeccompAction::Allow, answer, architecture).unwrap();
        filter.try_into().unwrap()
    }
}

/// Becomes the program of the command line, with the fault of the environment; answers only when it cannot.
pub(super) fn exec_with_fault() -> std::io::Error {
    apply_filter(&Fault::read().filter()).unwrap();
    let mut arguments = std::env::args_os().skip(1);
    Command::new(arguments.next().unwrap()).args(arguments).env_remove(ROLE).exec()
}
