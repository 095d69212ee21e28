//! One container from close by: the OCI runtime specification that it was made with (`config.json`), docker's own files,
//! and the answer of Docker's API to `GET /containers/ID/json`, which podman's service gives too.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use fathom_model::Detail;
use fathom_model::detail::{Mount, Runs};
use serde::Deserialize;

use super::json::{Garbled, parse};
use super::seconds;

/// What a specification says (`config.json` of the OCI runtime specification 1.0).
///
/// # Errors
/// When it is no object, or one of its members is something else.
pub fn spec_detail(bytes: &[u8]) -> Result<Detail, Garbled> {
    #[derive(Deserialize, Default)]
    #[serde(rename_all = "camelCase", default)]
    struct Spec {
        process: Option<Process>,
        mounts: Option<Vec<Mounted>>,
        annotations: Option<BTreeMap<String, String>>,
        linux: Option<Linux>,
    }
    #[derive(Deserialize, Default)]
    #[serde(rename_all = "camelCase", default)]
    struct Process {
        env: Option<Vec<String>>,
        capabilities: Option<Capabilities>,
    }
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Capabilities {
        bounding: Option<Vec<String>>,
    }
    #[derive(Deserialize, Default)]
    #[serde(rename_all = "camelCase", default)]
    struct Linux {
        masked_paths: Option<Vec<String>>,
        seccomp: Option<serde::de::IgnoredAny>,
        resources: Option<Resources>,
    }
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Resources {
        memory: Option<Memory>,
    }
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Memory {
        limit: Option<i64>,
    }
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Mounted {
        destination: String,
        source: Option<String>,
        options: Option<Vec<String>>,
    }
    let spec: Spec = parse(bytes)?;
    let process = spec.process.unwrap_or_default();
    let linux = spec.linux.unwrap_or_default();
    let annotations = spec.annotations.unwrap_or_default();
    let annotation = |keys: &[&str]| keys.iter().find_map(|key| annotations.get(*key)).filter(|text| !text.is_empty());
    let mount = |mounted: Mounted| {
        let options = mounted.options.unwrap_or_default();
        let has = |word: &str| options.iter().any(|option| option == word);
        // Everything else is no part of the machine.
        let source = mounted.source.filter(|source| source.starts_with('/') && (has("bind") || has("rbind")))?;
        let propagation = options.iter().find(|word| PROPAGATIONS.contains(&word.as_str())).cloned();
        Some(Mount {
            source,
            target: mounted.destination,
            mode: String::new(),
            writable: !has("ro"),
            propagation: propagation.unwrap_or_default(),
        })
    };
    // No engine writes down that it was asked for; this is what every one of them makes of it.
    let may = |name: &str| {
        let bounding = process.capabilities.as_ref().and_then(|capabilities| capabilities.bounding.as_ref());
        bounding.is_some_and(|all| all.iter().any(|capability| capability == name))
    };
    let limit = linux.resources.and_then(|resources| resources.memory?.limit);
    let memory = limit.and_then(|limit| u64::try_from(limit).ok()).filter(|limit| *limit > 0);
    let hides = linux.seccomp.is_some() || linux.masked_paths.is_some_and(|paths| !paths.is_empty());
    Ok(Detail {
        privileged: Some(may("CAP_SYS_ADMIN") && may("CAP_SYS_MODULE") && !hides),
        sandbox: annotation(&["io.kubernetes.cri.sandbox-id", "io.kubernetes.cri-o.SandboxID"]).cloned(),
        address: annotation(&["io.kubernetes.cri-o.IP.0"]).and_then(|address| address.parse().ok()),
        env: process.env.unwrap_or_default(),
        mounts: spec.mounts.unwrap_or_default().into_iter().filter_map(mount).collect(),
        runs: Runs { memory, ..Runs::default() },
        ..Detail::default()
    })
}

/// Words for it among the options of a mount (mount(8)).
const PROPAGATIONS: &[&str] =
    &["private", "rprivate", "shared", "rshared", "slave", "rslave", "unbindable", "runbindable"];

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Settings {
    env: Option<Vec<String>>,
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct HostSettings {
    privileged: Option<bool>,
    memory: Option<i64>,
    restart_policy: Option<Policy>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Policy {
    name: Option<String>,
}

/// How a container is, in docker's files and in the answer of its API alike.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct State {
    running: Option<bool>,
    exit_code: Option<i64>,
    #[serde(rename = "OOMKilled")]
    oom_killed: Option<bool>,
    error: Option<String>,
    finished_at: Option<String>,
}

/// What both of docker's ways of telling say of the runs.
fn runs(state: Option<State>, host: &mut HostSettings) -> Runs {
    let state = state.unwrap_or_default();
    // The zero moment: no run has ended yet, and its status says nothing.
    let ended = state.finished_at.as_deref().and_then(seconds).filter(|at| *at > 0);
    Runs {
        status: state.exit_code.filter(|_| ended.is_some()),
        reason: state.oom_killed.filter(|killed| *killed).map(|_| "OOMKilled".to_owned()),
        message: state.error.filter(|text| !text.is_empty()),
        ended,
        policy: host.restart_policy.take().and_then(|policy| policy.name).filter(|name| !name.is_empty()),
        memory: host.memory.and_then(|limit| u64::try_from(limit).ok()).filter(|limit| *limit > 0),
        ..Runs::default()
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Networks {
    #[serde(rename = "IPAddress")]
    address: Option<String>,
    networks: Option<BTreeMap<String, Option<Network>>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Network {
    #[serde(rename = "IPAddress")]
    address: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Point {
    source: Option<String>,
    destination: Option<String>,
    mode: Option<String>,
    #[serde(rename = "RW")]
    writable: Option<bool>,
    propagation: Option<String>,
}

impl Networks {
    fn first(self) -> Option<Ipv4Addr> {
        let others = self.networks.unwrap_or_default().into_values().flatten().filter_map(|network| network.address);
        self.address.into_iter().chain(others).find_map(|address| address.parse().ok())
    }
}

impl From<Point> for Mount {
    fn from(point: Point) -> Self {
        Mount {
            source: point.source.unwrap_or_default(),
            target: point.destination.unwrap_or_default(),
            mode: point.mode.unwrap_or_default(),
            writable: point.writable.unwrap_or_default(),
            propagation: point.propagation.unwrap_or_default(),
        }
    }
}

/// What docker's `config.v2.json` and `hostconfig.json` say together.
///
/// # Errors
/// When one is no object, or one of its members is something else.
pub fn docker_detail(config: &[u8], host: Option<&[u8]>) -> Result<Detail, Garbled> {
    #[derive(Deserialize, Default)]
    #[serde(rename_all = "PascalCase", default)]
    struct Config {
        image: Option<String>,
        config: Option<Settings>,
        network_settings: Option<Networks>,
        mount_points: Option<BTreeMap<String, Point>>,
        state: Option<State>,
        restart_count: Option<u64>,
        has_been_manually_stopped: Option<bool>,
        log_path: Option<String>,
    }
    let config: Config = parse(config)?;
    let mut host: HostSettings = host.map(parse).transpose()?.unwrap_or_default();
    let runs = runs(config.state, &mut host);
    let settings = config.config.unwrap_or_default();
    Ok(Detail {
        image_id: config.image.as_deref().and_then(digits),
        privileged: host.privileged,
        address: config.network_settings.and_then(Networks::first),
        labels: settings.labels.unwrap_or_default(),
        env: settings.env.unwrap_or_default(),
        mounts: config.mount_points.unwrap_or_default().into_values().map(Mount::from).collect(),
        runs: Runs {
            restarts: config.restart_count,
            was_stopped: config.has_been_manually_stopped,
            log: config.log_path.filter(|path| !path.is_empty()),
            ..runs
        },
        ..Detail::default()
    })
}

/// What the API says of one container.
///
/// # Errors
/// When it is no object, or one of its members is something else.
pub fn inspected(bytes: &[u8]) -> Result<Detail, Garbled> {
    #[derive(Deserialize, Default)]
    #[serde(rename_all = "PascalCase", default)]
    struct Inspected {
        image: Option<String>,
        config: Option<Settings>,
        host_config: Option<HostSettings>,
        network_settings: Option<Networks>,
        mounts: Option<Vec<Point>>,
        state: Option<State>,
        restart_count: Option<u64>,
        log_path: Option<String>,
    }
    let said: Inspected = parse(bytes)?;
    let mut host = said.host_config.unwrap_or_default();
    let runs = runs(said.state, &mut host);
    let settings = said.config.unwrap_or_default();
    Ok(Detail {
        image_id: said.image.as_deref().and_then(digits),
        privileged: host.privileged,
        address: said.network_settings.and_then(Networks::first),
        labels: settings.labels.unwrap_or_default(),
        env: settings.env.unwrap_or_default(),
        mounts: said.mounts.unwrap_or_default().into_iter().map(Mount::from).collect(),
        runs: Runs { restarts: said.restart_count, log: said.log_path.filter(|path| !path.is_empty()), ..runs },
        ..Detail::default()
    })
}

/// The digest of an image in its registry, of docker's `repositories.json`: names with an id each, some with a digest.
pub fn docker_digest(bytes: &[u8], image_id: &str) -> Option<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Repositories {
        repositories: BTreeMap<String, BTreeMap<String, String>>,
    }
    let known: Repositories = parse(bytes).ok()?;
    let names = known.repositories.values().flatten();
    let mut own = names.filter(|(_, id)| digits(id).as_deref() == Some(image_id));
    own.find_map(|(name, _)| name.split_once('@').map(|(_, digest)| digest.to_owned()))
}

/// The id of an image without its algorithm.
pub(crate) fn digits(id: &str) -> Option<String> {
    let digits = id.rsplit(':').next().unwrap_or(id);
    (digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| digits.to_owned())
}

/// The folders of its cgroups, of runc's `state.json`.
pub fn runc_cgroups(bytes: &[u8]) -> BTreeMap<String, String> {
    #[derive(Deserialize)]
    struct State {
        cgroup_paths: BTreeMap<String, String>,
    }
    parse::<State>(bytes).map(|state| state.cgroup_paths).unwrap_or_default()
}

/// The folder of its bundle, of runc's `state.json`.
pub fn runc_bundle(bytes: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct State {
        config: Config,
    }
    #[derive(Deserialize)]
    struct Config {
        labels: Option<Vec<String>>,
    }
    let state: State = parse(bytes).ok()?;
    state.config.labels?.iter().find_map(|label| label.strip_prefix("bundle=").map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_specification_says_what_is_mounted_and_allowed() {
        let text = r#"{"process":{"env":["A=1"],"capabilities":{"bounding":["CAP_SYS_ADMIN","CAP_SYS_MODULE"]}},
            "mounts":[{"destination":"/proc","type":"proc","source":"proc"},
                {"destination":"/data","source":"/srv/data","options":["rbind","rprivate","ro"]}],
            "annotations":{"io.kubernetes.cri.sandbox-id":"abc"},"linux":{}}"#;
        let detail = spec_detail(text.as_bytes()).unwrap();
        assert_eq!((detail.privileged, detail.sandbox.as_deref()), (Some(true), Some("abc")));
        let [mount] = detail.mounts.as_slice() else { panic!("one mount is of the machine: {detail:?}") };
        assert_eq!((mount.source.as_str(), mount.target.as_str(), mount.writable), ("/srv/data", "/data", false));
        assert_eq!(mount.propagation, "rprivate");
        let plain = r#"{"process":{"capabilities":{"bounding":["CAP_SYS_ADMIN","CAP_SYS_MODULE"]}},"linux":{"maskedPaths":["/proc/kcore"]}}"#;
        assert_eq!(spec_detail(plain.as_bytes()).unwrap().privileged, Some(false));
        assert!(spec_detail(b"5").is_err());
    }

    #[test]
    fn dockers_files_and_its_api_say_the_same() {
        let id = "d7".repeat(32);
        let config = format!(
            r#"{{"Image":"sha256:{id}","Config":{{"Env":["A=1"],"Labels":{{"tier":"front"}}}},"NetworkSettings":{{"Networks":{{"bridge":{{"IPAddress":"172.17.0.2"}}}}}},"MountPoints":{{"/data":{{"Source":"/srv","Destination":"/data","RW":true,"Propagation":"rprivate"}}}}}}"#
        );
        let files = docker_detail(config.as_bytes(), Some(br#"{"Privileged":true}"#)).unwrap();
        let answer = format!(
            r#"{{"Image":"sha256:{id}","HostConfig":{{"Privileged":true}},"Config":{{"Env":["A=1"],"Labels":{{"tier":"front"}}}},"NetworkSettings":{{"IPAddress":"172.17.0.2"}},"Mounts":[{{"Source":"/srv","Destination":"/data","Mode":"","RW":true,"Propagation":"rprivate"}}]}}"#
        );
        assert_eq!(inspected(answer.as_bytes()).unwrap(), files);
        assert_eq!((files.image_id.as_deref(), files.address), (Some(id.as_str()), "172.17.0.2".parse().ok()));
        let repositories = format!(
            r#"{{"Repositories":{{"web":{{"web:1":"sha256:{id}","web@sha256:{0}":"sha256:{id}"}}}}}}"#,
            "ab".repeat(32)
        );
        assert_eq!(docker_digest(repositories.as_bytes(), &id), Some(format!("sha256:{}", "ab".repeat(32))));
    }

    #[test]
    fn docker_says_how_a_run_ended() {
        let config = br#"{"State":{"Running":false,"ExitCode":137,"OOMKilled":true,"FinishedAt":"2026-11-20T23:59:41.2Z"},"RestartCount":3,"LogPath":"/var/lib/docker/containers/1/1-json.log"}"#;
        let host = br#"{"Memory":67108864,"RestartPolicy":{"Name":"always"}}"#;
        let runs = docker_detail(config, Some(host)).unwrap().runs;
        assert_eq!((runs.status, runs.reason.as_deref(), runs.restarts), (Some(137), Some("OOMKilled"), Some(3)));
        assert_eq!(
            (runs.memory, runs.policy.as_deref(), runs.ended),
            (Some(64 << 20), Some("always"), Some(1_795_219_181))
        );
        let fresh = br#"{"State":{"Running":true,"ExitCode":0,"FinishedAt":"0001-01-01T00:00:00Z"}}"#;
        assert_eq!(docker_detail(fresh, None).unwrap().runs, Runs::default());
    }

    #[test]
    fn a_state_of_runc_names_its_bundle() {
        assert_eq!(runc_bundle(br#"{"config":{"labels":["a=b","bundle=/srv/web"]}}"#).as_deref(), Some("/srv/web"));
        assert_eq!(runc_bundle(b"{}"), None);
        let paths = runc_cgroups(br#"{"cgroup_paths":{"":"/sys/fs/cgroup/web","memory":"/sys/fs/cgroup/memory/web"}}"#);
        assert_eq!(paths.get("memory").map(String::as_str), Some("/sys/fs/cgroup/memory/web"));
    }
}
