//! Encoded metadata in words: what `dumpBuffer` hands out, for people.

use super::encode::COMPONENT;
use super::wire::Reader;
use super::StandardMetadata;
use crate::layout::ComponentKind;
use crate::{PixelFormat, Usage};
use std::fmt::Write;

/// The value in words; text from the bytes is escaped. `None` for bytes that are no value of the type.
pub fn explain(kind: StandardMetadata, bytes: &[u8]) -> Option<String> {
    if bytes.is_empty() {
        let can_be_unset = matches!(
            kind,
            StandardMetadata::Smpte2086
                | StandardMetadata::Cta861_3
                | StandardMetadata::Smpte2094_40
                | StandardMetadata::Smpte2094_10
        );
        return can_be_unset.then(|| "unset".to_owned());
    }
    let mut from = Reader::new(bytes);
    from.header(kind)?;
    Some(match kind {
        StandardMetadata::BufferId | StandardMetadata::PixelFormatModifier => format!("{:#x}", from.u64()?),
        StandardMetadata::Name => format!("\"{}\"", from.text()?.escape_ascii()),
        StandardMetadata::Width | StandardMetadata::Height | StandardMetadata::LayerCount => from.u64()?.to_string(),
        StandardMetadata::AllocationSize => format!("{} bytes", from.u64()?),
        StandardMetadata::ProtectedContent => if from.u64()? == 0 { "no" } else { "yes" }.to_owned(),
        StandardMetadata::PixelFormatRequested => {
            let value = from.i32()?;
            PixelFormat::from_wire(value).map_or_else(|| format!("{value:#x}"), |format| format.name().to_owned())
        }
        StandardMetadata::PixelFormatFourcc => match from.u32()? {
            0 => "none".to_owned(),
            code => code.to_le_bytes().escape_ascii().to_string(),
        },
        StandardMetadata::Usage => Usage(from.u64()?).to_string(),
        StandardMetadata::Compression | StandardMetadata::Interlaced => extendable(&mut from, &["NONE"])?,
        StandardMetadata::ChromaSiting => {
            extendable(&mut from, &["NONE", "UNKNOWN", "SITED_INTERSTITIAL", "COSITED_HORIZONTAL"])?
        }
        StandardMetadata::PlaneLayouts => plane_layouts(&mut from)?,
        StandardMetadata::Crop => crops(&mut from)?,
        StandardMetadata::Dataspace => match from.i32()? {
            0 => "UNKNOWN".to_owned(),
            value => match crate::dataspace::words(value) {
                Some(words) => format!("{value:#x} ({words})"),
                None => format!("{value:#x}"),
            },
        },
        StandardMetadata::BlendMode => {
            let value = from.i32()?;
            let names = ["INVALID", "NONE", "PREMULTIPLIED", "COVERAGE"];
            let name = usize::try_from(value).ok().and_then(|value| names.get(value));
            name.map_or_else(|| value.to_string(), |name| (*name).to_owned())
        }
        StandardMetadata::Smpte2086 => {
            let names = ["red", "green", "blue", "white"];
            let mut words = String::new();
            for name in names {
                let _ = write!(words, "{name} ({}, {}), ", from.f32()?, from.f32()?);
            }
            format!("{words}{} down to {} cd/m²", from.f32()?, from.f32()?)
        }
        StandardMetadata::Cta861_3 => {
            format!("content up to {} cd/m², frames on average up to {} cd/m²", from.f32()?, from.f32()?)
        }
        StandardMetadata::Smpte2094_40 | StandardMetadata::Smpte2094_10 => format!("{} bytes", from.text()?.len()),
        StandardMetadata::Stride => from.u32()?.to_string(),
    })
}

/// The enum's value by its name here, else its type's name and number.
fn extendable(from: &mut Reader<'_>, names: &[&str]) -> Option<String> {
    let (name, value) = (from.text()?, from.i64()?);
    let known = usize::try_from(value).ok().and_then(|value| names.get(value));
    Some(known.map_or_else(|| format!("{} {value}", name.escape_ascii()), |known| (*known).to_owned()))
}

fn plane_layouts(from: &mut Reader<'_>) -> Option<String> {
    let mut planes = Vec::new();
    for index in 0..from.count()? {
        let mut components = Vec::new();
        for _ in 0..from.count()? {
            let (name, kind) = (from.text()?, from.i64()?);
            let (offset, size) = (from.i64()?, from.i64()?);
            components.push(format!("{} at bit {offset} ({size})", component(name, kind)));
        }
        let (offset, increment, stride) = (from.i64()?, from.i64()?, from.i64()?);
        let (across, down, bytes) = (from.i64()?, from.i64()?, from.i64()?);
        let (horizontal, vertical) = (from.i64()?, from.i64()?);
        planes.push(format!(
            "plane {index} at byte {offset}: {across}×{down} samples of {increment} bits, {stride} bytes a line, {bytes} \
             in all, {horizontal}×{vertical} pixels a sample, [{}]",
            components.join(", ")
        ));
    }
    Some(planes.join("; "))
}

fn component(name: &[u8], value: i64) -> String {
    use ComponentKind::{Cb, Cr, Raw, A, B, G, R, Y};
    let known = [Y, Cb, Cr, R, G, B, Raw, A].into_iter().find(|kind| kind.aidl_value() == value);
    match known {
        Some(kind) if name == COMPONENT.as_bytes() => format!("{kind:?}"),
        _ => format!("{} {value}", name.escape_ascii()),
    }
}

fn crops(from: &mut Reader<'_>) -> Option<String> {
    let mut crops = Vec::new();
    for _ in 0..from.count()? {
        let (left, top, right, bottom) = (from.i32()?, from.i32()?, from.i32()?, from.i32()?);
        crops.push(format!("({left}, {top})–({right}, {bottom})"));
    }
    Some(crops.join(", "))
}
