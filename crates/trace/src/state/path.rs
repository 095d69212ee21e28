//! Paths put together from a folder and what was said in it, made readable. What cannot be printed becomes a dot.

/// Longer than any path that a call takes.
const LONGEST: usize = 1024;

/// What a path that is too long is called.
const TOO_LONG: &[u8] = b"/PATH_TOO_LONG";

/// Whether a byte can be printed.
#[inline]
pub fn is_printable(byte: u8) -> bool {
    (0x20..0x7f).contains(&byte)
}

/// Appends what of `text` can be printed, up to a NUL.
pub fn printable(text: &[u8], into: &mut Vec<u8>) {
    into.extend(text.iter().take_while(|byte| **byte != 0).filter(|byte| is_printable(**byte)));
}

/// What comes before the first NUL.
#[inline]
pub fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.iter().position(|byte| *byte == 0).map_or(bytes, |end| &bytes[..end])
}

/// `path` as seen from `folder`, if a path of this length can be.
pub fn join(folder: &[u8], path: &[u8]) -> Vec<u8> {
    let mut whole = Vec::with_capacity(folder.len() + path.len() + 1);
    if LONGEST < folder.len() + path.len() + 1 {
        whole.extend_from_slice(TOO_LONG);
        return whole;
    }
    append(folder, path, &mut whole);
    whole
}

/// Appends `path` as seen from `folder`, whatever its length.
pub fn append(folder: &[u8], path: &[u8], into: &mut Vec<u8>) {
    let base = into.len();
    // An empty path stands for no folder.
    if path.first().is_some_and(|first| *first != b'/') {
        into.extend_from_slice(folder);
    }
    clean(base, until_nul(path), into);
}

/// Whether `path` is seen from a folder at all.
pub fn is_relative(path: &[u8]) -> bool {
    path.first().is_some_and(|first| *first != b'/')
}

/// Appends `path` to what is in `into` from `base` on, with `.`, `..` and double slashes taken out.
fn clean(base: usize, path: &[u8], into: &mut Vec<u8>) {
    let mut at = 0;
    while let Some(&byte) = path.get(at) {
        let (next, after) = (path.get(at + 1), path.get(at + 2));
        match byte {
            _ if !is_printable(byte) => {
                into.push(b'.');
                at += 1;
            }
            b'.' if next == Some(&b'.') && after == Some(&b'/') => {
                up(base, into);
                at += 3;
            }
            b'.' if next == Some(&b'.') && after.is_none() => {
                up(base, into);
                at += 2;
            }
            b'.' if next == Some(&b'.') => {
                into.extend_from_slice(b"..");
                at += 2;
            }
            b'.' if next == Some(&b'/') => at += 2,
            b'.' if next.is_none() => at += 1,
            b'/' if into.len() > base && into.last() == Some(&b'/') => at += 1,
            _ => {
                into.push(byte);
                at += 1;
            }
        }
    }
    if into.len() > base + 1 && into.last() == Some(&b'/') {
        into.pop();
    }
}

/// To the folder above.
fn up(base: usize, into: &mut Vec<u8>) {
    if into.len() <= base + 1 {
        return;
    }
    into.pop();
    while into.len() > base && into.last() != Some(&b'/') {
        into.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(folder: &str, path: &str, expect: &str) {
        assert_eq!(String::from_utf8_lossy(&join(folder.as_bytes(), path.as_bytes())), expect, "{folder} {path}");
    }

    #[test]
    fn paths_are_seen_from_a_folder() {
        check("/a/b/", "c", "/a/b/c");
        check("/a/b/", "/c", "/c");
        check("/a/b/", "../c", "/a/c");
        check("/a/b/", "../../../../c", "/c");
        check("/a/b/", "./c/./d/", "/a/b/c/d");
        check("/a/b/", "..", "/a");
        check("/a/b/", ".", "/a/b");
        check("/", "..", "/");
        check("/a/", "b//c", "/a/b/c");
        check("/a/", "..b/..c", "/a/..b/..c");
        check("/a/", "b\u{1}c\0d", "/a/b.c");
        check("/a/", "", "");
        check("", "x", "x");
        check("/a/", &"x".repeat(2000), "/PATH_TOO_LONG");
    }
}
