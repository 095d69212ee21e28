//! fathom installed beside the shop for as long as it is measured, as a person installs it.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::bail;

use super::place::Place;

/// Images are there; what takes its time are certificates and a daemon set.
const PATIENCE: Duration = Duration::from_secs(120);

/// A server and its agents; taken away when this is dropped.
pub(super) struct Installed<'a> {
    place: &'a Place,
    manifest: String,
}

impl<'a> Installed<'a> {
    /// Installs it, and waits until a pod can be entered through it.
    pub(super) fn begin(place: &'a Place) -> anyhow::Result<Self> {
        let manifest = place.done(place.install())?;
        let installed = Installed { place, manifest };
        place.apply(&installed.manifest)?;
        let started = Instant::now();
        while let Err(error) = place.done(installed.enter(&["true"])) {
            if started.elapsed() > PATIENCE {
                bail!("the server cannot be used: {error:#}");
            }
            std::thread::sleep(Duration::from_millis(500));
        }
        Ok(installed)
    }

    /// `fathom enter` into the shop, through the server.
    pub(super) fn enter(&self, command: &[&str]) -> Command {
        self.place.enter_by("--installed", command)
    }
}

impl Drop for Installed<'_> {
    fn drop(&mut self) {
        // First the announcement, so that no API waits for a server that has gone.
        let _ = self.place.kubectl(&["delete", "apiservice", "v1alpha1.fathom.dev", "--ignore-not-found"]).output();
        let _ = self.place.feed(&["delete", "--ignore-not-found", "--wait=false", "-f", "-"], &self.manifest);
    }
}
