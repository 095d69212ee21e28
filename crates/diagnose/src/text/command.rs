//! A line that asks kubectl for something, after whatever prompt: what it asks for tells of what follows.

/// What was asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Command {
    /// `get`, `describe`, `logs`, `top`, `events`; anything else tells nothing of its output.
    pub(super) verb: String,
    /// `pods` and `svc` of `get pods,svc`.
    pub(super) kinds: Vec<String>,
    /// Names of objects.
    pub(super) names: Vec<String>,
    /// The namespace that was named.
    pub(super) namespace: Option<String>,
    /// `-c`.
    pub(super) container: Option<String>,
    /// `-o`.
    pub(super) output: Option<String>,
    /// How much of what there is was asked for.
    pub(super) scope: Scope,
    /// `--previous`.
    pub(super) previous: bool,
}

/// How much of what there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Scope {
    /// A namespace.
    #[default]
    One,
    /// All of them.
    All,
    /// Less than all: something filters.
    Some,
}

/// What may stand before a command, at its end.
const PROMPTS: &str = "$#>%❯➜λ»~`";

/// Flags that take a word: (name, whether less comes because of it).
const VALUED: [(&str, Scope); 15] = [
    ("-l", Scope::Some),
    ("--selector", Scope::Some),
    ("--field-selector", Scope::Some),
    ("--for", Scope::Some),
    ("--types", Scope::Some),
    ("--chunk-size", Scope::One),
    ("--context", Scope::One),
    ("--cluster", Scope::One),
    ("--kubeconfig", Scope::One),
    ("--sort-by", Scope::One),
    ("--tail", Scope::One),
    ("--since", Scope::One),
    ("-L", Scope::One),
    ("--as", Scope::One),
    ("--request-timeout", Scope::One),
];

/// Reads a line that is a command.
pub(super) fn parse(line: &str) -> Option<Command> {
    let line = line.trim();
    let mut words = line.split_whitespace().peekable();
    let mut before = "";
    // A prompt has few words.
    let program = |word: &str| ["kubectl", "oc", "k", "kubectl.exe", "microk8s.kubectl"].contains(&word);
    for _ in 0..8 {
        let word = words.next()?;
        let bare = word.trim_start_matches('`');
        let after = before.is_empty() || before.ends_with(|last| PROMPTS.contains(last));
        if after && program(bare) && (bare != "k" || !before.is_empty()) {
            return Some(asked(words));
        }
        before = word;
    }
    None
}

fn asked<'a>(words: impl Iterator<Item = &'a str>) -> Command {
    let mut command = Command::default();
    let mut plain: Vec<String> = Vec::new();
    let mut words = words.map(|word| word.trim_end_matches(':').trim_matches(['`', '"', '\'']));
    while let Some(word) = words.next() {
        if ["|", "&&", ";", ">", ">>", "||", "2>&1", "2>/dev/null", "#"].contains(&word) || word.starts_with('#') {
            if ["|", "||"].contains(&word) {
                command.scope = Scope::Some;
            }
            break;
        }
        let (flag, given) = word.split_once('=').filter(|_| word.starts_with('-')).unwrap_or((word, ""));
        let mut value = || if given.is_empty() { words.next().unwrap_or_default() } else { given }.to_owned();
        match flag {
            "-n" | "--namespace" => command.namespace = Some(value()),
            "-c" | "--container" => command.container = Some(value()),
            "-o" | "--output" => command.output = Some(value()),
            "-A" | "--all-namespaces" if command.scope == Scope::One => command.scope = Scope::All,
            "-p" | "--previous" => command.previous = true,
            _ if flag.starts_with("-o") => command.output = Some(flag[2..].to_owned()),
            _ if flag.starts_with("-n") && flag.len() > 2 => command.namespace = Some(flag[2..].to_owned()),
            _ if flag.starts_with('-') => {
                if let Some((_, scope)) = VALUED.iter().find(|(name, _)| *name == flag) {
                    value();
                    if *scope == Scope::Some {
                        command.scope = Scope::Some;
                    }
                }
            }
            _ => plain.push(word.to_owned()),
        }
    }
    let mut plain = plain.into_iter();
    command.verb = plain.next().unwrap_or_default();
    let plain: Vec<String> = plain.collect();
    let typed = ["get", "describe"].contains(&command.verb.as_str());
    match plain.split_first() {
        Some((kinds, names)) if typed && !kinds.contains('/') => {
            command.kinds = kinds.split(',').map(str::to_owned).collect();
            command.names = names.to_vec();
        }
        _ => command.names = plain,
    }
    if typed && !command.names.is_empty() {
        command.scope = Scope::Some;
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_stand_after_any_prompt() {
        for line in [
            "$ kubectl get pods -n shop",
            "kubectl -n shop get pods",
            "root@host:~# kubectl get pods --namespace=shop",
            "PS C:\\Users\\me> kubectl get pods -nshop",
            "➜  ~ k get pods -n shop",
            "`kubectl get pods -n shop`:",
            "[me@bastion ~]$ oc get pods --namespace shop 2>/dev/null",
        ] {
            let command = parse(line).unwrap_or_else(|| panic!("{line}"));
            assert_eq!((command.verb.as_str(), command.namespace.as_deref()), ("get", Some("shop")), "{line}");
            assert_eq!((command.kinds, command.scope), (vec!["pods".to_owned()], Scope::One), "{line}");
        }
        for line in ["I ran kubectl get pods", "", "k is short", "the kubectl"] {
            assert_eq!(parse(line), None, "{line}");
        }
    }

    #[test]
    fn what_filters_is_noticed() {
        let scope = |line: &str| parse(line).map(|command| command.scope);
        assert_eq!(scope("$ kubectl get pods -A"), Some(Scope::All));
        for line in [
            "$ kubectl get pods -A | grep web",
            "$ kubectl get pods -A -l app=web",
            "$ kubectl get pods -l app=web -A",
            "$ kubectl get pod web-0",
            "$ kubectl get pods -A --field-selector=status.phase=Failed",
        ] {
            assert_eq!(scope(line), Some(Scope::Some), "{line}");
        }
        let logs = parse("$ kubectl logs -p deploy/web -c app --tail 20").expect("a command");
        assert_eq!(
            (logs.names, logs.container.as_deref(), logs.previous),
            (vec!["deploy/web".to_owned()], Some("app"), true)
        );
        assert_eq!(parse("$ kubectl get svc,ep -owide").expect("a command").kinds, ["svc", "ep"]);
    }
}
