//! Bits and numbers of Linux, and what captures have for them. The names of both are in `scap`'s schema.

/// Bits that have another place in captures; others are dropped, or kept.
#[derive(Debug, Clone, Copy)]
pub struct Bits {
    /// Which bits of Linux, which of captures.
    table: &'static [(u64, u32)],
    /// Bits that are the same.
    same: u32,
    /// Whether the two lowest bits are how a file is opened.
    access: bool,
}

impl Bits {
    const fn of(table: &'static [(u64, u32)]) -> Bits {
        Bits { table, same: 0, access: false }
    }

    /// What captures have for these bits of Linux.
    pub fn translate(self, number: u64) -> u32 {
        let hit = |(linux, _): &&(u64, u32)| number & linux == *linux;
        let moved = self.table.iter().filter(hit).fold(0, |bits, (_, capture)| bits | capture);
        // O_RDONLY is 0 in Linux, and a bit in captures; O_RDWR is both.
        let access = if self.access { [1, 2, 3, 0][(number & 3) as usize] } else { 0 };
        moved | access | (number as u32 & self.same)
    }
}

/// Numbers that are others in captures.
#[derive(Debug, Clone, Copy)]
pub struct Choice {
    table: &'static [(u64, u32)],
    /// For those that are not in the table; `None`: the same number.
    other: Option<u32>,
}

impl Choice {
    pub(crate) fn translate(self, number: u64) -> u32 {
        let found = self.table.iter().find(|(linux, _)| *linux == number).map(|(_, capture)| *capture);
        found.or(self.other).unwrap_or(number as u32)
    }
}

const FILE_BITS: &[(u64, u32)] = &[
    (libc::O_CREAT as u64, 0x4),
    (libc::O_APPEND as u64, 0x8),
    (libc::O_DSYNC as u64, 0x10),
    (libc::O_EXCL as u64, 0x20),
    (libc::O_NONBLOCK as u64, 0x40),
    (libc::O_SYNC as u64, 0x80),
    (libc::O_TRUNC as u64, 0x100),
    (libc::O_DIRECT as u64, 0x200),
    (libc::O_DIRECTORY as u64, 0x400),
    // The kernel's own; libc has 0 where files are always large.
    (if cfg!(target_arch = "aarch64") { 0o400_000 } else { 0o100_000 }, 0x800),
    (libc::O_CLOEXEC as u64, 0x1000),
    (0o20_000_000, 0x2000),
];

/// How a file is opened.
pub const OPEN: Bits = Bits { table: FILE_BITS, same: 0, access: true };
/// What calls that make a descriptor take: close on exec, do not block.
pub const DESCRIPTOR: Bits = Bits::of(FILE_BITS);
/// Of clone and namespaces.
pub const CLONE: Bits = Bits::of(&[
    (0x100, 0x8000),
    (0x200, 0x2),
    (0x400, 0x1),
    (0x800, 0x800),
    (0x2000, 0x400),
    (0x4000, 0x800_0000),
    (0x8000, 0x100),
    (0x1_0000, 0x2000),
    (0x2_0000, 0x20),
    (0x4_0000, 0x1000),
    (0x8_0000, 0x200_0000),
    (0x10_0000, 0x200),
    (0x20_0000, 0x80_0000),
    (0x80_0000, 0x4000),
    (0x100_0000, 0x100_0000),
    (0x200_0000, 0x1000_0000),
    (0x400_0000, 0x80),
    (0x800_0000, 0x8),
    (0x1000_0000, 0x10_0000),
    (0x2000_0000, 0x40),
    (0x4000_0000, 0x10),
    (0x8000_0000, 0x4),
]);
/// Of mmap and mprotect.
pub const PROTECTION: Bits = Bits { table: &[(0x100_0000, 0x10), (0x200_0000, 0x20)], same: 0xf, access: false };
/// Of mmap.
pub const MAPPING: Bits = Bits {
    table: &[
        (0x10, 0x4),
        (0x20, 0x8),
        (0x40, 0x10),
        (0x100, 0x200),
        (0x800, 0x400),
        (0x1000, 0x800),
        (0x2000, 0x4000),
        (0x4000, 0x40),
        (0x8000, 0x80),
        (0x1_0000, 0x100),
    ],
    same: 0x3,
    access: false,
};
/// Of poll.
pub const POLL: Bits = Bits {
    table: &[
        (0x8, 0x10),
        (0x10, 0x20),
        (0x20, 0x40),
        (0x40, 0x80),
        (0x80, 0x100),
        (0x100, 0x200),
        (0x200, 0x400),
        (0x2000, 0x8),
    ],
    same: 0x7,
    access: false,
};
/// Of openat2, how a path is resolved.
pub const RESOLVE: Bits = Bits::of(&[(0x1, 16), (0x2, 4), (0x4, 8), (0x8, 1), (0x10, 2), (0x20, 32)]);
/// Of execveat.
pub const EXECVEAT: Bits = Bits::of(&[(0x1000, 1), (0x100, 2)]);
/// Of fchownat.
pub const CHOWNAT: Bits = Bits { table: &[(0x100, 0x400)], same: 0x1000, access: false };
/// Of semop.
pub const SEMOP: Bits = Bits::of(&[(0x800, 1), (0x1000, 2)]);
/// Of semget; the lower nine are permissions.
pub const SEMGET: Bits = Bits { table: &[(0x200, 0x2000), (0x400, 0x4000)], same: 0x1ff, access: false };
/// Of io_uring_setup.
pub const URING_SETUP: Bits =
    Bits { table: &[(4, 8), (8, 16), (16, 32), (32, 0x40), (64, 0x80)], same: 0x3, access: false };
/// Of epoll_create1.
pub const EPOLL: Bits = Bits::of(&[(libc::O_CLOEXEC as u64, 1)]);
/// Of pidfd_open.
pub const PIDFD: Bits = Bits::of(&[(libc::O_NONBLOCK as u64, 1)]);
/// Of delete_module.
pub const DELETE_MODULE: Bits = Bits::of(&[(libc::O_NONBLOCK as u64, 2), (libc::O_TRUNC as u64, 1)]);
/// Bits of a page fault on x86.
pub const FAULT: Bits = Bits::of(&[(0x1, 0x1), (0x2, 0x4), (0x4, 0x10), (0x8, 0x40), (0x10, 0x80)]);

/// Commands of fcntl.
pub const FCNTL: Choice = Choice {
    table: &[
        (0, 1),
        (1, 2),
        (2, 3),
        (3, 4),
        (4, 5),
        (5, 6),
        (6, 8),
        (7, 9),
        (8, 10),
        (9, 12),
        (10, 13),
        (11, 15),
        (15, 21),
        (16, 22),
        (36, 30),
        (37, 31),
        (38, 32),
        (1024, 23),
        (1025, 24),
        (1026, 27),
        (1029, 25),
        (1030, 26),
        (1031, 28),
        (1032, 29),
    ],
    other: Some(0),
};
/// Levels of socket options.
pub const LEVEL: Choice = Choice { table: &[(1, 1), (6, 2)], other: Some(0) };
/// Options of a socket; the oldest are the same.
pub const OPTION: Choice = Choice {
    table: &[(55, 52), (57, 53), (59, 51), (51, 0), (52, 0), (53, 0), (54, 0), (56, 0), (58, 0)],
    other: None,
};
/// Requests of ptrace.
pub const PTRACE: Choice = Choice {
    table: &[
        (0, 1),
        (1, 2),
        (2, 3),
        (3, 4),
        (4, 5),
        (5, 6),
        (6, 7),
        (7, 8),
        (8, 9),
        (9, 10),
        (12, 26),
        (13, 27),
        (14, 28),
        (15, 29),
        (16, 11),
        (17, 12),
        (18, 30),
        (19, 31),
        (24, 13),
        (25, 33),
        (26, 34),
        (30, 35),
        (31, 36),
        (32, 37),
        (33, 38),
        (0x4200, 14),
        (0x4201, 15),
        (0x4202, 16),
        (0x4203, 17),
        (0x4204, 18),
        (0x4205, 19),
        (0x4206, 20),
        (0x4207, 21),
        (0x4208, 22),
        (0x4209, 23),
        (0x420a, 24),
        (0x420b, 25),
    ],
    other: Some(0),
};
/// Commands of semctl.
pub const SEMCTL: Choice = Choice {
    table: &[
        (0, 4),
        (1, 2),
        (2, 1),
        (3, 8),
        (11, 0x100),
        (12, 0x200),
        (13, 0x40),
        (14, 0x80),
        (15, 0x400),
        (16, 0x1000),
        (17, 0x800),
        (18, 32),
        (19, 16),
    ],
    other: Some(0),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_of_linux_become_those_of_captures() {
        let cases: &[(Bits, u64, u32)] = &[
            (OPEN, 0, 1),
            (OPEN, 1, 2),
            (OPEN, 2, 3),
            (OPEN, (libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC) as u64, 0x2 | 0x4 | 0x100),
            (OPEN, libc::O_SYNC as u64, 0x1 | 0x80 | 0x10),
            (DESCRIPTOR, libc::O_CLOEXEC as u64, 0x1000),
            (CLONE, 0x100 | 0x200 | 0x400 | 0x800 | 0x1_0000, 0x8000 | 0x2 | 0x1 | 0x800 | 0x2000),
            (MAPPING, 0x22, 0xa),
            (PROTECTION, 0x7, 0x7),
            (POLL, 0x1 | 0x10, 0x1 | 0x20),
        ];
        for (bits, linux, capture) in cases {
            assert_eq!(bits.translate(*linux), *capture, "{linux:#x}");
        }
        assert_eq!(FCNTL.translate(1030), 26);
        assert_eq!(FCNTL.translate(77), 0);
        assert_eq!(OPTION.translate(2), 2);
        assert_eq!(OPTION.translate(57), 53);
    }
}
