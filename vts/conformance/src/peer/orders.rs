//! The peer's side: follows orders until there are no more.

use super::{from_hex, to_hex};
use crate::abi::Error;
use crate::format::Format;
use crate::handle::RawHandle;
use crate::image::{Image, Memory};
use crate::mapper::{usage, Imported, Mapper};
use crate::metadata::Standard;
use crate::packet::{receive, send};
use std::os::fd::{FromRawFd, OwnedFd};
use std::path::Path;
use std::process::ExitCode;

/// Serves the socket that is this process's standard input.
pub fn serve(mapper: &Path) -> ExitCode {
    // SAFETY: the process was started with it, and nothing else here uses standard input.
    let socket = unsafe { OwnedFd::from_raw_fd(0) };
    let mapper = Mapper::load(mapper).unwrap_or_else(|error| panic!("{error}"));
    let mut buffers = Vec::new();
    while let Ok(Some((order, fds))) = receive(&socket) {
        let answer = match follow(mapper, &mut buffers, &order, fds) {
            Ok(answer) => answer,
            Err(error) => format!("error {}", error.0),
        };
        if send(&socket, &answer, &[]).is_err() {
            break;
        }
    }
    ExitCode::SUCCESS
}

fn follow(
    mapper: Mapper,
    buffers: &mut Vec<(Imported, RawHandle)>,
    order: &str,
    fds: Vec<OwnedFd>,
) -> Result<String, Error> {
    let words: Vec<&str> = order.split_ascii_whitespace().collect();
    let number = |at: usize| -> i64 { words[at].parse().unwrap_or_else(|_| panic!("order {order}")) };
    let small = |at: usize| usize::try_from(number(at)).unwrap();
    let kind = |at: usize| Standard(number(at));
    let ok = |value: String| Ok(format!("ok {value}"));
    if words[0] == "import" {
        let ints = words[1..].iter().map(|word| word.parse().unwrap()).collect();
        let raw = RawHandle::new(fds, ints);
        let handle = mapper.import_buffer(raw.pointer())?;
        // The guard frees what the call above has given.
        buffers.push((Imported::adopt(mapper, handle), raw));
        return ok((buffers.len() - 1).to_string());
    }
    let (buffer, _) = &buffers[small(1)];
    match words[0] {
        "get" => ok(to_hex(&buffer.get_bytes(kind(2))?)),
        "set" => match buffer.set_bytes(kind(2), &from_hex(words[3])) {
            Error::NONE => ok(String::new()),
            error => Err(error),
        },
        "fill" => {
            let image = image(buffer, number(2));
            let lock = buffer.lock(usage::CPU_WRITE_OFTEN);
            image.fill(&Memory::new(lock.data(), image.bytes), seed(words[3]));
            drop(lock.unlock());
            ok(String::new())
        }
        "verify" => {
            let image = image(buffer, number(2));
            let lock = buffer.lock(usage::CPU_READ_OFTEN);
            let verdict = image.verify(&Memory::new(lock.data(), image.bytes), seed(words[3]));
            drop(lock.unlock());
            verdict.map_or_else(|what| Ok(format!("wrong {what}")), |()| ok(String::new()))
        }
        "churn" => {
            let values = [from_hex(words[4]), from_hex(words[5])];
            for value in (0..number(3)).flat_map(|_| &values) {
                let error = buffer.set_bytes(kind(2), value);
                if error != Error::NONE {
                    return Err(error);
                }
            }
            ok(String::new())
        }
        "region" => {
            let (data, bytes) = mapper.reserved_region(buffer.handle())?;
            let memory = Memory::new(data, bytes);
            ok(to_hex(&(0..bytes).map(|byte| memory.read(byte)).collect::<Vec<u8>>()))
        }
        "fill_region" => {
            let (data, bytes) = mapper.reserved_region(buffer.handle())?;
            Memory::new(data, bytes).fill(u8::try_from(number(2)).unwrap());
            ok(String::new())
        }
        _ => panic!("no such order: {order}"),
    }
}

fn image(buffer: &Imported, format: i64) -> Image {
    let format = i32::try_from(format).ok().and_then(Format::from_value);
    Image::of(buffer, format.expect("a format"))
}

fn seed(word: &str) -> u64 {
    word.parse().expect("a seed")
}
