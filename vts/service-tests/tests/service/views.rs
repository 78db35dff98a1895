//! Buffers of several views, V3's two methods: the service has none, and says so. The tests' feature `v3` makes clients and
//! service of V3; a V3 client meets the V2 service, too.

use service_tests::client::{rgba, Failure, FROZEN_V2, UNSUPPORTED};
use service_tests::policy::PolicyText;
use service_tests::service::{program_of_v2, Options, Service, Subject};
use service_tests::still::Still;
use service_tests::suite::{Skip, Test, Verdict};
use service_tests::{tests, tests_of_both};

pub(crate) fn tests() -> Vec<Test> {
    let both = tests_of_both!["views": several_views_are_not_supported_and_refused_for_that];
    let v2 =
        tests!["views": v3_s_methods_are_unknown_to_the_v2_service, v3_s_methods_are_unknown_to_the_guest_s_v2_service];
    both.into_iter().chain(v2).collect()
}

/// As the VTS asks: the first of the two, then both.
fn several_views_are_not_supported_and_refused_for_that(subject: &Subject) {
    let client = subject.connect();
    let still = Still::of(subject);
    let one = || rgba("view", 2121, 1212);
    for (views, base) in [(vec![one()], 0), (vec![one()], 1), (vec![one(), one()], 0), (vec![], 0), (vec![one()], -1)] {
        let supported = allocator_aidl::is_multi_view_supported(client.allocator(), &views, base);
        let allocated = allocator_aidl::allocate_multi_view(client.allocator(), &views, base);
        let refused = allocated.map(|answer| Failure::from(answer.unwrap_err()).error());
        // V2 has no such methods, so nothing was called.
        let right = if cfg!(feature = "v3") { (Some(false), Some(UNSUPPORTED)) } else { (None, None) };
        assert_eq!((supported.map(Result::unwrap), refused), right, "{} views, base {base}", views.len());
    }
    still.assert_nothing_left();
    client.one(&rgba("good", 16, 16));
}

/// Over the socket.
fn v3_s_methods_are_unknown_to_the_v2_service() -> Verdict {
    // The tests of a build of V2 have that service, and a client that knows no more methods.
    let program = cfg!(feature = "v3").then(program_of_v2);
    let service = Service::start(&PolicyText::default(), &Options { program, ..Options::default() });
    both_go_on(&service);
    assert!(service.lives());
    Ok(())
}

/// Over the driver, where the guest's service is of V2.
fn v3_s_methods_are_unknown_to_the_guest_s_v2_service() -> Verdict {
    let subject = Subject::running()?;
    match subject.connect().allocator().getInterfaceVersion().unwrap() {
        version if version == FROZEN_V2.0 => both_go_on(&subject),
        version => return Err(Skip(format!("needs a service of V2 behind binder: it is of V{version}"))),
    }
    Ok(())
}

/// What the driver and libbinder's RPC answer for a code that is no method: nothing of the interface's own.
fn both_go_on(subject: &Subject) {
    let client = subject.connect();
    let hash = client.allocator().getInterfaceHash().unwrap();
    assert_eq!((client.allocator().getInterfaceVersion().unwrap(), hash.as_str()), FROZEN_V2);
    let views = [rgba("view", 2121, 1212)];
    for _ in 0..3 {
        let supported = allocator_aidl::is_multi_view_supported(client.allocator(), &views, 0);
        let allocated = allocator_aidl::allocate_multi_view(client.allocator(), &views, 0);
        let unknown = cfg!(feature = "v3").then_some(allocator_aidl::StatusCode::UnknownTransaction);
        for status in [supported.map(|answer| answer.unwrap_err()), allocated.map(|answer| answer.unwrap_err())] {
            assert_eq!(status.map(|status| status.transaction_error()), unknown);
        }
        client.one(&rgba("good", 16, 16));
    }
    subject.connect().one(&rgba("another", 16, 16));
}
