//! Captures made by hand, block by block.

/// A capture that grows.
#[derive(Default)]
pub(crate) struct Capture(pub(crate) Vec<u8>);

impl Capture {
    /// Begins a section.
    pub(crate) fn section(mut self) -> Self {
        let mut body = 0x1A2B_3C4D_u32.to_le_bytes().to_vec();
        body.extend([1, 0, 2, 0]);
        body.extend([0xff; 8]);
        self.block(0x0A0D_0D0A, &body);
        self
    }

    /// Appends a block of any type.
    pub(crate) fn block(&mut self, kind: u32, body: &[u8]) {
        let padding = body.len().next_multiple_of(4) - body.len();
        let length = (body.len() + padding + 12) as u32;
        self.0.extend(kind.to_le_bytes());
        self.0.extend(length.to_le_bytes());
        self.0.extend(body);
        self.0.extend(std::iter::repeat_n(0, padding));
        self.0.extend(length.to_le_bytes());
    }

    /// Appends an event of the second generation.
    pub(crate) fn event(mut self, number: u16, params: &[&[u8]]) -> Self {
        let mut body = vec![1, 0];
        let length = 26 + params.iter().map(|param| 2 + param.len()).sum::<usize>();
        body.extend(1_700_000_000_000_000_000_u64.to_le_bytes());
        body.extend(42_i64.to_le_bytes());
        body.extend((length as u32).to_le_bytes());
        body.extend(number.to_le_bytes());
        body.extend((params.len() as u32).to_le_bytes());
        params.iter().for_each(|param| body.extend((param.len() as u16).to_le_bytes()));
        params.iter().for_each(|param| body.extend(*param));
        self.block(0x216, &body);
        self
    }

    /// Appends an event of the first generation.
    pub(crate) fn first_event(mut self, number: u16, params: &[&[u8]]) -> Self {
        let mut body = vec![1, 0];
        let length = 22 + params.iter().map(|param| 2 + param.len()).sum::<usize>();
        body.extend(1_700_000_000_000_000_000_u64.to_le_bytes());
        body.extend(42_i64.to_le_bytes());
        body.extend((length as u32).to_le_bytes());
        body.extend(number.to_le_bytes());
        params.iter().for_each(|param| body.extend((param.len() as u16).to_le_bytes()));
        params.iter().for_each(|param| body.extend(*param));
        self.block(0x204, &body);
        self
    }
}

/// Bytes with their length before them.
pub(crate) fn short(text: &str) -> Vec<u8> {
    let mut bytes = (text.len() as u16).to_le_bytes().to_vec();
    bytes.extend(text.as_bytes());
    bytes
}
