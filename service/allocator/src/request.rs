//! What a client asked for, validated: [`Descriptor`] → [`Request`].

use crate::error::{Malformed, Refusal, Unsupported};
use gralloc_buffer::dataspace::DATASPACE_OPTION;
use gralloc_buffer::format::PixelFormat;
use gralloc_buffer::usage::Usage;
use gralloc_buffer::{Dataspace, Descriptor, DescriptorOption};
use heaps_config::condition::Subject;
use heaps_config::policy::Policy;

/// The version of `android.hardware.graphics.common` whose formats are taken where the policy names none: the build's, and
/// without a feature that of the lowest release.
pub const GRAPHICS_COMMON: u32 = if cfg!(feature = "common_v7") {
    7
} else if cfg!(feature = "common_v6") {
    6
} else {
    5
};

/// A descriptor that holds what the contract asks; sizes are not yet known to fit anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Pixels, at least 1.
    pub width: u32,
    /// Lines, at least 1.
    pub height: u32,
    /// At least 1.
    pub layers: u32,
    /// As asked, flexible formats unresolved.
    pub format: PixelFormat,
    /// Every bit is defined, by AIDL or by the policy.
    pub usage: Usage,
    /// Bytes.
    pub reserved_bytes: u64,
    /// What the buffer's dataspace is at first.
    pub dataspace: Dataspace,
}

impl Request {
    /// Checks a descriptor against the contract and against what the policy accepts.
    ///
    /// # Errors
    /// `Malformed` for a descriptor that contradicts itself; `Unsupported` for a format, usage or option that this
    /// device does not take. VTS wants a code other than 0 for refused usages and options.
    pub fn validate(descriptor: &Descriptor, policy: &Policy) -> Result<Request, Refusal> {
        let Descriptor { width, height, layer_count, format, reserved_size, .. } = *descriptor;
        let (Some(w), Some(h)) = (positive(width), positive(height)) else {
            return Err(Malformed::Size { width, height }.into());
        };
        let layers = positive(layer_count).ok_or(Malformed::LayerCount(layer_count))?;
        let reserved_bytes = u64::try_from(reserved_size).map_err(|_| Malformed::ReservedSize(reserved_size))?;
        let reason = "not a PixelFormat value of the AIDL, nor a [[format]] of the policy";
        let own = || policy.vendor_format(format).map(|own| PixelFormat::Vendor(own.value));
        let format =
            PixelFormat::from_wire(format).or_else(own).ok_or(Unsupported::Format { value: format, reason })?;
        if format.since() > policy.graphics_common.unwrap_or(GRAPHICS_COMMON) {
            let reason = "of a later android.hardware.graphics.common: a build for that, or the policy's graphics_common, takes it";
            return Err(Unsupported::Format { value: format.to_wire(), reason }.into());
        }
        if format == PixelFormat::Blob && h != 1 {
            return Err(Malformed::BlobHeight(h).into());
        }
        let usage = Usage(u64::from_ne_bytes(descriptor.usage.to_ne_bytes()));
        let undefined = usage.undefined(policy.vendor_bits());
        if !undefined.is_empty() {
            return Err(Unsupported::UsageBits(undefined).into());
        }
        let mut dataspace = Dataspace::default();
        for (at, option) in descriptor.options.iter().enumerate() {
            accept_option(option, policy)?;
            // The contract does not say which of two counts; an answer would be a guess.
            if descriptor.options.iter().take(at).any(|before| before.name == option.name) {
                return Err(Malformed::OptionTwice(option.name.clone()).into());
            }
            if option.name == DATASPACE_OPTION {
                dataspace = Dataspace::from_wire(option.value).ok_or(Unsupported::Dataspace(option.value))?;
            }
        }
        Ok(Request { width: w, height: h, layers, format, usage, reserved_bytes, dataspace })
    }
}

impl From<&Request> for Subject {
    fn from(request: &Request) -> Subject {
        Subject::new(request.usage, request.format)
    }
}

fn positive(value: i32) -> Option<u32> {
    u32::try_from(value).ok().filter(|value| *value > 0)
}

/// Checks one of `additionalOptions`; what comes back in an error is escaped. A dataspace needs no policy (AOSP's
/// AHardwareBufferTest asks for one); a policy that lists the name may narrow its values.
fn accept_option(option: &DescriptorOption, policy: &Policy) -> Result<(), Unsupported> {
    let Some(accepted) = policy.options.iter().find(|accepted| accepted.name == option.name) else {
        if option.name == DATASPACE_OPTION {
            return Ok(());
        }
        let name = option.name.chars().take(128).flat_map(char::escape_default).collect();
        return Err(Unsupported::Option { name });
    };
    if accepted.values.is_empty() || accepted.values.contains(&option.value) {
        return Ok(());
    }
    Err(Unsupported::OptionValue { name: accepted.name.clone(), value: option.value, allowed: accepted.values.clone() })
}
