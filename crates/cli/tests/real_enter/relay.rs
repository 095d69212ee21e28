//! `fathom relay`: what a client far away says and hears, here over two pipes.

use std::io::{Read as _, Write as _};
use std::process::{Child, ChildStdin, Stdio};
use std::time::Duration;

use fathom_model::{Class, Ending, Failure};
use fathom_protocol::credit::{Passed, WINDOW};
use fathom_protocol::{Action, Decoder, Entry, Frame, Place, VERSION, Wish, Word};
use fathom_testkit::engine::{Containerd, Spec};
use fathom_testkit::{Need, needs};

use crate::support::{Machine, within};

/// A client, and the relay that it speaks with.
struct Client {
    relay: Child,
    to: Option<ChildStdin>,
    decoder: Decoder,
    passed: Passed,
}

impl Client {
    fn wish(machine: &Machine, action: Action) -> Self {
        let mut client = Client::silent(machine);
        client.say(Word::Wish(Wish { version: VERSION, action }));
        client
    }

    fn silent(machine: &Machine) -> Self {
        let mut relay = machine.spawn(["relay"]);
        let to = relay.stdin.take();
        Client { relay, to, decoder: Decoder::default(), passed: Passed::default() }
    }

    fn say(&mut self, word: Word) {
        self.send(&Frame::Word(word));
    }

    fn send(&mut self, frame: &Frame) {
        self.to.as_mut().expect("not hung up yet").write_all(&frame.encode()).expect("the relay listens");
    }

    /// The next frame that is no mere sign of life; none at the end. Whatever is heard is as good as handed on.
    fn hear(&mut self) -> Option<Frame> {
        loop {
            match self.decoder.next_frame().expect("it speaks as we do") {
                Some(Frame::Word(Word::Alive | Word::Room(_))) => {}
                Some(Frame::Output(bytes)) => {
                    if let (Some(word), Some(_)) = (self.passed.add(bytes.len()), &self.to) {
                        self.say(word);
                    }
                    return Some(Frame::Output(bytes));
                }
                Some(frame) => return Some(frame),
                None => {
                    let mut bytes = [0; 4096];
                    let count = self.relay.stdout.as_mut().expect("a pipe").read(&mut bytes).expect("a pipe");
                    if count == 0 {
                        return None;
                    }
                    self.decoder.feed(&bytes[..count]);
                }
            }
        }
    }

    /// All until the end: stdout, stderr, and the last word.
    fn hear_out(mut self) -> (String, String, Option<Word>) {
        let (mut output, mut errors, mut last) = (Vec::new(), Vec::new(), None);
        while let Some(frame) = self.hear() {
            match frame {
                Frame::Output(bytes) => output.extend(bytes),
                Frame::Errors(bytes) => errors.extend(bytes),
                Frame::Word(word) => {
                    // Whoever has heard the last word goes.
                    if matches!(word, Word::Ended(_) | Word::Failed(_) | Word::Answer(_)) {
                        self.to = None;
                    }
                    last = Some(word);
                }
                Frame::Input(_) => panic!("a node has no input for us"),
            }
        }
        self.relay.wait().expect("it is ours");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it is text");
        (text(output), text(errors), last)
    }

    fn hear_started(&mut self) -> String {
        match self.hear() {
            Some(Frame::Word(Word::Started(id))) => id,
            other => panic!("not started: {other:?}"),
        }
    }

    #[track_caller]
    fn hear_failure(self) -> Failure {
        match self.hear_out().2 {
            Some(Word::Failed(failure)) => failure,
            other => panic!("no failure: {other:?}"),
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.to = None;
        let _ = self.relay.wait();
    }
}

fn on_the_node(command: &[&str]) -> Entry {
    Entry { command: command.iter().map(|word| (*word).to_owned()).collect(), ..Entry::default() }
}

fn entering(entry: Entry) -> Action {
    Action::Enter(Box::new(entry))
}

#[test]
fn streams_are_separate_and_the_last_word_is_the_status() {
    needs!(Need::Root);
    let machine = Machine::new();
    let mut client = Client::wish(&machine, entering(on_the_node(&["sh", "-c", "cat; echo no >&2; exit 7"])));
    client.hear_started();
    client.send(&Frame::Input(b"one\n".to_vec()));
    client.send(&Frame::Input(b"two\n".to_vec()));
    client.send(&Frame::Input(Vec::new()));
    let got = client.hear_out();
    assert_eq!(got, ("one\ntwo\n".into(), "no\n".into(), Some(Word::Ended(Ending::Exited(7)))));
    machine.assert_clean();
}

/// What carries a relay drops what is under way when the relay goes first.
#[test]
fn a_relay_stays_until_its_client_has_gone() {
    needs!(Need::Root);
    let machine = Machine::new();
    let mut client = Client::wish(&machine, entering(on_the_node(&["true"])));
    client.hear_started();
    assert_eq!(client.hear(), Some(Frame::Word(Word::Ended(Ending::Exited(0)))));
    let mut ended = || client.relay.try_wait().expect("it is ours").is_some();
    assert!(!within(Duration::from_millis(500), &mut ended), "it went first");
    client.to = None;
    assert!(within(Duration::from_secs(5), || client.relay.try_wait().expect("it is ours").is_some()), "it stays");
    machine.assert_clean();
}

#[test]
fn a_command_that_does_not_read_holds_up_nothing_else() {
    needs!(Need::Root);
    let machine = Machine::new();
    let script = "head -c 3000000 /dev/zero; sleep 1000";
    let mut client = Client::wish(&machine, entering(on_the_node(&["sh", "-c", script])));
    client.hear_started();
    // All that may be under way at once; more than any pipe between us holds.
    for _ in 0..4 {
        client.send(&Frame::Input(vec![0; WINDOW / 4]));
    }
    let mut count = 0;
    while count < 3_000_000 {
        match client.hear() {
            Some(Frame::Output(bytes)) => count += bytes.len(),
            other => panic!("{other:?} after {count} bytes"),
        }
    }
    client.say(Word::Kill);
    assert!(matches!(client.hear_out().2, Some(Word::Ended(Ending::Killed(9)))));
    machine.assert_clean();
}

#[test]
fn a_client_that_does_not_read_is_sent_no_more_than_the_window() {
    needs!(Need::Root);
    let machine = Machine::new();
    let mut client = Client::wish(&machine, entering(on_the_node(&["sh", "-c", "yes; true"])));
    client.hear_started();
    let mut bytes = vec![0; WINDOW + (1 << 20)];
    let mut output = client.relay.stdout.take().expect("a pipe");
    // Signs of life still come, so the end of the bytes is told by the time between them.
    let mut sent = 0;
    let mut decoder = Decoder::default();
    while let Ok(count @ 1..) = output.read(&mut bytes) {
        decoder.feed(&bytes[..count]);
        let mut waits = false;
        while let Some(frame) = decoder.next_frame().expect("it speaks as we do") {
            match frame {
                Frame::Output(bytes) => sent += bytes.len(),
                Frame::Word(Word::Alive) => waits = true,
                other => panic!("{other:?}"),
            }
        }
        if waits {
            break;
        }
    }
    assert_eq!(sent, WINDOW);
    client.say(Word::Kill);
    drop(client);
    machine.assert_clean();
}

#[test]
fn a_client_that_sends_more_than_it_may_is_none_of_ours() {
    needs!(Need::Root);
    let machine = Machine::new();
    let mut client = Client::wish(&machine, entering(on_the_node(&["sleep", "1000"])));
    client.hear_started();
    let piece = Frame::Input(vec![0; 1 << 20]).encode();
    let to = client.to.as_mut().expect("not hung up yet");
    let refused = (0..8).any(|_| to.write_all(&piece).is_err());
    assert!(refused, "{} bytes are kept", 8 << 20);
    client.to = None;
    client.relay.wait().expect("it is ours");
    machine.assert_clean();
}

#[test]
fn a_terminal_has_a_size_and_signals_go_by_name() {
    needs!(Need::Root);
    let machine = Machine::new();
    let script = "stty size; trap 'stty size; exit 3' USR1; echo ready; while true; do sleep 0.05; done";
    let entry = Entry { terminal: Some((80, 24)), ..on_the_node(&["sh", "-c", script]) };
    let mut client = Client::wish(&machine, entering(entry));
    client.hear_started();
    let mut screen = String::new();
    while !screen.contains("ready") {
        match client.hear() {
            Some(Frame::Output(bytes)) => screen += &String::from_utf8_lossy(&bytes),
            other => panic!("{other:?} after {screen}"),
        }
    }
    client.say(Word::Resize(101, 33));
    client.say(Word::Signal("USR1".into()));
    let (rest, _, last) = client.hear_out();
    assert!(screen.contains("24 80") && rest.contains("33 101"), "{screen} {rest}");
    assert_eq!(last, Some(Word::Ended(Ending::Exited(3))));
    machine.assert_clean();
}

#[test]
fn a_client_that_hangs_up_leaves_nothing() {
    needs!(Need::Root);
    let machine = Machine::new();
    let script = "setsid sleep 1000 & sleep 1000";
    let mut client = Client::wish(&machine, entering(on_the_node(&["sh", "-c", script])));
    client.hear_started();
    client.to = None;
    assert_eq!(client.hear_out().2, None);
    machine.assert_clean();
}

#[test]
fn a_session_that_goes_on_is_listed_entered_again_and_ended() {
    needs!(Need::Root);
    let machine = Machine::new();
    let entry = Entry { detach: true, terminal: Some((80, 24)), ..on_the_node(&["sh"]) };
    let mut client = Client::wish(&machine, entering(entry));
    let id = client.hear_started();
    drop(client);
    let mut client = Client::wish(&machine, Action::Attach { session: id.clone() });
    client.hear_started();
    client.send(&Frame::Input(b"echo $((40 + 2))\n".to_vec()));
    let mut screen = String::new();
    while !screen.contains("42") {
        match client.hear() {
            Some(Frame::Output(bytes)) => screen += &String::from_utf8_lossy(&bytes),
            other => panic!("{other:?} after {screen}"),
        }
    }
    client.say(Word::Detach);
    assert_eq!(client.hear_out().2, None);
    // One that is killed leaves it as one that goes.
    let mut client = Client::wish(&machine, Action::Attach { session: id.clone() });
    client.hear_started();
    client.to = None;
    assert_eq!(client.hear_out().2, None);
    match Client::wish(&machine, Action::List).hear_out().2 {
        Some(Word::Answer(list)) => assert!(list.contains(&id), "{list}"),
        other => panic!("{other:?}"),
    }
    let ended = Client::wish(&machine, Action::Kill { session: id.clone() }).hear_out().2;
    assert_eq!(ended, Some(Word::Ended(Ending::Exited(0))));
    machine.assert_clean();
    let failure = Client::wish(&machine, Action::Attach { session: id }).hear_failure();
    assert_eq!(failure.class, Class::NotFound);
}

#[test]
fn only_the_pod_that_is_meant_is_entered() {
    needs!(Need::Root, Need::Program("containerd"));
    let (machine, containerd) = (Machine::new(), Containerd::start());
    let web = containerd.run(&Spec::scratch("web", ["/app"]));
    let refused = |id: String, pod: &str| {
        let place = Place::Container { id, pod: pod.into() };
        Client::wish(&machine, entering(Entry { place, ..on_the_node(&["true"]) })).hear_failure()
    };
    for pod in ["", "9e4b5c1a-0000-4000-8000-000000000000"] {
        let failure = refused(format!("containerd://{}", web.id()), pod);
        assert_eq!(failure.class, Class::NotFound, "{pod:?}: {failure:?}");
    }
    for id in ["pid:1", "host", "web", "../../etc", ""] {
        assert_eq!(refused(id.to_owned(), "x").class, Class::Usage, "{id}");
    }
    machine.assert_clean();
}

#[test]
fn who_speaks_another_language_is_told_so() {
    needs!(Need::Root);
    let machine = Machine::new();
    let mut client = Client::silent(&machine);
    client.say(Word::Wish(Wish { version: VERSION + 1, action: Action::List }));
    assert_eq!(client.hear_failure().class, Class::Unsupported);
    let mut client = Client::silent(&machine);
    client.say(Word::Kill);
    assert_eq!(client.hear_failure().class, Class::Usage);
    let mut client = Client::silent(&machine);
    client.to.as_mut().expect("a pipe").write_all(b"GET / HTTP/1.1\r\n\r\n").expect("the relay listens");
    assert_eq!(client.hear_failure().class, Class::Usage);
    // Nobody ever says anything.
    let mut client = Client::silent(&machine);
    client.to = None;
    assert_eq!(client.hear_out().2, None);
    machine.assert_clean();
}

#[test]
fn an_agent_stays_for_clients_and_sessions_and_goes_after_them() {
    needs!(Need::Root);
    let machine = Machine::new();
    let scratch = fathom_testkit::Scratch::new("agent");
    let own = |words: &[&str]| {
        let mut command = machine.fathom(words);
        command.env("TMPDIR", scratch.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
        command
    };
    let mut relay = own(&["relay"]).spawn().expect("fathom starts");
    let mut agent = own(&["agent", "--grace", "1s"]).spawn().expect("fathom starts");
    let is_over = |agent: &mut Child| agent.try_wait().expect("it is ours").is_some();
    assert!(!within(Duration::from_millis(1500), || is_over(&mut agent)), "it left a client alone");
    drop(relay.stdin.take());
    relay.wait().expect("it is ours");
    assert!(within(Duration::from_secs(5), || is_over(&mut agent)), "it stays for nobody");
    machine.assert_clean();
}
