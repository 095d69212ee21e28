//! `--toolkit FILE` in a cluster: the archive is sent through the conversation to the node's store, once, from where an
//! earlier try ended.

use std::fs::File;
use std::io::{IsTerminal as _, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use fathom_cluster::{AgentOptions, Cluster, Listener, Speaker};
use fathom_model::{Class, Failure};
use fathom_protocol::api::Archive;
use fathom_protocol::credit::Allowance;
use fathom_protocol::frame::{BEAT, PATIENCE};
use fathom_protocol::{Action, Frame, Word};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use sha2::{Digest as _, Sha256};

use crate::conversation::unheard;
use crate::printer;

/// How much is sent at once.
const PIECE: usize = 128 << 10;

/// What the node is to call the toolkit: a file of ours is brought to it first, a name is a name.
pub(super) async fn brought(
    cluster: &Cluster,
    node: &str,
    options: &AgentOptions,
    toolkit: Option<String>,
) -> Result<Option<String>, Failure> {
    let Some(parcel) = Parcel::of(toolkit.as_deref())? else { return Ok(toolkit) };
    let Archive { digest, size } = parcel.archive();
    let (speaker, listener) = cluster.reach(node, options, Action::Bring { archive: digest, size }).await?;
    parcel.send(node, speaker, listener).await.map(Some)
}

/// A file of ours that a node is to have.
pub(super) struct Parcel {
    path: PathBuf,
    archive: Archive,
}

impl Parcel {
    /// The file that a toolkit is; none where it is a name.
    pub(super) fn of(toolkit: Option<&str>) -> Result<Option<Self>, Failure> {
        let Some(path) = toolkit.map(Path::new).filter(|path| path.is_file()) else { return Ok(None) };
        let failed = |error| unreadable(path, error);
        let mut file = File::open(path).map_err(failed)?;
        let size = file.metadata().map_err(failed)?.len();
        let digest = digest(&mut file).map_err(failed)?;
        Ok(Some(Parcel { path: path.to_owned(), archive: Archive { digest, size } }))
    }

    /// By what it is known before it is sent.
    pub(super) fn archive(&self) -> Archive {
        self.archive.clone()
    }

    /// Sends it, as far as the node lacks it; gives what the node calls it from then on.
    pub(super) async fn send(&self, node: &str, speaker: Speaker, listener: Listener) -> Result<String, Failure> {
        let file = File::open(&self.path).map_err(|error| unreadable(&self.path, error))?;
        let bar = bar(&self.path, node, self.archive.size);
        let answer = Sending { file, path: &self.path, bar: &bar, speaker, listener }.carry().await;
        bar.finish_and_clear();
        serde_json::from_str(&answer?)
            .map_err(|error| Failure::new(Class::System, format!("the node's answer cannot be read: {error}")))
    }
}

fn unreadable(path: &Path, error: std::io::Error) -> Failure {
    let class = if error.kind() == std::io::ErrorKind::PermissionDenied { Class::Denied } else { Class::System };
    Failure { cause: Some(error.to_string()), ..Failure::new(class, format!("cannot read {}", path.display())) }
}

fn digest(file: &mut File) -> std::io::Result<String> {
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            count => hash.update(&buffer[..count]),
        }
    }
    Ok(hash.finalize().iter().fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}")))
}

/// Nothing where nobody looks.
fn bar(path: &Path, node: &str, size: u64) -> ProgressBar {
    let looked_at = std::io::stderr().is_terminal();
    let target = if looked_at { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(size), target);
    let style = ProgressStyle::with_template("{msg}: {bytes} of {total_bytes}, {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_message(format!("sending {} to {node}", path.display()));
    bar
}

/// An archive on its way.
struct Sending<'a> {
    file: File,
    path: &'a Path,
    bar: &'a ProgressBar,
    speaker: Speaker,
    listener: Listener,
}

impl Sending<'_> {
    /// Sends what the node lacks, in pieces that it has room for; gives its answer.
    async fn carry(mut self) -> Result<String, Failure> {
        let (mut allowance, mut buffer, mut sends) = (Allowance::default(), vec![0; PIECE], false);
        let mut beat = tokio::time::interval(BEAT);
        loop {
            if sends && allowance.left() > 0 {
                let most = PIECE.min(allowance.left());
                let read = self.file.read(&mut buffer[..most]).map_err(|error| unreadable(self.path, error))?;
                sends = read > 0;
                allowance.spend(read);
                self.bar.inc(read as u64);
                if sends {
                    self.speaker.send(&Frame::Input(buffer[..read].to_vec())).await?;
                }
                // What is heard meanwhile is not waited for.
                if let Ok(frame) = tokio::time::timeout(std::time::Duration::ZERO, self.listener.next()).await
                    && let Some(answer) = self.obey(frame?, &mut allowance, &mut sends)?
                {
                    return Ok(answer);
                }
                continue;
            }
            tokio::select! {
                frame = tokio::time::timeout(PATIENCE, self.listener.next()) => {
                    let frame = frame.map_err(|_| unheard().hinting("send it again: what came is kept"))?;
                    if let Some(answer) = self.obey(frame?, &mut allowance, &mut sends)? {
                        return Ok(answer);
                    }
                }
                _ = beat.tick() => self.speaker.send(&Frame::Word(Word::Alive)).await?,
            }
        }
    }

    fn obey(
        &mut self,
        frame: Option<Frame>,
        allowance: &mut Allowance,
        sends: &mut bool,
    ) -> Result<Option<String>, Failure> {
        match frame {
            None => return Err(fathom_cluster::cut_off()),
            Some(Frame::Word(Word::Have(have))) => {
                self.file.seek(SeekFrom::Start(have)).map_err(|error| unreadable(self.path, error))?;
                self.bar.set_position(have);
                *sends = true;
            }
            Some(Frame::Word(Word::Room(room))) => allowance.grow(room),
            Some(Frame::Word(Word::Notice(text))) => printer::notice(&text),
            Some(Frame::Word(Word::Failed(failure))) => return Err(failure),
            Some(Frame::Word(Word::Answer(text))) => return Ok(Some(text)),
            Some(_) => {}
        }
        Ok(None)
    }
}
