//! The service's dump, read through a pipe within a deadline.

use crate::error::ClientError;
use allocator_aidl::{dump_into, IAllocator, Strong};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use nix::unistd::pipe2;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::string::FromUtf8Error;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// What is read at once: as much as a pipe holds, so that writer and reader take turns as seldom as they can.
const CHUNK_BYTES: usize = 64 * 1024;

/// More than any dump; a service that goes on beyond is cut off.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// Asks for a dump and reads it to its end. The call runs on a thread of its own: it comes back only when the service
/// has written everything, and somebody has to read meanwhile.
pub(crate) fn dump(allocator: &Strong<dyn IAllocator>, args: &[&str], wait: Duration) -> Result<String, ClientError> {
    let start = Instant::now();
    let (read, write) = pipe2(OFlag::O_CLOEXEC).map_err(|errno| ClientError::Dump(errno.into()))?;
    let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
    let (done, ended) = mpsc::channel();
    let callee = allocator.clone();
    let spawned = thread::Builder::new().name("dump".to_owned()).spawn(move || {
        // Nobody listens any more when the deadline has passed.
        let _ = done.send(dump_into(&callee, write, &args));
    });
    spawned.map_err(ClientError::Dump)?;
    let text = read_within(File::from(read), start, wait)?;
    match ended.recv_timeout(wait.saturating_sub(start.elapsed())) {
        Ok(Ok(())) => Ok(text),
        Ok(Err(status)) => Err(ClientError::of_call("dump", status.into())),
        Err(_) => Err(ClientError::DumpTimeout(wait)),
    }
}

fn read_within(mut pipe: File, start: Instant, wait: Duration) -> Result<String, ClientError> {
    let mut text = Vec::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let left = wait.saturating_sub(start.elapsed());
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        let ready = poll(&mut [PollFd::new(pipe.as_fd(), PollFlags::POLLIN)], timeout);
        match ready {
            Ok(0) | Err(Errno::EINTR) if start.elapsed() >= wait => return Err(ClientError::DumpTimeout(wait)),
            Ok(0) | Err(Errno::EINTR) => continue,
            Ok(_) => {}
            Err(errno) => return Err(ClientError::Dump(errno.into())),
        }
        let got = pipe.read(&mut chunk).map_err(ClientError::Dump)?;
        if got == 0 {
            // UTF-8 as a rule, and then it is not copied.
            let lossy = |error: FromUtf8Error| String::from_utf8_lossy(error.as_bytes()).into_owned();
            return Ok(String::from_utf8(text).unwrap_or_else(lossy));
        }
        text.extend_from_slice(chunk.get(..got).unwrap_or(&[]));
        if text.len() > MAX_BYTES {
            return Err(ClientError::Dump(io::Error::other("more than 64 MiB")));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use allocator_aidl::{
        interface_with_dump, new_allocator, AllocationResult, BinderResult, BufferDescriptorInfo, IAllocator,
        SocketOptions, SocketServer,
    };
    use std::io::Write;
    use std::sync::Mutex;

    /// Begins a dump, and goes on only when the channel's other end is gone.
    struct Slow(Mutex<mpsc::Receiver<()>>);

    impl Slow {
        fn write_dump(&self, out: &mut dyn Write, _args: &[String]) -> io::Result<()> {
            writeln!(out, "begun")?;
            let _ = self.0.lock().unwrap().recv();
            Ok(())
        }
    }

    interface_with_dump!(Slow, Slow::write_dump);

    impl IAllocator for Slow {
        allocator_aidl::without_multi_view!();

        fn allocate(&self, _: &[u8], _: i32) -> BinderResult<AllocationResult> {
            Ok(AllocationResult::default())
        }
        fn allocate2(&self, _: &BufferDescriptorInfo, _: i32) -> BinderResult<AllocationResult> {
            Ok(AllocationResult::default())
        }
        fn isSupported(&self, _: &BufferDescriptorInfo) -> BinderResult<bool> {
            Ok(false)
        }
        fn getIMapperLibrarySuffix(&self) -> BinderResult<String> {
            Ok(String::new())
        }
    }

    #[test]
    fn a_dump_that_hangs_is_given_up() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let server = SocketServer::bind(&path, SocketOptions::default()).unwrap();
        let (hold, held) = mpsc::channel();
        thread::spawn(move || server.serve(&new_allocator(Slow(Mutex::new(held)))));
        let connection = crate::Connection::socket(&path).unwrap();
        let wait = Duration::from_millis(200);
        let error = dump(connection.allocator(), &[], wait).unwrap_err();
        assert!(matches!(error, ClientError::DumpTimeout(waited) if waited == wait), "{error}");
        drop(hold);
        // The service is done with it now, and answers again.
        connection.ping().unwrap();
    }
}
