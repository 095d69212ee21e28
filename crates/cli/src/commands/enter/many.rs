//! One command in many pods at once: whose line it is stands in front, how each ended comes last.

use std::collections::{BTreeSet, VecDeque};
use std::io::Write as _;
use std::sync::Arc;
use std::time::Instant;

use fathom_cluster::{Agents, Cluster, Crowd, Goal, Listener, Located, Selection, Speaker};
use fathom_model::{Class, Ending, Failure};
use fathom_protocol::credit::Passed;
use fathom_protocol::frame::{BEAT, PATIENCE};
use fathom_protocol::{Action, Entry, Frame, Word};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;

use super::toolkit::Parcel;
use super::{Whom, remote, toolkit};
use crate::conversation::unheard;
use crate::installed::{self, Way};
use crate::output::lines::Lines;
use crate::words::Enter;
use crate::{exit, kubernetes, printer};

/// How the command ended in one pod; the text says which.
type Report = (String, Result<Ending, Failure>);

/// Words that make sense for one pod only.
fn check(words: &Enter) -> Result<(), Failure> {
    words.here.fit_a_cluster()?;
    let alone = [
        (words.tty, "-t"),
        (words.stdin, "-i"),
        (words.detach, "--detach"),
        (words.wait, "--wait"),
        (words.hold, "--hold"),
    ];
    if let Some((_, word)) = alone.into_iter().find(|(said, _)| *said) {
        return Err(Failure::new(Class::Usage, format!("{word} does not go with --all"))
            .hinting("leave one of them out: what many pods say cannot share a terminal"));
    }
    if words.command.is_empty() {
        return Err(Failure::new(Class::Usage, "--all needs a command").hinting("write it after `--`"));
    }
    Ok(())
}

pub(super) fn unwanted(target: &str) -> Failure {
    Failure::new(Class::Usage, format!("`{target}` is one container of this machine, so --all means nothing"))
        .hinting("name a workload such as deploy/web, or pods by their labels with -l")
}

pub(super) fn enter(words: &Enter, whom: &Whom, entry: Entry) -> anyhow::Result<i32> {
    check(words)?;
    let reports = kubernetes::block_on(attend_all(words, whom, entry))?;
    Ok(sum_up(reports))
}

async fn attend_all(words: &Enter, whom: &Whom, entry: Entry) -> Result<Vec<Report>, Failure> {
    let flags = &words.cluster;
    let cluster = Cluster::open(&kubernetes::access(flags)).await?;
    let selection = match whom {
        Whom::Object(object) => Selection::Object(object),
        Whom::Labels(labels) => Selection::Labels(labels),
    };
    // Whether there is a server is asked while the pods are looked for.
    let located = cluster.locate_all(selection, flags.container.as_deref());
    let (crowd, way) = tokio::join!(located, installed::way(&cluster, &flags.reach));
    let (crowd, way) = (crowd?, way?);
    for (pod, why) in &crowd.skipped {
        printer::notice(&format!("{pod} is left out: {why}"));
    }
    let names = names(&crowd);
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or_default();
    let mut entry = entry;
    let mut reports: Vec<Report> = crowd.absent.into_iter().map(|(pod, failure)| (pod, Err(failure))).collect();
    let mut meant = Vec::new();
    for (located, name) in crowd.meant.into_iter().zip(names) {
        let class = located.container.as_ref().and_then(|container| container.runtime_class.as_deref());
        match cluster.sandbox(class).await? {
            Some(sandbox) => reports.push((name, Err(sandbox.out_of_reach(located.pod_name())))),
            None => meant.push((located, name)),
        }
    }
    let road = Arc::new(match way {
        Way::Server => Road::Server { parcel: Parcel::of(entry.toolkit.as_deref())?, cluster },
        Way::Exec => {
            let options = kubernetes::agent(&flags.reach, words.ttl);
            let (asked, nodes) = (entry.toolkit.take(), meant.iter().map(|(located, _)| &located.node));
            for node in nodes.collect::<BTreeSet<_>>() {
                entry.toolkit = toolkit::brought(&cluster, node, &options, asked.clone()).await?;
            }
            Road::Exec(Agents::new(cluster, options))
        }
    });
    let turns = Arc::new(Semaphore::new(words.pods.parallel.into()));
    let (show, shows) = show();
    let interrupts = interrupts();
    let mut sessions = JoinSet::new();
    for (located, name) in meant {
        let entry = entry.clone();
        let visit = Visit { prefix: format!("{name:width$} | "), show: show.clone(), interrupts: interrupts.clone() };
        let (road, turns) = (road.clone(), turns.clone());
        sessions.spawn(async move {
            let _turn = turns.acquire().await.expect("nobody closes it");
            (name, visit.go(&road, &located, entry).await)
        });
    }
    while let Some(done) = sessions.join_next().await {
        reports.push(done.map_err(|error| Failure::new(Class::System, format!("a session broke: {error}")))?);
    }
    // All lines are to be seen before the sum.
    drop(show);
    let _ = shows.join();
    reports.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(reports)
}

/// Pods, with their containers where not all are called the same.
fn names(crowd: &Crowd) -> Vec<String> {
    let container = |located: &Located| located.container.as_ref().map(|container| container.name.clone());
    let kinds: BTreeSet<_> = crowd.meant.iter().map(container).collect();
    let named = crowd.meant.iter().map(|located| match container(located) {
        Some(container) if kinds.len() > 1 => format!("{}/{container}", located.pod_name()),
        _ => located.pod_name().to_owned(),
    });
    named.collect()
}

/// Who failed, one line each; the highest status of all.
fn sum_up(reports: Vec<Report>) -> i32 {
    let (count, mut failed, mut highest, mut hints) = (reports.len(), 0, 0, BTreeSet::new());
    for (name, result) in reports {
        let (status, text) = match result {
            Ok(Ending::Exited(0)) => continue,
            Ok(Ending::Killed(signal)) => (128 + signal, format!("killed by signal {signal}")),
            Ok(Ending::Exited(status)) => (status, format!("exit status {status}")),
            Err(failure) => {
                hints.extend(failure.hint.clone());
                let text = failure.cause.as_ref().map_or(String::new(), |cause| format!(": {cause}"));
                let text = format!("{failure}{text}");
                (exit::of(&failure.into()), text)
            }
        };
        printer::notice(&format!("{name}: {text}"));
        failed += 1;
        highest = highest.max(status);
    }
    if failed > 0 {
        printer::notice(&format!("{failed} of {count} pods failed"));
        hints.iter().for_each(|text| printer::hint(text));
    }
    highest
}

/// How all of them are reached.
enum Road {
    /// By the rights that the server asks for, pod by pod.
    Server { cluster: Cluster, parcel: Option<Parcel> },
    /// By an exec into an agent's pod.
    Exec(Agents),
}

impl Road {
    async fn reach(&self, located: &Located, entry: Entry) -> Result<(Speaker, Listener), Failure> {
        match self {
            Road::Server { cluster, parcel } => {
                remote::through(cluster, &Goal::from(located), &located.node, entry, parcel.as_ref()).await
            }
            Road::Exec(agents) => {
                let entry = Entry { place: remote::place(located), ..entry };
                agents.reach(&located.node, Action::Enter(Box::new(entry))).await
            }
        }
    }
}

/// A session in one pod.
struct Visit {
    prefix: String,
    show: mpsc::Sender<Shown>,
    interrupts: watch::Receiver<u32>,
}

/// Whole lines, and where they belong.
enum Shown {
    Output(Vec<u8>),
    Errors(Vec<u8>),
}

impl Visit {
    async fn go(mut self, road: &Road, located: &Located, entry: Entry) -> Result<Ending, Failure> {
        if *self.interrupts.borrow() > 0 {
            return Err(Failure::new(Class::System, "was not begun before the interrupt"));
        }
        let (mut speaker, listener) = road.reach(located, entry).await?;
        // Whoever hears no more is heard of.
        let _ = speaker.send(&Frame::Input(Vec::new())).await;
        let mut lines = Waiting::new(&self.prefix);
        let ended = self.follow(speaker, listener, &mut lines).await;
        for (shown, _) in lines.rest() {
            // Nobody is there to miss it when this fails.
            let _ = self.show.send(shown).await;
        }
        ended
    }

    async fn follow(
        &mut self,
        mut speaker: Speaker,
        mut listener: Listener,
        lines: &mut Waiting,
    ) -> Result<Ending, Failure> {
        let mut beat = tokio::time::interval(BEAT);
        let (mut heard, mut passed) = (Instant::now(), Passed::default());
        loop {
            tokio::select! {
                room = self.show.reserve(), if !lines.queue.is_empty() => {
                    if let (Ok(room), Some((shown, count))) = (room, lines.queue.pop_front()) {
                        room.send(shown);
                        if let Some(word) = passed.add(count) {
                            // Whoever hears no more is heard of.
                            let _ = speaker.send(&Frame::Word(word)).await;
                        }
                    }
                }
                frame = listener.next() => {
                    heard = Instant::now();
                    match frame? {
                        None => return Err(listener.post_mortem().await.unwrap_or_else(fathom_cluster::cut_off)),
                        Some(Frame::Word(Word::Ended(ending))) => return Ok(ending),
                        Some(Frame::Word(Word::Failed(failure))) => return Err(failure),
                        Some(Frame::Word(Word::Notice(text))) => printer::notice(&format!("{}{text}", self.prefix)),
                        Some(Frame::Output(bytes)) => lines.take_output(&bytes),
                        Some(Frame::Errors(bytes)) => lines.take_errors(&bytes),
                        Some(Frame::Word(_) | Frame::Input(_)) => {}
                    }
                }
                Ok(()) = self.interrupts.changed() => {
                    let first = *self.interrupts.borrow_and_update() == 1;
                    let word = if first { Word::Signal("INT".to_owned()) } else { Word::Kill };
                    let _ = speaker.send(&Frame::Word(word)).await;
                }
                _ = beat.tick() => {
                    let _ = speaker.send(&Frame::Word(Word::Alive)).await;
                    if heard.elapsed() > PATIENCE {
                        return Err(unheard());
                    }
                }
            }
        }
    }
}

/// What one pod has said and nobody has read yet: no more than the node has credit for.
struct Waiting {
    output: Lines,
    errors: Lines,
    /// With how many of the node's bytes each is.
    queue: VecDeque<(Shown, usize)>,
}

impl Waiting {
    fn new(prefix: &str) -> Self {
        Waiting { output: Lines::new(prefix), errors: Lines::new(prefix), queue: VecDeque::new() }
    }

    fn take_output(&mut self, bytes: &[u8]) {
        self.queue.push_back((Shown::Output(self.output.feed(bytes)), bytes.len()));
    }

    fn take_errors(&mut self, bytes: &[u8]) {
        self.queue.push_back((Shown::Errors(self.errors.feed(bytes)), bytes.len()));
    }

    /// All of it, with the lines that have no end.
    fn rest(mut self) -> VecDeque<(Shown, usize)> {
        self.queue.push_back((Shown::Output(self.output.end()), 0));
        self.queue.push_back((Shown::Errors(self.errors.end()), 0));
        self.queue
    }
}

/// Whoever sends into it writes to our stdout and stderr, without blocking us when nobody reads there. One thread
/// writes for all, so no line is torn.
fn show() -> (mpsc::Sender<Shown>, std::thread::JoinHandle<()>) {
    let (sender, mut lines) = mpsc::channel::<Shown>(16);
    let thread = std::thread::spawn(move || {
        while let Some(lines) = lines.blocking_recv() {
            // A reader that has gone is told by the end of the commands, as in any pipeline.
            let _ = match lines {
                Shown::Output(bytes) => std::io::stdout().write_all(&bytes).and_then(|()| std::io::stdout().flush()),
                Shown::Errors(bytes) => std::io::stderr().write_all(&bytes),
            };
        }
    });
    (sender, thread)
}

/// How often our user has pressed Ctrl-C: once is passed on to the commands, twice ends them.
fn interrupts() -> watch::Receiver<u32> {
    let (tell, told) = watch::channel(0);
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            tell.send_modify(|count| *count += 1);
        }
    });
    told
}
