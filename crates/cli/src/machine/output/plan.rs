//! A plan in words, for `--dry-run`.

use std::fmt::Write as _;

use fathom_enter::options::{Streams, Toolkit, View};
use fathom_enter::plan::{Pids, Plan, UserNamespace};
use fathom_enter::profile::capability_names;

/// Every step, one line each.
pub(crate) fn show(plan: &Plan) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name:<12} {value}");
    };
    let rights = &plan.credentials;
    line("target", plan.target.clone());
    let joined: Vec<&str> = plan
        .join
        .iter()
        .map(|kind| kind.name())
        .chain((plan.user_namespace == UserNamespace::Join).then_some("user"))
        .collect();
    line("join", if joined.is_empty() { "nothing: it is where we are".to_owned() } else { joined.join(", ") });
    line(
        "processes",
        match plan.pids {
            Pids::Target => "the target's".to_owned(),
            Pids::Own => "its own: it stays when the target dies".to_owned(),
            Pids::Machine => "the machine's".to_owned(),
        },
    );
    let tools = match &plan.toolkit {
        Toolkit::Mini { applets } => format!("mini ({} applets)", applets.len()),
        Toolkit::Tree { name, .. } => name.clone(),
    };
    line(
        "root",
        match (plan.view, &plan.tree) {
            (View::Target, _) => format!("the target's own, with {tools} at /.fathom"),
            (View::Tools, Some(tree)) => format!("{tools}, with the target's tree at {}", tree.display()),
            (View::Tools, None) => tools,
        },
    );
    line("user", format!("uid {} gid {} groups {:?}", rights.uid, rights.gid, rights.groups));
    line("profile", plan.profile.clone());
    let names = |mask: u64| if mask == 0 { "none".to_owned() } else { capability_names(mask).join(" ") };
    line("grants", names(rights.capabilities.effective));
    line("at most", names(rights.capabilities.bounding));
    line(
        "seccomp",
        serde_json::to_value(rights.seccomp).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default(),
    );
    if let Some(label) = &rights.label {
        line("confined", label.to_string());
    }
    line("new privs", if rights.no_new_privs { "never" } else { "by set-uid programs" }.to_owned());
    line(
        "cgroup",
        plan.leaf.as_ref().map_or_else(
            || "the target's".to_owned(),
            |leaf| leaf.v2.iter().chain(&leaf.v1).map(|path| path.display().to_string()).collect::<Vec<_>>().join(", "),
        ),
    );
    let limit = |value: Option<u64>| value.map_or("none".to_owned(), |value| value.to_string());
    line(
        "limits",
        format!(
            "memory {} pids {} cpu weight {} scratch {}",
            limit(plan.limits.memory),
            limit(plan.limits.pids),
            limit(plan.limits.cpu_weight),
            plan.scratch
        ),
    );
    line(
        "streams",
        match plan.streams {
            Streams::Terminal { columns, rows } => format!("a terminal of {columns}x{rows}"),
            Streams::Pipes => "three pipes".to_owned(),
        },
    );
    line("directory", plan.workdir.display().to_string());
    line("command", plan.command.join(" "));
    for (name, value) in &plan.env {
        line("env", format!("{name}={value}"));
    }
    text
}
