//! Numbers and names of system calls on the machine that we are built for.

#[cfg(target_arch = "aarch64")]
#[path = "number/aarch64.rs"]
mod table;
#[cfg(target_arch = "x86_64")]
#[path = "number/x86_64.rs"]
mod table;

/// The kernel's name for the call `number`, if we know it.
pub fn name(number: u16) -> Option<&'static str> {
    table::NAMES.get(usize::from(number)).copied().filter(|name| !name.is_empty())
}

/// The number of the call `name`, if this kind of machine has it.
pub fn number(name: &str) -> Option<u16> {
    let index = table::NAMES.iter().position(|known| *known == name && !name.is_empty())?;
    u16::try_from(index).ok()
}

/// Every call of this kind of machine with its number.
pub fn all() -> impl Iterator<Item = (u16, &'static str)> {
    (0..).zip(table::NAMES).filter(|(_, name)| !name.is_empty()).map(|(number, name)| (number, *name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_libc() {
        let known = [
            ("read", libc::SYS_read),
            ("openat", libc::SYS_openat),
            ("execve", libc::SYS_execve),
            ("sendmmsg", libc::SYS_sendmmsg),
            ("clone3", libc::SYS_clone3),
            ("exit_group", libc::SYS_exit_group),
            ("mseal", libc::SYS_mseal),
        ];
        for (call, value) in known {
            assert_eq!(number(call).map(i64::from), Some(value), "{call}");
        }
        for (value, call) in all() {
            assert_eq!(number(call), Some(value), "{call} has one number");
        }
        assert_eq!(number(""), None);
    }
}
