//! What becomes of a client's buffer name: in the handle, in the kernel's lists, in the dump, in the log.

use allocator_aidl::BufferDescriptorInfo;
use gralloc_buffer::BufferName;
use gralloc_client::Buffer;
use service_tests::client::rgba;
use service_tests::place::has_kernel_heaps;
use service_tests::process::{fdinfo, fds, own_pid};
use service_tests::service::{Service, Subject};
use service_tests::suite::{Test, Verdict};
use service_tests::{tests, tests_of_both};
use std::os::fd::AsRawFd;

pub(crate) fn tests() -> Vec<Test> {
    let both = tests_of_both!["names":
        name_travels_to_the_handle_the_kernel_and_the_dump,
        name_without_terminator_is_cut,
        name_with_bytes_that_are_no_text_is_escaped,
        name_with_control_characters_forges_no_line,
        name_behind_the_terminator_does_not_travel,
        name_empty_is_no_obstacle,
    ];
    let own = tests!["names": name_in_the_log_is_escaped];
    both.into_iter().chain(own).collect()
}

fn named(name: &[u8]) -> BufferDescriptorInfo {
    let mut info = rgba("", 16, 16);
    info.name[..name.len()].copy_from_slice(name);
    info
}

/// The name by which the kernel lists the buffer: in fdinfo for a dma-buf, as the file's own for a memfd.
fn kernel_name(buffer: &Buffer) -> String {
    let fd = buffer.pixels.as_raw_fd();
    if has_kernel_heaps() {
        return fdinfo(own_pid(), fd, "name").unwrap_or_default();
    }
    let target = fds(own_pid()).remove(&fd).unwrap();
    target.strip_prefix("/memfd:").unwrap().strip_suffix(" (deleted)").unwrap().to_owned()
}

fn name_travels_to_the_handle_the_kernel_and_the_dump(subject: &Subject) {
    let buffer = subject.connect().one(&rgba("Hello, World!", 16, 16));
    assert_eq!(buffer.info.name.bytes(), b"Hello, World!");
    assert_eq!(kernel_name(&buffer), "Hello, World!");
    assert_eq!(subject.dump().buffers("Hello, World!").len(), 1);
}

fn name_without_terminator_is_cut(subject: &Subject) {
    let buffer = subject.connect().one(&named(&[b'x'; 128]));
    assert_eq!(buffer.info.name.bytes(), [b'x'; 127]);
    // DMA_BUF_NAME_LEN is 32, the terminator included.
    assert_eq!(kernel_name(&buffer), "x".repeat(31));
    assert_eq!(subject.dump().buffers(&"x".repeat(127)).len(), 1);
}

fn name_with_bytes_that_are_no_text_is_escaped(subject: &Subject) {
    let bytes = b"caf\xc3\xa9 \xff\x80";
    let buffer = subject.connect().one(&named(bytes));
    assert_eq!(buffer.info.name.bytes(), bytes);
    assert_eq!(kernel_name(&buffer), "caf\\xc3\\xa9 \\xff\\x80");
    assert_eq!(subject.dump().buffers("caf\\xc3\\xa9 \\xff\\x80").len(), 1);
}

pub(crate) fn name_with_control_characters_forges_no_line(subject: &Subject) {
    let bytes = b"a\nrequests 0\r\x1b[2J\t\"";
    let client = subject.connect();
    let buffer = client.one(&named(bytes));
    let escaped = BufferName::from_text(std::str::from_utf8(bytes).unwrap()).to_string();
    assert!(escaped.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{escaped}");
    assert!(escaped.starts_with(&kernel_name(&buffer)), "{}", kernel_name(&buffer));
    assert_eq!(subject.dump().buffers(&escaped).len(), 1);
    let text = client.dump(&[]);
    let shown = text.bytes().all(|byte| byte == b'\n' || (0x20..0x7f).contains(&byte));
    assert!(shown, "a control byte in the dump: {text:?}");
    assert!(!text.lines().any(|line| line.starts_with("requests 0")), "{text}");
}

fn name_behind_the_terminator_does_not_travel(subject: &Subject) {
    let mut info = named(b"short\0secret");
    info.name[100] = b'!';
    let buffer = subject.connect().one(&info);
    assert_eq!(*buffer.info.name.to_wire(), *BufferName::from_text("short").to_wire());
}

fn name_empty_is_no_obstacle(subject: &Subject) {
    let buffer = subject.connect().one(&named(b""));
    assert_eq!(buffer.info.name.bytes(), b"");
}

/// What is logged when a client's name would forge a line.
pub(crate) fn log_of_an_evil_name() -> String {
    let service = Service::plain();
    let mut info = named(b"evil\nERROR forged\x1b[31m");
    info.width = 0;
    let failure = service.connect().refusal(&info, 1);
    assert_eq!(failure.error(), 0);
    service.log()
}

/// Fails the test when that forged one.
pub(crate) fn assert_nothing_forged(log: &str) {
    let line = log.lines().find(|line| line.contains("evil")).unwrap_or_else(|| panic!("not logged: {log}"));
    assert!(line.contains("evil\\nERROR forged\\x1b[31m"), "{line}");
    assert!(line.contains(&format!("pid {}", own_pid())), "a refusal names its client: {line}");
    assert!(!log.lines().any(|line| line.starts_with("ERROR forged")), "{log}");
}

fn name_in_the_log_is_escaped() -> Verdict {
    assert_nothing_forged(&log_of_an_evil_name());
    Ok(())
}
