//! How pixels lie in memory: for every layout its planes, components and own alignment rules.

/// Most planes of any layout.
pub const MAX_PLANES: usize = 3;

/// One plane of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Plane {
    /// Bytes from the start of the layer.
    pub offset_bytes: u64,
    /// Bytes from one line of the plane to the next.
    pub stride_bytes: u32,
    /// Lines that are allocated, padding included.
    pub lines: u32,
}

/// The planes of a layer, at most [`MAX_PLANES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Planes {
    planes: [Plane; MAX_PLANES],
    len: u8,
}

impl Planes {
    /// The planes in the order of the layout's [`PlaneShape`]s.
    pub fn as_slice(&self) -> &[Plane] {
        self.planes.get(..usize::from(self.len)).unwrap_or(&[])
    }
}

/// How a format lies in memory; the flexible formats become one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layout {
    /// Placeholder until the list is written out.
    Rgba8888,
}
