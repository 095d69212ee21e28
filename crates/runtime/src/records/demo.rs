//! The built-in demo's state files: `{"id","name","image","pid","started"}`, one per sandbox.

use fathom_model::{Claim, Container, Engine};
use serde::Deserialize;

use super::json::{Garbled, Text, parse, said};

/// A state file of the demo.
///
/// # Errors
/// When it is no object with an id, or a member is something else.
pub fn demo_state(bytes: &[u8]) -> Result<Container, Garbled> {
    #[derive(Deserialize)]
    struct Sandbox<'a> {
        #[serde(borrow)]
        id: Text<'a>,
        #[serde(borrow)]
        name: Option<Text<'a>>,
        #[serde(borrow)]
        image: Option<Text<'a>>,
        pid: Option<u32>,
        started: Option<u64>,
    }
    let sandbox: Sandbox<'_> = parse(bytes)?;
    Ok(Container {
        name: said(sandbox.name),
        image: said(sandbox.image),
        pid: sandbox.pid.filter(|pid| *pid > 0),
        claim: Some(Claim { start: None, written: sandbox.started }),
        started: sandbox.started,
        ..Container::new(sandbox.id, Engine::Demo)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sandbox() {
        let text = r#"{"id":"demo-web","name":"web","image":"demo/web","pid":7,"started":5}"#;
        let web = demo_state(text.as_bytes()).unwrap();
        assert_eq!(
            (web.id.as_str(), web.name.as_deref(), web.pid, web.started),
            ("demo-web", Some("web"), Some(7), Some(5))
        );
        assert!(demo_state(b"{}").is_err());
    }
}
