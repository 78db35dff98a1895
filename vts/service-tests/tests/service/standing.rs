//! How the service stands in its system: name, user, threads, socket.

use allocator_aidl::ALLOCATOR_INSTANCE;
use procfs::process::Process;
use service_tests::client::{is_declared, registered_names, rgba};
use service_tests::helper::RemoteClient;
use service_tests::place::root;
use service_tests::process::{fds, thread_names};
use service_tests::service::{Service, Subject};
use service_tests::still::Still;
use service_tests::suite::{Test, Verdict};
use service_tests::tests;
use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::thread;

pub(crate) fn tests() -> Vec<Test> {
    tests!["standing":
        binder_service_is_registered_and_declared,
        binder_service_runs_as_system_without_root,
        binder_service_has_four_binder_threads_under_load_and_no_more,
        binder_main_thread_is_fifo_2_and_the_others_are_not,
        binder_caller_is_recorded_by_its_uid_and_pid,
        socket_is_for_owner_and_group,
        socket_caller_is_recorded_by_its_uid_and_pid,
        socket_of_a_dead_service_is_replaced_and_of_a_live_one_left_alone,
    ]
}

fn binder_service_is_registered_and_declared() -> Verdict {
    Subject::running()?;
    assert!(registered_names()?.iter().any(|name| name == ALLOCATOR_INSTANCE));
    // libui asks this first, and takes no allocator that is not.
    assert!(is_declared(ALLOCATOR_INSTANCE)?);
    assert!(!is_declared("android.hardware.graphics.allocator.IAllocator/other")?);
    Ok(())
}

fn binder_service_runs_as_system_without_root() -> Verdict {
    let status = Process::new(Subject::running()?.pid()).unwrap().status().unwrap();
    assert_eq!((status.ruid, status.euid, status.suid, status.fuid), (1000, 1000, 1000, 1000));
    assert_ne!((status.rgid, status.egid), (0, 0));
    // CAP_SYS_NICE is bit 23 (linux/capability.h); init's `capabilities` line gives nothing else.
    let allowed = 1u64 << 23;
    for (set, bits) in
        [("effective", status.capeff), ("permitted", status.capprm), ("bounding", status.capbnd.unwrap())]
    {
        assert_eq!(bits & !allowed, 0, "{set} capabilities: {bits:#x}");
    }
    Ok(())
}

fn binder_service_has_four_binder_threads_under_load_and_no_more() -> Verdict {
    let subject = Subject::running()?;
    let still = Still::of(&subject);
    let client = subject.connect();
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| (0..10).for_each(|_| drop(client.allocate(&rgba("load", 1280, 720), 1).unwrap())));
        }
    });
    let names = thread_names(subject.pid());
    let pool = names.iter().filter(|name| name.starts_with("binder:")).count();
    // The main thread joins the pool under the program's own name.
    assert_eq!(pool + 1, 4, "{names:?}");
    assert!(names.iter().any(|name| name == "maintenance"), "{names:?}");
    // And the pool's, where the policy has one.
    let has_pool = !subject.dump().0["pool"].is_null();
    assert_eq!(names.iter().any(|name| name == "pool-fill"), has_pool, "{names:?}");
    assert_eq!(names.len(), 5 + usize::from(has_pool), "{names:?}");
    still.assert_nothing_left();
    Ok(())
}

fn binder_main_thread_is_fifo_2_and_the_others_are_not() -> Verdict {
    let process = Process::new(Subject::running()?.pid()).unwrap();
    // SCHED_FIFO is 1, SCHED_OTHER 0 (linux/sched.h).
    let main = process.stat().unwrap();
    assert_eq!((main.policy, main.rt_priority), (Some(1), Some(2)));
    for task in process.tasks().unwrap().flatten().filter(|task| task.tid != process.pid()) {
        let stat = task.stat().unwrap();
        assert_eq!((stat.policy, stat.rt_priority), (Some(0), Some(0)), "thread {}", stat.comm);
    }
    Ok(())
}

fn recorded(subject: &Subject, uid: u32, gid: u32) {
    let mut other = RemoteClient::start(subject.transport(), Some((uid, gid)));
    assert_eq!(other.greeting(), "connected");
    assert!(other.allocate("recorded", 16, 16, 2).starts_with("ok "));
    let dump = subject.dump();
    let lines = dump.buffers("recorded");
    assert_eq!(lines.len(), 2);
    for line in lines {
        assert_eq!((&line["uid"], &line["pid"]), (&uid.into(), &other.pid().into()));
    }
    assert_eq!(dump.client(uid).unwrap()["live_buffers"], 2);
    other.kill();
}

fn binder_caller_is_recorded_by_its_uid_and_pid() -> Verdict {
    root()?;
    let subject = Subject::running()?;
    recorded(&subject, 1047, 1047);
    recorded(&subject, 10_123, 10_123);
    Ok(())
}

fn socket_caller_is_recorded_by_its_uid_and_pid() -> Verdict {
    root()?;
    let service = Service::plain();
    recorded(&service, 1047, 0);
    recorded(&service, 10_123, 0);
    Ok(())
}

fn socket_is_for_owner_and_group() -> Verdict {
    root()?;
    let service = Service::plain();
    let file = fs::metadata(service.socket()).unwrap();
    assert!(file.file_type().is_socket());
    assert_eq!(file.permissions().mode() & 0o7777, 0o660);
    let mut group = RemoteClient::start(service.transport(), Some((12_345, 0)));
    assert_eq!(group.greeting(), "connected");
    let mut stranger = RemoteClient::start(service.transport(), Some((12_345, 12_345)));
    let greeting = stranger.greeting();
    assert!(greeting.starts_with("no connection"), "{greeting}");
    Ok(())
}

fn socket_of_a_dead_service_is_replaced_and_of_a_live_one_left_alone() -> Verdict {
    use service_tests::service::{program, Options};
    let mut service = Service::plain();
    let policy = service.socket().with_file_name("policy.json");
    let heaps = Options::default().heaps.word();
    let second = || {
        let mut command = std::process::Command::new(program());
        command.arg("--policy").arg(&policy).arg("--socket").arg(service.socket()).args(["--heaps", heaps]);
        command
    };
    let output = second().output().unwrap();
    let words = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{words}");
    assert!(words.contains(&service.socket().display().to_string()), "{words}");
    service.connect().one(&rgba("good", 16, 16));

    let transport = service.transport().clone();
    let mut next = second();
    service.kill();
    assert!(fs::metadata(service.socket()).is_ok(), "a killed service leaves its socket");
    let mut child = next.stderr(std::process::Stdio::null()).spawn().unwrap();
    let client =
        service_tests::wait_for(service_tests::SOON, || service_tests::client::Client::connect(&transport).ok());
    client.expect("the second service takes the place").one(&rgba("good", 16, 16));
    assert!(!fds(i32::try_from(child.id()).unwrap()).is_empty());
    child.kill().unwrap();
    child.wait().unwrap();
    Ok(())
}
