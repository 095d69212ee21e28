//! Docker's records: `config.v2.json` on disk, and the answers of its API (version 1.24 and later) and podman's copy.

use std::collections::BTreeMap;

use fathom_model::{Claim, Container, Engine, State};
use serde::Deserialize;

use super::json::{Garbled, Text, elements, parse, said};
use super::{Records, of_labels, seconds};

/// A `config.v2.json`. Without an `ID` the record has none; the folder's name is it.
///
/// # Errors
/// When it is no object, or one of its members is something else.
pub fn docker_config(bytes: &[u8]) -> Result<Container, Garbled> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Config<'a> {
        #[serde(rename = "ID", borrow, default)]
        id: Text<'a>,
        #[serde(borrow)]
        name: Option<Text<'a>>,
        #[serde(borrow)]
        created: Option<Text<'a>>,
        #[serde(borrow)]
        state: Option<Running<'a>>,
        #[serde(borrow)]
        config: Option<Settings<'a>>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Running<'a> {
        running: Option<bool>,
        paused: Option<bool>,
        pid: Option<i64>,
        #[serde(borrow)]
        started_at: Option<Text<'a>>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Settings<'a> {
        #[serde(borrow)]
        image: Option<Text<'a>>,
        labels: Option<BTreeMap<String, String>>,
    }
    let config: Config<'_> = parse(bytes)?;
    let mut container = Container::new(config.id, Engine::Docker);
    container.name = said(config.name).map(|name| name.trim_start_matches('/').to_owned());
    let created = config.created.and_then(|time| seconds(&time));
    let started = config.state.as_ref().and_then(|state| seconds(state.started_at.as_deref()?));
    container.started = started.or(created);
    container.claim = Some(Claim { start: None, written: started });
    container.state = match &config.state {
        Some(Running { paused: Some(true), .. }) => State::Paused,
        Some(Running { running: Some(true), .. }) => State::Running,
        Some(Running { started_at: Some(time), .. }) if seconds(time).is_none() => State::Created,
        _ => State::Exited,
    };
    container.pid = config.state.and_then(|state| positive(state.pid));
    if let Some(settings) = config.config {
        container.image = said(settings.image);
        set_labels(&mut container, settings.labels.unwrap_or_default());
    }
    Ok(container)
}

/// The answer of `GET /containers/json`.
pub fn docker_list(engine: Engine, bytes: &[u8]) -> Records {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Listed<'a> {
        #[serde(borrow)]
        id: Text<'a>,
        #[serde(borrow)]
        names: Option<Vec<Text<'a>>>,
        #[serde(borrow)]
        image: Option<Text<'a>>,
        #[serde(borrow)]
        state: Option<Text<'a>>,
        created: Option<u64>,
        labels: Option<BTreeMap<String, String>>,
    }
    let mut records = Records::default();
    let broken = elements(bytes, |element| match parse::<Listed<'_>>(element.get().as_bytes()) {
        Ok(listed) => {
            let mut container = Container::new(listed.id, engine);
            // A name with a second slash is a link of another container's.
            let names = listed.names.unwrap_or_default();
            let own = names.iter().map(|name| name.trim_start_matches('/')).find(|name| !name.contains('/'));
            container.name = own.map(str::to_owned);
            container.image = said(listed.image);
            container.started = listed.created;
            container.state = match listed.state.as_deref() {
                Some("running" | "removing") | None => State::Running,
                Some("paused") => State::Paused,
                Some("created" | "configured" | "initialized") => State::Created,
                Some(_) => State::Exited,
            };
            set_labels(&mut container, listed.labels.unwrap_or_default());
            records.containers.push(container);
        }
        Err(garbled) => records.garbled.push(garbled),
    });
    records.garbled.extend(broken.err());
    records
}

/// The pid in the answer of `GET /containers/ID/json`.
///
/// # Errors
/// When it is no object, or its state is something else.
pub fn docker_pid(bytes: &[u8]) -> Result<Option<u32>, Garbled> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Inspected {
        state: Option<Pid>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Pid {
        pid: Option<i64>,
    }
    Ok(positive(parse::<Inspected>(bytes)?.state.and_then(|state| state.pid)))
}

fn set_labels(container: &mut Container, labels: BTreeMap<String, String>) {
    container.pod = of_labels(&labels);
    // cri-dockerd's own names are long; the pod's container has a better one.
    if let Some(pod) = &container.pod {
        container.name = pod.container.clone().or_else(|| Some(pod.name.clone()));
    }
    container.labels = labels;
}

fn positive(pid: Option<i64>) -> Option<u32> {
    pid.and_then(|pid| u32::try_from(pid).ok()).filter(|pid| *pid > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_on_disk() {
        let text = r#"{"State":{"Running":true,"Paused":false,"Pid":26734,"StartedAt":"2026-11-20T23:59:41.270420418Z"},"ID":"1427","Created":"2026-11-20T23:59:41.045030864Z","Config":{"Image":"fathom.test/idle:1","Labels":{"a":"b"}},"Image":"sha256:d71b","Name":"/web"}"#;
        let web = docker_config(text.as_bytes()).unwrap();
        assert_eq!((web.id.as_str(), web.name.as_deref(), web.pid), ("1427", Some("web"), Some(26734)));
        assert_eq!((web.image.as_deref(), web.state), (Some("fathom.test/idle:1"), State::Running));
        assert_eq!((web.started, web.labels.len()), (Some(1_795_219_181), 1));
        let stopped = r#"{"ID":"1","State":{"Running":false,"Pid":0,"StartedAt":"2026-11-20T23:59:41Z"}}"#;
        assert_eq!(docker_config(stopped.as_bytes()).unwrap().state, State::Exited);
        let fresh = r#"{"ID":"1","State":{"Running":false,"Pid":0,"StartedAt":"0001-01-01T00:00:00Z"}}"#;
        assert_eq!(docker_config(fresh.as_bytes()).unwrap().state, State::Created);
    }

    #[test]
    fn a_list_of_the_api() {
        let text = r#"[{"Id":"1427","Names":["/other/link","/web"],"Image":"idle:1","Created":1795219181,"Labels":{},"State":"running"},{"Id":7},{"Id":"88","Names":null,"Labels":null,"State":"exited"}]"#;
        let records = docker_list(Engine::Docker, text.as_bytes());
        assert_eq!((records.containers.len(), records.garbled.len()), (2, 1));
        assert_eq!(records.containers[0].name.as_deref(), Some("web"));
        assert_eq!(records.containers[1].state, State::Exited);
    }

    #[test]
    fn kubelets_labels_name_the_pod() {
        let text = r#"[{"Id":"1","Names":["/k8s_app_web-0_shop_u1_0"],"Labels":{"io.kubernetes.pod.namespace":"shop","io.kubernetes.pod.name":"web-0","io.kubernetes.container.name":"app","io.kubernetes.docker.type":"container"}},{"Id":"2","Labels":{"io.kubernetes.pod.namespace":"shop","io.kubernetes.pod.name":"web-0","io.kubernetes.container.name":"POD","io.kubernetes.docker.type":"podsandbox"}}]"#;
        let records = docker_list(Engine::Docker, text.as_bytes()).containers;
        assert_eq!(records[0].name.as_deref(), Some("app"));
        assert_eq!(records[1].pod.as_ref().unwrap().container, None);
    }

    #[test]
    fn an_inspected_pid() {
        assert_eq!(docker_pid(br#"{"State":{"Pid":5}}"#), Ok(Some(5)));
        assert_eq!(docker_pid(br#"{"State":{"Pid":0}}"#), Ok(None));
        assert_eq!(docker_pid(br#"{"message":"no such container"}"#), Ok(None));
        assert!(docker_pid(b"<html>").is_err());
    }
}
