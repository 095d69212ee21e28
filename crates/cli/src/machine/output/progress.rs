//! How far an import is, on stderr and only where somebody looks.

use std::io::IsTerminal as _;

use fathom_toolkit::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A line that is redrawn, or nothing where stderr is no terminal.
pub(crate) struct Bar(ProgressBar);

impl Bar {
    pub(crate) fn new() -> Self {
        let target =
            if std::io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        bar.set_style(
            ProgressStyle::with_template("{spinner} {msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()),
        );
        Bar(bar)
    }

    pub(crate) fn show(&mut self, progress: &Progress) {
        let mebibytes = |bytes: &u64| bytes >> 20;
        self.0.set_message(match progress {
            Progress::Waiting => "waiting for another import of the same image".to_owned(),
            Progress::Packing => "reading the folder".to_owned(),
            Progress::Pulling { bytes, total } => format!("pulling: {} of {} MiB", mebibytes(bytes), mebibytes(total)),
            Progress::Unpacking { layer, layers, bytes, .. } => {
                format!("unpacking layer {layer} of {layers}: {} MiB", mebibytes(bytes))
            }
            Progress::Syncing => "writing to disk".to_owned(),
            _ => return,
        });
        self.0.tick();
    }

    pub(crate) fn line(&mut self, text: &str) {
        self.0.set_message(text.to_owned());
        self.0.tick();
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
