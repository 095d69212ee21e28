//! State files of the OCI runtimes: runc's `state.json` (libcontainer's `State`) and crun's `status`.

use fathom_model::{Claim, Container, Engine};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::json::{Garbled, Next, Text, members, parse};
use super::seconds;

/// The pid, the start of its process and the time of creation in runc's `state.json`.
///
/// Both stand before the configuration, which is by far the longest member, so the first 4 KiB of the file will do.
///
/// # Errors
/// When it is no object, or its head holds something else.
pub fn runc_state(id: &str, bytes: &[u8]) -> Result<Container, Garbled> {
    let mut container = Container::new(id, Engine::Runc);
    let mut start = None;
    let mut wrong = None;
    members(bytes, |key, value| {
        match key {
            "init_process_pid" => {
                number(value).map(|pid| container.pid = pid).unwrap_or_else(|error| wrong = Some(error))
            }
            "init_process_start" => start = serde_json::from_str(value.get()).ok(),
            "created" => container.started = time(value),
            _ => {}
        }
        let known = container.pid.is_some() && container.started.is_some();
        if known || wrong.is_some() { Next::Nothing } else { Next::Member }
    })?;
    container.claim = container.pid.map(|_| Claim { start, written: None });
    wrong.map_or(Ok(container), Err)
}

fn number(value: &RawValue) -> Result<Option<u32>, Garbled> {
    let pid: i64 = parse(value.get().as_bytes())?;
    Ok(u32::try_from(pid).ok().filter(|pid| *pid > 0))
}

fn time(value: &RawValue) -> Option<u64> {
    seconds(serde_json::from_str::<Text<'_>>(value.get()).ok()?.as_ref())
}

/// The pid, the start of its process and the time of creation in crun's `status`.
///
/// # Errors
/// When it is no object, or holds something else.
pub fn crun_status(id: &str, bytes: &[u8]) -> Result<Container, Garbled> {
    #[derive(Deserialize)]
    #[serde(rename_all = "kebab-case")]
    struct Status<'a> {
        pid: Option<i64>,
        process_start_time: Option<u64>,
        #[serde(borrow)]
        created: Option<Text<'a>>,
    }
    let status: Status<'_> = parse(bytes)?;
    Ok(Container {
        pid: status.pid.and_then(|pid| u32::try_from(pid).ok()).filter(|pid| *pid > 0),
        claim: Some(Claim { start: status.process_start_time, written: None }),
        started: status.created.and_then(|created| seconds(&created)),
        ..Container::new(id, Engine::Crun)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATE: &str = r#"{"id":"web","init_process_pid":5821,"init_process_start":84137,"created":"2026-11-20T23:50:51.336002674Z","config":{"rootfs":"/b/rootfs","labels":["bundle=/b"]},"cgroup_paths":{}}"#;

    #[test]
    fn the_head_of_a_state_is_enough() {
        let whole = runc_state("web", STATE.as_bytes()).unwrap();
        assert_eq!((whole.pid, whole.started), (Some(5821), Some(1_795_218_651)));
        assert_eq!(whole.claim, Some(Claim { start: Some(84137), written: None }));
        let head = &STATE.as_bytes()[..STATE.find("config").unwrap()];
        assert_eq!(runc_state("web", head).unwrap(), whole);
    }

    #[test]
    fn a_state_may_lack_anything_but_not_be_anything() {
        assert_eq!(runc_state("web", b"{}").unwrap(), Container::new("web", Engine::Runc));
        assert_eq!(runc_state("web", br#"{"init_process_pid":-1}"#).unwrap().pid, None);
        for text in ["", "[]", "{", r#"{"init_process_pid":"x","created":1}"#] {
            assert!(runc_state("web", text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn crun_says_the_same_in_other_words() {
        let status = r#"{"pid":77,"process-start-time":9,"cgroup-path":"/x","rootfs":"/r","systemd-cgroup":false,"bundle":"/b","created":"2026-11-20T23:50:51.336002Z","detached":true}"#;
        let container = crun_status("web", status.as_bytes()).unwrap();
        assert_eq!((container.pid, container.started, container.engine), (Some(77), Some(1_795_218_651), Engine::Crun));
        assert_eq!(container.claim, Some(Claim { start: Some(9), written: None }));
        assert!(crun_status("web", b"{\"pid\":").is_err());
    }
}
