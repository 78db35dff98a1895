//! Requests out of lines that people paste: logcat's and dumpsys'.
//!
//! Sources: AOSP frameworks/native `libs/ui/GraphicBufferAllocator.cpp` (a failed allocation, and the table of its dump),
//! `libs/ui/Gralloc5.cpp` and `Gralloc4.cpp` (imported buffers), `libs/nativewindow/AHardwareBuffer.cpp`; minigbm
//! `cros_gralloc/`; and this project's own refusals (`service/server/src/adapter.rs`).

use std::str::FromStr;

/// What a line tells; usages and formats in the words of the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Logged {
    /// Whose line it is.
    pub(crate) from: &'static str,
    pub(crate) format: Option<String>,
    pub(crate) usage: Option<String>,
    pub(crate) width: Option<i32>,
    pub(crate) height: Option<i32>,
    pub(crate) layers: Option<i32>,
    pub(crate) reserved: Option<i64>,
    pub(crate) count: Option<i32>,
    pub(crate) name: Option<String>,
    /// A number that does not fit.
    beyond: Option<String>,
}

/// Reads a line.
///
/// # Errors
/// What the line lacks, that it is of no known kind, or a number beyond what a request can hold.
pub(crate) fn parse(line: &str) -> Result<Logged, String> {
    let line = line.trim();
    let read =
        own(line).or_else(|| libui(line)).or_else(|| table(line)).or_else(|| imported(line)).or_else(|| minigbm(line));
    match read {
        Some(Logged { from, beyond: Some(number), .. }) => {
            return Err(format!("{from}: {number} is beyond what a request can hold"))
        }
        Some(read) => return Ok(read),
        None => {}
    }
    if line.contains("GraphicBuffer(w=") || line.contains("createGraphicBuffer(w=") {
        return Err("a line of AHardwareBuffer_allocate: it has neither format nor usage. The line of GraphicBufferAllocator before \
                    it has both (\"Failed to allocate …\")"
            .to_owned());
    }
    Err("no line of a kind that is known: libui's \"Failed to allocate (W x H) …\", a row of \"GraphicBufferAllocator buffers\" or \
         \"Imported gralloc buffers\", minigbm's \"Unsupported combination …\", or this service's \"refused …\""
        .to_owned())
}

/// True of the lines of a dump that are no request: headings, totals, planes, and the short form of the imported buffers, one
/// line for all of a name.
pub(crate) fn is_none(line: &str) -> bool {
    let begins = [
        "Total imported by gralloc:",
        "Total allocated by GraphicBufferAllocator",
        "Imported gralloc buffers",
        "GraphicBufferAllocator buffers",
        "planes:",
    ];
    let heading = line.starts_with("Handle") && line.contains('|');
    let short = line.starts_with("* name:") && line.contains(", totalSize:") && line.contains(", count:");
    heading || short || begins.iter().any(|begin| line.starts_with(begin))
}

/// A number; one that does not fit is put into `beyond`.
fn number<T: FromStr>(text: &str, beyond: &mut Option<String>) -> Option<T> {
    let text = text.trim();
    let read = text.parse().ok();
    if read.is_none() && is_number(text) {
        *beyond = Some(text.to_owned());
    }
    read
}

/// Digits, with a sign or without.
pub(crate) fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|c| c.is_ascii_digit())
}

/// `refused "name" of uid 10 pid 20: …; asked: 2 of 1920x1080, layers 1, format 0x22, usage 0x20100, reserved 0`
fn own(line: &str) -> Option<Logged> {
    let (before, asked) = line.rsplit_once("; asked: ")?;
    let (count, rest) = asked.split_once(" of ")?;
    let (size, rest) = rest.split_once(", ")?;
    let (width, height) = size.split_once('x')?;
    let value = |key: &str| rest.split(", ").find_map(|part| part.strip_prefix(key)?.strip_prefix(' '));
    let name = before.split_once("refused \"").and_then(|(_, rest)| rest.split_once("\" of uid"));
    let mut beyond = None;
    Some(Logged {
        from: "this service's refusal",
        format: Some(value("format")?.to_owned()),
        usage: Some(value("usage")?.to_owned()),
        width: number(width, &mut beyond),
        height: number(height, &mut beyond),
        layers: value("layers").and_then(|layers| number(layers, &mut beyond)),
        reserved: value("reserved").and_then(|reserved| number(reserved, &mut beyond)),
        count: number(count, &mut beyond),
        name: name.map(|(name, _)| name.to_owned()),
        beyond,
    })
}

/// `Failed to allocate (1080 x 2400) layerCount 1 format 34 usage 20b00: 5`
fn libui(line: &str) -> Option<Logged> {
    let (_, rest) = line.split_once("Failed to allocate (")?;
    let (size, rest) = rest.split_once(')')?;
    let (width, height) = size.split_once('x')?;
    let words: Vec<&str> = rest.split_whitespace().collect();
    let after = |key: &str| {
        let at = words.iter().position(|word| *word == key)?;
        words.get(at.checked_add(1)?).map(|word| word.trim_end_matches([':', ',']))
    };
    let mut beyond = None;
    Some(Logged {
        from: "libui's failed allocation",
        format: after("format").map(str::to_owned),
        // Printed in hexadecimal without 0x.
        usage: Some(format!("0x{}", after("usage")?.trim_start_matches("0x"))),
        width: number(width, &mut beyond),
        height: number(height, &mut beyond),
        layers: after("layerCount").and_then(|layers| number(layers, &mut beyond)),
        beyond,
        ..Logged::default()
    })
}

/// `0xb4… | 10200.00 KiB | 1080 (1088) x 2400 |      1 |        1 | 0x    1b00 | FramebufferSurface`
fn table(line: &str) -> Option<Logged> {
    // Before Android 12 the handle is followed by a colon.
    let line = line.replacen(": ", " | ", usize::from(!line.contains("KiB |") || line.contains(": ")));
    let cells: Vec<&str> = line.split('|').map(str::trim).collect();
    let size = cells.iter().position(|cell| cell.contains(" x ") && cell.contains('('))?;
    let [layers, format, usage, name, ..] = cells.get(size.checked_add(1)?..)? else { return None };
    let (width, height) = cells.get(size)?.split_once(" x ")?;
    let bits: String = usage.strip_prefix("0x")?.chars().filter(|c| !c.is_whitespace()).collect();
    let mut beyond = None;
    Some(Logged {
        from: "a row of GraphicBufferAllocator's table",
        // The format is in hexadecimal too.
        format: Some(format!("{:#x}", u32::from_str_radix(format, 16).ok()?)),
        usage: Some(format!("0x{bits}")),
        width: number(width.split('(').next()?, &mut beyond),
        height: number(height, &mut beyond),
        layers: number(layers, &mut beyond),
        name: Some((*name).to_owned()),
        beyond,
        ..Logged::default()
    })
}

/// `+ name:…, id:…, size:10360.25KiB, w/h:1080x2400, usage: 0x10000b00, req fmt:1, fourcc/mod:875708993/0, …`
fn imported(line: &str) -> Option<Logged> {
    let after = |key: &str| {
        let (_, rest) = line.split_once(key)?;
        Some(rest.split(',').next().unwrap_or_default().trim().to_owned())
    };
    let size = after("w/h:")?;
    let (width, height) = size.split_once('x')?;
    let mut beyond = None;
    Some(Logged {
        from: "a row of the imported buffers",
        format: after("req fmt:"),
        usage: Some(after("usage:")?),
        width: number(width, &mut beyond),
        height: number(height, &mut beyond),
        name: after("name:"),
        beyond,
        ..Logged::default()
    })
}

/// `Unsupported combination -- HAL format: 34, HAL usage: 133376, …`, or with `pixel format: NAME, … usage: NAME|NAME`.
fn minigbm(line: &str) -> Option<Logged> {
    let (_, rest) = line.split_once("Unsupported combination")?;
    let after = |key: &str| {
        let (_, rest) = rest.split_once(key)?;
        Some(rest.split(',').next().unwrap_or_default().trim().to_owned())
    };
    let format = after("HAL format:").or_else(|| after("pixel format:"));
    // `%u` and `%llu` in its source (cros_gralloc/gralloc0/gralloc0.cc): a number here is decimal, whatever it looks like.
    let usage = after("HAL usage:").or_else(|| after("HAL flags:")).or_else(|| after(" usage:"));
    let usage = usage.map(|usage| usage.parse().map_or(usage, |bits: u64| format!("{bits:#x}")));
    Some(Logged { from: "minigbm's refusal", format: Some(format?), usage: Some(usage?), ..Logged::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> (Option<String>, Option<String>, Option<i32>, Option<i32>) {
        let logged = parse(line).unwrap();
        (logged.format, logged.usage, logged.width, logged.height)
    }

    fn wanted(
        format: &str,
        usage: &str,
        size: Option<(i32, i32)>,
    ) -> (Option<String>, Option<String>, Option<i32>, Option<i32>) {
        (Some(format.to_owned()), Some(usage.to_owned()), size.map(|size| size.0), size.map(|size| size.1))
    }

    #[test]
    fn lines_of_libui() {
        let line = "11-28 20:01:02.345  1234  1300 E GraphicBufferAllocator: Failed to allocate (1920 x 1080) layerCount 1 format 34 usage 20100: 3";
        assert_eq!(read(line), wanted("34", "0x20100", Some((1920, 1080))));
        let row = "0xb4000070f706d170 | 10200.00 KiB | 1080 (1088) x 2400 |      1 |       22 | 0x    1b00 | FramebufferSurface";
        assert_eq!(read(row), wanted("0x22", "0x1b00", Some((1080, 2400))));
        let unknown = "0xb400007703901930 |      unknown | 1080 (   0) x 2424 |      1 |        1 | 0x     b00 | SurfaceView[a]#5(BLAST)5";
        assert_eq!(read(unknown), wanted("0x1", "0xb00", Some((1080, 2424))));
        let older =
            "0xb400006e812e6d30: 4320.00 KiB |  720 ( 768) x 1440 |    1 |        1 | 0x1a00 | FramebufferSurface";
        assert_eq!(read(older), wanted("0x1", "0x1a00", Some((720, 1440))));
        let imported = "+ name:VRI[Sub]#2(BLAST Consumer)2, id:1325, size:10072.00KiB, w/h:1080x2340, usage: 0x10000b00, req fmt:1, fourcc/mod:875708993/0";
        assert_eq!(read(imported), wanted("1", "0x10000b00", Some((1080, 2340))));
    }

    #[test]
    fn lines_of_minigbm_have_no_size() {
        let line =
            "E minigbm : Unsupported combination -- HAL format: 34, HAL usage: 133376, drv_format: 9997, use_flags: 1";
        assert_eq!(read(line), wanted("34", "0x20900", None));
        let line = "E minigbm : Unsupported combination -- pixel format: PixelFormat::YCBCR_420_888, drm format: NV12, usage: BufferUsage::CAMERA_OUTPUT|BufferUsage::CPU_READ_OFTEN";
        assert_eq!(
            read(line),
            wanted("PixelFormat::YCBCR_420_888", "BufferUsage::CAMERA_OUTPUT|BufferUsage::CPU_READ_OFTEN", None)
        );
    }

    #[test]
    fn lines_of_this_service() {
        let line = "W gralloc-dmaheap: refused \"a \\\"b\\\"\" of uid 10 pid 20: layerCount 0: must be at least 1; asked: 2 of 1920x1080, layers 0, format 0x22, usage 0x20100, reserved 7";
        let logged = parse(line).unwrap();
        assert_eq!(
            (logged.width, logged.height, logged.layers, logged.reserved, logged.count),
            (Some(1920), Some(1080), Some(0), Some(7), Some(2))
        );
        assert_eq!((logged.format.as_deref(), logged.usage.as_deref()), (Some("0x22"), Some("0x20100")));
    }

    #[test]
    fn lines_that_tell_too_little_say_where_the_rest_is() {
        let words = parse("E AHardwareBuffer: GraphicBuffer(w=64, h=64, lc=1) failed (Unknown error -3), handle=0x0")
            .unwrap_err();
        assert!(words.contains("neither format nor usage"), "{words}");
        assert!(parse("the quick brown fox | 1 | 2").unwrap_err().contains("no line of a kind that is known"));
        for garbage in
            ["", "|||||||||", "Failed to allocate (", "Failed to allocate (1 x", "w/h:", "; asked: ", "0x | 1 ( x |"]
        {
            assert!(parse(garbage).is_err(), "{garbage}");
        }
    }
}
