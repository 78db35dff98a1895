//! Draws a buffer: every plane with its padding, to scale, and where the planes lie in memory.
//!
//! Across, a pixel of the drawing stands for so many bytes; down, for so many lines; both scales are written under the
//! drawing. Padding too thin to be seen is widened, and the drawing says so.

mod canvas;

use canvas::{float, Anchor, Canvas};
use gralloc_allocator::explain::{Area, AreaKind, Picture, PlaneNote};
use gralloc_buffer::layout::ComponentKind;

/// What the drawing says around the picture.
pub(crate) struct Caption {
    /// `NV12 1920x1080`
    pub(crate) title: String,
    /// Lines below it: request, rule, heap.
    pub(crate) lines: Vec<String>,
    /// Layers in the buffer.
    pub(crate) layers: u32,
}

const WIDTH: f64 = 1000.0;
const LEFT: f64 = 130.0;
/// What the longest line of bytes takes.
const ACROSS: f64 = 640.0;
/// What all lines of all planes take.
const DOWN: f64 = 420.0;
/// Every plane has room for its label.
const LEAST_PLANE: f64 = 30.0;
/// Padding is at least this wide.
const LEAST_PADDING: f64 = 5.0;
/// What a single line takes at most.
const TALLEST_LINE: f64 = 40.0;
const PLANE_GAP: f64 = 52.0;
/// Segments that the strip of memory shows at most.
const MOST_LAYERS: u32 = 12;

/// The whole drawing, as an SVG document.
pub(crate) fn draw(caption: &Caption, picture: &Picture) -> String {
    let mut canvas = Canvas::new();
    let mut y = 44.0;
    canvas.text(30.0, y, Anchor::Start, "title", &caption.title);
    for line in &caption.lines {
        y += 20.0;
        canvas.text(30.0, y, Anchor::Start, "sub", line);
    }
    y += 62.0;
    let scales = Scales::of(picture);
    let mut widened = false;
    for (index, plane) in picture.planes.iter().enumerate() {
        y = draw_plane(&mut canvas, index, plane, &scales, y, &mut widened);
        y += PLANE_GAP;
    }
    y = draw_memory(&mut canvas, caption.layers, picture, y);
    y += 44.0;
    draw_legend(&mut canvas, picture, y);
    if picture.areas.iter().any(|area| !matches!(area.kind, AreaKind::Lines(_) | AreaKind::Padding)) {
        y += 24.0;
        draw_key(&mut canvas, picture, y);
    }
    y += 30.0;
    let (across, down) = (ratio(scales.bytes_a_pixel, "byte"), ratio(scales.lines_a_pixel, "line"));
    let mut scale = format!("Planes to scale: across, {across}; down, {down}.");
    if widened {
        scale.push_str(" Parts too thin to be seen are widened.");
    }
    canvas.text(30.0, y, Anchor::Start, "note", &scale);
    canvas.finish(WIDTH, y + 24.0, &caption.title)
}

struct Scales {
    bytes_a_pixel: f64,
    lines_a_pixel: f64,
}

impl Scales {
    fn of(picture: &Picture) -> Scales {
        let longest = picture.planes.iter().map(|plane| plane.stride_bytes).max().unwrap_or(1);
        let lines: f64 = picture.planes.iter().map(|plane| f64::from(plane.lines)).sum();
        let lines_a_pixel = (lines.max(1.0) / DOWN).max(1.0 / TALLEST_LINE);
        Scales { bytes_a_pixel: f64::from(longest.max(1)) / ACROSS, lines_a_pixel }
    }
}

/// A length that shows: `least` when there is something and the scale makes it vanish.
fn visible(length: f64, least: f64, widened: &mut bool) -> f64 {
    if length > 0.0 && length < least {
        *widened = true;
        return least;
    }
    length
}

fn draw_plane(
    canvas: &mut Canvas,
    index: usize,
    plane: &PlaneNote,
    scales: &Scales,
    top: f64,
    widened: &mut bool,
) -> f64 {
    let width = f64::from(plane.stride_bytes) / scales.bytes_a_pixel;
    let height = visible(f64::from(plane.lines) / scales.lines_a_pixel, LEAST_PLANE, widened);
    let pad_bytes = u64::from(plane.stride_bytes).saturating_sub(plane.line_bytes);
    let pad_lines = plane.lines.saturating_sub(plane.sample_lines);
    let right = visible(float(pad_bytes) / scales.bytes_a_pixel, LEAST_PADDING, widened);
    let share = f64::from(pad_lines) / f64::from(plane.lines.max(1));
    let bottom = visible(height * share, LEAST_PADDING, widened);
    let (used_width, used_height) = ((width - right).max(1.0), (height - bottom).max(1.0));

    canvas.rect(LEFT, top, width, height, "padding");
    canvas.rect(LEFT, top, used_width, used_height, class(plane));
    // Blocks have no lines: of a compressed plane the header's share of the bytes is drawn above its body's.
    let of_header = float(plane.header_bytes) / float(plane.bytes.max(1));
    if plane.header_bytes > 0 {
        canvas.rect(LEFT, top, width, visible(height * of_header, LEAST_PADDING, widened), "header");
    }
    canvas.frame(LEFT, top, width, height);

    let middle = top + used_height / 2.0;
    let label = format!("plane {index}: {}", plane.holds());
    canvas.text(LEFT + used_width / 2.0, middle + 5.0, Anchor::Middle, "label", &label);

    canvas.text(LEFT - 12.0, top + 12.0, Anchor::End, "dim", &format!("byte {}", plane.offset_bytes));
    canvas.text(LEFT - 12.0, top + 26.0, Anchor::End, "faint", &format!("{:#x}", plane.offset_bytes));

    // Across: the samples of a line, then the whole stride above it.
    let above = top - 10.0;
    if right > 0.0 {
        canvas.across(LEFT, LEFT + used_width, above, &format!("{} bytes of samples", plane.line_bytes));
        let stride = format!("stride {} bytes, {pad_bytes} padding", plane.stride_bytes);
        canvas.across(LEFT, LEFT + width, above - 18.0, &stride);
    } else {
        let note = match plane.header_bytes.saturating_add(plane.body_bytes) {
            0 => "no padding".to_owned(),
            _ => format!("{} bytes of header, {} of body", plane.header_bytes, plane.body_bytes),
        };
        canvas.across(LEFT, LEFT + width, above, &format!("stride {} bytes, {note}", plane.stride_bytes));
    }
    // Down, at the right.
    let beside = LEFT + width + 14.0;
    canvas.down(beside, top, top + height);
    canvas.text(beside + 10.0, top + height / 2.0, Anchor::Start, "dim", &count(plane.lines, "line"));
    let lines = if pad_lines > 0 { format!("{pad_lines} padding") } else { "no padding".to_owned() };
    canvas.text(beside + 10.0, top + height / 2.0 + 14.0, Anchor::Start, "faint", &lines);
    top + height
}

/// The buffer from its first byte to its last, in one strip.
fn draw_memory(canvas: &mut Canvas, layers: u32, picture: &Picture, top: f64) -> f64 {
    let full = WIDTH - 60.0;
    let shown = layers.min(MOST_LAYERS);
    let note = if shown < layers { format!(", the first {shown} shown") } else { String::new() };
    let heading = match layers {
        1 => format!("in memory: {} bytes", picture.bytes),
        _ => format!("in memory: {layers} layers of {} bytes, {} in all{note}", picture.layer_bytes, picture.bytes),
    };
    canvas.text(30.0, top - 8.0, Anchor::Start, "dim", &heading);
    let each = full / f64::from(shown.max(1));
    let scale = each / float(picture.layer_bytes.max(1));
    let (height, mut x) = (34.0, 30.0);
    for layer in 0..shown {
        for area in &picture.areas {
            let left = x + float(area.offset_bytes) * scale;
            let width = float(area.bytes) * scale;
            canvas.rect(left, top, width, height, area_class(area, picture));
            canvas.frame(left, top, width, height);
            if width > 60.0 {
                canvas.text(left + width / 2.0, top + 21.0, Anchor::Middle, "label", &area_name(area));
            }
            if layer == 0 && width > 50.0 {
                let offset = area.offset_bytes.to_string();
                canvas.text(left, top + height + 15.0, Anchor::Start, "faint", &offset);
            }
        }
        canvas.frame(x, top, each, height);
        x += each;
    }
    canvas.text(30.0 + full, top + height + 15.0, Anchor::End, "faint", &picture.bytes.to_string());
    top + height
}

fn draw_legend(canvas: &mut Canvas, picture: &Picture, y: f64) {
    let tenths = (u128::from(picture.padding_bytes) * 1000).checked_div(u128::from(picture.bytes)).unwrap_or(0);
    canvas.rect(30.0, y - 11.0, 26.0, 14.0, "padding");
    canvas.frame(30.0, y - 11.0, 26.0, 14.0);
    let padding =
        format!("padding: {} of {} bytes ({}.{} %)", picture.padding_bytes, picture.bytes, tenths / 10, tenths % 10);
    canvas.text(64.0, y, Anchor::Start, "dim", &padding);
    let unit = if picture.stride_is_bytes { "bytes" } else { "pixels" };
    let beside = format!(
        "AllocationResult.stride: {} {unit}; metadata beside it: {} bytes",
        picture.stride, picture.metadata_bytes
    );
    canvas.text(WIDTH - 30.0, y, Anchor::End, "dim", &beside);
}

fn area_class(area: &Area, picture: &Picture) -> &'static str {
    let of_plane = |index: usize| picture.planes.get(index).map_or("other", class);
    match area.kind {
        AreaKind::Lines(plane) | AreaKind::Body(plane) => of_plane(plane),
        AreaKind::Header(_) => "header",
        AreaKind::Columns => "other",
        AreaKind::Padding => "padding",
        AreaKind::Tail => "tail",
    }
}

fn area_name(area: &Area) -> String {
    match area.kind {
        AreaKind::Lines(plane) => format!("plane {plane}"),
        AreaKind::Header(plane) => format!("header {plane}"),
        AreaKind::Body(plane) => format!("body {plane}"),
        AreaKind::Columns => "columns of all planes".to_owned(),
        AreaKind::Padding => "padding".to_owned(),
        AreaKind::Tail => "tail".to_owned(),
    }
}

/// What each style means, of those that the drawing has.
fn draw_key(canvas: &mut Canvas, picture: &Picture, y: f64) {
    let mut x = 30.0;
    for (kind, words) in [("header", "header"), ("body", "body of blocks"), ("columns", "columns"), ("tail", "tail")] {
        let of_kind = || picture.areas.iter().filter(|area| area.kind.word() == kind);
        let Some(first) = of_kind().next() else { continue };
        let bytes: u64 = of_kind().map(|area| area.bytes).sum();
        canvas.rect(x, y - 11.0, 26.0, 14.0, area_class(first, picture));
        canvas.frame(x, y - 11.0, 26.0, 14.0);
        canvas.text(x + 34.0, y, Anchor::Start, "dim", &format!("{words}: {bytes} bytes"));
        x += 235.0;
    }
}

/// `1 line`, `2 lines`
fn count(number: u32, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// A style for what a plane holds.
fn class(plane: &PlaneNote) -> &'static str {
    match plane.components.as_slice() {
        [ComponentKind::Y] => "luma",
        [ComponentKind::Cb] => "cb",
        [ComponentKind::Cr] => "cr",
        [ComponentKind::Cb | ComponentKind::Cr, ..] => "chroma",
        [ComponentKind::Raw] => "raw",
        [] => "other",
        _ => "colour",
    }
}

/// `a pixel is 3 bytes`, `a line is 4.2 pixels`: whichever is not below one.
fn ratio(units_a_pixel: f64, unit: &str) -> String {
    if units_a_pixel >= 1.0 {
        return format!("a pixel is {} {unit}s", number(units_a_pixel));
    }
    format!("a {unit} is {} pixels", number(1.0 / units_a_pixel))
}

/// At most two digits behind the point, none that say nothing.
fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
