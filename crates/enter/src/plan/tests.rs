//! Plans for the targets people enter, compared field by field.

use super::*;
use crate::Profile;
use crate::idmap::IdMap;
use crate::label::Label;
use fathom_host::Process;
use fathom_host::cgroup::Layout;

fn facts() -> Facts {
    Facts {
        title: "runc://web".into(),
        nature: Nature::Process,
        process: Process { pid: 4211, pids: vec![4211, 1], uid: 65532, gid: 65532, ..Process::default() },
        foreign: vec![Kind::Mnt, Kind::Pid, Kind::Net, Kind::Ipc, Kind::Uts, Kind::Cgroup],
        uids: IdMap::parse("0 0 4294967295"),
        gids: IdMap::parse("0 0 4294967295"),
        env: vec![("PATH".into(), "/app/bin".into()), ("MODE".into(), "live".into())],
        workdir: "/app".into(),
        cgroups: vec!["/web".into()],
        layout: Layout { v2: Some("/sys/fs/cgroup".into()), v1: vec![] },
        passwd: String::new(),
        group: String::new(),
        filters: Vec::new(),
        label: None,
    }
}

fn options() -> Options {
    Options {
        view: View::Tools,
        toolkit: Toolkit::Mini { applets: vec!["sh".into()] },
        namespaces: None,
        profile: Profile::General,
        user: None,
        workdir: None,
        env: vec![],
        command: vec![],
        streams: Streams::Pipes,
        limits: Limits::default(),
        place: Place::Own,
        scratch: 1 << 20,
        lifetime: Lifetime::WithTarget,
        ttl: None,
        attachment: Attachment::Attached,
    }
}

fn made(facts: &Facts, options: &Options) -> Plan {
    plan(facts, options, "abc", &Registry::at("/run/fathom/sessions")).expect("the words fit")
}

fn value<'a>(plan: &'a Plan, name: &str) -> Option<&'a str> {
    plan.env.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

#[test]
fn nothing_is_joined_or_made_right_where_we_are() {
    let own = Process { uid: 4711, gid: 4712, no_new_privs: 1, ..Process::default() };
    let around = Surroundings {
        title: "shop/pod/web-0/web".into(),
        own,
        target: Some(7),
        passwd: "web:x:33:34:::\n".into(),
        group: String::new(),
        home: "/.fathom".into(),
    };
    let registry = Registry::at("/.fathom/run/sessions");
    let plan = here(&around, &options(), "abc", &registry).expect("the words fit");
    assert_eq!((plan.ground, plan.join.is_empty(), plan.leaf.is_none()), (Ground::Found, true, true));
    assert_eq!(
        (plan.user, plan.credentials.uid, plan.command.as_slice()),
        ((4711, 4712), 4711, &["sh".to_owned()][..])
    );
    assert_eq!((value(&plan, "HOME"), value(&plan, "FATHOM_TARGET_PID")), (Some("/.fathom"), Some("7")));
    let another = Options { user: Some("web".into()), ..options() };
    assert_eq!(here(&around, &another, "abc", &registry).expect("web is known").user, (33, 34));
    let nobody = Options { user: Some("nobody-here".into()), ..options() };
    assert_eq!(here(&around, &nobody, "abc", &registry).expect_err("unknown").class, Class::Usage);
}

#[test]
fn a_container_gives_all_its_namespaces_and_none_of_its_environment_to_the_tools() {
    let plan = made(&facts(), &options());
    assert_eq!(plan.join, [Kind::Net, Kind::Ipc, Kind::Uts, Kind::Cgroup, Kind::Pid, Kind::Mnt]);
    assert_eq!((plan.pids, plan.user_namespace), (Pids::Target, UserNamespace::Stay));
    assert_eq!(
        (plan.tree.as_deref(), plan.command.as_slice()),
        (Some("/target".as_ref()), ["sh".to_owned()].as_slice())
    );
    assert_eq!(
        (value(&plan, "PATH"), value(&plan, "MODE"), value(&plan, "FATHOM_TARGET_PID")),
        (Some("/bin"), None, Some("1"))
    );
    assert_eq!(plan.leaf.expect("its own").v2, Some("/sys/fs/cgroup/fathom/abc".into()));
}

#[test]
fn the_target_s_root_comes_with_its_environment_and_directory() {
    let plan = made(&facts(), &Options { view: View::Target, ..options() });
    assert_eq!((value(&plan, "PATH"), value(&plan, "MODE")), (Some("/app/bin:/.fathom/bin"), Some("live")));
    assert_eq!((plan.workdir, plan.command[0].as_str()), (PathBuf::from("/app"), "/.fathom/bin/sh"));
}

#[test]
fn fewer_namespaces_on_request() {
    let plan = made(&facts(), &Options { namespaces: Some(vec![Kind::Net]), ..options() });
    assert_eq!((plan.join, plan.pids, plan.tree), (vec![Kind::Net], Pids::Machine, None));
}

#[test]
fn a_user_namespace_shifts_owners() {
    let mut facts = facts();
    facts.foreign.push(Kind::User);
    facts.uids = IdMap::parse("0 200000 65536");
    facts.gids = IdMap::parse("0 300000 65536");
    facts.process.uid = 200_033;
    facts.process.gid = 300_044;
    let plan = made(&facts, &Options { profile: Profile::AsTarget, ..options() });
    assert_eq!((plan.user_namespace, plan.owner), (UserNamespace::Join, (200_000, 300_000)));
    assert_eq!((plan.credentials.uid, plan.credentials.gid), (33, 44));
    assert_eq!(plan.user, (200_033, 300_044));
}

#[test]
fn who_survives_has_its_own_process_numbers() {
    let plan = made(&facts(), &Options { lifetime: Lifetime::Survive, ..options() });
    assert_eq!((plan.pids, plan.join.contains(&Kind::Pid)), (Pids::Own, false));
}

#[test]
fn the_target_s_cgroup_only_when_asked() {
    let plan = made(&facts(), &Options { place: Place::Target, ..options() });
    assert_eq!((plan.leaf, plan.target_cgroups), (None, vec![PathBuf::from("/sys/fs/cgroup/web")]));
}

#[test]
fn what_e_says_wins() {
    let env = vec![("PATH".to_owned(), "/mine".to_owned()), ("X".to_owned(), "1=2".to_owned())];
    let plan = made(&facts(), &Options { env, ..options() });
    assert_eq!((plan.search_path(), value(&plan, "X")), ("/mine", Some("1=2")));
}

#[test]
fn only_who_is_confined_as_the_target_takes_on_its_label() {
    let label = Some(Label::AppArmor("docker-default".into()));
    let facts = Facts { label: label.clone(), ..facts() };
    let of = |profile| made(&facts, &Options { profile, ..options() }).credentials.label;
    assert_eq!((of(Profile::AsTarget), of(Profile::General)), (label, None));
}
