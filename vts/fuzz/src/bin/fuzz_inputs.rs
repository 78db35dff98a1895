//! The files that libFuzzer begins with: `fuzz_inputs unpack FOLDER` writes the seeds and the corpora that are kept,
//! `fuzz_inputs pack TARGET FOLDER` keeps the folder's files as the corpus of the target.

use std::fs;
use std::io;
use std::path::Path;

use fuzz_targets::corpus::{archive, files, pack, unpack, Input};
use fuzz_targets::{seeds, TARGETS};

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["unpack", folder] => unpack_all(Path::new(folder)),
        ["pack", target, folder] => pack(&archive(target), &files(Path::new(folder))?),
        _ => {
            eprintln!("usage: fuzz_inputs unpack FOLDER | pack TARGET FOLDER");
            std::process::exit(2)
        }
    }
}

/// FOLDER/seeds and FOLDER/kept/TARGET, anew.
fn unpack_all(folder: &Path) -> io::Result<()> {
    let seeds: Vec<Input> =
        (0..).zip(seeds()).map(|(number, seed): (u32, _)| (format!("seed-{number:02}"), seed)).collect();
    write(&folder.join("seeds"), &seeds)?;
    for (target, _) in TARGETS {
        write(&folder.join("kept").join(target), &unpack(&archive(target))?)?;
    }
    Ok(())
}

fn write(folder: &Path, inputs: &[Input]) -> io::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    inputs.iter().try_for_each(|(name, bytes)| fs::write(folder.join(name), bytes))
}
