//! Programs that chores call: cargo, the built `fathom`, apt. What is run is said before it runs.

use std::path::PathBuf;
use std::process::{Command, ExitStatus};

use anyhow::{Context, bail};
use fathom_testkit::need::{find_program, workspace};

/// Which build of `fathom`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// As users get it.
    Release,
    /// As tests build it.
    Debug,
}

/// The cargo that runs us, in the workspace.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace());
    command
}

/// Builds `fathom` and says where it is.
pub(crate) fn fathom(profile: Profile) -> anyhow::Result<PathBuf> {
    let mut build = cargo();
    build.args(["build", "--package", "fathom-cli", "--bin", "fathom", "--message-format=json-render-diagnostics"]);
    if profile == Profile::Release {
        build.arg("--release");
    }
    say(&build);
    let output = build.stderr(std::process::Stdio::inherit()).output().context("cannot run cargo")?;
    if !output.status.success() {
        bail!("fathom does not build");
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    let file = messages.lines().filter_map(executable).next_back();
    file.context("cargo does not say where it put fathom")
}

/// The file of an artifact message of cargo's, if it is the program.
fn executable(message: &str) -> Option<PathBuf> {
    let message: serde_json::Value = serde_json::from_str(message).ok()?;
    (message["target"]["name"] == "fathom").then(|| message["executable"].as_str().map(PathBuf::from))?
}

/// Runs a step in the open and fails when it does.
pub(crate) fn step(command: &mut Command) -> anyhow::Result<()> {
    let status = status(command)?;
    if !status.success() {
        bail!("`{}` ended with {status}", words(command));
    }
    Ok(())
}

/// Runs a step in the open and gives its status.
pub(crate) fn status(command: &mut Command) -> anyhow::Result<ExitStatus> {
    say(command);
    command.status().with_context(|| format!("cannot run `{}`", words(command)))
}

/// Says what is about to run.
pub(crate) fn say(command: &Command) {
    eprintln!("$ {}", words(command));
}

/// The command as one would type it.
pub(crate) fn words(command: &Command) -> String {
    let program = command.get_program().to_string_lossy();
    let program = program.rsplit('/').next().unwrap_or(&program).to_owned();
    let arguments = command.get_args().map(|word| quoted(&word.to_string_lossy()));
    std::iter::once(program).chain(arguments).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    let plain = !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || "-_=./:@,+%".contains(c));
    if plain { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

/// A status as the shell reports it, so that ours can be the same.
pub(crate) fn code(status: ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt as _;
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    u8::try_from(code & 0xff).unwrap_or(u8::MAX)
}

/// Installs the Debian packages of those programs that are missing. `needs` are pairs of program and package.
pub(crate) fn install(needs: &[(&str, &str)]) -> anyhow::Result<()> {
    let missing: Vec<_> = needs.iter().filter(|(program, _)| find_program(program).is_none()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|(_, package)| *package).collect();
    for (program, package) in &missing {
        eprintln!("missing: {program} (Debian's package {package})");
    }
    let apt = || match (rustix::process::geteuid().is_root(), find_program("sudo")) {
        (true, _) => Some(Command::new("apt-get")),
        (false, Some(sudo)) => {
            let mut command = Command::new(sudo);
            command.arg("apt-get");
            Some(command)
        }
        (false, None) => None,
    };
    let Some(mut install) = apt().filter(|_| find_program("apt-get").is_some()) else {
        bail!("install {} and start again", packages.join(", "));
    };
    install.env("DEBIAN_FRONTEND", "noninteractive");
    install.args(["install", "--yes", "--no-install-recommends"]).args(&packages);
    if !status(&mut install)?.success() {
        // A fresh machine has no package lists yet.
        apt().map_or(Ok(()), |mut update| step(update.arg("update")))?;
        step(&mut install)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_shown_as_one_would_type_them() {
        let mut command = Command::new("/usr/bin/fathom");
        command.args(["enter", "demo/web", "--", "sh", "-c", "it's"]);
        assert_eq!(words(&command), r"fathom enter demo/web -- sh -c 'it'\''s'");
    }

    #[test]
    fn only_the_program_itself_is_taken_for_the_program() {
        assert_eq!(
            executable(r#"{"reason":"compiler-artifact","target":{"name":"fathom"},"executable":"/t/fathom"}"#),
            Some("/t/fathom".into())
        );
        for other in [r#"{"target":{"name":"fathom_host"},"executable":null}"#, r#"{"reason":"build-finished"}"#, "x"] {
            assert_eq!(executable(other), None, "{other}");
        }
    }

    #[test]
    fn what_is_there_is_not_installed() {
        install(&[("sh", "no-such-package")]).expect("every machine has a shell");
    }
}
