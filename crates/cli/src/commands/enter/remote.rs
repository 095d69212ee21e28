//! The same words for a pod or a node of a cluster: an agent there does what this machine would have done.

use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use fathom_cluster::{Access, AgentOptions, Cluster, Listener, Located, Speaker};
use fathom_enter::client::{self, Input};
use fathom_model::target::Object;
use fathom_model::{Class, Failure};
use fathom_protocol::frame::{BEAT, PATIENCE};
use fathom_protocol::{Action, Entry, Frame, Place, Word};
use tokio::sync::mpsc;

use super::input;
use crate::printer;
use crate::words::{self, Enter};

/// An agent outlives no session that nobody has ended for so long.
const DEADLINE: Duration = Duration::from_secs(24 * 3600);

/// How long an agent may take to start: a pull of its image is part of that.
const START: Duration = Duration::from_secs(120);

pub(super) fn enter(words: &Enter, object: Object, entry: Entry) -> anyhow::Result<i32> {
    if words.record.is_some() || words.dry_run {
        return Err(Failure::new(Class::Usage, "--record and --dry-run are for targets on this machine")
            .hinting("leave them out")
            .into());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let status = runtime.block_on(converse(words, object, entry));
    // A read of stdin has no end.
    runtime.shutdown_background();
    Ok(status?)
}

async fn converse(words: &Enter, mut object: Object, mut entry: Entry) -> Result<i32, Failure> {
    let flags = &words.cluster;
    let cluster = Cluster::open(&access(flags)).await?;
    object.container = object.container.or_else(|| flags.container.clone());
    let asked = object.to_string();
    let located = cluster.locate(&object).await?;
    if !matches!(object.kind, fathom_model::target::ObjectKind::Pod | fathom_model::target::ObjectKind::Node) {
        printer::notice(&format!("{asked} is {}", located.describe()));
    }
    entry.place = place(&located);
    let agent = cluster.agent(&located.node, &agent_options(words)).await?;
    let (speaker, listener) = cluster.converse(&agent, Action::Enter(Box::new(entry))).await?;
    carry(words, speaker, listener).await
}

fn access(flags: &words::Cluster) -> Access {
    Access {
        kubeconfig: flags.kubeconfig.clone(),
        context: flags.context.clone(),
        impersonate: flags.impersonate.clone(),
        groups: flags.groups.clone(),
        namespace: flags.namespace.clone(),
        ..Access::default()
    }
}

fn agent_options(words: &Enter) -> AgentOptions {
    let flags = &words.cluster;
    AgentOptions {
        namespace: flags.agent_namespace.clone(),
        image: flags.agent_image.clone(),
        pull_secrets: flags.image_pull_secret.clone(),
        grace: flags.grace,
        deadline: DEADLINE.max(words.ttl.unwrap_or_default() + flags.grace * 2),
        patience: START,
    }
}

fn place(located: &Located) -> Place {
    match &located.container {
        None => Place::Node,
        Some(container) => Place::Container { id: container.id.clone(), pod: container.uid.clone() },
    }
}

/// Our terminal or pipes on one side, frames on the other, until the node has said its last word.
async fn carry(words: &Enter, speaker: Speaker, mut listener: Listener) -> Result<i32, Failure> {
    let terminal = super::terminal(words)?.is_some();
    let stdin = std::io::stdin();
    let _raw = (terminal && input(words) == Input::Forwarded).then(|| client::Raw::new(stdin.as_fd())).flatten();
    let say = say(speaker);
    if input(words) == Input::Forwarded {
        read_stdin(say.clone());
    } else {
        let _ = say.send(Frame::Input(Vec::new())).await;
    }
    let (show, shows) = show();
    let mut signals = Signals::new(terminal)?;
    let mut beat = tokio::time::interval(BEAT);
    let (mut heard, mut shown) = (Instant::now(), None);
    let last = loop {
        tokio::select! {
            // What is not shown yet holds the node back, and nothing else.
            room = show.reserve(), if shown.is_some() => {
                if let (Ok(room), Some(frame)) = (room, shown.take()) {
                    room.send(frame);
                }
            }
            frame = listener.next(), if shown.is_none() => {
                heard = Instant::now();
                match frame? {
                    None => break Err(listener.post_mortem().await),
                    Some(Frame::Word(Word::Ended(ending))) => break Ok(ending.status()),
                    Some(Frame::Word(Word::Failed(failure))) => break Err(failure),
                    Some(Frame::Word(Word::Notice(text))) => printer::notice(&text),
                    Some(Frame::Word(Word::Started(id))) if words.detach => {
                        printer::data(&format!("{id}\n"));
                        break Ok(0);
                    }
                    Some(Frame::Word(_) | Frame::Input(_)) => {}
                    Some(frame) => shown = Some(frame),
                }
            }
            word = signals.next() => {
                let _ = say.send(Frame::Word(word)).await;
            }
            _ = beat.tick() => {
                // A full queue says by itself that we are there.
                let _ = say.try_send(Frame::Word(Word::Alive));
                if shown.is_none() && heard.elapsed() > PATIENCE {
                    break Err(Failure::new(Class::System, "the node has not been heard for a while")
                        .hinting("the network or the node is gone; the session ends there by itself"));
                }
            }
        }
    };
    // All that came before the last word is to be seen before we go.
    drop(show);
    let _ = shows.join();
    last
}

/// Whoever sends into it speaks to the node, without waiting for what the node says.
fn say(mut speaker: Speaker) -> mpsc::Sender<Frame> {
    let (sender, mut frames) = mpsc::channel::<Frame>(4);
    tokio::spawn(async move {
        while let Some(frame) = frames.recv().await {
            if speaker.send(&frame).await.is_err() {
                // The other direction says why.
                return;
            }
        }
    });
    sender
}

fn read_stdin(say: mpsc::Sender<Frame>) {
    std::thread::spawn(move || {
        let mut buffer = vec![0; 128 << 10];
        loop {
            let count = std::io::stdin().read(&mut buffer).unwrap_or(0);
            if say.blocking_send(Frame::Input(buffer[..count].to_vec())).is_err() || count == 0 {
                return;
            }
        }
    });
}

/// Whoever sends into it writes to our stdout and stderr, without blocking us when nobody reads there.
fn show() -> (mpsc::Sender<Frame>, std::thread::JoinHandle<()>) {
    let (sender, mut frames) = mpsc::channel::<Frame>(4);
    let thread = std::thread::spawn(move || {
        while let Some(frame) = frames.blocking_recv() {
            // A reader that has gone is told by the end of the command, as in any pipeline.
            let _ = match frame {
                Frame::Output(bytes) => std::io::stdout().write_all(&bytes).and_then(|()| std::io::stdout().flush()),
                Frame::Errors(bytes) => std::io::stderr().write_all(&bytes),
                Frame::Input(_) | Frame::Word(_) => Ok(()),
            };
        }
    });
    (sender, thread)
}

/// What our terminal or whoever sends signals tells us.
struct Signals {
    resize: tokio::signal::unix::Signal,
    others: Vec<(&'static str, tokio::signal::unix::Signal)>,
}

impl Signals {
    fn new(terminal: bool) -> Result<Self, Failure> {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| signal(kind).map_err(|error| fathom_enter::failure::refused("receive signals", error));
        let kinds = [
            ("INT", SignalKind::interrupt()),
            ("TERM", SignalKind::terminate()),
            ("HUP", SignalKind::hangup()),
            ("QUIT", SignalKind::quit()),
            ("USR1", SignalKind::user_defined1()),
            ("USR2", SignalKind::user_defined2()),
        ];
        // With a terminal, keys are bytes; only its end and somebody's wish to end us are signals.
        let kinds = kinds.into_iter().filter(|(name, _)| !terminal || matches!(*name, "TERM" | "HUP"));
        let others = kinds.map(|(name, kind)| Ok((name, listen(kind)?))).collect::<Result<_, Failure>>()?;
        Ok(Signals { resize: listen(SignalKind::window_change())?, others })
    }

    async fn next(&mut self) -> Word {
        let others = std::future::poll_fn(|context| {
            let mut came = self
                .others
                .iter_mut()
                .filter_map(|(name, signal)| signal.poll_recv(context).is_ready().then_some(*name));
            came.next().map_or(std::task::Poll::Pending, std::task::Poll::Ready)
        });
        tokio::select! {
            _ = self.resize.recv() => {
                let (columns, rows) = client::terminal_size(std::io::stdout());
                Word::Resize(columns, rows)
            }
            name = others => Word::Signal(name.to_owned()),
        }
    }
}
