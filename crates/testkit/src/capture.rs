//! Recordings of system calls made by hand, block by block: what one must hold, and nothing that reads one.

/// A recording that grows.
#[derive(Debug, Default, Clone)]
pub struct Capture(pub Vec<u8>);

/// When the first event of a recording happens, in nanoseconds since 1970.
pub const BEGIN: u64 = 1_700_000_000_000_000_000;

/// A thread, as it is written down when a recording begins.
#[derive(Debug, Clone, Copy)]
pub struct Runs<'a> {
    /// Thread id; its process id too.
    pub tid: i64,
    /// The parent.
    pub ptid: i64,
    /// The program's name.
    pub comm: &'a str,
    /// Working folder.
    pub cwd: &'a str,
}

impl Capture {
    /// Begins a section.
    #[must_use]
    pub fn section(mut self) -> Self {
        let mut body = 0x1A2B_3C4D_u32.to_le_bytes().to_vec();
        body.extend([1, 0, 2, 0]);
        body.extend([0xff; 8]);
        self.block(0x0A0D_0D0A, &body);
        self
    }

    /// Begins as recorders do: the machine, no interfaces, root, and threads.
    #[must_use]
    pub fn begin(self, threads: &[Runs<'_>]) -> Self {
        let mut begun = self.section();
        let mut machine = Vec::from(2_u32.to_le_bytes());
        machine.extend((1_u64 << 30).to_le_bytes());
        machine.extend(32768_u64.to_le_bytes());
        machine.extend([0; 128 + 4 * 8]);
        begun.block(0x201, &machine);
        begun.block(0x205, &[]);
        let mut users = vec![0];
        users.extend([0; 8]);
        for text in ["root", "/root", "/bin/sh"] {
            users.extend(short(text));
        }
        begun.block(0x206, &users);
        let all: Vec<_> = threads.iter().flat_map(Runs::entry).collect();
        begun.block(0x213, &all);
        begun
    }

    /// Appends a block of any type.
    pub fn block(&mut self, kind: u32, body: &[u8]) {
        let padding = body.len().next_multiple_of(4) - body.len();
        let length = u32::try_from(body.len() + padding + 12).unwrap_or(u32::MAX);
        self.0.extend(kind.to_le_bytes());
        self.0.extend(length.to_le_bytes());
        self.0.extend(body);
        self.0.extend(std::iter::repeat_n(0, padding));
        self.0.extend(length.to_le_bytes());
    }

    /// Appends an event of the second generation, by thread 42.
    #[must_use]
    pub fn event(self, number: u16, params: &[&[u8]]) -> Self {
        self.event_of(42, 0, number, params)
    }

    /// Appends an event of the second generation, by `tid`, so many nanoseconds after [`BEGIN`].
    #[must_use]
    pub fn event_of(mut self, tid: i64, after: u64, number: u16, params: &[&[u8]]) -> Self {
        let count = u32::try_from(params.len()).unwrap_or(u32::MAX);
        self.framed(0x216, (tid, after), number, &count.to_le_bytes(), params);
        self
    }

    /// Appends an event of the first generation, by thread 42.
    #[must_use]
    pub fn first_event(mut self, number: u16, params: &[&[u8]]) -> Self {
        self.framed(0x204, (42, 0), number, &[], params);
        self
    }

    fn framed(&mut self, block: u32, (tid, after): (i64, u64), number: u16, count: &[u8], params: &[&[u8]]) {
        let short = |length: usize| u16::try_from(length).unwrap_or(u16::MAX).to_le_bytes();
        let length = 22 + count.len() + params.iter().map(|param| 2 + param.len()).sum::<usize>();
        let mut body = vec![1, 0];
        body.extend(BEGIN.wrapping_add(after).to_le_bytes());
        body.extend(tid.to_le_bytes());
        body.extend(u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
        body.extend(number.to_le_bytes());
        body.extend(count);
        params.iter().for_each(|param| body.extend(short(param.len())));
        params.iter().for_each(|param| body.extend(*param));
        self.block(block, &body);
    }
}

impl Runs<'_> {
    /// Its entry in a list of the seventh generation.
    fn entry(&self) -> Vec<u8> {
        let mut entry = Vec::new();
        for number in [self.tid, self.tid, self.ptid, 1] {
            entry.extend(number.to_le_bytes());
        }
        let path = format!("/bin/{}", self.comm);
        for text in [self.comm, self.comm, &path, "", self.cwd] {
            entry.extend(short(text));
        }
        entry.extend(1024_i64.to_le_bytes());
        // Flags, user, group; memory and swap; page faults; no environment.
        entry.extend([0; 3 * 4 + 3 * 4 + 2 * 8 + 2]);
        for number in [self.tid, self.tid] {
            entry.extend(number.to_le_bytes());
        }
        entry.extend(short(""));
        entry.extend(short("/"));
        entry
    }
}

/// Bytes with their length before them.
pub fn short(text: &str) -> Vec<u8> {
    let mut bytes = u16::try_from(text.len()).unwrap_or(u16::MAX).to_le_bytes().to_vec();
    bytes.extend(text.as_bytes());
    bytes
}
