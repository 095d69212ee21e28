//! User and group numbers inside and outside a user namespace, from `/proc/PID/{uid,gid}_map`.

/// One map: ranges of numbers inside, outside, and how many.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct IdMap(Vec<(u32, u32, u32)>);

impl IdMap {
    /// Reads the kernel's three columns; a line that is not three numbers is passed over.
    pub fn parse(text: &str) -> IdMap {
        let line = |line: &str| {
            let mut numbers = line.split_ascii_whitespace().map(str::parse);
            Some((numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next()?.ok()?))
        };
        IdMap(text.lines().filter_map(line).collect())
    }

    /// What the number `inside` is for us.
    pub fn outside(&self, inside: u32) -> Option<u32> {
        translate(inside, self.0.iter().map(|(inside, outside, count)| (*inside, *outside, *count)))
    }

    /// What our number `outside` is in there.
    pub fn inside(&self, outside: u32) -> Option<u32> {
        translate(outside, self.0.iter().map(|(inside, outside, count)| (*outside, *inside, *count)))
    }
}

fn translate(id: u32, mut ranges: impl Iterator<Item = (u32, u32, u32)>) -> Option<u32> {
    ranges.find_map(|(from, to, count)| id.checked_sub(from).filter(|offset| *offset < count)?.checked_add(to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_in_and_out() {
        let map = IdMap::parse("         0     200000      65536\n     70000          5          1\n");
        assert_eq!((map.outside(0), map.outside(65535), map.outside(65536)), (Some(200_000), Some(265_535), None));
        assert_eq!((map.inside(200_007), map.inside(5), map.inside(0)), (Some(7), Some(70_000), None));
        assert_eq!(IdMap::parse("0 0 4294967295\n").outside(1000), Some(1000));
        assert_eq!(IdMap::parse("a b\n1 2").outside(1), None);
        assert_eq!(IdMap::parse("0 4294967295 2").outside(1), None);
    }
}
