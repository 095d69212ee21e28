//! Filters: text, to an expression, to a predicate over any record that has a field table.
//!
//! **Owns** the language, which is sysdig's, and what its operators mean. **Does not** know which fields there are:
//! that is a [`Vocabulary`], and what they hold in a record is the record's own business ([`Record`]).
//! Read [`syntax`] first, then [`mod@compile`].
//!
//! ```text
//! or  >  and  >  not  >  CHECK | ( … )        `and` binds closer than `or`
//! CHECK   FIELD OPERATOR VALUE | FIELD in (A, B) | FIELD exists | FIELD
//! FIELD   evt.type   evt.arg.fd   proc.aname[2]   tolower(proc.name)
//! VALUE   bare word, "quoted", 'quoted', val(FIELD), another transformer
//! ```
//!
//! All mistakes of a filter are found at once, each with its place and, where something is near, a suggestion.

pub mod compare;
pub mod compile;
pub mod expression;
mod glob;
mod lexer;
pub mod mistake;
pub mod operator;
pub mod outlook;
mod plain;
pub mod predicate;
pub mod syntax;
pub mod transform;
pub mod vocabulary;

pub use compile::compile;
pub use mistake::{Mistake, Mistakes};
pub use operator::Operator;
pub use outlook::{Known, Outlook, Sketch};
pub use plain::Plain;
pub use predicate::Predicate;
pub use vocabulary::{Found, Record, Unknown, Vocabulary};
