//! Where the library's few lines go: logcat on Android, standard error elsewhere.
//!
//! `log` keeps one logger a linked copy: in the shared library it is the library's own, in a program that links this
//! crate the program's, which stays if there is one.

#[cfg(target_os = "android")]
pub(crate) fn start() {
    let level = log::LevelFilter::Info;
    android_logger::init_once(android_logger::Config::default().with_tag("mapper.dmaheap").with_max_level(level));
}

#[cfg(not(target_os = "android"))]
pub(crate) fn start() {
    if log::set_logger(&Stderr).is_ok() {
        log::set_max_level(log::LevelFilter::Info);
    }
}

/// Marks calls in the kernel's trace, where the environment says so; on Android also while atrace traces graphics, which each
/// import and each lock looks for. (There libui marks each of its calls of a mapper
/// itself: AOSP android-15, `frameworks/native/libs/ui/GraphicBufferMapper.cpp`.)
pub(crate) fn start_trace() {
    if let Err((path, error)) = gralloc_dmabuf::trace::start_if_asked() {
        log::warn!("calls are not marked in the kernel's trace: {path}: {error}");
    }
}

#[cfg(not(target_os = "android"))]
struct Stderr;

#[cfg(not(target_os = "android"))]
impl log::Log for Stderr {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::Level::Info
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            use std::io::Write;
            // A client without a standard error has no use for the line.
            let _ = writeln!(std::io::stderr(), "mapper.dmaheap: {}: {}", record.level(), record.args());
        }
    }

    fn flush(&self) {}
}
