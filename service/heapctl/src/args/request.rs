//! Arguments that several commands share: a policy, a request, a way to the service.

use gralloc_buffer::dataspace::{Dataspace, DATASPACE_OPTION};
#[cfg(feature = "client")]
use gralloc_client::Transport;
use std::path::PathBuf;
use std::str::FromStr;

/// Which policy.
#[derive(clap::Args)]
pub(crate) struct PolicyArgs {
    /// The policy: compiled JSON, TOML, or a shipped profile's name
    /// [default: the device's, /vendor/etc/gralloc/heaps.json; without it the profile generic]
    #[cfg(feature = "host")]
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,

    /// The compiled policy [default: /vendor/etc/gralloc/heaps.json]
    #[cfg(not(feature = "host"))]
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
}

/// What a client would ask for, in AIDL's names. Impossible values are let through: the answer to them is of interest.
#[derive(Clone, clap::Args)]
pub(crate) struct RequestArgs {
    /// A PixelFormat: its AIDL name, that of another header (HAL_PIXEL_FORMAT_…, AHARDWAREBUFFER_FORMAT_…, a fourcc of drm), or
    /// any number
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<String>,

    /// BufferUsage: AIDL and vendor names, joined by `|` or `,`; those of other headers (GRALLOC_USAGE_…,
    /// AHARDWAREBUFFER_USAGE_…) and numbers such as 0x200000000 too
    #[arg(long, value_name = "USAGE")]
    pub(crate) usage: Option<String>,

    /// Width and height in pixels; of a BLOB, its bytes and 1
    #[arg(long, value_name = "WIDTHxHEIGHT", allow_hyphen_values = true)]
    pub(crate) size: Option<Size>,

    /// Layers of an array [default: 1]
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub(crate) layers: Option<i32>,

    /// Bytes that clients share beside the pixels [default: 0]
    #[arg(long, value_name = "BYTES", allow_hyphen_values = true)]
    pub(crate) reserved: Option<i64>,

    /// One of additionalOptions, its value decimal or 0x…; android.hardware.graphics.common.Dataspace takes the AIDL's names too;
    /// may be given several times
    #[arg(long = "option", value_name = "NAME=VALUE")]
    pub(crate) options: Vec<NameValue>,

    /// How many buffers in one request [default: 1]
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub(crate) count: Option<i32>,

    /// The buffers' name [default: heapctl]
    #[arg(long, value_name = "TEXT")]
    pub(crate) name: Option<String>,
}

impl RequestArgs {
    /// How many buffers in one request.
    pub(crate) fn count(&self) -> i32 {
        self.count.unwrap_or(1)
    }
}

/// The help's heading for what is not about the request.
#[cfg(feature = "client")]
const WAY: &str = "Way to the service";

/// How to reach the service.
#[cfg(feature = "client")]
#[derive(clap::Args)]
pub(crate) struct TransportArgs {
    /// `binder`, or `unix:PATH` for the service's socket [default: $GRALLOC_ALLOCATOR, else binder if there is one]
    #[arg(long, value_name = "TRANSPORT", help_heading = WAY)]
    service: Option<Transport>,

    /// The service's socket; short for --service unix:PATH
    #[arg(long, value_name = "PATH", conflicts_with = "service", help_heading = WAY)]
    socket: Option<PathBuf>,
}

#[cfg(feature = "client")]
impl TransportArgs {
    /// The transport that is asked for, if any is.
    pub(crate) fn transport(&self) -> Option<Transport> {
        self.socket.clone().map(Transport::Socket).or_else(|| self.service.clone())
    }
}

/// `1920x1080`; any 32-bit numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) width: i32,
    pub(crate) height: i32,
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Size, String> {
        let parsed = text.split_once('x').and_then(|(width, height)| {
            Some(Size { width: width.trim().parse().ok()?, height: height.trim().parse().ok()? })
        });
        parsed.ok_or_else(|| "a size is two 32-bit numbers, such as 1920x1080".to_owned())
    }
}

/// `name=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NameValue {
    pub(crate) name: String,
    pub(crate) value: i64,
}

impl FromStr for NameValue {
    type Err = String;

    fn from_str(text: &str) -> Result<NameValue, String> {
        let wrong = "an option is a name and a number, such as com.example.x=1 or com.example.x=0x1";
        let (name, value) = text.rsplit_once('=').ok_or(wrong)?;
        let text = value.trim();
        let number = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            Some(digits) => u64::from_str_radix(digits, 16).ok().and_then(|value| i64::try_from(value).ok()),
            None => text.parse().ok(),
        };
        let value = match number {
            Some(value) => value,
            None if name == DATASPACE_OPTION => {
                let value = Dataspace::from_name(text).ok_or_else(|| {
                    let names = Dataspace::names().collect::<Vec<_>>().join(", ");
                    format!("{name} is a number, one of {names}, or STANDARD_…|TRANSFER_…|RANGE_…")
                })?;
                i64::from(value.to_wire())
            }
            None => return Err(wrong.to_owned()),
        };
        Ok(NameValue { name: name.to_owned(), value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_may_be_impossible_but_are_two_numbers() {
        assert_eq!("-1x0".parse(), Ok(Size { width: -1, height: 0 }));
        for text in ["1920", "1920*1080", "x", "1x", "1x2x3", "4294967296x1", "1.5x2"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_option_s_name_may_hold_an_equals_sign() {
        assert_eq!("a=b=-3".parse(), Ok(NameValue { name: "a=b".to_owned(), value: -3 }));
        assert!("a".parse::<NameValue>().is_err() && "a=b".parse::<NameValue>().is_err());
        assert_eq!("a=0x10".parse(), Ok(NameValue { name: "a".to_owned(), value: 16 }));
        for text in ["a=0x", "a=0x-1", "a=SRGB", "a=0x8000000000000000"] {
            assert!(text.parse::<NameValue>().is_err(), "{text}");
        }
    }
}
