//! `fathom reference NAME`: the tables of this program as Markdown, from which docs/reference is made.

use std::fmt::Write as _;

use clap::CommandFactory as _;
use fathom_enter::profile::{Inherit, PROFILES, Rights, Seccomp, User, capability_names};
use fathom_model::field::Shown;
use fathom_model::{Class, Failure, Field};
use fathom_server::policy::{KEY, RULES};

use super::output::{containers, sandboxes, toolkits};
use super::words::Reference;
use crate::output::{markdown, sessions};
use crate::settings::Takes;
use crate::settings::kubectl_debug::{FIELDS, Sense};
use crate::words::Words;
use crate::{environment, exit, printer, settings};

mod trace;

/// A page: its name, and what writes it.
type Page = (&'static str, fn() -> String);

/// Every page.
const PAGES: &[Page] = &[
    ("applets", applets),
    ("causes", fathom_diagnose::catalogue::page),
    ("commands", commands),
    ("configuration", configuration),
    ("environment", variables),
    ("exit-status", statuses),
    ("fields", fields),
    ("policy", policy),
    ("profiles", profiles),
    ("trace-events", trace::events),
    ("trace-fields", crate::commands::trace::pages::fields),
    ("trace-filters", crate::commands::trace::pages::filters),
    ("trace-syscalls", trace::calls),
    ("views", crate::commands::trace::views_page),
];

pub(crate) fn run(words: &Reference) -> anyhow::Result<i32> {
    if words.list {
        printer::data(&PAGES.iter().map(|(name, _)| format!("{name}\n")).collect::<String>());
        return Ok(0);
    }
    let name = words.page.as_deref().unwrap_or_default();
    let page = PAGES.iter().find(|(known, _)| *known == name);
    let (_, write) = page.ok_or_else(|| {
        Failure::new(Class::Usage, format!("there is no page `{name}`")).hinting("`fathom reference --list` names them")
    })?;
    printer::data(&write());
    Ok(0)
}

fn table(title: &str, intro: &str, columns: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    format!("# {title}\n\n{intro}\n\n{}", markdown::table(columns, rows))
}

fn policy() -> String {
    let rows = RULES.iter().map(|(name, doc)| vec![format!("`{name}`"), (*doc).to_owned()]);
    let intro = format!(
        "What may stand in `{KEY}` of the ConfigMap `fathom-policy`, where fathom is installed in a cluster. Nothing \
         has to; what is not understood lets nobody in. It is read for every session."
    );
    table("Policy", &intro, &["rule", "meaning"], rows)
}

fn profiles() -> String {
    let rows = PROFILES.iter().map(|row| {
        let user = match row.user {
            User::Target => "the target's",
            User::NeverRoot => "the target's; 65534 where that is root",
            User::Root => "0",
        };
        let capabilities = match row.rights {
            Rights::Target => "the target's".to_owned(),
            Rights::Mask(0) => "none".to_owned(),
            Rights::Mask(mask) if capability_names(mask).len() > 30 => "all".to_owned(),
            Rights::Mask(mask) => capability_names(mask).join(" "),
        };
        let seccomp = match row.seccomp {
            Seccomp::Target => "the target's filters, copied",
            Seccomp::Default => "no modules, kexec, clocks, keys, bpf, swap, quota; ptrace is allowed",
            Seccomp::NoKernelCode => "no modules, no kexec",
            Seccomp::Unconfined => "none",
        };
        let privileges = match row.no_new_privs {
            Inherit::Target => "the target's",
            Inherit::On => "yes",
            Inherit::Off => "no",
        };
        vec![
            format!("`{}`", row.profile),
            row.doc.to_owned(),
            user.to_owned(),
            capabilities,
            seccomp.to_owned(),
            privileges.to_owned(),
        ]
    });
    let intro = "What the command of `fathom enter --profile NAME` may do. Users and capabilities count in the target's user\nnamespace where it has one. `host` is the default for the target `host`, `netadmin` for `netns:`, `general` for the rest.";
    table("Profiles", intro, &["profile", "in one sentence", "uid", "capabilities", "seccomp", "no_new_privs"], rows)
}

fn statuses() -> String {
    let rows = exit::STATUSES.iter().map(|(status, meaning)| vec![status.to_string(), (*meaning).to_owned()]);
    let intro = "`enter` passes on the status of what it ran, 128 and the signal when one killed it. Its own failures are told\napart by the prefix `fathom:` on stderr, and by `--status-file`.";
    table("Exit status", intro, &["status", "meaning"], rows)
}

fn variables() -> String {
    let tree = Words::command();
    let of_flags = settings::SETTINGS.iter().map(|setting| (setting.variable, settings::doc(&tree, setting)));
    let others = environment::VARIABLES.iter().map(|variable| (variable.name, variable.doc.to_owned()));
    let rows = of_flags.chain(others).map(|(name, doc)| vec![format!("`{name}`"), doc]);
    let intro = "Variables that `fathom` reads. A flag wins over its variable, a variable over the [configuration file](configuration.md).\nLists are separated by commas.";
    table("Environment", intro, &["variable", "what it does"], rows)
}

fn configuration() -> String {
    let tree = Words::command();
    let rows = settings::SETTINGS.iter().map(|setting| {
        let default = settings::default(&tree, setting).map_or_else(String::new, |default| format!("`{default}`"));
        let takes = match setting.takes {
            Takes::One => "one",
            Takes::Many => "a list",
            Takes::Flag | Takes::Switch(_) => "true, false",
        };
        vec![
            format!("`{}`", setting.name),
            format!("`{}`", setting.variable),
            takes.to_owned(),
            default,
            settings::doc(&tree, setting),
        ]
    });
    let columns = ["setting", "variable", "takes", "default", "what it does"];
    table("Configuration", SETTING, &columns, rows) + "\n#" + &foreign()
}

fn foreign() -> String {
    let rows = FIELDS.iter().map(|field| {
        let (means, why) = match field.sense {
            Sense::As(name) => (format!("`{name}`"), ""),
            Sense::AsFar(name, _, why) => (format!("`{name}`, where it fits"), why),
            Sense::Nothing(why) => (String::new(), why),
            Sense::Always(value, why) => (format!("`{value}` holds always"), why),
        };
        vec![format!("`{}`", field.name), means, why.to_owned()]
    });
    let intro = "Where a target is in a cluster, `~/.kube/debug-config` of kubectl-debug is read for what neither a flag nor a\nvariable nor our own file says. A notice tells what was taken over and what has no meaning here; set\n`kubectl-debug-config = false` to be told no more.";
    table("From kubectl-debug", intro, &["field", "here", "else"], rows)
}

/// How settings are written.
const SETTING: &str = r#"Defaults for the flags of `enter` and `sessions`, in `~/.config/fathom/config.toml` (below `XDG_CONFIG_HOME` where it is
set, in `%APPDATA%` on Windows; `FATHOM_CONFIG` names another file). A flag wins over a variable, a variable over the
file. What is set takes the place of the default, so `--help` shows it; a flag that is given replaces a whole list.

```toml
agent-namespace = "tools"
image-pull-secret = ["registry", "mirror"]
memory = "1Gi"
grace = "5m"
```

Where there is no file, nothing is set. One that cannot be read, or that has a name that is not here, is a mistake that
is named with its line (exit status 2)."#;

fn applets() -> String {
    let rows = fathom_mini::APPLETS
        .iter()
        .map(|applet| vec![format!("`{}`", applet.name), applet.group.title().to_owned(), applet.doc.to_owned()]);
    table(
        "Applets",
        "The tools of the mini toolkit, which are inside the program's own file.",
        &["applet", "group", "what it does"],
        rows,
    )
}

fn fields() -> String {
    fn rows<T>(fields: &'static [Field<T>]) -> Vec<Vec<String>> {
        let shown = |field: &Field<T>| if field.shown == Shown::Always { "always" } else { "`-o wide`" };
        fields
            .iter()
            .map(|field| vec![format!("`{}`", field.name), shown(field).to_owned(), field.doc.to_owned()])
            .collect()
    }
    let columns = ["field", "in tables", "what it holds"];
    let mut text = "# Fields\n\nColumns of tables, and keys of `-o json` and `-o yaml`.\n\n".to_owned();
    for (title, rows) in [
        ("`fathom ps`", rows(containers::FIELDS)),
        ("`fathom sessions`", rows(sessions::FIELDS)),
        ("`fathom toolkit list`", rows(toolkits::FIELDS)),
        ("`fathom demo status`", rows(sandboxes::FIELDS)),
    ] {
        text.push_str(
            table(title, "", &columns, rows)
                .trim_start_matches('#')
                .trim_start_matches(' ')
                .replacen(title, &format!("## {title}"), 1)
                .replace("\n\n\n", "\n")
                .as_str(),
        );
        text.push('\n');
    }
    text.trim_end().to_owned() + "\n"
}

/// Every verb's own help.
fn commands() -> String {
    let mut text = "# Commands\n\nWhat `--help` prints.\n".to_owned();
    let mut root = Words::command().term_width(100);
    root.build();
    let mut open: Vec<clap::Command> =
        root.get_subcommands().filter(|command| !command.is_hide_set()).cloned().collect();
    open.reverse();
    while let Some(mut command) = open.pop() {
        let name = command.get_bin_name().unwrap_or(command.get_name()).to_owned();
        let _ = write!(text, "\n## `{name}`\n\n```text\n{}\n```\n", command.render_long_help().to_string().trim_end());
        let below = command.get_subcommands().filter(|command| !command.is_hide_set()).cloned();
        open.extend(below.collect::<Vec<_>>().into_iter().rev());
    }
    text
}
