//! Notices when heap nodes appear, disappear or change their permissions.
//!
//! Udev and ueventd set owner and mode after the node exists, so IN_ATTRIB counts. While the directory itself does not
//! exist its parent is watched for it.

use crate::error::Error;
use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// An inotify instance for one directory that may not exist yet.
#[derive(Debug)]
pub(super) struct DirectoryWatch {
    inotify: Inotify,
    directory: PathBuf,
    /// The watch on the parent, while the directory does not exist.
    parent: Mutex<Option<WatchDescriptor>>,
}

impl DirectoryWatch {
    /// Begins to watch.
    ///
    /// # Errors
    /// `Call` when there are no inotify instances left, `File` when neither the directory nor its parent can be watched.
    pub(super) fn new(directory: &Path) -> Result<DirectoryWatch, Error> {
        let flags = InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK;
        let inotify = Inotify::init(flags).map_err(Error::call("inotify_init1"))?;
        let watch = DirectoryWatch { inotify, directory: directory.to_owned(), parent: Mutex::new(None) };
        watch.place()?;
        Ok(watch)
    }

    /// Forgets the events so far and watches what there is to watch now. Call it before scanning the directory.
    pub(super) fn rearm(&self) {
        // EAGAIN when all are read; any other error leaves the fd readable, and the caller scans again.
        while self.inotify.read_events().is_ok() {}
        if let Err(error) = self.place() {
            log::warn!("heaps that appear later are not noticed: {error}");
        }
    }

    fn place(&self) -> Result<(), Error> {
        let mut parent = self.parent.lock().unwrap_or_else(PoisonError::into_inner);
        match self.watch_directory() {
            Err(Errno::ENOENT) => {}
            other => {
                if let Some(old) = parent.take() {
                    // EINVAL when the kernel has removed it already.
                    let _ = self.inotify.rm_watch(old);
                }
                return other.map_err(|errno| Error::File { path: self.directory.clone(), errno });
            }
        }
        let path = self.directory.parent().unwrap_or(Path::new("/"));
        let created = AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO | AddWatchFlags::IN_ONLYDIR;
        let watch = self.inotify.add_watch(path, created);
        *parent = Some(watch.map_err(|errno| Error::File { path: path.to_owned(), errno })?);
        // It may have been created between the two calls.
        match self.watch_directory() {
            Err(Errno::ENOENT) | Ok(()) => Ok(()),
            Err(errno) => Err(Error::File { path: self.directory.clone(), errno }),
        }
    }

    /// Adding a watch twice changes nothing: the kernel knows it by the directory's inode.
    fn watch_directory(&self) -> Result<(), Errno> {
        let mask = AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_MOVED_FROM
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_ATTRIB
            | AddWatchFlags::IN_DELETE_SELF
            | AddWatchFlags::IN_MOVE_SELF
            | AddWatchFlags::IN_ONLYDIR;
        self.inotify.add_watch(&self.directory, mask).map(drop)
    }
}

impl AsFd for DirectoryWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}
