//! The few shapes that a drawing needs, written as SVG.

use crate::output::markup;
use std::fmt::Write;

/// Where a text stands in relation to its point.
#[derive(Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// Shapes, in the order in which they are painted.
pub(super) struct Canvas {
    body: String,
}

/// Everything is styled here; a drawing pasted into a page brings its own background.
const STYLE: &str = "
    text { font-family: system-ui, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif; fill: #1b1f24; }
    .title { font-size: 22px; font-weight: 600; } .sub { font-size: 13px; fill: #57606a; }
    .label { font-size: 14px; font-weight: 600; } .dim { font-size: 12.5px; } .faint { font-size: 11.5px; fill: #57606a; }
    .note { font-size: 11.5px; fill: #57606a; font-style: italic; }
    .luma { fill: #cdd9e5; } .cb { fill: #a5c8ff; } .cr { fill: #ffb8b0; } .chroma { fill: url(#chroma); }
    .colour { fill: url(#colour); } .raw { fill: #b8e0b8; } .other { fill: #e6dcc8; } .padding { fill: url(#hatch); }
    .header { fill: #d7c6f0; } .tail { fill: #f3d3d0; }
    .frame { fill: none; stroke: #1b1f24; stroke-width: 1; } .rule { stroke: #57606a; stroke-width: 1; }
";

const DEFINITIONS: &str = "
    <pattern id='hatch' width='7' height='7' patternUnits='userSpaceOnUse' patternTransform='rotate(45)'>
      <rect width='7' height='7' fill='#fff6e0'/><rect width='2.2' height='7' fill='#d9a441'/>
    </pattern>
    <linearGradient id='chroma'><stop offset='0' stop-color='#a5c8ff'/><stop offset='1' stop-color='#ffb8b0'/></linearGradient>
    <linearGradient id='colour'><stop offset='0' stop-color='#ffc9c4'/><stop offset='.5' stop-color='#c6ecc6'/>\
<stop offset='1' stop-color='#bcd6ff'/></linearGradient>
";

impl Canvas {
    pub(super) fn new() -> Canvas {
        Canvas { body: String::new() }
    }

    /// A filled rectangle.
    pub(super) fn rect(&mut self, x: f64, y: f64, width: f64, height: f64, class: &str) {
        self.push(format_args!(
            "<rect class='{class}' x='{x:.1}' y='{y:.1}' width='{width:.1}' height='{height:.1}'/>"
        ));
    }

    /// The outline of a rectangle.
    pub(super) fn frame(&mut self, x: f64, y: f64, width: f64, height: f64) {
        self.rect(x, y, width, height, "frame");
    }

    /// A line of text.
    pub(super) fn text(&mut self, x: f64, y: f64, anchor: Anchor, class: &str, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let text = markup(text);
        self.push(format_args!("<text class='{class}' x='{x:.1}' y='{y:.1}' text-anchor='{anchor}'>{text}</text>"));
    }

    /// A dimension from left to right, its words in the middle, above.
    pub(super) fn across(&mut self, from: f64, to: f64, y: f64, text: &str) {
        self.line(from, y, to, y);
        self.line(from, y - 4.0, from, y + 4.0);
        self.line(to, y - 4.0, to, y + 4.0);
        self.text((from + to) / 2.0, y - 4.0, Anchor::Middle, "dim", text);
    }

    /// A dimension from top to bottom.
    pub(super) fn down(&mut self, x: f64, from: f64, to: f64) {
        self.line(x, from, x, to);
        self.line(x - 4.0, from, x + 4.0, from);
        self.line(x - 4.0, to, x + 4.0, to);
    }

    fn line(&mut self, x1: f64, y1: f64, x2: f64, y2: f64) {
        self.push(format_args!("<line class='rule' x1='{x1:.1}' y1='{y1:.1}' x2='{x2:.1}' y2='{y2:.1}'/>"));
    }

    fn push(&mut self, element: std::fmt::Arguments<'_>) {
        // Writing to a string does not fail.
        let _ = writeln!(self.body, "  {element}");
    }

    /// The document.
    pub(super) fn finish(self, width: f64, height: f64, title: &str) -> String {
        format!(
            "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width:.0} {height:.0}' width='{width:.0}' \
             height='{height:.0}' role='img'>\n  <title>{}</title>\n  <style>{STYLE}  </style>\n  <defs>{DEFINITIONS}  </defs>\n  \
             <rect width='100%' height='100%' fill='#ffffff'/>\n{}</svg>\n",
            markup(title),
            self.body
        )
    }
}

/// A number of bytes on a drawing, where the last of 53 bits is not seen.
pub(super) fn float(value: u64) -> f64 {
    #[allow(clippy::as_conversions)]
    {
        value as f64
    }
}
