//! What is typed or set wrongly, and what is said to it: every console block of tests/words is run and compared. What is
//! set rightly, seen through `--help`. What can come next on a line.

#[test]
fn wrong_words_get_right_answers() {
    trycmd::TestCases::new().case("tests/words/*.md");
}

/// What `fathom enter --help` says is the default of `flag`.
fn default_of(flag: &str, settings: &[(&str, &str)]) -> String {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_fathom"));
    let output = command.args(["enter", "--help"]).envs(settings.iter().copied()).output().expect("fathom runs");
    let help = String::from_utf8(output.stdout).expect("it is text");
    let of_flag = help.split(&format!("--{flag} ")).nth(1).expect("it is a flag");
    let default = of_flag.split("[default: ").nth(1).expect("it has a default");
    default.split(']').next().unwrap_or_default().to_owned()
}

#[test]
fn a_variable_wins_over_the_file_and_the_file_over_the_default() {
    let folder = fathom_testkit::Scratch::new("settings");
    let file = folder.join("fathom/config.toml");
    std::fs::create_dir(folder.join("fathom")).expect("a scratch folder can be written to");
    let text = "agent-image = 'mine:1'\nmemory = '1Gi'\ngrace = '2m'\nimage-pull-secret = ['a', 'b']\n";
    std::fs::write(&file, text).expect("a scratch folder can be written to");
    let (file, home) = (file.display().to_string(), folder.path().display().to_string());
    let none = [("FATHOM_CONFIG", "/nowhere/config.toml")];
    for (flag, default, of_file, variable, of_variable) in [
        ("agent-image", concat!("fathom-agent:", env!("CARGO_PKG_VERSION")), "mine:1", "FATHOM_AGENT_IMAGE", "yours:2"),
        ("memory", "512Mi", "1Gi", "FATHOM_MEMORY", "2g"),
        ("grace", "30s", "2m", "FATHOM_GRACE", "3m"),
        ("image-pull-secret", "", "a b", "FATHOM_IMAGE_PULL_SECRET", "c"),
    ] {
        if !default.is_empty() {
            assert_eq!(default_of(flag, &none), default);
        }
        assert_eq!(default_of(flag, &[("FATHOM_CONFIG", &file)]), of_file);
        assert_eq!(default_of(flag, &[("XDG_CONFIG_HOME", &home)]), of_file);
        assert_eq!(default_of(flag, &[("FATHOM_CONFIG", &file), (variable, of_variable)]), of_variable);
    }
}

#[test]
fn a_wrong_setting_is_named_with_its_place() {
    let folder = fathom_testkit::Scratch::new("settings");
    let file = folder.join("config.toml");
    for (text, variable, says) in [
        ("pids = 1\nmemroy = '1Gi'\n", "", "`memroy` in FILE:2 is no setting\nhint: did you mean `memory`\n"),
        ("pids = 1\nmemory = \n", "", "cannot read FILE:2\n"),
        ("\nmemory = 'lots'\n", "", "`memory` in FILE:2 cannot be `lots`\n"),
        ("", "lots", "`FATHOM_MEMORY` cannot be `lots`\n"),
    ] {
        std::fs::write(&file, text).expect("a scratch folder can be written to");
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_fathom"));
        command.args(["enter", "pid:1", "--", "true"]).env("FATHOM_CONFIG", &file).env("FATHOM_MEMORY", variable);
        let output = command.output().expect("fathom runs");
        let said = String::from_utf8_lossy(&output.stderr).replace(&file.display().to_string(), "FILE");
        assert!(output.status.code() == Some(2) && said.starts_with(&format!("fathom: {says}")), "{text}: {said}");
        // What takes no setting is not disturbed.
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_fathom"));
        let other = command.args(["reference", "--list"]).env("FATHOM_CONFIG", &file).output().expect("fathom runs");
        assert!(other.status.success(), "{other:?}");
    }
}

#[test]
fn habits_of_kubectl_debug_are_told_where_a_cluster_is_meant() {
    let home = fathom_testkit::Scratch::new("home");
    std::fs::create_dir(home.join(".kube")).expect("a scratch folder can be written to");
    let text = "agentPodNamespace: tools\nagentPort: 10027\n";
    std::fs::write(home.join(".kube/debug-config"), text).expect("a scratch folder can be written to");
    let said = |words: &[&str], setting: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_fathom"));
        command.args(words).env("HOME", home.path()).env("FATHOM_KUBECTL_DEBUG_CONFIG", setting);
        let output = command.env("FATHOM_CONFIG", "/nowhere").output().expect("fathom runs");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let cluster = ["enter", "pod/web-0", "--kubeconfig", "/nowhere"];
    let (status, told) = said(&cluster, "");
    let file = home.join(".kube/debug-config").display().to_string();
    assert_eq!(status, Some(5), "{told}");
    assert!(
        told.starts_with(&format!("fathom: {file} of kubectl-debug is read; `kubectl-debug-config = false`")),
        "{told}"
    );
    assert!(told.contains("\n  taken over: agentPodNamespace as agent-namespace = tools\n"), "{told}");
    assert!(told.contains("\n  without meaning here: agentPort (nothing listens on a port)\n"), "{told}");
    for (words, setting, expect) in [
        (cluster.as_slice(), "false", "fathom: cannot use the configuration of a cluster\n"),
        (&["enter", "pid:4194304"], "", "fathom: there is no process 4194304\n"),
        (&cluster, "no", "fathom: `FATHOM_KUBECTL_DEBUG_CONFIG` cannot be `no`\n"),
    ] {
        let (_, told) = said(words, setting);
        assert!(told.starts_with(expect), "{words:?}: {told}");
    }
}

/// What kubectl is told may follow `words` of `kubectl fathom`.
fn offered(words: &[&str], settings: &[(&str, &str)]) -> String {
    let folder = fathom_testkit::Scratch::new("completion");
    let program = folder.join("kubectl_complete-fathom");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_fathom"), &program).expect("a scratch folder can be written to");
    let mut command = std::process::Command::new(program);
    command.args(words).env("HOME", "/nowhere").env("KUBECONFIG", "/nowhere").envs(settings.iter().copied());
    let output = command.output().expect("fathom runs");
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), [].as_slice()), "{words:?}");
    String::from_utf8(output.stdout).expect("it is text")
}

#[test]
fn kubectl_is_told_what_may_come_next() {
    for (words, expect) in [
        (["en"].as_slice(), "enter\tRun a shell or a command inside a target, with tools\n:4\n"),
        (&["enter", "web-0", "--profile", "ne"], "netadmin\n:4\n"),
        (&["enter", "web-0", "--root=t"], "--root=tools\n--root=target\n:4\n"),
        (&["enter", "web-0", "--ns", "net,pi"], "net,pid\n:4\n"),
        (&["enter", "web-0", "--ttl"], "--ttl\tEnd the session after this time\n:4\n"),
        // More of the same word follows.
        (&["enter", "de"], "deploy/\n:6\n"),
        (&["enter", "shop/s"], "shop/sts/\nshop/svc/\n:6\n"),
        (&["trace", "de"], "deploy/\n:6\n"),
        (&["trace", "proc.loginshelln"], ":4\n"),
        (&["trace", "proc.loginshell"], "proc.loginshellid\n:4\n"),
        (&["trace", "web-0", "fd.rip.n"], "fd.rip.name\n:4\n"),
        (&["trace", "web-0", "deplo"], ":4\n"),
        (&["trace", "-c", "topfiles_t"], "topfiles_time\n:4\n"),
        (&["trace", "-i", "spy_u"], "spy_users\n:4\n"),
        (&["trace", "--target", "shop/st"], "shop/sts/\n:6\n"),
        (&["why", "de"], "deploy/\n:6\n"),
        (&["why", "--explain", "crash.oom-l"], "crash.oom-limit\n:4\n"),
        // No cluster can be asked, and nothing is said about it.
        (&["enter", "pod/"], ":4\n"),
        (&["enter", "web-0", "-c", ""], ":4\n"),
        (&["enter", "web-0", "--", ""], ":4\n"),
        (&["enter", "web-0", "--nothing", "x", "--prof"], "--profile\tWhat the command may do"),
    ] {
        let got = offered(words, &[]);
        assert!(got.starts_with(expect) && (!expect.ends_with('\n') || got == expect), "{words:?}: {got}");
    }
    // Flags are not among names.
    assert!(!offered(&["enter", ""], &[]).contains('-'), "{}", offered(&["enter", ""], &[]));
}

#[test]
fn a_cluster_that_keeps_silent_is_not_waited_for() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("there is a loopback");
    let folder = fathom_testkit::Scratch::new("completion");
    let address = silent.local_addr().expect("it is bound");
    let kubeconfig = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{{name: c, cluster: {{server: 'https://{address}'}}}}]\n\
        contexts: [{{name: c, context: {{cluster: c, user: u}}}}]\nusers: [{{name: u, user: {{token: t}}}}]\n"
    );
    std::fs::write(folder.join("config"), kubeconfig).expect("a scratch folder can be written to");
    let started = std::time::Instant::now();
    let path = folder.join("config").display().to_string();
    assert_eq!(offered(&["enter", "pod/"], &[("FATHOM_KUBECONFIG", &path)]), ":4\n");
    let took = started.elapsed();
    assert!((1.0..5.0).contains(&took.as_secs_f64()), "asked and given up after {took:?}");
}

#[test]
fn a_shell_that_has_read_our_script_completes() {
    use fathom_testkit::{Need, need};
    let script = |shell: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_fathom"));
        let output = command.args(["completion", shell]).output().expect("fathom runs");
        assert!(output.status.success(), "{shell}");
        String::from_utf8(output.stdout).expect("it is text")
    };
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let text = script(shell);
        assert!(text.contains("FATHOM_COMPLETE") && text.contains(env!("CARGO_BIN_EXE_fathom")), "{shell}: {text}");
    }
    if need::missing(&[Need::Program("bash")]) {
        return;
    }
    let run = fathom_testkit::Scratch::new("run");
    std::fs::create_dir_all(run.join("sessions/k3x9")).expect("a scratch folder can be written to");
    for (line, expect) in [
        (["fathom", "en"].as_slice(), "enter\n"),
        (&["fathom", "completion", "fi"], "fish\n"),
        (&["fathom", "enter", "ho"], "host\n"),
        (&["fathom", "enter", "host", "--root", "ta"], "target\n"),
        (&["fathom", "sessions", "attach", "k3"], "k3x9\n"),
    ] {
        let (last, words) = (line[line.len() - 1], line.join(" "));
        let typed = format!(
            "{}\nCOMP_WORDS=({words}) COMP_CWORD={} COMP_TYPE=9\n_clap_complete_fathom fathom {last} ''\n\
            printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            script("bash"),
            line.len() - 1
        );
        let output = std::process::Command::new("bash")
            .args(["-c", &typed])
            .env("FATHOM_RUN", run.path())
            .output()
            .expect("bash runs");
        assert_eq!(String::from_utf8_lossy(&output.stdout), expect, "{words}: {output:?}");
    }
}
