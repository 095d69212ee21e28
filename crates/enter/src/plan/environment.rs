//! The command's environment: the toolkit's in one view, the target's in the other, then what `-e` says.

use crate::options::{Options, Toolkit, View};
use crate::profile::Credentials;
use crate::subject::Facts;

use super::{Surroundings, TOOLS};

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

pub(super) fn of(facts: &Facts, options: &Options, credentials: &Credentials) -> Vec<(String, String)> {
    let mut env: Vec<(String, String)> = Vec::new();
    match (options.view, &options.toolkit) {
        (View::Tools, Toolkit::Mini { .. }) => set(&mut env, "PATH", "/bin"),
        (View::Tools, Toolkit::Tree { env: own, .. }) => {
            set(&mut env, "PATH", PATH);
            own.iter().for_each(|(name, value)| set(&mut env, name, value));
        }
        (View::Target, _) => {
            facts.env.iter().for_each(|(name, value)| set(&mut env, name, value));
            let own = env.iter().find(|(name, _)| name == "PATH").map_or(PATH, |(_, path)| path).to_owned();
            set(&mut env, "PATH", &format!("{own}:{TOOLS}/bin"));
        }
    }
    if options.view == View::Tools || env.iter().all(|(name, _)| name != "HOME") {
        set(&mut env, "HOME", home(facts, options, credentials));
    }
    set(&mut env, "FATHOM_TARGET", &facts.title);
    set(&mut env, "FATHOM_TARGET_PID", &facts.process.own_pid().to_string());
    options.env.iter().for_each(|(name, value)| set(&mut env, name, value));
    env
}

/// That of a session right where we are: the tools', as everywhere where `/` is theirs.
pub(super) fn here(around: &Surroundings, options: &Options) -> Vec<(String, String)> {
    let mut env: Vec<(String, String)> = Vec::new();
    set(&mut env, "PATH", "/bin");
    set(&mut env, "HOME", &around.home);
    set(&mut env, "FATHOM_TARGET", &around.title);
    around.target.iter().for_each(|pid| set(&mut env, "FATHOM_TARGET_PID", &pid.to_string()));
    options.env.iter().for_each(|(name, value)| set(&mut env, name, value));
    env
}

/// The user's home as the target's passwd has it, where that is the tree; `/root` among the tools.
fn home<'a>(facts: &'a Facts, options: &Options, credentials: &Credentials) -> &'a str {
    let listed = facts.passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.nth(2)?.parse() == Ok(credentials.uid)).then(|| fields.nth(2)).flatten()
    });
    match options.view {
        View::Tools if credentials.uid == 0 => "/root",
        View::Tools => "/tmp",
        View::Target => listed.filter(|home| home.starts_with('/')).unwrap_or("/"),
    }
}

fn set(env: &mut Vec<(String, String)>, name: &str, value: &str) {
    match env.iter_mut().find(|(known, _)| known == name) {
        Some((_, old)) => value.clone_into(old),
        None => env.push((name.to_owned(), value.to_owned())),
    }
}
