//! Programs of the machine, and what they know and no file tells: here what kube-proxy has told the kernel. Rules are read
//! back by the programs that wrote them: the machine's own, or those that kube-proxy's container brings along, run in a
//! session there.

use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use fathom_model::fact::Topic;
use fathom_model::{Fact, Facts};
use serde_json::Value;

/// Programs and their words; what they print is known by these.
const DUMPS: &[&[&str]] = &[&["iptables-save"], &["nft", "list", "table", "ip", "kube-proxy"]];

/// Where programs of the machine are, whatever our own PATH is.
const PATH: &str = "/usr/sbin:/sbin:/usr/bin:/bin:/usr/local/sbin:/usr/local/bin";

/// Whose rules are meant.
const PROXY: &str = "kube-proxy";

/// No dump that is kept is longer.
const LONGEST: usize = 16 << 20;

/// No program is listened to for longer.
const MUCH: u64 = 64 << 20;

/// Programs that wait for somebody who does not come are given up.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a program of the machine prints, if it is there, ends well, in time, and with no more than anybody reads.
pub(super) fn here(words: &[&str]) -> Option<String> {
    run(Command::new(words[0]).args(&words[1..]).env("PATH", PATH))
}

/// Adds the rules of kube-proxy. On a machine that is no node, those are none.
pub(super) fn rules(facts: &mut Facts) {
    let proxy = proxy();
    if proxy.is_none() && !Path::new("/var/lib/kubelet").exists() {
        return;
    }
    let before = facts.facts.len();
    for words in DUMPS {
        let found = here(words).or_else(|| beside(proxy?, words));
        if let Some(text) = found.map(|text| kept(&text)).filter(|text| !text.is_empty()) {
            facts.add(Fact::of(Topic::Output, words.join(" "), [("value", text.into())]));
        }
    }
    let servers = |fact: &Fact| fact.body.get("value").and_then(Value::as_str).is_some_and(has_servers);
    let ipvs = facts.facts.iter().any(|fact| fact.name == "/proc/net/ip_vs" && servers(fact));
    if proxy.is_some() && facts.facts.len() == before && !ipvs {
        facts.lack("read the rules of kube-proxy", "iptables-save and nft, here and in its container, show none");
    }
}

/// The table has three lines of heads (ip_vs(9)).
fn has_servers(table: &str) -> bool {
    table.lines().count() > 3
}

/// The process of kube-proxy.
fn proxy() -> Option<u32> {
    let pids = std::fs::read_dir("/proc").ok()?.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let mut pids = pids.filter(|pid: &u32| {
        std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == PROXY)
    });
    pids.next()
}

/// What a program prints, if it is there, ends well, and in time.
fn run(command: &mut Command) -> Option<String> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
    let mut output = child.stdout.take()?;
    let (put, take) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // Whoever writes more finds nobody who reads it, and ends.
        let read = (&mut output).take(MUCH).read_to_end(&mut bytes).map(|_| bytes);
        drop(output);
        let _ = put.send(read);
    });
    let read = take.recv_timeout(PATIENCE);
    if read.is_err() {
        let _ = child.kill();
    }
    let ended = child.wait().ok()?;
    let bytes = read.ok()?.ok().filter(|_| ended.success())?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// The same in kube-proxy's own file system, on the network that it is on: the machine's.
fn beside(pid: u32, words: &[&str]) -> Option<String> {
    let target = format!("pid:{pid}");
    let session = ["enter", &target, "--root", "target", "--toolkit", "mini", "--profile", "netadmin", "--ttl", "20s"];
    run(Command::new("/proc/self/exe").args(session).arg("--").args(words))
}

/// Of a machine's rules, those that kube-proxy made: of iptables each line names its chain.
fn kept(text: &str) -> String {
    let of_nft = text.trim_start().starts_with("table ");
    let ours = |line: &&str| of_nft || line.contains("KUBE-");
    let mut kept = String::new();
    for line in text.lines().filter(ours) {
        if kept.len() + line.len() >= LONGEST {
            break;
        }
        kept.push_str(line);
        kept.push('\n');
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_rules_those_of_kube_proxy_are_kept() {
        let text =
            "*nat\n:KUBE-SVC-A - [0:0]\n-A OUTPUT -d 192.0.2.1/32 -j DNAT\n-A KUBE-SERVICES -j KUBE-SVC-A\nCOMMIT\n";
        assert_eq!(kept(text), ":KUBE-SVC-A - [0:0]\n-A KUBE-SERVICES -j KUBE-SVC-A\n");
        let nft = "table ip kube-proxy {\n\tchain x {\n\t}\n}\n";
        assert_eq!(kept(nft), nft);
    }

    #[test]
    fn a_table_with_heads_only_has_no_servers() {
        let heads = "IP Virtual Server version 1.2.1 (size=4096)\nProt LocalAddress:Port Scheduler Flags\n  -> RemoteAddress:Port Forward Weight ActiveConn InActConn";
        assert!(!has_servers(heads));
        assert!(has_servers(&format!("{heads}\nTCP  0A600001:01BB rr")));
    }
}
