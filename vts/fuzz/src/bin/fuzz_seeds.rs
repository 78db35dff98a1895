//! Writes the inputs that fuzzing begins with into a folder: `fuzz_seeds FOLDER`.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let Some(folder) = std::env::args().nth(1) else {
        eprintln!("fuzz_seeds FOLDER");
        std::process::exit(2)
    };
    std::fs::create_dir_all(&folder)?;
    for (number, seed) in (0..).zip(fuzz_targets::seeds()) {
        std::fs::write(Path::new(&folder).join(format!("seed-{number:02}")), seed)?;
    }
    Ok(())
}
