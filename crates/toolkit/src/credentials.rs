//! Names and passwords for registries, from where `docker login` and `podman login` put them (docker's
//! `config.json`, containers-auth.json(5)). Read only; nothing is ever written or logged.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

/// What to show a registry.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Login {
    pub(crate) user: String,
    pub(crate) password: String,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Config {
    auths: BTreeMap<String, Auth>,
    cred_helpers: BTreeMap<String, String>,
    creds_store: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Auth {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
}

/// The files of this user, first ones first.
pub(crate) fn files() -> Vec<PathBuf> {
    let folder = |variable: &str| std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = folder("HOME");
    let below_home = |path: &str| home.as_ref().map(|home| home.join(path));
    let docker = folder("DOCKER_CONFIG").or_else(|| below_home(".docker"));
    let config = folder("XDG_CONFIG_HOME").or_else(|| below_home(".config"));
    let candidates = [
        folder("REGISTRY_AUTH_FILE"),
        docker.map(|folder| folder.join("config.json")),
        folder("XDG_RUNTIME_DIR").map(|folder| folder.join("containers/auth.json")),
        config.map(|folder| folder.join("containers/auth.json")),
    ];
    candidates.into_iter().flatten().collect()
}

/// The login for `repository` at any of the registry's `hosts` (it may go by two), from the first file that has one.
pub(crate) fn find(files: &[PathBuf], hosts: &[&str], repository: &str) -> Option<Login> {
    files.iter().find_map(|file| {
        let config = read(file)?;
        hosts.iter().find_map(|host| config.login(host, repository))
    })
}

fn read(file: &Path) -> Option<Config> {
    let bytes = std::fs::read(file).ok()?;
    let config = serde_json::from_slice(&bytes);
    // The error's text may quote the file, which holds passwords.
    config.inspect_err(|_| tracing::warn!(file = %file.display(), "is no list of logins and was left out")).ok()
}

impl Config {
    fn login(&self, host: &str, repository: &str) -> Option<Login> {
        let helper = self.cred_helpers.get(host).or(self.creds_store.as_ref());
        helper.and_then(|name| ask(name, host)).or_else(|| {
            let fitting = self.auths.iter().filter(|(key, _)| covers(bare(key), host, repository));
            // podman allows a login for a part of a registry; the closest wins.
            fitting.max_by_key(|(key, _)| bare(key).len()).and_then(|(_, auth)| auth.login())
        })
    }
}

/// A key without scheme, version and slash: docker writes an URL for its own registry.
fn bare(key: &str) -> &str {
    let key = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    let key = key.trim_end_matches('/');
    key.strip_suffix("/v1").or_else(|| key.strip_suffix("/v2")).unwrap_or(key)
}

fn covers(key: &str, host: &str, repository: &str) -> bool {
    let full = format!("{host}/{repository}");
    full.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl Auth {
    fn login(&self) -> Option<Login> {
        if let (Some(user), Some(password)) = (&self.username, &self.password) {
            return Some(Login { user: user.clone(), password: password.clone() });
        }
        let bytes = STANDARD.decode(self.auth.as_ref()?.trim()).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let (user, password) = text.split_once(':')?;
        // docker pads old entries with NULs.
        Some(Login { user: user.to_owned(), password: password.trim_end_matches('\0').to_owned() })
    }
}

/// Asks a credential helper (docker-credential-helpers protocol: the host on stdin, JSON on stdout).
fn ask(helper: &str, host: &str) -> Option<Login> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Answer {
        username: String,
        secret: String,
    }
    // A name with a slash would run any program.
    if helper.contains('/') {
        return None;
    }
    let mut child = Command::new(format!("docker-credential-{helper}"))
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .inspect_err(|error| tracing::warn!(helper, %error, "the credential helper cannot be started"))
        .ok()?;
    // A helper that does not read says so by its status.
    let _ = child.stdin.take().map(|mut stdin| stdin.write_all(host.as_bytes()));
    let output = child.wait_with_output().ok().filter(|output| output.status.success())?;
    let answer: Answer = serde_json::from_slice(&output.stdout).ok()?;
    // A token in the place of a name is for an exchange that this client does not make.
    (answer.username != "<token>").then_some(Login { user: answer.username, password: answer.secret })
}

#[cfg(test)]
mod tests {
    use super::*;
    use fathom_testkit::Scratch;

    fn check(json: &str, hosts: &[&str], repository: &str, expect: Option<(&str, &str)>) {
        let scratch = Scratch::new("logins");
        std::fs::write(scratch.join("config.json"), json).unwrap();
        let found = find(&[scratch.join("none.json"), scratch.join("config.json")], hosts, repository);
        let found = found.as_ref().map(|login| (login.user.as_str(), login.password.as_str()));
        assert_eq!(found, expect, "{json} for {hosts:?}");
    }

    // printf me:pass:word | base64
    const AUTH: &str = r#"{"auth":"bWU6cGFzczp3b3Jk"}"#;

    #[test]
    fn reads_what_docker_and_podman_write() {
        let auths = |key: &str| format!(r#"{{"auths":{{"{key}":{AUTH}}},"HttpHeaders":{{}}}}"#);
        let login = Some(("me", "pass:word"));
        check(&auths("a.test:5000"), &["a.test:5000"], "web", login);
        check(&auths("https://a.test/v1/"), &["b.test", "a.test"], "web", login);
        check(&auths("a.test/shop"), &["a.test"], "shop/web", login);
        check(&auths("a.test/shop"), &["a.test"], "shopping/web", None);
        check(&auths("a.test"), &["a.test:5000"], "web", None);
        check(&auths("a.test"), &["a.testing"], "web", None);
        check(r#"{"auths":{"a.test":{"username":"u","password":"p"}}}"#, &["a.test"], "x", Some(("u", "p")));
    }

    #[test]
    fn the_closest_login_wins() {
        let json = format!(r#"{{"auths":{{"a.test":{{"username":"u","password":"p"}},"a.test/shop":{AUTH}}}}}"#);
        check(&json, &["a.test"], "shop/web", Some(("me", "pass:word")));
        check(&json, &["a.test"], "web", Some(("u", "p")));
    }

    #[test]
    fn broken_files_and_entries_are_left_out() {
        check("{", &["a.test"], "web", None);
        check(r#"{"auths":{"a.test":{"auth":"%%%"}}}"#, &["a.test"], "web", None);
        check(r#"{"auths":{"a.test":{"auth":"bm9jb2xvbg=="}}}"#, &["a.test"], "web", None);
        check(r#"{"auths":{"a.test":{}}}"#, &["a.test"], "web", None);
        check(r#"{"credsStore":"../../bin/sh"}"#, &["a.test"], "web", None);
        check(r#"{"credsStore":"fathom-test-has-none"}"#, &["a.test"], "web", None);
    }
}
