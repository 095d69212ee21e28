//! The processes that ran when a capture began, in nine generations of one list. Each added something; only the ninth
//! says how long an entry is, and has a tail of one of two kinds.

use crate::cursor::Cursor;
use crate::error::Damage;

/// A thread as the recorder found it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Process<'a> {
    /// Thread id.
    pub tid: i64,
    /// Process id: that of its main thread.
    pub pid: i64,
    /// The parent's thread id.
    pub ptid: i64,
    /// Session, or -1.
    pub sid: i64,
    /// Process group as seen from its pid namespace, or -1.
    pub vpgid: i64,
    /// The short name that the kernel has.
    pub comm: &'a [u8],
    /// The first argument.
    pub exe: &'a [u8],
    /// The path of the executable file.
    pub exepath: &'a [u8],
    /// Arguments, each followed by a NUL.
    pub args: &'a [u8],
    /// Working folder.
    pub cwd: &'a [u8],
    /// How many descriptors it may have.
    pub fdlimit: i64,
    /// `PPM_CL_…` bits, see [`crate::schema::names::CLONE_FLAGS`].
    pub flags: u32,
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// KiB of address space.
    pub vmsize: u32,
    /// KiB of memory.
    pub vmrss: u32,
    /// KiB of swap.
    pub vmswap: u32,
    /// Page faults that needed a disk.
    pub pfmajor: u64,
    /// Those that did not.
    pub pfminor: u64,
    /// Environment, each variable followed by a NUL.
    pub env: &'a [u8],
    /// Thread id in its pid namespace, or -1.
    pub vtid: i64,
    /// Process id in its pid namespace, or -1.
    pub vpid: i64,
    /// `SUBSYSTEM=PATH`, each followed by a NUL.
    pub cgroups: &'a [u8],
    /// Its root folder.
    pub root: &'a [u8],
    /// Who logged in, all ones for nobody.
    pub loginuid: u32,
    /// Whether it could write to its own executable.
    pub exe_writable: bool,
    /// Controlling terminal.
    pub tty: u32,
    /// Process group as seen from the machine, or -1.
    pub pgid: i64,
    /// Capabilities as bits: inheritable, permitted, effective.
    pub capabilities: [u64; 3],
    /// When the first process of its pid namespace began, in nanoseconds since 1970; zero where nobody wrote it.
    pub namespace_began: u64,
    /// The executable file.
    pub program: Program,
}

/// The file that a process executes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Program {
    /// Inode, or zero.
    pub inode: u64,
    /// When the inode last changed, in nanoseconds since 1970, or zero.
    pub ctime: u64,
    /// When its contents last changed, in nanoseconds since 1970, or zero.
    pub mtime: u64,
    /// Bits, see [`crate::schema::names::EXECVE_FLAGS`].
    pub flags: u32,
}

impl Program {
    /// The file is in the upper layer of an overlay.
    pub const UPPER_LAYER: u32 = 2;
    /// It is in memory only.
    pub const IN_MEMORY: u32 = 4;
    /// It is in the lower layer of an overlay.
    pub const LOWER_LAYER: u32 = 8;
}

/// An entry's tail is of the older kind up to this length: login user, writable or not, three sets of capabilities.
const OLDER_TAIL: usize = 4 + 1 + 3 * 8;

impl<'a> Process<'a> {
    /// Reads one entry of generation `version`; in the ninth, `cursor` holds exactly the entry behind its length.
    pub(crate) fn parse(cursor: &mut Cursor<'a>, version: u8) -> Option<Self> {
        let c = cursor;
        let since = |first: u8| version >= first;
        let mut process = Process {
            tid: c.i64()?,
            pid: c.i64()?,
            ptid: c.i64()?,
            sid: if since(6) { c.i64()? } else { -1 },
            vpgid: if since(8) { c.i64()? } else { -1 },
            comm: c.text()?,
            exe: c.text()?,
            exepath: if since(7) { c.text()? } else { &[] },
            args: c.bytes()?,
            cwd: c.text()?,
            fdlimit: c.i64()?,
            flags: c.u32()?,
            uid: c.u32()?,
            gid: c.u32()?,
            vtid: -1,
            vpid: -1,
            loginuid: u32::MAX,
            pgid: -1,
            ..Process::default()
        };
        if since(2) {
            (process.vmsize, process.vmrss, process.vmswap) = (c.u32()?, c.u32()?, c.u32()?);
            (process.pfmajor, process.pfminor) = (c.u64()?, c.u64()?);
        }
        if since(3) {
            process.env = c.bytes()?;
        }
        if since(4) {
            (process.vtid, process.vpid) = (c.i64()?, c.i64()?);
            process.cgroups = c.bytes()?;
        }
        if since(5) {
            process.root = c.text()?;
        }
        if since(9) {
            process.tail(c);
        }
        Some(process)
    }

    /// What there is of the tail.
    fn tail(&mut self, c: &mut Cursor<'a>) -> Option<()> {
        if c.left() > OLDER_TAIL {
            self.namespace_began = c.u64()?;
            self.tty = c.u32()?;
        }
        self.loginuid = c.u32()?;
        self.exe_writable = c.u8()? != 0;
        self.capabilities = [c.u64()?, c.u64()?, c.u64()?];
        let mut flag = |c: &mut Cursor<'a>, bit| c.u8().map(|set| self.program.flags |= if set == 0 { 0 } else { bit });
        flag(c, Program::UPPER_LAYER)?;
        (self.program.inode, self.program.ctime, self.program.mtime) = (c.u64()?, c.u64()?, c.u64()?);
        flag(c, Program::IN_MEMORY)?;
        flag(c, Program::LOWER_LAYER)?;
        self.pgid = c.i64()?;
        Some(())
    }
}

/// The processes of one block.
#[derive(Debug, Clone, Copy)]
pub struct Processes<'a> {
    pub(crate) cursor: Cursor<'a>,
    pub(crate) version: u8,
    pub(crate) index: usize,
}

impl<'a> Processes<'a> {
    fn entry(&mut self) -> Option<Process<'a>> {
        if self.version < 9 {
            return Process::parse(&mut self.cursor, self.version);
        }
        // The length counts itself.
        let length = (self.cursor.u32()? as usize).checked_sub(4)?;
        Process::parse(&mut Cursor(self.cursor.take(length)?), self.version)
    }
}

impl<'a> Iterator for Processes<'a> {
    type Item = Result<Process<'a>, Damage>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.cursor.left() < 4 {
            return None;
        }
        let index = self.index;
        self.index += 1;
        Some(self.entry().ok_or_else(|| {
            self.cursor = Cursor(&[]);
            Damage::Entry { what: "processes", index }
        }))
    }
}
