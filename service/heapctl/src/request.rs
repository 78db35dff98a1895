//! A request on the command line becomes a descriptor, as a client would send it.

pub(crate) mod log;
mod words;

use crate::args::RequestArgs;
use anyhow::{anyhow, Context, Result};
use gralloc_buffer::{BufferName, PixelFormat, Usage};
use gralloc_buffer::{Descriptor, DescriptorOption};
use heaps_config::policy::{VendorFormat, VendorUsage};

/// The descriptor that the arguments describe. `vendor` and `formats` are the policy's own names of usages and formats.
///
/// # Errors
/// A format or usage that nobody knows, with the nearest name.
pub(crate) fn descriptor(args: &RequestArgs, vendor: &[VendorUsage], formats: &[VendorFormat]) -> Result<Descriptor> {
    let size = args.size.context("--size WIDTHxHEIGHT is missing")?;
    let wanted = args.format.as_deref().context("--format FORMAT is missing")?;
    Ok(Descriptor {
        name: BufferName::from_text(args.name.as_deref().unwrap_or("heapctl")),
        width: size.width,
        height: size.height,
        layer_count: args.layers.unwrap_or(1),
        format: format(wanted, formats)?,
        usage: usage(args.usage.as_deref().unwrap_or_default(), vendor)?,
        reserved_size: args.reserved.unwrap_or(0),
        options: args
            .options
            .iter()
            .map(|option| DescriptorOption { name: option.name.clone(), value: option.value })
            .collect(),
    })
}

/// The same request with formats and usages in AIDL's words, and what there is to say about that. `vendor` are the policy's
/// own bits, `formats` its own formats, whose names are left as they are.
///
/// # Errors
/// A layout where a format is asked for.
pub(crate) fn in_aidl_words(
    args: &RequestArgs,
    vendor: &[VendorUsage],
    formats: &[VendorFormat],
) -> Result<(RequestArgs, Vec<String>)> {
    let mut args = args.clone();
    let (usage, mut notes) = words::usage(args.usage.as_deref().unwrap_or_default(), vendor);
    args.usage = Some(usage);
    let own = |text: &str| {
        let value = number(text).and_then(|number| gralloc_buffer::wire_int(i64::try_from(number).ok()?));
        formats.iter().any(|format| format.name == text || Some(format.value) == value)
    };
    if let Some(text) = args.format.as_ref().filter(|text| !own(text)) {
        let read = words::format(text).map_err(|why| anyhow!("--format: {why}"))?;
        notes.extend(read.note);
        args.format = Some(read.text);
    }
    Ok((args, notes))
}

fn format(text: &str, own: &[VendorFormat]) -> Result<i32> {
    if let Some(format) = own.iter().find(|format| format.name == text) {
        return Ok(format.value);
    }
    if let Some(format) = PixelFormat::from_name(text) {
        return Ok(format.to_wire());
    }
    if let Some(value) = number(text).and_then(|number| gralloc_buffer::wire_int(i64::try_from(number).ok()?)) {
        return Ok(value);
    }
    let aidl = PixelFormat::ALL.iter().map(|format| format.name().to_owned());
    let known = own.iter().map(|format| format.name.clone()).chain(aidl).collect();
    Err(unknown("--format", "format", text, known))
}

fn usage(text: &str, vendor: &[VendorUsage]) -> Result<i64> {
    let mut usage = Usage::NONE;
    for name in text.split(['|', ',']).map(str::trim).filter(|name| !name.is_empty()) {
        let own = || vendor.iter().find(|vendor| vendor.name == name).map(|vendor| vendor.bit);
        // The masks are no usage that a client could ask for.
        let aidl = Usage::from_name(name).filter(|_| !name.ends_with("_MASK"));
        let Some(found) = aidl.or_else(own).or_else(|| number(name).map(Usage)) else {
            let flags = Usage::FLAGS.iter().chain(Usage::CPU_VALUES).map(|(name, _)| (*name).to_owned());
            let known = vendor.iter().map(|vendor| vendor.name.clone()).chain(flags).collect();
            return Err(unknown("--usage", "usage", name, known));
        };
        usage = usage | found;
    }
    Ok(i64::from_ne_bytes(usage.0.to_ne_bytes()))
}

/// `33`, `0x21`.
fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

fn unknown(argument: &str, what: &str, name: &str, known: Vec<String>) -> anyhow::Error {
    #[cfg(feature = "host")]
    if let Some(near) = heaps_host::nearest(name, &known) {
        return anyhow!("{argument}: {what} \"{name}\" is not known; did you mean {near}?");
    }
    anyhow!("{argument}: {what} \"{name}\" is not known; known are {} and numbers", known.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usages_are_names_of_aidl_and_policy_and_numbers() {
        let vendor = [VendorUsage { name: "NPU".to_owned(), bit: Usage(1 << 49) }];
        let bits = |text| usage(text, &vendor).unwrap();
        assert_eq!(bits(""), 0);
        assert_eq!(bits("CPU_READ_OFTEN | CPU_WRITE_RARELY,NPU"), 0x23 | 1 << 49);
        assert_eq!(bits("0x200000000|CPU_READ_NEVER"), 1 << 33);
        assert_eq!(bits("0x8000000000000000"), i64::MIN);
    }

    #[test]
    fn unknown_names_are_told_with_the_known_ones() {
        let error = usage("GPU_TEXTURE|CPU_READ_MASK", &[]).unwrap_err().to_string();
        assert!(error.starts_with("--usage: usage \"CPU_READ_MASK\" is not known"), "{error}");
        let error = format("nonsense", &[]).unwrap_err().to_string();
        assert!(error.contains("RGBA_8888") && error.contains("and numbers"), "{error}");
        assert_eq!((format("0x7fffffff", &[]).unwrap(), format("RAW10", &[]).unwrap()), (i32::MAX, 0x25));
    }

    #[cfg(feature = "host")]
    #[test]
    fn the_nearest_name_is_offered() {
        let error = usage("CAMERA_OUPUT", &[]).unwrap_err().to_string();
        assert_eq!(error, "--usage: usage \"CAMERA_OUPUT\" is not known; did you mean CAMERA_OUTPUT?");
    }
}
