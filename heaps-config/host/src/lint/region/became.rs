//! What formats become, as sets of requests: for conditions that ask for layouts, or whether a buffer is compressed.

use super::{Region, Space};
use gralloc_buffer::{Layout, PixelFormat, Usage};
use heaps_config::policy::{Condition, LayoutName, Policy, Term};

impl Space {
    /// What a condition of this policy takes, also where it asks what the format became; `None` when it takes too many cubes.
    pub(crate) fn taken(&self, policy: &Policy, when: &Condition) -> Option<Region> {
        let mut region = self.condition(when)?;
        if !when.layouts.is_empty() {
            region = self.intersect(&region, &self.became(policy, &when.layouts)?)?;
        }
        match when.compressed {
            None => Some(region),
            Some(true) => self.intersect(&region, &self.compressed(policy)?),
            Some(false) => self.subtract(&region, &self.compressed(policy)?),
        }
    }

    /// Requests whose format becomes one of these layouts.
    fn became(&self, policy: &Policy, layouts: &[LayoutName]) -> Option<Region> {
        let mut region = Region::new();
        for format in self.formats() {
            let mut left = self.only_format(vec![self.all()], *format);
            let fixed = match format {
                PixelFormat::Vendor(value) => Some(LayoutName::Vendor(*value)),
                named => Layout::of(*named).map(LayoutName::Table),
            };
            if fixed.is_some_and(|layout| layouts.contains(&layout)) {
                region.append(&mut left);
            }
            for resolution in policy.resolutions.iter().filter(|resolution| resolution.format == *format) {
                let when = self.condition(&resolution.when)?;
                if layouts.contains(&resolution.layout) {
                    region.append(&mut self.intersect(&left, &when)?);
                }
                left = self.subtract(&left, &when)?;
            }
        }
        Some(region)
    }

    /// Requests whose buffers are compressed or tiled.
    fn compressed(&self, policy: &Policy) -> Option<Region> {
        let mut region = Region::new();
        for entry in &policy.compressions {
            let new = self.subtract(&self.compressible(policy, &entry.when)?, &region)?;
            region.extend(new);
        }
        Some(region)
    }

    /// What a compression of this condition takes before others had their pick: nothing of whoever counts in lines, and no BLOB
    /// (`plan::shape`).
    pub(crate) fn compressible(&self, policy: &Policy, when: &Condition) -> Option<Region> {
        let region = self.taken(policy, when)?;
        let lines = self.term(Term::Any(Usage::CPU_READ_MASK | Usage::CPU_WRITE_MASK | Usage::GPU_DATA_BUFFER));
        let blob = self.only_format(vec![self.all()], PixelFormat::Blob);
        self.subtract(&self.subtract(&region, &lines)?, &blob)
    }

    /// Requests that a resolution decides: those of its format that no earlier one takes.
    pub(crate) fn resolved_by(&self, policy: &Policy, resolution: usize) -> Option<Region> {
        let own = policy.resolutions.get(resolution)?;
        let earlier = policy.resolutions.get(..resolution)?;
        let mut region = self.only_format(self.condition(&own.when)?, own.format);
        for other in earlier.iter().filter(|other| other.format == own.format) {
            region = self.subtract(&region, &self.condition(&other.when)?)?;
        }
        Some(region)
    }
}
