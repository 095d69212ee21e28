//! `-u`: a user and a group, by number or by name in the target's own `/etc/passwd` and `/etc/group`.

use fathom_model::{Class, Failure};

/// uid, gid and supplementary groups for `NAME|UID[:NAME|GID]`, as docker reads it.
pub(super) fn resolve(text: &str, passwd: &str, group: &str) -> Result<(u32, u32, Vec<u32>), Failure> {
    let (user, asked_group) = match text.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (text, None),
    };
    let entry = passwd
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find(|fields| fields.len() >= 4 && (fields[0] == user || fields[2] == user));
    let number = |text: &str| text.parse::<u32>().ok();
    let (uid, own_gid, name) = match &entry {
        Some(fields) => (number(fields[2]), number(fields[3]), fields[0]),
        None => (number(user), None, ""),
    };
    let uid = uid.ok_or_else(|| unknown("user", user, "/etc/passwd"))?;
    let gid = match asked_group {
        Some(asked) => find_group(asked, group).ok_or_else(|| unknown("group", asked, "/etc/group"))?,
        None => own_gid.unwrap_or(0),
    };
    // A group that is asked for stands alone.
    let more = if asked_group.is_none() && !name.is_empty() { memberships(name, group) } else { Vec::new() };
    Ok((uid, gid, more))
}

fn find_group(text: &str, group: &str) -> Option<u32> {
    let listed =
        group.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|fields| fields.first() == Some(&text));
    listed.and_then(|fields| fields.get(2)?.parse().ok()).or_else(|| text.parse().ok())
}

fn memberships(name: &str, group: &str) -> Vec<u32> {
    let member = |line: &str| {
        let fields: Vec<&str> = line.split(':').collect();
        fields.get(3)?.split(',').any(|member| member == name).then(|| fields[2].parse().ok()).flatten()
    };
    group.lines().filter_map(member).collect()
}

fn unknown(what: &str, name: &str, file: &str) -> Failure {
    Failure::new(Class::Usage, format!("no {what} `{name}` in the target's {file}"))
        .hinting(format!("give the {what} by number, as in -u 1000:1000"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nweb:x:33:44::/srv:/bin/false\nbroken\n";
    const GROUP: &str = "root:x:0:\nwww:x:44:\nlogs:x:55:web,other\n";

    #[track_caller]
    fn check(text: &str, expect: Option<(u32, u32, &[u32])>) {
        let got = resolve(text, PASSWD, GROUP);
        assert_eq!(got.as_ref().ok().map(|(u, g, more)| (*u, *g, more.as_slice())), expect, "{text}: {got:?}");
    }

    #[test]
    fn names_and_numbers() {
        check("web", Some((33, 44, &[55])));
        check("33", Some((33, 44, &[55])));
        check("web:logs", Some((33, 55, &[])));
        check("1000", Some((1000, 0, &[])));
        check("1000:1001", Some((1000, 1001, &[])));
        check("nobody", None);
        check("web:nogroup", None);
        check("", None);
        check("4294967296", None);
    }
}
