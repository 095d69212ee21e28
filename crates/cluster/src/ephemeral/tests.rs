//! What an ephemeral container has of its target, one case each.

use super::*;

fn pod(container: Value, spec: Value) -> Pod {
    let mut own = json!({"name": "web", "image": "web:1"});
    let mut all = json!({"containers": []});
    for (object, more) in [(&mut own, container), (&mut all, spec)] {
        let more = more.as_object().expect("an object").clone();
        object.as_object_mut().expect("an object").extend(more);
    }
    all["containers"] = json!([own]);
    serde_json::from_value(json!({"metadata": {"name": "web-0", "namespace": "shop"}, "spec": all})).expect("a pod")
}

fn options(grant: Grant) -> Options {
    Options { target: "web".to_owned(), image: "fathom-agent:1".to_owned(), grant, grace: 30 }
}

fn made(pod: &Pod, grant: Grant) -> Value {
    let made = container(pod, &options(grant), "fathom-abcde").expect("it can be made");
    serde_json::to_value(made.container).expect("plain data")
}

#[track_caller]
fn check(pod: &Pod, grant: Grant, expect: Value) {
    assert_eq!(made(pod, grant)["securityContext"], expect, "{grant:?}");
}

#[test]
fn rights_are_those_of_the_profile() {
    let plain = pod(json!({}), json!({}));
    check(&plain, Grant::Baseline, json!({"runAsUser": 0, "runAsNonRoot": false}));
    check(&plain, Grant::Sysadmin, json!({"runAsUser": 0, "runAsNonRoot": false, "privileged": true}));
    let general = json!({"add": ["NET_RAW", "SYS_CHROOT", "SYS_PTRACE"]});
    check(&plain, Grant::General, json!({"runAsUser": 0, "runAsNonRoot": false, "capabilities": general}));
    let nobody = |user: i64| {
        json!({
            "runAsNonRoot": true, "runAsUser": user, "allowPrivilegeEscalation": false,
            "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"},
        })
    };
    check(&plain, Grant::Restricted, nobody(65534));
    // The target's own user may look at the target; root may not be root.
    check(&pod(json!({"securityContext": {"runAsUser": 4711}}), json!({})), Grant::Restricted, nobody(4711));
    check(&pod(json!({}), json!({"securityContext": {"runAsUser": 4712}})), Grant::Restricted, nobody(4712));
    check(&pod(json!({"securityContext": {"runAsUser": 0}}), json!({})), Grant::Restricted, nobody(65534));
}

#[test]
fn rights_of_the_target_need_its_user() {
    let own = json!({"runAsUser": 4711, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]}});
    let same = json!({"runAsUser": 4711, "capabilities": {"drop": ["ALL"]}});
    check(&pod(json!({"securityContext": own}), json!({})), Grant::AsTarget, same);
    let refused = container(&pod(json!({}), json!({})), &options(Grant::AsTarget), "fathom-abcde");
    assert_eq!(refused.expect_err("nobody knows the user").class, Class::Unsupported);
    assert_eq!(Grant::of(Some(Profile::Host)).expect_err("a pod is no host").class, Class::Usage);
}

#[test]
fn volumes_are_mounted_but_for_parts_and_our_own_places() {
    let mounts = json!([
        {"name": "data", "mountPath": "/data", "mountPropagation": "HostToContainer"},
        {"name": "tmp", "mountPath": "/tmp/", "readOnly": true},
        {"name": "config", "mountPath": "/etc/app.conf", "subPath": "app.conf"},
        {"name": "bin", "mountPath": "/bin"},
        {"name": "odd", "mountPath": "/.fathom/door"},
    ]);
    let made = container(&pod(json!({"volumeMounts": mounts}), json!({})), &options(Grant::General), "fathom-abcde");
    let made = made.expect("it can be made");
    let mounted = serde_json::to_value(made.container.volume_mounts).expect("plain data");
    assert_eq!(
        mounted,
        json!([{"name": "data", "mountPath": "/data"}, {"name": "tmp", "mountPath": "/tmp/", "readOnly": true}])
    );
    assert_eq!(made.left_out, ["/etc/app.conf", "/bin", "/.fathom/door"]);
}

/// Whether one of ours with this state is used again.
#[track_caller]
fn check_living(state: Value, asked: &Options, expect: Option<&str>) {
    let mut pod = pod(json!({}), json!({}));
    let own = container(&pod, &options(Grant::General), "fathom-abcde").expect("it can be made").container;
    pod.spec.as_mut().expect("a spec").ephemeral_containers = Some(vec![own]);
    let status = json!({"ephemeralContainerStatuses": [{
        "name": "fathom-abcde", "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": state,
    }]});
    pod.status = Some(serde_json::from_value(status).expect("a status"));
    assert_eq!(living(&pod, asked, None).as_deref(), expect, "{state}");
    assert_eq!(living(&pod, asked, Some("fathom-abcde")), None);
}

#[test]
fn one_that_lives_is_used_again_by_who_wants_the_same() {
    let (runs, general) = (json!({"running": {}}), options(Grant::General));
    check_living(runs.clone(), &general, Some("fathom-abcde"));
    check_living(json!({}), &general, Some("fathom-abcde"));
    check_living(json!({"terminated": {"exitCode": 0}}), &general, None);
    check_living(runs.clone(), &options(Grant::Restricted), None);
    check_living(runs.clone(), &Options { image: "fathom-agent:2".to_owned(), ..general.clone() }, None);
    check_living(runs, &Options { target: "side".to_owned(), ..general }, None);
}

#[test]
fn names_are_fresh_and_fit() {
    let name = fresh_name(&pod(json!({}), json!({})));
    assert!(
        name.len() == STEM.len() + 5
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'),
        "{name}"
    );
}
