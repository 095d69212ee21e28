//! `fathom serve --api`, which a pod runs where fathom is installed: audit lines go to stdout, one object each.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use fathom_cluster::{Access, Cluster};
use fathom_enter::failure::{Step as _, refused};
use fathom_protocol::link;
use fathom_server::audit::{Line, Sink};
use fathom_server::authority::rotation::Terms;
use fathom_server::{Settings, manifest};
use tokio::net::TcpListener;

use super::words::Serve;
use crate::{kubernetes, printer};

/// How long it may take until an agent sees in its pod whom to trust: a kubelet looks every minute or two.
const HEARSAY: Duration = Duration::from_secs(600);

pub(crate) fn run(words: &Serve) -> anyhow::Result<i32> {
    let settings = Settings {
        namespace: words.namespace.clone(),
        agent_account: manifest::AGENT.to_owned(),
        agent_port: link::AGENT_PORT,
        certificate_life: words.certificate_life,
        authority: Terms {
            life: words.authority_life,
            overlap: words.authority_overlap.unwrap_or(words.certificate_life + HEARSAY),
        },
    };
    let listen = async |port: u16| {
        let address = SocketAddr::new(words.address, port);
        TcpListener::bind(address).await.map_err(|error| refused(format!("listen on {address}"), error))
    };
    let sink: Sink = Arc::new(|line: &Line| {
        let text = serde_json::to_string(line).expect("lines are plain data");
        printer::data(&format!("{text}\n"));
    });
    kubernetes::block_on(async {
        let cluster = Cluster::open(&Access::default()).await?;
        let listeners = (listen(manifest::API_PORT).await?, listen(manifest::ENROLMENT_PORT).await?);
        let stop = stop().step("receive signals")?;
        fathom_server::serve(cluster, settings, listeners, sink, stop).await
    })?;
    Ok(0)
}

/// Ends when somebody wants us to: a kubelet says SIGTERM, a terminal SIGINT.
pub(super) fn stop() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
    })
}
