//! Which cluster, and as whom: from a kubeconfig, or from inside a pod.

use std::path::PathBuf;
use std::time::Duration;

use fathom_model::{Class, Failure};
use kube::client::ClientBuilder;
use kube::client::retry::RetryPolicy;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tower::buffer::BufferLayer;
use tower::retry::RetryLayer;

/// What kubectl's common flags say.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// `--kubeconfig`; otherwise `KUBECONFIG`, then `~/.kube/config`, then the pod we run in.
    pub kubeconfig: Option<PathBuf>,
    /// `--context`
    pub context: Option<String>,
    /// `--cluster`
    pub cluster: Option<String>,
    /// `--user`
    pub user: Option<String>,
    /// `--as`
    pub impersonate: Option<String>,
    /// `--as-group`
    pub groups: Vec<String>,
    /// `-n`
    pub namespace: Option<String>,
}

/// A cluster that can be asked.
#[derive(Clone)]
pub struct Cluster {
    pub(crate) client: Client,
    /// The namespace of what is named without one.
    pub namespace: String,
}

impl Cluster {
    /// Reads the configuration; nothing is asked yet.
    pub async fn open(access: &Access) -> Result<Self, Failure> {
        let mut config = configuration(access).await?;
        if let Some(namespace) = &access.namespace {
            config.default_namespace.clone_from(namespace);
        }
        config.auth_info.impersonate.clone_from(&access.impersonate);
        if !access.groups.is_empty() {
            config.auth_info.impersonate_groups = Some(access.groups.clone());
        }
        let namespace = config.default_namespace.clone();
        config.connect_timeout = Some(CONNECT);
        // The client's own way of coming again goes on for hours.
        config.default_retry = false;
        let builder = ClientBuilder::try_from(config).map_err(|error| unusable(error.to_string()))?;
        let client = builder.with_layer(&BufferLayer::new(64)).with_layer(&RetryLayer::new(come_again())).build();
        Ok(Cluster { client, namespace })
    }
}

/// How long an API server may take over a connection and its TLS: a person waits at the other end.
const CONNECT: Duration = Duration::from_secs(15);

/// What a server that has too much to do is given: a person waits at the other end.
fn come_again() -> RetryPolicy {
    let (first, longest) = (Duration::from_millis(200), Duration::from_secs(3));
    RetryPolicy::new(first, longest, 6, true).expect("the pauses are in order")
}

async fn configuration(access: &Access) -> Result<Config, Failure> {
    let options = KubeConfigOptions {
        context: access.context.clone(),
        cluster: access.cluster.clone(),
        user: access.user.clone(),
    };
    if let Some(path) = &access.kubeconfig {
        let read = Kubeconfig::read_from(path).map_err(|error| unusable(error.to_string()))?;
        return Config::from_custom_kubeconfig(read, &options).await.map_err(|error| unusable(error.to_string()));
    }
    let chosen = [&access.context, &access.cluster, &access.user].into_iter().any(Option::is_some);
    let config = match Config::from_kubeconfig(&options).await {
        Ok(config) => config,
        Err(error) if chosen => return Err(unusable(error.to_string())),
        Err(error) => Config::incluster().map_err(|_| unusable(error.to_string()))?,
    };
    Ok(config)
}

/// The contexts that there are to choose from.
pub fn contexts(access: &Access) -> Result<Vec<String>, Failure> {
    let read = match &access.kubeconfig {
        Some(path) => Kubeconfig::read_from(path),
        None => Kubeconfig::read(),
    };
    let read = read.map_err(|error| unusable(error.to_string()))?;
    Ok(read.contexts.into_iter().map(|context| context.name).collect())
}

fn unusable(cause: String) -> Failure {
    Failure { cause: Some(cause), ..Failure::new(Class::Unsupported, "cannot use the configuration of a cluster") }
        .hinting("name a kubeconfig with --kubeconfig or KUBECONFIG, and a context with --context; `fathom ps` lists what runs on this machine")
}
