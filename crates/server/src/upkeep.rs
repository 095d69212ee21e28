//! What may change while we serve, looked after again and again: what the API server says of itself, what it expects
//! of us, our authority and our own certificates, and sessions that are no more.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use fathom_cluster::Cluster;
use fathom_cluster::server::{Announced, Kept};
use fathom_model::Failure;
use fathom_protocol::link;

use crate::agents::Manner;
use crate::audit::{Happened, Line};
use crate::authority::{Authority, Identity, Keyring};
use crate::front::Front;
use crate::gate::Gate;
use crate::service::Server;
use crate::{Settings, facing, manifest, plain};

/// How long our own certificates are good; they are replaced after half of that.
const LIFE: Duration = Duration::from_secs(24 * 3600);

/// How often is looked after everything; more often where things do not last.
const ROUND: Duration = Duration::from_secs(30);

/// What is looked after, and how it is now.
pub(crate) struct Upkeep {
    /// Where our authority is kept.
    pub(crate) authority: Kept,
    /// Where agents see whom to trust.
    pub(crate) bundle: Kept,
    /// Which server of ours we are.
    pub(crate) instance: String,
    pub(crate) keyring: Arc<Keyring>,
    pub(crate) gates: (Arc<Gate>, Arc<Gate>),
    pub(crate) serving: Identity,
    /// When that was made; none where it is to be made anew.
    pub(crate) renewed: Option<Instant>,
    /// Whom agents have been told to trust.
    pub(crate) published: String,
    /// Whom the API server has.
    pub(crate) announced: Option<String>,
}

/// Agents verify us by this before they have anything else.
pub(crate) async fn publish(cluster: &Cluster, kept: &Kept, bundle: &str) -> Result<(), Failure> {
    cluster.amend(kept, |texts| drop(texts.insert("ca.crt".to_owned(), bundle.to_owned()))).await
}

/// What we show: as a server, and to agents, with whom we believe to be one.
pub(crate) fn papers(authority: &Authority, settings: &Settings) -> Result<(Identity, Manner), Failure> {
    let names = [format!("{}.{}.svc", manifest::SERVER, settings.namespace), link::SERVER.to_owned()];
    let manner = Manner { roots: Arc::new(authority.roots()?), identity: authority.speaking(LIFE)? };
    Ok((authority.serving(&names, LIFE)?, manner))
}

impl Upkeep {
    /// For as long as it is polled.
    pub(crate) async fn go_on(mut self, server: &Server) {
        let round = ROUND.min(server.settings.authority.overlap / 5).max(Duration::from_secs(1));
        loop {
            let troubles = [
                self.succeed(server).await,
                self.announce(server).await,
                self.publish(server).await,
                self.renew(server).await,
            ];
            for failure in troubles.into_iter().filter_map(Result::err) {
                let cause = failure.cause.as_ref().map_or_else(String::new, |cause| format!(": {cause}"));
                (server.sink)(&Line::new(Happened::Trouble).because(format!("{failure}{cause}")));
            }
            server.tidy().await;
            tokio::time::sleep(round).await;
        }
    }

    /// Goes by what is kept of our authority, and takes it a step further if it is time.
    async fn succeed(&mut self, server: &Server) -> Result<(), Failure> {
        let now = self.keyring.now();
        // Nobody goes on before everybody has heard where we are.
        if self.announced.as_ref().is_some_and(|announced| *announced != now.bundle) || self.published != now.bundle {
            return Ok(());
        }
        let authority = Authority::keep(&server.cluster, &self.authority, server.settings.authority).await?;
        if authority.bundle == now.bundle {
            return Ok(());
        }
        let what = if authority.pem == now.pem { Happened::AuthorityChanges } else { Happened::AuthoritySucceeds };
        (server.sink)(&Line::new(what));
        self.keyring.change(authority);
        // Whoever it is that signs, what we show is of it from now on, and who is trusted is as it says.
        self.renewed = None;
        Ok(())
    }

    async fn announce(&mut self, server: &Server) -> Result<(), Failure> {
        let bundle = self.keyring.now().bundle.clone();
        let namespace = &server.settings.namespace;
        let service = Announced { namespace, name: manifest::SERVER, instance: &self.instance };
        match &self.announced {
            Some(announced) if *announced == bundle => return Ok(()),
            // Once: who takes it away afterwards wants us gone.
            Some(_) => server.cluster.announce_again(service, &bundle).await?,
            None => server.cluster.announce(service, &bundle).await?,
        }
        self.announced = Some(bundle);
        Ok(())
    }

    async fn publish(&mut self, server: &Server) -> Result<(), Failure> {
        let bundle = self.keyring.now().bundle.clone();
        if self.published != bundle {
            publish(&server.cluster, &self.bundle, &bundle).await?;
            self.published = bundle;
        }
        Ok(())
    }

    /// Renews what we show when it is time, and believes from now on whom the API server says to believe.
    async fn renew(&mut self, server: &Server) -> Result<(), Failure> {
        let due = self.renewed.is_none_or(|renewed| renewed.elapsed() > LIFE / 2);
        if due {
            let (serving, manner) = papers(&self.keyring.now(), &server.settings)?;
            self.serving = serving;
            server.agents.change(manner);
        }
        let old = server.front();
        let proxy = server.cluster.front_proxy().await?;
        let changed = proxy != old.proxy;
        let front = Front { proxy, generation: old.generation + u64::from(changed) };
        if changed || due {
            self.gates.0.change(facing(&front, &self.serving)?, front.generation);
            self.gates.1.change(plain(&self.serving)?, 0);
            *server.front.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(front);
        }
        if due {
            self.renewed = Some(Instant::now());
        }
        Ok(())
    }
}
