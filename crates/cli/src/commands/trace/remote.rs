//! `fathom trace` of what runs in a cluster: an agent on its node traces it with the same words, and what it shows comes
//! back as from any command. A recording is written to the node's stdout, and to the file here.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal as _};
use std::path::Path;

use fathom_cluster::{Cluster, Goal, Listener, Located, Speaker};
use fathom_model::target::ObjectKind;
use fathom_model::{Class, Failure, Target};
use fathom_protocol::api::Act;
use fathom_protocol::{Action, Entry, Input, Place, tracing};

use super::asked::Standing;
use crate::commands::enter::{self, Whom};
use crate::conversation::{self, Last, Manner, Sink};
use crate::installed::{self, Way};
use crate::terminal::size;
use crate::words::Trace;
use crate::{environment, kubernetes, machine, printer};

/// What stands for stdout.
const STDOUT: &str = "-";

/// What is looked at in a cluster, if that is where it is: to kubectl's users always, otherwise if it is not here.
pub(super) fn whom(words: &Trace, target: Option<&Target>) -> Option<Whom> {
    if let Some(labels) = &words.selector {
        return Some(Whom::Labels(labels.clone()));
    }
    let Some(Target::Object(object)) = target.filter(|_| !words.here) else { return None };
    let is_here = || {
        let here = object.kind == ObjectKind::Pod && !environment::is_plugin();
        here && machine::standing(&Target::Object(object.clone())) == Standing::Here
    };
    (!is_here()).then(|| Whom::Object(object.clone()))
}

/// Shows it until somebody ends it. `arguments` are those of views.
pub(super) fn trace(words: &Trace, whom: Whom, filter: &str, arguments: &[String]) -> anyhow::Result<i32> {
    let entry = entry(words, filter, arguments)?;
    let sink = sink(words)?;
    match kubernetes::block_on(converse(words, whom, entry, sink))? {
        Last::Ended(ending) => Ok(ending.status()),
        Last::Left(id) => {
            printer::data(&format!("{id}\n"));
            Ok(0)
        }
        Last::Answer(_) => Ok(0),
    }
}

async fn converse(words: &Trace, whom: Whom, mut entry: Entry, sink: Sink) -> Result<Last, Failure> {
    let namespace = words.namespace.clone().or_else(|| words.usual_namespace.clone());
    let cluster = Cluster::open(&kubernetes::access_in(namespace, &words.reach)).await?;
    let container = words.container.clone().or_else(|| match &whom {
        Whom::Object(object) => object.container.clone(),
        Whom::Labels(_) => None,
    });
    let (located, way) =
        tokio::join!(enter::locate(&cluster, whom, container.as_deref()), installed::way(&cluster, &words.reach));
    let (located, way) = (located?, way?);
    let class = located.container.as_ref().and_then(|container| container.runtime_class.as_deref());
    if let Some(sandbox) = cluster.sandbox(class).await? {
        let what = format!("{}, of which its node sees no system call", sandbox.describe(located.pod_name()));
        return Err(Failure::new(Class::Unsupported, what)
            .hinting("trace it from within: `fathom enter --ephemeral` goes in, and strace works there"));
    }
    let terminal = entry.terminal.is_some();
    let manner = Manner { terminal, input: if terminal { Input::Forwarded } else { Input::Closed } };
    let (goal, place) = meant(&located, container.as_deref());
    let (speaker, listener) = match way {
        Way::Server => cluster.begin_session(Act::Trace, &goal, entry).await,
        Way::Exec => {
            entry.place = place;
            past_the_server(&cluster, words, &located.node, entry).await
        }
    }
    .map_err(|failure| of_an_older_one(failure, &located.node))?;
    let sink = emptied(sink)?;
    let last = conversation::carry_to(sink, manner, speaker, listener).await;
    last.map_err(|failure| of_an_older_one(failure, &located.node))
}

async fn past_the_server(
    cluster: &Cluster,
    words: &Trace,
    node: &str,
    entry: Entry,
) -> Result<(Speaker, Listener), Failure> {
    let options = kubernetes::agent(&words.reach, None);
    cluster.reach(node, &options, Action::Trace(Box::new(entry))).await
}

/// One container where it is named, else all of the pod.
fn meant(located: &Located, container: Option<&str>) -> (Goal, Place) {
    match &located.container {
        Some(main) if container.is_none() => {
            let (namespace, pod, uid) = (main.namespace.clone(), main.pod.clone(), main.uid.clone());
            let place = Place::Pod { pod: uid.clone(), namespace: namespace.clone(), name: pod.clone() };
            (Goal::Pod { namespace, pod, uid }, place)
        }
        _ => (Goal::from(located), enter::place(located)),
    }
}

/// What an agent or a server from before there were traces says to one, in other words.
fn of_an_older_one(failure: Failure, node: &str) -> Failure {
    let older =
        |what: &str| Failure::new(Class::Unsupported, format!("{what} is of an older version, which cannot trace"));
    if failure.message.contains("unknown variant `trace`") {
        return older(&format!("the agent on {node}")).hinting("use the same version of fathom on both sides");
    }
    if failure.class == Class::NotFound && failure.message == "there is no such path" {
        return older("the server of the cluster").hinting("--agentless goes past it, with your own rights");
    }
    failure
}

/// What the node is told.
fn entry(words: &Trace, filter: &str, arguments: &[String]) -> Result<Entry, Failure> {
    let mut command = words.options.clone();
    if words.write.is_some() {
        check_recording(words)?;
        command.push(format!("--{}={STDOUT}", tracing::WRITE.name));
    }
    if !filter.is_empty() {
        command.push(format!("--{}={filter}", tracing::FILTER.name));
    }
    command.extend(arguments.iter().cloned());
    tracing::check(&command).map_err(|unknown| Failure::new(Class::Usage, unknown.to_string()))?;
    let streams_are_terminals = io::stdin().is_terminal() && io::stdout().is_terminal() && io::stderr().is_terminal();
    let terminal = (streams_are_terminals && words.write.is_none()).then(size);
    Ok(Entry { command, terminal, env: variables(), ..Entry::default() })
}

/// Of a recording that comes from elsewhere there is one file, with nothing else beside it.
fn check_recording(words: &Trace) -> Result<(), Failure> {
    let divides = [
        ("-C", words.file_size.is_some()),
        ("-G", words.file_seconds.is_some()),
        ("-e", words.events.is_some()),
        ("-W", words.limit.is_some()),
    ];
    if let Some((option, _)) = divides.iter().find(|(_, asked)| *asked) {
        return Err(Failure::new(
            Class::Usage,
            format!("a recording from a cluster is one file: {option} divides none"),
        )
        .hinting(format!("leave {option} out, or run fathom on the node itself")));
    }
    if words.summary || !words.views.is_empty() {
        let what = if words.summary { "-S" } else { "-c" };
        return Err(Failure::new(Class::Usage, format!("a recording from a cluster comes alone, without {what}"))
            .hinting(format!("leave {what} out, and read the recording with it: `fathom trace -r FILE {what} …`")));
    }
    Ok(())
}

/// How our terminal is written to, and what our clock says: times are shown as here.
fn variables() -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    let mut set = |name: &str, value: String| drop(variables.insert(name.to_owned(), value));
    if environment::value("NO_COLOR").is_some() {
        set("NO_COLOR", "1".to_owned());
    }
    set("TERM", environment::text("TERM").unwrap_or_else(|| "xterm".to_owned()));
    set("TZ", zone(jiff::Zoned::now().offset().seconds()));
    variables
}

/// So many seconds east of Greenwich, as POSIX writes it: the other way round.
fn zone(east: i32) -> String {
    let (sign, name) = if east < 0 { ('+', '-') } else { ('-', '+') };
    let (hours, minutes, seconds) = (east.abs() / 3600, east.abs() / 60 % 60, east.abs() % 60);
    format!("<{name}{hours:02}{minutes:02}>{sign}{hours:02}:{minutes:02}:{seconds:02}")
}

/// Where it goes here. What cannot be written is told before anything is asked for.
fn sink(words: &Trace) -> Result<Sink, Failure> {
    let Some(path) = words.write.as_deref().filter(|path| *path != Path::new(STDOUT)) else { return Ok(Sink::Reader) };
    let opened = OpenOptions::new().write(true).create(true).truncate(false).open(path);
    opened.map(Sink::File).map_err(|error| {
        let class = if error.kind() == io::ErrorKind::PermissionDenied { Class::Denied } else { Class::System };
        Failure { cause: Some(error.to_string()), ..Failure::new(class, format!("cannot write {}", path.display())) }
    })
}

/// Without what was in the file before, which is kept until there is something to replace it.
fn emptied(sink: Sink) -> Result<Sink, Failure> {
    let empty = |file: &File| match file.metadata()?.is_file() {
        true => file.set_len(0),
        false => Ok(()),
    };
    match &sink {
        Sink::File(file) => empty(file).map(|()| sink).map_err(|error| {
            let failure = Failure::new(Class::System, "cannot empty the file of the recording");
            Failure { cause: Some(error.to_string()), ..failure }
        }),
        _ => Ok(sink),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_written_as_posix_has_it() {
        for (east, expect) in [(0, "<+0000>-00:00:00"), (7200, "<+0200>-02:00:00"), (-12600, "<-0330>+03:30:00")] {
            assert_eq!(zone(east), expect);
            let read = jiff::tz::TimeZone::posix(&zone(east)).expect("it is a zone");
            assert_eq!(read.to_offset(jiff::Timestamp::UNIX_EPOCH).seconds(), east);
        }
    }

    #[test]
    fn who_is_older_is_named() {
        let said = "the client sent a word that cannot be read: unknown variant `trace`, expected one of `enter`";
        let told = of_an_older_one(Failure::new(Class::Usage, said), "node1");
        assert_eq!((told.class, told.message.contains("the agent on node1")), (Class::Unsupported, true));
        let told = of_an_older_one(Failure::new(Class::NotFound, "there is no such path"), "node1");
        assert!(told.message.contains("the server"), "{told}");
        let other = Failure::new(Class::NotFound, "no such pod");
        assert_eq!(of_an_older_one(other.clone(), "node1"), other);
    }
}
