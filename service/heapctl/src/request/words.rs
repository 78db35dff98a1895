//! What people have in place of AIDL's names: names of other headers, drm's fourccs, numbers of a log without 0x.
//!
//! Each is turned into what AIDL calls it, and what was taken for what is said. Nothing is guessed silently.

use gralloc_buffer::{Layout, PixelFormat, Usage};
use heaps_config::policy::VendorUsage;

/// A text in AIDL's words, and what there is to say about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) text: String,
    pub(crate) note: Option<String>,
}

/// `android/hardware_buffer.h`, without AHARDWAREBUFFER_FORMAT_ (NDK; the values are PixelFormat's).
const NDK_FORMATS: &[(&str, PixelFormat)] = &[
    ("R8G8B8A8_UNORM", PixelFormat::Rgba8888),
    ("R8G8B8X8_UNORM", PixelFormat::Rgbx8888),
    ("R8G8B8_UNORM", PixelFormat::Rgb888),
    ("R5G6B5_UNORM", PixelFormat::Rgb565),
    ("B8G8R8A8_UNORM", PixelFormat::Bgra8888),
    ("R16G16B16A16_FLOAT", PixelFormat::RgbaFp16),
    ("R10G10B10A2_UNORM", PixelFormat::Rgba1010102),
    ("R10G10B10A10_UNORM", PixelFormat::Rgba10101010),
    ("BLOB", PixelFormat::Blob),
    ("D16_UNORM", PixelFormat::Depth16),
    ("D24_UNORM", PixelFormat::Depth24),
    ("D24_UNORM_S8_UINT", PixelFormat::Depth24Stencil8),
    ("D32_FLOAT", PixelFormat::Depth32F),
    ("D32_FLOAT_S8_UINT", PixelFormat::Depth32FStencil8),
    ("S8_UINT", PixelFormat::Stencil8),
    ("Y8CB8CR8_420", PixelFormat::Ycbcr420_888),
    ("YCBCR_P010", PixelFormat::YcbcrP010),
    ("YCBCR_P210", PixelFormat::YcbcrP210),
    ("R8_UNORM", PixelFormat::R8),
    ("R16_UINT", PixelFormat::R16Uint),
    ("R16G16_UINT", PixelFormat::Rg1616Uint),
];

/// `drm_fourcc.h`: its name without DRM_FORMAT_, the four letters, and the PixelFormat that has that very layout.
const DRM_FORMATS: &[(&str, &[u8; 4], PixelFormat)] = &[
    ("ABGR8888", b"AB24", PixelFormat::Rgba8888),
    ("XBGR8888", b"XB24", PixelFormat::Rgbx8888),
    ("ARGB8888", b"AR24", PixelFormat::Bgra8888),
    ("RGB565", b"RG16", PixelFormat::Rgb565),
    ("BGR888", b"BG24", PixelFormat::Rgb888),
    ("ABGR2101010", b"AB30", PixelFormat::Rgba1010102),
    ("ABGR16161616F", b"AB4H", PixelFormat::RgbaFp16),
    ("ARGB2101010", b"AR30", PixelFormat::Bgra1010102),
    ("XRGB2101010", b"XR30", PixelFormat::Bgrx1010102),
    ("R8", b"R8  ", PixelFormat::R8),
    ("R16", b"R16 ", PixelFormat::R16Uint),
    ("GR1616", b"GR32", PixelFormat::Rg1616Uint),
    ("P010", b"P010", PixelFormat::YcbcrP010),
    ("P210", b"P210", PixelFormat::YcbcrP210),
    ("YVU420", b"YV12", PixelFormat::Yv12),
    ("NV21", b"NV21", PixelFormat::Ycrcb420Sp),
    ("NV16", b"NV16", PixelFormat::Ycbcr422Sp),
    ("YUYV", b"YUYV", PixelFormat::Ycbcr422I),
];

/// The same header's formats whose bytes no PixelFormat orders so.
const DRM_ALONE: &[(&str, &[u8; 4])] = &[
    ("XRGB8888", b"XR24"),
    ("RGBA8888", b"RA24"),
    ("RGBX8888", b"RX24"),
    ("BGRA8888", b"BA24"),
    ("BGRX8888", b"BX24"),
    ("RGB888", b"RG24"),
    ("BGR565", b"BG16"),
    ("XBGR2101010", b"XB30"),
    ("RGBA1010102", b"RA30"),
    ("BGRA1010102", b"BA30"),
    ("ARGB16161616F", b"AR4H"),
    ("XBGR16161616F", b"XB4H"),
    ("ABGR16161616", b"AB48"),
    ("RG88", b"RG88"),
    ("GR88", b"GR88"),
    ("UYVY", b"UYVY"),
    ("YVYU", b"YVYU"),
    ("VYUY", b"VYUY"),
    ("NV15", b"NV15"),
    ("NV24", b"NV24"),
    ("NV42", b"NV42"),
    ("NV61", b"NV61"),
    ("P012", b"P012"),
    ("P016", b"P016"),
    ("P030", b"P030"),
    ("YUV422", b"YU16"),
    ("YUV444", b"YU24"),
];

/// drm's names of layouts that no format of AIDL's fixes: a policy resolves flexible ones to them.
const LAYOUTS_ALONE: &[(&str, &str)] = &[("NV12", "NV12"), ("YUV420", "I420"), ("YU12", "I420"), ("I420", "I420")];

/// A format as AIDL calls it.
///
/// # Errors
/// A layout that no format fixes, with the formats that can become it; a format of drm's alone.
pub(crate) fn format(text: &str) -> Result<Read, String> {
    let plain = |text: &str| Read { text: text.to_owned(), note: None };
    let taken = |format: PixelFormat| Read {
        text: format.name().to_owned(),
        note: Some(format!("format {text} is PixelFormat {}", format.name())),
    };
    if PixelFormat::from_name(text).is_some() {
        return Ok(plain(text));
    }
    if let Some(letters) = fourcc(text) {
        let shown = format!("{text} ({})", letters.trim_end());
        return of_drm(&letters, &shown, false).unwrap_or_else(|| Ok(plain(text)));
    }
    let upper = text.to_ascii_uppercase();
    let bare = |prefix: &str| upper.strip_prefix(prefix).map(str::to_owned);
    if let Some(name) = bare("HAL_PIXEL_FORMAT_").or_else(|| bare("PIXELFORMAT::")).or_else(|| bare("PIXELFORMAT.")) {
        return Ok(PixelFormat::from_name(&name).map_or_else(|| plain(text), taken));
    }
    if let Some(name) = bare("AHARDWAREBUFFER_FORMAT_") {
        let known = NDK_FORMATS.iter().find(|(known, _)| *known == name).map(|(_, format)| *format);
        return Ok(known.or_else(|| PixelFormat::from_name(&name)).map_or_else(|| plain(text), taken));
    }
    let (name, is_drm) = bare("DRM_FORMAT_").map_or((upper, false), |name| (name, true));
    // RGBA8888 is more likely to be meant for RGBA_8888 than for drm's format, whose bytes are the other way round.
    let like_aidl = PixelFormat::ALL.iter().any(|format| format.name().replace('_', "") == name);
    if let Some(read) = of_drm(&name, text, like_aidl && !is_drm) {
        return read;
    }
    if let Some(layout) = Layout::from_name(&name) {
        let fixed = PixelFormat::ALL.iter().copied().find(|format| Layout::of(*format) == Some(layout));
        return Ok(fixed.map_or_else(|| plain(text), taken));
    }
    Ok(plain(text))
}

/// What drm calls so, by name or by the four letters; `common` leaves out what is drm's alone. `None` when drm has no such.
fn of_drm(name: &str, text: &str, common: bool) -> Option<Result<Read, String>> {
    if let Some((_, layout)) = LAYOUTS_ALONE.iter().find(|(known, _)| *known == name) {
        let more = if *layout == "I420" { " or YV12, its planes the other way round" } else { "" };
        return Some(Err(format!(
            "{text} is a layout, not a format: ask for YCBCR_420_888 or IMPLEMENTATION_DEFINED, which a policy's [[resolve]] can \
             make {layout}{more}"
        )));
    }
    let is = |known: &str, letters: &[u8; 4]| known == name || letters.as_slice() == name.as_bytes();
    if let Some((_, _, format)) = DRM_FORMATS.iter().find(|(known, letters, _)| is(known, letters)) {
        let note = Some(format!("format {text} is PixelFormat {}", format.name()));
        return Some(Ok(Read { text: format.name().to_owned(), note }));
    }
    let (known, _) = DRM_ALONE.iter().find(|(known, letters)| !common && is(known, letters))?;
    Some(Err(format!("{text} is drm's DRM_FORMAT_{known}, and no PixelFormat has its bytes in that order")))
}

/// The four letters of a number, as dumpsys and drm's tools print them: 875708993, 0x34324241.
fn fourcc(text: &str) -> Option<String> {
    let hex = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let value = hex.map_or_else(|| text.parse().ok(), |digits| u32::from_str_radix(digits, 16).ok())?;
    let letters = value.to_le_bytes();
    let readable = letters.iter().all(|letter| letter.is_ascii_alphanumeric() || *letter == b' ');
    readable.then(|| letters.iter().map(|letter| char::from(*letter)).collect())
}

/// `hardware/gralloc.h` without GRALLOC_USAGE_, and `android/hardware_buffer.h` without AHARDWAREBUFFER_USAGE_, where they are
/// called otherwise than in BufferUsage. The values are the same bits.
const OTHER_USAGES: &[(&str, &str)] = &[
    ("SW_READ_NEVER", "CPU_READ_NEVER"),
    ("SW_READ_RARELY", "CPU_READ_RARELY"),
    ("SW_READ_OFTEN", "CPU_READ_OFTEN"),
    ("SW_WRITE_NEVER", "CPU_WRITE_NEVER"),
    ("SW_WRITE_RARELY", "CPU_WRITE_RARELY"),
    ("SW_WRITE_OFTEN", "CPU_WRITE_OFTEN"),
    ("HW_TEXTURE", "GPU_TEXTURE"),
    ("HW_RENDER", "GPU_RENDER_TARGET"),
    ("HW_2D", "0x400"),
    ("HW_COMPOSER", "COMPOSER_OVERLAY"),
    ("HW_FB", "COMPOSER_CLIENT_TARGET"),
    ("EXTERNAL_DISP", "0x2000"),
    ("CURSOR", "COMPOSER_CURSOR"),
    ("HW_VIDEO_ENCODER", "VIDEO_ENCODER"),
    ("HW_CAMERA_WRITE", "CAMERA_OUTPUT"),
    ("HW_CAMERA_READ", "CAMERA_INPUT"),
    ("HW_CAMERA_ZSL", "CAMERA_OUTPUT|CAMERA_INPUT"),
    ("GPU_SAMPLED_IMAGE", "GPU_TEXTURE"),
    ("GPU_FRAMEBUFFER", "GPU_RENDER_TARGET"),
    ("GPU_COLOR_OUTPUT", "GPU_RENDER_TARGET"),
    ("PROTECTED_CONTENT", "PROTECTED"),
    ("VIDEO_ENCODE", "VIDEO_ENCODER"),
    ("CAMERA_WRITE", "CAMERA_OUTPUT"),
    ("CAMERA_READ", "CAMERA_INPUT"),
];

/// The prefixes of headers that name usages.
const USAGE_PREFIXES: &[&str] = &["GRALLOC_USAGE_", "AHARDWAREBUFFER_USAGE_", "BUFFERUSAGE::", "BUFFERUSAGE."];

/// A list of usages in AIDL's names. `vendor` are the policy's own, whose names are left as they are.
pub(crate) fn usage(text: &str, vendor: &[VendorUsage]) -> (String, Vec<String>) {
    let mut notes = Vec::new();
    let mut terms: Vec<String> = Vec::new();
    for term in text.split(['|', ',', '+']).map(str::trim).filter(|term| !term.is_empty()) {
        let read = one_usage(term, vendor);
        notes.extend(read.note);
        terms.push(read.text);
    }
    (terms.join("|"), notes)
}

fn one_usage(term: &str, vendor: &[VendorUsage]) -> Read {
    if vendor.iter().any(|own| own.name == term) {
        let hex = u64::from_str_radix(term, 16).ok();
        let note = hex.map(|hex| format!("usage {term} is the policy's usage of that name; the number is {hex:#x}"));
        return Read { text: term.to_owned(), note };
    }
    let upper = term.to_ascii_uppercase();
    let bare = USAGE_PREFIXES.iter().find_map(|prefix| upper.strip_prefix(prefix));
    if let Some(bare) = bare {
        let other = OTHER_USAGES.iter().find(|(known, _)| *known == bare).map(|(_, aidl)| (*aidl).to_owned());
        let aidl = || Usage::from_name(bare).filter(|_| !bare.ends_with("_MASK")).map(|_| bare.to_owned());
        if let Some(text) = other.or_else(aidl).or_else(|| vendor_bit(bare)) {
            let note = format!("usage {term} is {text}");
            return Read { text, note: Some(note) };
        }
    }
    let bits = vendor.iter().fold(Usage::NONE, |all, own| all | own.bit);
    number_of_a_log(term, bits).unwrap_or_else(|| Read { text: term.to_owned(), note: None })
}

/// `VENDOR_0` to `VENDOR_19` of the NDK: bits 28 to 31, then 48 to 63.
fn vendor_bit(name: &str) -> Option<String> {
    let number: u32 = name.strip_prefix("VENDOR_")?.parse().ok()?;
    let bit = match number {
        0..=3 => number.checked_add(28)?,
        4..=19 => number.checked_add(44)?,
        _ => return None,
    };
    Some(format!("{:#x}", 1u64.checked_shl(bit)?))
}

/// A number as logs print usages: hexadecimal, without 0x. Taken so when it cannot be decimal, or when the decimal reading has
/// bits that nobody defines and the hexadecimal one has none; else it is decimal, as any other number. Which was taken is said
/// wherever the two are different.
fn number_of_a_log(term: &str, vendor: Usage) -> Option<Read> {
    let is_hex = !term.is_empty() && term.bytes().all(|c| c.is_ascii_hexdigit());
    let hex = u64::from_str_radix(term, 16).ok().filter(|_| is_hex)?;
    let as_hex = |why: &str| Read {
        text: format!("{hex:#x}"),
        note: Some(format!("usage {term} is read as hexadecimal, {hex:#x}, as logs print it: {why}")),
    };
    let Ok(decimal) = term.parse::<u64>() else { return Some(as_hex("it is no decimal number")) };
    if decimal == hex {
        return None;
    }
    let (undefined, in_hex) = (Usage(decimal).undefined(vendor), Usage(hex).undefined(vendor));
    if !undefined.is_empty() && in_hex.is_empty() {
        let bits = undefined.0;
        return Some(as_hex(&format!("as decimal, {decimal:#x}, it has bits that nobody defines ({bits:#x})")));
    }
    let note = format!(
        "usage {term} is read as decimal, {decimal:#x}; if a log printed it, in hexadecimal, give it as 0x{term}"
    );
    Some(Read { text: term.to_owned(), note: Some(note) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format_of(text: &str) -> String {
        format(text).unwrap().text
    }

    #[test]
    fn formats_of_other_headers_are_aidl_s() {
        for (text, wanted) in [
            ("HAL_PIXEL_FORMAT_RGBA_8888", "RGBA_8888"),
            ("HAL_PIXEL_FORMAT_YCbCr_420_888", "YCBCR_420_888"),
            ("HAL_PIXEL_FORMAT_YCrCb_420_SP", "YCRCB_420_SP"),
            ("HAL_PIXEL_FORMAT_IMPLEMENTATION_DEFINED", "IMPLEMENTATION_DEFINED"),
            ("PixelFormat::RGBA_FP16", "RGBA_FP16"),
            ("AHARDWAREBUFFER_FORMAT_R8G8B8A8_UNORM", "RGBA_8888"),
            ("AHARDWAREBUFFER_FORMAT_Y8Cb8Cr8_420", "YCBCR_420_888"),
            ("AHARDWAREBUFFER_FORMAT_D24_UNORM_S8_UINT", "DEPTH_24_STENCIL_8"),
            ("AHARDWAREBUFFER_FORMAT_YCbCr_P010", "YCBCR_P010"),
            ("DRM_FORMAT_ABGR8888", "RGBA_8888"),
            ("XB24", "RGBX_8888"),
            ("875708993", "RGBA_8888"),
            ("0x34324241", "RGBA_8888"),
            ("AR30", "BGRA_1010102"),
            ("DRM_FORMAT_XRGB2101010", "BGRX_1010102"),
            ("RGBA8888", "RGBA8888"),
            ("0x23", "0x23"),
            ("NV21", "YCRCB_420_SP"),
            ("DRM_FORMAT_YVU420", "YV12"),
            ("34", "34"),
            ("0x7fa30c04", "0x7fa30c04"),
            ("RAW10", "RAW10"),
        ] {
            assert_eq!(format_of(text), wanted, "{text}");
            assert!(PixelFormat::from_name(wanted).is_some() || wanted == text, "{wanted}");
        }
        for text in ["NV12", "nv12", "DRM_FORMAT_NV12", "I420", "DRM_FORMAT_YUV420", "842094158", "0x3231564e"] {
            let words = format(text).unwrap_err();
            let wanted = " is a layout, not a format: ask for YCBCR_420_888 or IMPLEMENTATION_DEFINED";
            assert!(words.starts_with(text) && words.contains(wanted), "{words}");
        }
        for (text, name) in [
            ("XR24", "XRGB8888"),
            ("875713112", "XRGB8888"),
            ("DRM_FORMAT_RGBA8888", "RGBA8888"),
            ("xrgb8888", "XRGB8888"),
        ] {
            let words = format(text).unwrap_err();
            let wanted = format!(" is drm's DRM_FORMAT_{name}, and no PixelFormat has its bytes in that order");
            assert!(words.starts_with(text) && words.ends_with(&wanted), "{words}");
        }
    }

    #[test]
    fn usages_of_other_headers_are_aidl_s() {
        let read = |text| usage(text, &[]).0;
        assert_eq!(read("GRALLOC_USAGE_HW_TEXTURE|GRALLOC_USAGE_SW_READ_OFTEN"), "GPU_TEXTURE|CPU_READ_OFTEN");
        assert_eq!(
            read("AHARDWAREBUFFER_USAGE_GPU_COLOR_OUTPUT | AHARDWAREBUFFER_USAGE_PROTECTED_CONTENT"),
            "GPU_RENDER_TARGET|PROTECTED"
        );
        assert_eq!(read("GRALLOC_USAGE_HW_CAMERA_ZSL"), "CAMERA_OUTPUT|CAMERA_INPUT");
        assert_eq!(read("BufferUsage::COMPOSER_OVERLAY"), "COMPOSER_OVERLAY");
        assert_eq!(read("AHARDWAREBUFFER_USAGE_VENDOR_4"), "0x1000000000000");
        assert_eq!(read("AHARDWAREBUFFER_USAGE_VENDOR_3"), "0x80000000");
        for (known, aidl) in OTHER_USAGES {
            let all = aidl.split('|').all(|name| Usage::from_name(name).is_some() || name.starts_with("0x"));
            assert!(all, "{known}");
        }
    }

    #[test]
    fn numbers_of_a_log_are_hexadecimal_where_only_that_makes_sense() {
        let read = |text| usage(text, &[]);
        let (text, notes) = read("20100");
        assert_eq!(text, "0x20100");
        assert!(notes[0].contains("read as hexadecimal") && notes[0].contains("0x4e84"), "{notes:?}");
        assert_eq!(read("b00").0, "0xb00");
        // Both readings are possible: as any other number, decimal; and that is said.
        let (text, notes) = read("256");
        assert_eq!((text.as_str(), notes.len()), ("256", 1));
        assert!(notes[0].contains("read as decimal, 0x100") && notes[0].contains("0x256"), "{notes:?}");
        assert_eq!(read("3"), ("3".to_owned(), Vec::new()));
        assert_eq!(read("0x300"), ("0x300".to_owned(), Vec::new()));
        assert_eq!(read("CPU_READ_OFTEN"), ("CPU_READ_OFTEN".to_owned(), Vec::new()));
        // A vendor's bit makes a reading possible.
        let vendor = [VendorUsage { name: "AFBC".to_owned(), bit: Usage(1 << 28) }];
        assert_eq!(usage("10000100", &vendor).0, "0x10000100");
        // A name of the policy's is no number, though its letters are digits.
        let (text, notes) = usage("AFBC|GPU_TEXTURE", &vendor);
        assert_eq!((text.as_str(), notes.len()), ("AFBC|GPU_TEXTURE", 1));
        assert!(notes.concat().contains("0xafbc"), "{notes:?}");
        assert_eq!(usage("AFBC", &[]).0, "0xafbc");
    }
}
