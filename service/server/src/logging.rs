//! Where log lines go: logcat on Android, standard error elsewhere.

use log::LevelFilter;

/// Starts logging, at info level or at debug.
pub fn start(verbose: bool) {
    let level = if verbose { LevelFilter::Debug } else { LevelFilter::Info };
    start_at(level);
}

#[cfg(target_os = "android")]
fn start_at(level: LevelFilter) {
    let config = android_logger::Config::default().with_tag("gralloc-dmaheap").with_max_level(level);
    android_logger::init_once(config);
}

#[cfg(not(target_os = "android"))]
fn start_at(level: LevelFilter) {
    // Fails when a logger is in place already: it stays. An init system adds the time.
    let _ = env_logger::Builder::new().filter_level(level).format_timestamp(None).try_init();
}
