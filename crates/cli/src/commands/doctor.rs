//! `fathom doctor`: what works, each gap with its remedy. On this machine, or, as `kubectl fathom doctor`, in a cluster
//! for whoever asks.

use fathom_cluster::Cluster;
use fathom_cluster::checkup::{Look, Standing, Way};

use crate::output::doctor::{Area, Check, FIELDS, State, status};
use crate::words::Doctor;
use crate::{environment, kubernetes, machine, output, printer};

pub(crate) fn run(words: &Doctor) -> anyhow::Result<i32> {
    let checks = if is_remote(words) { far(words)? } else { machine::checks()? };
    printer::data(&output::records(FIELDS, &checks, words.output)?);
    Ok(status(&checks))
}

/// Whether a cluster is meant.
pub(crate) fn is_remote(words: &Doctor) -> bool {
    words.remote || environment::is_plugin()
}

fn far(words: &Doctor) -> anyhow::Result<Vec<Check>> {
    let options = kubernetes::agent(&words.cluster.reach, None);
    let way = if words.cluster.reach.agentless { Way::Past } else { Way::Any };
    let looks = kubernetes::block_on(async {
        Ok(Cluster::open(&kubernetes::access(&words.cluster)).await?.checkup(&options, way).await)
    })?;
    Ok(looks.into_iter().map(check).collect())
}

fn check(look: Look) -> Check {
    let state = match look.standing {
        Standing::Works => State::Works,
        Standing::Absent => State::Absent,
        Standing::Gap => State::Gap,
        Standing::Blocks => State::Blocks,
    };
    Check {
        area: Area::Cluster,
        name: look.what,
        state,
        note: look.note,
        cause: look.cause,
        remedy: look.remedy,
        since: None,
    }
}
