//! From ints that anybody may have written to a [`BufferInfo`].

use crate::handle::encode::{
    BODY_FIRST, CACHED, COLUMNS, COMPRESSED, CONTIGUOUS, FLAGS, NOT_MAPPABLE, PROTECTED, STRICT_CPU_USAGE,
    VENDOR_FORMAT,
};
use crate::handle::{BufferInfo, Digest, HandleError, AREA_ALIGN_BYTES, FDS, INTS, MAGIC, MAX_AREA_BYTES, VERSION};
use crate::layout::compression::{NO_MODIFIER, TYPE_NAME_BYTES};
use crate::layout::shape::{Component, Components};
use crate::layout::{Area, ComponentKind, Compression, Form, Plane, PlaneShape, Planes, Shapes, TypeName, MAX_PLANES};
use crate::name::NAME_BYTES;
use crate::METADATA_BYTES;
use crate::{BufferName, Layout, PixelFormat, Usage};

/// A handle as it arrived: a count of fds, and ints. Nothing in it is believed.
#[derive(Clone, Copy, Debug)]
pub struct RawHandle<'a> {
    /// `native_handle_t.numFds`, or the length of `NativeHandle.fds`.
    pub num_fds: usize,
    /// The ints, as many as `native_handle_t.numInts` says.
    pub ints: &'a [i32],
}

/// Says what a handle is.
///
/// # Errors
/// The first thing that is wrong with it, in the order of the ints. Never panics.
pub fn decode(raw: RawHandle<'_>) -> Result<BufferInfo, HandleError> {
    if raw.num_fds != FDS {
        return Err(HandleError::FdCount(raw.num_fds));
    }
    let ints: &[i32; INTS] = raw.ints.try_into().map_err(|_| wrong_count(raw.ints))?;
    // By position, in the order of `fields::TABLE`: every import comes through here.
    let &[magic, version, count, id_low, id_high, width, height, layers, format, usage_low, usage_high, layout, fourcc, modifier_low, modifier_high, stride, flags, buffer_low, buffer_high, layer_low, layer_high, metadata_low, metadata_high, reserved_low, reserved_high, plane_count, ref rest @ ..] =
        ints;
    check_head(magic, version, count)?;
    let (width, height, layers) = (word(width), word(height), word(layers));
    let flags = read_flags(flags)?;
    let format = read_format(format, flags)?;
    let layout = word(layout);
    let layout = Layout::from_id(layout).ok_or(HandleError::Layout(layout))?;
    let (fourcc, modifier) = (word(fourcc), long(modifier_low, modifier_high));
    let (buffer_bytes, layer_bytes) = (long(buffer_low, buffer_high), long(layer_low, layer_high));
    let (metadata_bytes, reserved_bytes) = (long(metadata_low, metadata_high), long(reserved_low, reserved_high));
    check_bytes(layers, layer_bytes, buffer_bytes)?;
    let (planes, rest) = rest.split_at(PLANE_INTS);
    let planes = read_planes(plane_count, planes)?;
    let (areas, rest) = rest.split_at(AREA_INTS);
    let compression = read_compression(areas, flags, planes.as_slice().len())?;
    let (shapes, rest) = rest.split_at(SHAPE_INTS);
    let own = read_shapes(shapes)?;
    let shapes = shapes_of(layout, &own)?;
    check_kind(format, layout, shapes, !own.as_slice().is_empty() && compression.is_none())?;
    if (modifier, fourcc) != (0, layout.fourcc()) && is_plain(format, compression.is_some()) {
        return Err(HandleError::Modifier(modifier));
    }
    if compression.is_some() && modifier == 0 {
        return Err(HandleError::Compression("a modifier of 0, which says lines of pixels"));
    }
    // What no modifier says has no fourcc either: an importer would take it for lines of that.
    if modifier != 0 && (fourcc == 0) != (modifier == NO_MODIFIER) {
        return Err(HandleError::Modifier(modifier));
    }
    let form = Form { shapes, contract: layout.contract() };
    let stride = word(stride);
    match &compression {
        Some(compression) => {
            compression.check(&planes, shapes.len(), layer_bytes, width, height).map_err(HandleError::Planes)?;
            if i32::try_from(stride).is_err() {
                return Err(HandleError::Stride { found: stride, expected: 0 });
            }
        }
        None => {
            check_size_of(layout, width, height)?;
            form.check(&planes, layer_bytes, width, height).map_err(HandleError::Planes)?;
            let expected = planes.as_slice().first().map_or(0, |first| form.stride_of(first.stride_bytes));
            if stride != expected {
                return Err(HandleError::Stride { found: stride, expected });
            }
        }
    }
    let (name, digest) = rest.split_at(NAME_BYTES / 4);
    let name = read_name(name)?;
    let vendor_metadata = read_digest(digest);
    check_metadata(metadata_bytes, reserved_bytes, vendor_metadata)?;
    Ok(BufferInfo {
        id: long(id_low, id_high),
        name,
        width,
        height,
        layers,
        format,
        usage: Usage(long(usage_low, usage_high)),
        layout,
        own,
        fourcc,
        modifier,
        compression,
        stride,
        planes,
        layer_bytes,
        buffer_bytes,
        metadata_bytes,
        reserved_bytes,
        vendor_metadata,
        mappable: flags & NOT_MAPPABLE == 0,
        protected: flags & PROTECTED != 0,
        cached: flags & CACHED != 0,
        contiguous: flags & CONTIGUOUS != 0,
        strict_cpu_usage: flags & STRICT_CPU_USAGE != 0,
    })
}

/// Ints of the planes, four each.
const PLANE_INTS: usize = 4 * MAX_PLANES;
/// Ints of areas and compression.
const AREA_INTS: usize = 2 * MAX_PLANES + 2 + TYPE_NAME_BYTES / 4;
/// Ints of the planes' own shapes, three each.
const SHAPE_INTS: usize = 3 * MAX_PLANES;
const _: () = assert!(26 + PLANE_INTS + AREA_INTS + SHAPE_INTS + NAME_BYTES / 4 + 4 == INTS);

/// Ints of another number are of another version, where their head says so: that is the better word.
fn wrong_count(ints: &[i32]) -> HandleError {
    match ints {
        &[MAGIC, version, ..] if version != VERSION => HandleError::Version(version),
        ints => HandleError::IntCount(ints.len()),
    }
}

fn read_flags(flags: i32) -> Result<u32, HandleError> {
    let flags = word(flags);
    let compressed = flags & COMPRESSED != 0;
    // What is compressed no CPU reads, and only that has an order of areas.
    let contradicts = match compressed {
        true => flags & NOT_MAPPABLE == 0,
        false => flags & (BODY_FIRST | COLUMNS) != 0,
    };
    if flags & !FLAGS != 0 || contradicts {
        return Err(HandleError::Flags(flags));
    }
    Ok(flags)
}

/// A vendor's value is one that AIDL does not name, and the handle says that it is meant as one.
fn read_format(value: i32, flags: u32) -> Result<PixelFormat, HandleError> {
    match (PixelFormat::from_wire(value), flags & VENDOR_FORMAT != 0) {
        (Some(format), false) => Ok(format),
        (None, true) => Ok(PixelFormat::Vendor(value)),
        _ => Err(HandleError::Format(value)),
    }
}

/// Formats that leave a policy nothing to state have their layout's fourcc, in linear memory.
fn is_plain(format: PixelFormat, compressed: bool) -> bool {
    let open = matches!(
        format,
        PixelFormat::Vendor(_)
            | PixelFormat::ImplementationDefined
            | PixelFormat::Ycbcr420_888
            | PixelFormat::RawOpaque
    );
    !open && !compressed
}

/// The shapes of the planes: the layout's own, or the handle's where it has some.
fn shapes_of(layout: Layout, own: &Shapes) -> Result<&[PlaneShape], HandleError> {
    match own.as_slice() {
        [] if layout == Layout::Vendor => Err(HandleError::Shapes("none for a layout of a vendor's")),
        [] => Ok(layout.shapes()),
        own if own == layout.shapes() => Err(HandleError::Shapes("the layout's own, once more")),
        own => Ok(own),
    }
}

/// Whether a policy may make the layout of the format. `replaced` planes are only a vendor layout's.
fn check_kind(format: PixelFormat, layout: Layout, shapes: &[PlaneShape], replaced: bool) -> Result<(), HandleError> {
    if can_be(format, layout, shapes) && (!replaced || layout == Layout::Vendor) {
        return Ok(());
    }
    Err(HandleError::LayoutOfFormat { format, layout })
}

fn check_size_of(layout: Layout, width: u32, height: u32) -> Result<(), HandleError> {
    layout.accepts(width, height).map_err(|needs| HandleError::Planes(crate::layout::LayoutError::Size(needs)))
}

/// Whether the ints are ours at all, and of a version that is known here.
fn check_head(magic: i32, version: i32, count: i32) -> Result<(), HandleError> {
    if magic != MAGIC {
        return Err(HandleError::Magic(magic));
    }
    if version != VERSION {
        return Err(HandleError::Version(version));
    }
    if usize::try_from(count) != Ok(INTS) {
        return Err(HandleError::DeclaredInts(count));
    }
    Ok(())
}

/// Whether a policy may make the layout, whose planes are `shapes`, of the format.
pub fn can_be(format: PixelFormat, layout: Layout, shapes: &[PlaneShape]) -> bool {
    match format {
        PixelFormat::Ycbcr420_888 => {
            matches!(layout, Layout::Nv12 | Layout::Nv21 | Layout::Yv12 | Layout::I420)
                || (layout == Layout::Vendor && is_yuv_420_888(shapes))
        }
        PixelFormat::RawOpaque => {
            matches!(
                layout,
                Layout::Raw10 | Layout::Raw12 | Layout::Raw14 | Layout::Raw16 | Layout::Blob | Layout::Vendor
            )
        }
        PixelFormat::ImplementationDefined | PixelFormat::Vendor(_) => layout != Layout::Blob,
        fixed => Layout::of(fixed) == Some(layout),
    }
}

/// The contract of YCBCR_420_888: 8-bit luma, then chroma of 8 bits, halved both ways.
fn is_yuv_420_888(shapes: &[PlaneShape]) -> bool {
    let eight =
        |shape: &PlaneShape| shape.group_samples == 1 && shape.components.iter().all(|part| part.size_bits == 8);
    let sampled = |shape: &PlaneShape| (shape.horizontal_subsampling, shape.vertical_subsampling);
    match shapes {
        [luma, chroma @ ..] if !chroma.is_empty() => {
            sampled(luma) == (1, 1) && chroma.iter().all(|plane| sampled(plane) == (2, 2)) && shapes.iter().all(eight)
        }
        _ => false,
    }
}

fn check_bytes(layers: u32, layer_bytes: u64, buffer_bytes: u64) -> Result<(), HandleError> {
    let is_count = layers > 0 && i32::try_from(layers).is_ok();
    let all = layer_bytes.checked_mul(u64::from(layers));
    // A mapping's length is an isize, a file's size an i64.
    if !is_count || all != Some(buffer_bytes) || i64::try_from(buffer_bytes).is_err() {
        return Err(HandleError::Bytes { layers, layer_bytes, buffer_bytes });
    }
    Ok(())
}

/// The shared page, the reserved region, and between them nothing, or pages of a vendor's types with their table's hash.
fn check_metadata(metadata_bytes: u64, reserved_bytes: u64, digest: Digest) -> Result<(), HandleError> {
    let without = METADATA_BYTES.checked_add(reserved_bytes);
    let vendor = without.and_then(|without| metadata_bytes.checked_sub(without));
    let is_area = |bytes: u64| bytes <= MAX_AREA_BYTES && bytes % AREA_ALIGN_BYTES == 0;
    if !vendor.is_some_and(is_area) || i64::try_from(metadata_bytes).is_err() {
        return Err(HandleError::Metadata { metadata_bytes, reserved_bytes });
    }
    if (vendor == Some(0)) != (digest == Digest::default()) {
        return Err(HandleError::VendorMetadata);
    }
    Ok(())
}

fn read_digest(ints: &[i32]) -> Digest {
    let mut digest = Digest::default();
    digest.iter_mut().zip(ints).for_each(|(to, int)| *to = word(*int));
    digest
}

/// As many planes as there are said to be; what stands in the places of others must be zero.
fn read_planes(count: i32, ints: &[i32]) -> Result<Planes, HandleError> {
    let bad = HandleError::PlaneCount(count);
    let used = usize::try_from(count).ok().filter(|count| *count <= MAX_PLANES).ok_or(bad)?;
    let (used, unused) = ints.split_at(4 * used);
    if !is_zero(unused) {
        return Err(HandleError::UnusedPlane);
    }
    let mut planes = Planes::default();
    for four in used.chunks_exact(4) {
        if let &[low, high, stride, lines] = four {
            let plane = Plane { offset_bytes: long(low, high), stride_bytes: word(stride), lines: word(lines) };
            planes.push(plane).ok_or(bad)?;
        }
    }
    Ok(planes)
}

/// What a compressed buffer's ints say; those of others are zero, and those of planes that are not there.
fn read_compression(ints: &[i32], flags: u32, planes: usize) -> Result<Option<Compression>, HandleError> {
    if flags & COMPRESSED == 0 {
        return match is_zero(ints) {
            true => Ok(None),
            false => Err(HandleError::Compression("ints of a compression in a buffer that has none")),
        };
    }
    let (area_ints, rest) = ints.split_at(2 * MAX_PLANES);
    let mut areas = [Area::default(); MAX_PLANES];
    for (area, two) in areas.iter_mut().zip(area_ints.chunks_exact(2)) {
        if let &[header, body] = two {
            *area = Area { header_bytes: word(header), body_bytes: word(body) };
        }
    }
    if areas.iter().skip(planes).any(|area| *area != Area::default()) {
        return Err(HandleError::UnusedPlane);
    }
    let &[value, header_type, ref name @ ..] = rest else {
        return Err(HandleError::Compression("too few ints"));
    };
    let name = TypeName::from_wire(bytes_of(name));
    let name = name.ok_or(HandleError::Compression("a name that is not printable, or not empty behind its end"))?;
    if name.is_empty() && (value, header_type) != (0, 0) {
        return Err(HandleError::Compression("a vendor's value without the vendor's name"));
    }
    Ok(Some(Compression {
        name,
        value,
        header_type,
        body_first: flags & BODY_FIRST != 0,
        columns: flags & COLUMNS != 0,
        areas,
    }))
}

/// The planes' own shapes, each sound in itself; behind the last there is nothing.
fn read_shapes(ints: &[i32]) -> Result<Shapes, HandleError> {
    if is_zero(ints) {
        return Ok(Shapes::NONE);
    }
    let used = ints.chunks_exact(3).take_while(|three| !is_zero(three)).count();
    if ints.iter().skip(3 * used).any(|int| *int != 0) {
        return Err(HandleError::UnusedPlane);
    }
    let mut shapes = [crate::layout::shape::HEADER; MAX_PLANES];
    for (shape, three) in shapes.iter_mut().zip(ints.chunks_exact(3)).take(used) {
        if let &[group, low, high] = three {
            *shape = read_shape(word(group), word(low), word(high))?;
        }
    }
    let shapes = shapes.get(..used).and_then(Shapes::from_slice);
    shapes.ok_or(HandleError::Shapes("of more planes than there are"))
}

fn read_shape(group: u32, low: u32, high: u32) -> Result<PlaneShape, HandleError> {
    let [across, down, group_samples, group_bytes] = group.to_le_bytes();
    let mut parts = [Component { kind: ComponentKind::Y, offset_bits: 0, size_bits: 0 }; 4];
    let mut count = 0;
    for half in [low & 0xffff, low >> 16, high & 0xffff, high >> 16] {
        let bits = |value: u32| i16::try_from(value).unwrap_or(0);
        let kind = usize::try_from(half & 15).unwrap_or(0);
        let Some(kind) = kind.checked_sub(1) else {
            if half != 0 {
                return Err(HandleError::Shapes("a component without a kind"));
            }
            continue;
        };
        let kind = ComponentKind::ALL.get(kind).ok_or(HandleError::Shapes("a component of no known kind"))?;
        let packed = group_samples != 1;
        if packed && half >> 11 != 0 {
            return Err(HandleError::Shapes("a packed component of a size"));
        }
        let size_bits = if packed { -1 } else { bits(half >> 11) + 1 };
        let part = Component { kind: *kind, offset_bits: bits(half >> 4 & 0x7f), size_bits };
        *parts.get_mut(count).ok_or(HandleError::Shapes("too many components"))? = part;
        count += 1;
    }
    // One encoding: no gap between components.
    if [low & 0xffff, low >> 16, high & 0xffff, high >> 16].iter().take(count).any(|half| *half == 0) {
        return Err(HandleError::Shapes("a gap between components"));
    }
    let shape = PlaneShape {
        components: Components::new(parts.get(..count).unwrap_or(&[])),
        group_samples,
        group_bytes,
        horizontal_subsampling: across.into(),
        vertical_subsampling: down.into(),
    };
    shape.check().map_err(HandleError::Shapes)?;
    Ok(shape)
}

/// The name, terminated, and nothing behind the terminator.
fn read_name(ints: &[i32]) -> Result<BufferName, HandleError> {
    let wire: [u8; NAME_BYTES] = bytes_of(ints);
    let name = BufferName::from_wire(&wire);
    if *name.to_wire() == wire {
        Ok(name)
    } else {
        Err(HandleError::Name)
    }
}

fn bytes_of<const N: usize>(ints: &[i32]) -> [u8; N] {
    let mut wire = [0; N];
    for (four, int) in wire.chunks_exact_mut(4).zip(ints) {
        four.copy_from_slice(&int.to_le_bytes());
    }
    wire
}

/// Without an early end, so that several are compared at a time.
fn is_zero(ints: &[i32]) -> bool {
    ints.iter().fold(0, |any, int| any | int) == 0
}

fn word(int: i32) -> u32 {
    u32::from_ne_bytes(int.to_ne_bytes())
}

/// The lower half comes first.
fn long(low: i32, high: i32) -> u64 {
    u64::from(word(high)) << 32 | u64::from(word(low))
}
