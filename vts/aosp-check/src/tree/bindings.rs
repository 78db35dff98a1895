//! What `rust_bindgen` makes of a module, made here: with the same flags, over headers of this machine and of the project
//! where a tree has its own.

use crate::bp::Module;
use crate::platform;
use anyhow::{bail, Context as _, Result};
use bindgen::Builder;
use std::path::Path;

/// The crate's text.
///
/// # Errors
/// A flag that is not known here, a header that does not compile.
pub(super) fn of(root: &Path, module: &Module) -> Result<String> {
    let name = &module.name;
    let wrapper = module.string("wrapper_src").with_context(|| format!("{name} has no wrapper_src"))?;
    let wrapper = root.join(module.folder()).join(wrapper);
    if let Err(why) = clang_sys::load() {
        bail!("libclang is missing (Debian package libclang-dev, or set LIBCLANG_PATH): {why}");
    }
    let mut builder = Builder::default().header(wrapper.to_string_lossy());
    for library in module.strings("header_libs") {
        if let Some((_, folder)) = platform::HEADER_STUBS.iter().find(|(stub, _)| *stub == library) {
            builder = builder.clang_arg(format!("-I{}", root.join(folder).display()));
        }
    }
    // Debian keeps asm/ under the architecture's name.
    builder = builder.clang_arg(format!("-I/usr/include/{}-linux-gnu", std::env::consts::ARCH));
    for flag in module.strings("bindgen_flags") {
        builder = match flag.split_once('=') {
            None if flag == "--no-layout-tests" => builder.layout_tests(false),
            Some((flag, value)) => with_value(name, builder, flag, value)?,
            // bpfmt sorts a list, and a flag would be torn from a value that stands for itself.
            None => bail!("{name}: bindgen_flags has {flag}: a flag and its value are one string, --flag=value"),
        };
    }
    let bindings = builder.generate().with_context(|| format!("{name}: {}", wrapper.display()))?;
    Ok(bindings.to_string())
}

fn with_value(name: &str, builder: Builder, flag: &str, value: &str) -> Result<Builder> {
    Ok(match flag {
        "--allowlist-type" => builder.allowlist_type(value),
        "--allowlist-var" => builder.allowlist_var(value),
        "--blocklist-type" => builder.blocklist_type(value),
        "--raw-line" => builder.raw_line(value),
        _ => bail!(
            "{name}: bindgen_flags has {flag}, which is not checked here; what is: --allowlist-type, --allowlist-var, \
             --blocklist-type, --no-layout-tests, --raw-line"
        ),
    })
}
