//! SIGKILL to anybody at any moment leaves nothing.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fathom_testkit::engine::{Runc, Running, Spec};
use fathom_testkit::{Need, needs};

use crate::support::{Machine, descendants, kill, state, within};

/// A command that is hard to get rid of: daemons in sessions and process groups of their own.
const STUBBORN: &str =
    "trap '' TERM INT HUP; setsid sh -c 'trap \"\" TERM HUP; sleep 1000 & sleep 1000' & sleep 1000 & echo ready; wait";

struct Session {
    client: Child,
    supervisor: u32,
    init: u32,
    /// Every process in the target, init included.
    inside: Vec<u32>,
}

fn start(machine: &Machine, target: &Running) -> Session {
    let mut client = machine.spawn(["enter", &format!("pid:{}", target.pid()), "--", "sh", "-c", STUBBORN]);
    let mut ready = [0u8; 6];
    std::io::Read::read_exact(client.stdout.as_mut().expect("it is a pipe"), &mut ready).expect("it starts");
    let supervisor = machine.supervisor();
    assert!(
        within(Duration::from_secs(5), || descendants(supervisor).len() >= 6),
        "not all of the command's processes came"
    );
    let inside = descendants(supervisor);
    Session { client, supervisor, init: inside[0], inside }
}

fn target(runc: &Runc) -> Running {
    runc.run(&Spec::scratch("web", ["/app"]).read_only().user(65532).no_capabilities())
}

fn no_zombies(session: &Session) -> bool {
    session.inside.iter().all(|pid| state(*pid) == '?')
}

#[test]
fn killing_the_client_ends_the_session() {
    needs!(Need::Root, Need::Program("runc"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let web = target(&runc);
    let mut session = start(&machine, &web);
    kill([session.client.id()]);
    session.client.wait().expect("it is ours");
    machine.assert_clean();
    assert!(within(Duration::from_secs(1), || no_zombies(&session)), "{:?}", session.inside);
    assert!(web.is_alive());
}

#[test]
fn killing_the_supervisor_ends_the_session() {
    needs!(Need::Root, Need::Program("runc"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let web = target(&runc);
    let session = start(&machine, &web);
    kill([session.supervisor]);
    let inside = session.inside.clone();
    let got = crate::support::ended(session.client.wait_with_output().expect("it ends"));
    assert!(got.status == 5 && got.stderr.contains("supervisor was killed"), "{got:?}");
    machine.assert_clean();
    assert!(within(Duration::from_secs(1), || inside.iter().all(|pid| state(*pid) == '?')));
}

#[test]
fn killing_init_ends_the_session_and_counts_the_zombies() {
    needs!(Need::Root, Need::Program("runc"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let web = target(&runc);
    let session = start(&machine, &web);
    kill([session.init]);
    let inside = session.inside.clone();
    let got = crate::support::ended(session.client.wait_with_output().expect("it ends"));
    assert_eq!(got.status, 137, "{got:?}");
    machine.assert_clean();
    // The target's first process never reaps, so they stay, dead, until it ends: unavoidable, and said.
    let zombies = inside.iter().filter(|pid| state(**pid) == 'Z').count();
    assert!(inside.iter().all(|pid| matches!(state(*pid), 'Z' | '?')), "something lives");
    assert!(zombies > 0 && got.stderr.contains(&format!("{zombies} zombies stay")), "{zombies}: {got:?}");
}

#[test]
fn killing_all_at_once_leaves_nothing_after_the_next_command() {
    needs!(Need::Root, Need::Program("runc"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let web = target(&runc);
    let mut session = start(&machine, &web);
    kill([session.client.id(), session.supervisor, session.init]);
    session.client.wait().expect("it is ours");
    assert!(within(Duration::from_secs(1), || [session.supervisor, session.init]
        .iter()
        .all(|pid| matches!(state(*pid), 'Z' | '?'))));
    let got = machine.run(["enter", &format!("pid:{}", web.pid()), "--", "true"]);
    assert_eq!(got.status, 0, "{got:?}");
    machine.assert_clean();
    assert!(session.inside.iter().all(|pid| matches!(state(*pid), 'Z' | '?')), "something lives");
}

#[test]
fn a_sweep_touches_nothing_that_lives_and_two_at_once_are_safe() {
    needs!(Need::Root, Need::Program("runc"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let web = target(&runc);
    let mut living = start(&machine, &web);
    let sweeps: Vec<Child> = (0..4).map(|_| machine.spawn(["sessions", "cleanup"])).collect();
    for sweep in sweeps {
        let got = crate::support::ended(sweep.wait_with_output().expect("it ends"));
        assert_eq!((got.status, got.stdout.as_str()), (0, "0 sessions removed, 0 processes ended\n"), "{got:?}");
    }
    assert_eq!(descendants(living.supervisor), living.inside);
    kill([living.client.id()]);
    living.client.wait().expect("it is ours");
    machine.assert_clean();
}

#[test]
fn a_client_killed_at_any_instant_leaves_nothing() {
    needs!(Need::Root, Need::Program("runc"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let web = target(&runc);
    let target = format!("pid:{}", web.pid());
    for step in 0..60u32 {
        let mut command = machine.fathom(["enter", &target, "--", "sh", "-c", "sleep 1000"]);
        let mut client =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("fathom starts");
        std::thread::sleep(Duration::from_micros(u64::from(step) * 500));
        kill([client.id()]);
        client.wait().expect("it is ours");
    }
    machine.assert_clean();
    assert!(web.is_alive());
}

#[test]
fn a_supervisor_killed_at_any_instant_leaves_nothing() {
    needs!(Need::Root, Need::Program("runc"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let web = target(&runc);
    let target = format!("pid:{}", web.pid());
    for step in 0..40u32 {
        let mut command = machine.fathom(["enter", &target, "--", "sh", "-c", "sleep 1000"]);
        let mut client =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("fathom starts");
        let child = within(Duration::from_secs(5), || !descendants(client.id()).is_empty());
        assert!(child, "no launcher was started");
        std::thread::sleep(Duration::from_micros(u64::from(step) * 500));
        kill(descendants(client.id()).first().copied());
        client.wait().expect("it is ours");
    }
    machine.assert_clean();
    assert!(web.is_alive());
}

#[test]
fn a_target_that_dies_in_the_middle_ends_the_session() {
    needs!(Need::Root, Need::Program("runc"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let web = target(&runc);
    let session = start(&machine, &web);
    web.kill();
    let got = crate::support::ended(session.client.wait_with_output().expect("it ends"));
    assert_eq!(got.status, 137, "{got:?}");
    machine.assert_clean();
}

#[test]
fn two_hundred_sessions_at_once() {
    needs!(Need::Root, Need::Program("runc"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let web = target(&runc);
    let target = format!("pid:{}", web.pid());
    let mut sessions: Vec<Child> =
        (0..200).map(|_| machine.spawn(["enter", &target, "--", "sh", "-c", "echo ready; cat"])).collect();
    for session in &mut sessions {
        let mut ready = [0u8; 6];
        std::io::Read::read_exact(session.stdout.as_mut().expect("it is a pipe"), &mut ready).expect("it starts");
    }
    for session in sessions {
        // Its stdin is closed by this, so `cat` ends.
        let got = crate::support::ended(session.wait_with_output().expect("it ends"));
        assert_eq!(got.status, 0, "{got:?}");
    }
    machine.assert_clean();
}

#[test]
fn the_program_that_stays_cannot_be_written_to_from_the_target() {
    needs!(Need::Root, Need::Program("runc"));
    let (machine, runc) = (Machine::new(), Runc::new());
    let web = target(&runc);
    let mut session = start(&machine, &web);
    // Even the machine's own root cannot, through that link: the file lies on a read-only mount there.
    for pid in [session.supervisor, session.init] {
        let written = Command::new("sh")
            .args(["-c", &format!("exec 3<>/proc/{pid}/exe")])
            .stderr(Stdio::null())
            .status()
            .expect("sh runs");
        assert!(!written.success(), "the program of {pid} could be opened for writing");
    }
    kill([session.client.id()]);
    session.client.wait().expect("it is ours");
    machine.assert_clean();
}
