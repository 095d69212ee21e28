//! SIGKILL for each process of ours at each stage of a conversation: the client is told, nothing stays, and the next
//! one works.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::Child;
use std::time::Duration;

use fathom_testkit::kubernetes::{Barrier, Kubernetes};

use crate::installation::Installation;
use crate::support::{Cluster, Ended, ended, within};

/// Who is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    Client,
    Agent,
    Relay,
    Server,
}

use Victim::{Agent, Client, Relay, Server};

/// Until when a conversation goes on undisturbed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Until {
    /// Something of it has come to the API server, whose address has this part, and gets no further.
    Held(&'static str),
    /// The command has said that it is there.
    Begun,
    /// Nobody reads what the command writes, so that all that may be under way is.
    Writing,
    /// The command does not read what it is sent.
    Reading,
    /// The command has seen the end of its stdin.
    Closed,
    /// The command has ended, and what is said of it has come as far as the API server.
    Over,
}

use Until::{Begun, Closed, Held, Over, Reading, Writing};

/// A stage, who is there to be killed, and whether a client may get over it without a word.
type Stage = (Until, &'static [Victim], Outcome);

/// What may come of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// It is told that the conversation is over, or could not begin.
    Told,
    /// That, or the command's own end: whoever comes in place of the victim may serve as well.
    ToldOrDone,
}

use Outcome::{Told, ToldOrDone};

/// With one's own rights alone.
const AGENTLESS: &[Stage] = &[
    // The agent runs, and its client has not heard of it.
    (Held("job-name"), &[Client, Agent], Told),
    // A relay is asked for.
    (Held("/exec?"), &[Client, Agent], ToldOrDone),
    // It is there, and has not heard the wish.
    (Held("#in"), &[Client, Agent, Relay], Told),
    // It has, and its first word is under way.
    (Held("#out"), &[Client, Agent, Relay], Told),
    (Begun, &[Client, Agent, Relay], Told),
    (Writing, &[Client, Agent, Relay], Told),
    (Reading, &[Client, Agent, Relay], Told),
    (Closed, &[Client, Agent, Relay], Told),
    (Over, &[Client, Agent, Relay], ToldOrDone),
];

/// Through a server.
const INSTALLED: &[Stage] = &[
    // A session is asked for.
    (Held("/enter"), &[Client, Agent, Server], ToldOrDone),
    // It is granted, and its streams are asked for.
    (Held("/attach"), &[Client, Agent, Server], ToldOrDone),
    // The server has taken it, and looks for its agent.
    (Held("app.kubernetes.io%2Fname%3Dfathom-node-agent"), &[Client, Agent, Server], ToldOrDone),
    // They are there, and nothing has been said.
    (Held("#in"), &[Client, Agent, Relay, Server], Told),
    (Held("#out"), &[Client, Agent, Relay, Server], Told),
    (Begun, &[Client, Agent, Relay, Server], Told),
    (Writing, &[Client, Agent, Relay, Server], Told),
    (Reading, &[Client, Agent, Relay, Server], Told),
    (Closed, &[Client, Agent, Relay, Server], Told),
    (Over, &[Client, Agent, Relay, Server], ToldOrDone),
];

/// How long anybody may take to notice, and to clear up.
const BOUND: Duration = Duration::from_secs(45);

/// How long a session that was granted waits for its client.
const LAPSE: Duration = Duration::from_secs(60);

/// What the command ends with where it comes to its end.
const DONE: i32 = 7;

#[test]
fn an_agent_is_killed_at_every_stage() {
    walk_agentless(Agent);
}

#[test]
fn a_relay_is_killed_at_every_stage() {
    walk_agentless(Relay);
}

#[test]
fn a_client_is_killed_at_every_stage() {
    walk_agentless(Client);
}

#[test]
fn an_installed_agent_is_killed_at_every_stage() {
    walk_installed(Agent);
}

#[test]
fn an_installed_agent_s_relay_is_killed_at_every_stage() {
    walk_installed(Relay);
}

#[test]
fn a_server_is_killed_at_every_stage() {
    walk_installed(Server);
}

#[test]
fn a_client_of_a_server_is_killed_at_every_stage() {
    walk_installed(Client);
}

fn walk_agentless(victim: Victim) {
    let Some(cluster) = Cluster::with_shop().filter(|cluster| cluster.own.is_some()) else { return };
    let walk = Walk { cluster: &cluster, words: &["deploy/web"], home: &cluster.namespace, agent: "fathom-agent" };
    walk.all(AGENTLESS, victim);
    assert!(within(Duration::from_secs(60), || cluster.agents() == 0), "{} stay", cluster.agents());
}

fn walk_installed(victim: Victim) {
    let Some(cluster) = Cluster::with_shop().filter(|cluster| cluster.own.is_some()) else { return };
    let installed = Installation::in_cluster(&cluster, None);
    let words = ["deploy/web", "--installed"];
    let walk = Walk { cluster: &cluster, words: &words, home: &installed.namespace, agent: "fathom-node-agent" };
    walk.all(INSTALLED, victim);
    let left = || installed.sessions(&["-o", "name"]).stdout;
    assert!(within(LAPSE + BOUND, || left().is_empty()), "{}", left());
    assert_eq!(cluster.agents(), 0, "what could not be had from the server was had another way");
}

/// A cluster to walk through.
struct Walk<'a> {
    cluster: &'a Cluster,
    /// What is entered, and how.
    words: &'a [&'a str],
    /// The namespace of agents.
    home: &'a str,
    /// The agents' label.
    agent: &'a str,
}

impl Walk<'_> {
    fn all(&self, stages: &[Stage], victim: Victim) {
        for (number, (until, _, outcome)) in
            stages.iter().enumerate().filter(|(_, (_, victims, _))| victims.contains(&victim))
        {
            // Nobody else on this machine sleeps for so long.
            let mark = format!("{}{number:02}", std::process::id());
            self.one(*until, victim, *outcome, &mark);
        }
    }

    fn one(&self, until: Until, victim: Victim, outcome: Outcome, mark: &str) {
        let own = self.own();
        if until == Held("job-name") {
            // Only who finds no agent asks for one.
            let none = || self.cluster.agents() == 0;
            assert!(within(Duration::from_secs(60), none), "{} stay", self.cluster.agents());
        }
        let early = if let Held(part) = until { Some(own.hold(part)) } else { None };
        let script = match until {
            Writing => format!("echo here; yes {mark}"),
            Closed => format!("echo here; cat; echo over; sleep {mark}"),
            Over => format!("echo here; read line; exit {DONE}"),
            // As far as this it has begun.
            Held("#out") => format!("sleep {mark}"),
            // Where it should come to run in spite of all, it comes to an end too.
            Held(_) => format!("exit {DONE}"),
            Begun | Reading => format!("echo here; sleep {mark}"),
        };
        let mut session = self.cluster.spawn(self.words, &["sh", "-c", &script]);
        let late = self.advance(until, &mut session, early.as_ref());
        let records = self.records();
        self.kill(victim, &mut session);
        drop((early, late));
        let got = end(session).unwrap_or_else(|| panic!("{until:?}, {victim:?}: the client does not end"));
        if victim != Client {
            judge(until, victim, outcome, &got);
        }
        // With the agent goes everybody who could clear up at once; whoever comes next does.
        let swept = victim == Agent && self.agent == "fathom-agent";
        let clean = || self.left(&records, mark).is_empty();
        if !swept {
            assert!(within(BOUND, clean), "{until:?}, {victim:?}: {:?} stay", self.left(&records, mark));
        }
        let next = || self.cluster.run(self.words, &["true"]);
        let mut last = next();
        assert!(
            within(Duration::from_secs(60), || last.status == 0 || {
                last = next();
                last.status == 0
            }),
            "{until:?}, {victim:?}: the next one fails: {last:?}"
        );
        assert!(within(BOUND, clean), "{until:?}, {victim:?}: {:?} stay", self.left(&records, mark));
    }

    fn own(&self) -> &Kubernetes {
        self.cluster.own.as_ref().expect("it was asked for")
    }

    /// Waits until the conversation is where it is meant to be.
    fn advance(&self, until: Until, session: &mut Child, early: Option<&Barrier>) -> Option<Barrier> {
        if let Some(barrier) = early {
            assert!(barrier.is_reached(BOUND), "{until:?} is never reached");
            return None;
        }
        hear(session, "here\n");
        match until {
            Writing => hear(session, ""),
            Reading => {
                let mut input = session.stdin.take().expect("a pipe");
                // More than may be under way; whoever waits for it to be taken is not waited for.
                std::thread::spawn(move || input.write_all(&vec![b'y'; 12 << 20]));
            }
            Closed => {
                drop(session.stdin.take());
                hear(session, "over\n");
            }
            Over => {
                let barrier = self.own().hold("#out");
                session.stdin.as_mut().expect("a pipe").write_all(b"line\n").expect("it reads");
                assert!(barrier.is_reached(BOUND), "nothing is said of its end");
                return Some(barrier);
            }
            Begun | Held(_) => {}
        }
        None
    }

    fn kill(&self, victim: Victim, session: &mut Child) {
        let (label, word) = match victim {
            Client => {
                session.kill().expect("it is ours");
                return;
            }
            Agent => (self.agent, "agent"),
            Relay => (self.agent, "relay"),
            Server => ("fathom-server", "serve"),
        };
        let mut found = Vec::new();
        let there = || {
            found = self.processes(label, word);
            !found.is_empty()
        };
        assert!(within(BOUND, there), "there is no {victim:?}");
        for pid in found {
            let pid = rustix::process::Pid::from_raw(i32::try_from(pid).expect("it is a process")).expect("not zero");
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("it is ours");
        }
    }

    /// Processes of a pod with this label that are called as `fathom WORD`.
    fn processes(&self, label: &str, word: &str) -> Vec<u32> {
        let pods = self.own().list("", "pods", self.home);
        let meant = pods.iter().filter(|pod| pod["metadata"]["labels"]["app.kubernetes.io/name"] == label);
        let names = meant.filter_map(|pod| pod["metadata"]["name"].as_str());
        let all = names.flat_map(|name| self.own().processes(self.home, name));
        all.filter(|(_, words)| words.get(1).is_some_and(|own| own == word)).map(|(pid, _)| pid).collect()
    }

    /// The sessions on the node's record.
    fn records(&self) -> BTreeSet<String> {
        names(&self.own().node_root().join("run/fathom/sessions"))
    }

    /// What is left of these sessions, or of any command with this mark.
    fn left(&self, sessions: &BTreeSet<String>, mark: &str) -> Vec<String> {
        let mut left: Vec<String> = self.records().into_iter().map(|id| format!("record {id}")).collect();
        for hierarchy in std::fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten() {
            let leaves = names(&hierarchy.path().join("fathom"));
            left.extend(sessions.intersection(&leaves).map(|id| format!("cgroup {id}")));
        }
        for pid in names(Path::new("/proc")) {
            let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            if words.split(|byte| *byte == 0).any(|word| word == mark.as_bytes()) {
                left.push(format!("process {pid}: {}", String::from_utf8_lossy(&words).replace('\0', " ")));
            }
        }
        left
    }
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

/// Reads exactly this.
fn hear(session: &mut Child, word: &str) {
    let mut bytes = vec![0; word.len()];
    session.stdout.as_mut().expect("a pipe").read_exact(&mut bytes).expect("it says something");
    assert_eq!(String::from_utf8_lossy(&bytes), word);
}

/// The end of a client, which has to come by itself.
#[track_caller]
fn end(session: Child) -> Option<Ended> {
    let (tell, hear) = std::sync::mpsc::channel();
    std::thread::spawn(move || tell.send(ended(session.wait_with_output().expect("it is ours"))));
    hear.recv_timeout(BOUND).ok()
}

/// A client that lost its conversation says so, with our own status for what fails; or is served to the end.
#[track_caller]
fn judge(until: Until, victim: Victim, outcome: Outcome, got: &Ended) {
    let reasons = ["was cut off", "cannot speak with the agent", "cannot start", "is not running", "does not answer"];
    let told = got.status == 5 && got.stderr.contains("hint: ") && reasons.iter().any(|why| got.stderr.contains(why));
    let done = outcome == ToldOrDone && got.status == DONE;
    assert!(told || done, "{until:?}, {victim:?}: {} {}", got.status, got.stderr);
}
