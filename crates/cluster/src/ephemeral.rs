//! An ephemeral container of ours beside a container that is meant: pure, from a pod to the container that is added.
//!
//! It shares the target's processes, mounts its volumes, and has the rights of a profile. Kubernetes never takes its
//! entry out of a pod again, so one that lives is used by whoever comes with the same wishes.

use fathom_model::{Class, Failure, Profile};
use k8s_openapi::api::core::v1::{Container, EphemeralContainer, Pod, SecurityContext, VolumeMount};
use serde_json::{Value, json};

/// What names of ours begin with.
const STEM: &str = "fathom-";

/// Whoever a container is that may not be root.
const NOBODY: i64 = 65534;

/// The variable by which a container says which rights it was made with.
const GRANT: &str = "FATHOM_GRANT";

/// Places of our own image, over which nothing of the target may be mounted.
const OURS: [&str; 8] = ["", "/.fathom", "/bin", "/dev", "/fathom", "/proc", "/sys", "/target"];
/// Those below which nothing may be mounted either.
const OURS_WHOLLY: [&str; 4] = ["/.fathom/", "/fathom/", "/proc/", "/target/"];

/// What a container of ours may do: our profiles, as far as a container in a pod can have them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grant {
    /// What the target may.
    AsTarget,
    /// Nothing: allowed where Pod Security is `restricted`.
    Restricted,
    /// What any container may: allowed where Pod Security is `baseline`.
    Baseline,
    /// That, and tracing.
    General,
    /// That, and changes to the network.
    Netadmin,
    /// Everything.
    Sysadmin,
}

impl Grant {
    /// Which to try, one after the other: the profile that was asked for, or else the most useful that Pod Security
    /// lets pass.
    pub fn of(profile: Option<Profile>) -> Result<Vec<Grant>, Failure> {
        Ok(vec![match profile {
            None => return Ok(vec![Grant::General, Grant::Baseline, Grant::Restricted]),
            Some(Profile::AsTarget) => Grant::AsTarget,
            Some(Profile::Restricted) => Grant::Restricted,
            Some(Profile::General) => Grant::General,
            Some(Profile::Netadmin) => Grant::Netadmin,
            Some(Profile::Sysadmin) => Grant::Sysadmin,
            Some(Profile::Host) => {
                return Err(Failure::new(Class::Usage, "an ephemeral container cannot have the profile host")
                    .hinting("--profile sysadmin is the most that a container of a pod can have"));
            }
        }])
    }

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Grant::Baseline => "baseline",
            other => other.profile().name(),
        }
    }

    /// The nearest profile.
    pub fn profile(self) -> Profile {
        match self {
            Grant::AsTarget => Profile::AsTarget,
            Grant::Restricted => Profile::Restricted,
            Grant::Baseline | Grant::General => Profile::General,
            Grant::Netadmin => Profile::Netadmin,
            Grant::Sysadmin => Profile::Sysadmin,
        }
    }

    /// As `kubectl debug` grants them, and root by its number: our image names no user, and a pod may name one for all.
    fn context(self, pod: &Pod, target: &Container) -> Result<SecurityContext, Failure> {
        let root = |add: &[&str]| json!({"runAsUser": 0, "runAsNonRoot": false, "capabilities": {"add": add}});
        let context = match self {
            Grant::AsTarget => return as_target(pod, target),
            Grant::Restricted => json!({
                "runAsNonRoot": true,
                "runAsUser": user(pod, target).filter(|user| *user != 0).unwrap_or(NOBODY),
                "runAsGroup": target.security_context.as_ref().and_then(|context| context.run_as_group),
                "allowPrivilegeEscalation": false,
                "capabilities": {"drop": ["ALL"]},
                "seccompProfile": {"type": "RuntimeDefault"},
            }),
            Grant::Baseline => json!({"runAsUser": 0, "runAsNonRoot": false}),
            Grant::General => root(&["NET_RAW", "SYS_CHROOT", "SYS_PTRACE"]),
            Grant::Netadmin => root(&["NET_ADMIN", "NET_RAW", "SYS_CHROOT", "SYS_PTRACE"]),
            Grant::Sysadmin => json!({"runAsUser": 0, "runAsNonRoot": false, "privileged": true}),
        };
        Ok(serde_json::from_value(context).expect("it is a security context"))
    }
}

/// The user that the pod names for the target.
fn user(pod: &Pod, target: &Container) -> Option<i64> {
    let own = target.security_context.as_ref().and_then(|context| context.run_as_user);
    own.or_else(|| pod.spec.as_ref()?.security_context.as_ref()?.run_as_user)
}

/// The target's own, but for a root that cannot be written to: ours holds nothing of anybody.
fn as_target(pod: &Pod, target: &Container) -> Result<SecurityContext, Failure> {
    let Some(user) = user(pod, target) else {
        let message = format!("the pod does not say as which user `{}` runs: only its image does", target.name);
        return Err(Failure::new(Class::Unsupported, message)
            .hinting("choose another profile: --profile restricted is nobody, --profile general is root"));
    };
    let own = target.security_context.clone().unwrap_or_default();
    Ok(SecurityContext { run_as_user: Some(user), read_only_root_filesystem: None, ..own })
}

/// How a container of ours is made.
#[derive(Debug, Clone)]
pub struct Options {
    /// The container that is meant.
    pub target: String,
    /// Our image.
    pub image: String,
    /// What it may do.
    pub grant: Grant,
    /// How many seconds it stays when nobody is in it.
    pub grace: u64,
}

/// A container to add, and what of the target it does not have.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) container: EphemeralContainer,
    /// Paths at which the target has something mounted that this one has not.
    pub(crate) left_out: Vec<String>,
}

/// Makes the container `name` for `pod`.
pub(crate) fn container(pod: &Pod, options: &Options, name: &str) -> Result<Made, Failure> {
    let spec = pod.spec.clone().unwrap_or_default();
    let all = spec.containers.into_iter().chain(spec.init_containers.unwrap_or_default());
    let target = all.into_iter().find(|container| container.name == options.target).ok_or_else(|| {
        let message = format!("`{}` is no container that another can be beside", options.target);
        Failure::new(Class::Usage, message).hinting("name a container of the pod's own with -c")
    })?;
    let env = |name: &str, value: &str| json!({"name": name, "value": value});
    let container: Value = json!({
        "name": name,
        "targetContainerName": options.target,
        "image": options.image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["/fathom", "agent", "--grace", format!("{}s", options.grace.max(1))],
        "env": [
            env(GRANT, options.grant.name()),
            env("FATHOM_DOOR", "/.fathom/door"),
            env("FATHOM_RUN", "/.fathom/run"),
            env("FATHOM_STORE", "/.fathom/store"),
            env("TMPDIR", "/.fathom"),
        ],
    });
    let mut container: EphemeralContainer = serde_json::from_value(container).expect("it is an ephemeral container");
    container.security_context = Some(options.grant.context(pod, &target)?);
    let (mounted, left_out) = mounts(target.volume_mounts.unwrap_or_default());
    container.volume_mounts = Some(mounted).filter(|mounts| !mounts.is_empty());
    Ok(Made { container, left_out })
}

/// Kubernetes mounts no parts of volumes in ephemeral containers; what would hide our own files is left out too. Both
/// are seen in the target's own tree.
fn mounts(all: Vec<VolumeMount>) -> (Vec<VolumeMount>, Vec<String>) {
    let fits = |mount: &VolumeMount| {
        let path = mount.mount_path.trim_end_matches('/');
        let is_ours = OURS.contains(&path) || OURS_WHOLLY.iter().any(|below| path.starts_with(below));
        mount.sub_path.is_none() && mount.sub_path_expr.is_none() && !is_ours
    };
    let (mounted, left_out): (Vec<_>, Vec<_>) = all.into_iter().partition(fits);
    // Giving mounts back needs a privileged container, and nobody mounts anything here.
    let mounted = mounted.into_iter().map(|mount| VolumeMount { mount_propagation: None, ..mount });
    (mounted.collect(), left_out.into_iter().map(|mount| mount.mount_path).collect())
}

/// A name that no container of the pod has.
pub(crate) fn fresh_name(pod: &Pod) -> String {
    use std::hash::{BuildHasher as _, Hasher as _};
    // Those that are easily told apart, as Kubernetes itself takes them.
    const LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
    let taken = |name: &str| ours(pod).any(|container| container.name == name);
    loop {
        let mut number = std::collections::hash_map::RandomState::new().build_hasher().finish();
        let letters = std::iter::repeat_with(|| {
            let letter = LETTERS[(number % 27) as usize];
            number /= 27;
            char::from(letter)
        });
        let name = format!("{STEM}{}", letters.take(5).collect::<String>());
        if !taken(&name) {
            return name;
        }
    }
}

/// Those of ours that the pod has, dead or alive.
fn ours(pod: &Pod) -> impl Iterator<Item = &EphemeralContainer> {
    let all = pod.spec.iter().flat_map(|spec| spec.ephemeral_containers.iter().flatten());
    all.filter(|container| container.name.starts_with(STEM) && grant(container).is_some())
}

fn grant(container: &EphemeralContainer) -> Option<&str> {
    let said = container.env.iter().flatten().find(|variable| variable.name == GRANT);
    said.and_then(|variable| variable.value.as_deref())
}

/// What has become of one of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It may yet run.
    Coming,
    /// It never will, with the reason of the kubelet and what it says about it.
    Stuck(String),
    Runs,
    /// It has run, or was refused by the runtime.
    Ended(String),
}

/// Looks at the container `name` of a pod.
pub(crate) fn standing(pod: &Pod, name: &str) -> Standing {
    let statuses = pod.status.iter().flat_map(|status| status.ephemeral_container_statuses.iter().flatten());
    let state = statuses.filter(|status| status.name == name).find_map(|status| status.state.clone());
    let state = state.unwrap_or_default();
    if state.running.is_some() {
        return Standing::Runs;
    }
    if let Some(end) = state.terminated {
        return Standing::Ended(end.message.or(end.reason).unwrap_or(format!("exit status {}", end.exit_code)));
    }
    let waiting = state.waiting.unwrap_or_default();
    let reason = waiting.reason.unwrap_or_default();
    let is_stuck = crate::agent::HOPELESS.contains(&reason.as_str()) || reason == "RunContainerError";
    if is_stuck { Standing::Stuck(waiting.message.unwrap_or(reason)) } else { Standing::Coming }
}

/// One that lives, or may yet live, and is what `options` want; never `not`.
pub(crate) fn living(pod: &Pod, options: &Options, not: Option<&str>) -> Option<String> {
    let fits = |container: &&EphemeralContainer| {
        container.image.as_deref() == Some(&options.image)
            && container.target_container_name.as_deref() == Some(&options.target)
            && grant(container) == Some(options.grant.name())
            && not != Some(&container.name)
            && !matches!(standing(pod, &container.name), Standing::Ended(_))
    };
    ours(pod).find(fits).map(|container| container.name.clone())
}

/// Names of those that run.
pub(crate) fn running(pod: &Pod) -> Vec<String> {
    let mut names: Vec<String> = ours(pod).map(|container| container.name.clone()).collect();
    names.retain(|name| standing(pod, name) == Standing::Runs);
    names
}

#[cfg(test)]
mod tests;
