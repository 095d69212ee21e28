//! Settings against the flags that they feed.

use clap::{ArgAction, CommandFactory as _, FromArgMatches as _};

use super::*;
use crate::words::{Enter, Verb, Words};

/// Flags of which a default would be a mistake: they mean one target or one call.
const OF_ONE_CALL: &[&str] = &[
    "selector",
    "container",
    "workdir",
    "record",
    "status-file",
    "output",
    "stdin",
    "tty",
    "detach",
    "wait",
    "hold",
    "dry-run",
    "all",
    "fork",
    "ephemeral",
    "keep",
    "remote",
    "help",
    "version",
];

fn given(name: &str, values: &[&str], place: &str) -> Given {
    let setting = SETTINGS.iter().find(|setting| setting.name == name).expect("it is in the table");
    Given { setting, values: values.iter().map(|value| (*value).to_owned()).collect(), place: place.to_owned() }
}

fn enter(given: &[Given], words: &[&str]) -> Enter {
    let tree = set(Words::command(), given).expect("they are right");
    let words = [&["fathom", "enter", "web"], words].concat();
    let words = Words::from_arg_matches(&tree.try_get_matches_from(words).expect("they are right"));
    match words.expect("they are complete").verb {
        Verb::Enter(words) => *words,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_flag_can_be_set_or_is_of_one_call() {
    let tree = Words::command();
    // What these have of their own says what is shown, or asked, by one call.
    let verbs = VERBS.iter().filter(|verb| !["trace", "why"].contains(*verb));
    for flag in verbs.flat_map(|verb| tree.find_subcommand(verb).expect("it is a verb").get_arguments()) {
        let Some(name) = flag.get_long() else { continue };
        let setting = SETTINGS.iter().find(|setting| setting.name == name);
        assert!(setting.is_some() != OF_ONE_CALL.contains(&name), "--{name}: in SETTINGS or in OF_ONE_CALL");
        let takes = match flag.get_action() {
            ArgAction::Append => Takes::Many,
            ArgAction::Set => Takes::One,
            _ => Takes::Flag,
        };
        assert!(setting.is_none_or(|setting| setting.takes == takes), "--{name} is {takes:?}");
    }
    for setting in SETTINGS {
        let feeds = VERBS.iter().any(|verb| flag(&tree, verb, setting.name).is_some());
        assert_ne!(feeds, matches!(setting.takes, Takes::Switch(_)), "--{}", setting.name);
        let variables = environment::VARIABLES.iter().filter(|variable| variable.name == setting.variable).count();
        let settings = SETTINGS.iter().filter(|other| other.variable == setting.variable).count();
        assert_eq!((variables, settings), (0, 1), "{}", setting.variable);
    }
}

#[test]
fn of_why_a_namespace_is_the_question_and_is_not_set() {
    let given = [given("agent-image", &["mine:1"], "FILE"), given("namespace", &["shop"], "FILE")];
    let tree = set(Words::command(), &given).expect("they are right");
    let words = Words::from_arg_matches(&tree.try_get_matches_from(["fathom", "why"]).expect("they are right"));
    match words.expect("they are complete").verb {
        Verb::Why(words) => {
            assert_eq!((words.near.agent.agent_image.as_str(), words.cluster.namespace), ("mine:1", None));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_flag_wins_over_what_is_set_and_that_over_the_default() {
    let set = [
        given("agent-image", &["mine:1"], "FILE"),
        given("memory", &["1Gi"], "FILE"),
        given("grace", &["2m"], "FILE"),
        given("image-pull-secret", &["a", "b"], "FILE"),
    ];
    let seen = |words: &Enter| {
        let cluster = &words.cluster.reach;
        (cluster.agent_image.clone(), words.memory, cluster.grace.as_secs(), cluster.image_pull_secret.join(" "))
    };
    assert_eq!(seen(&enter(&[], &[])), (crate::words::AGENT_IMAGE.to_owned(), 512 << 20, 30, String::new()));
    assert_eq!(seen(&enter(&set, &[])), ("mine:1".to_owned(), 1 << 30, 120, "a b".to_owned()));
    let flags = ["--agent-image=x", "--memory=1m", "--grace=5", "--image-pull-secret=c"];
    assert_eq!(seen(&enter(&set, &flags)), ("x".to_owned(), 1 << 20, 5, "c".to_owned()));
}

#[test]
fn a_switch_that_is_set_counts_as_said_until_its_opposite_is() {
    let set = [given("installed", &["true"], "FILE"), given("survive", &["true"], "FILE")];
    let seen = |words: &Enter| (words.survive, words.cluster.reach.installed, words.cluster.reach.agentless);
    assert_eq!(seen(&enter(&[], &[])), (false, false, false));
    assert_eq!(seen(&enter(&set, &[])), (true, true, false));
    assert_eq!(seen(&enter(&set, &["--agentless"])), (true, false, true));
    assert_eq!(seen(&enter(&[given("agentless", &["true"], "FILE")], &["--installed"])), (false, true, false));
    assert_eq!(seen(&enter(&[given("survive", &["false"], "FILE")], &["--survive"])), (true, false, false));
    let failure = super::set(Words::command(), &[given("survive", &["perhaps"], "`here`")]).expect_err("a word");
    assert_eq!(
        (failure.message.as_str(), failure.hint.as_deref()),
        ("`here` cannot be `perhaps`", Some("use true or false"))
    );
}

#[test]
fn what_was_said_first_stays() {
    let mut said = vec![given("memory", &["1"], "`FATHOM_MEMORY`")];
    add(&mut said, vec![given("memory", &["2"], "FILE"), given("pids", &["3"], "FILE")]);
    assert_eq!(said, [given("memory", &["1"], "`FATHOM_MEMORY`"), given("pids", &["3"], "FILE")]);
}

#[test]
fn values_that_a_flag_cannot_have_are_refused() {
    for (name, values, cause, hint) in [
        (
            "memory",
            ["lots"].as_slice(),
            Some("`lots` is not a size such as 512Mi, 2g or 1048576"),
            "`fathom enter --help` says what --memory takes",
        ),
        ("root", &["x"], None, "use tools or target"),
        ("pids", &["x"], Some("invalid digit found in string"), "`fathom enter --help` says what --pids takes"),
    ] {
        let failure = set(Words::command(), &[given(name, values, "`here`")]).expect_err(name);
        assert_eq!(failure.message, format!("`here` cannot be `{}`", values.join(", ")));
        assert_eq!((failure.cause.as_deref(), failure.hint.as_deref()), (cause, Some(hint)));
    }
}

#[test]
fn flags_stay_where_they_are() {
    let set = set(Words::command(), &[given("root", &["target"], "FILE")]).expect("it is right");
    let flags = |tree: &Command| -> Vec<String> {
        let enter = tree.find_subcommand("enter").expect("it is a verb");
        enter.get_arguments().map(|flag| flag.get_id().to_string()).collect()
    };
    assert_eq!(flags(&set), flags(&Words::command()));
}

#[test]
fn help_shows_what_is_set() {
    let tree = set(Words::command(), &[given("toolkit", &["full"], "FILE")]).expect("it is right");
    let mut tree = tree.term_width(200);
    tree.build();
    let help = tree.find_subcommand_mut("enter").expect("it is a verb").render_help().to_string();
    let line = help.lines().find(|line| line.contains("--toolkit ")).expect("it is a flag");
    assert!(line.ends_with("[default: full]") && line.matches("[default:").count() == 1, "{line}");
}
