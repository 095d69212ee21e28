//! `/proc/PID/mountinfo`, parsed (proc(5)): what is mounted where in a mount namespace.

/// One line of mountinfo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Unique while it is mounted.
    pub id: u32,
    /// The mount it is mounted on.
    pub parent: u32,
    /// Which part of its file system is seen.
    pub root: String,
    /// Where, relative to the process's root.
    pub point: String,
    /// Options of this mount: `rw,nosuid,…`.
    pub options: String,
    /// File system type.
    pub kind: String,
    /// What is mounted.
    pub source: String,
    /// Options of the file system; for cgroup v1, its controllers.
    pub super_options: String,
}

/// Reads mountinfo. A line that does not have the documented shape is passed over: a future kernel may add some.
pub fn parse(text: &[u8]) -> Vec<Mount> {
    String::from_utf8_lossy(text).lines().filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<Mount> {
    // Before " - " there is a variable number of optional fields.
    let (left, right) = line.split_once(" - ")?;
    let mut left = left.split(' ');
    let (id, parent) = (left.next()?.parse().ok()?, left.next()?.parse().ok()?);
    let _device = left.next()?;
    let (root, point, options) = (unescape(left.next()?), unescape(left.next()?), left.next()?.to_owned());
    let mut right = right.split(' ');
    let kind = right.next()?.to_owned();
    let source = unescape(right.next()?);
    let super_options = right.next().unwrap_or_default().to_owned();
    Some(Mount { id, parent, root, point, options, kind, source, super_options })
}

/// Space, tab, newline and backslash are written as three octal digits.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let digits = tail.get(..3).filter(|digits| *first == b'\\' && digits.iter().all(|d| (b'0'..=b'7').contains(d)));
        match digits {
            Some(digits) => {
                let code = digits.iter().fold(0u32, |code, digit| code * 8 + u32::from(digit - b'0'));
                bytes.push((code & 0xff) as u8);
                rest = &tail[3..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn optional_fields_and_escapes() {
        let mounts = parse(
            b"36 35 98:0 /mnt1 /a\\040b rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue\n\
              garbage\n37 35 0:25 / /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n",
        );
        assert_eq!(mounts.len(), 2);
        assert_eq!((mounts[0].point.as_str(), mounts[0].kind.as_str()), ("/a b", "ext3"));
        assert_eq!(mounts[1].super_options, "rw,cpu,cpuacct");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            parse(&bytes);
        }
    }
}
