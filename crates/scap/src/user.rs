//! Users and groups of the machine that a capture is of.

use crate::block::Lengths;
use crate::cursor::Cursor;
use crate::error::Damage;

/// A user or a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Account<'a> {
    /// A user.
    User {
        /// Number.
        uid: u32,
        /// Number of the first group.
        gid: u32,
        /// Name.
        name: &'a [u8],
        /// Home folder.
        home: &'a [u8],
        /// What a login starts.
        shell: &'a [u8],
    },
    /// A group.
    Group {
        /// Number.
        gid: u32,
        /// Name.
        name: &'a [u8],
    },
}

/// The users and groups of one block.
#[derive(Debug, Clone, Copy)]
pub struct Users<'a> {
    pub(crate) cursor: Cursor<'a>,
    pub(crate) lengths: Lengths,
    pub(crate) index: usize,
}

impl<'a> Users<'a> {
    fn entry(&mut self) -> Option<Account<'a>> {
        let before = self.cursor;
        let own = match self.lengths {
            Lengths::With => Some(self.cursor.u32()? as usize),
            Lengths::Without => None,
        };
        let kind = self.cursor.u8()?;
        let account = match kind {
            0 => Account::User {
                uid: self.cursor.u32()?,
                gid: self.cursor.u32()?,
                name: self.cursor.text()?,
                home: self.cursor.text()?,
                shell: self.cursor.text()?,
            },
            _ => Account::Group { gid: self.cursor.u32()?, name: self.cursor.text()? },
        };
        // The length counts itself; what was appended since is passed over.
        if let Some(own) = own {
            let read = before.left() - self.cursor.left();
            self.cursor.take(own.checked_sub(read)?)?;
        }
        Some(account)
    }
}

impl<'a> Iterator for Users<'a> {
    type Item = Result<Account<'a>, Damage>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.cursor.left() < 4 {
            return None;
        }
        let index = self.index;
        self.index += 1;
        Some(self.entry().ok_or_else(|| {
            self.cursor = Cursor(&[]);
            Damage::Entry { what: "users", index }
        }))
    }
}
