//! `fathom install`: what a cluster needs, as YAML for `kubectl apply -f -`. Nothing is installed here.

use fathom_enter::failure::refused;
use fathom_server::manifest::{Installation, Parts};
use fathom_server::policy::Policy;

use super::words::Install;
use crate::printer;

/// A policy without rules, for whoever opens it to see what there is.
const NO_RULES: &str =
    "# Without rules. `fathom reference policy` prints what may stand here, for instance:\n# ttl: 8h\n";

pub(crate) fn run(words: &Install) -> anyhow::Result<i32> {
    let policy = match &words.policy {
        Some(path) => {
            std::fs::read_to_string(path).map_err(|error| refused(format!("read {}", path.display()), error))?
        }
        None => NO_RULES.to_owned(),
    };
    // Better here than when nobody can enter.
    Policy::read(Some(&policy))?;
    let installation = Installation {
        namespace: words.namespace.clone(),
        image: words.image.clone(),
        pull_secrets: words.image_pull_secret.clone(),
        policy,
        parts: match (words.agent, words.server) {
            (true, _) => Parts::Agent,
            (false, true) => Parts::Server,
            (false, false) => Parts::All,
        },
    };
    printer::data(&installation.render());
    Ok(0)
}
