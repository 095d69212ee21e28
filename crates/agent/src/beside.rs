//! A session in the ephemeral container that its relay runs in, beside the container that is meant: with the rights,
//! the root and the limits that Kubernetes has given it, and with nothing made for it.
//!
//! [`door`] is what keeps such a container alive, and ends it.

use std::path::Path;

use fathom_enter::options::{Options, Toolkit};
use fathom_enter::{Plan, beside, plan, session};
use fathom_model::{Class, Failure};
use fathom_protocol::Entry;

use crate::Node;

pub mod door;

/// Plans a session beside the container `id`, which its user knows as `title`.
pub(crate) fn prepare(
    node: &Node,
    (title, id): (&str, &str),
    entry: &Entry,
    options: impl FnOnce(Toolkit) -> Result<Options, Failure>,
) -> Result<Plan, Failure> {
    if entry.toolkit.as_deref().is_some_and(|toolkit| toolkit != "mini") {
        return Err(Failure::new(
            Class::Unsupported,
            "an ephemeral container has the tools of its image, and no others",
        )
        .hinting("leave --toolkit out"));
    }
    let applets = fathom_mini::APPLETS.iter().map(|applet| applet.name.to_owned()).collect();
    let options = options(Toolkit::Mini { applets })?;
    let around = beside::look(&node.host, title, id, node.temporary.display().to_string())?;
    if let Some(pid) = around.target {
        show_root(&node.temporary, pid);
    }
    plan::here(&around, &options, &session::fresh_id()?, &node.registry)
}

/// Lets `/target`, a link of our image, lead to the target's root. Whoever may not look there finds a link that leads
/// nowhere.
fn show_root(folder: &Path, pid: u32) {
    let (link, fresh, root) = (folder.join("target"), folder.join("target.new"), format!("/proc/{pid}/root"));
    if std::fs::read_link(&link).is_ok_and(|to| to.as_os_str() == root.as_str()) {
        return;
    }
    // Whoever comes at the same time makes the same.
    let _ = std::os::unix::fs::symlink(root, &fresh).and_then(|()| std::fs::rename(&fresh, &link));
}
