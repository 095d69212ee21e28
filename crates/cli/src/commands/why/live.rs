//! `fathom why` of a cluster that runs: what is near the target is read, then what the answer misses, until nothing more
//! would change it.

use std::collections::BTreeSet;
use std::io::IsTerminal as _;

use fathom_cluster::collect::{Collector, Found, LogReading, LogRun, Reading, Resource, View};
use fathom_cluster::{Access, Cluster};
use fathom_diagnose::kinds::{self, Depth};
use fathom_diagnose::snapshot::{Coverage, LogName, Run, fold};
use fathom_diagnose::time::Time;
use fathom_diagnose::wishes::{self, Wish};
use fathom_diagnose::{Gathering, Question, Ref, Snapshot, diagnose, target};
use fathom_model::{Class, Failure};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::afar::Further;
use crate::kubernetes;
use crate::words::Asked;

/// How often what the answer misses is read: a service leads to another namespace, whose pods lead to a node.
const ROUNDS: usize = 4;

/// Reads what answers a question about a target, and what is wished beyond; gives the question.
pub(super) fn read(target: Option<&str>, asked: &Asked, further: &Further<'_>) -> anyhow::Result<(Snapshot, Question)> {
    let pod = target.filter(|text| !text.contains('/')).map(|name| format!("pod/{name}"));
    let target = pod.as_deref().or(target);
    kubernetes::block_on(async {
        let cluster = Cluster::open(&access(asked)).await?;
        let named = target.map(target::read).transpose()?;
        // Where the target's namespace is not known, it is looked for everywhere.
        let question = match named {
            Some(_) if asked.all_namespaces => Question::Everything,
            None => asked.namespace.clone().map_or(Question::Everything, Question::Namespace),
            Some(named) if named.kind.name == "Namespace" => Question::Namespace(named.name.to_owned()),
            Some(named) => {
                let namespace = named.namespace.unwrap_or(&cluster.namespace);
                let namespace = if named.kind.is_namespaced() { namespace } else { "" };
                Question::Object(Ref::new(named.kind.name, namespace, named.name))
            }
        };
        let mut reader = Reader::new(Collector::open(&cluster).await?);
        let snapshot = reader.read(&question).await?;
        let namespace = Some(cluster.namespace.as_str()).filter(|_| !asked.all_namespaces);
        let question = match (target, question) {
            (Some(text), _) => {
                target::question(&snapshot, text, namespace).map_err(|gone| unseen(&snapshot, text, namespace, gone))?
            }
            (None, question) => question,
        };
        let read = further.read(&cluster, &mut reader, &question).await;
        reader.bar.finish_and_clear();
        read?;
        Ok((reader.look(), question))
    })
}

fn access(asked: &Asked) -> Access {
    Access {
        kubeconfig: asked.kubeconfig.clone(),
        context: asked.context.clone(),
        impersonate: asked.impersonate.clone(),
        groups: asked.groups.clone(),
        namespace: asked.namespace.clone(),
        ..Access::default()
    }
}

/// What is not among the objects that could be read need not be missing.
fn unseen(snapshot: &Snapshot, text: &str, namespace: Option<&str>, gone: Failure) -> Failure {
    let Ok(named) = target::read(text) else { return gone };
    let place = named.namespace.or(namespace).filter(|_| named.kind.is_namespaced()).unwrap_or_default();
    match snapshot.coverage().complete(named.kind.name, place) {
        Err(need) if gone.class == Class::NotFound && need.list.as_ref().is_some_and(|list| !list.untried) => {
            let denied = need.reason.starts_with(fathom_diagnose::snapshot::FORBIDDEN);
            let class = if denied { Class::Denied } else { Class::System };
            Failure { cause: Some(need.reason.clone()), ..Failure::new(class, format!("cannot look for `{text}`")) }
                .hinting(fold(&[need]).concat())
        }
        _ => gone,
    }
}

/// What has been read so far, and what was asked for already.
pub(super) struct Reader {
    collector: Collector,
    pub(super) gathering: Gathering,
    coverage: Coverage,
    logs: BTreeSet<LogName>,
    bar: ProgressBar,
}

impl Reader {
    fn new(collector: Collector) -> Reader {
        let target =
            if std::io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        bar.set_style(
            ProgressStyle::with_template("{spinner} {msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()),
        );
        Reader { collector, gathering: Gathering::new(), coverage: Coverage::nothing(), logs: BTreeSet::new(), bar }
    }

    async fn read(&mut self, question: &Question) -> Result<Snapshot, Failure> {
        let mut wishes = wishes::first(question);
        for round in 1.. {
            self.lists(&wishes).await;
            if self.gathering.is_empty() {
                return Err(nothing(&self.coverage));
            }
            let (logs, left) = wishes::logs(&self.look(), question);
            self.logs(logs).await;
            let snapshot = self.look();
            wishes = wishes::next(&snapshot, question, &diagnose(&snapshot, question));
            if wishes.is_empty() || round == ROUNDS {
                if left > 0 {
                    self.coverage.miss(
                        format!("read the logs of {left} more containers"),
                        "there are too many; name one of their pods",
                    );
                }
                break;
            }
        }
        self.bar.finish_and_clear();
        Ok(self.look())
    }

    /// Shows what is done now.
    pub(super) fn says(&self, what: &str) {
        if self.bar.is_finished() {
            self.bar.reset();
        }
        self.bar.set_message(what.to_owned());
        self.bar.tick();
    }

    /// What is known now.
    pub(super) fn look(&mut self) -> Snapshot {
        self.collector.now().into_iter().for_each(|now| self.gathering.taken_at(Time(now)));
        self.gathering.covers(self.coverage.clone());
        self.gathering.look()
    }

    pub(super) async fn lists(&mut self, wishes: &BTreeSet<Wish>) {
        // In the order of the table: what matters most comes first.
        let of_kind = |kind: &'static kinds::Kind| {
            wishes.iter().filter(move |wish| wish.kind == kind.name).map(move |wish| reading(kind, wish))
        };
        let readings: Vec<Reading> = kinds::KINDS.iter().flat_map(of_kind).collect();
        let (lists, mut done) = (readings.len(), 0);
        let Reader { collector, gathering, coverage, bar, .. } = self;
        collector
            .read(readings, &mut |found| match found {
                Found::Object(object) => gathering.value(object),
                Found::Whole { kind, namespace } => {
                    done += 1;
                    bar.set_message(format!("{done} of {lists} lists"));
                    coverage.list(kind, namespace.as_deref());
                }
                Found::Page { kind, objects } => {
                    bar.set_message(format!("{done} of {lists} lists: {objects} of kind {kind}"));
                    bar.tick();
                }
                Found::Anew { kind, namespace } => gathering.forget(kind, namespace.as_deref()),
                Found::Gap { kind, namespace, reason } => coverage.refuse(kind, namespace.as_deref(), &reason),
                Found::Log(..) | Found::NoLog(..) => {}
            })
            .await;
    }

    async fn logs(&mut self, names: Vec<LogName>) {
        let new: Vec<LogName> = names.into_iter().filter(|name| self.logs.insert(name.clone())).collect();
        let Reader { collector, gathering, coverage, bar, .. } = self;
        let mut left = new.len();
        collector
            .logs(new.into_iter().map(log_reading).collect(), &mut |found| {
                left -= 1;
                bar.set_message(format!("{left} logs to read"));
                bar.tick();
                match found {
                    Found::Log(reading, bytes) => gathering.log(log_name(reading), &bytes),
                    Found::NoLog(reading, reason) if !is_empty(&reason) => {
                        let run = if reading.run == LogRun::Previous { "previous log" } else { "log" };
                        coverage.miss(
                            format!("read the {run} of {}/{}/{}", reading.namespace, reading.pod, reading.container),
                            reason,
                        );
                    }
                    _ => {}
                }
            })
            .await;
    }
}

/// Whether a log is not there because there is nothing to log, not because it may not be read.
fn is_empty(reason: &str) -> bool {
    ["previous terminated container", "is waiting to start", "there is none", "not found"]
        .iter()
        .any(|part| reason.contains(part))
}

/// Nothing at all could be read.
fn nothing(coverage: &Coverage) -> Failure {
    let gaps: Vec<_> = coverage.gaps().collect();
    let Some(first) = gaps.first() else {
        return Failure::new(Class::NotFound, "the cluster holds no object that can be read");
    };
    let denied = first.reason.starts_with(fathom_diagnose::snapshot::FORBIDDEN);
    let class = if denied { Class::Denied } else { Class::System };
    Failure { cause: Some(first.reason.clone()), ..Failure::new(class, "nothing of the cluster can be read") }
        .hinting(fold(&gaps).join("\n"))
}

fn reading(kind: &'static kinds::Kind, wish: &Wish) -> Reading {
    let view = if kind.depth == Depth::Metadata { View::Metadata } else { View::Whole };
    let resource = Resource {
        kind: kind.name,
        group: kind.group,
        versions: kind.versions,
        plural: kind.plural,
        namespaced: kind.is_namespaced(),
        view,
    };
    Reading { resource, namespace: wish.namespace.clone(), name: wish.name.clone() }
}

fn log_reading(name: LogName) -> LogReading {
    let LogName { namespace, pod, container, run } = name;
    let run = if run == Run::Previous { LogRun::Previous } else { LogRun::Current };
    LogReading { namespace, pod, container, run, lines: wishes::LINES }
}

fn log_name(reading: LogReading) -> LogName {
    let LogReading { namespace, pod, container, run, .. } = reading;
    let run = if run == LogRun::Previous { Run::Previous } else { Run::Current };
    LogName { namespace, pod, container, run }
}
