//! `fathom image`: what an agent's pod is made of, as a file.

use fathom_agent::tools::failure;
use fathom_toolkit::build_own;

use super::words::{Image, ImageAction};
use super::{archive, node};

pub(crate) fn run(words: &Image) -> anyhow::Result<i32> {
    let ImageAction::Export { file, name } = &words.action;
    let applets: Vec<&str> = fathom_mini::APPLETS.iter().map(|applet| applet.name).collect();
    let program = std::path::Path::new("/proc/self/exe");
    archive::to(file.as_deref(), |out| build_own(&node::store(), name, program, &applets, out).map_err(failure))?;
    Ok(0)
}
