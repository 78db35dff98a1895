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

    /// Requests whose buffers are compressed or tiled: what an entry takes, without the CPU, and no BLOB (`plan::shape`).
    fn compressed(&self, policy: &Policy) -> Option<Region> {
        let mut region = Region::new();
        for entry in &policy.compressions {
            let new = self.subtract(&self.taken(policy, &entry.when)?, &region)?;
            region.extend(new);
        }
        let cpu = self.term(Term::Any(Usage::CPU_READ_MASK | Usage::CPU_WRITE_MASK));
        let blob = self.only_format(vec![self.all()], PixelFormat::Blob);
        self.subtract(&self.subtract(&region, &cpu)?, &blob)
    }
}
